// One kept step with its numbers by name, and the operations both passes consist of.

import { isResidual, parameters, rounding, rowScales, transposed } from "./arrays.js";
import { dense } from "./layers.js";
import { rowLoss } from "./losses.js";

/**
 * The learning rate of every parameter; null where it is the same for all.
 * @param {[number, number][] | undefined} factors
 * @param {number} eta
 */
function ratesOf(factors, eta) {
  if (!factors) return null;
  const rates = new Float64Array(factors.reduce((sum, [n]) => sum + n, 0));
  let at = 0;
  for (const [n, factor] of factors) rates.fill(eta * factor, at, (at += n));
  return rates;
}

/** @import { Architecture, Matrix, Parameters, Place, Reference, StepSettings, VectorName } from "./types.js" */

const ENTRY =
  /^(z|u|a|delta|du|da|dW|db|dgain|dshift|gain|shift|W|b|y|loss)(\d*)(⁺|\+)?\[(\d+)(?:,\s*(\d+))?\]$/;

export class Step {
  /**
   * @param {any} raw
   * @param {Architecture} architecture
   */
  constructor(raw, architecture) {
    /** @type {number} */
    this.step = raw.step;
    /** @type {number} */
    this.epoch = raw.epoch;
    /** @type {number[]} */
    this.rows = raw.rows;
    /** @type {StepSettings} */
    this.settings = raw.settings;
    /** @type {string} */
    this.optimizer = raw.optimizer;
    /** @type {Record<string, string> | null} */
    this.diagram = raw.diagram;
    /** @type {string} */
    this.rule = raw.rule;
    /** @type {number} */
    this.eta = raw.eta;
    /** @type {number} */
    this.loss = raw.loss;
    /** @type {number} */
    this.penalty = raw.penalty;
    /** @type {Matrix} */
    this.X = raw.X;
    /** @type {Matrix} */
    this.y = raw.y;
    /** @type {Matrix | null} */
    this.weight = raw.weight;
    /** @type {Matrix[]} */
    this.z = raw.z;
    /** @type {Matrix[]} */
    this.u = raw.u;
    /** @type {Matrix[]} */
    this.a = raw.a;
    /** @type {Matrix[]} */
    this.delta = raw.delta;
    /** @type {Matrix[]} */
    this.du = raw.du;
    /** @type {(Matrix | null)[] | null} */
    this.masks = raw.masks;
    /** @type {Matrix} */
    this.theta = raw.theta;
    /** @type {Matrix} */
    this.theta_new = raw.theta_new;
    /** @type {Matrix} */
    this.dtheta = raw.dtheta;
    /** @type {Matrix} */
    this.gradient = raw.gradient;
    /** @type {Record<string, Matrix>} */
    this.state = raw.state;
    /** @type {Map<number, Matrix>} */
    this.errors = new Map();
    /** @type {Map<string, any>} */
    this.evidence = new Map();
    /** @type {any} */
    this.wide = null;
    this.architecture = architecture;
    this.sizes = architecture.sizes;
    this.L = this.sizes.length - 1;
    this.n = raw.X.shape[0];
    this.old = parameters(raw.theta.data, architecture);
    this.new = parameters(raw.theta_new.data, architecture);
    this.gradients = parameters(raw.dtheta.data, architecture);
    this.objective = parameters(raw.gradient.data, architecture);
    /** @type {Record<string, Parameters>} */
    this.states = Object.fromEntries(
      Object.entries(raw.state).map(([name, flat]) => [name, parameters(flat.data, architecture)]),
    );
    /** @type {Float64Array | null} */
    this.rates = ratesOf(raw.settings.rate_factors, raw.eta);
    /** @type {Parameters | null} */
    this.ratesByLayer = this.rates && parameters(this.rates, architecture);
    this.scales = rowScales(raw.weight, this.n, rounding(architecture.dtype));
    this.layers = [raw.X, ...raw.a.slice(1)];
  }

  /**
   * @param {number} l
   */
  activation(l) {
    return this.architecture.activations[l - 1];
  }

  /**
   * @param {number} l
   */
  isNormal(l) {
    return Boolean(this.u[l]) && this.architecture.normalization?.[l - 1] === "layer";
  }

  /**
   * @param {number} l
   */
  isResidual(l) {
    return isResidual(this.architecture, l);
  }

  /**
   * ∂J/∂a of a hidden layer: from the layer above, and along its residual connection unchanged.
   * @param {number} l
   */
  da(l) {
    if (!this.errors.has(l)) {
      const { value } = dense(
          this.delta[l + 1],
          transposed(this.old.W[l + 1]),
          null,
          (/** @type {number} */ x) => x,
        ),
        beside = this.isResidual(l + 1) ? this.da(l + 1) : null;
      this.errors.set(l, {
        data: Float64Array.from(value.data, (x, p) => x + (beside ? beside.data[p] : 0)),
        shape: value.shape,
      });
    }
    return /** @type {Matrix} */ (this.errors.get(l));
  }

