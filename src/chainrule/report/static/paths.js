// The ways from a weight up to the loss: backpropagation is their sum, taken cleverly. See explain/why/paths.py.
//
// The nodes of a layer are its z and, where it can be gone past by its residual connection, its inputs once more.

import { ACTIVATIONS } from "./activations.js";
import { range, row } from "./arrays.js";
import { normalised } from "./layers.js";

/** @import { Place, Step } from "./types.js" */

const EVERY = 100000,
  SHOWN_WAYS = 5,
  MOST_EDGES = 3e7;
/**
 * @param {Step} step
 * @param {number} m
 */
const mixes = (step, m) => step.isNormal(m) || Boolean(ACTIVATIONS[step.activation(m)].row);

/**
 * The best ways from W[l][k,j], how many there are, and what everyWay of them sum to: over the batch where everyWay
 * can be walked, else of the row that gives most.
 * @param {Step} step
 * @param {Place} ref
 * @returns {any}
 */
export function paths(step, { kind, l, i: k, j }) {
  if (kind !== "dW" || l === step.L || !Number.isFinite(step.loss)) return null;
  const a = range(step.n).map((i) => step.value({ kind: "a", l: l - 1, i, j: k })),
    n = countWays(step, l);
  if (n < 2) return null;
  const work = range(step.L - l).reduce(
    (sum, d) =>
      sum +
      step.sizes[l + d] * step.sizes[l + d + 1] * (mixes(step, l + d) ? step.sizes[l + d] : 1),
    0,
  );
  if (n * step.n <= EVERY && work * step.n <= MOST_EDGES)
    return { n, row: null, ...everyWay(step, l, j, a) };
  if (work * SHOWN_WAYS > MOST_EDGES) return null;
  const given = a.map((x, i) => Math.abs(x * step.value({ kind: "delta", l, i, j })));
  const best = given.reduce((most, x, i) => (x > given[most] ? i : most), 0);
  return { n, row: best, ...bestWays(step, l, j, a[best], best) };
}

/**
 * @param {Step} step
 * @param {number} l
 */
function countWays(step, l) {
  let through = 1,
    past = 1;
  for (let m = step.L - 1; m >= l; m--) {
    const n = step.sizes[m],
      onward = step.sizes[m + 1],
      skips = step.isResidual(m + 1) ? 1 : 0;
    [through, past] = [
      onward * through + skips * (mixes(step, m) ? n : 1) * past,
      onward * through + skips * past,
    ];
  }
  return through;
}

/**
 * What z[m] of row i does to what leaves the layer, before its residual connection: row by row of a square
 * matrix where units mix, else one factor a unit.
 * @param {Step} step
 * @param {number} m
 * @param {number} i
 */
function slopesOf(step, m, i) {
  const name = step.activation(m),
    u = row((step.isNormal(m) ? step.u : step.z)[m], i),
    n = u.length,
    mask = step.masks?.[m];
  const kept = (/** @type {number} */ p) => (mask ? mask.data[i * n + p] : 1),
    { g, slope, row: whole } = ACTIVATIONS[name];
  const alone = Array.from(u, (x, p) => slope(x, g(x, "float64")) * kept(p));
  if (!whole && !step.isNormal(m)) return { alone };
  let each;
  if (whole) {
    const e = Array.from(u, (x) => Math.exp(x - Math.max(...u))),
      sum = e.reduce((s, x) => s + x, 0);
    each = e.map((x, p) => e.map((y, q) => (x / sum) * ((p === q ? 1 : 0) - y / sum) * kept(q)));
  } else each = alone.map((x, p) => alone.map((_, q) => (p === q ? x : 0)));
  if (!step.isNormal(m)) return { each };
  const { xHat, deviation } = normalised(row(step.z[m], i)),
    gain = step.old.gain[m];
  const inner = xHat.map((x, p) =>
    xHat.map((y, q) => (((p === q ? 1 : 0) - 1 / n - (x * y) / n) * gain[q]) / deviation),
  );
  return {
    each: alone
      ? inner.map((line) => line.map((x, q) => x * alone[q]))
      : inner.map((line) => each[0].map((_, q) => line.reduce((s, x, p) => s + x * each[p][q], 0))),
  };
}

/**
 * What the nodes of layer m do to those of layer m + 1 for row i, a list for every node; null where the
 * architecture has no edge.
 * @param {Step} step
 * @param {number} m
 * @param {number} i
 * @param {any} past
 * @returns {(number | null)[][]}
 */
