// Where a number of the backward pass comes from: error signals and gradients.

import { ACTIVATIONS } from "./activations.js";
import { range, row } from "./arrays.js";
import {
  entry,
  fraction,
  math,
  mi,
  mn,
  mo,
  mrow,
  mspace,
  partial,
  root,
  sub,
  total,
} from "./dom.js";
import { normalised } from "./layers.js";
import { pairOf } from "./losses.js";
import { number } from "./numbers.js";
import { ending, factor, product, sum } from "./why_terms.js";

/** @import { Explained, Line, Matrix, Pair, Place, Rules, Step, Term } from "./types.js" */

/** @type {Rules} */
export const BACKWARD = {
  delta(step, ref) {
    if (ref.l === step.L) return outputError(step, ref);
    return step.isNormal(ref.l) ? normalError(step, ref) : hiddenError(step, ref);
  },

  du: (step, ref) => hiddenError(step, ref),

  da(step, ref) {
    const { l, i, j } = ref,
      terms = errorTerms(step, ref),
      beside = { ...ref, l: l + 1 },
      skips = step.isResidual(l + 1);
    return {
      said: "why_da",
      terms,
      formula: math(
        entry("da", l, i, j),
        mo("="),
        partial(mi("J"), entry("a", l, i, j)),
        mo("="),
        total("k"),
        entry("δ", l + 1, i, "k"),
        mo("·"),
        entry("W", l + 1, j, "k"),
        ...(skips ? [mo("+"), entry("da", l + 1, i, j)] : []),
      ),
      lines: [
        { words: "sum", value: sum(terms) },
        ...(skips
          ? [{ words: "residual_da", ref: beside, plus: true, value: step.value(beside) }]
          : []),
        { result: ref, value: step.value(ref) },
      ],
    };
  },

  dW(step, ref) {
    const { l, i: k, j } = ref;
    const terms = range(step.n).map((i) =>
      product(step, { kind: "a", l: l - 1, i, j: k }, { kind: "delta", l, i, j }),
    );
    return {
      said: "why_dW",
      terms,
      over: "rows",
      formula: math(
        entry("dW", l, k, j),
        mo("="),
        partial(mi("J"), entry("W", l, k, j)),
        mo("="),
        total("i"),
        entry("a", l - 1, "i", k),
        mo("·"),
        entry("δ", l, "i", j),
      ),
      lines: [{ words: "sum", value: sum(terms) }, ...ending(step, ref, sum(terms))],
    };
  },

  db(step, ref) {
    const { l, i: j } = ref;
    const terms = range(step.n).map((i) => ({
      parts: [{ kind: "delta", l, i, j }],
      value: step.value({ kind: "delta", l, i, j }),
    }));
    return {
      said: "why_db",
      terms,
      over: "rows",
      formula: math(
        entry("db", l, j),
        mo("="),
        partial(mi("J"), entry("b", l, j)),
        mo("="),
        total("i"),
        entry("δ", l, "i", j),
      ),
      lines: [{ words: "sum", value: sum(terms) }, ...ending(step, ref, sum(terms))],
    };
  },

  dgain(step, ref) {
    const { l, i: j } = ref,
      scaled = range(step.n).map((i) => normalised(row(step.z[l], i)).xHat[j]);
    const terms = scaled.map((x, i) => ({
      parts: [{ kind: "du", l, i, j }],
      more: `x̂ ${number(x)}`,
      value: step.value({ kind: "du", l, i, j }) * x,
    }));
    return {
      said: "why_dgain",
      terms,
      over: "rows",
      formula: math(
        entry("dgain", l, j),
        mo("="),
        partial(mi("J"), entry("gain", l, j)),
        mo("="),
        total("i"),
        entry("du", l, "i", j),
        mo("·"),
        entry("x̂", null, "i", j),
      ),
      lines: [{ words: "sum", value: sum(terms) }, ...ending(step, ref, sum(terms))],
    };
  },

  dshift(step, ref) {
    const { l, i: j } = ref,
      terms = range(step.n).map((i) => ({
        parts: [{ kind: "du", l, i, j }],
        value: step.value({ kind: "du", l, i, j }),
      }));
    return {
      said: "why_dshift",
      terms,
      over: "rows",
      formula: math(
        entry("dshift", l, j),
        mo("="),
        partial(mi("J"), entry("shift", l, j)),
        mo("="),
        total("i"),
        entry("du", l, "i", j),
      ),
      lines: [{ words: "sum", value: sum(terms) }, ...ending(step, ref, sum(terms))],
    };
  },
};

