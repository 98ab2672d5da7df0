// The equations of chainrule.reference in JavaScript, under the same names, in the run's own precision.
//
// A matrix is { data, shape: [rows, columns] } as it came from the engine. `round` is Math.fround where the
// run is float32 and nothing where it is float64. Sums run over k in order, each term added as a fused
// multiply-add would: a product of two float32 is exact in float64.

export const range = (n) => Array.from({ length: n }, (_, i) => i);
export const rounding = (dtype) => (dtype === "float32" ? Math.fround : (x) => x);
export const unit = (dtype) => (dtype === "float32" ? 2 ** -24 : 2 ** -53);

const SELU_SCALE = 1.0507009873554805,
  SELU_ALPHA = 1.6732632423543772,
  LEAK = 0.01;
const HUBER_DELTA = 1,
  VANISHING_RATE = -37;
const LARGEST_EXPONENT = { float32: 87.72283935546875, float64: 708.782712893384 };

const positive = (z) => (z > 0 ? z : z <= 0 ? 0 : z); // max(z, 0) that lets NaN through
const sigmoid = (z) => {
  const e = Math.exp(-Math.abs(z));
  return z >= 0 ? 1 / (1 + e) : e / (1 + e);
};
const softplus = (z) => positive(z) + Math.log1p(Math.exp(-Math.abs(z)));

// erfc by its series near 0 and its continued fraction beyond: the browser has none. Every digit of the tail
// counts, so e^−x² is taken in two parts, the first with an exact square.
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

const normalDistribution = (z) => 0.5 * erfc(z * -Math.SQRT1_2);
const clamp = (x, low, high) => (x < low ? low : x > high ? high : x);

// g(z) and its slope g′(z), given z and a = g(z); `terms`: the size of what the slope is a sum of;
// `kinks`: the slope jumps at 0.
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
  softmax: { row: true },
};

function softmax(z, round) {
  const top = z.reduce((high, x) => (Number.isNaN(x) || x > high ? x : high), -Infinity);
  const e = z.map((x) => round(Math.exp(round(x - top))));
  const sum = e.reduce((total, x) => round(total + x), 0);
  return e.map((x) => round(x / sum));
}

export const row = (m, i) => m.data.subarray(i * m.shape[1], (i + 1) * m.shape[1]);
const like = (m) => ({ data: new m.data.constructor(m.data.length), shape: m.shape });

