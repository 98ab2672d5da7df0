// The operations of a step in their order, and each as a formula filled with the numbers of the moment.

import { ACTIVATIONS } from "../../report/static/activations.js";
import { parameters } from "../../report/static/arrays.js";
import { number } from "../../report/static/numbers.js";
import { OPTIMIZERS } from "../../report/static/optimizers.js";

/** @import { Playground } from "./playground.js" */

/**
 * @typedef {{ kind: "z" | "a" | "J" | "delta" | "dW" | "db" | "update", l: number, pass: "forward" | "loss" | "backward" | "update" }} Step
 */

const MOST_TERMS = 6;

/**
 * z1, a1, …, J, delta L, dW L, db L, delta L−1, …, update.
 * @param {number} L
 * @returns {Step[]}
 */
export function operationsOf(L) {
  /** @type {Step[]} */
  const found = [];
  for (let l = 1; l <= L; l++)
    found.push({ kind: "z", l, pass: "forward" }, { kind: "a", l, pass: "forward" });
  found.push({ kind: "J", l: 0, pass: "loss" });
  for (let l = L; l > 0; l--)
    for (const kind of /** @type {const} */ (["delta", "dW", "db"]))
      found.push({ kind, l, pass: "backward" });
  found.push({ kind: "update", l: 0, pass: "update" });
  return found;
}

/** @param {number} x */
const factor = (x) => (x < 0 ? `(${number(x)})` : number(x));

/**
 * A sum of products as text, cut after the first terms.
 * @param {[string, number, string, number][]} terms
 */
function products(terms) {
  const some = terms.slice(0, MOST_TERMS),
    rest = terms.length > MOST_TERMS ? " + …" : "";
  return {
    symbols: some.map(([s, , r]) => `${s}·${r}`).join(" + ") + rest,
    numbers:
      some.map(([, x, , w], k) => `${k ? factor(x) : number(x)}·${factor(w)}`).join(" + ") + rest,
  };
}

/**
 * The operation that is looked at: its equation, the entry of the chosen unit in symbols, in numbers, and its value.
 * @param {Playground} play
 * @returns {{ rule: string, name: string, symbols: string, numbers: string, value: number }[]}
 */
export function explained(play) {
  const { passes } = play;
  if (!passes) return [];
  const operation = play.operations[play.at];
  const rows = play.rows;
  return MAKERS[operation.kind](play, /** @type {any} */ (passes), operation.l, rows);
}

/**
 * @param {Playground} play
 * @param {number} l
 */
const unitOf = (play, l) => Math.min(play.unit, play.network.architecture.sizes[l] - 1);
/**
 * @param {Playground} play
 * @param {number} l
 */
const belowOf = (play, l) => Math.min(play.below, play.network.architecture.sizes[l - 1] - 1);