/**
 * ∂loss/∂a of an output; where a target has several, a = z and this is their delta.
 * @param {Step} step
 * @param {Pair} pair
 * @param {Place} ref
 */
function slopeOfLoss(step, pair, { l, i, j }) {
  const n = pair.n;
  if (!n || !pair.rowDelta)
    return pair.da(step.value({ kind: "a", l, i, j }), step.value({ kind: "y", l: null, i, j }));
  const first = j - (j % n),
    a = Float64Array.from(range(n), (k) => step.value({ kind: "a", l, i, j: first + k })),
    y = Float64Array.from(a, () => step.value({ kind: "y", l: null, i, j }));
  return pair.rowDelta(a, a, y)[j - first];
}

/**
 * @param {Step} step
 * @param {Place} ref
 * @returns {Explained}
 */
function outputError(step, ref) {
  const { l, i, j } = ref,
    output = step.activation(l),
    pair = pairOf(step.architecture.loss, output),
    s = step.scales[i];
  const a = { kind: "a", l, i, j },
    y = { kind: "y", l: null, i, j },
    z = { kind: "z", l, i, j };
  if (step.isMissing(i, j))
    return {
      said: "why_bp1_missing",
      badge: "BP1",
      formula: math(
        entry("δ", l, i, j),
        mo("="),
        partial(mi("J"), entry("z", l, i, j)),
        mo("="),
        mn("0"),
      ),
      lines: [{ result: ref, value: step.value(ref) }],
    };
  const share = { words: "share", value: s, times: true };
  if (pair.fused)
    return {
      said: "why_bp1_fused",
      badge: "BP1",
      formula: math(
        entry("δ", l, i, j),
        mo("="),
        sub("s", i),
        mo("·"),
        mo("("),
        entry("a", l, i, j),
        mo("−"),
        entry("y", null, i, j),
        mo(")"),
      ),
      lines: [
        { ref: a, value: step.value(a) },
        { ref: y, minus: true, value: step.value(y) },
        {
          text: `${number(step.value(a))} − ${factor(step.value(y))}`,
          value: step.value(a) - step.value(y),
        },
        share,
        { result: ref, value: step.value(ref) },
      ],
    };
  /** @type {Line[]} */
  const lines = [
    { ref: a, value: step.value(a) },
    { ref: y, value: step.value(y) },
    { ref: z, value: step.value(z) },
  ];
  if (!pair.delta && !ACTIVATIONS[output].row)
    lines.push(
      { words: "loss_slope", value: slopeOfLoss(step, pair, ref) },
      {
        words: "slope",
        times: true,
        value: ACTIVATIONS[output].slope(step.value(z), step.value(a)),
      },
    );
  return {
    said: "why_bp1",
    badge: "BP1",
    formula: math(
      entry("δ", l, i, j),
      mo("="),
      sub("s", i),
      mo("·"),
      partial(mi("loss"), entry("a", l, i, j)),
      mo("⊙"),
      mi("g′"),
      mo("("),
      entry("z", l, i, j),
      mo(")"),
    ),
    lines: [...lines, share, { result: ref, value: step.value(ref) }],
  };
}

/**
 * @param {Step} step
 * @param {Place} ref
 * @returns {Term[]}
 */
const errorTerms = (step, { l, i, j }) =>
  range(step.sizes[l + 1]).map((k) =>
    product(step, { kind: "delta", l: l + 1, i, j: k }, { kind: "W", l: l + 1, i: j, j: k }),
  );

/**
 * delta of a normalised layer: du back through the normalisation of its row.
 * @param {Step} step
 * @param {Place} ref
 * @returns {Explained}
 */
