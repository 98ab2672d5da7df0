// One operation with its numbers, and the panel that says where a number came from.

import { copy, h, show } from "./dom.js";
import { evidence } from "./evidence.js";
import { pairOf, row } from "./maths.js";
import { label, largest } from "./model.js";
import { brief, exact, grouped, number, percent } from "./numbers.js";
import { picture } from "./pictures.js";
import { equation, why } from "./why.js";
import { t } from "./words.js";

const SHOWN_UNITS = 12,
  SHOWN_TERMS = 8,
  MOST_TERMS = 300;

// Every digit of a number; J is a sum in float64 whatever the network computes in.
const digits = (app, ref, value) => exact(value, app.isFloat32 && ref.kind !== "J");

// A number that can be clicked.
function chip(app, step, ref, { named = true, focus = "" } = {}) {
  const value = step.value(ref),
    name = label(ref),
    asked = app.asked && label(app.asked) === name;
  return h(
    "button",
    {
      type: "button",
      class: `chip${asked ? " asked" : ""}`,
      "data-ref": name,
      "data-focus": `${focus}${name}`,
      "aria-pressed": String(Boolean(asked)),
      title: `${name} = ${digits(app, ref, value)}`,
      onclick: () => app.ask(ref),
    },
    named ? h("span", { class: "chip-name" }, name) : null,
    h("span", { class: "num" }, number(value)),
  );
}

// The numbers of one layer for one row, the largest of them, each with a bar; or all.
function vector(app, step, kind, l, title) {
  const i = app.state.row,
    matrix = kind === "a" ? step.layers[l] : step[kind][l],
    values = row(matrix, i);
  return numbersOf(
    app,
    step,
    title ?? t("values_of", { name: `${kind}${l}`, i }),
    Array.from(values),
    (j) => ({ kind, l, i, j }),
    (j) =>
      l === step.L && kind !== "z" && kind !== "u"
        ? app.outputName(j)
        : l === 0
          ? app.inputName(j)
          : null,
  );
}

function numbersOf(app, step, title, values, refOf, nameOf = () => null) {
  const all = app.state.all || values.length <= SHOWN_UNITS + 2,
    shown = all ? values.map((_, j) => j).slice(0, MOST_TERMS) : largest(values, SHOWN_UNITS);
  const top =
      values.reduce((high, x) => Math.max(high, Number.isFinite(x) ? Math.abs(x) : 0), 0) || 1,
    kept = new Set(shown);
  const rest = values.reduce((sum, x, j) => (kept.has(j) ? sum : sum + x), 0);
  const cells = shown.map((j) => {
    const ref = refOf(j),
      name = nameOf(j),
      share = Number.isFinite(values[j]) ? Math.abs(values[j]) / top : 1;
    return h(
      "li",
      null,
      chip(app, step, ref, { focus: "v" }),
      h("span", {
        class: `bar${values[j] < 0 ? " minus" : ""}`,
        "aria-hidden": "true",
        style: { "--share": share.toFixed(3) },
      }),
      name !== null && name !== String(j) ? h("span", { class: "cell-name" }, name) : null,
    );
  });
  return h(
    "div",
    { class: "vector" },
    h("h4", null, title),
    h("ul", { class: "cells" }, cells),
    kept.size < values.length
      ? h(
          "p",
          { class: "note" },
          t("folded", { n: grouped(values.length - kept.size), sum: number(rest) }),
          " ",
        )
      : null,
    values.length > SHOWN_UNITS + 2
      ? h(
          "button",
          {
            type: "button",
            class: "quiet",
            "data-focus": `all-${title}`,
            onclick: () => app.set({ all: !app.state.all }),
          },
          app.state.all
            ? t("fewer")
            : t("all_of", { n: grouped(Math.min(values.length, MOST_TERMS)) }),
        )
      : null,
  );
}

