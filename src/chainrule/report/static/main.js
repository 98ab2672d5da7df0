// Reads the data of the page and begins.

import { App } from "./app.js";
import { drawHeader } from "./header.js";
import { Numbers } from "./numbers.js";
import { learn } from "./words.js";

/**
 * @param {App} app
 * @param {any} event
 */
function onKey(app, event) {
  const { target } = event;
  if (
    event.altKey ||
    event.ctrlKey ||
    event.metaKey ||
    !app.step ||
    target.closest("input, select, textarea, [role=slider]")
  )
    return;
  if (event.key === "/") document.getElementById("ask")?.focus();
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    if (target.closest(".scroll, .network-box, .drawing-box, pre")) return;
    app.move(event.key === "ArrowRight" ? 1 : -1);
  } else if (event.key === " " && !target.closest("button, a, summary")) app.play(!app.playing);
  else return;
  event.preventDefault();
}

async function main() {
  const part = (/** @type {string} */ id) =>
      /** @type {HTMLElement} */ (document.getElementById(id)),
    text = (/** @type {string} */ id) => part(id).textContent ?? "";
  await learn(text("words"));
  const data = JSON.parse(text("data")),
    page = part("page");
  const app = new App(data, new Numbers(text("numbers"), data.places));
  document.addEventListener("keydown", (event) => onKey(app, event));
  let resized = 0,
    width = innerWidth;
  addEventListener("resize", () => {
    clearTimeout(resized);
    if (innerWidth !== width)
      resized = setTimeout(() => {
        width = innerWidth;
        app.draw();
      }, 120);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => app.draw());
  try {
    await app.begin(page);
  } catch (error) {
    app.failure = error instanceof Error ? error.message : String(error);
    drawHeader(app.sections.header, app);
    console.error(error);
  }
}

main();
