// The network at one operation: the units that matter most, what flows between them, and what is folded away.

import { h, svg } from "./dom.js";
import { row } from "./arrays.js";
import { columnsOf } from "./drawing_shapes.js";
import { label, largest } from "./model.js";
import { brief, grouped, number } from "./numbers.js";
import { t } from "./words.js";

/** @import { App, Matrix, Operation, Place, Step, Vector } from "./types.js" */

/**
 * The units drawn of every layer: the largest activations and errors of the row, and the unit asked about.
 * @param {Step} step
 * @param {number} i
 * @param {number} most
 * @param {Record<number, number>} asked
 */
export function chosenUnits(step, i, most, asked) {
  return step.layers.map((/** @type {Matrix} */ a, /** @type {number} */ l) => {
    const n = step.sizes[l];
    if (n <= most) return Array.from({ length: n }, (_, j) => j);
    const values = row(a, i),
      errors = l ? row(step.delta[l], i) : null;
    const scale = (/** @type {Vector} */ x) =>
      x.reduce(
        (/** @type {number} */ top, /** @type {number} */ y) =>
          Math.max(top, Number.isFinite(y) ? Math.abs(y) : 0),
        0,
      ) || 1;
    const [by, byError] = [scale(values), errors ? scale(errors) : 1];
    const weight = Array.from(values, (x, j) =>
      Math.max(Math.abs(x) / by, errors ? Math.abs(errors[j]) / byError : 0),
    );
    const kept = largest(weight, most),
      wanted = asked[l];
    if (wanted !== undefined && !kept.includes(wanted)) kept[kept.length - 1] = wanted;
    return kept.sort((p, q) => p - q);
  });
}

/**
 * The units a reference names, by layer.
 * @param {Place} ref
 * @returns {Record<number, number>}
 */
function named(ref) {
  if (["a", "z", "u", "delta", "du", "da"].includes(ref.kind)) return { [ref.l]: ref.j };
  if (["W", "dW", "W⁺"].includes(ref.kind)) return { [ref.l - 1]: ref.i, [ref.l]: ref.j };
  return ref.l && ref.j === undefined ? { [ref.l]: ref.i } : {};
}

/** Between two layers: room for the value of a unit. */
const LEAST_GAP = 84;
/** @type {Record<string, string>} */
const PHASES = {
  z: "forward",
  a: "forward",
  J: "loss",
  delta: "backward",
  dW: "backward",
  update: "update",
};

/**
 * @param {App} app
 * @param {Step} step
 * @param {Operation} op
 * @param {Place} ref
 * @param {number} width
 */
export function drawNetwork(app, step, op, ref, width) {
  const i = app.state.row,
    L = step.L,
    most = width < 560 ? 7 : 10,
    asked = named(ref),
    units = chosenUnits(step, i, most, asked);
  const gap = 30,
    rows = Math.max(
      ...units.map(
        (/** @type {any[]} */ list, /** @type {number} */ l) =>
          list.length + (step.sizes[l] > list.length ? 1 : 0),
      ),
    ),
    height = rows * gap + 60;
  const longest = width < 560 ? 8 : 14,
    inputs = new Map(
      units[0].map((/** @type {number} */ k) => [k, shortened(app.inputName(k), longest)]),
    );
  const left = Math.max(
    46,
    20 + 6.8 * Math.max(...[...inputs.values()].map((name) => name.length)),
  );
  const wide = Math.max(
    74,
    6.8 *
      Math.max(
        ...units[L].map((/** @type {number} */ j) => columnsOf(outputLabel(app, step, i, j))),
      ),
  );
  width = Math.max(width, left + wide + 30 + LEAST_GAP * L);
  const x = (/** @type {number} */ l) => left + ((width - left - wide - 30) * l) / L;
  const place = units.map((/** @type {any[]} */ list, /** @type {number} */ l) => {
    const n = list.length + (step.sizes[l] > list.length ? 1 : 0),
      top = 44 + ((rows - n) * gap) / 2;
    return new Map(
      list.map((/** @type {number} */ j, /** @type {number} */ p) => [j, top + p * gap + gap / 2]),
    );
  });
  const parts = [edges(step, op, i, units, place, x, asked)];
  for (let l = 0; l <= L; l++) {
    parts.push(
      svg(
        "text",
        { class: "column", x: x(l), y: 18, "text-anchor": "middle" },
        l === 0 ? "X" : l === L ? `a${l}` : `a${l}`,
      ),
      svg(
        "text",
        { class: "column note", x: x(l), y: 33, "text-anchor": "middle" },
        `${grouped(step.sizes[l])}${l ? ` · ${step.activation(l)}` : ""}`,
      ),
    );
    for (const j of units[l])
      parts.push(
        unitShape(app, step, op, i, l, j, x(l), place[l].get(j) ?? 0, asked[l] === j, inputs),
      );
    const folded = step.sizes[l] - units[l].length;
    if (folded > 0)
      parts.push(
        fold(
          step,
          op,
          i,
          l,
          units[l],
          folded,
          x(l),
          height - 16 - ((rows - units[l].length - 1) * gap) / 2,
        ),
      );
  }
  return h(
    "div",
    { class: `network ${PHASES[op.kind]}` },
    svg(
      "svg",
      {
        width,
        height,
        viewBox: `0 0 ${width} ${height}`,
        role: "img",
        "aria-label": t("drawing", { step: step.step, i }),
      },
      parts,
    ),
  );
}