function entries(app, step, kind, l, title, n) {
  const matrix = kind === "dW" ? step.gradients.W[l] : step.old.W[l],
    by = kind === "dW" ? matrix.data : step.objective.W[l].data,
    m = step.sizes[l];
  return h(
    "div",
    { class: "vector" },
    h("h4", null, title),
    h(
      "ul",
      { class: "cells" },
      largest(by, n).map((p) => {
        const ref = { kind, l, i: Math.floor(p / m), j: p % m };
        const after =
          kind === "W"
            ? [" → ", h("span", { class: "num" }, number(step.value({ ...ref, kind: "W⁺" })))]
            : null;
        return h(
          "li",
          { class: kind === "W" ? "wide" : null },
          chip(app, step, ref, { focus: "e" }),
          after,
        );
      }),
    ),
  );
}

function pictures(app, step, op, ref) {
  const side = app.side,
    j = ref.kind === "dW" || ref.kind === "W" || ref.kind === "W⁺" ? ref.j : (ref.j ?? 0),
    parts = [];
  if (op.kind === "dW") {
    const [rows, columns] = step.gradients.W[op.l].shape;
    if (!(side && op.l === 1) && rows * columns <= 40000) {
      const drawn = picture(
        step.gradients.W[op.l].data,
        rows,
        columns,
        "signed",
        t("matrix", { name: `dW${op.l}`, below: op.l - 1, l: op.l }),
        (k, to) => app.ask({ kind: "dW", l: op.l, i: k, j: to }),
      );
      drawn.canvas.classList.add("matrix");
      parts.push(figure(drawn, t("matrix", { name: `dW${op.l}`, below: op.l - 1, l: op.l })));
    }
  }
  if (side && op.l === 1 && ["z", "a", "dW", "delta"].includes(op.kind) && ref.l === 1) {
    const column = (matrix) =>
      Float64Array.from(
        { length: matrix.shape[0] },
        (_, k) => matrix.data[k * matrix.shape[1] + j],
      );
    const pick = (kind) => (r, c) => app.ask({ kind, l: 1, i: r * side + c, j });
    parts.push(
      figure(
        picture(column(step.old.W[1]), side, side, "signed", t("picture_W", { j }), pick("W")),
        t("picture_W", { j }),
      ),
    );
    if (op.pass === "backward")
      parts.push(
        figure(
          picture(column(step.gradients.W[1]), side, side, "signed", t("picture_dW"), pick("dW")),
          t("picture_dW"),
        ),
      );
  }
  return parts.length ? h("div", { class: "pictures" }, parts) : null;
}

const figure = ({ canvas, top }, caption) =>
  h(
    "figure",
    null,
    canvas,
    h(
      "figcaption",
      null,
      caption,
      h("span", { class: "note" }, t("picture_says", { top: brief(top) })),
    ),
  );

// The row of the batch as the image its inputs are, in the values before scaling where those are known.
export function rowPicture(app, step) {
  const { side } = app,
    { mean, scale } = app.data.names;
  if (!side) return null;
  const values = Float64Array.from(row(step.X, app.state.row), (x, k) =>
    mean && scale ? x * scale[k] + mean[k] : x,
  );
  const { canvas } = picture(values, side, side, "gray", t("picture_input"), (r, c) =>
    app.ask({ kind: "a", l: 0, i: app.state.row, j: r * side + c }),
  );
  return h(
    "figure",
    { class: "row-picture" },
    canvas,
    h("figcaption", null, t("picture_input"), h("span", { class: "note" }, t("picture_gray"))),
  );
}

const BADGES = { dW: "BP3 · BP4", delta: "BP2" };

export function opTitle(step, { kind, l }) {
  if (kind === "delta") return l === step.L ? t("op_delta_out") : t("op_delta", { l });
  return t(`op_${kind}`, { l });
}

function sentence(step, { kind, l }) {
  if (kind === "a") return t(step.masks?.[l] ? "says_a_dropout" : "says_a");
  if (kind === "delta")
    return l < step.L
      ? t("says_bp2")
      : t(pairOf(step.architecture.loss, step.activation(l)).fused ? "says_bp1_fused" : "says_bp1");
  return t(`says_${kind}`, { optimizer: step.optimizer, eta: number(step.eta) });
}

