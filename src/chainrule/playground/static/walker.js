// A step of training one operation at a time.

import { h, show } from "../../report/static/dom.js";
import { number } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";
import { explained } from "./operations.js";

/** @import { PlaygroundScreen } from "./screen.js" */

/**
 * One example or the batch; the operation before and after.
 * @param {PlaygroundScreen} screen
 */
export function walker(screen) {
  const { play } = screen,
    move = (/** @type {number} */ by) => {
      if (by > 0 && play.at === play.operations.length - 1) play.update();
      else play.at = Math.max(0, play.at + by);
      screen.refresh();
    };
  return h(
    "div",
    { class: "play-transport" },
    h(
      "button",
      { type: "button", "data-focus": "back", onclick: () => move(-1) },
      t("playground.back"),
    ),
    h(
      "button",
      { type: "button", "data-focus": "forth", onclick: () => move(1) },
      t("playground.forth"),
    ),
    h(
      "label",
      null,
      h("input", {
        type: "checkbox",
        "data-focus": "all",
        checked: play.isBatch,
        onchange: (/** @type {any} */ e) => screen.look({ isBatch: e.target.checked }),
      }),
      " ",
      t("playground.all"),
    ),
    ["row", "unit", "below"].map((name) =>
      h(
        "label",
        null,
        t(`playground.${name}`),
        " ",
        h("input", {
          type: "number",
          min: 0,
          step: 1,
          "data-focus": name,
          value: /** @type {any} */ (play)[name],
          onchange: (/** @type {any} */ e) =>
            screen.look({ [name]: Math.max(0, Math.floor(Number(e.target.value)) || 0) }),
        }),
      ),
    ),
  );
}

/**
 * The operations of the step, and the one that is looked at in numbers.
 * @param {PlaygroundScreen} screen
 */
export function drawWalk(screen) {
  const { play } = screen;
  show(
    screen.tape,
    play.operations.map(({ kind, l, pass }, at) =>
      h(
        "button",
        {
          type: "button",
          class: `play-op play-${pass}`,
          "data-focus": `op${at}`,
          "aria-pressed": String(at === play.at),
          onclick: () => screen.look({ at }),
        },
        kind === "update" ? t("playground.update") : l ? `${kind}${l}` : kind,
      ),
    ),
  );
  if (!play.passes) return;
  const { pass } = play.operations[play.at];
  show(
    screen.said,
    h("p", null, t(`playground.says_${pass}`)),
    explained(play).map(({ rule, name, symbols, numbers, value }) =>
      h(
        "p",
        { class: "play-formula" },
        h("b", null, rule),
        h("br"),
        `${name} = ${symbols}`,
        h("br"),
        `= ${numbers} = `,
        h("output", { "data-value": name }, number(value)),
      ),
    ),
  );
}
