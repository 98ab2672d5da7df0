// A run as the studio shows it: its facts, its losses as they grow, and any of its steps, fetched when it is looked at.

import { Numbers } from "../../report/static/numbers.js";
import { label } from "../../report/static/model.js";
import { readHistory } from "../../report/static/history.js";
import { StepView, stepFrom } from "../../report/static/step_view.js";
import { get } from "./net.js";

/** @import { Step } from "../../report/static/model.js" */
/** @import { Operation } from "../../report/static/types.js" */
/** @import { Status } from "./types.js" */

const KEPT_STEPS = 12,
  SPREAD = 12;

export class RunView extends StepView {
  /**
   * @param {string} id
   * @param {any} about
   * @param {() => void} redraw
   */
  constructor(id, about, redraw) {
    super({ ...about, steps: [], missing: null, check: null, results: null });
    this.id = id;
    this.redraw = redraw;
    /** @type {Map<number, Step>} */
    this.known = new Map();
    /** @type {any} */
    this.past = null;
    this.take(about);
  }

  /**
   * Facts and losses as the server has them now.
   * @param {any} about
   */
  take(about) {
    const { low, high, ...losses } = about.losses,
      banded = losses.size > 1;
    Object.assign(this.data, about, {
      losses: { ...losses, low: banded ? low : null, high: banded ? high : null },
      n_done: about.n_steps,
      n_steps: Math.max(about.n_steps, about.planned),
    });
    this.chart();
    this.listSteps(this.chosenStep() ?? 0);
  }

  /**
   * The points of losses that a message brings; whether they fit to those that are here.
   * @param {Status} status
   */
  grow({ losses, step, n_steps, state }) {
    const here = /** @type {any} */ (this.data.losses);
    if (losses.size !== here.size || losses.from > here.mean.length) return false;
    for (const name of ["mean", "low", "high"])
      if (here[name])
        here[name].splice(losses.from, Infinity, .../** @type {any} */ (losses)[name]);
    Object.assign(this.data, {
      n_done: step,
      n_steps: state === "ended" ? step : Math.max(step, n_steps),
    });
    this.chart();
    return true;
  }

  chart() {
    this.past = readHistory(this.data);
  }

  get nDone() {
    return /** @type {any} */ (this.data).n_done;
  }

  draw() {
    this.redraw();
  }

  /**
   * The steps offered: some over the whole run, and those around the one looked at.
   * @param {number} here
   */
  listSteps(here) {
    const last = this.nDone - 1,
      spread = Array.from({ length: SPREAD + 1 }, (_, i) => Math.round((last * i) / SPREAD)),
      near = [here - 1, here, here + 1];
    const steps = [...new Set([...spread, ...near])]
      .filter((step) => step >= 0 && step <= last)
      .sort((a, b) => a - b);
    const spe = this.data.steps_per_epoch;
    this.data.steps = /** @type {any} */ (
      steps.map((step) => ({ step, epoch: Math.floor(step / spe) }))
    );
    this.state.step = Math.max(0, steps.indexOf(here));
  }

  /**
   * @param {number} place
   * @returns {Promise<Step>}
   */
  async stepOf(place) {
    const t = this.data.steps[place].step,
      known = this.known.get(t);
    if (known) return known;
    const got = await get(`/api/runs/${this.id}/step`, { t }),
      arrays = await new Numbers(got.numbers, got.places).all(got.step.arrays),
      step = stepFrom(got.step, arrays, this.data, got.optimizer);
    this.known.set(t, step);
    if (this.known.size > KEPT_STEPS) this.known.delete([...this.known.keys()][0]);
    return step;
  }

  /**
   * @param {number} place
   */
  async openStep(place) {
    await this.openAt(this.data.steps[place].step);
  }

  /**
   * @param {number} step
   */
  openNearest(step) {
    this.openAt(step);
  }

  /**
   * Looks at a step; nothing is changed by that.
   * @param {number} step
   */
  async openAt(step) {
    const op = this.op?.id;
    this.listSteps(Math.max(0, Math.min(step, this.nDone - 1)));
    await this.load();
    this.state.row = Math.min(this.state.row, this.step.n - 1);
    const place = this.ops.findIndex((/** @type {Operation} */ one) => one.id === op);
    this.state.op = Math.max(0, place);
    this.about();
    this.draw();
  }

  // What of the cursor belongs to the step.
  cursor() {
    if (!this.step) return {};
    return {
      step: this.step.step,
      row: this.state.row,
      op: this.op.id,
      why: label(this.asked ?? { kind: "J" }),
    };
  }

  /**
   * Goes where the address says.
   * @param {Record<string, any>} cursor
   */
  async goWhere({ step = 0, row = 0, op, why }) {
    await this.openAt(step);
    this.state.row = Math.min(row, this.step.n - 1);
    this.state.op = Math.max(
      0,
      this.ops.findIndex((/** @type {Operation} */ one) => one.id === op),
    );
    this.about();
    const asked = this.step.reference(why ?? "");
    if (asked) this.ask(asked);
    else this.draw();
  }
}
