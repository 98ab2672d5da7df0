// Learn: scenes on numbers that may be changed, forward and backward one gate at a time; and three questions.

import { h, show } from "../../report/static/dom.js";
import { number } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";
import { writeCursor } from "./cursor.js";
import { outcome, quotient, SCENES, stepped } from "./learn/scenes.js";

/** @import { Scene } from "./learn/scenes.js" */

/** @type {{ name: string, given: Record<string, number>, eta: number, at: number, answers: string[] }} */
const state = { name: "", given: {}, eta: 0, at: Infinity, answers: ["", "", ""] };

/**
 * @param {string} name
 */
function begin(name) {
  const scene = SCENES.find((one) => one.name === name) ?? SCENES[0];
  Object.assign(state, {
    name: scene.name,
    given: { ...scene.inputs },
    eta: scene.eta,
    at: Infinity,
  });
  return scene;
}

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export function draw(root, studio) {
  const wanted = studio.cursor.scene ?? SCENES[0].name,
    scene =
      state.name === wanted
        ? (SCENES.find(({ name }) => name === wanted) ?? begin(wanted))
        : begin(wanted),
    again = () => draw(root, studio);
  const open = (/** @type {string} */ name) => {
    studio.cursor.scene = name;
    writeCursor(studio.cursor);
    again();
  };
  const tape = scene.build(state.given).backward(),
    n = tape.gates.length;
  state.at = Math.max(0, Math.min(2 * n, state.at));
  show(
    root,
    h(
      "div",
      { class: "playground learn" },
      h(
        "nav",
        { class: "play-tape", "aria-label": t("learn.scenes") },
        SCENES.map(({ name }, k) =>
          h(
            "button",
            {
              type: "button",
              class: "play-op",
              "aria-pressed": String(name === scene.name),
              "data-focus": `scene-${name}`,
              onclick: () => open(name),
            },
            `${k + 1}. ${t(`learn.${name}.title`)}`,
          ),
        ),
      ),
      h("h2", null, t(`learn.${scene.name}.title`)),
      t(`learn.${scene.name}.text`)
        .split("\n")
        .map((line) => h("p", null, line)),
      inputs(scene, again),
      walk(n, again),
      table(tape, n),
      checked(scene),
      update(scene, again),
      scene.questions ? questions(scene, tape) : null,
    ),
  );
}

// A training that goes on changes nothing here.
export function told() {}

/**
 * @param {Scene} scene
 * @param {() => void} again
 */
function inputs(scene, again) {
  return h(
    "div",
    { class: "play-edit", role: "group", "aria-label": t("learn.inputs") },
    Object.keys(scene.inputs).map((name) =>
      h(
        "label",
        null,
        h("span", null, name),
        h("input", {
          type: "number",
          step: "any",
          value: state.given[name],
          "data-focus": `in-${name}`,
          onchange: (/** @type {any} */ e) => {
            if (e.target.value !== "" && Number.isFinite(Number(e.target.value)))
              state.given[name] = Number(e.target.value);
            again();
          },
        }),
      ),
    ),
  );
}

/**
 * @param {number} n
 * @param {() => void} again
 */
function walk(n, again) {
  const go = (/** @type {number} */ at) => () => {
    state.at = at;
    again();
  };
  const button = (/** @type {string} */ name, /** @type {number} */ at) =>
    h("button", { type: "button", "data-focus": name, onclick: go(at) }, t(`learn.${name}`));
  return h(
    "div",
    { class: "play-transport" },
    button("first", 0),
    button("back", state.at - 1),
    button("forth", state.at + 1),
    button("all", 2 * n),
    h(
      "span",
      { role: "status" },
      t(
        state.at < n ? "learn.at_forward" : state.at < 2 * n ? "learn.at_backward" : "learn.at_end",
      ),
    ),
  );
}

/**
 * Every gate: how it is computed, its value, and the gradient that came back to it.
 * @param {import("./learn/gates.js").Tape} tape
 * @param {number} n
 */
function table(tape, n) {
  const rows = tape.gates.map((gate, p) => {
    const { names, numbers } = tape.formula(gate),
      known = p < state.at,
      back = state.at > n && p >= 2 * n - state.at,
      sum = gate.parts.length > 1 ? `${gate.parts.map(number).join(" + ")} = ` : "";
    return h(
      "tr",
      { "aria-current": p === state.at - 1 || p === 2 * n - state.at ? "true" : null },
      h("th", { scope: "row" }, gate.name),
      h("td", null, names),
      h("td", null, known ? numbers : ""),
      h("td", { "data-value": gate.name }, known ? number(gate.value) : "…"),
      h("td", { "data-gradient": gate.name }, back ? sum + number(gate.gradient) : "…"),
    );
  });
  const head = ["name", "formula", "numbers", "value", "gradient"].map((name) =>
    h("th", { scope: "col" }, t(`learn.${name}`)),
  );
  return h(
    "div",
    { class: "play-scroll", tabindex: 0, role: "group", "aria-label": t("learn.gates_table") },
    h(
      "table",
      { class: "learn-table" },
      h("thead", null, h("tr", null, head)),
      h("tbody", null, rows),
    ),
  );
}

