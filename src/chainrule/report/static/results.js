// What the network predicts: classes confused or values missed, measures beside the simplest prediction, columns, findings.

import { table } from "./checks.js";
import { h, show, svg } from "./dom.js";
import { general, grouped, number } from "./numbers.js";
import { t } from "./words.js";

/** @import { App, Results } from "./types.js" */

const SIDE = 300,
  INDENT = 80; // room for numbers such as -3.44e+03

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function drawResults(root, app) {
  const results = app.data.results;
  if (!results) return show(root);
  const { part, n, n_shown: shown } = results;
  show(
    root,
    h("h2", null, t("results")),
    h(
      "p",
      { class: "lead" },
      t(`results_${part}`, { n: grouped(n) }),
      shown < n ? ` ${t("results_sampled", { n: grouped(shown) })}` : "",
      results.measures ? "" : ` ${t("results_short")}`,
    ),
    h(
      "div",
      { class: "tables results-tables" },
      results.confusion ? confusion(results.confusion) : null,
      results.values ? missed(results.values) : null,
      measures(results),
      importances(results),
    ),
    findings(results, app.state.lang),
    columns(results),
  );
}

/**
 * @param {NonNullable<Results["confusion"]>} found
 */
function confusion(found) {
  if (!("counts" in found)) {
    const rows = found.pairs.map(([is, taken, count, all]) => [
      is,
      taken,
      grouped(count),
      grouped(all),
    ]);
    return table(
      t("confused_most", { classes: grouped(found.n_classes), n: grouped(found.n_wrong) }),
      ["true_class", "predicted_class", "rows_confused", "rows_of_class"],
      rows,
    );
  }
  const { names, counts } = found,
    sums = counts.map((row) => row.reduce((sum, x) => sum + x, 0));
  const cell = (/** @type {number} */ count, /** @type {number} */ i, /** @type {number} */ j) =>
    h(
      "td",
      {
        class: `num value cell-${i === j ? "right" : "wrong"}`,
        style: { "--share": String(sums[i] ? count / sums[i] : 0) },
        title: t("confusion_cell", {
          is: names[i],
          taken: names[j],
          n: grouped(count),
          all: grouped(sums[i]),
        }),
      },
      grouped(count),
    );
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": t("confusion") },
    h(
      "table",
      { class: "data confusion", id: "confusion" },
      h("caption", null, t("confusion")),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          h("td", null),
          names.map((name) => h("th", { scope: "col", class: "value" }, name)),
        ),
      ),
      h(
        "tbody",
        null,
        counts.map((row, i) =>
          h(
            "tr",
            null,
            h("th", { scope: "row" }, names[i]),
            row.map((count, j) => cell(count, i, j)),
          ),
        ),
      ),
    ),
  );
}

/**
 * @param {NonNullable<Results["values"]>} found
 */
function missed({ points, residuals }) {
  const [p5, p25, p50, p75, p95] = residuals.map(number);
  return h(
    "figure",
    { class: "missed" },
    scatter(points, true),
    scatter(
      points.map(([truth, guess]) => [guess, guess - truth]),
      false,
    ),
    residuals.length
      ? h("figcaption", { id: "residuals" }, t("residuals", { p5, p25, p50, p75, p95 }))
      : null,
  );
}

/**
 * Points; with the line on which predictions are right.
 * @param {[number, number][]} points
 * @param {boolean} isDiagonal
 */
function scatter(points, isDiagonal) {
  const ends = (/** @type {number[]} */ values) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return high > low ? [low, high] : [low - 0.5, high + 0.5];
  };
  const xs = points.map(([x]) => x),
    ys = points.map(([, y]) => y),
    both = ends([...xs, ...ys]),
    [across, up] = isDiagonal ? [both, both] : [ends(xs), ends([...ys, 0])];
  const x = (/** @type {number} */ value) =>
      INDENT + ((SIDE - INDENT - 14) * (value - across[0])) / (across[1] - across[0]),
    y = (/** @type {number} */ value) =>
      SIDE - 44 - ((SIDE - 60) * (value - up[0])) / (up[1] - up[0]);
  const line = isDiagonal
    ? { x1: x(both[0]), y1: y(both[0]), x2: x(both[1]), y2: y(both[1]) }
    : { x1: INDENT, y1: y(0), x2: SIDE - 14, y2: y(0) };
  const words = (
    /** @type {number} */ at,
    /** @type {number} */ level,
    /** @type {string} */ text,
    /** @type {string} */ anchor,
  ) => svg("text", { class: "tick", x: at, y: level, "text-anchor": anchor }, text);
  const title = t(isDiagonal ? "predicted_actual" : "residual_predicted");
  return svg(
    "svg",
    { width: SIDE, height: SIDE, viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": title },
    svg("path", { class: "axis", d: `M${INDENT} 16V${SIDE - 44}H${SIDE - 14}` }),
    svg("line", { class: "joint", ...line }),
    points.map(([a, b]) =>
      svg("circle", { class: "point", cx: x(a).toFixed(1), cy: y(b).toFixed(1), r: 2.4 }),
    ),
    words(INDENT - 6, SIDE - 44, general(up[0], 3), "end"),
    words(INDENT - 6, 24, general(up[1], 3), "end"),
    words(INDENT, SIDE - 28, general(across[0], 3), "start"),
    words(SIDE - 14, SIDE - 28, general(across[1], 3), "end"),
    words((INDENT + SIDE - 14) / 2, SIDE - 8, title, "middle"),
  );
}

/**
 * @param {Results} results
 */
function measures({ measures: found }) {
  if (!found?.length) return null;
  const rows = found.map(([name, value, simplest]) => [
    name,
    number(value),
    simplest === null ? "–" : number(simplest),
  ]);
  return table(t("measures"), ["measure", "of_network", "of_simplest"], rows);
}

/**
 * @param {Results} results
 */
function importances({ importances: found }) {
  if (!found?.columns.length) return null;
  const rows = found.columns.map(({ column, rise, low, high }) => [
    column,
    number(rise),
    `${number(low)} … ${number(high)}`,
  ]);
  return table(t("importances", { n: grouped(found.n) }), ["column", "rise", "interval"], rows);
}

/**
 * @param {Results} results
 * @param {string} language
 */
function findings({ findings: found }, language) {
  if (!found) return null;
  const lines = found[language] ?? [];
  return h(
    "div",
    { id: "findings" },
    h("h3", null, t("findings")),
    lines.length
      ? h(
          "ol",
          null,
          lines.map((line) => h("li", null, line)),
        )
      : h("p", null, t("findings_none")),
    h("p", { class: "note" }, t("findings_says")),
  );
}

/**
 * @param {Results} results
 */
function columns({ columns: found, n_cells: n }) {
  if (!found?.length) return null;
  const rows = found.map((column) => [
    column.name,
    t(`kind_${column.kind}`),
    column.range
      ? column.range.map(number).join(" … ")
      : column.times
        ? column.times.join(" … ")
        : column.levels
          ? `${grouped(column.levels)}: ${(column.first ?? []).join(", ")}${column.levels > 3 ? ", …" : ""}`
          : "",
    grouped(column.missing),
    grouped(column.inputs),
  ]);
  return h(
    "details",
    { class: "columns-box", open: rows.length <= 12 },
    h("summary", { "data-focus": "columns" }, t("columns_taken", { n: grouped(rows.length) })),
    table(
      t("columns_says", { n: grouped(n ?? 0) }),
      ["column", "column_kind", "column_values", "column_missing", "column_inputs"],
      rows,
    ),
  );
}