  /**
   * A number by its reference { kind, l, i, j } (rows first; for weights i is the unit below).
   * @param {Reference} ref
   * @returns {number}
   */
  value(ref) {
    const { kind, l, i, j } = /** @type {Place} */ (ref);
    const at = (/** @type {Matrix} */ matrix) => matrix.data[i * matrix.shape[1] + j];
    if (kind === "a") return at(this.layers[l]);
    if (kind === "z" || kind === "u" || kind === "delta" || kind === "du") return at(this[kind][l]);
    if (kind === "da") return at(this.da(l));
    if (kind === "y") return at(this.y);
    if (kind === "W") return at(this.old.W[l]);
    if (kind === "W⁺") return at(this.new.W[l]);
    if (kind === "dW") return at(this.gradients.W[l]);
    const vector = /^(d?)(b|gain|shift)(⁺?)$/.exec(kind);
    if (vector)
      return (vector[1] ? this.gradients : vector[3] ? this.new : this.old)[
        /** @type {VectorName} */ (vector[2])
      ][l][i];
    if (kind === "loss") return this.rowLoss(i);
    return this.loss;
  }

  /**
   * Whether an output of a row has no target.
   * @param {number} i
   * @param {number} j
   */
  isMissing(i, j) {
    return Number.isNaN(this.value({ kind: "y", l: null, i, j }));
  }

  /**
   * @param {number} i
   */
  rowLoss(i) {
    const part = (/** @type {Matrix} */ matrix) =>
      matrix.data.subarray(i * matrix.shape[1], (i + 1) * matrix.shape[1]);
    const { loss } = this.architecture;
    return rowLoss(
      loss,
      this.activation(this.L),
      part(this.z[this.L]),
      part(this.layers[this.L]),
      part(this.y),
    );
  }

  /**
   * The reference a text such as "dW2[3,7]" names, or null.
   * @param {string} text
   * @returns {Reference | null}
   */
  reference(text) {
    const trimmed = text.trim().replace("δ", "delta");
    if (trimmed === "J" || trimmed === "loss") return { kind: "J" };
    const found = ENTRY.exec(trimmed);
    if (!found) return null;
    const [, symbol, layer, after, first, second] = found;
    const kind = after ? `${symbol}⁺` : symbol;
    const l = layer === "" ? null : Number(layer),
      i = Number(first),
      j = second === undefined ? undefined : Number(second);
    return this.exists({ kind, l, i, j }) ? { kind, l, i, j } : null;
  }

  /**
   * @param {Reference} ref
   */
  exists(ref) {
    const { kind, l, i, j } = /** @type {Reference & { l: number | null }} */ (ref);
    const within = (/** @type {any} */ x, /** @type {number} */ n) =>
      x !== undefined && x >= 0 && x < n;
    if (kind === "J") return true;
    if (kind === "loss") return l === null && j === undefined && within(i, this.n);
    if (kind === "y") return l === null && within(i, this.n) && within(j, this.sizes[this.L]);
    if (
      l === null ||
      l > this.L ||
      l < (kind === "a" || kind === "da" ? 0 : 1) ||
      (kind === "da" && l === this.L)
    )
      return false;
    if (/^(d?u|d?gain⁺?|d?shift⁺?)$/.test(kind) && !this.isNormal(l)) return false;
    if (["z", "u", "a", "delta", "du", "da"].includes(kind))
      return within(i, this.n) && within(j, this.sizes[l]);
    if (kind === "W" || kind === "dW" || kind === "W⁺")
      return within(i, this.sizes[l - 1]) && within(j, this.sizes[l]);
    return (
      /^(d?(b|gain|shift)|(b|gain|shift)⁺)$/.test(kind) &&
      j === undefined &&
      within(i, this.sizes[l])
    );
  }

  // Forward from X to J, then backward from J to X, then the update.
  operations() {
    const list = [];
    for (let l = 1; l <= this.L; l++)
      list.push(
        { id: `z${l}`, kind: "z", l, pass: "forward" },
        { id: `a${l}`, kind: "a", l, pass: "forward" },
      );
    list.push({ id: "J", kind: "J", l: this.L, pass: "loss" });
    for (let l = this.L; l > 0; l--)
      list.push(
        { id: `delta${l}`, kind: "delta", l, pass: "backward" },
        { id: `dW${l}`, kind: "dW", l, pass: "backward" },
      );
    list.push({ id: "update", kind: "update", l: this.L, pass: "update" });
    return list;
  }
}

/**
 * @param {Reference} ref
 */
export function label({ kind, l, i, j }) {
  if (kind === "J") return "J";
  return `${kind.replace("⁺", "")}${l ?? ""}${kind.endsWith("⁺") ? "⁺" : ""}[${i}${j === undefined ? "" : `,${j}`}]`;
}

/**
 * Places of the n entries of largest size, in their own order; a NaN counts as larger than all.
 * @param {ArrayLike<number>} values
 * @param {number} n
 * @returns {number[]}
 */
export function largest(values, n) {
  const size = (/** @type {number} */ x) => (Number.isNaN(x) ? Infinity : Math.abs(x));
  const order = Array.from(values, (_, i) => i).sort(
    (p, q) => size(values[q]) - size(values[p]) || p - q,
  );
  return order.slice(0, n).sort((p, q) => p - q);
}
