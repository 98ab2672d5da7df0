// The cursor in the address: a link leads to the very number that was looked at.

import { LANGUAGES } from "../../report/static/words.js";

const WHOLE = ["step", "row"];
const PLAYGROUND = ["set", "seed", "noise", "units", "g", "eta", "batch", "rule", "speed"];
const NAMES = [
  "run",
  "screen",
  "step",
  "row",
  "op",
  "why",
  "with",
  "lang",
  "theme",
  "scene",
  ...PLAYGROUND,
];

/**
 * What the address says, as far as it can be read.
 * @returns {Record<string, any>}
 */
export function readCursor() {
  const given = new URLSearchParams(location.hash.slice(1));
  /** @type {Record<string, any>} */
  const found = {};
  for (const name of NAMES) {
    const text = given.get(name);
    if (text === null) continue;
    if (!WHOLE.includes(name)) found[name] = text;
    else if (/^\d{1,12}$/.test(text)) found[name] = Number(text);
  }
  if (!LANGUAGES.includes(found.lang)) delete found.lang;
  if (!["light", "dark"].includes(found.theme)) delete found.theme;
  return found;
}

/**
 * @param {Record<string, any>} cursor
 */
export function writeCursor(cursor) {
  const parts = NAMES.filter((name) => cursor[name] !== undefined && cursor[name] !== null).map(
    (name) => [name, String(cursor[name])],
  );
  const hash = `#${new URLSearchParams(parts)}`;
  if (hash !== location.hash) history.replaceState(null, "", hash);
}
