// The scenes: what each computes, with numbers to begin with that may be changed. Their prose stands in words/.

import { Tape } from "./gates.js";

/**
 * inputs: names and values; learned: those that a step of gradient descent changes; build: the tape of the inputs.
 * @typedef {{ name: string, source: string, inputs: Record<string, number>, learned: string[], eta: number, build: (given: Record<string, number>) => Tape, questions?: boolean }} Scene
 */

/**
 * A tape with its inputs on it, and where each of them lies.
 * @param {Record<string, number>} given
 */
function begun(given) {
  const tape = new Tape();
  /** @type {Record<string, number>} */
  const at = {};
  for (const [name, value] of Object.entries(given)) at[name] = tape.input(name, value);
  return { tape, at };
}

/**
 * A unit: the weighted sum of what comes in and its activation.
 * @param {Tape} tape
 * @param {string} unit
 * @param {number[]} x
 * @param {number[]} w
 * @param {number} bias
 * @param {string} activation
 */
function unitOf(tape, unit, x, w, bias, activation) {
  const products = x.map((from, k) =>
    tape.gate("multiply", `${tape.gates[from].name}·${tape.gates[w[k]].name}`, from, w[k]),
  );
  const z = tape.gate("add", `z${unit}`, ...products, bias);
  return activation ? tape.gate(activation, `a${unit}`, z) : z;
}

/**
 * ½·Σ (a − y)²
 * @param {Tape} tape
 * @param {[number, number][]} pairs
 */
function halfSquares(tape, pairs) {
  const squares = pairs.map(([a, y], k) =>
    tape.gate(
      "square",
      `(a − y)²${pairs.length > 1 ? ` ${k + 1}` : ""}`,
      tape.gate("subtract", `${tape.gates[a].name} − ${tape.gates[y].name}`, a, y),
    ),
  );
  const sum = squares.length > 1 ? tape.gate("add", "Σ", ...squares) : squares[0];
  return tape.gate("multiply", "J", tape.input("½", 0.5), sum);
}

