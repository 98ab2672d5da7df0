// The card of what a layer learns, in the drawing of a step: gradient, value before and after of the largest entries.

import { largest } from "./model.js";
import { number } from "./numbers.js";
import { t } from "./words.js";

/** @import { Card, Reference, Step, Vector } from "./types.js" */

/** @type {Record<string, number>} */
const MOST_ENTRIES = { W: 3, b: 2 };

/**
 * @param {Step} step
 * @param {number} l
 * @returns {Card}
 */
export function learnedCard(step, l) {
  const names = ["W", "b", ...(step.isNormal(l) ? ["gain", "shift"] : [])],
    rows = names.flatMap((name) => entriesOf(step, name, l)),
    [gradients, before, after] = [0, 1, 2].map((p) => rows.map((entry) => entry.values[p])),
    n = names.reduce((sum, name) => sum + flat(step.gradients, name, l).length, 0);
  return {
    title: names.map((name) => `${name}${l}`).join(", "),
    equations: [`dW${l} = a${l - 1}.T @ delta${l}`, `db${l} = Σ_i delta${l}[i]`],
    labels: rows.map((entry) => entry.label),
    columns: [
      { name: t("drawn_gradient"), values: gradients },
      { name: t("drawn_old"), values: before },
      { name: t("drawn_new"), values: after },
    ],
    formulas: rows.map((entry) => entry.formulas),
    refs: rows.map((entry) => entry.ref),
    more: n - rows.length,
  };
}

/**
 * @param {any} parameters
 * @param {string} name
 * @param {number} l
 * @returns {Vector}
 */
const flat = (parameters, name, l) => (name === "W" ? parameters.W[l].data : parameters[name][l]);

/**
 * The entries of a tensor with the largest gradient.
 * @param {Step} step
 * @param {string} name
 * @param {number} l
 */
function entriesOf(step, name, l) {
  const all = [step.gradients, step.old, step.new, step.objective].map((of) => flat(of, name, l)),
    m = step.sizes[l],
    most = MOST_ENTRIES[name] ?? 1,
    n = all[0].length;
  return largest(all[0], n > most + 1 ? most : n).map((p) => {
    const place = name === "W" ? [Math.floor(p / m), p % m] : [p],
      label = `${name}${l}[${place.join(",")}]`,
      [gradient, old, after, g] = all.map((values) => values[p]),
      [i, j] = place,
      rule = step.rule ? `${step.rule}; ` : "";
    /** @type {Reference} */
    const ref = { kind: `d${name}`, l, i, ...(name === "W" ? { j } : {}) };
    const formulas = [
      gradientFormula(step, name, l, place, gradient),
      `${label}: ${rule}θ = ${number(old)}, g = ${number(g)}, η = ${number(step.eta)} → ${number(after)}`,
    ];
    return { label, values: [gradient, old, after], formulas, ref };
  });
}

/**
 * @param {Step} step
 * @param {string} name
 * @param {number} l
 * @param {number[]} place
 * @param {number} value
 */
function gradientFormula(step, name, l, place, value) {
  const label = `d${name}${l}[${place.join(",")}]`,
    end = `${number(value)} (${t("drawn_rows", { n: step.n })})`;
  if (name === "W")
    return `${label} = Σ_i a${l - 1}[i,${place[0]}]·delta${l}[i,${place[1]}] = ${end}`;
  if (name === "b") return `${label} = Σ_i delta${l}[i,${place[0]}] = ${end}`;
  return `${label} = ∂J/∂${label.slice(1)} = ${end}`;
}
