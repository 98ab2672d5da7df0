// What a reader looks at: a step, a row, an operation, a number; and what can be done to move on from there.

import { Step, label } from "./model.js";
import { imageSide } from "./pictures.js";
import { mainNumber } from "./walk.js";

/** @import { Operation, PageData, Reference } from "./types.js" */

const PLAY_MS = 1800;

/**
 * A step from its place in the run and its unpacked arrays.
 * @param {any} stored
 * @param {any} arrays
 * @param {PageData} data
 * @param {string} optimizer
 */
export function stepFrom(stored, arrays, data, optimizer) {
  const [eta, loss, penalty] = arrays.scalars.data;
  return new Step({ ...stored, ...arrays, eta, loss, penalty, optimizer }, data.architecture);
}

// Whoever extends it knows where steps come from, stepOf(place), and how the page is drawn, draw().
export class StepView {
  /**
   * @param {PageData} data
   */
  constructor(data) {
    this.data = data;
    this.isFloat32 = data.architecture.dtype === "float32";
    this.side = imageSide(data.architecture.sizes[0], data.names.inputs);
    this.isClass = data.facts.task === "classification" || data.names.outputs !== null;
    /** @type {((step: number | null) => void)[]} */
    this.followers = [];
    /** @type {Reference[]} */
    this.trail = [];
    /** @type {Reference | null} */
    this.asked = null;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.playing = undefined;
    /** @type {any} the step shown, once it is loaded */
    this.step = null;
    /** @type {Operation[]} */
    this.ops = [];
    /** @type {any} */
    this.state = {
      log: false,
      cursor: null,
      step: 0,
      row: 0,
      op: 0,
      all: false,
      allTerms: false,
    };
  }

  /**
   * @param {number} place
   * @returns {Promise<Step>}
   */
  async stepOf(place) {
    throw new Error(`no step ${place}`);
  }

  draw() {}

  async load() {
    this.step = await this.stepOf(this.state.step);
    this.ops = this.step.operations();
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
}
