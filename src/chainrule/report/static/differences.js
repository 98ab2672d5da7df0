// A recomputed tensor beside the one that the engine recorded: where they are furthest apart, and whether rounding
// explains it. A difference is judged beside the size of the terms of the sum: 2·(terms + slack) units of rounding are
// what two orders of a sum allow. A size counts with one unit of the largest of its tensor at least, and a number may
// be off by what its rounding is where it is subnormal.

import { unit } from "./arrays.js";

/** @import { Check, Vector } from "./types.js" */

const SLACK = 16; // roundings of the functions: exp, log and tanh are good to 3 ulp on either side

/**
 * Half of the distance of subnormal numbers: what rounding there is off by.
 * @param {string} dtype
 */
export const leastRounding = (dtype) => (dtype === "float32" ? 2 ** -150 : 2 ** -1074);

/**
 * Compares found with stored numbers; sizes are those of the terms, `off` by how much more each may differ.
 * @param {string} name
 * @param {ArrayLike<number>} found
 * @param {ArrayLike<number>} stored
 * @param {ArrayLike<number>} sizes
 * @param {number} terms
 * @param {string} dtype
 * @param {((i: number) => number) | number} [off]
 * @param {number[]} [lengths] of the tensors that the numbers belong to, one after the other
 * @returns {Check}
 */
export function compare(
  name,
  found,
  stored,
  sizes,
  terms,
  dtype,
  off = 0,
  lengths = [stored.length],
) {
  const result = {
    name,
    n: stored.length,
    same: 0,
    worst: 0,
    bound: 2 * (terms + SLACK) * unit(dtype),
    at: -1,
    ok: false,
  };
  const least = leastSizes(sizes, lengths, unit(dtype)),
    rounded = 2 * (terms + SLACK) * leastRounding(dtype);
  for (let i = 0; i < stored.length; i++) {
    const x = found[i],
      y = stored[i];
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) {
      result.same++;
      continue;
    }
    const more = rounded + (typeof off === "number" ? off : off(i)),
      gap = Math.abs(x - y);
    const relative = gap <= more ? 0 : (gap - more) / Math.max(sizes[i], least[i]);
    if (!(relative <= result.worst))
      [result.worst, result.at] = [Number.isFinite(relative) ? relative : Infinity, i];
  }
  result.ok = result.worst <= result.bound;
  return result;
}

/**
 * For every number one unit of the largest size in its tensor.
 * @param {ArrayLike<number>} sizes
 * @param {number[]} lengths
 * @param {number} one
 */
function leastSizes(sizes, lengths, one) {
  const least = new Float64Array(sizes.length);
  let first = 0;
  for (const length of lengths) {
    let largest = 0;
    for (let i = first; i < first + length; i++)
      if (sizes[i] > largest && sizes[i] < Infinity) largest = sizes[i];
    least.fill(largest * one, first, first + length);
    first += length;
  }
  return least;
}

/**
 * @param {Vector} data
 * @param {Vector} z
 * @param {((z: number) => number) | undefined} bends
 */
export const sizesOf = (data, z, bends) =>
  Float64Array.from(data, (x, i) => Math.abs(x) * (bends ? bends(z[i]) : 1));
