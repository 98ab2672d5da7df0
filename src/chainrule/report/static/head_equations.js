// Equations in MathML of the losses of targets with several outputs.

import { fraction, mi, mn, mo, mrow, sub, sup, total } from "./dom.js";
import { intervalsOf } from "./losses.js";

/** Of target t the heads are μ and s. */
export function gaussianFormula() {
  const of = (/** @type {string} */ symbol) => sub(symbol, mi("t")),
    e = mrow(mo("("), of("y"), mo("−"), of("μ"), mo(")"));
  return [
    total("t"),
    fraction(sup(e, mn(2)), mrow(mn(2), mo("·"), sup(of("σ"), mn(2)))),
    mo("+"),
    mi("log"),
    mo("\u2061"),
    of("σ"),
    mo("+"),
    fraction(mrow(mi("log"), mo("\u2061"), mn(2), mi("π")), mn(2)),
    mo(","),
    of("σ"),
    mo("="),
    mn(0.001),
    mo("+"),
    mi("softplus"),
    mo("("),
    of("s"),
    mo(")"),
  ];
}

/**
 * Of target t the heads are the point p and an s for each level, from which the levels Q are made.
 * @param {string} loss
 */
export function intervalsFormula(loss) {
  const { levels, point } = intervalsOf(loss),
    of = (/** @type {string} */ symbol) => sub(symbol, mi("t"));
  return [
    total("t"),
    mi(point),
    mo("("),
    of("p"),
    mo(")"),
    mo("+"),
    total("q"),
    sub("ρ", mi("q")),
    mo("("),
    of("Q"),
    mo("−"),
    of("y"),
    mo(")"),
    mo(","),
    of("Q"),
    mo("="),
    of("p"),
    mo("±"),
    total("k"),
    mi("softplus"),
    mo("("),
    sub("s", mi("k")),
    mo(")"),
    mo(","),
    mi("q"),
    mo("="),
    ...levels.flatMap((level, k) => [...(k ? [mo(",")] : []), mn(level)]),
  ];
}