function shapes(step, { kind, l }) {
  const n = step.n,
    s = (x) => `(${x.map(grouped).join("×")})`,
    sizes = step.sizes;
  if (kind === "z")
    return `${s([n, sizes[l - 1]])} @ ${s([sizes[l - 1], sizes[l]])} + ${s([sizes[l]])} → ${s([n, sizes[l]])}`;
  if (kind === "a") return `${s([n, sizes[l]])} → ${s([n, sizes[l]])}`;
  if (kind === "delta" && l < step.L)
    return `${s([n, sizes[l + 1]])} @ ${s([sizes[l + 1], sizes[l]])} ⊙ ${s([n, sizes[l]])} → ${s([n, sizes[l]])}`;
  if (kind === "delta") return `${s([n, sizes[l]])} − ${s([n, sizes[l]])} → ${s([n, sizes[l]])}`;
  if (kind === "dW")
    return `${s([sizes[l - 1], n])} @ ${s([n, sizes[l]])} → ${s([sizes[l - 1], sizes[l]])}`;
  return kind === "J"
    ? `${s([n, sizes[l]])} → ${s([n])} → J = ${number(step.loss)}`
    : `θ: ${grouped(step.theta.data.length)}`;
}

export function drawOperation(root, app, step, op, ref) {
  const l = op.l,
    badge = op.kind === "delta" && l === step.L ? "BP1" : BADGES[op.kind];
  const body = [];
  if (op.kind === "z" || op.kind === "a" || op.kind === "delta")
    body.push(
      op.kind === "a" && step.isNormal(l) ? vector(app, step, "u", l) : null,
      vector(app, step, op.kind, l),
    );
  else if (op.kind === "J")
    body.push(
      vector(app, step, "a", l, t("predicted")),
      numbersOf(
        app,
        step,
        t("losses_of"),
        Array.from({ length: step.n }, (_, i) => step.rowLoss(i)),
        (i) => ({ kind: "loss", l: null, i }),
      ),
    );
  else if (op.kind === "dW")
    body.push(
      entries(app, step, "dW", l, t("largest_of", { name: `dW${l}` }), SHOWN_UNITS),
      numbersOf(app, step, `db${l}`, Array.from(step.gradients.b[l]), (j) => ({
        kind: "db",
        l,
        i: j,
      })),
      step.isNormal(l)
        ? ["dgain", "dshift"].map((kind) =>
            numbersOf(
              app,
              step,
              `${kind}${l}`,
              Array.from(step.gradients[kind.slice(1)][l]),
              (j) => ({ kind, l, i: j }),
            ),
          )
        : [],
    );
  else
    for (let k = step.L; k > 0; k--)
      body.push(entries(app, step, "W", k, t("changes_of", { l: k }), 6));
  show(
    root,
    h(
      "div",
      { class: `op-head ${op.pass}` },
      h(
        "span",
        { class: "pass" },
        op.pass === "forward"
          ? "● " + t("forward")
          : op.pass === "backward"
            ? "◆ " + t("backward")
            : "▲",
      ),
      badge ? h("span", { class: "badge" }, badge) : null,
      h("h3", { id: "op-title", "aria-live": "polite" }, opTitle(step, op)),
    ),
    h("div", { class: "equation" }, equation(step, op)),
    h("p", { class: "shapes num" }, shapes(step, op)),
    h("p", { class: "says" }, sentence(step, op)),
    body,
    pictures(app, step, op, ref),
  );
}

