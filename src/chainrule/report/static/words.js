// What the page says: the sentences of its room in words/en.json and words/ko.json, side by side.

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
 * A sentence in a language of its own, without slots.
 * @param {string} language
 * @param {string} name
 */
export const tIn = (language, name) => WORDS[name]?.[LANGUAGES.indexOf(language)] ?? name;

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
