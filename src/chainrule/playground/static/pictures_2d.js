// Pictures of the plane: what every unit answers at every place, the points, and the loss over two parameters.

import { rowsOf } from "./small_network.js";
import { REACH } from "./points.js";

/** @import { Playground } from "./playground.js" */

const FINE = 60,
  LAND = 41;

/** @type {(share: number, isDark: boolean) => [number, number, number]} */
export function tone(share, isDark) {
  const s = Math.max(-1, Math.min(1, share)),
    middle = isDark ? [38, 42, 48] : [246, 246, 244],
    end = s > 0 ? [232, 136, 36] : [40, 110, 190];
  return /** @type {any} */ (middle.map((m, c) => Math.round(m + Math.abs(s) * (end[c] - m))));
}

/**
 * Every place of a grid as a row (x1, x2), from the upper left.
 * @param {number} n
 */
export function gridOf(n) {
  const data = new Float64Array(2 * n * n);
  for (let r = 0; r < n; r++)
    for (let c = 0; c < n; c++) {
      data[2 * (r * n + c)] = REACH * ((2 * (c + 0.5)) / n - 1);
      data[2 * (r * n + c) + 1] = -REACH * ((2 * (r + 0.5)) / n - 1);
    }
  return { data, shape: [n * n, 2] };
}

const GRID = gridOf(FINE);

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} n
 * @param {(p: number) => number} share
 * @param {boolean} isDark
 */
function paint(canvas, n, share, isDark) {
  canvas.width = canvas.height = n;
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(n, n);
  for (let p = 0; p < n * n; p++) {
    const [r, g, b] = tone(share(p), isDark);
    image.data.set([r, g, b, 255], 4 * p);
  }
  context.putImageData(image, 0, 0);
}

/**
 * The surface of every unit: a of the unit over the plane, between its own least and largest, 0 in the middle.
 * @param {Playground} play
 * @param {HTMLCanvasElement[][]} canvases
 * @param {boolean} isDark
 */
export function paintUnits(play, canvases, isDark) {
  const { a } = play.network.forward(GRID),
    { sizes } = play.network.architecture;
  canvases.forEach((layer, l) =>
    layer.forEach((canvas, j) => {
      const isOutput = l === sizes.length - 1,
        at = (/** @type {number} */ p) => a[l].data[p * sizes[l] + j];
      let most = 1e-12;
      for (let p = 0; p < FINE * FINE; p++) most = Math.max(most, Math.abs(at(p)));
      const share =
        isOutput && play.isClasses
          ? (/** @type {number} */ p) => 2 * at(p) - 1
          : (/** @type {number} */ p) => at(p) / (isOutput ? 1 : most);
      paint(canvas, FINE, share, isDark);
    }),
  );
}

/**
 * J over two parameters about where they are: on a logarithmic scale, dark is low.
 * @param {Playground} play
 * @param {HTMLCanvasElement} canvas
 * @param {boolean} isDark
 */
export function paintLand(play, canvas, isDark) {
  const { theta } = play.network,
    [p, q] = play.pair,
    frame = frameOf(play),
    before = [theta[p], theta[q]],
    some = play.points.length > 60 ? everyOf(play, 60) : play.points.map((_, i) => i),
    [X, y] = [rowsOf(play.X, some), rowsOf(play.y, some)],
    J = new Float64Array(LAND * LAND);
  for (let r = 0; r < LAND; r++)
    for (let c = 0; c < LAND; c++) {
      theta[p] = frame.x[0] + ((c + 0.5) / LAND) * (frame.x[1] - frame.x[0]);
      if (p !== q) theta[q] = frame.y[1] - ((r + 0.5) / LAND) * (frame.y[1] - frame.y[0]);
      J[r * LAND + c] = play.network.loss(X, y);
    }
  [theta[p], theta[q]] = before;
  const logs = J.map((x) => Math.log(x + 1e-9)),
    finite = logs.filter(Number.isFinite),
    [low, high] = [Math.min(...finite), Math.max(...finite)];
  paint(canvas, LAND, (k) => (high > low ? (2 * (logs[k] - low)) / (high - low) - 1 : 0), isDark);
  return frame;
}

/**
 * @param {Playground} play
 * @param {number} n
 */
const everyOf = (play, n) =>
  Array.from({ length: n }, (_, k) => Math.floor((k * play.points.length) / n));

/**
 * The rectangle that is shown: about the way the two parameters have gone, at least 4 wide.
 * @param {Playground} play
 */
export function frameOf(play) {
  const side = (/** @type {number} */ p) => {
    const been = play.path.map((theta) => theta[p]).filter((x) => Math.abs(x) < 1e6),
      now = play.network.theta[p],
      low = Math.min(now, ...been),
      high = Math.max(now, ...been),
      edge = Math.max(2 - (high - low) / 2, 0.2 * (high - low));
    return /** @type {[number, number]} */ ([low - edge, high + edge]);
  };
  return { x: side(play.pair[0]), y: side(play.pair[1]) };
}
