// The plane of the output: the points, the example that is looked at, and points drawn by hand.

import { h, svg } from "../../report/static/dom.js";
import { number } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";
import { REACH } from "./points.js";

/** @import { PlaygroundScreen } from "./screen.js" */

/**
 * @param {PlaygroundScreen} screen
 * @returns {{ element: any, mark: () => void }}
 */
export function planePicture(screen) {
  const { play } = screen,
    side = 2 * REACH;
  const dots = svg("g"),
    chosen = svg("circle", { r: 0.42, class: "play-chosen" }),
    canvas = screen.units.canvases.at(-1)?.[0];
  const picture = svg(
    "svg",
    {
      viewBox: `${-REACH} ${-REACH} ${side} ${side}`,
      class: "play-points",
      role: "img",
      "aria-label": t("playground.plane_says"),
      onclick: (/** @type {any} */ e) => put(e),
    },
    dots,
    chosen,
  );
  const redraw = () => {
    dots.replaceChildren(
      ...play.points.map(([x, y, target], i) =>
        svg("circle", {
          cx: x,
          cy: -y,
          r: 0.16,
          class: target > (play.isClasses ? 0.5 : 0) ? "play-dot play-high" : "play-dot play-low",
          onclick: (/** @type {any} */ e) => {
            e.stopPropagation();
            screen.look({ row: i, isBatch: false });
          },
        }),
      ),
    );
  };
  const add = (/** @type {number} */ x, /** @type {number} */ y) => {
    if (![x, y].every(Number.isFinite)) return;
    const own = play.settings.set === "own" ? play.points : [],
      target = play.isClasses ? screen.brush : 2 * screen.brush - 1;
    play.take([...own, [x, y, target]], play.isClasses);
    screen.keep({ set: "own" });
    redraw();
    screen.refresh();
  };
  const put = (/** @type {any} */ event) => {
    const box = picture.getBoundingClientRect();
    add(
      ((event.clientX - box.left) / box.width) * side - REACH,
      REACH - ((event.clientY - box.top) / box.height) * side,
    );
  };
  redraw();
  return {
    element: h(
      "div",
      null,
      h("h2", null, t("playground.plane")),
      h("div", { class: "play-map" }, canvas, picture),
      tools(screen, add, redraw),
    ),
    mark() {
      const point = play.points[play.row];
      chosen.setAttribute("visibility", point && !play.isBatch ? "visible" : "hidden");
      if (!point) return;
      chosen.setAttribute("cx", String(point[0]));
      chosen.setAttribute("cy", String(-point[1]));
    },
  };
}

/**
 * Points without a mouse: two numbers and a class; and all points away.
 * @param {PlaygroundScreen} screen
 * @param {(x: number, y: number) => void} add
 * @param {() => void} redraw
 */
function tools(screen, add, redraw) {
  const boxes = ["x1", "x2"].map((name) =>
    h("input", { type: "number", step: 0.5, value: 0, "aria-label": name, "data-focus": name }),
  );
  return h(
    "div",
    { class: "play-transport" },
    h("p", { class: "play-note" }, t("playground.draw_says")),
    [0, 1].map((value) =>
      h(
        "label",
        null,
        h("input", {
          type: "radio",
          name: "brush",
          value,
          checked: screen.brush === value,
          onchange: () => (screen.brush = value),
        }),
        " ",
        h(
          "span",
          { class: value ? "play-key play-high" : "play-key play-low" },
          t(value ? "playground.high" : "playground.low"),
        ),
      ),
    ),
    boxes,
    h(
      "button",
      {
        type: "button",
        "data-focus": "add",
        onclick: () => add(Number(boxes[0].value), Number(boxes[1].value)),
      },
      t("playground.add"),
    ),
    h(
      "button",
      {
        type: "button",
        "data-focus": "clear",
        onclick: () => {
          screen.stop();
          screen.play.take([], screen.play.isClasses);
          screen.keep({ set: "own" });
          redraw();
          screen.draw();
        },
      },
      t("playground.clear"),
    ),
    h(
      "p",
      { class: "play-note" },
      t("playground.points_n", { n: screen.play.points.length, reach: number(REACH) }),
    ),
  );
}
