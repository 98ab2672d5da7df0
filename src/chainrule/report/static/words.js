// What the page says: words.json, side by side in English and Korean. No Korean particle follows a slot directly.

import { bytesOf, unpacked } from "./numbers.js";

/** @type {Record<string, string[]>} */
const WORDS = {};

export const LANGUAGES = ["en", "ko"];
const current = { index: 0 };

/**
 * Reads the sentences, which come packed.
 * @param {string} base64
 */
export async function learn(base64) {
  Object.assign(WORDS, JSON.parse(await (await unpacked(bytesOf(base64))).text()));
}

/**
 * @param {string} language
 */
export function speak(language) {
  current.index = Math.max(0, LANGUAGES.indexOf(language));
}

/**
 * A sentence in the language spoken, its slots filled.
 * @param {string} name
 * @param {Record<string, any>} [slots]
 * @returns {string}
 */
export function t(name, slots = {}) {
  const text = WORDS[name]?.[current.index] ?? name;
  const said = text.replace(/\{(\w+)\}/g, (whole, slot) =>
    slot in slots ? String(slots[slot]) : whole,
  );
  return said.replace(
    /(^|[^\d.,])1 (inputs?|outputs?|hidden units?|steps?|rows?|epochs?|terms?|numbers?)\b/g,
    (whole, before, noun) => `${before}1 ${noun.replace(/s$/, "")}`,
  );
}
