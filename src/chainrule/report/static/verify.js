// Every number of a kept step, computed again from the numbers that went into it.
//
// Each tensor is recomputed from its own operands as the engine recorded them, so a difference cannot hide
// behind another: z from a and W, a from z, delta from the output or the layer above, dW and db from a and
// delta, the gradient from dW, the weights after the step from the gradient. Where the rule for small numbers
// applies a number may be off by what is too small to count besides.

import { ACTIVATIONS, activate, pullback } from "./activations.js";
import {
  SETTLE_EVERY,
  isResidual,
  parameters,
  rounding,
  rowScales,
  smallOf,
  times,
  transposed,
  withoutSmall,
  zeros,
} from "./arrays.js";
import { compare, leastRounding, sizesOf } from "./differences.js";
import { dense, layerNormBackward, layerNormForward } from "./layers.js";
import { lossAndDelta } from "./losses.js";
import { OPTIMIZERS, objectiveGradient } from "./optimizers.js";

/** @import { Architecture, Check, Matrix, PageData, Round, Step, Vector } from "./types.js" */

const KNOWN = [
  "sizes",
  "activations",
  "loss",
  "dtype",
  "rules",
  "n_parameters",
  "residual",
  "n_learned",
  "n_inputs",
];
/**
 * What a network or its optimizer has that this page has no equations for, by name.
 * @param {PageData} data
 */
export function unknownTo({ architecture, settings }) {
  const kinds = Object.entries(architecture)
    .filter(([name]) => !KNOWN.includes(name))
    .flatMap(([, named]) => /** @type {any} */ (named))
    .filter((kind) => kind && kind !== "layer");
  return [
    ...new Set(kinds),
    ...architecture.activations.filter((/** @type {string} */ name) => !ACTIVATIONS[name]),
    ...[settings.optimizer.name].filter((name) => !OPTIMIZERS[name]),
  ];
}

/**
 * All tensors of one step; `s` holds its unpacked arrays and plain values, see collect.py.
 * @param {Step} s
 * @param {Architecture} architecture
 * @returns {Check[]}
 */
export function verifyStep(s, architecture) {
  const { checks, on, g } = verifyForward(s, architecture);
  return [...checks, ...verifyBackward(s, architecture, on, g), ...verifyUpdate(s, architecture)];
}

/**
 * @param {Step} s
 */
const inputs = (s) => [s.X, ...s.a.slice(1)];

/**
 * @param {Step} s
 * @param {Architecture} architecture
 */
function verifyForward(s, architecture) {
  const { sizes, activations, dtype } = architecture,
    round = rounding(dtype),
    a = inputs(s),
    /** @type {Check[]} */
    checks = [],
    /** @type {any[]} */
    on = [null],
    /** @type {any[]} */
    g = [null];
  const { W, b, gain, shift } = parameters(s.theta.data, architecture);
  for (let l = 1; l < sizes.length; l++) {
    const name = activations[l - 1],
      small = smallOf(architecture) ** (l < sizes.length - 1 ? 1 : 2),
      z = dense(a[l - 1], W[l], b[l], round),
      found = withoutSmall(z.value, small).data;
    checks.push(compare(`z${l}`, found, s.z[l].data, z.size, sizes[l - 1] + 1, dtype, 2 * small));
    if (gain[l]) {
      const u = layerNormForward(s.z[l], gain[l], shift[l], round),
        counted = withoutSmall(u.value, small).data;
      checks.push(compare(`u${l}`, counted, s.u[l].data, u.size, sizes[l], dtype, 2 * small));
    }
    on.push(gain[l] ? s.u[l] : s.z[l]);
    g.push(withoutSmall(activate(on[l], name, dtype), small));
    const exponent = on[l].data.reduce(
      (/** @type {number} */ top, /** @type {number} */ x) => Math.max(top, Math.abs(x)),
      0,
    );
    const spread = ACTIVATIONS[name].row && Number.isFinite(exponent) ? 2 * exponent + sizes[l] : 0;
    const h = times(g[l], s.masks?.[l], round).data,
      beside = isResidual(architecture, l) ? a[l - 1].data : null;
    const size = sizesOf(h, on[l].data, ACTIVATIONS[name].bends);
    const sum = beside
      ? h.map((/** @type {number} */ x, /** @type {number} */ p) => round(x + beside[p]))
      : h;
    checks.push(
      compare(
        `a${l}`,
        sum,
        s.a[l].data,
        beside ? size.map((x, p) => x + Math.abs(beside[p])) : size,
        spread,
        dtype,
        2 * small,
      ),
    );
  }
  return { checks, on, g };
}