// a @ W + b, and beside it Σ|a|·|W| + |b|: the size of the terms, by which rounding is to be judged.
export function dense(a, W, b, round) {
  const [n, K] = a.shape,
    J = W.shape[1],
    finite = W.data.every(Number.isFinite);
  const z = { data: new a.data.constructor(n * J), shape: [n, J] };
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

export function transposed(m) {
  const [n, J] = m.shape;
  const t = { data: new m.data.constructor(n * J), shape: [J, n] };
  for (let i = 0; i < n; i++) for (let j = 0; j < J; j++) t.data[j * n + i] = m.data[i * J + j];
  return t;
}

// a = g(z), without dropout.
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

// delta = pullback(z, g(z), da); linear in da, so it also carries the size of da's terms.
export function pullback(z, a, da, name, round, absolute = false) {
  const delta = { data: new da.data.constructor(da.data.length), shape: z.shape };
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

export const times = (m, mask, round) =>
  mask ? { data: m.data.map((x, i) => round(x * mask.data[i])), shape: m.shape } : m;

// w_i / Σw of every row; all 0 when the batch has no weight.
export function rowScales(weight, n, round) {
  if (!weight) return new Array(n).fill(round(1 / n));
  const total = weight.data.reduce((sum, w) => sum + w, 0);
  return Array.from(weight.data, (w) => (total === 0 ? 0 : round(w / total)));
}

const plain = (value, da) => ({ value, da });
const squared = plain(
  (z, a, y) => 0.5 * (a - y) ** 2,
  (a, y) => a - y,
);
const absoluteError = plain(
  (z, a, y) => Math.abs(a - y),
  (a, y) => Math.sign(a - y),
);
const huber = plain(
  (z, a, y) => {
    const size = Math.abs(a - y),
      near = size < HUBER_DELTA ? size : size >= HUBER_DELTA ? HUBER_DELTA : size;
    return near * (size - 0.5 * near);
  },
  (a, y) => clamp(a - y, -HUBER_DELTA, HUBER_DELTA),
);

const quantile = (level) =>
  plain(
    (z, a, y) => Math.max((1 - level) * (a - y), -level * (a - y)),
    (a, y) => (a > y ? 1 - level : a < y ? -level : a - y),
  );

// Of "quantile:0.9" it is 0.9, of "quantile" one half.
export const levelOf = (loss) => Number(loss.split(":")[1] ?? 0.5);

// For every legal pair of loss and output: the share of one output in the loss of a row, its derivative by a,
// whether the chain collapses to a − y, or a delta of its own.
export function pairOf(loss, output) {
  if (loss === "squared_error") return { ...squared, fused: output === "identity" };
  if (loss === "absolute_error") return absoluteError;
  if (loss === "huber") return huber;
  if (loss.startsWith("quantile")) return quantile(levelOf(loss));
  if (loss === "cross_entropy" && output === "softmax")
    return { rowValue: crossEntropy, da: (a, y) => -y / a, fused: true };
  if (loss === "cross_entropy")
    return {
      value: (z, a, y) => softplus(z) - y * z,
      da: (a, y) => (a - y) / (a * (1 - a)),
      fused: true,
    };
  if (output === "exponential")
    return { value: (z, a, y) => a - y * z, da: (a, y) => 1 - y / a, fused: true };
  const near = (z) => Math.max(z, VANISHING_RATE);
  return {
    value: (z, a, y) => a - y * (Math.log(softplus(near(z))) + (z - near(z))),
    da: (a, y) => 1 - y / a,
    delta: (z, a, y) => sigmoid(z) - y * (sigmoid(near(z)) / softplus(near(z))),
  };
}

function crossEntropy(z, a, y) {
  const top = Math.max(...z);
  const log = Math.log(Array.from(z).reduce((sum, x) => sum + Math.exp(x - top), 0));
  return Array.from(z).reduce((sum, x, j) => sum + (y[j] === 0 ? 0 : y[j] * (log - (x - top))), 0);
}

// The loss of one row, and what each output adds to it.
export function rowLoss(loss, output, z, a, y) {
  const pair = pairOf(loss, output);
  if (pair.rowValue) return pair.rowValue(z, a, y);
  return Array.from(z).reduce((sum, x, j) => sum + pair.value(x, a[j], y[j]), 0);
}

// J of the batch and delta of the output layer (BP1), with the size of what is subtracted in it.
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
            (sum, x, j) => sum + Math.abs(x) + (Math.abs(ai[j]) + Math.abs(yi[j])) ** 2,
            0,
          ));
    }
  let delta = like(z),
    size = new Float64Array(z.data.length);
  if (pair.fused || pair.delta) {
    for (let p = 0; p < z.data.length; p++) {
      delta.data[p] = pair.fused
        ? round(a.data[p] - y.data[p])
        : round(pair.delta(z.data[p], a.data[p], y.data[p]));
      size[p] = Math.abs(a.data[p]) + Math.abs(y.data[p]) + (pair.delta ? 1 : 0);
    }
  } else {
    const da = { data: z.data.map((_, p) => round(pair.da(a.data[p], y.data[p]))), shape: z.shape };
    const large = {
      data: Float64Array.from(
        z.data,
        (_, p) => Math.abs(da.data[p]) + Math.abs(a.data[p]) + Math.abs(y.data[p]),
      ),
      shape: z.shape,
    };
    delta = pullback(z, a, da, output, round);
    size = pullback(z, a, large, output, (x) => x, true).data;
  }
  for (let p = 0; p < z.data.length; p++) {
    const s = scales[Math.floor(p / J)];
    delta.data[p] = s > 0 ? round(delta.data[p] * s) : 0;
    size[p] *= s;
  }
  return { J: total, lossSize: totalSize, delta, size };
}

const power = (base, exponent) => {
  let result = 1;
  for (let e = exponent; e > 0; e = Math.floor(e / 2), base *= base)
    if (e % 2 === 1) result *= base;
  return result;
};

