// A computation as a list of scalar gates: values forward, and backward the gradient of the last one by every other.

import { sigmoid } from "../../../report/static/activations.js";
import { number } from "../../../report/static/numbers.js";

/**
 * @typedef {{ value: (x: number[]) => number, slopes: (x: number[], y: number) => number[], text: (x: string[]) => string }} Kind
 * @typedef {{ name: string, kind: string, from: number[], value: number, gradient: number, parts: number[] }} Gate
 */

/** @param {number} x */
const factor = (x) => (x < 0 ? `(${number(x)})` : number(x));

/**
 * A negative number without the brackets that it has as a factor.
 * @param {string} text
 */
const bare = (text) => text.replace(/^\((-[^()]*)\)$/, "$1");

/** @type {Record<string, Kind>} */
export const KINDS = {
  add: {
    value: (x) => x.reduce((sum, each) => sum + each, 0),
    slopes: (x) => x.map(() => 1),
    text: (x) => x.join(" + "),
  },
  subtract: { value: ([x, y]) => x - y, slopes: () => [1, -1], text: ([x, y]) => `${x} − ${y}` },
  multiply: { value: ([x, y]) => x * y, slopes: ([x, y]) => [y, x], text: ([x, y]) => `${x}·${y}` },
  max: {
    value: ([x, y]) => Math.max(x, y),
    slopes: ([x, y]) => (x >= y ? [1, 0] : [0, 1]),
    text: ([x, y]) => `max(${bare(x)}, ${bare(y)})`,
  },
  sigmoid: {
    value: ([x]) => sigmoid(x),
    slopes: (_, y) => [y * (1 - y)],
    text: ([x]) => `σ(${bare(x)})`,
  },
  relu: {
    value: ([x]) => Math.max(x, 0),
    slopes: ([x]) => [x > 0 ? 1 : 0],
    text: ([x]) => `max(0, ${bare(x)})`,
  },
  square: {
    value: ([x]) => x * x,
    slopes: ([x]) => [2 * x],
    text: ([x]) => `${/^[\w.]+$|^\(.*\)$/.test(x) ? x : `(${x})`}²`,
  },
  reciprocal: { value: ([x]) => 1 / x, slopes: ([x]) => [-1 / (x * x)], text: ([x]) => `1/${x}` },
};

export class Tape {
  constructor() {
    /** @type {Gate[]} */
    this.gates = [];
  }

  /**
   * @param {string} name
   * @param {number} value
   */
  input(name, value) {
    this.gates.push({ name, kind: "", from: [], value, gradient: 0, parts: [] });
    return this.gates.length - 1;
  }

  /**
   * @param {string} kind
   * @param {string} name
   * @param {...number} from
   */
  gate(kind, name, ...from) {
    const value = KINDS[kind].value(from.map((p) => this.gates[p].value));
    this.gates.push({ name, kind, from, value, gradient: 0, parts: [] });
    return this.gates.length - 1;
  }

  // The gradient of the last gate by every other: from the last to the first, each hands on slope·gradient; a value
  // that is used several times adds up what comes back.
  backward() {
    for (const gate of this.gates) gate.parts = [];
    const last = /** @type {Gate} */ (this.gates.at(-1));
    last.parts = [1];
    for (const gate of [...this.gates].reverse()) {
      gate.gradient = gate.parts.reduce((sum, part) => sum + part, 0);
      if (!gate.kind) continue;
      const slopes = KINDS[gate.kind].slopes(
        gate.from.map((p) => this.gates[p].value),
        gate.value,
      );
      gate.from.forEach((p, k) => this.gates[p].parts.push(slopes[k] * gate.gradient));
    }
    return this;
  }

  /**
   * How a value was computed, in names and in numbers.
   * @param {Gate} gate
   */
  formula({ kind, from }) {
    if (!kind) return { names: "", numbers: "" };
    const { text } = KINDS[kind];
    return {
      names: text(from.map((p) => this.gates[p].name)),
      numbers: text(from.map((p) => factor(this.gates[p].value))),
    };
  }

  /**
   * The value of a name.
   * @param {string} name
   */
  of(name) {
    return /** @type {Gate} */ (this.gates.find((gate) => gate.name === name));
  }
}
