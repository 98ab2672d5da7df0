// Where a parameter after the step comes from: gradient, penalties, clipping, the rule of the optimizer.

import { entry, math, mo } from "./dom.js";
import { ruleFormula } from "./equations.js";
import { number } from "./numbers.js";
import { OPTIMIZERS } from "./optimizers.js";
import { factor } from "./why_terms.js";

/** @import { Explained, Line, Place, Rules, Step } from "./types.js" */

/** @type {Rules} */
export const UPDATE = {
  W: (step, ref) => update(step, ref, "W"),
  "W⁺": (step, ref) => update(step, ref, "W"),
  b: (step, ref) => update(step, ref, "b"),
  "b⁺": (step, ref) => update(step, ref, "b"),
  gain: (step, ref) => update(step, ref, "gain"),
  "gain⁺": (step, ref) => update(step, ref, "gain"),
  shift: (step, ref) => update(step, ref, "shift"),
  "shift⁺": (step, ref) => update(step, ref, "shift"),
};

/**
 * The update of one weight or bias: gradient, penalty, clipping, the optimizer's rule, old and new.
 * @param {Step} step
 * @param {Place} ref
 * @param {string} part
 * @returns {Explained}
 */
function update(step, ref, part) {
  const { l, i, j } = ref,
    isW = part === "W",
    s = step.settings;
  const before = { kind: part, l, i, j },
    after = { kind: `${part}⁺`, l, i, j },
    slope = { kind: `d${part}`, l, i, j };
  const at = (/** @type {any} */ parameters) =>
    isW ? parameters.W[l].data[i * step.sizes[l] + j] : parameters[part][l][i];
  const theta = step.value(before),
    g = at(step.objective);
  /** @type {Line[]} */
  const lines = [
    { ref: before, words: "old", value: theta },
    { ref: slope, words: "gradient", value: step.value(slope) },
  ];
  if (isW && s.l2)
    lines.push({ text: `+ l2·W = ${number(s.l2)}·${factor(theta)}`, value: s.l2 * theta });
  if (isW && s.l1)
    lines.push({
      text: `+ l1·sign(W) = ${number(s.l1)}·${factor(Math.sign(theta))}`,
      value: s.l1 * Math.sign(theta),
    });
  if (lines.length > 2 || s.clip_norm !== null)
    lines.push({ words: s.clip_norm === null ? "objective" : "objective_clipped", value: g });
  if (Number.isFinite(step.loss)) lines.push(...worked(step, at, theta, g));
  else lines.push({ words: "not_applied" });
  lines.push(
    { words: "change", value: step.value(after) - theta },
    { result: after, value: step.value(after) },
  );
  const name = (/** @type {string} */ symbol) =>
    isW ? entry(symbol, l, i, j) : entry(symbol, l, i);
  return {
    said: isW || part === "b" ? `why_${part}` : "why_norm",
    value: step.value(ref),
    formula: math(name(part), mo("←"), ...ruleFormula(step, name(part))),
    lines,
  };
}

/**
 * @param {Step} step
 * @param {(parameters: any) => any} at
 * @param {number} theta
 * @param {number} g
 * @returns {Line[]}
 */
function worked(step, at, theta, g) {
  const hyper = step.settings.optimizer,
    t = step.step + 1,
    rate = step.ratesByLayer ? at(step.ratesByLayer) : step.eta,
    eta = number(rate);
  const state = Object.fromEntries(
    Object.entries(step.states).map(([name, parameters]) => [name, at(parameters)]),
  );
  const done = OPTIMIZERS[step.optimizer](g, state, theta, t, rate, hyper),
    s = done.state;
  if (step.optimizer === "sgd") {
    if (!hyper.momentum) return [{ text: `η·g = ${eta}·${factor(g)}`, value: done.step }];
    const push = hyper.nesterov
      ? `(${number(g)} + ${number(hyper.momentum)}·${factor(s.v)})`
      : factor(s.v);
    return [
      {
        text: `v ← μ·v + g = ${number(hyper.momentum)}·${factor(state.v)} + ${factor(g)}`,
        value: s.v,
      },
      { text: `η·${hyper.nesterov ? "(g + μ·v)" : "v"} = ${eta}·${push}`, value: done.step },
    ];
  }
  if (step.optimizer === "sgd_sutskever") {
    const first = {
      text: `v ← μ·v − η·g = ${number(hyper.momentum)}·${factor(state.v)} − ${eta}·${factor(g)}`,
      value: s.v,
    };
    return hyper.nesterov
      ? [
          first,
          {
            text: `μ·v − η·g = ${number(hyper.momentum)}·${factor(s.v)} − ${eta}·${factor(g)}`,
            value: -done.step,
          },
        ]
      : [first];
  }
  const epsilon = hyper.epsilon ?? (step.optimizer === "adagrad" ? 1e-10 : 1e-8);
  if (step.optimizer === "adagrad" || step.optimizer === "rmsprop") {
    const rho = hyper.rho ?? 0.99;
    const first =
      step.optimizer === "adagrad"
        ? `v ← v + g² = ${number(state.v)} + ${factor(g)}²`
        : `v ← ρ·v + (1 − ρ)·g² = ${number(rho)}·${number(state.v)} + ${number(1 - rho)}·${factor(g)}²`;
    return [
      { text: first, value: s.v },
      {
        text: `η·g/(√v + ε) = ${eta}·${factor(g)}/(√${number(s.v)} + ${number(epsilon)})`,
        value: done.step,
      },
    ];
  }
  const { beta1 = 0.9, beta2 = 0.999 } = hyper;
  const moments = [
    {
      text: `m ← β₁·m + (1 − β₁)·g = ${number(beta1)}·${factor(state.m)} + ${number(1 - beta1)}·${factor(g)}`,
      value: s.m,
    },
    {
      text: `v ← β₂·v + (1 − β₂)·g² = ${number(beta2)}·${number(state.v)} + ${number(1 - beta2)}·${factor(g)}²`,
      value: s.v,
    },
  ];
  if (step.optimizer === "adam_epsilon_hat")
    return [
      ...moments,
      { text: `η·√(1 − β₂^${t})/(1 − β₁^${t})`, value: s.size },
      {
        text: `${number(s.size)}·${factor(s.m)}/(√${number(s.v)} + ${number(epsilon)})`,
        value: done.step,
      },
    ];
  const lines = [
    ...moments,
    { text: `m̂ = m/(1 − β₁^${t})`, value: s.m_hat },
    { text: `v̂ = v/(1 − β₂^${t})`, value: s.v_hat },
    {
      text: `η·m̂/(√v̂ + ε) = ${eta}·${factor(s.m_hat)}/(√${number(s.v_hat)} + ${number(epsilon)})`,
      value:
        step.optimizer === "adam"
          ? done.step
          : done.step - rate * (hyper.weight_decay ?? 0.01) * theta,
    },
  ];
  if (step.optimizer === "adamw")
    lines.push({
      text: `η·λ·W = ${eta}·${number(hyper.weight_decay ?? 0.01)}·${factor(theta)}`,
      value: rate * (hyper.weight_decay ?? 0.01) * theta,
    });
  return lines;
}
