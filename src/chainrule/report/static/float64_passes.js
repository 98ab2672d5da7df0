// The passes of a step once more in float64, from any number on, with one of them moved: what a difference
// quotient and the actual change of J are made of. The same as explain/why/step_context.py.

import { ACTIVATIONS, activate } from "./activations.js";
import { parameters, row, times } from "./arrays.js";
import { dense, layerNormForward } from "./layers.js";
import { rowLoss } from "./losses.js";

/** @import { Matrix, Place, Step, VectorName } from "./types.js" */

const MOVE = 1e-5,
  MOST_PRODUCTS = 1.5e8;
/** @type {Record<string, string>} */
const MOVED = { dW: "W", db: "b", dgain: "gain", dshift: "shift", delta: "z", du: "u", da: "a" };
export const PARAMETERS = ["W", "b", "gain", "shift"];
/**
 * @param {number} x
 */
const exactly = (x) => x;
/**
 * @param {Matrix} matrix
 * @returns {Matrix}
 */
const copied = (matrix) => ({ data: Float64Array.from(matrix.data), shape: matrix.shape });

/**
 * Whether a pass of the batch takes but a moment.
 * @param {Step} step
 */
export const isQuick = (step) => step.n * step.theta.data.length <= MOST_PRODUCTS;

/**
 * Whether further passes would have something to say about a number.
 * @param {Place} ref
 */
export const isMovable = ({ kind }) =>
  kind === "J" || kind in MOVED || PARAMETERS.includes(kind.replace("⁺", ""));

export class Wide {
  /**
   * @param {Step} step
   */
  constructor(step) {
    this.step = step;
    this.theta = Float64Array.from(step.theta.data);
    this.parts = parameters(this.theta, step.architecture);
    this.passes = this.layers(1, copied(step.X));
    this.loss = this.lossOf(this.passes);
  }

  /**
   * z, u and a of the layers from `first` on, given what goes in; u is z where a layer is not normalised.
   * @param {number} first
   * @param {Matrix} input
   * @param {any} [parts]
   * @returns {{ z: Matrix[], u: Matrix[], a: Matrix[] }}
   */
  layers(first, input, { W, b } = this.parts) {
    /** @type {{ z: Matrix[], u: Matrix[], a: Matrix[] }} */
    const values = { z: [], u: [], a: [] };
    values.a[first - 1] = input;
    for (let l = first; l <= this.step.L; l++) {
      values.z[l] = dense(values.a[l - 1], W[l], b[l], exactly).value;
      values.u[l] = this.normal(l, values.z[l]);
      values.a[l] = this.active(l, values.a[l - 1], values.u[l]);
    }
    return values;
  }

  /**
   * @param {number} l
   * @param {Matrix} z
   */
  normal(l, z) {
    const { gain, shift } = this.parts;
    return gain[l] ? layerNormForward(z, gain[l], shift[l], exactly).value : z;
  }

  /**
   * @param {number} l
   * @param {Matrix} below
   * @param {Matrix} u
   */
  active(l, below, u) {
    const a = times(activate(u, this.step.activation(l), "float64"), this.step.masks?.[l], exactly);
    return this.step.isResidual(l)
      ? {
          data: a.data.map((/** @type {number} */ x, /** @type {number} */ p) => x + below.data[p]),
          shape: a.shape,
        }
      : a;
  }

  /**
   * @param {{ z: Matrix[], u: Matrix[], a: Matrix[] }} passes
   */
  lossOf({ z, a }) {
    const { architecture, L, scales, y } = this.step,
      output = this.step.activation(L);
    return scales.reduce(
      (/** @type {number} */ sum, /** @type {any} */ s, /** @type {number} */ i) =>
        s > 0
          ? sum + s * rowLoss(architecture.loss, output, row(z[L], i), row(a[L], i), row(y, i))
          : sum,
      0,
    );
  }

  /**
   * J with one number moved by h, and the passes that saw it move.
   * @param {string} kind
   * @param {Place} ref
   * @param {number} h
   * @returns {any}
   */
  moved(kind, { l, i, j }, h) {
    if (PARAMETERS.includes(kind)) {
      const values =
          kind === "W" ? this.parts.W[l].data : this.parts[/** @type {VectorName} */ (kind)][l],
        p = kind === "W" ? i * this.step.sizes[l] + j : i,
        before = values[p];
      values[p] = before + h;
      const passes = this.layers(l, this.passes.a[l - 1]);
      values[p] = before;
      return { J: this.lossOf(passes), passes };
    }
    /** @type {any} */
    const changed = {};
    const part = copied(/** @type {any} */ (this.passes)[kind][l]);
    part.data[i * part.shape[1] + j] += h;
    if (kind !== "a") changed.u = kind === "u" ? part : this.normal(l, part);
    changed.a = kind === "a" ? part : this.active(l, this.passes.a[l - 1], changed.u);
    const passes = this.layers(l + 1, changed.a);
    if (kind === "z") passes.z[l] = part;
    else if (l === this.step.L) passes.z[l] = this.passes.z[l];
    passes.u[l] = changed.u;
    return { J: this.lossOf(passes), passes };
  }

