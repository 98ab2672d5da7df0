// Measures and shapes of the drawing of a step: where a card and its rows stand, letters, lines and arrowheads.

import { svg } from "./dom.js";

/** @import { Box, Card } from "./types.js" */

export const LINE = 18;
export const COLUMN = 84;
export const PAD = 10;
const [SIZE, LETTER, LONGEST] = [11.5, 7, 14];

/** @param {number} x */
export const places = (x) => x.toFixed(1);

/**
 * Both ends of a long name.
 * @param {string} name
 */
export function cut(name) {
  const letters = Array.from(name),
    half = Math.floor((LONGEST - 1) / 2);
  if (letters.length <= LONGEST) return name;
  return `${letters.slice(0, LONGEST - 1 - half).join("")}…${letters.slice(-half).join("")}`;
}

/**
 * Letters that take two columns count twice.
 * @param {string} text
 */
export const columnsOf = (text) =>
  Array.from(text).reduce(
    (n, c) =>
      n + (/[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/.test(c) ? 2 : 1),
    0,
  );

/** @param {Card} card */
const labelWidth = (card) =>
  Math.max(22, LETTER * Math.max(0, ...card.labels.map((label) => columnsOf(cut(label)))));
/** @param {Card} card */
export const widthOf = (card) =>
  Math.max(
    2 * PAD + labelWidth(card) + COLUMN * card.columns.length,
    2 * PAD + 6.5 * Math.max(0, ...card.equations.map((line) => line.length)),
    110,
  );
/** @param {Card} card */
export const heightOf = (card) =>
  18 + 15 * card.equations.length + 24 + LINE * (card.labels.length + (card.more ? 1 : 0)) + 8;

/**
 * A card in the middle of its lane.
 * @param {Card} card
 * @param {number} x
 * @param {number} top
 * @param {number} lane
 * @returns {Box}
 */
export function boxOf(card, x, top, lane) {
  const height = heightOf(card),
    y = top + (lane - height) / 2,
    first = y + 18 + 15 * card.equations.length + 20 + LINE - 3;
  return {
    card,
    x,
    y,
    height,
    width: widthOf(card),
    label: labelWidth(card),
    rows: card.labels.map((_, p) => first + LINE * p),
  };
}

/**
 * The right end of a column of numbers.
 * @param {Box} box
 * @param {number} i
 */
export const rightOf = (box, i) => box.x + PAD + box.label + COLUMN * (i + 1);

/**
 * @param {number} x
 * @param {number} y
 * @param {string} words
 * @param {string} [role]
 * @param {{ size?: number, bold?: boolean, sans?: boolean, anchor?: string }} [how]
 */
export const letters = (
  x,
  y,
  words,
  role = "ink",
  { size = SIZE, bold = false, sans = false, anchor = "start" } = {},
) =>
  svg(
    "text",
    {
      x: places(x),
      y: places(y),
      class: `cr-f-${role}${sans ? " cr-sans" : ""}`,
      "font-size": size,
      "text-anchor": anchor === "start" ? null : anchor,
      "font-weight": bold ? 600 : null,
    },
    words,
  );

/**
 * @param {string} d
 * @param {string} role
 * @param {number} width
 * @param {{ opacity?: number, dash?: string }} [how]
 */
export const line = (d, role, width, { opacity = 1, dash = "" } = {}) =>
  svg("path", {
    d,
    fill: "none",
    "data-s": role,
    "stroke-width": width.toFixed(2),
    "stroke-opacity": opacity.toFixed(2),
    "stroke-dasharray": dash || null,
  });

/**
 * @param {number} x
 * @param {number} y
 * @param {string} role
 * @param {boolean} up
 */
export const tip = (x, y, role, up) =>
  svg("path", { class: `cr-f-${role}`, d: `M${places(x)} ${places(y)}l-5 ${up ? 9 : -9}h10z` });

/**
 * The size of letters that lets a text fit.
 * @param {string} words
 * @param {number} room
 */
export const fitted = (words, room) =>
  Number(Math.min(SIZE, (SIZE * room) / (LETTER * words.length)).toFixed(1));

/**
 * @param {string} cls
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {Record<string, string | number>} [more]
 */
export const rectangle = (cls, x, y, width, height, more = {}) =>
  svg("rect", {
    class: cls,
    x: places(x),
    y: places(y),
    width: places(width),
    height: places(height),
    ...more,
  });
