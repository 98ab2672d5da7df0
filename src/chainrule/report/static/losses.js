// The equations of chainrule.reference in JavaScript, under the same names, in the run's own precision:
// losses, and the delta of the output layer.

import { clamp, pullback, sigmoid, softplus } from "./activations.js";
import { like, rounding, row } from "./arrays.js";
import { focalOfClasses, focalOfLabels } from "./focal.js";
import { gaussian, intervals } from "./head_losses.js";

/** @import { Matrix, Pair, Vector } from "./types.js" */

const HUBER_DELTA = 1,
  VANISHING_RATE = -37;

/**
 * @param {(z: number, a: number, y: number) => number} value
 * @param {(a: number, y: number) => number} da
 * @returns {Pair}
 */
const plain = (value, da) => ({ value, da });
const squared = plain(
  (/** @type {number} */ z, /** @type {number} */ a, /** @type {number} */ y) => 0.5 * (a - y) ** 2,
  (/** @type {number} */ a, /** @type {number} */ y) => a - y,
);
const absoluteError = plain(
  (/** @type {number} */ z, /** @type {number} */ a, /** @type {number} */ y) => Math.abs(a - y),
  (/** @type {number} */ a, /** @type {number} */ y) => Math.sign(a - y),
);
const huber = plain(
  (/** @type {number} */ z, /** @type {number} */ a, /** @type {number} */ y) => {
    const size = Math.abs(a - y),
      near = size < HUBER_DELTA ? size : size >= HUBER_DELTA ? HUBER_DELTA : size;
    return near * (size - 0.5 * near);
  },
  (/** @type {number} */ a, /** @type {number} */ y) => clamp(a - y, -HUBER_DELTA, HUBER_DELTA),
);

/**
 * @param {number} level
 * @returns {Pair}
 */
const quantile = (level) =>
  plain(
    (/** @type {number} */ z, /** @type {number} */ a, /** @type {number} */ y) =>
      Math.max((1 - level) * (a - y), -level * (a - y)),
    (/** @type {number} */ a, /** @type {number} */ y) =>
      a > y ? 1 - level : a < y ? -level : a - y,
  );

/** @type {Record<string, number>} */
const USUAL_PARAMETERS = { quantile: 0.5, focal: 2 };

/**
 * The number of a loss that has one: of "quantile:0.9" it is 0.9, of "quantile" one half, of "focal" 2.
 * @param {string} loss
 */
export const parameterOf = (loss) => {
  const [family, number] = loss.split(":");
  return Number(number ?? USUAL_PARAMETERS[family]);
};

/**
 * The levels of "intervals:0.1,0.9:huber" and the loss of its point forecast.
 * @param {string} loss
 */
export function intervalsOf(loss) {
  const [, levels = "0.1,0.9", ...point] = loss.split(":");
  return { levels: levels.split(",").map(Number), point: point.join(":") || "squared_error" };
}

/**
 * For every legal pair of loss and output: the share of one output in the loss of a row, its derivative by a,
 * whether the chain collapses to a − y, or a delta of its own.
 * @param {string} loss
 * @param {string} output
 * @returns {Pair}
 */
export function pairOf(loss, output) {
  if (loss === "squared_error") return { ...squared, fused: output === "identity" };
  if (loss === "absolute_error") return absoluteError;
  if (loss === "huber") return huber;
  if (loss.startsWith("quantile")) return quantile(parameterOf(loss));
  if (loss.startsWith("gaussian")) return gaussian;
  if (loss.startsWith("intervals")) {
    const { levels, point } = intervalsOf(loss);
    return intervals(levels, pairOf(point, "identity"));
  }
  const gamma = parameterOf(loss); // of cross-entropy it is not a number
  if (gamma > 0 && loss.startsWith("focal"))
    return output === "softmax" ? focalOfClasses(gamma) : focalOfLabels(gamma);
  if (loss !== "poisson" && output === "softmax")
    return {
      rowTerms: crossEntropy,
      da: (/** @type {number} */ a, /** @type {number} */ y) => -y / a,
      fused: true,
    };
  if (loss !== "poisson")
    return {
      value: (/** @type {number} */ z, /** @type {number} */ a, /** @type {number} */ y) =>
        softplus(z) - y * z,
      da: (/** @type {number} */ a, /** @type {number} */ y) => (a - y) / (a * (1 - a)),
      fused: true,
    };
  if (output === "exponential")
    return {
      value: (/** @type {number} */ z, /** @type {number} */ a, /** @type {number} */ y) =>
        a - y * z,
      da: (/** @type {number} */ a, /** @type {number} */ y) => 1 - y / a,
      fused: true,
    };
  const near = (/** @type {number} */ z) => Math.max(z, VANISHING_RATE);
  return {
    value: (/** @type {number} */ z, /** @type {number} */ a, /** @type {number} */ y) =>
      a - y * (Math.log(softplus(near(z))) + (z - near(z))),
    da: (/** @type {number} */ a, /** @type {number} */ y) => 1 - y / a,
    delta: (/** @type {number} */ z, /** @type {number} */ a, /** @type {number} */ y) =>
      sigmoid(z) - y * (sigmoid(near(z)) / softplus(near(z))),
  };
}