/**
 * @param {Step} s
 * @param {Architecture} architecture
 * @param {Matrix[]} on
 * @param {Matrix[]} g
 */
function verifyBackward(s, architecture, on, g) {
  const { sizes, activations, loss, dtype } = architecture,
    L = sizes.length - 1,
    round = rounding(dtype),
    small = smallOf(architecture),
    a = inputs(s),
    checks = [];
  const { W, gain } = parameters(s.theta.data, architecture),
    gradients = parameters(s.dtheta.data, architecture),
    n = s.X.shape[0];
  const end = lossAndDelta(
    loss,
    activations[L - 1],
    s.z[L],
    s.a[L],
    s.y,
    rowScales(s.weight, n, round),
    dtype,
  );
  checks.push(
    compare("J", [end.J], [s.loss], [end.lossSize], sizes[L], dtype),
    compare(
      `delta${L}`,
      withoutSmall(end.delta, small).data,
      s.delta[L].data,
      end.size,
      sizes[L],
      dtype,
      2 * small,
    ),
  );
  const ones = {
    data: zeros(s.X.data, n).fill(1),
    shape: [1, n],
  };
  let da = null;
  for (let l = L; l > 0; l--) {
    const dW = dense(transposed(a[l - 1]), s.delta[l], null, round),
      db = dense(ones, s.delta[l], null, round);
    checks.push(
      compare(`dW${l}`, dW.value.data, gradients.W[l].data, dW.size, n, dtype),
      compare(`db${l}`, db.value.data, gradients.b[l], db.size, n, dtype),
    );
    if (l === 1) break;
    const k = l - 1,
      least = k > 1 ? small : 0; // delta of the first of several layers is multiplied by X alone
    da = errorBelow(
      da,
      dense(s.delta[l], transposed(W[l]), null, round),
      isResidual(architecture, l),
      round,
      least,
    );
    const name = activations[k - 1],
      mask = s.masks?.[k],
      exactly = (/** @type {number} */ x) => x,
      terms = sizes[l] + (ACTIVATIONS[name].row ? sizes[k] : 0) + (L - l);
    const pulled = pullback(on[k], g[k], times(da.value, mask, round), name, round);
    const size = pullback(
      on[k],
      g[k],
      times({ data: da.size, shape: da.value.shape }, mask, exactly),
      name,
      exactly,
      true,
    ).data;
    checks.push(
      compare(
        gain[k] ? `du${k}` : `delta${k}`,
        withoutSmall(pulled, least).data,
        (gain[k] ? s.du[k] : s.delta[k]).data,
        size,
        terms,
        dtype,
        2 * small,
      ),
    );
    if (!gain[k]) continue;
    const norm = layerNormBackward(s.z[k], gain[k], s.du[k], round),
      delta = withoutSmall(norm.delta, least).data;
    checks.push(
      compare(`delta${k}`, delta, s.delta[k].data, norm.size, sizes[k], dtype, 2 * small),
      compare(`dgain${k}`, norm.dgain, gradients.gain[k], norm.dgainSize, n + sizes[k], dtype),
      compare(`dshift${k}`, norm.dshift, gradients.shift[k], norm.dshiftSize, n, dtype),
    );
  }
  return checks;
}

/**
 * ∂J/∂a of the layer below; a residual connection carries that of the layer down unchanged.
 * @param {any} da
 * @param {any} through
 * @param {boolean} residual
 * @param {Round} round
 * @param {number} small
 */
function errorBelow(da, through, residual, round, small) {
  const counted = withoutSmall(through.value, small);
  if (!residual) return { value: counted, size: through.size };
  const data = counted.data.map((/** @type {number} */ x, /** @type {number} */ p) =>
    round(x + da.value.data[p]),
  );
  return {
    value: { data, shape: counted.shape },
    size: through.size.map((/** @type {number} */ x, /** @type {number} */ p) => x + da.size[p]),
  };
}

