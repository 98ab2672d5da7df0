// The two passes of a row, drawn, with the formula of the numbers pointed at; below, the source of the diagram for Mermaid.

import { copy, h, show } from "./dom.js";
import { Drawn } from "./drawing.js";
import { Picture } from "./drawing_svg.js";
import { mermaid } from "./mermaid.js";
import { grouped } from "./numbers.js";
import { t } from "./words.js";

/** @import { App, Reference, Step } from "./types.js" */

/**
 * @param {HTMLElement} root
 * @param {App} app
 * @param {Step} step
 */
export function drawDiagram(root, app, step) {
  const says = h(
      "output",
      { class: "drawing-says num" },
      h("span", { class: "note" }, t("diagram_hint")),
    ),
    say = (/** @type {string[]} */ formulas) =>
      show(
        says,
        formulas.map((formula) => h("span", null, formula)),
      ),
    ask = (/** @type {Reference} */ ref) => {
      app.ask(ref);
      document.querySelector(".why")?.scrollIntoView({ block: "nearest" });
    };
  const picture = new Picture(new Drawn(app, step, app.state.row).drawing(), ask, say).drawn();
  const rows = /** @type {SVGElement[]} */ ([...picture.querySelectorAll(".cr-row")]);
  rows[0].setAttribute("tabindex", "0");
  show(
    root,
    h("h2", null, t("diagram")),
    h("p", { class: "lead" }, t("diagram_says", { step: grouped(step.step), i: app.state.row })),
    h(
      "div",
      {
        class: "drawing-box",
        id: "drawing",
        onkeydown: (/** @type {any} */ event) => walk(rows, event),
      },
      picture,
    ),
    says,
    source(app, step),
  );
}

/**
 * One row is reached by Tab; the arrows move on from it.
 * @param {SVGElement[]} rows
 * @param {KeyboardEvent} event
 */
function walk(rows, event) {
  /** @type {Record<string, number>} */
  const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 },
    here = rows.indexOf(/** @type {SVGElement} */ (document.activeElement)),
    to = rows[here + by[event.key]];
  if (here < 0 || !to) return;
  event.preventDefault();
  rows[here].setAttribute("tabindex", "-1");
  to.setAttribute("tabindex", "0");
  to.focus();
}

/**
 * @param {App} app
 * @param {Step} step
 */
function source(app, step) {
  const given = step.diagram?.[app.state.lang],
    text = given ?? mermaid(step, app.state.row);
  return h(
    "details",
    { class: "source-box" },
    h("summary", { "data-focus": "source" }, t("diagram_source")),
    given ? h("p", { class: "note" }, t("diagram_row", { step: grouped(step.step) })) : null,
    h(
      "button",
      {
        type: "button",
        "data-focus": "copy-source",
        onclick: (/** @type {any} */ event) => copy(text, event.currentTarget, t("copied")),
      },
      t("copy_source"),
    ),
    h("pre", { class: "source num", id: "mermaid", tabindex: 0 }, text),
  );
}