/**
 * What flows along an edge at this operation, or null where the edge rests.
 * @param {Step} step
 * @param {Operation} op
 * @param {number} i
 * @param {number} l
 * @param {number} k
 * @param {number} j
 * @returns {number | null}
 */
function flow(step, op, i, l, k, j) {
  const w = step.old.W[l].data[k * step.sizes[l] + j];
  if ((op.kind === "z" || op.kind === "a") && op.l === l)
    return step.layers[l - 1].data[i * step.sizes[l - 1] + k] * w;
  if (op.kind === "delta" && op.l === l - 1) return step.delta[l].data[i * step.sizes[l] + j] * w;
  if (op.kind === "dW" && op.l === l) return step.gradients.W[l].data[k * step.sizes[l] + j];
  if (op.kind === "update") return step.new.W[l].data[k * step.sizes[l] + j] - w;
  return null;
}

/**
 * @param {Step} step
 * @param {Operation} op
 * @param {number} i
 * @param {number[][]} units
 * @param {Map<number, number>[]} place
 * @param {(l: number) => number} x
 * @param {Record<number, number>} asked
 */
function edges(step, op, i, units, place, x, asked) {
  const group = svg("g", { class: "edges" });
  for (let l = 1; l <= step.L; l++) {
    const list = [];
    for (const k of units[l - 1])
      for (const j of units[l]) list.push({ k, j, value: flow(step, op, i, l, k, j) });
    const top =
      list.reduce(
        (high, e) =>
          Math.max(high, e.value === null || !Number.isFinite(e.value) ? 0 : Math.abs(e.value)),
        0,
      ) || 1;
    for (const { k, j, value } of list) {
      const there =
        op.kind === "delta"
          ? asked[l - 1] === k
          : asked[l] === j &&
            (op.kind !== "dW" || asked[l - 1] === undefined || asked[l - 1] === k);
      const share = value === null ? 0 : Math.min(1, Math.abs(value) / top);
      const cls =
        value === null || share < 0.004
          ? "edge rest"
          : `edge ${value < 0 ? "minus" : "plus"}${there ? " asked" : ""}`;
      const [x0, x1] = [x(l - 1) + 9, x(l) - 9],
        [y0, y1] = [place[l - 1].get(k) ?? 0, place[l].get(j) ?? 0],
        bend = (x1 - x0) / 2.4;
      group.append(
        svg("path", {
          class: cls,
          d: `M${x0} ${y0.toFixed(1)}C${x0 + bend} ${y0.toFixed(1)} ${x1 - bend} ${y1.toFixed(1)} ${x1} ${y1.toFixed(1)}`,
          style:
            value === null
              ? null
              : {
                  "stroke-width": `${(0.6 + 3.4 * share).toFixed(2)}px`,
                  "stroke-opacity": (
                    (there ? 0.45 : 0.06) +
                    (op.kind === "update" && !there ? 0.25 : 0.5) * share
                  ).toFixed(2),
                },
        }),
      );
    }
  }
  return group;
}

/**
 * @param {App} app
 * @param {Step} step
 * @param {Operation} op
 * @param {number} i
 * @param {number} l
 * @param {number} j
 * @param {number} x
 * @param {number} y
 * @param {boolean} isAsked
 * @param {Map<number, string>} inputs
 */