/** @type {Scene[]} */
export const SCENES = [
  {
    name: "note",
    source: "",
    inputs: { x: 1.5, y: 0.6, w1: 0.8, b1: -0.2, w2: -0.6, b2: 0.1 },
    learned: ["w1", "b1", "w2", "b2"],
    eta: 0.5,
    questions: true,
    build(given) {
      const { tape, at } = begun(given);
      const a1 = unitOf(tape, "1", [at.x], [at.w1], at.b1, "sigmoid");
      halfSquares(tape, [[unitOf(tape, "2", [a1], [at.w2], at.b2, "sigmoid"), at.y]]);
      return tape;
    },
  },
  {
    name: "gates",
    source: "CS231n",
    inputs: { x: -2, y: 5, z: -4 },
    learned: ["x", "y", "z"],
    eta: 0.1,
    build(given) {
      const { tape, at } = begun(given);
      tape.gate("multiply", "f", tape.gate("add", "q", at.x, at.y), at.z);
      return tape;
    },
  },
  {
    name: "patterns",
    source: "CS231n",
    inputs: { x: 3, y: -4, z: 2, w: -1 },
    learned: ["x", "y", "z", "w"],
    eta: 0.1,
    build(given) {
      const { tape, at } = begun(given),
        two = tape.input("2", 2);
      const sum = tape.gate(
        "add",
        "s",
        tape.gate("multiply", "x·y", at.x, at.y),
        tape.gate("max", "m", at.z, at.w),
      );
      tape.gate("multiply", "f", two, sum);
      return tape;
    },
  },
  {
    name: "forks",
    source: "CS231n",
    inputs: { x: 3, y: -4 },
    learned: ["x", "y"],
    eta: 0.1,
    build(given) {
      const { tape, at } = begun(given);
      const top = tape.gate("add", "num", at.x, tape.gate("sigmoid", "σ(y)", at.y));
      const square = tape.gate("square", "(x + y)²", tape.gate("add", "x + y", at.x, at.y));
      const below = tape.gate("add", "den", tape.gate("sigmoid", "σ(x)", at.x), square);
      tape.gate("multiply", "f", top, tape.gate("reciprocal", "1/den", below));
      return tape;
    },
  },
  {
    name: "nielsen",
    source: "Nielsen",
    inputs: {
      x1: 1,
      x2: 0.5,
      y: 0,
      w11: 0.4,
      w12: -0.6,
      b1: 0.1,
      w21: 0.9,
      w22: 0.3,
      b2: -0.2,
      v1: 1.2,
      v2: -0.7,
      c: 0.3,
    },
    learned: ["w11", "w12", "b1", "w21", "w22", "b2", "v1", "v2", "c"],
    eta: 0.5,
    build(given) {
      const { tape, at } = begun(given);
      const first = unitOf(tape, "1", [at.x1, at.x2], [at.w11, at.w12], at.b1, "sigmoid"),
        second = unitOf(tape, "2", [at.x1, at.x2], [at.w21, at.w22], at.b2, "sigmoid");
      halfSquares(tape, [
        [unitOf(tape, "3", [first, second], [at.v1, at.v2], at.c, "sigmoid"), at.y],
      ]);
      return tape;
    },
  },
  {
    name: "book",
    source: "Goodfellow, Bengio, Courville",
    inputs: {
      x1: 1,
      x2: 1,
      y: 0,
      w11: 1,
      w12: 1,
      c1: 0,
      w21: 1,
      w22: 1,
      c2: -1,
      v1: 1,
      v2: -2,
      λ: 0.01,
    },
    learned: ["w11", "w12", "c1", "w21", "w22", "c2", "v1", "v2"],
    eta: 0.1,
    build(given) {
      const { tape, at } = begun(given);
      const first = unitOf(tape, "1", [at.x1, at.x2], [at.w11, at.w12], at.c1, "relu"),
        second = unitOf(tape, "2", [at.x1, at.x2], [at.w21, at.w22], at.c2, "relu"),
        output = tape.gate(
          "add",
          "z3",
          tape.gate("multiply", "a1·v1", first, at.v1),
          tape.gate("multiply", "a2·v2", second, at.v2),
        );
      const loss = halfSquares(tape, [[output, at.y]]);
      const squares = ["w11", "w12", "w21", "w22", "v1", "v2"].map((w) =>
        tape.gate("square", `${w}²`, at[w]),
      );
      tape.gate(
        "add",
        "J + λ·Ω",
        loss,
        tape.gate("multiply", "λ·Ω", at["λ"], tape.gate("add", "Ω", ...squares)),
      );
      return tape;
    },
  },
  {
    name: "mazur",
    source: "Mazur",
    inputs: {
      i1: 0.05,
      i2: 0.1,
      t1: 0.01,
      t2: 0.99,
      w1: 0.15,
      w2: 0.2,
      w3: 0.25,
      w4: 0.3,
      b1: 0.35,
      w5: 0.4,
      w6: 0.45,
      w7: 0.5,
      w8: 0.55,
      b2: 0.6,
    },
    learned: ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"],
    eta: 0.5,
    build(given) {
      const { tape, at } = begun(given);
      const h1 = unitOf(tape, "h1", [at.i1, at.i2], [at.w1, at.w2], at.b1, "sigmoid"),
        h2 = unitOf(tape, "h2", [at.i1, at.i2], [at.w3, at.w4], at.b1, "sigmoid"),
        o1 = unitOf(tape, "o1", [h1, h2], [at.w5, at.w6], at.b2, "sigmoid"),
        o2 = unitOf(tape, "o2", [h1, h2], [at.w7, at.w8], at.b2, "sigmoid");
      halfSquares(tape, [
        [o1, at.t1],
        [o2, at.t2],
      ]);
      return tape;
    },
  },
];

/**
 * The inputs after a step against the gradient.
 * @param {Scene} scene
 * @param {Record<string, number>} given
 * @param {number} eta
 */
export function stepped(scene, given, eta) {
  const tape = scene.build(given).backward(),
    moved = scene.learned.map((name) => [name, given[name] - eta * tape.of(name).gradient]);
  return { ...given, ...Object.fromEntries(moved) };
}

/**
 * The last value of a scene.
 * @param {Scene} scene
 * @param {Record<string, number>} given
 */
export const outcome = (scene, given) => scene.build(given).gates.at(-1)?.value ?? NaN;

/**
 * (f(x + h) − f(x − h)) / 2h of an input.
 * @param {Scene} scene
 * @param {Record<string, number>} given
 * @param {string} name
 */
export function quotient(scene, given, name) {
  const h = 1e-5;
  const moved = (/** @type {number} */ by) =>
    outcome(scene, { ...given, [name]: given[name] + by });
  return (moved(h) - moved(-h)) / (2 * h);
}
