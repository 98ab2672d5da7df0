// Curves and strips over the steps of a run, drawn to the width they have.

import { svg } from "./dom.js";
import { brief, general } from "./numbers.js";

const LEFT = 58,
  RIGHT = 14,
  TOP = 12,
  BOTTOM = 26;

/**
 * @param {number} low
 * @param {number} high
 * @param {number} n
 * @returns {number[]}
 */
export function ticks(low, high, n) {
  if (!(high > low)) return [low];
  const raw = (high - low) / n,
    ten = 10 ** Math.floor(Math.log10(raw)),
    unit = ([1, 2, 5].find((u) => u * ten >= raw) ?? 10) * ten;
  const list = [];
  for (let k = Math.ceil(low / unit - 1e-9); k * unit <= high * (1 + 1e-12); k++)
    list.push(k * unit);
  return list;
}

/**
 * @param {number} low
 * @param {number} high
 * @returns {number[]}
 */
function powers(low, high) {
  const list = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
    for (const digit of Math.log10(high / low) < 2 ? [1, 2, 5] : [1])
      if (digit * 10 ** e >= low && digit * 10 ** e <= high) list.push(digit * 10 ** e);
  return list;
}

/**
 * @param {number} width
 * @param {number} last
 */
export const position = (width, last) => (/** @type {number} */ step) =>
  LEFT + ((width - LEFT - RIGHT) * step) / Math.max(last, 1);
/**
 * @param {number} width
 * @param {number} last
 */
export const stepAt = (width, last) => (/** @type {number} */ x) =>
  Math.round(Math.min(1, Math.max(0, (x - LEFT) / (width - LEFT - RIGHT))) * last);

/**
 * @param {any[]} lines
 * @param {boolean} log
 */
function extent(lines, log) {
  let low = Infinity,
    high = -Infinity;
  for (const { ys } of lines)
    for (const y of ys)
      if (Number.isFinite(y) && (!log || y > 0)) {
        low = Math.min(low, y);
        high = Math.max(high, y);
      }
  if (!(high >= low)) return [log ? 0.1 : 0, 1];
  if (log) return [low / 1.1, Math.min(high * 1.1, Number.MAX_VALUE)];
  // Values that differ by their rounding alone are one value: no tick fits between them.
  const apart = high - low > 1e-9 * Math.max(Math.abs(low), Math.abs(high));
  const pad = (apart ? high - low : Math.abs(high) || 1) * 0.05;
  return [low >= 0 && low < 0.35 * high ? 0 : low - pad, Math.min(high + pad, Number.MAX_VALUE)];
}

/**
 * @param {number[]} xs
 * @param {(number | null)[]} ys
 * @param {(x: number) => number} px
 * @param {(y: number) => number} py
 */
function path(xs, ys, px, py) {
  let text = "",
    pen = false;
  for (let i = 0; i < xs.length; i++) {
    const value = ys[i],
      y = value === null ? NaN : py(value);
    if (!Number.isFinite(y)) {
      pen = false;
      continue;
    }
    text += `${pen ? "L" : "M"}${px(xs[i]).toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  }
  return text;
}

/**
 * lines: { xs, ys, cls, dots }; band: { xs, low, high }; joints: the steps at which the run went on. The cursor is
 * drawn by moveCursor.
 * @param {any} options
 * @returns {any}
 */
export function curve({ width, height, last, lines, band, log, marks, chosen, joints = [] }) {
  const px = position(width, last),
    [low, high] = extent(band ? [...lines, { ys: band.low }, { ys: band.high }] : lines, log);
  const scale = log
    ? (/** @type {number} */ y) =>
        y > 0 ? (Math.log(y) - Math.log(low)) / (Math.log(high) - Math.log(low)) : NaN
    : (/** @type {number} */ y) => (y - low) / (high - low);
  const py = (/** @type {number} */ y) => height - BOTTOM - (height - TOP - BOTTOM) * scale(y);
  const parts = [];
  for (const y of log ? powers(low, high) : ticks(low, high, 4))
    parts.push(
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: py(y), y2: py(y) }),
      svg("text", { class: "tick", x: LEFT - 8, y: py(y) + 4, "text-anchor": "end" }, brief(y)),
    );
  for (const x of ticks(0, last, Math.max(2, Math.min(8, Math.floor(width / 110)))))
    if (Number.isInteger(x))
      parts.push(
        svg(
          "text",
          { class: "tick", x: px(x), y: height - 6, "text-anchor": "middle" },
          general(x, 12),
        ),
      );
  if (band) {
    const there = path(band.xs, band.high, px, py),
      back = path([...band.xs].reverse(), [...band.low].reverse(), px, py);
    if (there && back)
      parts.push(svg("path", { class: "band", d: `${there}${back.replace(/M/g, "L")}Z` }));
  }
  for (const { xs, ys, cls, dots } of lines) {
    parts.push(svg("path", { class: `line ${cls}`, d: path(xs, ys, px, py) }));
    if (dots && xs.length <= 60)
      xs.forEach(
        (/** @type {number} */ x, /** @type {number} */ i) =>
          ys[i] !== null &&
          Number.isFinite(py(ys[i])) &&
          parts.push(svg("circle", { class: `dot ${cls}`, cx: px(x), cy: py(ys[i]), r: 2.6 })),
      );
  }
  for (const step of joints) {
    const x = px(step - 0.5);
    parts.push(svg("line", { class: "joint", x1: x, x2: x, y1: TOP, y2: height - BOTTOM }));
  }
  for (const step of marks)
    parts.push(
      svg("path", {
        class: step === chosen ? "mark chosen" : "mark",
        d: `M${px(step)} ${height - BOTTOM + 1}l4 7h-8z`,
      }),
    );
  parts.push(svg("line", { class: "cursor", y1: TOP, y2: height - BOTTOM, x1: -9, x2: -9 }));
  return svg(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    parts,
  );
}

/**
 * @param {Element} drawn
 * @param {number} width
 * @param {number} last
 * @param {number | null} step
 */
export function moveCursor(drawn, width, last, step) {
  const x = step === null ? -9 : position(width, last)(step),
    line = drawn.querySelector(".cursor");
  line?.setAttribute("x1", String(x));
  line?.setAttribute("x2", String(x));
}

/**
 * One layer's measure over the run: a cell for each sampled step, darker where the value is larger.
 * @param {any} options
 * @returns {any}
 */
export function strip({ width, height, last, steps, values, low, high, log }) {
  /** @type {Element[]} */
  const cells = [];
  const px = (/** @type {number} */ step) => (width * step) / Math.max(last, 1);
  steps.forEach((/** @type {number} */ step, /** @type {number} */ i) => {
    const from = i === 0 ? 0 : px((steps[i - 1] + step) / 2),
      to = i === steps.length - 1 ? width : px((step + steps[i + 1]) / 2);
    const y = values[i];
    if (y === null) {
      cells.push(svg("path", { class: "absent", d: `M${from} ${height}L${to} 0` }));
      return;
    }
    const at = log
      ? y > 0
        ? (Math.log(y) - Math.log(low)) / (Math.log(high / low) || 1)
        : 0
      : (y - low) / (high - low || 1);
    cells.push(
      svg("rect", {
        class: "cell",
        x: from,
        y: 0,
        width: Math.max(0.5, to - from + 0.3),
        height,
        "fill-opacity": (0.06 + 0.94 * Math.min(1, Math.max(0, at))).toFixed(3),
      }),
    );
  });
  return svg(
    "svg",
    { class: "strip", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
    cells,
    svg("line", { class: "cursor", y1: 0, y2: height, x1: -9, x2: -9 }),
  );
}