function unitShape(app, step, op, i, l, j, x, y, isAsked, inputs) {
  const back = PHASES[op.kind] !== "forward" && l > 0 && op.kind !== "J";
  const kind = back ? "delta" : op.kind === "z" && op.l === l ? "z" : "a",
    ref = { kind, l, i, j },
    value = step.value(ref);
  const all = row(kind === "delta" ? step.delta[l] : kind === "z" ? step.z[l] : step.layers[l], i);
  const top =
      all.reduce(
        (/** @type {number} */ high, /** @type {number} */ v) =>
          Math.max(high, Number.isFinite(v) ? Math.abs(v) : 0),
        0,
      ) || 1,
    share = Number.isFinite(value) ? Math.abs(value) / top : 1;
  const reached =
    op.kind === "J" ||
    op.kind === "update" ||
    (back ? (op.kind === "delta" ? l >= op.l : l >= op.l) : l < op.l || l === op.l);
  const active = op.l === l && (op.kind === "z" || op.kind === "a" || op.kind === "delta");
  const shape = back
    ? svg("path", { class: "shape", d: `M${x} ${y - 9}l9 9l-9 9l-9 -9z` })
    : svg("circle", { class: "shape", cx: x, cy: y, r: 8.5 });
  const fill = back
    ? svg("path", {
        class: "fill",
        d: `M${x} ${y - 9}l9 9l-9 9l-9 -9z`,
        "fill-opacity": (0.9 * share).toFixed(3),
      })
    : svg("circle", {
        class: "fill",
        cx: x,
        cy: y,
        r: 8.5,
        "fill-opacity": (0.9 * share).toFixed(3),
      });
  const name = l === step.L ? app.outputName(j) : l === 0 ? app.inputName(j) : String(j);
  const short = l === 0 ? inputs.get(j) : shortened(name, 12);
  return svg(
    "g",
    {
      class: `unit${back ? " back" : ""}${active ? " active" : ""}${isAsked ? " asked" : ""}${reached ? "" : " later"}`,
      onclick: () => app.ask(ref),
    },
    svg("title", null, `${label(ref)} = ${number(value)}${name === String(j) ? "" : ` · ${name}`}`),
    shape,
    fill,
    l === 0
      ? svg("text", { class: "name", x: x - 13, y: y + 4, "text-anchor": "end" }, short)
      : svg(
          "text",
          { class: "name", x: x + 14, y: y - 2 },
          l === step.L ? outputLabel(app, step, i, j) : short,
        ),
    l === 0
      ? svg("text", { class: "val", x: x + 13, y: y - 5 }, reached ? brief(value) : "")
      : svg("text", { class: "val", x: x + 14, y: y + 11 }, reached ? brief(value) : ""),
  );
}

/**
 * The name of an output, with a mark where it is the target of the row.
 * @param {App} app
 * @param {Step} step
 * @param {number} i
 * @param {number} j
 */
function outputLabel(app, step, i, j) {
  const isTarget = app.isClass && step.value({ kind: "y", l: null, i, j }) === 1;
  return `${shortened(app.outputName(j), 12)}${isTarget ? ` ◎ ${t("target")}` : ""}`;
}

/**
 * Both ends of a long name: inputs that are made of one column differ in their last letters.
 * @param {string} name
 * @param {number} most
 */
const shortened = (name, most) =>
  name.length > most
    ? `${name.slice(0, Math.ceil((most - 1) / 2))}…${name.slice(-Math.floor((most - 1) / 2))}`
    : name;

/**
 * @param {Step} step
 * @param {Operation} op
 * @param {number} i
 * @param {number} l
 * @param {number[]} kept
 * @param {number} n
 * @param {number} x
 * @param {number} y
 */
function fold(step, op, i, l, kept, n, x, y) {
  const back = PHASES[op.kind] === "backward" && l > 0,
    values = row(back ? step.delta[l] : step.layers[l], i);
  const shown = new Set(kept),
    rest = values.reduce(
      (/** @type {number} */ sum, /** @type {number} */ v, /** @type {number} */ j) =>
        shown.has(j) ? sum : sum + v,
      0,
    );
  return svg(
    "g",
    { class: "fold" },
    svg("title", null, t("folded", { n: grouped(n), sum: number(rest) })),
    svg("rect", { x: x - 5, y: y - 12, width: 10, height: 20, rx: 3 }),
    svg("text", { class: "val", x: x + 13, y: y - 1 }, `+${grouped(n)}`),
    svg("text", { class: "val", x: x + 13, y: y + 11 }, `Σ ${brief(rest)}`),
  );
}