/**
 * @param {Step} s
 * @param {Architecture} architecture
 */
function verifyUpdate(s, architecture) {
  const { dtype } = architecture,
    round = rounding(dtype),
    lengths = lengthsOf(s.theta.data, architecture),
    checks = [];
  const objective = objectiveGradient(s.dtheta.data, s.theta.data, architecture, s.settings, round);
  if (s.settings.l2 || s.settings.l1 || s.settings.clip_norm !== null) {
    const size = s.dtheta.data.map(
      (/** @type {number} */ d, /** @type {number} */ p) =>
        objective.factor *
        (Math.abs(d) + s.settings.l2 * Math.abs(s.theta.data[p]) + s.settings.l1),
    );
    checks.push(compare("g", objective.g, s.gradient.data, size, 4, dtype, 0, lengths));
  }
  const small = smallOf(architecture),
    settles = small > 0 && (s.step + 1) % SETTLE_EVERY === 0;
  const n = s.gradient.data.length,
    theta = zeros(s.theta.data, n),
    off = new Float64Array(n),
    size = new Float64Array(n);
  const applied = Number.isFinite(s.loss),
    names = Object.keys(s.state);
  const rule = OPTIMIZERS[s.optimizer],
    hyper = s.settings.optimizer,
    rounded = 8 * (1 + s.eta) * leastRounding(dtype),
    divisor = Math.min(1, hyper.epsilon ?? 1);
  for (let p = 0; p < n; p++) {
    const g = s.gradient.data[p],
      eta = s.rates ? s.rates[p] : s.eta;
    const state = Object.fromEntries(names.map((name) => [name, s.state[name].data[p]]));
    const large = Object.fromEntries(names.map((name) => [name, Math.abs(s.state[name].data[p])]));
    theta[p] = applied
      ? rule(g, state, s.theta.data[p], s.step + 1, eta, hyper).theta
      : s.theta.data[p];
    // Subnormal numbers of the rule are off by their rounding, and divided by ε at least.
    if (names.some((name) => large[name] < 2 ** 40 * rounded)) off[p] = rounded / divisor;
    if (settles && applied) {
      off[p] += 2 * small;
      if (Math.abs(theta[p]) < small) theta[p] = 0;
    }
    size[p] =
      Math.abs(s.theta.data[p]) +
      Math.abs(
        rule(
          s.optimizer === "sgd_sutskever" ? -Math.abs(g) : Math.abs(g),
          large,
          Math.abs(s.theta.data[p]),
          s.step + 1,
          eta,
          hyper,
        ).step,
      );
  }
  const at = (/** @type {number} */ p) => off[p];
  checks.push(compare("θ", theta, s.theta_new.data, size, 8, dtype, at, lengths));
  return checks;
}

/**
 * The lengths of the tensors in the flat vector θ.
 * @param {Vector} flat
 * @param {Architecture} architecture
 */
function lengthsOf(flat, architecture) {
  const { W, b, gain, shift } = parameters(flat, architecture),
    /** @type {number[]} */
    lengths = [];
  for (let l = 1; l < W.length; l++)
    lengths.push(
      W[l].data.length,
      b[l].length,
      ...(gain[l] ? [gain[l].length, shift[l].length] : []),
    );
  return lengths;
}

/**
 * What several checks come to: numbers, how many have the same bits, the largest difference and its bound.
 * @param {Check[]} checks
 */
export function summary(checks) {
  const worst = checks.reduce(
    (/** @type {any} */ most, /** @type {Check} */ c) =>
      c.worst > most.worst || (!c.ok && most.ok) ? c : most,
    { worst: 0, bound: Math.min(...checks.map((/** @type {Check} */ c) => c.bound)), ok: true },
  );
  return {
    n: checks.reduce((/** @type {number} */ sum, /** @type {Check} */ c) => sum + c.n, 0),
    same: checks.reduce((/** @type {number} */ sum, /** @type {Check} */ c) => sum + c.same, 0),
    worst: worst.worst,
    bound: worst.bound,
    failed: checks.filter((/** @type {Check} */ c) => !c.ok),
  };
}
