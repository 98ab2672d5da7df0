// Rows and weights as pictures on a canvas, in the colours of the page.

import { h } from "./dom.js";

/** @import { Check, Vector } from "./types.js" */

/**
 * @param {string} name
 */
function colour(name) {
  const probe = h("span", { style: { color: `var(${name})` } });
  document.body.append(probe);
  const parts = getComputedStyle(probe)
    .color.match(/[\d.]+/g)
    ?.map(Number);
  probe.remove();
  return parts?.slice(0, 3) ?? [0, 0, 0];
}

/**
 * @param {number[]} from
 * @param {number[]} to
 * @param {number} share
 */
const mix = (from, to, share) => from.map((c, i) => c + (to[i] - c) * share);

/**
 * A canvas of rows × columns cells; kind "gray" from paper to ink, "signed" from paper to blue or orange.
 * @param {Vector} values
 * @param {number} rows
 * @param {number} columns
 * @param {string} kind
 * @param {string} label
 * @param {(row: number, column: number) => void} onpick
 * @returns {any}
 */
export function picture(values, rows, columns, kind, label, onpick) {
  const canvas = h("canvas", {
    class: "picture",
    width: columns,
    height: rows,
    role: "img",
    "aria-label": label,
  });
  const paper = colour("--paper"),
    ink = colour("--ink"),
    plus = colour("--plus"),
    minus = colour("--minus");
  const context = canvas.getContext("2d"),
    image = context.createImageData(columns, rows);
  let low = Infinity,
    high = -Infinity;
  for (const x of values)
    if (Number.isFinite(x)) [low, high] = [Math.min(low, x), Math.max(high, x)];
  const top = Math.max(Math.abs(low), Math.abs(high)) || 1;
  for (let p = 0; p < rows * columns; p++) {
    const x = values[p],
      share = kind === "gray" ? (x - low) / (high - low || 1) : Math.min(1, Math.abs(x) / top);
    const shown = Number.isFinite(x)
      ? mix(
          paper,
          kind === "gray" ? ink : x < 0 ? minus : plus,
          kind === "gray" ? share : Math.sqrt(share),
        )
      : [200, 0, 200];
    image.data.set([...shown.map(Math.round), 255], 4 * p);
  }
  context.putImageData(image, 0, 0);
  if (onpick)
    canvas.addEventListener("click", (/** @type {any} */ event) => {
      const box = canvas.getBoundingClientRect();
      onpick(
        Math.min(rows - 1, Math.floor(((event.clientY - box.top) / box.height) * rows)),
        Math.min(columns - 1, Math.floor(((event.clientX - box.left) / box.width) * columns)),
      );
    });
  return { canvas, top };
}

/**
 * The side of the square that n inputs fill if they are the pixels of an image; 0 if they are none.
 * @param {number} n
 * @param {any} names
 */
export function imageSide(n, names) {
  const side = Math.round(Math.sqrt(n));
  if (side * side !== n || side < 6) return 0;
  const pixels =
    !names ||
    names.every((/** @type {string} */ name) => /pix|^\D{0,3}\d+([_x-]\d+)?$/i.test(name));
  return pixels ? side : 0;
}
