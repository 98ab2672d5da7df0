// The playground: a small network on points in the plane. What is chosen stands in the address.

import { PlaygroundScreen } from "../../playground/static/screen.js";
import { writeCursor } from "./cursor.js";

/** @type {WeakMap<HTMLElement, PlaygroundScreen>} */
const open = new WeakMap();

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export function draw(root, studio) {
  const screen = open.get(root);
  if (screen && root.querySelector(".playground")) return screen.draw();
  screen?.stop();
  const keep = (/** @type {Record<string, any>} */ changes) => {
    Object.assign(studio.cursor, changes);
    writeCursor(studio.cursor);
  };
  open.set(root, new PlaygroundScreen(root, studio.cursor, keep));
}

// A training that goes on changes nothing here.
export function told() {}
