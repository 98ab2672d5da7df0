// The page: its state, what can be done to it, and the order in which it is drawn.

import { h, show } from "./dom.js";
import { drawChecks } from "./checks.js";
import { drawDiagram } from "./diagram.js";
import { drawHeader } from "./header.js";
import { drawCurves, drawHealth, readHistory } from "./history.js";
import { label } from "./model.js";
import { drawResults } from "./results.js";
import { drawRate } from "./rate.js";
import { StepView, stepFrom } from "./step_view.js";
import { unknownTo, verifyStep } from "./verify.js";
import { drawWalk } from "./walk.js";
import { LANGUAGES, speak, t } from "./words.js";

/** @import { Numbers } from "./numbers.js" */
/** @import { Step } from "./model.js" */
/** @import { Check, Operation, PageData } from "./types.js" */

export class App extends StepView {
  /**
   * @param {PageData} data
   * @param {Numbers} numbers
   */
  constructor(data, numbers) {
    super(data);
    this.numbers = numbers;
    this.past = readHistory(data);
    /** @type {Map<number, Check[]>} */
    this.checks = new Map();
    /** @type {Map<number, Step>} */
    this.steps = new Map();
    /** @type {string | null} */
    this.failure = null;
    const preferred = (navigator.language ?? "en").toLowerCase().startsWith("ko") ? "ko" : "en";
    Object.assign(this.state, { lang: preferred, theme: "auto" });
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
        arrays = await this.numbers.all(stored.arrays);
      this.steps.set(place, stepFrom(stored, arrays, this.data, this.data.settings.optimizer.name));
    }
    return /** @type {Step} */ (this.steps.get(place));
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