function normalError(step, ref) {
  const { l, i, j } = ref,
    { xHat, deviation } = normalised(row(step.z[l], i)),
    mean = (/** @type {any[]} */ list) =>
      list.reduce((/** @type {any} */ all, /** @type {number} */ x) => all + x, 0) / xHat.length;
  const scaled = Array.from(row(step.du[l], i), (d, k) => d * step.old.gain[l][k]),
    all = mean(scaled),
    along = mean(scaled.map((d, k) => d * xHat[k]));
  const dx = mi("dx̂"),
    hat = () => mi("x̂"),
    bar = (/** @type {Node[]} */ ...parts) => mrow(mi("mean"), mo("("), ...parts, mo(")")),
    terms = scaled[j] - all - xHat[j] * along;
  return {
    said: "why_bp2_normal",
    badge: "BP2",
    formula: math(
      entry("δ", l, i, j),
      mo("="),
      fraction(
        mrow(
          dx,
          mo("−"),
          bar(dx.cloneNode(true)),
          mo("−"),
          hat(),
          mo("·"),
          bar(dx.cloneNode(true), mo("·"), hat()),
        ),
        root(mrow(mi("var"), mo("+"), mi("ε"))),
      ),
      mo(","),
      mspace(),
      dx.cloneNode(true),
      mo("="),
      mi("du"),
      mo("·"),
      mi("gain"),
    ),
    lines: [
      { ref: { ...ref, kind: "du" }, value: step.value({ ...ref, kind: "du" }) },
      { ref: { kind: "gain", l, i: j }, times: true, value: step.old.gain[l][j] },
      { text: "dx̂", value: scaled[j] },
      { text: "mean(dx̂)", minus: true, value: all },
      {
        text: `x̂·mean(dx̂·x̂) = ${number(xHat[j])}·${factor(along)}`,
        minus: true,
        value: xHat[j] * along,
      },
      { text: `/ √(var + ε) = / ${number(deviation)}`, value: terms / deviation },
      ...ending(step, ref, terms / deviation),
    ],
  };
}

/**
 * @param {Step} step
 * @param {Place} ref
 * @returns {Explained}
 */
function hiddenError(step, ref) {
  const { l, i, j } = ref,
    name = step.activation(l),
    z = { kind: "z", l, i, j };
  const terms = errorTerms(step, ref);
  const mask = step.masks?.[l] ?? null,
    m = mask ? mask.data[i * mask.shape[1] + j] : 1,
    da = sum(terms);
  /** @type {Line[]} */
  const lines = [{ words: "sum_da", value: da }];
  const on = { ...z, kind: step.isNormal(l) ? "u" : "z" };
  if (step.isResidual(l + 1))
    lines.push({
      words: "residual_da",
      plus: true,
      value: step.da(l + 1).data[i * step.sizes[l + 1] + j],
    });
  if (mask) lines.push({ words: "mask", times: true, value: m });
  if (ACTIVATIONS[name].row) lines.push({ words: "mixes" });
  else {
    const g = ACTIVATIONS[name].g(step.value(on), step.architecture.dtype),
      slope = ACTIVATIONS[name].slope(step.value(on), g);
    lines.push({ words: "slope", at: on, times: true, value: slope });
    lines.push(...ending(step, ref, step.da(l).data[i * step.sizes[l] + j] * m * slope));
    return { said: "why_bp2", badge: "BP2", terms, formula: errorFormula(ref, mask), lines };
  }
  return {
    said: "why_bp2",
    badge: "BP2",
    terms,
    formula: errorFormula(ref, mask),
    lines: [...lines, { result: ref, value: step.value(ref) }],
  };
}

/**
 * @param {Place} ref
 * @param {Matrix | null | undefined} mask
 */
function errorFormula({ kind, l, i, j }, mask) {
  return math(
    entry(kind === "du" ? "du" : "δ", l, i, j),
    mo("="),
    mo("("),
    total("k"),
    entry("δ", l + 1, i, "k"),
    mo("·"),
    entry("W", l + 1, j, "k"),
    mo(")"),
    ...(mask ? [mo("·"), entry("mask", l, i, j)] : []),
    mo("·"),
    mi("g′"),
    mo("("),
    entry("z", l, i, j),
    mo(")"),
  );
}
