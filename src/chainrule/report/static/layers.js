// The equations of chainrule.reference in JavaScript, under the same names, in the run's own precision:
// dense layers and layer normalisation, forward beside backward.

import { like, row, zeros } from "./arrays.js";

/** @import { Matrix, Round, Vector } from "./types.js" */

/**
 * a @ W + b, and beside it Σ|a|·|W| + |b|: the size of the terms, by which rounding is to be judged.
 * @param {Matrix} a
 * @param {Matrix} W
 * @param {Vector | null} b
 * @param {Round} round
 */
export function dense(a, W, b, round) {
  const [n, K] = a.shape,
    J = W.shape[1],
    finite = W.data.every(Number.isFinite);
  const z = { data: zeros(a.data, n * J), shape: [n, J] };
  const size = new Float64Array(n * J);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < K; k++) {
      const x = a.data[i * K + k];
      if (x === 0 && finite) continue;
      for (let j = 0; j < J; j++) {
        const product = x * W.data[k * J + j];
        z.data[i * J + j] = round(z.data[i * J + j] + product);
        size[i * J + j] += Math.abs(product);
      }
    }
  for (let i = 0; b && i < n; i++)
    for (let j = 0; j < J; j++) {
      z.data[i * J + j] = round(z.data[i * J + j] + b[j]);
      size[i * J + j] += Math.abs(b[j]);
    }
  return { value: z, size };
}

/**
 * Layer normalisation of one row: x̂, √(var + ε), and by how much the rounding of z can move x̂.
 * @param {Vector} z
 */
export function normalised(z) {
  const n = z.length,
    mean = z.reduce((/** @type {number} */ sum, /** @type {number} */ x) => sum + x, 0) / n,
    centred = Array.from(z, (x) => x - mean);
  const deviation = Math.sqrt(centred.reduce((sum, x) => sum + x * x, 0) / n + 1e-5);
  const xHat = centred.map((x) => x / deviation);
  return {
    mean,
    deviation,
    xHat,
    loose: xHat.map((x, j) => 2 * Math.abs(x) + (Math.abs(z[j]) + Math.abs(mean)) / deviation),
  };
}

/**
 * u = gain ⊙ x̂ + shift of every row, and the size of its terms.
 * @param {Matrix} z
 * @param {Vector} gain
 * @param {Vector} shift
 * @param {Round} round
 */
export function layerNormForward(z, gain, shift, round) {
  const u = like(z),
    size = new Float64Array(z.data.length),
    n = z.shape[1];
  for (let i = 0; i < z.shape[0]; i++) {
    const { xHat, loose } = normalised(row(z, i));
    for (let j = 0; j < n; j++) {
      u.data[i * n + j] = round(gain[j] * xHat[j] + shift[j]);
      size[i * n + j] = Math.abs(gain[j]) * loose[j] + Math.abs(shift[j]);
    }
  }
  return { value: u, size };
}

/**
 * delta, dgain and dshift from du, each with the size of its terms.
 * @param {Matrix} z
 * @param {Vector} gain
 * @param {Matrix} du
 * @param {Round} round
 */
export function layerNormBackward(z, gain, du, round) {
  const n = z.shape[1],
    vector = () => new Float64Array(n);
  const result = {
    delta: like(z),
    size: new Float64Array(z.data.length),
    dgain: vector(),
    dshift: vector(),
    dgainSize: vector(),
    dshiftSize: vector(),
  };
  for (let i = 0; i < z.shape[0]; i++) {
    const { xHat, deviation, loose } = normalised(row(z, i)),
      dxHat = xHat.map((_, j) => du.data[i * n + j] * gain[j]);
    const mean = (/** @type {(j: number) => number} */ f) =>
      xHat.reduce((sum, _, j) => sum + f(j), 0) / n;
    const all = mean((/** @type {number} */ j) => dxHat[j]),
      along = mean((/** @type {number} */ j) => dxHat[j] * xHat[j]);
    const wide = mean((/** @type {number} */ j) => Math.abs(dxHat[j])),
      far = mean((/** @type {number} */ j) => Math.abs(dxHat[j]) * loose[j]);
    for (let j = 0; j < n; j++) {
      const p = i * n + j,
        d = du.data[p];
      result.delta.data[p] = round((dxHat[j] - all - xHat[j] * along) / deviation);
      result.size[p] = (Math.abs(dxHat[j]) + wide + loose[j] * far) / deviation;
      result.dgain[j] += d * xHat[j];
      result.dshift[j] += d;
      result.dgainSize[j] += Math.abs(d) * loose[j];
      result.dshiftSize[j] += Math.abs(d);
    }
  }
  return result;
}
