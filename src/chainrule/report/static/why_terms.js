// What the answers to why are made of: sums of terms, and the lines that carry a sum to the number the engine has.

import { number } from "./numbers.js";

/** @import { Line, Reference, Step, Term } from "./types.js" */

/**
 * @param {number} x
 */
export const factor = (x) => (x < 0 ? `(${number(x)})` : number(x));
/**
 * @param {Term[]} terms
 */
export const sum = (terms) =>
  terms.reduce((/** @type {any} */ all, /** @type {Term} */ term) => all + term.value, 0);

/**
 * @param {Step} step
 * @param {Reference} first
 * @param {Reference} second
 * @returns {Term}
 */
export const product = (step, first, second) => ({
  parts: [first, second],
  value: step.value(first) * step.value(second),
});

/**
 * The lines that carry a sum in float64 over to the number the engine has.
 * @param {Step} step
 * @param {Reference} ref
 * @param {number} exactly
 * @returns {Line[]}
 */
export function ending(step, ref, exactly) {
  const value = step.value(ref),
    lines = [];
  if (Number.isFinite(value) && value !== exactly)
    lines.push({ words: "rounding", value: value - exactly, minor: true });
  return [...lines, { result: ref, value }];
}
