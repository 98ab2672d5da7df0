// What the drawing of a step holds: cards of numbers with their formulas, and what flows between units; the same as
// explain/step/drawing.py, whose numbers and formulas a test compares with these, character by character.

import { range, row } from "./arrays.js";
import { learnedCard } from "./drawing_learned.js";
import { largest } from "./model.js";
import { chosenUnits } from "./network.js";
import { grouped, number } from "./numbers.js";
import { t } from "./words.js";

/** @import { App, Card, Drawing, Step, Vector } from "./types.js" */

const UNITS = 6,
  TERMS = 2;

/** A number as a factor of a product: in brackets where it is negative. */
const inBrackets = (/** @type {number} */ x) => {
  const text = number(x);
  return text.startsWith("-") ? `(${text})` : text;
};

/** One row of a step, drawn up. */
export class Drawn {
  /**
   * @param {App} app
   * @param {Step} step
   * @param {number} i
   */
  constructor(app, step, i) {
    const { L } = step;
    this.app = app;
    this.step = step;
    this.i = i;
    this.L = L;
    /** @type {{ kind: string | null, elementwise: boolean }[]} */
    this.layers = [{ kind: null, elementwise: true }, ...app.data.layers];
    this.isDifference = app.data.fused && !step.weight && !app.data.layers[L - 1].kind;
    /** @type {number[][]} */
    this.units = chosenUnits(step, i, UNITS, {});
  }

  /**
   * @param {number} l
   */
  mask(l) {
    const mask = this.step.masks?.[l];
    return mask ? row(mask, this.i) : null;
  }

  /**
   * What the activation of a layer is applied to, and its name.
   * @param {number} l
   * @returns {[string, Vector]}
   */
  on(l) {
    const { step, i } = this;
    return this.layers[l].kind ? ["u", row(step.u[l], i)] : ["z", row(step.z[l], i)];
  }

  /** @returns {Drawing} */
  drawing() {
    const { step, L, i } = this,
      layers = range(L).map((l) => l + 1);
    return {
      forward: [this.inputs(), ...layers.map((l) => this.forward(l))],
      learned: [null, ...layers.map((l) => learnedCard(step, l))],
      backward: [null, ...layers.map((l) => this.backward(l))],
      edges: [
        [],
        ...layers.map((l) =>
          this.edges(l, (k) => step.layers[l - 1].data[i * step.sizes[l - 1] + k]),
        ),
      ],
      edgesBack: [
        [],
        ...layers.map((l) => this.edges(l, (_, j) => step.delta[l].data[i * step.sizes[l] + j])),
      ],
      residual: [false, ...layers.map((l) => step.isResidual(l))],
      sizes: step.sizes,
      head: t("drawn_head", { step: grouped(step.step), row: i, n: step.n }),
      n: step.n,
      loss: step.loss,
      lossName: step.architecture.loss,
      rate: step.eta,
      rule: step.rule,
    };
  }

  /**
   * A card of the shown units of a layer; columns and formulas are functions of a unit.
   * @param {number} l
   * @param {string} title
   * @param {string[]} equations
   * @param {[string, (j: number) => number][]} columns
   * @param {((j: number) => string)[]} formulas
   * @param {string} kind
   * @returns {Card}
   */
  card(l, title, equations, columns, formulas, kind) {
    const { app, L, i } = this,
      units = this.units[l],
      name = (/** @type {number} */ j) =>
        l === 0 ? app.inputName(j) : l === L ? this.outputName(j) : String(j);
    return {
      title,
      equations,
      labels: units.map(name),
      columns: columns.map(([name, of]) => ({ name, values: units.map(of) })),
      formulas: units.map((/** @type {number} */ j) => formulas.map((of) => of(j))),
      refs: units.map((/** @type {number} */ j) => ({ kind, l, i, j })),
      more: this.step.sizes[l] - units.length,
    };
  }

  /**
   * @param {number} j
   */
  outputName(j) {
    return this.app.data.names.outputs?.[j] ?? String(j);
  }

  inputs() {
    const x = row(this.step.X, this.i),
      formula = (/** @type {number} */ k) => `a0[${k}] = x[${k}] = ${number(x[k])}`;
    return this.card(0, t("drawn_input"), ["a0 = x"], [["a0", (k) => x[k]]], [formula], "a");
  }

