// The page: its state, what can be done to it, and the order in which it is drawn.

import { h, show } from "./dom.js";
import { drawChecks } from "./checks.js";
import { drawDiagram } from "./diagram.js";
import { drawHeader } from "./header.js";
import { drawCurves, drawHealth, readHistory } from "./history.js";
import { Step, label } from "./model.js";
import { imageSide } from "./pictures.js";
import { drawResults } from "./results.js";
import { drawRate } from "./rate.js";
import { unknownTo, verifyStep } from "./verify.js";
import { drawWalk, mainNumber } from "./walk.js";
import { LANGUAGES, speak, t } from "./words.js";

/** @import { Numbers } from "./numbers.js" */
/** @import { Check, Operation, PageData, Reference } from "./types.js" */

const PLAY_MS = 1800;

export class App {
  /**
   * @param {PageData} data
   * @param {Numbers} numbers
   */
  constructor(data, numbers) {
    this.data = data;
    this.numbers = numbers;
    this.past = readHistory(data);
    this.isFloat32 = data.architecture.dtype === "float32";
    this.side = imageSide(data.architecture.sizes[0], data.names.inputs);
    this.isClass = data.facts.task === "classification" || data.names.outputs !== null;
    /** @type {Map<number, Check[]>} */
    this.checks = new Map();
    /** @type {Map<number, Step>} */
    this.steps = new Map();
    /** @type {((step: number | null) => void)[]} */
    this.followers = [];
    /** @type {Reference[]} */
    this.trail = [];
    /** @type {Reference | null} */
    this.asked = null;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.playing = undefined;
    /** @type {string | null} */
    this.failure = null;
    /** @type {any} the step shown, once it is loaded */
    this.step = null;
    /** @type {Operation[]} */
    this.ops = [];
    const preferred = (navigator.language ?? "en").toLowerCase().startsWith("ko") ? "ko" : "en";
    /** @type {any} */
    this.state = {
      lang: preferred,
      theme: "auto",
      log: false,
      cursor: null,
      step: 0,
      row: 0,
      op: 0,
      all: false,
      allTerms: false,
    };
    this.sections = Object.fromEntries(
      ["header", "results", "curves", "rate", "health", "walk", "diagram", "checks", "footer"].map(
        (name) => [
          name,
          h(name === "header" || name === "footer" ? name : "section", { class: `part ${name}` }),
        ],
      ),
    );
  }

  /**
   * @param {HTMLElement} page
   */
  async begin(page) {
    page.replaceChildren(
      this.sections.header,
      h(
        "main",
        null,
        ["results", "curves", "rate", "health", "walk", "diagram", "checks"].map(
          (name) => this.sections[name],
        ),
      ),
      this.sections.footer,
    );
    const wanted = new URLSearchParams(location.hash.slice(1)),
      [lang, theme] = ["lang", "theme"].map((name) => wanted.get(name) ?? "");
    if (LANGUAGES.includes(lang)) this.state.lang = lang;
    if (["light", "dark"].includes(theme)) this.state.theme = theme;
    const steps = this.data.steps;
    this.draw();
    if (!steps.length) return;
    this.state.step = wanted.has("step")
      ? this.nearest(Number(wanted.get("step")))
      : Math.min(1, steps.length - 1);
    const row = Number(wanted.get("row") ?? 0);
    this.state.row =
      Number.isInteger(row) && row >= 0 && row < steps[this.state.step].rows.length ? row : 0;
    await this.load();
    this.goTo(
      Math.max(
        0,
        this.ops.findIndex((/** @type {Operation} */ op) => op.id === wanted.get("op")),
      ),
    );
    const asked = this.step.reference(wanted.get("why") ?? "");
    if (asked) this.ask(asked);
    if (!unknownTo(this.data).length) await this.verify();
  }

  /**
   * The numbers of a kept step.
   * @param {number} place
   * @returns {Promise<Step>}
   */
  async stepOf(place) {
    if (!this.steps.has(place)) {
      const stored = this.data.steps[place],
        arrays = await this.numbers.all(stored.arrays),
        [eta, loss, penalty] = arrays.scalars.data;
      this.steps.set(
        place,
        new Step(
          {
            ...stored,
            ...arrays,
            eta,
            loss,
            penalty,
            optimizer: this.data.settings.optimizer.name,
          },
          this.data.architecture,
        ),
      );
    }
    return /** @type {Step} */ (this.steps.get(place));
  }

  async load() {
    this.step = await this.stepOf(this.state.step);
    this.ops = this.step.operations();
  }

  // Recomputes one kept step after the other, leaving the page free to answer in between.
  async verify() {
    for (let place = 0; place < this.data.steps.length; place++) {
      const step = await this.stepOf(place);
      this.checks.set(step.step, verifyStep(step, this.data.architecture));
      if (place !== this.state.step && this.steps.size > 4) this.steps.delete(place);
      drawHeader(this.sections.header, this);
      await new Promise((resolve) => setTimeout(resolve));
    }
    drawChecks(this.sections.checks, this);
  }

