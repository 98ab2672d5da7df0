// What learning rate was too large, too small and right: the sentences and the figure that the run keeps.

import { h, show, svg } from "./dom.js";
import { t } from "./words.js";

/** @import { App, RatePanel } from "./types.js" */

const RATE = { wide: 290, deep: 220, left: 46, top: 46, right: 14, below: 46 };

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function drawRate(root, app) {
  const { rate } = app.data,
    { lang } = app.state;
  if (!rate) return show(root);
  show(
    root,
    h("h2", null, t("rate")),
    h("p", { class: "lead" }, rate.figure.title[lang]),
    rate.said[lang].map((sentence) => h("p", null, sentence)),
    h(
      "div",
      { class: "rate-panels" },
      rate.figure.panels.map((panel) =>
        h(
          "figure",
          null,
          h("figcaption", null, panel.title[lang]),
          rateLegend(panel, lang),
          ratePanel(panel, lang),
        ),
      ),
    ),
  );
}

/**
 * @param {RatePanel} panel
 * @param {string} lang
 */
const rateLegend = ({ legend: entries }, lang) =>
  entries.length
    ? h(
        "p",
        { class: "rate-legend" },
        entries.map(({ name, rate, role, dash }) =>
          h(
            "span",
            { class: `role-${role}` },
            svg(
              "svg",
              { width: 22, height: 8, "aria-hidden": "true" },
              rateLine(
                [
                  [0, 4],
                  [22, 4],
                ],
                role,
                "bold",
                dash,
              ),
            ),
            ` ${name[lang]}, η = ${rate} `,
          ),
        ),
      )
    : null;

/**
 * @param {(number | string)[][]} points
 * @param {string} role
 * @param {string} weight
 * @param {number[]} dash
 */
const rateLine = (points, role, weight, dash) =>
  svg("polyline", {
    class: `rate-line role-${role} ${weight}`,
    points: points.map((p) => p.join()).join(" "),
    "stroke-dasharray": dash.length ? dash.join(" ") : null,
  });

/**
 * One pair of axes; places in the description lie between 0 and 1.
 * @param {RatePanel} panel
 * @param {string} lang
 */
function ratePanel(panel, lang) {
  const x = (/** @type {number} */ place) => RATE.left + RATE.wide * place,
    y = (/** @type {number} */ place) => RATE.top + RATE.deep * (1 - place),
    bottom = RATE.top + RATE.deep,
    parts = [];
  const text = (
    /** @type {number} */ at,
    /** @type {number} */ to,
    /** @type {string} */ cls,
    /** @type {string} */ anchor,
    /** @type {string} */ said,
  ) => parts.push(svg("text", { class: cls, x: at, y: to, "text-anchor": anchor }, said));
  if (panel.band)
    parts.push(
      svg("rect", {
        class: "rate-band",
        x: x(panel.band[0]),
        y: RATE.top,
        width: Math.max(2, RATE.wide * (panel.band[1] - panel.band[0])),
        height: RATE.deep,
      }),
    );
  for (const { x: place, label, role, row } of panel.marks) {
    parts.push(
      svg("line", {
        class: `rate-mark role-${role}`,
        x1: x(place),
        x2: x(place),
        y1: RATE.top,
        y2: bottom,
      }),
    );
    if (row === null)
      text(x(place) + 5, bottom - 6, `rate-label role-${role}`, "start", label[lang]);
    else text(x(place), RATE.top - 6 - 16 * row, `rate-label role-${role}`, "middle", label[lang]);
  }
  for (const [place, said] of panel.up) {
    parts.push(
      svg("line", {
        class: "grid",
        x1: RATE.left,
        x2: RATE.left + RATE.wide,
        y1: y(place),
        y2: y(place),
      }),
    );
    text(RATE.left - 6, y(place) + 4, "tick", "end", said);
  }
  for (const [place, said] of panel.across) text(x(place), bottom + 17, "tick", "middle", said);
  if (panel.level !== null)
    parts.push(
      rateLine(
        [
          [x(0), y(panel.level)],
          [x(1), y(panel.level)],
        ],
        "ink",
        "thin",
        [1, 3],
      ),
    );
  for (const { points, role, weight, dash } of panel.lines)
    parts.push(
      rateLine(
        points.map(([a, b]) => [x(a).toFixed(1), y(b).toFixed(1)]),
        role,
        weight,
        dash,
      ),
    );
  for (const { points, role, hollow } of panel.dots)
    for (const [a, b] of points)
      parts.push(
        svg("circle", {
          class: `rate-dot role-${role}${hollow ? " hollow" : ""}`,
          cx: x(a),
          cy: y(b),
          r: 3.5,
        }),
      );
  parts.push(
    svg("rect", {
      class: "rate-frame",
      x: RATE.left,
      y: RATE.top,
      width: RATE.wide,
      height: RATE.deep,
    }),
  );
  text(RATE.left + RATE.wide / 2, bottom + 38, "tick", "middle", panel.label[lang]);
  const width = RATE.left + RATE.wide + RATE.right,
    height = bottom + RATE.below;
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": panel.title[lang] },
    parts,
  );
}
