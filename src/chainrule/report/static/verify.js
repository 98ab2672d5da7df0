// Every number of a kept step, computed again from the numbers that went into it.
//
// Each tensor is recomputed from its own operands as the engine recorded them, so a difference cannot hide
// behind another: z from a and W, a from z, delta from the output or the layer above, dW and db from a and
// delta, the gradient from dW, the weights after the step from the gradient. A difference is judged beside
// the size of the terms of the sum: 2·(terms + slack) units of rounding are what two orders of a sum allow.

import { ACTIVATIONS, OPTIMIZERS, activate, dense, lossAndDelta, objectiveGradient, parameters, pullback, rounding, rowScales, times, transposed, unit } from "./maths.js";

const SLACK = 16; // roundings of the functions: exp, log and tanh are good to 3 ulp on either side

const KNOWN = ["sizes", "activations", "loss", "dtype", "n_parameters"];

// What a network or its optimizer has that this page has no equations for, by name.
export function unknownTo({ architecture, settings }) {
  const kinds = Object.keys(architecture).filter((name) => !KNOWN.includes(name) && [architecture[name]].flat().some(Boolean));
  return [...kinds, ...architecture.activations.filter((name) => !ACTIVATIONS[name]), ...[settings.optimizer.name].filter((name) => !OPTIMIZERS[name])];
}

// Compares found with stored numbers; sizes are those of the terms.
export function compare(name, found, stored, sizes, terms, dtype) {
  const told = { name, n: stored.length, same: 0, worst: 0, bound: 2 * (terms + SLACK) * unit(dtype), at: -1 };
  for (let i = 0; i < stored.length; i++) {
    const x = found[i], y = stored[i];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) {
      told.same++;
      continue;
    }
    const relative = Math.abs(x - y) / sizes[i];
    if (!(relative <= told.worst)) [told.worst, told.at] = [Number.isFinite(relative) ? relative : Infinity, i];
  }
  told.ok = told.worst <= told.bound;
  return told;
}

const sizesOf = (data, z, bends) => Float64Array.from(data, (x, i) => Math.abs(x) * (bends ? bends(z[i]) : 1));

// All tensors of one step; `s` holds its unpacked arrays and plain values, see collect.py.
export function verifyStep(s, architecture) {
  const { sizes, activations, loss, dtype } = architecture, L = sizes.length - 1, round = rounding(dtype);
  const { W, b } = parameters(s.theta.data, sizes), gradients = parameters(s.dtheta.data, sizes);
  const a = [s.X, ...s.a.slice(1)], told = [], g = [null];
  const masks = s.masks ?? new Array(L + 1).fill(null);
  for (let l = 1; l <= L; l++) {
    const z = dense(a[l - 1], W[l], b[l], round);
    told.push(compare(`z${l}`, z.value.data, s.z[l].data, z.size, sizes[l - 1] + 1, dtype));
    g.push(activate(s.z[l], activations[l - 1], dtype));
    const spread = ACTIVATIONS[activations[l - 1]].row ? 2 * s.z[l].data.reduce((top, x) => Math.max(top, Math.abs(x)), 0) + sizes[l] : 0;
    const dropped = times(g[l], masks[l], round).data;
    told.push(compare(`a${l}`, dropped, s.a[l].data, sizesOf(dropped, s.z[l].data, ACTIVATIONS[activations[l - 1]].bends), Number.isFinite(spread) ? spread : 0, dtype));
  }
  const scales = rowScales(s.weight, s.X.shape[0], round);
  const end = lossAndDelta(loss, activations[L - 1], s.z[L], s.a[L], s.y, scales, dtype);
  told.push(compare("J", [end.J], [s.loss], [end.lossSize], sizes[L], dtype));
  told.push(compare(`delta${L}`, end.delta.data, s.delta[L].data, end.size, sizes[L], dtype));
  for (let l = L; l > 0; l--) {
    const dW = dense(transposed(a[l - 1]), s.delta[l], null, round);
    told.push(compare(`dW${l}`, dW.value.data, gradients.W[l].data, dW.size, s.X.shape[0], dtype));
    const ones = { data: s.delta[l].data.slice(0, s.X.shape[0]).fill(1), shape: [1, s.X.shape[0]] };
    const db = dense(ones, s.delta[l], null, round);
    told.push(compare(`db${l}`, db.value.data, gradients.b[l], db.size, s.X.shape[0], dtype));
    if (l === 1) break;
    const da = dense(s.delta[l], transposed(W[l]), null, round);
    const absolute = (x) => x, wide = times({ data: da.size, shape: da.value.shape }, masks[l - 1], absolute);
    const delta = pullback(s.z[l - 1], g[l - 1], times(da.value, masks[l - 1], round), activations[l - 2], round);
    const size = pullback(s.z[l - 1], g[l - 1], wide, activations[l - 2], absolute, true);
    told.push(compare(`delta${l - 1}`, delta.data, s.delta[l - 1].data, size.data, sizes[l] + sizes[l - 1] * (ACTIVATIONS[activations[l - 2]].row ? 1 : 0), dtype));
  }
  return [...told, ...verifyUpdate(s, architecture)];
}

function verifyUpdate(s, { sizes, dtype }) {
  const round = rounding(dtype), told = [];
  const objective = objectiveGradient(s.dtheta.data, s.theta.data, sizes, s.settings, round);
  if (s.settings.l2 || s.settings.l1 || s.settings.clip_norm !== null) {
    const size = s.dtheta.data.map((d, p) => objective.factor * (Math.abs(d) + s.settings.l2 * Math.abs(s.theta.data[p]) + s.settings.l1));
    told.push(compare("g", objective.g, s.gradient.data, size, 4, dtype));
  }
  const stored = s.gradient.data, n = stored.length, theta = new s.theta.data.constructor(n), size = new Float64Array(n);
  const applied = Number.isFinite(s.loss), names = Object.keys(s.state);
  const rule = OPTIMIZERS[s.optimizer], hyper = s.settings.optimizer;
  for (let p = 0; p < n; p++) {
    const state = Object.fromEntries(names.map((name) => [name, s.state[name].data[p]]));
    const large = Object.fromEntries(names.map((name) => [name, Math.abs(s.state[name].data[p])]));
    theta[p] = applied ? rule(stored[p], state, s.theta.data[p], s.step + 1, s.eta, hyper).theta : s.theta.data[p];
    size[p] = Math.abs(s.theta.data[p]) + Math.abs(rule(s.optimizer === "sgd_sutskever" ? -Math.abs(stored[p]) : Math.abs(stored[p]), large, Math.abs(s.theta.data[p]), s.step + 1, s.eta, hyper).step);
  }
  told.push(compare("θ", theta, s.theta_new.data, size, 8, dtype));
  return told;
}

// What several checks come to: numbers, how many have the same bits, the largest difference and its bound.
export function summary(checks) {
  const worst = checks.reduce((most, c) => (c.worst > most.worst || !c.ok && most.ok ? c : most), { worst: 0, bound: Math.min(...checks.map((c) => c.bound)), ok: true });
  return {
    n: checks.reduce((sum, c) => sum + c.n, 0),
    same: checks.reduce((sum, c) => sum + c.same, 0),
    worst: worst.worst,
    bound: worst.bound,
    failed: checks.filter((c) => !c.ok),
  };
}
