// Numbers that can be clicked, alone and in lists.

import { row } from "./arrays.js";
import { h } from "./dom.js";
import { label, largest } from "./model.js";
import { exact, grouped, number } from "./numbers.js";
import { t } from "./words.js";

/** @import { App, Reference, Step } from "./types.js" */

export const SHOWN_UNITS = 12;
export const MOST_TERMS = 300;

/**
 * Every digit of a number; J is a sum in float64 whatever the network computes in.
 * @param {App} app
 * @param {Reference} ref
 * @param {number} value
 */
export const digits = (app, ref, value) => exact(value, app.isFloat32 && ref.kind !== "J");

/**
 * A number that can be clicked.
 * @param {App} app
 * @param {Step} step
 * @param {Reference} ref
 * @param {any} [given]
 */
export function chip(app, step, ref, { named = true, focus = "" } = {}) {
  const value = step.value(ref),
    name = label(ref),
    asked = app.asked && label(app.asked) === name;
  return h(
    "button",
    {
      type: "button",
      class: `chip${asked ? " asked" : ""}`,
      "data-ref": name,
      "data-focus": `${focus}${name}`,
      "aria-pressed": String(Boolean(asked)),
      title: `${name} = ${digits(app, ref, value)}`,
      onclick: () => app.ask(ref),
    },
    named ? h("span", { class: "chip-name" }, name) : null,
    h("span", { class: "num" }, number(value)),
  );
}

/**
 * The numbers of one layer for one row, the largest of them, each with a bar; or all.
 * @param {App} app
 * @param {Step} step
 * @param {string} kind
 * @param {number} l
 * @param {string} [title]
 */
export function vector(app, step, kind, l, title) {
  const i = app.state.row,
    matrix = kind === "a" ? step.layers[l] : /** @type {any} */ (step)[kind][l],
    values = row(matrix, i);
  return numbersOf(
    app,
    step,
    title ?? t("values_of", { name: `${kind}${l}`, i }),
    Array.from(values),
    (/** @type {number} */ j) => ({ kind, l, i, j }),
    (/** @type {number} */ j) =>
      l === step.L && kind !== "z" && kind !== "u"
        ? app.outputName(j)
        : l === 0
          ? app.inputName(j)
          : null,
  );
}

/**
 * @param {App} app
 * @param {Step} step
 * @param {string} title
 * @param {number[]} values
 * @param {(j: number) => Reference} refOf
 * @param {(j: number) => string | null} [nameOf]
 */
export function numbersOf(app, step, title, values, refOf, nameOf = () => null) {
  const all = app.state.all || values.length <= SHOWN_UNITS + 2,
    shown = all
      ? values.map((/** @type {any} */ _, /** @type {number} */ j) => j).slice(0, MOST_TERMS)
      : largest(values, SHOWN_UNITS);
  const top =
      values.reduce(
        (/** @type {number} */ high, /** @type {number} */ x) =>
          Math.max(high, Number.isFinite(x) ? Math.abs(x) : 0),
        0,
      ) || 1,
    kept = new Set(shown);
  const rest = values.reduce(
    (/** @type {number} */ sum, /** @type {number} */ x, /** @type {number} */ j) =>
      kept.has(j) ? sum : sum + x,
    0,
  );
  const cells = shown.map((/** @type {number} */ j) => {
    const ref = refOf(j),
      name = nameOf(j),
      share = Number.isFinite(values[j]) ? Math.abs(values[j]) / top : 1;
    return h(
      "li",
      null,
      chip(app, step, ref, { focus: "v" }),
      h("span", {
        class: `bar${values[j] < 0 ? " minus" : ""}`,
        "aria-hidden": "true",
        style: { "--share": share.toFixed(3) },
      }),
      name !== null && name !== String(j) ? h("span", { class: "cell-name" }, name) : null,
    );
  });
  return h(
    "div",
    { class: "vector" },
    h("h4", null, title),
    h("ul", { class: "cells" }, cells),
    kept.size < values.length
      ? h(
          "p",
          { class: "note" },
          t("folded", { n: grouped(values.length - kept.size), sum: number(rest) }),
          " ",
        )
      : null,
    values.length > SHOWN_UNITS + 2
      ? h(
          "button",
          {
            type: "button",
            class: "quiet",
            "data-focus": `all-${title}`,
            onclick: () => app.set({ all: !app.state.all }),
          },
          app.state.all
            ? t("fewer")
            : t("all_of", { n: grouped(Math.min(values.length, MOST_TERMS)) }),
        )
      : null,
  );
}

/**
 * @param {App} app
 * @param {Step} step
 * @param {string} kind
 * @param {number} l
 * @param {string} title
 * @param {number} n
 */
export function entries(app, step, kind, l, title, n) {
  const matrix = kind === "dW" ? step.gradients.W[l] : step.old.W[l],
    by = kind === "dW" ? matrix.data : step.objective.W[l].data,
    m = step.sizes[l];
  return h(
    "div",
    { class: "vector" },
    h("h4", null, title),
    h(
      "ul",
      { class: "cells" },
      largest(by, n).map((p) => {
        const ref = { kind, l, i: Math.floor(p / m), j: p % m };
        const after =
          kind === "W"
            ? [" → ", h("span", { class: "num" }, number(step.value({ ...ref, kind: "W⁺" })))]
            : null;
        return h(
          "li",
          { class: kind === "W" ? "wide" : null },
          chip(app, step, ref, { focus: "e" }),
          after,
        );
      }),
    ),
  );
}
