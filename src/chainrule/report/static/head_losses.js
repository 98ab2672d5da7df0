// The losses of targets with several outputs, under the names of reference/heads.py and interval_losses.py: a point
// forecast with levels that cannot cross, and the normal distribution.

import { sigmoid, softplus } from "./activations.js";

/** @import { Pair, Vector } from "./types.js" */

const MEDIAN = 0.5,
  SMALLEST_DEVIATION = 1e-3,
  HALF_LOG_2_PI = 0.9189385332046727;

/**
 * A pair of a whole row from that of one target, whose n outputs stand side by side; a target that is missing, NaN,
 * adds nothing. The term of a target is that of its first output; a = z.
 * @param {number} n
 * @param {(a: number[], y: number) => number} value
 * @param {(a: number[], y: number) => number[]} da
 * @param {(a: number[], y: number) => number} size
 * @returns {Pair}
 */
function ofTargets(n, value, da, size) {
  /**
   * @param {Vector} a
   * @param {Vector} y
   * @param {(heads: number[], y: number) => number[]} of
   */
  const each = (a, y, of) => {
    const found = [];
    for (let j = 0; j < y.length; j += n)
      found.push(
        ...(Number.isNaN(y[j]) ? new Array(n).fill(0) : of(Array.from(a.subarray(j, j + n)), y[j])),
      );
    return found;
  };
  const rest = new Array(n - 1).fill(0);
  return {
    n,
    rowTerms: (a, y) => each(a, y, (heads, truth) => [value(heads, truth), ...rest]),
    rowDelta: (_, a, y) => each(a, y, da),
    rowSizes: (a, y) => each(a, y, (heads, truth) => new Array(n).fill(size(heads, truth))),
    da: () => NaN,
  };
}

/**
 * The places of the levels on either side of the point, from it outwards, with the sign of the side.
 * @param {number[]} levels
 * @returns {[number, number[]][]}
 */
function outward(levels) {
  const places = levels.map((_, k) => k + 1);
  return [
    [-1, places.filter((k) => levels[k - 1] < MEDIAN).reverse()],
    [1, places.filter((k) => levels[k - 1] > MEDIAN)],
  ];
}

/**
 * @param {number[]} levels
 * @param {Pair} point
 */
export function intervals(levels, point) {
  const quantiles = (/** @type {number[]} */ a) => {
    /** @type {number[]} */
    const q = [];
    for (const [sign, places] of outward(levels)) {
      let at = a[0];
      for (const k of places) q[k] = at = at + sign * softplus(a[k]);
    }
    return q;
  };
  const pull = (/** @type {number} */ at, /** @type {number} */ y, /** @type {number} */ level) =>
    at > y ? 1 - level : at < y ? -level : at - y;
  return ofTargets(
    1 + levels.length,
    (a, y) => {
      const q = quantiles(a);
      return levels.reduce(
        (sum, level, k) => sum + Math.max((1 - level) * (q[k + 1] - y), -level * (q[k + 1] - y)),
        /** @type {any} */ (point.value)(a[0], a[0], y),
      );
    },
    (a, y) => {
      const q = quantiles(a),
        pulls = levels.map((level, k) => pull(q[k + 1], y, level));
      const found = [pulls.reduce((sum, x) => sum + x, point.da(a[0], y))];
      for (const [sign, places] of outward(levels)) {
        let total = 0;
        for (const k of places.reverse()) {
          total += pulls[k - 1];
          found[k] = sign * total * sigmoid(a[k]);
        }
      }
      return found;
    },
    ([p], y) => 1 + Math.abs(p) + Math.abs(y),
  );
}

export const gaussian = ofTargets(
  2,
  ([mu, s], y) => {
    const sigma = SMALLEST_DEVIATION + softplus(s);
    return 0.5 * ((mu - y) / sigma) ** 2 + Math.log(sigma) + HALF_LOG_2_PI;
  },
  ([mu, s], y) => {
    const sigma = SMALLEST_DEVIATION + softplus(s),
      u = (mu - y) / sigma;
    return [u / sigma, ((1 - u * u) / sigma) * sigmoid(s)];
  },
  ([mu, s], y) => {
    const sigma = SMALLEST_DEVIATION + softplus(s),
      large = (1 + Math.abs(mu) + Math.abs(y)) / sigma;
    return (large * (1 + Math.abs(mu - y) / sigma)) / Math.min(sigma, 1);
  },
);
