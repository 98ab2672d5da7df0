// Screens that ask the server one question about the run and draw its answer.

import { h, show } from "../../report/static/dom.js";
import { t } from "../../report/static/words.js";
import { get } from "./net.js";

/** @type {Map<string, any>} */
const answers = new Map();
const MOST = 40;

/**
 * What the server says to a question; asked once for a run with so many steps.
 * @param {any} studio
 * @param {string} name
 * @param {Record<string, string | number>} [query]
 */
export async function answer(studio, name, query = {}) {
  const { view } = studio,
    key = JSON.stringify([view.id, view.nDone, name, query]);
  if (!answers.has(key)) {
    answers.set(key, await get(`/api/runs/${view.id}/${name}`, query));
    if (answers.size > MOST) answers.delete([...answers.keys()][0]);
  }
  return answers.get(key);
}

/**
 * Draws a part of a screen as soon as its answer is there; until then, that it is being worked on.
 * @param {HTMLElement} root
 * @param {any} studio
 * @param {string} name
 * @param {(place: HTMLElement, found: any) => void} drawn
 * @param {Record<string, string | number>} [query]
 */
export async function ask(root, studio, name, drawn, query = {}) {
  const { view, cursor } = studio;
  if (!view)
    return show(
      root,
      h("p", { class: "lead" }, t(studio.runs.length ? "studio.waits" : "studio.empty")),
    );
  const screen = cursor.screen,
    place = h("section", { class: `part ${name}` });
  if (!root.childElementCount)
    show(root, h("p", { class: "lead working", role: "status" }, t("studio.working")));
  const found = await answer(studio, name, query);
  if (cursor.screen !== screen || studio.view !== view) return;
  root.replaceChildren(place);
  drawn(place, found);
}
