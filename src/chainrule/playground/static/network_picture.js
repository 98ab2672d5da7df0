// The network with a picture of what every unit answers over the plane, and its weights as lines that can be dragged.

import { h, svg } from "../../report/static/dom.js";
import { number } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";

/** @import { PlaygroundScreen } from "./screen.js" */

const WIDE = 120,
  HIGH = 74,
  UNIT = 52;

/**
 * @param {PlaygroundScreen} screen
 * @returns {{ element: any, canvases: HTMLCanvasElement[][], weigh: () => void }}
 */
export function networkPicture(screen) {
  const { play } = screen,
    { sizes } = play.network.architecture,
    most = Math.max(...sizes),
    [width, height] = [WIDE * (sizes.length - 1) + UNIT + 20, HIGH * most + 16];
  const centre = (/** @type {number} */ l, /** @type {number} */ j) => [
    10 + WIDE * l + UNIT / 2,
    height / 2 + HIGH * (j - (sizes[l] - 1) / 2),
  ];
  /** @type {[any, number][]} */
  const lines = [];
  for (let l = 1; l < sizes.length; l++)
    for (let k = 0; k < sizes[l - 1]; k++)
      for (let j = 0; j < sizes[l]; j++)
        lines.push([
          weightLine(screen, l, k, j, centre(l - 1, k), centre(l, j)),
          play.place(l, k, j),
        ]);
  const canvases = sizes.map((n) =>
    Array.from({ length: n }, () => h("canvas", { class: "play-unit" })),
  );
  const buttons = sizes.flatMap((n, l) =>
    l === sizes.length - 1
      ? [unitButton(screen, l, 0, centre(l, 0), null)]
      : Array.from({ length: n }, (_, j) => unitButton(screen, l, j, centre(l, j), canvases[l][j])),
  );
  const element = h(
    "div",
    {
      class: "play-scroll",
      tabindex: 0,
      role: "group",
      "aria-label": t("playground.network_says"),
    },
    h("h2", null, t("playground.network")),
    h(
      "div",
      { class: "play-network", style: { width: `${width}px`, height: `${height}px` } },
      svg(
        "svg",
        { width, height, "aria-hidden": "true" },
        lines.map(([line]) => line),
      ),
      buttons,
    ),
    h("p", { class: "play-note" }, t("playground.drag_says")),
  );
  const weigh = () => {
    for (const [line, p] of lines) {
      const w = play.network.theta[p];
      line.setAttribute("stroke-width", String(Math.min(10, 0.6 + 2.4 * Math.abs(w) || 0.6)));
      line.setAttribute("class", w < 0 ? "play-line play-minus" : "play-line play-plus");
      line.firstChild.textContent = `${play.names[p]} = ${number(w)}`;
    }
  };
  return { element, canvases, weigh };
}

/**
 * A weight as a line: dragged up it grows, dragged down it falls, by 0.02 a pixel.
 * @param {PlaygroundScreen} screen
 * @param {number} l
 * @param {number} k
 * @param {number} j
 * @param {number[]} from
 * @param {number[]} to
 */
function weightLine(screen, l, k, j, [x1, y1], [x2, y2]) {
  const { play } = screen,
    p = play.place(l, k, j),
    middle = (x1 + x2) / 2;
  const line = svg("path", {
    d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`,
    fill: "none",
    onpointerdown: (/** @type {any} */ start) => {
      const value = play.network.theta[p];
      line.setPointerCapture(start.pointerId);
      line.onpointermove = (/** @type {any} */ e) => {
        play.set(p, value + 0.02 * (start.clientY - e.clientY));
        play.path.pop();
        screen.refresh();
      };
      line.onpointerup = () => {
        line.onpointermove = line.onpointerup = null;
        play.set(p, play.network.theta[p]);
      };
    },
  });
  line.append(svg("title"));
  return line;
}

/**
 * @param {PlaygroundScreen} screen
 * @param {number} l
 * @param {number} j
 * @param {number[]} centre
 * @param {HTMLCanvasElement | null} canvas
 */
function unitButton(screen, l, j, [x, y], canvas) {
  const { play } = screen,
    name = l ? `a${l}[${j}]` : `x${j + 1}`;
  return h(
    "button",
    {
      type: "button",
      class: "play-unit-button",
      style: { left: `${x - UNIT / 2}px`, top: `${y - UNIT / 2}px` },
      "aria-label": t("playground.unit_says", { name }),
      "data-focus": `unit${l}.${j}`,
      onclick: () => {
        const at = l ? play.operations.findIndex((op) => op.kind === "a" && op.l === l) : play.at;
        screen.look(l ? { unit: j, at } : { below: j });
      },
    },
    canvas ?? t("playground.out"),
    h("span", null, name),
  );
}
