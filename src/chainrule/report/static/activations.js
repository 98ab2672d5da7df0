// The equations of chainrule.reference in JavaScript, under the same names, in the run's own precision:
// activations, their slopes and their pullback.

import { like, rounding, row, zeros } from "./arrays.js";

/** @import { Activation, Matrix, Round } from "./types.js" */

const SELU_SCALE = 1.0507009873554805,
  SELU_ALPHA = 1.6732632423543772,
  LEAK = 0.01;
/** @type {Record<string, number>} */
const LARGEST_EXPONENT = { float32: 87.72283935546875, float64: 708.782712893384 };

/**
 * @param {number} z
 */
const positive = (z) => (z > 0 ? z : z <= 0 ? 0 : z); // max(z, 0) that lets NaN through
/**
 * @param {number} z
 */
export const sigmoid = (z) => {
  const e = Math.exp(-Math.abs(z));
  return z >= 0 ? 1 / (1 + e) : e / (1 + e);
};
/**
 * @param {number} z
 */
export const softplus = (z) => positive(z) + Math.log1p(Math.exp(-Math.abs(z)));

/**
 * erfc by its series near 0 and its continued fraction beyond: the browser has none. Every digit of the tail
 * counts, so e^−x² is taken in two parts, the first with an exact square.
 * @param {number} x
 */
function erfc(x) {
  const size = Math.abs(x);
  if (!(size < 27)) return Number.isNaN(x) ? x : x > 0 ? 0 : 2;
  const head = Math.fround(size),
    bell = Math.exp(-head * head) * Math.exp(-(size - head) * (size + head));
  let side;
  if (size < 0.75) {
    let term = size,
      series = size;
    for (let n = 1; term > 1e-18 * series; n++) series += term *= (2 * size * size) / (2 * n + 1);
    side = 1 - (2 / Math.sqrt(Math.PI)) * bell * series;
  } else {
    let tail = 0;
    for (let k = Math.ceil(200 / (size * size)) + 20; k > 0; k--) tail = k / 2 / (size + tail);
    side = bell / Math.sqrt(Math.PI) / (size + tail);
  }
  return x > 0 ? side : 2 - side;
}

/**
 * @param {number} z
 */
const normalDistribution = (z) => 0.5 * erfc(z * -Math.SQRT1_2);
/**
 * @param {number} x
 * @param {number} low
 * @param {number} high
 */
export const clamp = (x, low, high) => (x < low ? low : x > high ? high : x);

// g(z) and its slope g′(z), given z and a = g(z); `terms`: the size of what the slope is a sum of;
// `kinks`: the slope jumps at 0.
/** @type {Record<string, Activation>} */
export const ACTIVATIONS = {
  identity: { g: (z) => z, slope: () => 1 },
  relu: { g: positive, slope: (z) => (z > 0 ? 1 : 0), kinks: true },
  leaky_relu: { g: (z) => (z > 0 ? z : LEAK * z), slope: (z) => (z > 0 ? 1 : LEAK), kinks: true },
  elu: {
    g: (z) => (z > 0 ? z : Math.expm1(z)),
    slope: (z, a) => (z > 0 ? 1 : a + 1),
    terms: (z, a) => 1 + Math.abs(a),
  },
  selu: {
    g: (z) => SELU_SCALE * (z > 0 ? z : SELU_ALPHA * Math.expm1(z)),
    slope: (z, a) => (z > 0 ? SELU_SCALE : a + SELU_SCALE * SELU_ALPHA),
    kinks: true,
    terms: (z, a) => 2 + Math.abs(a),
  },
  gelu: {
    g: (z) => z * normalDistribution(z),
    slope: (z) => {
      const near = clamp(z, -40, 40);
      return normalDistribution(z) + near * 0.3989422804014327 * Math.exp(-0.5 * near * near);
    },
    bends: (z) => 1 + z * z, // the rounding of z/√2 comes back z² times as large in the tail
    terms: (z) => 1 + Math.min(Math.abs(z), 40) * Math.exp(-0.5 * Math.min(Math.abs(z), 40) ** 2),
  },
  silu: {
    g: (z) => z * sigmoid(z),
    slope: (z, a) => {
      const s = sigmoid(z);
      return s + a * (1 - s);
    },
    terms: (z, a) => sigmoid(z) + 2 * Math.abs(a),
  },
  mish: {
    g: (z) => z * Math.tanh(softplus(z)),
    slope: (z) => {
      const t = Math.tanh(softplus(z));
      return t + z * (1 - t * t) * sigmoid(z);
    },
    terms: (z) => 1 + 2 * Math.abs(z) * sigmoid(z),
  },
  softplus: { g: softplus, slope: (z) => sigmoid(z) },
  sigmoid: { g: sigmoid, slope: (z, a) => a * (1 - a), terms: (z, a) => a * (1 + a) },
  tanh: { g: Math.tanh, slope: (z, a) => 1 - a * a, terms: (z, a) => 1 + a * a },
  exponential: {
    g: (z, dtype) => Math.exp(Math.min(z, LARGEST_EXPONENT[dtype])),
    slope: (z, a) => a,
  },
  softmax: { g: (z) => z, slope: () => 1, row: true },
};

/**
 * @param {number[]} z
 * @param {Round} round
 */
function softmax(z, round) {
  const top = z.reduce(
    (/** @type {number} */ high, /** @type {number} */ x) =>
      Number.isNaN(x) || x > high ? x : high,
    -Infinity,
  );
  const e = z.map((/** @type {number} */ x) => round(Math.exp(round(x - top))));
  const sum = e.reduce((/** @type {any} */ total, /** @type {number} */ x) => round(total + x), 0);
  return e.map((/** @type {number} */ x) => round(x / sum));
}

/**
 * a = g(z), without dropout.
 * @param {Matrix} z
 * @param {string} name
 * @param {string} dtype
 */
export function activate(z, name, dtype) {
  const round = rounding(dtype),
    a = like(z);
  if (ACTIVATIONS[name].row)
    for (let i = 0; i < z.shape[0]; i++)
      a.data.set(softmax(Array.from(row(z, i)), round), i * z.shape[1]);
  else
    for (let i = 0; i < z.data.length; i++)
      a.data[i] = round(ACTIVATIONS[name].g(z.data[i], dtype));
  return a;
}

/**
 * delta = pullback(z, g(z), da); linear in da, so it also carries the size of da's terms.
 * @param {Matrix} z
 * @param {Matrix} a
 * @param {Matrix} da
 * @param {string} name
 * @param {Round} round
 * @param {boolean} [absolute]
 */
export function pullback(z, a, da, name, round, absolute = false) {
  const delta = { data: zeros(da.data, da.data.length), shape: z.shape };
  const { slope, terms, row: whole } = ACTIVATIONS[name];
  if (!whole) {
    const by = !absolute ? slope : (terms ?? ((zi, ai) => Math.abs(slope(zi, ai))));
    for (let i = 0; i < z.data.length; i++)
      delta.data[i] = round(da.data[i] * by(z.data[i], a.data[i]));
    return delta;
  }
  const J = z.shape[1];
  for (let i = 0; i < z.shape[0]; i++) {
    let mixed = 0;
    for (let j = i * J; j < (i + 1) * J; j++) mixed = round(mixed + da.data[j] * a.data[j]);
    for (let j = i * J; j < (i + 1) * J; j++)
      delta.data[j] = absolute
        ? a.data[j] * (da.data[j] + mixed)
        : round(a.data[j] * round(da.data[j] - mixed));
  }
  return delta;
}
