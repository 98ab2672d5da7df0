// A small feed-forward network in float64: both passes and the update, by the equations that the report checks with.

import { activate, pullback } from "../../report/static/activations.js";
import { parameters, row, rowScales, transposed } from "../../report/static/arrays.js";
import { dense } from "../../report/static/layers.js";
import { lossAndDelta } from "../../report/static/losses.js";
import { OPTIMIZERS } from "../../report/static/optimizers.js";

/** @import { Architecture, Matrix, NumbersByName, Vector } from "../../report/static/types.js" */

/**
 * Everything the two passes compute; position 0 of z, delta, W, b, dW and db is null, a[0] is X.
 * @typedef {{ z: (Matrix | null)[], a: Matrix[], J: number, delta: (Matrix | null)[], theta: Vector, dtheta: Vector }} Passes
 */

/** @type {(x: number) => number} */
const exactly = (x) => x;

/**
 * @param {number[][]} rows
 * @returns {Matrix}
 */
export const matrixOf = (rows) => ({
  data: Float64Array.from(rows.flat()),
  shape: [rows.length, rows[0]?.length ?? 0],
});

export class SmallNetwork {
  /**
   * @param {Architecture} architecture
   * @param {Vector} theta
   */
  constructor(architecture, theta) {
    this.architecture = architecture;
    this.theta = theta;
    /** @type {NumbersByName[]} */
    this.memory = Array.from(theta, () => ({ v: 0, m: 0 }));
    this.t = 0;
  }

  get L() {
    return this.architecture.sizes.length - 1;
  }

  /**
   * W and b of every layer, views of theta.
   * @param {Vector} [flat]
   */
  parts(flat = this.theta) {
    return parameters(flat, this.architecture);
  }

  /**
   * z[l] = a[l−1] @ W[l] + b[l]; a[l] = g(z[l])
   * @param {Matrix} X
   */
  forward(X) {
    const { W, b } = this.parts(),
      { activations } = this.architecture;
    /** @type {(Matrix | null)[]} */
    const z = [null];
    const a = [X];
    for (let l = 1; l <= this.L; l++) {
      const on = dense(a[l - 1], W[l], b[l], exactly).value;
      z.push(on);
      a.push(activate(on, activations[l - 1], "float64"));
    }
    return { z, a };
  }

  /**
   * J, delta[L] = ∂J/∂z[L]; delta[l] = (delta[l+1] @ W[l+1]ᵀ) ⊙ g′; dW[l] = a[l−1]ᵀ @ delta[l]; db[l] = Σ delta[l]
   * @param {Matrix} X
   * @param {Matrix} y
   * @returns {Passes}
   */
  passes(X, y) {
    const { z, a } = this.forward(X),
      { loss, activations } = this.architecture,
      n = X.shape[0],
      L = this.L,
      { W } = this.parts(),
      dtheta = new Float64Array(this.theta.length),
      gradients = this.parts(dtheta),
      ones = { data: new Float64Array(n).fill(1), shape: [1, n] };
    const last = /** @type {Matrix} */ (z[L]),
      end = lossAndDelta(
        loss,
        activations[L - 1],
        last,
        a[L],
        y,
        rowScales(null, n, exactly),
        "float64",
      );
    /** @type {(Matrix | null)[]} */
    const delta = new Array(L + 1).fill(null);
    delta[L] = end.delta;
    for (let l = L; l > 0; l--) {
      const error = /** @type {Matrix} */ (delta[l]);
      gradients.W[l].data.set(dense(transposed(a[l - 1]), error, null, exactly).value.data);
      gradients.b[l].set(dense(ones, error, null, exactly).value.data);
      if (l === 1) break;
      const da = dense(error, transposed(W[l]), null, exactly).value;
      delta[l - 1] = pullback(
        /** @type {Matrix} */ (z[l - 1]),
        a[l - 1],
        da,
        activations[l - 2],
        exactly,
      );
    }
    return { z, a, J: end.J, delta, theta: this.theta.slice(), dtheta };
  }

  /**
   * J alone.
   * @param {Matrix} X
   * @param {Matrix} y
   */
  loss(X, y) {
    const { z, a } = this.forward(X),
      { loss, activations } = this.architecture,
      scales = rowScales(null, X.shape[0], exactly);
    return lossAndDelta(
      loss,
      activations[this.L - 1],
      /** @type {Matrix} */ (z[this.L]),
      a[this.L],
      y,
      scales,
      "float64",
    ).J;
  }

  /**
   * One update with the gradient of these rows; what it was made with.
   * @param {Matrix} X
   * @param {Matrix} y
   * @param {string} optimizer
   * @param {number} eta
   * @param {NumbersByName} [hyper]
   */
  step(X, y, optimizer, eta, hyper = {}) {
    const passes = this.passes(X, y),
      rule = OPTIMIZERS[optimizer];
    this.t += 1;
    for (let p = 0; p < this.theta.length; p++) {
      const done = rule(passes.dtheta[p], this.memory[p], this.theta[p], this.t, eta, hyper);
      this.theta[p] = done.theta;
      this.memory[p] = { ...this.memory[p], ...done.state };
    }
    return passes;
  }
}

/**
 * The rows of a matrix at these places.
 * @param {Matrix} m
 * @param {number[]} places
 * @returns {Matrix}
 */
export function rowsOf(m, places) {
  const part = {
    data: new Float64Array(places.length * m.shape[1]),
    shape: [places.length, m.shape[1]],
  };
  places.forEach((i, k) => part.data.set(row(m, i), k * m.shape[1]));
  return part;
}
