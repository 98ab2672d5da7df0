// The step view: choose a step and a row, walk its operations, see the network, the operation and the why.

import { h, show } from "./dom.js";
import { row } from "./arrays.js";
import { largest } from "./model.js";
import { drawOperation, opTitle, rowPicture } from "./operation.js";
import { drawWhy } from "./why_panel.js";
import { drawNetwork } from "./network.js";
import { brief, grouped } from "./numbers.js";
import { t } from "./words.js";

/** @import { App, Operation, Place, Reference, Step } from "./types.js" */

/**
 * The number an operation is about: its entry of largest size for the row.
 * @param {Step} step
 * @param {Operation} op
 * @param {number} i
 * @returns {Reference}
 */
export function mainNumber(step, op, i) {
  const { kind, l } = op;
  if (kind === "z" || kind === "a" || kind === "delta")
    return { kind, l, i, j: largest(row(kind === "a" ? step.layers[l] : step[kind][l], i), 1)[0] };
  if (kind === "J") return { kind: "J" };
  const [p] = largest(kind === "dW" ? step.gradients.W[l].data : step.objective.W[l].data, 1),
    m = step.sizes[l];
  return { kind: kind === "dW" ? "dW" : "W", l, i: Math.floor(p / m), j: p % m };
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string[]} options
 * @param {number} value
 * @param {(place: number) => void} onchange
 * @param {string} earlier
 * @param {string} later
 */
function select(name, label, options, value, onchange, earlier, later) {
  const list = h(
    "select",
    {
      id: name,
      "data-focus": name,
      onchange: (/** @type {any} */ event) => onchange(Number(event.target.value)),
    },
    options.map((/** @type {string} */ text, /** @type {number} */ p) =>
      h("option", { value: p, selected: p === value }, text),
    ),
  );
  const button = (
    /** @type {string} */ text,
    /** @type {string} */ title,
    /** @type {number} */ to,
  ) =>
    h(
      "button",
      {
        type: "button",
        class: "nudge",
        "data-focus": `${name}${title}`,
        "aria-label": title,
        title,
        disabled: to < 0 || to >= options.length,
        onclick: () => onchange(to),
      },
      text,
    );
  return h(
    "div",
    { class: "choose" },
    h("label", { for: name }, label),
    button("‹", earlier, value - 1),
    list,
    button("›", later, value + 1),
  );
}

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function drawWalk(root, app) {
  const { data, state } = app,
    step = app.step;
  if (!data.steps.length) return show(root);
  if (!step) return show(root, h("h2", null, t("steps")));
  const op = app.op,
    ref = /** @type {Place} */ (app.asked);
  const picture = rowPicture(app, step);
  const stage = h("div", { class: "stage" }),
    network = h("div", {
      class: "network-box",
      tabindex: 0,
      role: "group",
      "aria-label": t("drawing", { step: step.step, i: state.row }),
    });
  const operation = h("section", { class: "operation", "aria-labelledby": "op-title" }),
    panel = h("section", { class: "why", "aria-label": t("why") });
  stage.append(
    h("div", { class: "left" }, h("div", { class: "scene" }, picture, network), operation),
    panel,
  );
  show(
    root,
    h("h2", { id: "walk-title" }, t("steps")),
    h("p", { class: "lead" }, t("steps_says")),
    h(
      "div",
      { class: "controls" },
      select(
        "step",
        t("choose_step"),
        data.steps.map((/** @type {any} */ s) =>
          t("step_option", { step: grouped(s.step), epoch: s.epoch }),
        ),
        state.step,
        (/** @type {number} */ to) => app.openStep(to),
        t("previous_step"),
        t("next_step"),
      ),
      select(
        "row",
        t("choose_row"),
        step.rows.map((/** @type {number} */ r, /** @type {number} */ i) =>
          t("row_option", { i, row: grouped(r) }),
        ),
        state.row,
        (/** @type {number} */ to) => app.set({ row: to }),
        t("previous_row"),
        t("next_row"),
      ),
      h(
        "div",
        { class: "player" },
        h(
          "button",
          {
            type: "button",
            class: "nudge",
            "data-focus": "prev",
            "aria-label": t("previous"),
            title: t("previous"),
            onclick: () => app.move(-1),
          },
          "◀",
        ),
        h(
          "button",
          {
            type: "button",
            class: "primary",
            "data-focus": "play",
            "aria-pressed": String(Boolean(app.playing)),
            onclick: () => app.play(!app.playing),
          },
          app.playing ? `❚❚ ${t("pause")}` : `▶ ${t("play")}`,
        ),
        h(
          "button",
          {
            type: "button",
            class: "nudge",
            "data-focus": "next",
            "aria-label": t("next"),
            title: t("next"),
            onclick: () => app.move(1),
          },
          "▶",
        ),
      ),
      h("p", { class: "hint keys" }, t("keys")),
    ),
    tape(app, step, op),
    stage,
  );
  network.append(drawNetwork(app, step, op, ref, Math.max(460, app.width(network) || 460)));
  drawOperation(operation, app, step, op, ref);
  drawWhy(panel, app, step, ref);
}

/**
 * Both passes under each other: forward from left to right, backward below it from right to left.
 * @param {App} app
 * @param {Step} step
 * @param {Operation} op
 */
function tape(app, step, op) {
  const cell = (
    /** @type {string} */ id,
    /** @type {string} */ symbol,
    /** @type {number} */ column,
    /** @type {string} */ line,
    /** @type {string} */ cls,
  ) => {
    const k = app.ops.findIndex((/** @type {any} */ candidate) => candidate.id === id),
      there = app.ops[k];
    return h(
      "button",
      {
        type: "button",
        class: `tape-op ${cls}${there === op ? " here" : ""}${k < app.state.op ? " done" : ""}`,
        "data-op": id,
        "data-focus": `op-${id}`,
        "aria-current": there === op ? "step" : null,
        title: opTitle(step, there),
        style: { "grid-column": String(column), "grid-row": line },
        onclick: () => app.goTo(k),
      },
      h("span", { class: "tape-symbol" }, symbol),
      h("span", { class: "tape-value num" }, tapeValue(step, there, app.state.row)),
    );
  };
  const L = step.L,
    cells = [
      h("span", { class: "tape-end", style: { "grid-column": "1", "grid-row": "1" } }, "● X →"),
    ];
  for (let l = 1; l <= L; l++)
    cells.push(
      cell(`z${l}`, `z${l}`, 2 * l, "1", "forward"),
      cell(`a${l}`, `a${l}`, 2 * l + 1, "1", "forward"),
    );
  cells.push(cell("J", "J", 2 * L + 2, "1 / span 2", "loss"));
  for (let l = L; l > 0; l--)
    cells.push(
      cell(`delta${l}`, `δ${l}`, 2 * l + 1, "2", "backward"),
      cell(`dW${l}`, `dW${l}`, 2 * l, "2", "backward"),
    );
  cells.push(cell("update", "θ ← ◆", 1, "2", "update"));
  return h(
    "nav",
    { class: "tape", "aria-label": t("tape"), tabindex: 0 },
    h("div", { class: "tape-grid", style: { "--columns": String(2 * L + 2) } }, cells),
  );
}

/**
 * @param {Step} step
 * @param {Operation} op
 * @param {number} i
 */
function tapeValue(step, op, i) {
  const ref = mainNumber(step, op, i);
  return op.kind === "update" ? `η ${brief(step.eta)}` : brief(step.value(ref));
}
