// Where a number comes from: its formula, the terms it is the sum of, and the lines that end at it.

import { ACTIVATIONS, OPTIMIZERS, levelOf, normalised, pairOf, range, row } from "./maths.js";
import {
  entry,
  fraction,
  math,
  mi,
  mn,
  mo,
  mrow,
  partial,
  root,
  sub,
  sup,
  total,
  transpose,
} from "./dom.js";
import { number } from "./numbers.js";

const factor = (x) => (x < 0 ? `(${number(x)})` : number(x));
const sum = (terms) => terms.reduce((all, term) => all + term.value, 0);

// Returns { ref, value, formula, said, terms, over, lines }. A term is { parts: references, value }; a line is
// { ref or words or text, value }. `over` names what the terms run over: units, rows or outputs.
export function why(step, ref) {
  return {
    ref,
    value: step.value(ref),
    terms: [],
    lines: [],
    over: "units",
    ...RULES[ref.kind](step, ref),
  };
}

const product = (step, first, second) => ({
  parts: [first, second],
  value: step.value(first) * step.value(second),
});

// The lines that carry a sum in float64 over to the number the engine has.
function ending(step, ref, exactly) {
  const value = step.value(ref),
    lines = [];
  if (Number.isFinite(value) && value !== exactly)
    lines.push({ words: "rounding", value: value - exactly, minor: true });
  return [...lines, { result: ref, value }];
}

const RULES = {
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
          value: step.old[kind][l][j],
        })),
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

  loss(step, ref) {
    const { i } = ref,
      L = step.L,
      output = step.activation(L),
      pair = pairOf(step.architecture.loss, output);
    const terms = range(step.sizes[L]).map((j) => {
      const [a, y, z] = ["a", "y", "z"].map((kind) => ({ kind, l: kind === "y" ? null : L, i, j }));
      const value = pair.rowValue
        ? logTerm(step, i, j)
        : pair.value(step.value(z), step.value(a), step.value(y));
      return { parts: [a, y], joined: ", ", value };
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
    said: "why_y",
    formula: math(entry("y", null, ref.i, ref.j)),
    lines: [{ result: ref, value: step.value(ref) }],
  }),
  W: (step, ref) => update(step, ref, "W"),
  "W⁺": (step, ref) => update(step, ref, "W"),
  b: (step, ref) => update(step, ref, "b"),
  "b⁺": (step, ref) => update(step, ref, "b"),
  gain: (step, ref) => update(step, ref, "gain"),
  "gain⁺": (step, ref) => update(step, ref, "gain"),
  shift: (step, ref) => update(step, ref, "shift"),
  "shift⁺": (step, ref) => update(step, ref, "shift"),
};

const mspace = () => mo("\u2003");

function softmaxTerms(step, ref) {
  const { l, i, j } = ref,
    n = step.sizes[l];
  const z = (k) => ({ kind: "z", l, i, j: k });
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

function outputError(step, ref) {
  const { l, i, j } = ref,
    output = step.activation(l),
    pair = pairOf(step.architecture.loss, output),
    s = step.scales[i];
  const a = { kind: "a", l, i, j },
    y = { kind: "y", l: null, i, j },
    z = { kind: "z", l, i, j };
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
  const lines = [
    { ref: a, value: step.value(a) },
    { ref: y, value: step.value(y) },
    { ref: z, value: step.value(z) },
  ];
  if (!pair.delta && !ACTIVATIONS[output].row)
    lines.push(
      { words: "loss_slope", value: pair.da(step.value(a), step.value(y)) },
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

const errorTerms = (step, { l, i, j }) =>
  range(step.sizes[l + 1]).map((k) =>
    product(step, { kind: "delta", l: l + 1, i, j: k }, { kind: "W", l: l + 1, i: j, j: k }),
  );

// delta of a normalised layer: du back through the normalisation of its row.
function normalError(step, ref) {
  const { l, i, j } = ref,
    { xHat, deviation } = normalised(row(step.z[l], i)),
    mean = (list) => list.reduce((all, x) => all + x, 0) / xHat.length;
  const scaled = Array.from(row(step.du[l], i), (d, k) => d * step.old.gain[l][k]),
    all = mean(scaled),
    along = mean(scaled.map((d, k) => d * xHat[k]));
  const dx = mi("dx̂"),
    hat = () => mi("x̂"),
    bar = (...parts) => mrow(mi("mean"), mo("("), ...parts, mo(")")),
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

function hiddenError(step, ref) {
  const { l, i, j } = ref,
    name = step.activation(l),
    z = { kind: "z", l, i, j };
  const terms = errorTerms(step, ref);
  const mask = step.masks?.[l] ?? null,
    m = mask ? mask.data[i * mask.shape[1] + j] : 1,
    da = sum(terms);
  const lines = [{ words: "sum_da", value: da }],
    on = { ...z, kind: step.isNormal(l) ? "u" : "z" };
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

function logTerm(step, i, j) {
  const y = step.value({ kind: "y", l: null, i, j });
  return y === 0 ? 0 : -y * Math.log(step.value({ kind: "a", l: step.L, i, j }));
}

function lossFormula(loss, output) {
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
      mn(levelOf(loss)),
    ];
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
  if (output === "softmax")
    return [...head, mo("−"), total("j"), y, mo("·"), mi("log"), mo("\u2061"), a];
  return [
    ...head,
    mo("−"),
    total("j"),
    mo("["),
    y,
    mo("·"),
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
    mi("log"),
    mo("("),
    mn(1),
    mo("−"),
    again(),
    mo(")"),
    mo("]"),
  ];
}

// The update of one weight or bias: gradient, penalty, clipping, the optimizer's rule, old and new.
function update(step, ref, part) {
  const { l, i, j } = ref,
    isW = part === "W",
    s = step.settings;
  const before = { kind: part, l, i, j },
    after = { kind: `${part}⁺`, l, i, j },
    slope = { kind: `d${part}`, l, i, j };
  const at = (parameters) =>
    isW ? parameters.W[l].data[i * step.sizes[l] + j] : parameters[part][l][i];
  const theta = step.value(before),
    g = at(step.objective),
    lines = [
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
  const name = (symbol) => (isW ? entry(symbol, l, i, j) : entry(symbol, l, i));
  return {
    said: isW || part === "b" ? `why_${part}` : "why_norm",
    value: step.value(ref),
    formula: math(name(part), mo("←"), ...ruleFormula(step, name(part))),
    lines,
  };
}

function ruleFormula(step, old) {
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
  const under = (symbol) => mrow(root(mi(symbol)), mo("+"), mi("ε"));
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

function worked(step, at, theta, g) {
  const hyper = step.settings.optimizer,
    t = step.step + 1,
    eta = number(step.eta);
  const state = Object.fromEntries(
    Object.entries(step.states).map(([name, parameters]) => [name, at(parameters)]),
  );
  const done = OPTIMIZERS[step.optimizer](g, state, theta, t, step.eta, hyper),
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
          : done.step - step.eta * (hyper.weight_decay ?? 0.01) * theta,
    },
  ];
  if (step.optimizer === "adamw")
    lines.push({
      text: `η·λ·W = ${eta}·${number(hyper.weight_decay ?? 0.01)}·${factor(theta)}`,
      value: step.eta * (hyper.weight_decay ?? 0.01) * theta,
    });
  return lines;
}

// The equation of a whole operation, in batch notation: rows are examples.
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