// The provenance of a number.
export function drawWhy(root, app, step, ref) {
  const told = why(step, ref),
    value = digits(app, ref, told.value);
  const input = h("input", {
    id: "ask",
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "dW2[3,7]",
    "aria-describedby": "ask-wrong",
    "data-focus": "ask",
  });
  const wrong = h("p", { class: "wrong", id: "ask-wrong", role: "status" });
  const form = h(
    "form",
    {
      class: "ask",
      onsubmit: (event) => {
        event.preventDefault();
        const found = step.reference(input.value);
        if (found) app.ask(found);
        else wrong.textContent = t("ask_wrong", { text: input.value });
      },
    },
    h("label", { for: "ask" }, t("ask")),
    input,
    h("button", { type: "submit", "data-focus": "ask-go" }, t("ask_button")),
  );
  const said = t(
    told.said,
    ref.kind === "a" && ref.l === 0 ? { name: app.inputName(ref.j), row: step.rows[ref.i] } : {},
  );
  show(
    root,
    h("div", { class: "why-head" }, h("h3", null, t("why")), form),
    wrong,
    h(
      "div",
      { class: "why-value" },
      app.trail.length
        ? h(
            "button",
            { type: "button", class: "quiet", "data-focus": "back", onclick: () => app.goBack() },
            `← ${t("back")}`,
          )
        : null,
      h("strong", { class: "asked-name num" }, label(ref)),
      h("span", null, " = "),
      h("output", { class: "num big" }, value),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "data-focus": "copy",
          onclick: (event) => copy(value, event.currentTarget, t("copied")),
        },
        t("copy_number"),
      ),
    ),
    h("div", { class: "equation" }, told.formula),
    h("p", { class: "says" }, said),
    terms(app, step, told),
    lines(app, step, told),
    evidence(app, step, ref),
    copies(step, told),
  );
}

function terms(app, step, told) {
  if (!told.terms.length) return null;
  const n = told.terms.length,
    all = app.state.allTerms || n <= SHOWN_TERMS + 2,
    values = told.terms.map((term) => term.value);
  const order = [...largest(values, all ? Math.min(n, MOST_TERMS) : SHOWN_TERMS)].sort(
    (p, q) => Math.abs(values[q]) - Math.abs(values[p]) || p - q,
  );
  const size = values.reduce((total, x) => total + (Number.isFinite(x) ? Math.abs(x) : 0), 0) || 1,
    kept = new Set(order);
  const rest = values.reduce((sum, x, p) => (kept.has(p) ? sum : sum + x), 0),
    zeros = values.filter((x, p) => x === 0 && !kept.has(p)).length;
  const body = order.map((p) => {
    const term = told.terms[p],
      who =
        told.over === "rows"
          ? t("from_row", { i: p })
          : told.over === "outputs"
            ? app.outputName(p)
            : null;
    const chips = term.parts.map((ref, q) => [
      q ? h("span", { class: "times" }, term.joined ?? " · ") : null,
      chip(app, step, ref, { focus: `t${q}` }),
    ]);
    return h(
      "tr",
      { class: term.mine ? "mine" : null },
      h(
        "td",
        null,
        who ? h("span", { class: "who" }, who) : null,
        term.exp ? "exp(" : term.text ? `${term.text} ` : null,
        chips,
        term.exp ? (told.offset ? ` − ${number(told.offset)})` : ")") : null,
        term.more ? h("span", { class: "times num" }, ` · ${term.more}`) : null,
      ),
      h("td", { class: "num value" }, number(term.value)),
      h(
        "td",
        { class: "share" },
        h("span", {
          class: `tug${term.value < 0 ? " minus" : ""}`,
          "aria-hidden": "true",
          style: {
            "--share": (Math.abs(term.value) / Math.max(...values.map(Math.abs))).toFixed(3),
          },
        }),
        h("span", { class: "num" }, percent(Math.abs(term.value) / size)),
      ),
    );
  });
  const folded =
    kept.size < n
      ? h(
          "tr",
          { class: "rest" },
          h(
            "td",
            null,
            t("more_terms", { n: grouped(n - kept.size) }),
            " ",
            zeros ? t("zero_terms", { n: grouped(zeros) }) : null,
          ),
          h("td", { class: "num value" }, number(rest)),
          h("td"),
        )
      : null;
  const up = values.filter((x) => x > 0),
    down = values.filter((x) => x < 0),
    add = (list) => list.reduce((sum, x) => sum + x, 0);
  return h(
    "div",
    { class: "terms" },
    h(
      "table",
      null,
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          h("th", { scope: "col" }, t("term")),
          h("th", { scope: "col", class: "value" }, t("worth")),
          h("th", { scope: "col" }, t("share_of")),
        ),
      ),
      h("tbody", null, body, folded),
    ),
    down.length && up.length
      ? h(
          "p",
          { class: "note" },
          `▲ ${t("positive", { n: grouped(up.length), sum: number(add(up)) })} · ▼ ${t("negative", { n: grouped(down.length), sum: number(add(down)) })}`,
        )
      : null,
    n > SHOWN_TERMS + 2
      ? h(
          "button",
          {
            type: "button",
            class: "quiet",
            "data-focus": "all-terms",
            onclick: () => app.set({ allTerms: !app.state.allTerms }),
          },
          app.state.allTerms
            ? t("fewer_terms")
            : t("show_terms", { n: grouped(Math.min(n, MOST_TERMS)) }),
        )
      : null,
  );
}