// One update of one parameter: (g, state, theta, t, eta, hyper) -> { theta, state, step }.
export const OPTIMIZERS = {
  sgd(g, s, theta, t, eta, { momentum = 0, nesterov = 0 }) {
    if (!momentum) return { theta: theta - eta * g, state: {}, step: eta * g };
    const v = momentum * s.v + g,
      step = eta * (nesterov ? g + momentum * v : v);
    return { theta: theta - step, state: { v }, step };
  },
  sgd_sutskever(g, s, theta, t, eta, { momentum = 0.9, nesterov = 1 }) {
    const v = momentum * s.v - eta * g,
      step = nesterov ? eta * g - momentum * v : -v;
    return { theta: theta - step, state: { v }, step };
  },
  rmsprop(g, s, theta, t, eta, { rho = 0.99, epsilon = 1e-8 }) {
    const v = rho * s.v + (1 - rho) * g * g,
      step = (eta * g) / (Math.sqrt(v) + epsilon);
    return { theta: theta - step, state: { v }, step };
  },
  adagrad(g, s, theta, t, eta, { epsilon = 1e-10 }) {
    const v = s.v + g * g,
      step = (eta * g) / (Math.sqrt(v) + epsilon);
    return { theta: theta - step, state: { v }, step };
  },
  adam(g, s, theta, t, eta, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }) {
    const m = beta1 * s.m + (1 - beta1) * g,
      v = beta2 * s.v + (1 - beta2) * g * g;
    const m_hat = m / (1 - power(beta1, t)),
      v_hat = v / (1 - power(beta2, t));
    const step = (eta * m_hat) / (Math.sqrt(v_hat) + epsilon);
    return { theta: theta - step, state: { m, v, m_hat, v_hat }, step };
  },
  adam_epsilon_hat(g, s, theta, t, eta, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }) {
    const m = beta1 * s.m + (1 - beta1) * g,
      v = beta2 * s.v + (1 - beta2) * g * g;
    const size = (eta * Math.sqrt(1 - power(beta2, t))) / (1 - power(beta1, t)),
      step = (size * m) / (Math.sqrt(v) + epsilon);
    return { theta: theta - step, state: { m, v, size }, step };
  },
  adamw(g, s, theta, t, eta, hyper) {
    const decay = eta * (hyper.weight_decay ?? 0.01) * theta;
    const done = OPTIMIZERS.adam(g, s, theta - decay, t, eta, hyper);
    return { ...done, step: done.step + decay };
  },
};

// Where the tensors lie in the flat vector θ: W1, b1, (gain1, shift1,) W2, b2, …
export function parameters(flat, { sizes, normalization = [] }) {
  const told = { W: [null], b: [null], gain: [null], shift: [null] };
  let at = 0;
  const take = (n) => flat.subarray(at, (at += n));
  for (let l = 1; l < sizes.length; l++) {
    const [n, m] = [sizes[l - 1], sizes[l]],
      isNormal = Boolean(normalization[l - 1]);
    told.W.push({ data: take(n * m), shape: [n, m] });
    told.b.push(take(m));
    told.gain.push(isNormal ? take(m) : null);
    told.shift.push(isNormal ? take(m) : null);
  }
  return told;
}

export const isResidual = ({ residual = [] }, l) => Boolean(residual[l - 1]);

// Layer normalisation of one row: x̂, √(var + ε), and by how much the rounding of z can move x̂.
export function normalised(z) {
  const n = z.length,
    mean = z.reduce((sum, x) => sum + x, 0) / n,
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

// u = gain ⊙ x̂ + shift of every row, and the size of its terms.
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

// delta, dgain and dshift from du, each with the size of its terms.
export function layerNormBackward(z, gain, du, round) {
  const n = z.shape[1],
    told = { delta: like(z), size: new Float64Array(z.data.length) };
  for (const name of ["dgain", "dshift", "dgainSize", "dshiftSize"])
    told[name] = new Float64Array(n);
  for (let i = 0; i < z.shape[0]; i++) {
    const { xHat, deviation, loose } = normalised(row(z, i)),
      dxHat = xHat.map((_, j) => du.data[i * n + j] * gain[j]);
    const mean = (f) => xHat.reduce((sum, _, j) => sum + f(j), 0) / n;
    const all = mean((j) => dxHat[j]),
      along = mean((j) => dxHat[j] * xHat[j]);
    const wide = mean((j) => Math.abs(dxHat[j])),
      far = mean((j) => Math.abs(dxHat[j]) * loose[j]);
    for (let j = 0; j < n; j++) {
      const p = i * n + j,
        d = du.data[p];
      told.delta.data[p] = round((dxHat[j] - all - xHat[j] * along) / deviation);
      told.size[p] = (Math.abs(dxHat[j]) + wide + loose[j] * far) / deviation;
      told.dgain[j] += d * xHat[j];
      told.dshift[j] += d;
      told.dgainSize[j] += Math.abs(d) * loose[j];
      told.dshiftSize[j] += Math.abs(d);
    }
  }
  return told;
}

// The gradient of the objective: dθ plus penalties on the weights, shortened to clip_norm.
export function objectiveGradient(dtheta, theta, architecture, { l2, l1, clip_norm }, round) {
  const g = dtheta.slice();
  if (l2 || l1) {
    const to = parameters(g, architecture).W,
      from = parameters(theta, architecture).W;
    for (let l = 1; l < to.length; l++)
      for (let p = 0; p < to[l].data.length; p++) {
        const w = from[l].data[p];
        to[l].data[p] = round(
          to[l].data[p] + round(round(round(l2) * w) + round(l1) * Math.sign(w)),
        );
      }
  }
  if (clip_norm === null) return { g, norm: null, factor: 1 };
  const norm = Math.sqrt(g.reduce((sum, x) => sum + x * x, 0));
  const factor = norm > clip_norm ? clip_norm / norm : 1;
  return { g: factor < 1 ? g.map((x) => round(x * round(factor))) : g, norm, factor };
}
