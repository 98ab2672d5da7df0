// Matrices as the engine gave them, { data, shape: [rows, columns] }, the precision of a run, and where its tensors lie.
//
// `round` is Math.fround where the run is float32 and nothing where it is float64. Sums run over k in order, each
// term added as a fused multiply-add would: a product of two float32 is exact in float64.

/** @import { Architecture, Matrix, Parameters, Round, Vector } from "./types.js" */

/**
 * @param {number} n
 */
export const range = (n) => Array.from({ length: n }, (_, i) => i);
/**
 * @param {string} dtype
 * @returns {Round}
 */
export const rounding = (dtype) =>
  dtype === "float32" ? Math.fround : (/** @type {number} */ x) => x;
/**
 * n zeros in the precision of other numbers.
 * @param {Vector} data
 * @param {number} n
 * @returns {Vector}
 */
export const zeros = (data, n) => new /** @type {any} */ (data.constructor)(n);
/**
 * @param {string} dtype
 */
export const unit = (dtype) => (dtype === "float32" ? 2 ** -24 : 2 ** -53);

/**
 * What a number must reach to count (reference/small_numbers.py); 0 where every number does.
 * @param {Architecture} architecture
 */
export const smallOf = ({ rules = 1, dtype }) =>
  rules > 1 ? (dtype === "float32" ? 2 ** -56 : 2 ** -504) : 0;
/** Updates after which parameters and the optimizer's arrays lose what is too small to count. */
export const SETTLE_EVERY = 64;
/**
 * @param {Matrix} m
 * @param {number} small
 * @returns {Matrix}
 */
export const withoutSmall = (m, small) =>
  small
    ? {
        data: m.data.map((/** @type {number} */ x) => (Math.abs(x) < small ? 0 : x)),
        shape: m.shape,
      }
    : m;

/**
 * @param {Matrix} m
 * @param {number} i
 */
export const row = (m, i) => m.data.subarray(i * m.shape[1], (i + 1) * m.shape[1]);
/**
 * @param {Matrix} m
 */
export const like = (m) => ({ data: zeros(m.data, m.data.length), shape: m.shape });

/**
 * @param {Matrix} m
 */
export function transposed(m) {
  const [n, J] = m.shape;
  const t = { data: zeros(m.data, n * J), shape: [J, n] };
  for (let i = 0; i < n; i++) for (let j = 0; j < J; j++) t.data[j * n + i] = m.data[i * J + j];
  return t;
}

/**
 * @param {Matrix} m
 * @param {Matrix | null | undefined} mask
 * @param {Round} round
 * @returns {Matrix}
 */
export const times = (m, mask, round) =>
  mask
    ? {
        data: m.data.map((/** @type {number} */ x, /** @type {number} */ i) =>
          round(x * mask.data[i]),
        ),
        shape: m.shape,
      }
    : m;

/**
 * w_i / Σw of every row; all 0 when the batch has no weight.
 * @param {Matrix | null} weight
 * @param {number} n
 * @param {Round} round
 * @returns {number[]}
 */
export function rowScales(weight, n, round) {
  if (!weight) return new Array(n).fill(round(1 / n));
  const total = weight.data.reduce(
    (/** @type {number} */ sum, /** @type {number} */ w) => sum + w,
    0,
  );
  return Array.from(weight.data, (w) => (total === 0 ? 0 : round(w / total)));
}

/**
 * Where the tensors lie in the flat vector θ: W1, b1, (gain1, shift1,) W2, b2, …; those of a layer kind that this page
 * has no equations for, n_learned numbers, are stepped over.
 * @param {Vector} flat
 * @param {Architecture} architecture
 * @returns {Parameters}
 */
export function parameters(flat, { sizes, normalization = [], n_learned = [] }) {
  /** @type {any} */
  const parameters = { W: [null], b: [null], gain: [null], shift: [null] };
  let at = 0;
  const take = (/** @type {number} */ n) => flat.subarray(at, (at += n));
  for (let l = 1; l < sizes.length; l++) {
    const [n, m] = [sizes[l - 1], sizes[l]],
      isNormal = normalization[l - 1] === "layer";
    parameters.W.push({ data: take(n * m), shape: [n, m] });
    parameters.b.push(take(m));
    parameters.gain.push(isNormal ? take(m) : null);
    parameters.shift.push(isNormal ? take(m) : null);
    if (!isNormal) take(n_learned[l - 1] ?? 0);
  }
  return parameters;
}

/**
 * @param {Architecture} architecture
 * @param {number} l
 */
export const isResidual = ({ residual = [] }, l) => Boolean(residual[l - 1]);
