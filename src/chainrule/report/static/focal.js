// The equations of chainrule.reference.focal in JavaScript, under the same names: cross-entropy with the factor
// (1 − a)^γ, on sigmoids and on softmax, γ > 0.

import { sigmoid, softplus } from "./activations.js";

/** @import { Pair, Vector } from "./types.js" */

/**
 * The derivative of −(1 − a)^γ·log a by a.
 * @param {number} gamma
 * @param {number} a
 */
const slopeOfTerm = (gamma, a) =>
  (1 - a) ** gamma * (gamma * (a < 1 ? Math.log(a) / (1 - a) : -1) - 1 / a);

/**
 * @param {number} gamma
 * @returns {Pair}
 */
export const focalOfLabels = (gamma) => ({
  value: (z, a, y) =>
    y * (Math.exp(-gamma * softplus(z)) * softplus(-z)) +
    (1 - y) * (Math.exp(-gamma * softplus(-z)) * softplus(z)),
  da: (a, y) =>
    (y === 0 ? 0 : y * slopeOfTerm(gamma, a)) - (y === 1 ? 0 : (1 - y) * slopeOfTerm(gamma, 1 - a)),
  delta: (z, a, y) => {
    const [p, m, s, t] = [sigmoid(z), sigmoid(-z), softplus(z), softplus(-z)];
    return (
      (1 - y) * (Math.exp(-gamma * t) * (p + gamma * m * s)) -
      y * (Math.exp(-gamma * s) * (m + gamma * p * t))
    );
  },
});

/**
 * log a of every class, from z.
 * @param {Vector} z
 */
const logarithmsOf = (z) => {
  const top = Math.max(...z);
  const log = Math.log(Array.from(z).reduce((sum, x) => sum + Math.exp(x - top), 0));
  return Array.from(z, (x) => x - top - log);
};

/**
 * @param {number} gamma
 * @returns {Pair}
 */
export const focalOfClasses = (gamma) => ({
  rowTerms: (z, y) =>
    logarithmsOf(z).map((l, j) => (y[j] === 0 ? 0 : -y[j] * ((-Math.expm1(l)) ** gamma * l))),
  da: (a, y) => (y === 0 ? 0 : y * slopeOfTerm(gamma, a)),
  rowDelta: (z, a, y) => {
    const c = logarithmsOf(z).map((l, j) => {
      const rest = -Math.expm1(l),
        ratio = rest > 0 ? (Math.exp(l) * l) / rest : -1;
      return y[j] === 0 ? 0 : y[j] * (Math.abs(rest) ** gamma * (gamma * ratio - 1));
    });
    const total = c.reduce((sum, x) => sum + x, 0);
    return c.map((x, j) => x - a[j] * total);
  },
});
