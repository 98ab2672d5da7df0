// The page's mathematics against golden numbers that reference/ has written.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { ACTIVATIONS, activate, pullback } from "../../src/chainrule/report/static/activations.js";
import {
  dense,
  layerNormBackward,
  layerNormForward,
} from "../../src/chainrule/report/static/layers.js";
import { lossAndDelta, rowLoss } from "../../src/chainrule/report/static/losses.js";
import { OPTIMIZERS } from "../../src/chainrule/report/static/optimizers.js";
import { general, number } from "../../src/chainrule/report/static/numbers.js";
import { verifyStep } from "../../src/chainrule/report/static/verify.js";

const golden = JSON.parse(readFileSync(new URL("golden.json", import.meta.url), "utf8"));
const matrix = (rows) => ({
  data: Float64Array.from(rows.flat(), (x) => x ?? NaN), // null is a missing target
  shape: [rows.length, rows[0].length],
});
const exactly = (x) => x;
const z = matrix(golden.z),
  da = matrix(golden.da);

// Equal but for the last bits of exp, log and the order of a sum.
function agree(found, wanted, what) {
  const flat = [wanted].flat(Infinity);
  assert.equal(found.length, flat.length, what);
  flat.forEach((x, i) => {
    const gap = Math.abs(found[i] - x);
    assert.ok(gap <= 4e-14 * (1 + Math.abs(x)), `${what}[${i}]: ${found[i]}, reference has ${x}`);
  });
}

test("every activation of reference is here, and the other way round", () => {
  assert.deepEqual(Object.keys(ACTIVATIONS).sort(), golden.activations.map((e) => e.name).sort());
});

for (const { name, a, delta } of golden.activations)
  test(`${name}: a = g(z), delta = pullback(z, a, da)`, () => {
    const found = activate(z, name, "float64");
    agree(found.data, a, "a");
    agree(pullback(z, found, da, name, exactly).data, delta, "delta");
  });

for (const { loss, output, y, value, delta } of [...golden.losses, ...golden.missing])
  test(`${loss} on ${output}${y.flat().includes(null) ? ", targets missing" : ""}: loss of every row, J and delta`, () => {
    const a = activate(z, output, "float64"),
      targets = matrix(y),
      n = z.shape[0],
      rows = golden.z.map((_, i) => {
        const part = (m) => m.data.subarray(i * m.shape[1], (i + 1) * m.shape[1]);
        return rowLoss(loss, output, part(z), part(a), part(targets));
      });
    agree(rows, value, "loss");
    const found = lossAndDelta(loss, output, z, a, targets, new Array(n).fill(1), "float64");
    agree([found.J], [value.reduce((sum, x) => sum + x, 0)], "J");
    agree(found.delta.data, delta, "delta");
  });

test("every optimizer of reference is here, and the other way round", () => {
  const names = [...new Set(golden.optimizers.map((e) => e.name))];
  assert.deepEqual(Object.keys(OPTIMIZERS).sort(), names.sort());
});

for (const { name, hyper, start, path } of golden.optimizers)
  test(`${name} ${JSON.stringify(hyper)}: three updates`, () => {
    start.forEach((first, p) => {
      let theta = first,
        state = Object.fromEntries(Object.keys(path[0].state).map((key) => [key, 0]));
      path.forEach((wanted, k) => {
        const done = OPTIMIZERS[name](wanted.g[p], state, theta, k + 1, 0.1, hyper);
        ({ theta, state } = done);
        agree([theta], [wanted.theta[p]], `theta after update ${k + 1}`);
        for (const [key, values] of Object.entries(wanted.state))
          agree([state[key]], [values[p]], key);
      });
    });
  });

test("a dense layer: z = a @ W + b", () => {
  const { W, b, z: wanted } = golden.layers.dense;
  agree(dense(z, matrix(W), Float64Array.from(b), exactly).value.data, wanted, "z");
});

test("layer normalisation, forward and backward", () => {
  const { gain, shift, u, delta, dgain, dshift } = golden.layers.layer_norm,
    [g, s] = [gain, shift].map((list) => Float64Array.from(list));
  agree(layerNormForward(z, g, s, exactly).value.data, u, "u");
  const found = layerNormBackward(z, g, da, exactly);
  agree(found.delta.data, delta, "delta");
  agree(found.dgain, dgain, "dgain");
  agree(found.dshift, dshift, "dshift");
});

// The arrays of a step in the precision of its run.
function unpacked(step, dtype) {
  const type = dtype === "float32" ? Float32Array : Float64Array,
    read = (x) => {
      if (Array.isArray(x)) return x.map(read);
      if (x?.shape) return { data: type.from(x.data), shape: x.shape };
      return x;
    };
  const state = Object.fromEntries(Object.entries(step.state).map(([k, x]) => [k, read(x)]));
  return {
    ...Object.fromEntries(Object.entries(step).map(([k, x]) => [k, read(x)])),
    state,
    settings: step.settings,
  };
}
const failed = (step, architecture) =>
  verifyStep(step, architecture)
    .filter((c) => !c.ok)
    .map((c) => `${c.name}: ${c.worst} > ${c.bound}`);

for (const { architecture, step, optimizer, dtype, scale, rules } of golden.steps) {
  const what = `${optimizer}, weights of ${scale} in ${dtype}, rules ${rules}`;
  test(`a step that is right passes: ${what}`, () => {
    assert.deepEqual(failed(unpacked(step, dtype), architecture), []);
  });
  test(`a number that is wrong by a thousandth is found: ${what}`, () => {
    let planted = 0;
    for (const name of ["z", "a", "delta", "dtheta", "gradient", "theta_new"]) {
      const count = Array.isArray(step[name]) ? step[name].length : 1;
      for (let l = 0; l < count; l++) {
        const wrong = unpacked(step, dtype),
          tensor = Array.isArray(wrong[name]) ? wrong[name][l] : wrong[name];
        if (!tensor) continue;
        const sizes = Array.from(tensor.data, Math.abs),
          most = Math.max(...sizes);
        if (most < (dtype === "float32" ? 1e-13 : 1e-140)) continue; // all of it is too small, or nearly
        tensor.data[sizes.indexOf(most)] *= 1.001;
        planted++;
        assert.notDeepEqual(failed(wrong, architecture), [], `${name}${l}`);
      }
    }
    assert.ok(planted >= 6);
  });
}

test("numbers are written as Python's :.ng writes them", () => {
  const wanted = [
    [0.00012345678, 5, "0.00012346"],
    [123456, 5, "1.2346e+05"],
    [1e-5, 3, "1e-05"],
    [-0.5, 5, "-0.5"],
    [100, 3, "100"],
    [Infinity, 5, "inf"],
    [NaN, 5, "nan"],
  ];
  for (const [x, n, text] of wanted) assert.equal(general(x, n), text);
  assert.equal(number(3.14159265), "3.1416");
});
