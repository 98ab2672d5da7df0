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
 * A sentence in the language spoken, its slots filled; {n:row|rows} becomes "1 row" or "12 rows".
 * @param {string} name
 * @param {Record<string, any>} [slots]
 * @returns {string}
 */
export function t(name, slots = {}) {
  const text = WORDS[name]?.[current.index] ?? name;
  return text.replace(/\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g, (whole, slot, one, several) => {
    if (!(slot in slots)) return whole;
    const value = String(slots[slot]);
    return several === undefined ? value : `${value} ${value === "1" ? one : several}`;
  });
}