/**
 * @param {Vector} z
 * @param {Vector} y
 */
function crossEntropy(z, y) {
  const top = Math.max(...z);
  const log = Math.log(Array.from(z).reduce((sum, x) => sum + Math.exp(x - top), 0));
  return Array.from(z, (x, j) => (y[j] === 0 ? 0 : y[j] * (log - (x - top))));
}

/**
 * The loss of one row; an output whose target is missing, NaN, adds nothing to it.
 * @param {string} loss
 * @param {string} output
 * @param {Vector} z
 * @param {Vector} a
 * @param {Vector} y
 */
export function rowLoss(loss, output, z, a, y) {
  const pair = pairOf(loss, output);
  const { rowTerms, value } = pair;
  if (rowTerms) return rowTerms(z, y).reduce((sum, x) => sum + x, 0);
  const added = (/** @type {number} */ sum, /** @type {number} */ x, /** @type {number} */ j) =>
    Number.isNaN(y[j]) ? sum : sum + /** @type {any} */ (value)(x, a[j], y[j]);
  return value ? Array.from(z).reduce(added, 0) : NaN;
}

/**
 * J of the batch and delta of the output layer (BP1), with the size of what is subtracted in it; a missing target,
 * NaN, has delta 0.
 * @param {string} loss
 * @param {string} output
 * @param {Matrix} z
 * @param {Matrix} a
 * @param {Matrix} y
 * @param {number[]} scales
 * @param {string} dtype
 */
export function lossAndDelta(loss, output, z, a, y, scales, dtype) {
  const round = rounding(dtype),
    pair = pairOf(loss, output),
    [n, J] = z.shape;
  let total = 0,
    totalSize = 0;
  for (let i = 0; i < n; i++)
    if (scales[i] > 0) {
      const [zi, ai, yi] = [row(z, i), row(a, i), row(y, i)];
      const value = round(rowLoss(loss, output, zi, ai, yi)); // a float32 may overflow to inf
      total += scales[i] * value;
      totalSize +=
        scales[i] *
        (1 +
          Math.abs(value) +
          zi.reduce(
            (/** @type {number} */ sum, /** @type {number} */ x, /** @type {number} */ j) =>
              Number.isNaN(yi[j])
                ? sum
                : sum + Math.abs(x) + (Math.abs(ai[j]) + Math.abs(yi[j])) ** 2,
            0,
          ));
    }
  let delta = like(z),
    size = /** @type {Vector} */ (new Float64Array(z.data.length));
  /** @type {Pair["delta"]} */
  const own = pair.fused ? (_, ap, yp) => ap - yp : pair.delta;
  if (pair.rowDelta) {
    for (let i = 0; i < n; i++) {
      const found = pair.rowDelta(row(z, i), row(a, i), row(y, i)),
        most = Math.max(...found.map(Math.abs));
      delta.data.set(found.map(round), i * J);
      size.set(pair.rowSizes?.(row(a, i), row(y, i)) ?? found.map(() => 1 + most), i * J);
    }
  } else if (own) {
    for (let p = 0; p < z.data.length; p++) {
      delta.data[p] = round(own(z.data[p], a.data[p], y.data[p]));
      size[p] = Math.abs(a.data[p]) + Math.abs(y.data[p]) + (pair.delta ? 1 : 0);
    }
  } else {
    const da = {
      data: z.data.map((/** @type {any} */ _, /** @type {number} */ p) =>
        round(pair.da(a.data[p], y.data[p])),
      ),
      shape: z.shape,
    };
    const large = {
      data: Float64Array.from(
        z.data,
        (_, p) => Math.abs(da.data[p]) + Math.abs(a.data[p]) + Math.abs(y.data[p]),
      ),
      shape: z.shape,
    };
    delta = pullback(z, a, da, output, round);
    size = pullback(z, a, large, output, (/** @type {number} */ x) => x, true).data;
  }
  for (let p = 0; p < z.data.length; p++) {
    const s = scales[Math.floor(p / J)];
    delta.data[p] = s > 0 && !Number.isNaN(y.data[p]) ? round(delta.data[p] * s) : 0;
    size[p] *= s;
  }
  return { J: total, lossSize: totalSize, delta, size };
}
