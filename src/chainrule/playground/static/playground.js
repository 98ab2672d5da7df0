// What a playground is: points, a network, where its training has been, and the operation that is looked at.

import { ACTIVATIONS } from "../../report/static/activations.js";
import { OPTIMIZERS } from "../../report/static/optimizers.js";
import { pointsOf, SETS } from "./points.js";
import { normals, shuffled, uniforms } from "./random.js";
import { matrixOf, rowsOf, SmallNetwork } from "./small_network.js";
import { operationsOf } from "./operations.js";

/** @import { Point } from "./points.js" */
/** @import { Step } from "./operations.js" */
/** @import { Passes } from "./small_network.js" */
/** @import { Matrix } from "../../report/static/types.js" */

export const MOST_LAYERS = 4,
  MOST_UNITS = 6,
  MOST_PATH = 600;

/** What an address says of a playground, and what holds where it says nothing. */
export const USUAL = {
  set: "circle",
  seed: 0,
  noise: 0,
  units: "4,2",
  g: "tanh,tanh",
  eta: 0.1,
  batch: 10,
  rule: "sgd",
};

/** @typedef {typeof USUAL} Settings */

/**
 * Settings that a playground can have; an address may say anything.
 * @param {Settings} given
 * @returns {Settings}
 */
function possible(given) {
  const units = given.units
      .split(",")
      .map((n) => Math.floor(Number(n)))
      .filter((n) => n >= 1)
      .slice(0, MOST_LAYERS)
      .map((n) => Math.min(n, MOST_UNITS)),
    names = given.g.split(",").map((name) => (isLayer(name) ? name : "tanh"));
  return {
    set: given.set === "own" || Object.hasOwn(SETS, given.set) ? given.set : USUAL.set,
    seed: Math.floor(Math.abs(given.seed)),
    noise: Math.max(0, Math.min(1, given.noise)),
    units: units.join(",") || "0",
    g: names.join(","),
    eta: given.eta > 0 ? given.eta : USUAL.eta,
    batch: Math.max(1, Math.floor(given.batch)),
    rule: Object.hasOwn(OPTIMIZERS, given.rule) ? given.rule : USUAL.rule,
  };
}

/**
 * Whether an activation is one of a hidden layer.
 * @param {string} name
 */
export const isLayer = (name) =>
  Object.hasOwn(ACTIVATIONS, name) && !ACTIVATIONS[name].row && name !== "exponential";

export class Playground {
  /** @type {SmallNetwork} */
  network = /** @type {any} */ (null);
  /** @type {Matrix} */
  X = matrixOf([]);
  /** @type {Matrix} */
  y = matrixOf([]);
  /** @type {Step[]} */
  operations = [];
  /** The parameters after each step, or each second, fourth … of them. @type {Float64Array[]} */
  path = [];
  every = 1;
  /** @type {number[]} */
  losses = [];
  /** The rows of the steps to come in this epoch. @type {number[]} */
  ahead = [];
  epochs = 0;
  /** @type {() => number} */
  order = Math.random;
  /** The rows that are looked at. @type {number[]} */
  rows = [];
  /** @type {Passes | null} */
  passes = null;

  /**
   * @param {Partial<Settings>} [given]
   */
  constructor(given = {}) {
    /** @type {Settings} */
    this.settings = possible({ ...USUAL, ...given });
    /** @type {Point[]} */
    this.points = [];
    this.isClasses = true;
    this.row = 0;
    this.isBatch = false;
    this.unit = 0;
    this.below = 0;
    this.at = 0;
    /** @type {[number, number]} */
    this.pair = [0, 1];
    this.draw();
  }

  get hidden() {
    return this.settings.units.split(",").map(Number).filter(Boolean);
  }

  get activations() {
    const names = this.settings.g.split(",");
    return this.hidden.map((_, l) => names[l] ?? names.at(-1) ?? "tanh");
  }

  // The points of the set chosen; the points stay where they were drawn by hand or read from a file.
  draw() {
    const { set, seed, noise } = this.settings;
    if (SETS[set]) {
      this.points = pointsOf(set, seed, noise);
      this.isClasses = SETS[set].isClasses;
    }
    this.begin();
  }

  /**
   * @param {Point[]} points
   * @param {boolean} isClasses
   */
  take(points, isClasses) {
    this.settings.set = "own";
    this.points = points;
    if (this.isClasses !== isClasses) {
      this.isClasses = isClasses;
      this.begin();
    } else this.look();
  }