/** @type {Record<string, (play: Playground, passes: any, l: number, rows: number[]) => { rule: string, name: string, symbols: string, numbers: string, value: number }[]>} */
const MAKERS = {
  z(play, { z, a, theta }, l, [i]) {
    const j = unitOf(play, l),
      { W, b } = parameters(theta, play.network.architecture),
      n = W[l].shape[1];
    const { symbols, numbers } = products(
      Array.from({ length: W[l].shape[0] }, (_, k) => [
        `a${l - 1}[${i},${k}]`,
        a[l - 1].data[k],
        `W${l}[${k},${j}]`,
        W[l].data[k * n + j],
      ]),
    );
    return [
      {
        rule: `z${l} = a${l - 1} @ W${l} + b${l}`,
        name: `z${l}[${i},${j}]`,
        symbols: `${symbols} + b${l}[${j}]`,
        numbers: `${numbers} + ${factor(b[l][j])}`,
        value: z[l].data[j],
      },
    ];
  },
  a(play, { z, a }, l, [i]) {
    const j = unitOf(play, l),
      name = play.network.architecture.activations[l - 1];
    return [
      {
        rule: `a${l} = g(z${l}), g = ${name}`,
        name: `a${l}[${i},${j}]`,
        symbols: `g(z${l}[${i},${j}])`,
        numbers: `${name}(${number(z[l].data[j])})`,
        value: a[l].data[j],
      },
    ];
  },
  J(play, { a, J }, l, rows) {
    const L = play.network.L,
      y = play.y.data;
    const shown = rows.slice(0, 3).map((i, k) => `(a ${number(a[L].data[k])}, y ${number(y[i])})`);
    return [
      {
        rule: `J = (Σ loss)/n, ${play.network.architecture.loss}`,
        name: "J",
        symbols: "(Σ_i loss_i)/n",
        numbers: shown.join(", ") + (rows.length > 3 ? ", …" : ""),
        value: J,
      },
    ];
  },
  delta(play, { z, a, delta, theta }, l, rows) {
    const j = unitOf(play, l),
      { architecture, L } = play.network,
      name = architecture.activations[l - 1],
      slope = ACTIVATIONS[name].slope(z[l].data[j], a[l].data[j]);
    if (l === L) {
      const [at, y] = [a[L].data[j], play.y.data[rows[0]]],
        share = rows.length > 1 ? "/n" : "",
        isFused = architecture.loss === "cross_entropy";
      return [
        {
          rule: isFused ? `delta${L} = (a${L} − y)/n` : `delta${L} = (a${L} − y) ⊙ g′(z${L})/n`,
          name: `delta${L}[${rows[0]},${j}]`,
          symbols: isFused ? `(a − y)${share}` : `(a − y)·g′(z)${share}`,
          numbers: `(${number(at)} − ${factor(y)})${isFused ? "" : `·${number(slope)}`}${rows.length > 1 ? `/${rows.length}` : ""}`,
          value: delta[L].data[j],
        },
      ];
    }
    const { W } = parameters(theta, architecture),
      n = W[l + 1].shape[1];
    const { symbols, numbers } = products(
      Array.from({ length: n }, (_, k) => [
        `delta${l + 1}[${rows[0]},${k}]`,
        delta[l + 1].data[k],
        `W${l + 1}[${j},${k}]`,
        W[l + 1].data[j * n + k],
      ]),
    );
    return [
      {
        rule: `delta${l} = (delta${l + 1} @ W${l + 1}ᵀ) ⊙ g′(z${l})`,
        name: `delta${l}[${rows[0]},${j}]`,
        symbols: `(${symbols})·g′(z${l}[${rows[0]},${j}])`,
        numbers: `(${numbers})·${number(slope)}`,
        value: delta[l].data[j],
      },
    ];
  },
  dW(play, { a, delta, dtheta }, l, rows) {
    const [k, j] = [belowOf(play, l), unitOf(play, l)],
      { sizes } = play.network.architecture,
      { W } = parameters(dtheta, play.network.architecture);
    const { symbols, numbers } = products(
      rows.map((row, i) => [
        `a${l - 1}[${row},${k}]`,
        a[l - 1].data[i * sizes[l - 1] + k],
        `delta${l}[${row},${j}]`,
        delta[l].data[i * sizes[l] + j],
      ]),
    );
    return [
      {
        rule: `dW${l} = a${l - 1}ᵀ @ delta${l}`,
        name: `dW${l}[${k},${j}]`,
        symbols,
        numbers,
        value: W[l].data[k * sizes[l] + j],
      },
    ];
  },
  db(play, { delta, dtheta }, l, rows) {
    const j = unitOf(play, l),
      n = play.network.architecture.sizes[l],
      { b } = parameters(dtheta, play.network.architecture),
      terms = rows.slice(0, MOST_TERMS).map((_, i) => factor(delta[l].data[i * n + j]));
    return [
      {
        rule: `db${l} = Σ_i delta${l}`,
        name: `db${l}[${j}]`,
        symbols: "Σ delta",
        numbers: terms.join(" + ") + (rows.length > MOST_TERMS ? " + …" : ""),
        value: b[l][j],
      },
    ];
  },
  update(play, { theta, dtheta }) {
    const { rule, eta } = play.settings;
    return play.pair.map((p) => {
      const state = { ...play.network.memory[p] },
        done = OPTIMIZERS[rule](dtheta[p], state, theta[p], play.network.t + 1, eta, {});
      return {
        rule: rule === "sgd" ? "W ← W − η·dW" : `W ← W − ${rule}(dW)`,
        name: play.names[p],
        symbols:
          rule === "sgd" ? `${play.names[p]} − η·d${play.names[p]}` : `${play.names[p]} − step`,
        numbers: `${number(theta[p])} − ${rule === "sgd" ? `${number(eta)}·${factor(dtheta[p])}` : factor(done.step)}`,
        value: done.theta,
      };
    });
  },
};