function lines(app, step, told) {
  const rows = told.lines.map((line) => {
    const sign = line.plus ? "+" : line.minus ? "−" : line.times ? "×" : line.result ? "=" : "";
    const words = line.words ? t(`l_${line.words}`, { dtype: app.data.architecture.dtype }) : null;
    const told_ = line.result
      ? h("strong", { class: "num" }, label(line.result))
      : [
          words,
          line.text ? h("span", { class: "num" }, line.text) : null,
          line.ref || line.at
            ? [words ? " " : null, chip(app, step, line.ref ?? line.at, { focus: "l" })]
            : null,
        ];
    return h(
      "tr",
      { class: line.result ? "result" : line.minor ? "minor" : null },
      h("td", { class: "sign" }, sign),
      h("td", null, told_),
      h(
        "td",
        { class: "num value" },
        line.value === undefined
          ? ""
          : line.result
            ? digits(app, line.result, line.value)
            : number(line.value),
      ),
    );
  });
  return h("table", { class: "lines" }, h("tbody", null, rows));
}

// The panel as text, and a sum as lines of NumPy that give the number again.
function copies(step, told) {
  const button = (name, text) =>
    h(
      "button",
      {
        type: "button",
        class: "quiet",
        "data-focus": `copy-${name}`,
        onclick: (event) => copy(text(), event.currentTarget, t("copied")),
      },
      t(`copy_${name}`),
    );
  const lines = numpy(step, told);
  return h(
    "div",
    { class: "copies" },
    button("text", () => document.querySelector(".why").innerText),
    lines ? button("numpy", () => lines) : null,
  );
}

// null where the number is no plain sum of products.
export function numpy(step, { ref, terms: list, lines: after, value }) {
  if (!["z", "dW", "db", "da", "dshift", "J"].includes(ref.kind)) return null;
  const array = (name, values) =>
    `${name} = np.array([${Array.from(values, (x) => (Number.isFinite(x) ? x : `np.${String(x).toLowerCase().replace("infinity", "inf")}`)).join(", ")}])`;
  const added = after
    .filter((line) => line.plus)
    .map((line) => ` + ${line.value < 0 ? `(${line.value})` : line.value}`)
    .join("");
  const of = (p) => list.map((term) => step.value(term.parts[p])),
    first = of(0),
    two = list[0].parts.length === 2 ? of(1) : ref.kind === "J" ? step.scales : null;
  return [
    "import numpy as np",
    array("first", first),
    ...(two ? [array("second", two), `value = first @ second${added}`] : ["value = first.sum()"]),
    `# ${label(ref)} = ${value}, step ${step.step}`,
  ].join("\n");
}