  get op() {
    return this.ops[this.state.op];
  }

  chosenStep() {
    return this.data.steps[this.state.step]?.step ?? null;
  }

  /**
   * @param {number} j
   * @returns {string}
   */
  inputName(j) {
    return this.data.names.inputs?.[j] ?? String(j);
  }

  /**
   * @param {number} j
   * @returns {string}
   */
  outputName(j) {
    return (
      this.data.names.outputs?.[j] ??
      (this.data.architecture.sizes.at(-1) === 1 && this.data.names.target
        ? this.data.names.target
        : String(j))
    );
  }

  /**
   * @param {HTMLElement} element
   */
  width(element) {
    const box = element.closest?.(".part") ?? element,
      style = element.isConnected ? element.clientWidth : 0;
    return style || Math.min(document.documentElement.clientWidth - 48, box.clientWidth || 1180);
  }

  // what can be done -----------------------------------------------------------------------------------------

  /**
   * @param {Record<string, any>} changes
   */
  set(changes) {
    Object.assign(this.state, changes);
    if ("row" in changes) this.about();
    this.draw();
  }

  /**
   * @param {number} place
   */
  async openStep(place) {
    this.state.step = place;
    await this.load();
    this.state.row = Math.min(this.state.row, this.step.n - 1);
    this.about();
    this.draw();
  }

  /**
   * @param {number} step
   */
  nearest(step) {
    const kept = this.data.steps;
    return kept.reduce(
      (/** @type {any} */ best, /** @type {any} */ s, /** @type {number} */ p) =>
        Math.abs(s.step - step) < Math.abs(kept[best].step - step) ? p : best,
      0,
    );
  }

  /**
   * @param {number} step
   */
  openNearest(step) {
    if (this.data.steps.length) this.openStep(this.nearest(step));
  }

  /**
   * @param {number | null} step
   */
  point(step) {
    this.state.cursor = step;
    for (const follow of this.followers) follow(step);
  }

  /**
   * @param {number} place
   */
  goTo(place) {
    const before = this.asked;
    this.state.op = Math.min(this.ops.length - 1, Math.max(0, place));
    this.about();
    const { kind, l } = this.op;
    if (kind === "a" && before?.kind === "z" && before.l === l)
      this.asked = { ...before, kind: "a" };
    this.draw();
  }

  /**
   * @param {number} by
   */
  move(by) {
    if (this.state.op + by < 0 || this.state.op + by >= this.ops.length) return this.play(false);
    this.goTo(this.state.op + by);
  }

  // The panel turns to the number the operation is about.
  about() {
    this.trail = [];
    this.state.allTerms = false;
    this.asked = mainNumber(this.step, this.op, this.state.row);
  }

  /**
   * @param {Reference} ref
   */
  ask(ref) {
    if (this.asked && label(this.asked) !== label(ref)) this.trail.push(this.asked);
    this.asked = ref;
    this.state.allTerms = false;
    if (ref.i !== undefined && ["a", "z", "u", "delta", "du", "da", "y", "loss"].includes(ref.kind))
      this.state.row = ref.i;
    this.draw();
  }

  goBack() {
    this.asked = this.trail.pop() ?? this.asked;
    this.draw();
  }

  /**
   * @param {boolean} on
   */
  play(on) {
    clearInterval(this.playing);
    this.playing = undefined;
    if (on) {
      if (this.state.op === this.ops.length - 1) this.goTo(0);
      this.playing = setInterval(() => this.move(1), PLAY_MS);
    }
    this.draw();
  }

  // drawing --------------------------------------------------------------------------------------------------

  draw() {
    const { lang, theme } = this.state,
      html = document.documentElement;
    speak(lang);
    html.lang = lang;
    if (theme === "auto") delete html.dataset.theme;
    else html.dataset.theme = theme;
    this.followers = [];
    drawHeader(this.sections.header, this);
    drawResults(this.sections.results, this);
    drawCurves(this.sections.curves, this);
    drawRate(this.sections.rate, this);
    drawHealth(this.sections.health, this);
    drawWalk(this.sections.walk, this);
    this.drawDiagram();
    drawChecks(this.sections.checks, this);
    show(this.sections.footer, h("p", null, t("offline")));
    this.point(this.state.cursor);
    this.remember();
  }

  drawDiagram() {
    if (this.step) drawDiagram(this.sections.diagram, this, this.step);
    else show(this.sections.diagram);
  }

  // The address holds the cursor, so that a link leads to the very number.
  remember() {
    const { lang, theme, row } = this.state,
      /** @type {Record<string, any>} */
      parts = { lang };
    if (theme !== "auto") parts.theme = theme;
    if (this.step)
      Object.assign(parts, {
        step: this.step.step,
        row,
        op: this.op.id,
        why: label(this.asked ?? { kind: "J" }),
      });
    try {
      history.replaceState(null, "", `#${new URLSearchParams(parts)}`);
    } catch {
      // a page shown inside another may not change its address; it works without
    }
  }
}