function edgesOf(step, m, i, past) {
  const W = step.old.W[m + 1],
    [n, to] = W.shape,
    skips = step.isResidual(m + 1),
    { alone, each } = slopesOf(step, m, i);
  const onward = range(n).map((p) => [
    ...row(W, p),
    ...(skips ? range(n).map((q) => (p === q ? 1 : null)) : []),
  ]);
  const through = range(n).map((p) =>
    onward[0].map((_, v) => {
      const edge = onward[p][v];
      if (alone) return edge === null ? null : alone[p] * edge;
      return v < to
        ? each[p].reduce((sum, x, q) => sum + x * (onward[q][v] ?? 0), 0)
        : each[p][v - to];
    }),
  );
  return past ? [...through, ...onward] : through;
}

/**
 * @param {Step} step
 * @param {number} m
 * @param {number} l
 */
const isPast = (step, m, l) => m > l && step.isResidual(m);

/**
 * @param {Step} step
 * @param {number} l
 * @param {any} nodes
 * @param {number} value
 * @param {any} [factors]
 */
function asWay(step, l, nodes, value, factors = []) {
  const units = nodes.map(
    (/** @type {any} */ node, /** @type {number} */ d) => node % step.sizes[l + d],
  );
  return {
    units,
    past: nodes.map(
      (/** @type {any} */ node, /** @type {number} */ d) => node >= step.sizes[l + d],
    ),
    value,
    factors,
  };
}

/**
 * @param {Step} step
 * @param {number} l
 * @param {number} j
 * @param {number[]} a
 */
function everyWay(step, l, j, a) {
  let ways = [{ nodes: [j], products: a }];
  const last = (/** @type {number[]} */ nodes) => nodes[nodes.length - 1];
  for (let m = l; m < step.L; m++) {
    const by = range(step.n).map((i) => edgesOf(step, m, i, isPast(step, m, l)));
    /** @type {typeof ways} */
    const onward = [];
    for (const { nodes, products } of ways)
      by[0][last(nodes)].forEach(
        (edge, v) =>
          edge !== null &&
          onward.push({
            nodes: [...nodes, v],
            products: products.map((x, i) => x * (by[i][last(nodes)][v] ?? 0)),
          }),
      );
    ways = onward;
  }
  const values = ways.map(({ nodes, products }) =>
    products.reduce(
      (/** @type {number} */ sum, /** @type {number} */ x, /** @type {number} */ i) =>
        sum + x * step.value({ kind: "delta", l: step.L, i, j: last(nodes) }),
      0,
    ),
  );
  const order = range(ways.length)
    .sort((p, q) => Math.abs(values[q]) - Math.abs(values[p]) || p - q)
    .slice(0, SHOWN_WAYS);
  return {
    top: order.map((p) => asWay(step, l, ways[p].nodes, values[p])),
    total: values.reduce((sum, x) => sum + x, 0),
  };
}

/**
 * For every node its best continuations, from the output down.
 * @param {Step} step
 * @param {number} l
 * @param {number} j
 * @param {number} a
 * @param {number} i
 */
function bestWays(step, l, j, a, i) {
  let best = Array.from(row(step.delta[step.L], i), (x, o) => [
      { value: x, nodes: [o], factors: [x] },
    ]),
    total = best.map(([{ value }]) => value);
  for (let m = step.L - 1; m >= l; m--) {
    const by = edgesOf(step, m, i, isPast(step, m, l)),
      sums = total,
      onward = best,
      wanted = m === l ? [j] : range(by.length);
    total = by.map((list) =>
      list.reduce(
        (/** @type {number} */ sum, edge, v) => sum + (edge ?? 0) * (edge === null ? 0 : sums[v]),
        0,
      ),
    );
    best = by.map(() => []);
    for (const u of wanted) {
      const top = best[u];
      by[u].forEach(
        (edge, v) =>
          edge !== null &&
          onward[v].forEach((way) => {
            const value = edge * way.value,
              place = top.findIndex((other) => Math.abs(value) > Math.abs(other.value));
            if (place < 0 && top.length >= SHOWN_WAYS) return;
            top.splice(place < 0 ? top.length : place, 0, {
              value,
              nodes: [u, ...way.nodes],
              factors: [edge, ...way.factors],
            });
            if (top.length > SHOWN_WAYS) top.pop();
          }),
      );
    }
  }
  return {
    top: best[j].map((way) => asWay(step, l, way.nodes, a * way.value, [a, ...way.factors])),
    total: a * total[j],
  };
}
