// Equations in MathML, in batch notation: rows are examples. Of whole operations, losses and optimizers.

import {
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
  sup,
  total,
  transpose,
} from "./dom.js";
import { gaussianFormula, intervalsFormula } from "./head_equations.js";
import { pairOf, parameterOf } from "./losses.js";

/** @import { Operation, Step } from "./types.js" */

/**
 * The equation of a whole operation, in batch notation: rows are examples.
 * @param {Step} step
 * @param {Operation} op
 */
export function equation(step, op) {
  const { l, kind } = op,
    L = step.L,
    name = l ? step.activation(l) : "";
  if (kind === "z")
    return math(sub("z", l), mo("="), sub("a", l - 1), sub("W", l), mo("+"), sub("b", l));
  if (kind === "a")
    return math(
      sub("a", l),
      mo("="),
      ...(step.isResidual(l) ? [sub("a", l - 1), mo("+")] : []),
      mi(name),
      mo("("),
      sub(step.isNormal(l) ? "u" : "z", l),
      mo(")"),
      ...(step.masks?.[l] ? [mo("⊙"), sub("mask", l)] : []),
    );
  if (kind === "J")
    return math(
      mi("J"),
      mo("="),
      total("i"),
      sub("s", mi("i")),
      mo("·"),
      mi("loss"),
      mo("("),
      sub(sub("a", L), mi("i")),
      mo(","),
      sub("y", mi("i")),
      mo(")"),
    );
  if (kind === "delta" && l === L) {
    const fused = pairOf(step.architecture.loss, name).fused;
    return math(
      sub("δ", l),
      mo("="),
      partial(mi("J"), sub("z", l)),
      mo("="),
      mi("s"),
      mo("·"),
      ...(fused
        ? [mo("("), sub("a", l), mo("−"), mi("y"), mo(")")]
        : [partial(mi("loss"), sub("a", l)), mo("⊙"), mi("g′"), mo("("), sub("z", l), mo(")")]),
    );
  }
  if (kind === "delta")
    return math(
      sub("δ", l),
      mo("="),
      mo("("),
      sub("δ", l + 1),
      transpose(sub("W", l + 1)),
      mo(")"),
      ...(step.masks?.[l] ? [mo("⊙"), sub("mask", l)] : []),
      mo("⊙"),
      mi("g′"),
      mo("("),
      sub(step.isNormal(l) ? "u" : "z", l),
      mo(")"),
      ...(step.isNormal(l) ? [mo(","), mspace(), mi("layer_norm")] : []),
    );
  if (kind === "dW")
    return math(
      sub("dW", l),
      mo("="),
      transpose(sub("a", l - 1)),
      sub("δ", l),
      mo(","),
      mspace(),
      sub("db", l),
      mo("="),
      total("i"),
      sub(sub("δ", l), mi("i")),
    );
  return math(mi("θ"), mo("←"), ...ruleFormula(step, mi("θ")));
}

/**
 * @param {string} loss
 * @param {string} output
 * @returns {any[]}
 */
export function lossFormula(loss, output) {
  const [a, y] = ["a", "y"].map((symbol) => sub(symbol, mi("j"))),
    again = () => sub("a", mi("j")),
    yAgain = () => sub("y", mi("j"));
  const head = [mi("loss"), mo("=")],
    one = mn(1);
  if (loss === "squared_error")
    return [
      ...head,
      fraction(mn(1), mn(2)),
      total("j"),
      sup(mrow(mo("("), a, mo("−"), y, mo(")")), mn(2)),
    ];
  if (loss === "absolute_error") return [...head, total("j"), mo("|"), a, mo("−"), y, mo("|")];
  if (loss.startsWith("quantile"))
    return [
      ...head,
      total("j"),
      mi("ρ"),
      mo("("),
      a,
      mo("−"),
      y,
      mo(")"),
      mo(","),
      mi("q"),
      mo("="),
      mn(parameterOf(loss)),
    ];
  if (loss.startsWith("gaussian")) return [...head, ...gaussianFormula()];
  if (loss.startsWith("intervals")) return [...head, ...intervalsFormula(loss)];
  if (loss === "huber") return [...head, total("j"), mi("h"), mo("("), a, mo("−"), y, mo(")")];
  if (loss === "poisson")
    return [
      ...head,
      total("j"),
      mo("("),
      a,
      mo("−"),
      y,
      mo("·"),
      mi("log"),
      mo("\u2061"),
      again(),
      mo(")"),
    ];
  const gamma = parameterOf(loss),
    wrong = [mo("("), mn(1), mo("−"), again(), mo(")")],
    factors = (/** @type {Element} */ base) => (gamma > 0 ? [sup(base, mn(gamma)), mo("·")] : []); // of cross-entropy, γ is not a number
  if (output === "softmax")
    return [
      ...head,
      mo("−"),
      total("j"),
      y,
      mo("·"),
      ...factors(mrow(...wrong)),
      mi("log"),
      mo("\u2061"),
      a,
    ];
  return [
    ...head,
    mo("−"),
    total("j"),
    mo("["),
    y,
    mo("·"),
    ...factors(mrow(...wrong)),
    mi("log"),
    mo("\u2061"),
    a,
    mo("+"),
    mo("("),
    one,
    mo("−"),
    yAgain(),
    mo(")"),
    mo("·"),
    ...factors(again()),
    mi("log"),
    mo("("),
    mn(1),
    mo("−"),
    again(),
    mo(")"),
    mo("]"),
  ];
}

/**
 * @param {Step} step
 * @param {Element} old
 * @returns {any[]}
 */
export function ruleFormula(step, old) {
  const eta = mi("η"),
    { momentum = 0, nesterov = 0 } = step.settings.optimizer;
  if (step.optimizer === "sgd")
    return momentum
      ? [
          old,
          mo("−"),
          eta,
          mo("·"),
          ...(nesterov ? [mo("("), mi("g"), mo("+"), mi("μ"), mi("v"), mo(")")] : [mi("v")]),
        ]
      : [old, mo("−"), eta, mo("·"), mi("g")];
  if (step.optimizer === "sgd_sutskever")
    return nesterov
      ? [old, mo("+"), mi("μ"), mi("v"), mo("−"), eta, mo("·"), mi("g")]
      : [old, mo("+"), mi("v")];
  const under = (/** @type {string} */ symbol) => mrow(root(mi(symbol)), mo("+"), mi("ε"));
  if (step.optimizer === "adam_epsilon_hat")
    return [
      old,
      mo("−"),
      eta,
      mo("·"),
      fraction(
        root(mrow(mn(1), mo("−"), sup(sub("β", 2), mi("t")))),
        mrow(mn(1), mo("−"), sup(sub("β", 1), mi("t"))),
      ),
      mo("·"),
      fraction(mi("m"), under("v")),
    ];
  if (step.optimizer === "adam") return [old, mo("−"), eta, mo("·"), fraction(mi("m̂"), under("v̂"))];
  if (step.optimizer === "adamw")
    return [
      old,
      mo("−"),
      eta,
      mo("·"),
      mi("λ"),
      old.cloneNode(true),
      mo("−"),
      eta,
      mo("·"),
      fraction(mi("m̂"), under("v̂")),
    ];
  return [old, mo("−"), eta, mo("·"), fraction(mi("g"), under("v"))];
}
