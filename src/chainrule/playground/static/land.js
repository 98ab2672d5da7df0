// The loss over two parameters, as a map.

import { h, show } from "../../report/static/dom.js";
import { number } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";
import { paintLand } from "./pictures_2d.js";

/** @import { PlaygroundScreen } from "./screen.js" */

/**
 * Two parameters by name.
 * @param {PlaygroundScreen} screen
 */
export function pairs(screen) {
  const { play } = screen;
  return h(
    "div",
    { class: "play-transport" },
    [0, 1].map((side) =>
      h(
        "select",
        {
          "data-focus": `pair${side}`,
          "aria-label": t(side ? "playground.up" : "playground.across"),
          onchange: (/** @type {any} */ e) => {
            play.pair[side] = Number(e.target.value);
            screen.refresh();
          },
        },
        play.names.map((name, p) =>
          h("option", { value: p, selected: p === play.pair[side] }, name),
        ),
      ),
    ),
  );
}

/**
 * The loss over these two, with the way of the training.
 * @param {PlaygroundScreen} screen
 */
export function drawLand(screen) {
  const { play } = screen,
    frame = play.points.length ? paintLand(play, screen.land, screen.isDark) : null,
    context = screen.way.getContext("2d");
  if (!context || !frame) return;
  const size = screen.way.width,
    x = (/** @type {number} */ v) => (size * (v - frame.x[0])) / (frame.x[1] - frame.x[0]),
    y = (/** @type {number} */ v) => size * (1 - (v - frame.y[0]) / (frame.y[1] - frame.y[0])),
    [p, q] = play.pair;
  context.clearRect(0, 0, size, size);
  context.strokeStyle = screen.isDark ? "#fff" : "#111";
  context.lineWidth = 1.5;
  context.beginPath();
  for (const theta of [...play.path, play.network.theta]) context.lineTo(x(theta[p]), y(theta[q]));
  context.stroke();
  context.fillStyle = context.strokeStyle;
  context.beginPath();
  context.arc(x(play.network.theta[p]), y(play.network.theta[q]), 5, 0, 7);
  context.fill();
  const ends = [frame.x, frame.y].map(([low, high]) => `${number(low)} … ${number(high)}`);
  show(
    screen.landNumbers,
    t("playground.land_of", { across: play.names[p], x: ends[0], up: play.names[q], y: ends[1] }),
  );
}
