// The panel that says where a number came from.

import { MOST_TERMS, chip, digits } from "./chips.js";
import { copy, h, show } from "./dom.js";
import { evidence } from "./evidence.js";
import { label, largest } from "./model.js";
import { grouped, number, percent } from "./numbers.js";
import { why } from "./why.js";
import { t } from "./words.js";

/** @import { Answer, App, Place, Reference, Step, Term, Vector } from "./types.js" */

const SHOWN_TERMS = 8;

/**
 * The provenance of a number.
 * @param {HTMLElement} root
 * @param {App} app
 * @param {Step} step
 * @param {Place} ref
 */
export function drawWhy(root, app, step, ref) {
  const answer = why(step, ref),
    value = digits(app, ref, answer.value);
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
      onsubmit: (/** @type {any} */ event) => {
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
    answer.said,
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
          onclick: (/** @type {any} */ event) => copy(value, event.currentTarget, t("copied")),
        },
        t("copy_number"),
      ),
    ),
    h("div", { class: "equation" }, answer.formula),
    h("p", { class: "says" }, said),
    terms(app, step, answer),
    lines(app, step, answer),
    evidence(app, step, ref),
    copies(step, answer),
  );
}

/**
 * @param {App} app
 * @param {Step} step
 * @param {Answer} answer
 */
function terms(app, step, answer) {
  if (!answer.terms.length) return null;
  const n = answer.terms.length,
    all = app.state.allTerms || n <= SHOWN_TERMS + 2,
    values = answer.terms.map((/** @type {Term} */ term) => term.value);
  const order = [...largest(values, all ? Math.min(n, MOST_TERMS) : SHOWN_TERMS)].sort(
    (p, q) => Math.abs(values[q]) - Math.abs(values[p]) || p - q,
  );
  const size =
      values.reduce(
        (/** @type {any} */ total, /** @type {number} */ x) =>
          total + (Number.isFinite(x) ? Math.abs(x) : 0),
        0,
      ) || 1,
    kept = new Set(order);
  const rest = values.reduce(
      (/** @type {number} */ sum, /** @type {number} */ x, /** @type {number} */ p) =>
        kept.has(p) ? sum : sum + x,
      0,
    ),
    zeros = values.filter(
      (/** @type {number} */ x, /** @type {number} */ p) => x === 0 && !kept.has(p),
    ).length;
  const body = order.map((p) => {
    const term = answer.terms[p],
      who =
        answer.over === "rows"
          ? t("from_row", { i: p })
          : answer.over === "outputs"
            ? app.outputName(p)
            : null;
    const chips = term.parts.map((/** @type {Reference} */ ref, /** @type {number} */ q) => [
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
        term.exp ? (answer.offset ? ` − ${number(answer.offset)})` : ")") : null,
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
  const up = values.filter((/** @type {number} */ x) => x > 0),
    down = values.filter((/** @type {number} */ x) => x < 0),
    add = (/** @type {any[]} */ list) =>
      list.reduce((/** @type {number} */ sum, /** @type {number} */ x) => sum + x, 0);
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

/**
 * @param {App} app
 * @param {Step} step
 * @param {Answer} answer
 */
function lines(app, step, answer) {
  const rows = answer.lines.map((/** @type {any} */ line) => {
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

/**
 * The panel as text, and a sum as lines of NumPy that give the number again.
 * @param {Step} step
 * @param {Answer} answer
 */
function copies(step, answer) {
  const button = (/** @type {string} */ name, /** @type {() => string} */ text) =>
    h(
      "button",
      {
        type: "button",
        class: "quiet",
        "data-focus": `copy-${name}`,
        onclick: (/** @type {any} */ event) => copy(text(), event.currentTarget, t("copied")),
      },
      t(`copy_${name}`),
    );
  const lines = numpy(step, answer);
  return h(
    "div",
    { class: "copies" },
    button("text", () => /** @type {HTMLElement} */ (document.querySelector(".why")).innerText),
    lines ? button("numpy", () => lines) : null,
  );
}

/**
 * null where the number is no plain sum of products.
 * @param {Step} step
 * @param {Answer} answer
 * @returns {string | null}
 */
export function numpy(step, { ref, terms: list, lines: after, value }) {
  if (!["z", "dW", "db", "da", "dshift", "J"].includes(ref.kind)) return null;
  const array = (/** @type {string} */ name, /** @type {number[]} */ values) =>
    `${name} = np.array([${Array.from(values, (x) => (Number.isFinite(x) ? x : `np.${String(x).toLowerCase().replace("infinity", "inf")}`)).join(", ")}])`;
  const added = after
    .filter((/** @type {any} */ line) => line.plus)
    .map((/** @type {any} */ line) => ` + ${line.value < 0 ? `(${line.value})` : line.value}`)
    .join("");
  const of = (/** @type {number} */ p) =>
      list.map((/** @type {Term} */ term) => step.value(term.parts[p])),
    first = of(0),
    two = list[0].parts.length === 2 ? of(1) : ref.kind === "J" ? step.scales : null;
  return [
    "import numpy as np",
    array("first", first),
    ...(two ? [array("second", two), `value = first @ second${added}`] : ["value = first.sum()"]),
    `# ${label(ref)} = ${value}, step ${step.step}`,
  ].join("\n");
}
