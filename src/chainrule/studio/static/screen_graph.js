// The loss of one row as a graph of scalar gates: values forward above the line, gradients backward below it.

import { h, show, svg } from "../../report/static/dom.js";
import { brief, grouped } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";
import { ask } from "./questions.js";

const WIDTH = 128,
  HEIGHT = 46,
  GAP_X = 44,
  GAP_Y = 12;
/** @type {Record<string, string>} */
const SIGNS = {
  add: "+",
  multiply: "×",
  subtract: "−",
  divide: "÷",
  negate: "−",
  square: "( )²",
  invert: "1/x",
};

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export const draw = (root, studio) => {
  const { view, cursor } = studio,
    t0 = Math.min(cursor.step ?? 0, Math.max(0, (view?.nDone ?? 1) - 1)),
    row = cursor.row ?? 0;
  return ask(
    root,
    studio,
    "circuit",
    (place, found) =>
      show(
        place,
        h("h2", null, t("studio.screen_graph")),
        h("p", { class: "lead" }, t("studio.graph_says", { step: grouped(t0), row })),
        h("p", { class: "summary num" }, `${found.formula} = ${value(found.value)}`),
        found.n_gates > found.gates.length
          ? h(
              "p",
              { class: "note" },
              t("studio.graph_cut", {
                n: grouped(found.n_gates),
                shown: grouped(found.gates.length),
              }),
            )
          : null,
        h(
          "div",
          {
            class: "drawing-box scroll",
            id: "graph",
            tabindex: 0,
            role: "group",
            "aria-label": t("studio.screen_graph"),
          },
          picture(found.gates),
        ),
        h(
          "details",
          null,
          h("summary", null, "Mermaid"),
          h("pre", { class: "source num", tabindex: 0 }, found.mermaid),
        ),
      ),
    { t: t0, row },
  );
};

/**
 * @param {any} x
 */
const value = (x) => (typeof x === "number" ? brief(x) : String(x));

/**
 * Gates in columns by how many gates lie before them.
 * @param {any[]} gates
 */
function picture(gates) {
  const depth = new Map(),
    columns = /** @type {any[][]} */ ([]);
  for (const gate of gates) {
    const d =
      Math.max(-1, ...gate.edges.map((/** @type {any} */ edge) => depth.get(edge.from) ?? -1)) + 1;
    depth.set(gate.id, d);
    (columns[d] ??= []).push(gate);
  }
  const at = new Map();
  columns.forEach((column, d) =>
    column.forEach((gate, i) => at.set(gate.id, [d * (WIDTH + GAP_X), i * (HEIGHT + GAP_Y)])),
  );
  const width = columns.length * (WIDTH + GAP_X),
    height = Math.max(...columns.map((column) => column.length)) * (HEIGHT + GAP_Y);
  const lines = gates.flatMap((gate) =>
    gate.edges.map((/** @type {any} */ edge) => {
      const [x1, y1] = at.get(edge.from),
        [x2, y2] = at.get(gate.id);
      return svg("line", {
        x1: x1 + WIDTH,
        y1: y1 + HEIGHT / 2,
        x2,
        y2: y2 + HEIGHT / 2,
        class: "gate-edge",
      });
    }),
  );
  const boxes = gates.map((gate) => {
    const [x, y] = at.get(gate.id),
      name = ["input", "constant"].includes(gate.kind)
        ? gate.name
        : (SIGNS[gate.kind] ?? gate.kind);
    return svg(
      "g",
      { class: "gate", transform: `translate(${x} ${y})` },
      svg("title", null, `${gate.name} (${gate.kind}): ${gate.value}, ∂ ${gate.gradient}`),
      svg("rect", { width: WIDTH, height: HEIGHT, rx: 8 }),
      svg("text", { x: 10, y: HEIGHT / 2 + 5, class: "gate-name" }, name.slice(0, 8)),
      svg(
        "text",
        { x: WIDTH - 8, y: 18, "text-anchor": "end", class: "gate-value" },
        value(gate.value),
      ),
      svg(
        "text",
        { x: WIDTH - 8, y: 38, "text-anchor": "end", class: "gate-gradient" },
        value(gate.gradient),
      ),
    );
  });
  return svg(
    "svg",
    {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": t("studio.screen_graph"),
    },
    lines,
    boxes,
  );
}
