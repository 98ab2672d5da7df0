// Packed arrays become typed arrays again, and numbers become text.

/** @import { Entry } from "./types.js" */

/** @type {Record<string, [any, number]>} */
const KINDS = { f4: [Float32Array, 4], f8: [Float64Array, 8], i4: [Int32Array, 4] };

/**
 * @param {string} base64
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function bytesOf(base64) {
  const text = atob(base64),
    bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export const unpacked = async (bytes) =>
  new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")));

// Decodes the page's bytes once; every array is unpacked when it is first asked for.
export class Numbers {
  /**
   * @param {string} base64
   * @param {Record<string, [number, number]>} places
   */
  constructor(base64, places) {
    this.places = places;
    this.unpacked = new Map();
    this.bytes = bytesOf(base64);
  }

  /**
   * The arrays in nested lists and objects of entries, each as { data, shape }.
   * @param {any} entries
   * @returns {Promise<any>}
   */
  async all(entries) {
    if (entries === null || typeof entries !== "object") return entries;
    if (Array.isArray(entries)) return Promise.all(entries.map((part) => this.all(part)));
    if (typeof entries.key === "string") return this.one(entries);
    const named = Object.entries(entries).map(async ([name, part]) => [name, await this.all(part)]);
    return Object.fromEntries(await Promise.all(named));
  }

  /**
   * @param {Entry} entry
   */
  async one(entry) {
    if (!this.unpacked.has(entry.key)) this.unpacked.set(entry.key, this.unpack(entry));
    return { data: await this.unpacked.get(entry.key), shape: entry.shape };
  }

  /**
   * @param {Entry} entry
   */
  async unpack({ key, type, shape }) {
    const [start, length] = this.places[key];
    const [Kind, size] = KINDS[type];
    const n = shape.reduce(
      (/** @type {any} */ product, /** @type {any} */ side) => product * side,
      1,
    );
    const grouped = new Uint8Array(
      await (await unpacked(this.bytes.subarray(start, start + length))).arrayBuffer(),
    );
    const plain = new Uint8Array(n * size);
    for (let place = 0; place < size; place++)
      for (let i = 0; i < n; i++) plain[i * size + place] = grouped[place * n + i];
    return new Kind(plain.buffer);
  }
}

/**
 * A number to n significant digits, as Python's :.ng writes it.
 * @param {number} x
 * @param {number} n
 */
export function general(x, n) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  const [mantissa, exponent] = x.toExponential(n - 1).split("e");
  const e = Number(exponent);
  if (e >= -4 && e < n) {
    const fixed = x.toFixed(Math.max(0, n - 1 - e));
    return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
  }
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return `${short}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
}

/**
 * Five significant digits, as everywhere in chainrule; a zero's sign is no news to a reader.
 * @param {number} x
 */
export function number(x) {
  if (x === 0 || !Number.isFinite(x)) return general(x, 5);
  const size = Math.abs(x);
  if (size >= 1e-4 && size < 1e5) return general(x, 5);
  const [mantissa, exponent] = x.toExponential(4).split("e");
  const e = Number(exponent);
  return `${mantissa}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
}

/**
 * Three digits, for labels that must be short.
 * @param {number} x
 */
export const brief = (x) => general(x, 3).replace("e-0", "e-").replace("e+0", "e+");

/**
 * Every digit that tells this number from its neighbours in its own precision.
 * @param {number} x
 * @param {boolean} isFloat32
 */
export function exact(x, isFloat32) {
  if (!Number.isFinite(x) || !isFloat32) return String(x);
  for (let n = 6; n <= 9; n++)
    if (Math.fround(Number(x.toPrecision(n))) === x) return String(Number(x.toPrecision(n)));
  return String(x);
}

/**
 * @param {number} n
 */
export const grouped = (n) =>
  Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");

/**
 * @param {number} share
 * @param {number} [digits]
 */
export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