  // forward ---------------------------------------------------------------------------------------------------

  /**
   * @param {number} l
   */
  forward(l) {
    const { step, i, L } = this,
      z = row(step.z[l], i),
      a = row(step.layers[l], i),
      y = row(step.y, i),
      { kind } = this.layers[l],
      [on, u] = this.on(l);
    /** @type {[string, (j: number) => number][]} */
    const columns = [[`z${l}`, (j) => z[j]]];
    const equations = [`z${l} = a${l - 1} @ W${l} + b${l}`],
      formulas = [(/** @type {number} */ j) => this.z(l, j, z[j])];
    if (kind) {
      columns.push([`u${l}`, (j) => u[j]]);
      equations.push(`u${l} = ${kind}(z${l})`);
      formulas.push((j) => `u${l}[${j}] = ${kind}(z${l})[${j}] = ${number(u[j])}`);
    }
    columns.push([`a${l}`, (j) => a[j]]);
    const skip = step.isResidual(l) ? `a${l - 1} + ` : "";
    equations.push(
      `a${l} = ${skip}${step.activation(l)}(${on}${l})${this.mask(l) ? ` ⊙ mask${l}` : ""}`,
    );
    formulas.push((j) => this.a(l, j, a[j]));
    if (l === L) columns.push(["y", (j) => y[j]]);
    const title = t(l === L ? "drawn_output" : "drawn_layer", { l });
    return this.card(l, title, equations, columns, formulas, "a");
  }

  /**
   * @param {number} l
   * @param {number} j
   * @param {number} value
   */
  z(l, j, value) {
    const { step } = this,
      m = step.sizes[l],
      below = row(step.layers[l - 1], this.i),
      weights = range(step.sizes[l - 1]).map((k) => step.old.W[l].data[k * m + j]);
    const symbols = `Σ_k a${l - 1}[k]·W${l}[k,${j}] + b${l}[${j}]`;
    return `z${l}[${j}] = ${symbols} = ${this.terms(below, weights)} + ${inBrackets(step.old.b[l][j])} = ${number(value)}`;
  }

  /**
   * @param {number} l
   * @param {number} j
   * @param {number} value
   */
  a(l, j, value) {
    const { step } = this,
      g = step.activation(l),
      [on, u] = this.on(l),
      mask = this.mask(l);
    let symbols = `${g}(${on}${l}[${j}])`,
      values = `${g}(${number(u[j])})`;
    if (!this.layers[l].elementwise) [symbols, values] = [`${g}(${on}${l})[${j}]`, ""];
    if (mask)
      [symbols, values] = [`${symbols}·mask${l}[${j}]`, values && `${values}·${number(mask[j])}`];
    if (step.isResidual(l)) {
      symbols = `a${l - 1}[${j}] + ${symbols}`;
      values &&= `${number(row(step.layers[l - 1], this.i)[j])} + ${values}`;
    }
    return `a${l}[${j}] = ${symbols} = ${values ? `${values} = ` : ""}${number(value)}`;
  }

  // backward --------------------------------------------------------------------------------------------------

  /**
   * @param {number} l
   */
  backward(l) {
    const { step, i, L } = this,
      { kind } = this.layers[l],
      [on] = this.on(l),
      delta = row(step.delta[l], i),
      du = kind ? row(step.du[l], i) : delta,
      name = `${kind ? "du" : "delta"}${l}`;
    /** @type {[string, (j: number) => number][]} */
    const columns = [[`delta${l}`, (j) => delta[j]]];
    const formulas = [(/** @type {number} */ j) => this.byG(l, j, name, du[j])],
      equations = [`${name} = ${this.through(l, on)}`];
    if (kind) {
      columns.push([`du${l}`, (j) => du[j]]);
      equations.push(`delta${l} = ∂J/∂z${l}`);
      formulas.push((j) => `delta${l}[${j}] = ∂J/∂z${l}[${j}] = ${number(delta[j])}`);
    }
    if (l < L) {
      columns.push([`da${l}`, (j) => this.da(l, j)]);
      const unchanged = step.isResidual(l + 1) ? ` + da${l + 1}` : "";
      equations.unshift(`da${l} = delta${l + 1} @ W${l + 1}.T${unchanged}`);
      formulas.unshift((j) => this.daFormula(l, j));
    }
    const title = t(l === L ? "drawn_output" : "drawn_layer", { l });
    return this.card(l, title, equations, columns, formulas, "delta");
  }

