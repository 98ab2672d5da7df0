// Points in the plane with a target: six usual sets, drawn from a seed, and columns of a file.

import { normals, uniforms } from "./random.js";

/**
 * x1, x2 and the target: 0 or 1 of classes, a number between −1 and 1 of values.
 * @typedef {[number, number, number]} Point
 */

export const N_POINTS = 200,
  REACH = 6;

/** @type {Record<string, { isClasses: boolean, make: (uniform: () => number, k: number) => Point }>} */
export const SETS = {
  gauss: {
    isClasses: true,
    make: (uniform, k) => {
      const normal = normals(uniform),
        centre = k % 2 ? 2 : -2;
      return [centre + normal(), centre + normal(), k % 2];
    },
  },
  circle: {
    isClasses: true,
    make: (uniform, k) => {
      const radius = k % 2 ? 2.5 * Math.sqrt(uniform()) : 3.5 + 1.5 * uniform(),
        angle = 2 * Math.PI * uniform();
      return [radius * Math.sin(angle), radius * Math.cos(angle), k % 2];
    },
  },
  xor: {
    isClasses: true,
    make: (uniform) => {
      const away = (/** @type {number} */ x) => x + (x > 0 ? 0.3 : -0.3),
        x = away(10 * uniform() - 5),
        y = away(10 * uniform() - 5);
      return [x, y, x * y > 0 ? 1 : 0];
    },
  },
  spiral: {
    isClasses: true,
    make: (uniform, k) => {
      const along = Math.floor(k / 2) / (N_POINTS / 2),
        angle = 1.75 * along * 2 * Math.PI + (k % 2 ? 0 : Math.PI);
      return [5 * along * Math.sin(angle), 5 * along * Math.cos(angle), k % 2];
    },
  },
  plane: {
    isClasses: false,
    make: (uniform) => {
      const [x, y] = [12 * uniform() - 6, 12 * uniform() - 6];
      return [x, y, (x + y) / 12];
    },
  },
  hills: {
    isClasses: false,
    make: (uniform) => {
      const [x, y] = [12 * uniform() - 6, 12 * uniform() - 6],
        hill = (/** @type {number} */ cx, /** @type {number} */ cy) =>
          Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 4);
      return [x, y, hill(-2, 2) + hill(2, -2) - hill(2, 2) - hill(-2, -2)];
    },
  },
};

/**
 * The points of a set, moved about by noise (a share of 0 to 1).
 * @param {string} name
 * @param {number} seed
 * @param {number} noise
 * @returns {Point[]}
 */
export function pointsOf(name, seed, noise) {
  const uniform = uniforms(seed),
    normal = normals(uniform);
  return Array.from({ length: N_POINTS }, (_, k) => {
    const [x, y, target] = SETS[name].make(uniform, k);
    return [x + 2 * noise * normal(), y + 2 * noise * normal(), target];
  });
}

/**
 * A table of text as its columns of numbers; cells that are no numbers are NaN.
 * @param {string} text
 * @returns {{ names: string[], cells: string[][] }}
 */
export function tableOf(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim()),
    mark = ["\t", ";", ","].find((c) => lines[0]?.includes(c)) ?? ",",
    cut = (/** @type {string} */ line) =>
      line.split(mark).map((cell) => cell.trim().replace(/^"|"$/g, ""));
  return { names: lines.length ? cut(lines[0]) : [], cells: lines.slice(1, 2001).map(cut) };
}

/**
 * Points of two columns and a target: inputs scaled to the plane; two words become classes, numbers values of −1 to 1.
 * @param {{ names: string[], cells: string[][] }} table
 * @param {number[]} places
 * @returns {{ points: Point[], isClasses: boolean } | null}
 */
export function pointsFrom({ cells }, [x, y, target]) {
  const number = (/** @type {string | undefined} */ cell) => (cell ? Number(cell) : NaN),
    kept = cells.filter(
      (row) => Number.isFinite(number(row[x])) && Number.isFinite(number(row[y])) && row[target],
    );
  const words = [...new Set(kept.map((row) => row[target]))],
    isClasses = words.length === 2,
    values = kept.map((row) =>
      isClasses ? words.sort().indexOf(row[target]) : number(row[target]),
    );
  if (kept.length < 2 || values.some((v) => !Number.isFinite(v))) return null;
  const scaled = (/** @type {number[]} */ list, /** @type {number} */ reach) => {
    const low = Math.min(...list),
      high = Math.max(...list);
    return list.map((v) => (high > low ? reach * ((2 * (v - low)) / (high - low) - 1) : 0));
  };
  const xs = scaled(
      kept.map((row) => number(row[x])),
      REACH - 1,
    ),
    ys = scaled(
      kept.map((row) => number(row[y])),
      REACH - 1,
    ),
    targets = isClasses ? values : scaled(values, 1);
  return { points: xs.map((at, i) => [at, ys[i], targets[i]]), isClasses };
}
