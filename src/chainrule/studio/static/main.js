// Learns the sentences and begins.

import { learn, t } from "../../report/static/words.js";
import { words } from "./net.js";
import { Studio } from "./studio.js";

async function main() {
  await learn(await words());
  const studio = new Studio(/** @type {HTMLElement} */ (document.getElementById("page")));
  document.addEventListener("keydown", (event) => onKey(studio, event));
  let later = 0,
    width = innerWidth;
  addEventListener("resize", () => {
    clearTimeout(later);
    if (innerWidth !== width)
      later = setTimeout(() => {
        width = innerWidth;
        studio.draw();
      }, 120);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => studio.draw());
  try {
    await studio.begin();
  } catch (error) {
    studio.failure = error instanceof TypeError ? t("studio.gone") : String(error);
    await studio.openScreen(studio.cursor.screen);
  }
}

/**
 * Arrows walk the operations of a step, space plays them; a screen's own keys come first.
 * @param {Studio} studio
 * @param {any} event
 */
function onKey(studio, event) {
  const { target, key } = event,
    view = studio.view;
  if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  if (target.closest("input, select, textarea, [role=slider]")) return;
  if (studio.cursor.screen !== "step" || !view?.step) return;
  if (key === "/") document.getElementById("ask")?.focus();
  else if (key === "ArrowRight" || key === "ArrowLeft") {
    if (target.closest(".scroll, .network-box, .drawing-box, pre")) return;
    view.move(key === "ArrowRight" ? 1 : -1);
  } else if (key === " " && !target.closest("button, a, summary")) view.play(!view.playing);
  else return;
  event.preventDefault();
}

main();