  // A network with the weights of the seed: normal, of variance 2/(n_in + n_out).
  begin() {
    const sizes = [2, ...this.hidden, 1],
      normal = normals(uniforms(this.settings.seed + 7919));
    const theta = sizes
      .slice(1)
      .flatMap((n, k) => [
        ...Array.from({ length: sizes[k] * n }, () => normal() * Math.sqrt(2 / (sizes[k] + n))),
        ...new Array(n).fill(0),
      ]);
    const [output, loss] = this.isClasses
      ? ["sigmoid", "cross_entropy"]
      : ["tanh", "squared_error"];
    const architecture = {
      sizes,
      activations: [...this.activations, output],
      loss,
      dtype: "float64",
    };
    this.network = new SmallNetwork(/** @type {any} */ (architecture), Float64Array.from(theta));
    this.order = uniforms(this.settings.seed + 104729);
    this.epochs = 0;
    this.ahead = [];
    this.losses = [];
    this.path = [Float64Array.from(this.network.theta)];
    this.every = 1;
    this.pair = [0, Math.min(1, theta.length - 1)];
    this.unit = this.below = this.at = 0;
    this.look();
  }

  // X and y as matrices, and what both passes make of the rows that are looked at.
  look() {
    this.row = Math.max(0, Math.min(this.row, this.points.length - 1));
    this.X = matrixOf(this.points.map(([x, y]) => [x, y]));
    this.y = matrixOf(this.points.map((point) => [point[2]]));
    this.operations = operationsOf(this.network.L);
    this.at = Math.min(this.at, this.operations.length - 1);
    this.passes = null;
    if (!this.points.length) return;
    this.rows = this.isBatch ? this.points.map((_, i) => i) : [this.row];
    this.passes = this.network.passes(rowsOf(this.X, this.rows), rowsOf(this.y, this.rows));
  }

  get loss() {
    return this.points.length ? this.network.loss(this.X, this.y) : NaN;
  }

  // The rows of the next step: the points in a random order of each epoch, a batch at a time.
  next() {
    if (!this.ahead.length) {
      this.ahead = shuffled(this.points.length, this.order);
      this.epochs += 1;
    }
    return this.ahead.splice(0, Math.max(1, this.settings.batch));
  }

  /**
   * So many steps of training.
   * @param {number} n
   */
  train(n) {
    if (!this.points.length) return;
    const { rule, eta } = this.settings;
    for (let k = 0; k < n; k++) {
      const rows = this.next();
      this.losses.push(this.network.step(rowsOf(this.X, rows), rowsOf(this.y, rows), rule, eta).J);
      if (this.network.t % this.every === 0) this.path.push(Float64Array.from(this.network.theta));
    }
    this.thin();
  }

  // The update of the rows that are looked at: the last operation of the walk.
  update() {
    if (!this.passes) return;
    const { rule, eta } = this.settings,
      rows = this.rows;
    this.losses.push(this.network.step(rowsOf(this.X, rows), rowsOf(this.y, rows), rule, eta).J);
    this.path.push(Float64Array.from(this.network.theta));
    this.thin();
    this.at = 0;
    this.look();
  }

  // A long path keeps every second place; a long curve its last losses.
  thin() {
    if (this.path.length > MOST_PATH) {
      this.path = this.path.filter((_, k) => k % 2 === 0);
      this.every *= 2;
    }
    if (this.losses.length > 20000) this.losses = this.losses.slice(-10000);
  }

  /**
   * One parameter changed by hand: the path begins anew there.
   * @param {number} p
   * @param {number} value
   */
  set(p, value) {
    if (!Number.isFinite(value)) return;
    this.network.theta[p] = value;
    this.path.push(Float64Array.from(this.network.theta));
    this.look();
  }

  /**
   * The place of W[l][k, j] in theta; of b[l][j] where k is −1.
   * @param {number} l
   * @param {number} k
   * @param {number} j
   */
  place(l, k, j) {
    const { sizes } = this.network.architecture;
    let at = 0;
    for (let m = 1; m < l; m++) at += (sizes[m - 1] + 1) * sizes[m];
    return at + (k < 0 ? sizes[l - 1] : k) * sizes[l] + j;
  }

  // The names of all parameters in the order of theta.
  get names() {
    const { sizes } = this.network.architecture;
    return sizes
      .slice(1)
      .flatMap((n, m) => [
        ...Array.from(
          { length: sizes[m] * n },
          (_, p) => `W${m + 1}[${Math.floor(p / n)},${p % n}]`,
        ),
        ...Array.from({ length: n }, (_, j) => `b${m + 1}[${j}]`),
      ]);
  }
}