  // J with all parameters as they were after the step.
  after() {
    const before = this.theta.slice();
    this.theta.set(this.step.theta_new.data);
    const J = this.lossOf(this.layers(1, this.passes.a[0]));
    this.theta.set(before);
    return J;
  }
}

/**
 * @param {Step} step
 * @returns {Wide}
 */
const wideOf = (step) => (step.wide ??= new Wide(step));
/**
 * @param {Wide} wide
 * @param {Step} step
 * @param {string} kind
 * @param {Place} ref
 */
const valueIn = ({ passes, parts }, step, kind, ref) => {
  if (!PARAMETERS.includes(kind))
    return /** @type {any} */ (passes)[kind][ref.l].data[ref.i * step.sizes[ref.l] + ref.j];
  return kind === "W"
    ? parts.W[ref.l].data[ref.i * step.sizes[ref.l] + ref.j]
    : parts[/** @type {VectorName} */ (kind)][ref.l][ref.i];
};

/**
 * The same gradient from differences: (J(x + h) − J(x − h)) / 2h, and how far the rounding of J may move it.
 * @param {Step} step
 * @param {Place} ref
 */
export function twin(step, ref) {
  const kind = MOVED[ref.kind];
  if (!kind || !Number.isFinite(step.loss)) return null;
  const wide = wideOf(step),
    h = MOVE * Math.max(1, Math.abs(valueIn(wide, step, kind, ref)));
  const [above, below] = [h, -h].map((by) => wide.moved(kind, ref, by));
  const kink = above.passes.u.some(
    (/** @type {Matrix} */ u, /** @type {number} */ l) =>
      u &&
      ACTIVATIONS[step.activation(l)].kinks &&
      u.data.some(
        (/** @type {number} */ x, /** @type {number} */ p) =>
          x > 0 !== below.passes.u[l].data[p] > 0,
      ),
  );
  const doubt = (4 * Number.EPSILON * Math.max(Math.abs(above.J), Math.abs(below.J))) / h;
  return { of: { ...ref, kind }, numeric: (above.J - below.J) / (2 * h), h, doubt, kink };
}

/**
 * What the update, or the change of one parameter, was to do to J by the gradient alone, and what it did.
 * @param {Step} step
 * @param {Place} ref
 */
export function prediction(step, ref) {
  const part = ref.kind.replace("⁺", "");
  if (!Number.isFinite(step.loss) || !(ref.kind === "J" || PARAMETERS.includes(part))) return null;
  const wide = wideOf(step),
    before = wide.loss;
  if (ref.kind !== "J") {
    const [old, fresh, slope] = [part, `${part}⁺`, `d${part}`].map((kind) =>
      step.value({ ...ref, kind }),
    );
    return {
      before,
      predicted: slope * (fresh - old),
      after: wide.moved(part, ref, fresh - old).J,
      one: { ...ref, kind: part },
      layers: [],
    };
  }
  const layers = [],
    flat = (/** @type {any} */ x) => x.data ?? x;
  for (let l = 1; l <= step.L; l++)
    for (const kind of PARAMETERS)
      if (step.gradients[/** @type {VectorName} */ (kind)][l]) {
        const [g, from, to] = [step.gradients, step.old, step.new].map((parts) =>
          flat(parts[/** @type {VectorName} */ (kind)][l]),
        );
        layers.push([
          `${kind}${l}`,
          g.reduce(
            (/** @type {number} */ sum, /** @type {number} */ x, /** @type {number} */ p) =>
              sum + x * (to[p] - from[p]),
            0,
          ),
        ]);
      }
  return {
    before,
    predicted: layers.reduce((sum, [, x]) => sum + x, 0),
    after: wide.after(),
    one: null,
    layers,
  };
}

/**
 * How the straight-line prediction fared.
 * @param {number} predicted
 * @param {number} actual
 */
export function verdict(predicted, actual) {
  if (predicted === 0 || Math.abs(actual - predicted) <= 0.1 * Math.abs(predicted))
    return "straight";
  if (predicted < 0 && actual > 0) return "overshot";
  return Math.abs(actual) < Math.abs(predicted) ? "curved" : "better";
}