  /**
   * The error of what the activation is applied to, as an equation.
   * @param {number} l
   * @param {string} on
   */
  through(l, on) {
    if (l < this.L) return `da${l} ⊙ g′(${on}${l})${this.mask(l) ? ` ⊙ mask${l}` : ""}`;
    return this.isDifference ? `(a${l} − y) / ${this.step.n}` : `∂J/∂${on}${l}`;
  }

  /**
   * @param {number} l
   * @param {number} j
   * @param {string} name
   * @param {number} value
   */
  byG(l, j, name, value) {
    const { step, i, L } = this,
      [on, u] = this.on(l),
      result = number(value),
      y = row(step.y, i)[j];
    if (l === L && this.isDifference && Number.isFinite(y)) {
      const numbers = `(${number(row(step.layers[l], i)[j])} − ${inBrackets(y)}) / ${step.n}`;
      return `${name}[${j}] = (a${l}[${j}] − y[${j}]) / ${step.n} = ${numbers} = ${result}`;
    }
    if (l === L || !this.layers[l].elementwise)
      return `${name}[${j}] = ∂J/∂${on}${l}[${j}] = ${result}`;
    const mask = this.mask(l),
      symbols = `da${l}[${j}]·g′(${on}${l}[${j}])${mask ? `·mask${l}[${j}]` : ""}`,
      values = `${number(this.da(l, j))}·g′(${number(u[j])})${mask ? `·${number(mask[j])}` : ""}`;
    return `${name}[${j}] = ${symbols} = ${values} = ${result}`;
  }

  /**
   * ∂J/∂a of a unit of a hidden layer: its sum term by term, and along a residual connection unchanged.
   * @param {number} l
   * @param {number} k
   * @returns {number}
   */
  da(l, k) {
    const { step, L } = this,
      m = step.sizes[l + 1],
      delta = row(step.delta[l + 1], this.i),
      W = step.old.W[l + 1].data;
    let sum = delta[0] * W[k * m];
    for (let j = 1; j < m; j++) sum += delta[j] * W[k * m + j];
    return step.isResidual(l + 1) && l + 1 < L ? sum + this.da(l + 1, k) : sum;
  }

  /**
   * @param {number} l
   * @param {number} k
   */
  daFormula(l, k) {
    const { step, L } = this,
      m = l + 1,
      n = step.sizes[m],
      isAdded = step.isResidual(m),
      terms = this.terms(
        row(step.delta[m], this.i),
        step.old.W[m].data.subarray(k * n, (k + 1) * n),
      ),
      above = isAdded && m < L ? ` + ${inBrackets(this.da(m, k))}` : "",
      symbols = `Σ_j delta${m}[j]·W${m}[${k},j]${isAdded ? ` + da${m}[${k}]` : ""}`;
    return `da${l}[${k}] = ${symbols} = ${terms}${above} = ${number(this.da(l, k))}`;
  }

  // both ------------------------------------------------------------------------------------------------------

  /**
   * value·W of every pair of shown units.
   * @param {number} l
   * @param {(k: number, j: number) => number} value
   * @returns {[number, number, number][]}
   */
  edges(l, value) {
    const { step } = this,
      W = step.old.W[l].data,
      m = step.sizes[l];
    return this.units[l - 1].flatMap((k, p) =>
      this.units[l].map(
        (j, q) => /** @type {[number, number, number]} */ ([p, q, value(k, j) * W[k * m + j]]),
      ),
    );
  }

  /**
   * A sum of products: its terms of largest size, and how many more there are.
   * @param {ArrayLike<number>} left
   * @param {ArrayLike<number>} right
   */
  terms(left, right) {
    const products = Array.from(left, (x, k) => x * right[k]),
      shown = largest(products, TERMS),
      rest = products.length - shown.length;
    return [
      ...shown.map((k) => `${inBrackets(left[k])}·${inBrackets(right[k])}`),
      ...(rest ? [t("drawn_more", { n: grouped(rest) })] : []),
    ].join(" + ");
  }
}
