// Where a number of the forward pass comes from: z, u, a, the losses of the rows, J.

import { ACTIVATIONS } from "./activations.js";
import { range, row } from "./arrays.js";
import { entry, fraction, math, mi, mo, mrow, mspace, root, sub, sup, total } from "./dom.js";
import { lossFormula } from "./equations.js";
import { normalised } from "./layers.js";
import { pairOf } from "./losses.js";
import { number } from "./numbers.js";
import { ending, factor, product, sum } from "./why_terms.js";

/** @import { Explained, Line, Place, Rules, Step, VectorName } from "./types.js" */

/** @type {Rules} */
export const FORWARD = {
  z(step, { l, i, j }) {
    const terms = range(step.sizes[l - 1]).map((k) =>
      product(step, { kind: "a", l: l - 1, i, j: k }, { kind: "W", l, i: k, j }),
    );
    const bias = { kind: "b", l, i: j };
    return {
      said: "why_z",
      terms,
      formula: math(
        entry("z", l, i, j),
        mo("="),
        total("k"),
        entry("a", l - 1, i, "k"),
        mo("·"),
        entry("W", l, "k", j),
        mo("+"),
        entry("b", l, j),
      ),
      lines: [
        { words: "sum", value: sum(terms) },
        { ref: bias, plus: true, value: step.value(bias) },
        ...ending(step, { kind: "z", l, i, j }, sum(terms) + step.value(bias)),
      ],
    };
  },

  a(step, ref) {
    const { l, i, j } = ref;
    if (l === 0)
      return {
        said: "why_x",
        formula: math(entry("a", 0, i, j), mo("="), entry("X", null, i, j)),
        lines: [{ result: ref, value: step.value(ref) }],
      };
    const name = step.activation(l),
      z = { kind: "z", l, i, j },
      mask = step.masks?.[l] ?? null;
    if (ACTIVATIONS[name].row) return softmaxTerms(step, ref);
    const on = { ...z, kind: step.isNormal(l) ? "u" : "z" },
      below = { kind: "a", l: l - 1, i, j };
    const g = ACTIVATIONS[name].g(step.value(on), step.architecture.dtype);
    /** @type {Line[]} */
    const lines = [
      { ref: on, value: step.value(on) },
      { text: `${name}(${number(step.value(on))})`, value: g },
    ];
    if (mask) lines.push({ words: "mask", value: mask.data[i * mask.shape[1] + j], times: true });
    if (step.isResidual(l))
      lines.push({ ref: below, plus: true, words: "residual", value: step.value(below) });
    return {
      said: step.isResidual(l) ? "why_a_residual" : mask ? "why_a_dropout" : "why_a",
      formula: math(
        entry("a", l, i, j),
        mo("="),
        ...(step.isResidual(l) ? [entry("a", l - 1, i, j), mo("+")] : []),
        mi(name),
        mo("("),
        entry(on.kind, l, i, j),
        mo(")"),
        ...(mask ? [mo("⊙"), entry("mask", l, i, j)] : []),
      ),
      lines: [...lines, { result: ref, value: step.value(ref) }],
    };
  },

  u(step, ref) {
    const { l, i, j } = ref,
      z = { kind: "z", l, i, j },
      { mean, deviation, xHat } = normalised(row(step.z[l], i));
    return {
      said: "why_u",
      formula: math(
        entry("u", l, i, j),
        mo("="),
        entry("gain", l, j),
        mo("·"),
        fraction(
          mrow(entry("z", l, i, j), mo("−"), mi("mean")),
          root(mrow(mi("var"), mo("+"), mi("ε"))),
        ),
        mo("+"),
        entry("shift", l, j),
      ),
      lines: [
        { ref: z, value: step.value(z) },
        {
          text: `(${number(step.value(z))} − ${factor(mean)}) / ${number(deviation)}`,
          value: xHat[j],
        },
        ...[
          ["gain", "times"],
          ["shift", "plus"],
        ].map(([kind, sign]) => ({
          ref: { kind, l, i: j },
          [sign]: true,
          value: step.old[/** @type {VectorName} */ (kind)][l][j],
        })),
        { result: ref, value: step.value(ref) },
      ],
    };
  },

  loss(step, ref) {
    const { i } = ref,
      L = step.L,
      output = step.activation(L),
      pair = pairOf(step.architecture.loss, output),
      rowOf = (/** @type {string} */ kind, /** @type {number | null} */ l) =>
        Float64Array.from(range(step.sizes[L]), (j) => step.value({ kind, l, i, j })),
      ofRow = pair.rowTerms?.(rowOf("z", L), rowOf("y", null));
    const n = pair.n ?? 1; // of a target, whose term is that of its first output
    const known = range(step.sizes[L]).filter((j) => !step.isMissing(i, j) && j % n === 0);
    const terms = known.map((j) => {
      const [y, z] = ["y", "z"].map((kind) => ({ kind, l: kind === "y" ? null : L, i, j })),
        heads = range(n).map((k) => ({ kind: "a", l: L, i, j: j + k }));
      const value =
        ofRow?.[j] ??
        pair.value?.(step.value(z), step.value(heads[0]), step.value(y)) ??
        Number.NaN;
      return { parts: [...heads, y], joined: ", ", value };
    });
    return {
      said: "why_loss",
      terms,
      over: "outputs",
      formula: math(...lossFormula(step.architecture.loss, output)),
      lines: [{ result: ref, value: step.value(ref) }],
    };
  },

  J(step, ref) {
    const terms = range(step.n).map((i) => ({
      text: `${number(step.scales[i])} ·`,
      parts: [{ kind: "loss", l: null, i }],
      value: step.scales[i] * step.rowLoss(i),
    }));
    return {
      said: "why_J",
      terms,
      over: "rows",
      formula: math(
        mi("J"),
        mo("="),
        total("i"),
        sub("s", mi("i")),
        mo("·"),
        sub("loss", mi("i")),
        mo(","),
        mspace(),
        sub("s", mi("i")),
        mo("="),
        fraction(sub("w", mi("i")), mrow(mo("∑"), mi("w"))),
      ),
      lines: [{ words: "sum", value: sum(terms) }, ...ending(step, ref, sum(terms))],
    };
  },

  y: (step, ref) => ({
    said: step.isMissing(ref.i, ref.j) ? "why_y_missing" : "why_y",
    formula: math(entry("y", null, ref.i, ref.j)),
    lines: [{ result: ref, value: step.value(ref) }],
  }),
};

/**
 * @param {Step} step
 * @param {Place} ref
 * @returns {Explained}
 */
function softmaxTerms(step, ref) {
  const { l, i, j } = ref,
    n = step.sizes[l];
  const z = (/** @type {number} */ k) => ({ kind: "z", l, i, j: k });
  const top = Math.max(...range(n).map((k) => step.value(z(k))));
  const terms = range(n).map((k) => ({
    exp: true,
    parts: [z(k)],
    value: Math.exp(step.value(z(k)) - top),
    mine: k === j,
  }));
  const all = sum(terms);
  return {
    said: "why_softmax",
    terms,
    over: "units",
    offset: top,
    formula: math(
      entry("a", l, i, j),
      mo("="),
      fraction(
        mrow(sup(mi("e"), entry("z", l, i, j))),
        mrow(total("k"), sup(mi("e"), entry("z", l, i, "k"))),
      ),
    ),
    lines: [
      { words: "sum", value: all },
      { text: `${number(terms[j].value)} / ${number(all)}`, value: terms[j].value / all },
      { result: ref, value: step.value(ref) },
    ],
  };
}