/**
 * How many gradients agree with the difference quotient.
 * @param {Scene} scene
 */
function checked(scene) {
  const tape = scene.build(state.given).backward(),
    names = Object.keys(scene.inputs),
    near = names.filter((name) => {
      const [exact, found] = [tape.of(name).gradient, quotient(scene, state.given, name)];
      return Math.abs(exact - found) <= 1e-6 * (1 + Math.abs(exact));
    });
  return h(
    "p",
    { class: "play-note", "data-checked": `${near.length}/${names.length}` },
    t("learn.checked", { n: near.length, all: names.length }),
  );
}

/**
 * A step against the gradient, by three learning rates.
 * @param {Scene} scene
 * @param {() => void} again
 */
function update(scene, again) {
  const before = outcome(scene, state.given);
  return h(
    "div",
    null,
    h("h2", null, t("learn.update")),
    h(
      "div",
      { class: "play-transport" },
      h(
        "label",
        null,
        "η ",
        h("input", {
          type: "number",
          step: "any",
          min: 0,
          value: state.eta,
          "data-focus": "eta",
          onchange: (/** @type {any} */ e) => {
            if (Number(e.target.value) > 0) state.eta = Number(e.target.value);
            again();
          },
        }),
      ),
      h(
        "button",
        {
          type: "button",
          "data-focus": "step",
          onclick: () => {
            state.given = stepped(scene, state.given, state.eta);
            again();
          },
        },
        t("learn.step"),
      ),
      h(
        "button",
        {
          type: "button",
          "data-focus": "reset",
          onclick: () => {
            begin(scene.name);
            again();
          },
        },
        t("learn.reset"),
      ),
    ),
    h("p", null, t("learn.rates", { before: number(before) })),
    h(
      "ul",
      null,
      [state.eta / 10, state.eta, state.eta * 10, state.eta * 100].map((eta) =>
        h(
          "li",
          { "data-rate": number(eta) },
          `η = ${number(eta)}: ${number(outcome(scene, stepped(scene, state.given, eta)))}`,
        ),
      ),
    ),
  );
}

/**
 * The three questions: one's own answer, and beside it a model answer with the numbers of this scene.
 * @param {Scene} scene
 * @param {import("./learn/gates.js").Tape} tape
 */
function questions(scene, tape) {
  const J = /** @type {any} */ (tape.gates.at(-1)),
    of = (/** @type {string} */ name) => number(tape.of(name).value),
    slope = (/** @type {string} */ name) => number(tape.of(name).gradient),
    after = (/** @type {number} */ by) =>
      number(outcome(scene, stepped(scene, state.given, state.eta * by)));
  const slots = {
    x: of("x"),
    y: of("y"),
    a1: of("a1"),
    a2: of("a2"),
    J: number(J.value),
    d2: slope("z2"),
    d1: slope("z1"),
    w1: of("w1"),
    w2: of("w2"),
    dw1: slope("w1"),
    dw2: slope("w2"),
    s1: number(tape.of("a1").value * (1 - tape.of("a1").value)),
    eta: number(state.eta),
    after: after(1),
    small: after(0.01),
    large: after(100),
    eta_small: number(state.eta / 100),
    eta_large: number(state.eta * 100),
  };
  return h(
    "div",
    null,
    h("h2", null, t("learn.interview")),
    [1, 2, 3].map((k) =>
      h(
        "div",
        { class: "learn-question" },
        h("p", null, h("label", { for: `answer${k}` }, t(`learn.question${k}`))),
        h(
          "div",
          { class: "play-panels" },
          h(
            "textarea",
            {
              id: `answer${k}`,
              rows: 5,
              "data-focus": `answer${k}`,
              oninput: (/** @type {any} */ e) => (state.answers[k - 1] = e.target.value),
            },
            state.answers[k - 1],
          ),
          h(
            "details",
            null,
            h("summary", null, t("learn.model_answer")),
            h("p", { "data-answer": k }, t(`learn.answer${k}`, slots)),
          ),
        ),
      ),
    ),
  );
}
