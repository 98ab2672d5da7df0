// What else is known about a number: the same by differences, the ways it is the sum of, what the update did to J.

import { h } from "./dom.js";
import { label } from "./model.js";
import { general, grouped, number, percent } from "./numbers.js";
import { paths } from "./paths.js";
import { t } from "./words.js";
import { isMovable, isQuick, prediction, twin, verdict } from "./float64_passes.js";

/** @import { App, Matrix, Place, Reference, Step } from "./types.js" */

const seven = (/** @type {number} */ x) => general(x, 7),
  two = (/** @type {number} */ x) => general(x, 2);

/**
 * @param {string} id
 * @param {string} title
 * @param {...any} inside
 */
const evidenceOf = (id, title, ...inside) =>
  h(
    "section",
    { class: "evidence", id, "aria-labelledby": `${id}-title` },
    h("h4", { id: `${id}-title` }, title),
    inside,
  );

/**
 * The sections below a number's own terms; worked out once for every step and number.
 * @param {App} app
 * @param {Step} step
 * @param {Place} ref
 * @returns {any[]}
 */
export function evidence(app, step, ref) {
  if (!isQuick(step))
    return isMovable(ref)
      ? [h("p", { class: "note", id: "left-out" }, t("evidence_left_out"))]
      : [];
  const known = step.evidence,
    name = label(ref);
  if (!known.has(name))
    known.set(name, {
      twin: twin(step, ref),
      paths: paths(step, ref),
      prediction: prediction(step, ref),
    });
  const found = known.get(name);
  return [
    found.twin && drawTwin(step, ref, found.twin),
    found.paths && drawPaths(step, found.paths),
    found.prediction && drawPrediction(found.prediction),
  ];
}

/**
 * @param {Step} step
 * @param {Reference} ref
 * @param {any} given
 */
function drawTwin(step, ref, { of, numeric, h: by, doubt, kink }) {
  const name = label(of),
    value = step.value(ref);
  return evidenceOf(
    "twin",
    t("twin"),
    h(
      "p",
      { class: "num quotient" },
      `(J(${name} + h) − J(${name} − h)) / 2h = `,
      h("strong", { "data-numeric": numeric, "data-doubt": doubt }, seven(numeric)),
    ),
    h(
      "p",
      { class: "note" },
      t("twin_says", { h: two(by), gap: two(Math.abs(numeric - value)), doubt: two(doubt) }),
    ),
    kink ? h("p", { class: "note" }, t("twin_kink")) : null,
  );
}

/**
 * @param {Step} step
 * @param {any} given
 */
function drawPaths(step, { n, row, top, total }) {
  const whole = top.reduce(
      (/** @type {number} */ sum, /** @type {any} */ way) => sum + way.value,
      0,
    ),
    units = (/** @type {any} */ { units, past }) =>
      units
        .map((/** @type {Matrix} */ u, /** @type {number} */ d) => (past[d] ? `(${u})` : u))
        .join(" → ");
  const product = (/** @type {any} */ factors) =>
    factors.map((/** @type {number} */ x) => (x < 0 ? `(${number(x)})` : number(x))).join(" · ");
  const lines = top.map((/** @type {any} */ way) =>
    h(
      "tr",
      null,
      h(
        "td",
        null,
        h("span", { class: "num" }, units(way)),
        way.factors.length ? h("span", { class: "note num factors" }, product(way.factors)) : null,
      ),
      h("td", { class: "num value" }, seven(way.value)),
      h("td", { class: "num share" }, total ? percent(way.value / total) : ""),
    ),
  );
  return evidenceOf(
    "paths",
    t("paths"),
    h(
      "p",
      { class: "note" },
      t(row === null ? "paths_all" : "paths_row", {
        n: grouped(n),
        row,
        data: row === null ? "" : step.rows[row],
      }),
    ),
    h(
      "table",
      { class: "lines" },
      h(
        "tbody",
        { "data-total": total },
        lines,
        h(
          "tr",
          { class: "minor" },
          h("td", null, t("paths_top", { n: top.length })),
          h("td", { class: "num value" }, seven(whole)),
          h("td", { class: "num share" }, total ? percent(whole / total) : ""),
        ),
        h(
          "tr",
          { class: "result" },
          h("td", null, t(row === null ? "paths_sum" : "paths_sum_row", { n: grouped(n) })),
          h("td", { class: "num value" }, seven(total)),
          h("td"),
        ),
      ),
    ),
    top.some((/** @type {any} */ way) => way.past.some(Boolean))
      ? h("p", { class: "note" }, t("paths_past"))
      : null,
  );
}

/**
 * @param {any} given
 */
function drawPrediction({ before, predicted, after, one, layers }) {
  const actual = after - before,
    line = (/** @type {any} */ words, /** @type {number} */ value, /** @type {string} */ cls) =>
      h("tr", { class: cls }, h("td", null, words), h("td", { class: "num value" }, seven(value)));
  return evidenceOf(
    "prediction",
    t(one ? "prediction_one" : "prediction"),
    h(
      "table",
      { class: "lines" },
      h(
        "tbody",
        { "data-predicted": predicted, "data-actual": actual },
        line(
          one ? t("predicted_one", { name: label(one) }) : t("predicted_all"),
          predicted,
          "minor",
        ),
        line(t("actual_change"), actual, "result"),
      ),
    ),
    h(
      "p",
      { class: "note" },
      `J ${seven(before)} → ${seven(after)}. `,
      t(`verdict_${verdict(predicted, actual)}`),
    ),
    layers.length
      ? h(
          "p",
          { class: "note" },
          t("by_layer"),
          layers.map((/** @type {any[]} */ [name, value], /** @type {number} */ p) => [
            p ? ", " : " ",
            h("span", { class: "num" }, `${name} ${number(value)}`),
          ]),
        )
      : null,
  );
}
