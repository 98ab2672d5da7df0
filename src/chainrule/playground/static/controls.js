// What a playground is made of: points, noise, layers, units, activations, learning rate, batch, rule.

import { ACTIVATIONS } from "../../report/static/activations.js";
import { h } from "../../report/static/dom.js";
import { OPTIMIZERS } from "../../report/static/optimizers.js";
import { t } from "../../report/static/words.js";
import { isLayer, MOST_LAYERS, MOST_UNITS } from "./playground.js";
import { pointsFrom, SETS, tableOf } from "./points.js";

/** @import { PlaygroundScreen } from "./screen.js" */

const RATES = [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
  NOISES = [0, 0.1, 0.25, 0.5],
  BATCHES = [1, 5, 10, 30, 200];

/**
 * @param {string} name
 * @param {(string | number)[]} values
 * @param {string | number} current
 * @param {(value: string) => void} to
 * @param {(value: any) => string} [say]
 */
function select(name, values, current, to, say = String) {
  const all = values.includes(current) ? values : [...values, current];
  return h(
    "label",
    null,
    h("span", null, t(`playground.${name}`)),
    h(
      "select",
      { "data-focus": name, onchange: (/** @type {any} */ e) => to(e.target.value) },
      all.map((value) => h("option", { value, selected: value === current }, say(value))),
    ),
  );
}

/**
 * @param {PlaygroundScreen} screen
 */
export function controls(screen) {
  const { play } = screen,
    { settings } = play,
    numeric = (/** @type {string} */ name) => (/** @type {string} */ value) =>
      screen.change({ [name]: Number(value) });
  return h(
    "div",
    { class: "play-controls" },
    select(
      "set",
      [...Object.keys(SETS), "own"],
      settings.set,
      (set) => screen.change({ set }),
      (name) => t(`playground.set_${name}`),
    ),
    select("noise", NOISES, settings.noise, numeric("noise"), (x) => `${Math.round(100 * x)} %`),
    h(
      "label",
      null,
      h("span", null, t("playground.seed")),
      h("input", {
        type: "number",
        min: 0,
        step: 1,
        value: settings.seed,
        "data-focus": "seed",
        onchange: (/** @type {any} */ e) =>
          screen.change({ seed: Math.floor(Math.abs(Number(e.target.value))) || 0 }),
      }),
    ),
    select("eta", RATES, settings.eta, numeric("eta")),
    select("batch", BATCHES, settings.batch, numeric("batch")),
    select(
      "rule",
      Object.keys(OPTIMIZERS).filter((name) => !name.includes("_")),
      settings.rule,
      (rule) => screen.change({ rule }),
    ),
    layers(screen),
    h(
      "label",
      null,
      h("span", null, t("playground.file")),
      h("input", {
        type: "file",
        accept: ".csv,.tsv,.txt",
        "data-focus": "file",
        onchange: async (/** @type {any} */ e) => {
          const [file] = e.target.files;
          if (!file) return;
          screen.table = tableOf(await file.text());
          screen.draw();
        },
      }),
    ),
  );
}

/**
 * The hidden layers: units and activation of each, one more, one less.
 * @param {PlaygroundScreen} screen
 */
function layers(screen) {
  const { play } = screen,
    hidden = play.hidden,
    names = play.activations,
    kept = Object.keys(ACTIVATIONS).filter(isLayer),
    set = (/** @type {number[]} */ units, /** @type {string[]} */ g) =>
      screen.change({ units: units.join(",") || "0", g: g.join(",") || "tanh" });
  return h(
    "fieldset",
    null,
    h("legend", null, t("playground.layers")),
    hidden.map((n, l) =>
      h(
        "span",
        { class: "play-layer" },
        h("input", {
          type: "number",
          min: 1,
          max: MOST_UNITS,
          value: n,
          "aria-label": t("playground.units_of", { l: l + 1 }),
          "data-focus": `units${l}`,
          onchange: (/** @type {any} */ e) => {
            const units = Math.max(
              1,
              Math.min(MOST_UNITS, Math.floor(Number(e.target.value)) || 1),
            );
            set(
              hidden.map((m, k) => (k === l ? units : m)),
              names,
            );
          },
        }),
        h(
          "select",
          {
            "aria-label": t("playground.g_of", { l: l + 1 }),
            "data-focus": `g${l}`,
            onchange: (/** @type {any} */ e) =>
              set(
                hidden,
                names.map((g, k) => (k === l ? e.target.value : g)),
              ),
          },
          kept.map((name) => h("option", { value: name, selected: name === names[l] }, name)),
        ),
      ),
    ),
    h(
      "button",
      {
        type: "button",
        "data-focus": "more",
        disabled: hidden.length >= MOST_LAYERS,
        "aria-label": t("playground.more_layers"),
        onclick: () => set([...hidden, 2], [...names, names.at(-1) ?? "tanh"]),
      },
      "+",
    ),
    h(
      "button",
      {
        type: "button",
        "data-focus": "fewer",
        disabled: !hidden.length,
        "aria-label": t("playground.fewer_layers"),
        onclick: () => set(hidden.slice(0, -1), names.slice(0, -1)),
      },
      "−",
    ),
  );
}

/**
 * Which columns of a file are the two inputs and the target.
 * @param {PlaygroundScreen} screen
 */
export function ownFile(screen) {
  const { names, cells } = /** @type {{ names: string[], cells: string[][] }} */ (screen.table),
    places = [0, Math.min(1, names.length - 1), names.length - 1],
    said = h("span", { role: "status" });
  return h(
    "div",
    { class: "play-transport" },
    ["across", "up", "target"].map((name, k) =>
      h(
        "label",
        null,
        t(`playground.${name}`),
        " ",
        h(
          "select",
          {
            "data-focus": `column${k}`,
            onchange: (/** @type {any} */ e) => (places[k] = Number(e.target.value)),
          },
          names.map((column, i) => h("option", { value: i, selected: i === places[k] }, column)),
        ),
      ),
    ),
    h(
      "button",
      {
        type: "button",
        "data-focus": "use",
        onclick: () => {
          const found = pointsFrom({ names, cells }, places);
          if (!found) return said.replaceChildren(t("playground.no_columns"));
          screen.table = null;
          screen.play.take(found.points, found.isClasses);
          screen.draw();
        },
      },
      t("playground.use"),
    ),
    said,
  );
}
