// The screen of the playground: controls, the network with the surface of every unit, both passes, the loss over two
// weights.

import { h, show } from "../../report/static/dom.js";
import { number } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";
import { controls, ownFile } from "./controls.js";
import { drawLand, pairs } from "./land.js";
import { networkPicture } from "./network_picture.js";
import { paintUnits } from "./pictures_2d.js";
import { planePicture } from "./plane.js";
import { Playground, USUAL } from "./playground.js";
import { drawWalk, walker } from "./walker.js";

/** @import { Settings } from "./playground.js" */

export const SPEEDS = [1, 10, 100, 1000, 10000];

/** @type {Record<string, string>} */
const SHORT = {
  set: "set",
  seed: "seed",
  noise: "noise",
  units: "units",
  g: "g",
  eta: "eta",
  batch: "batch",
  rule: "rule",
};

/**
 * What the address says of a playground.
 * @param {Record<string, any>} cursor
 * @returns {Partial<Settings>}
 */
export function settingsOf(cursor) {
  /** @type {any} */
  const found = {};
  for (const [name, usual] of Object.entries(USUAL)) {
    const given = cursor[SHORT[name]];
    if (given === undefined || given === "") continue;
    const value = typeof usual === "number" ? Number(given) : String(given);
    if (typeof value === "string" || Number.isFinite(value)) found[name] = value;
  }
  return found;
}

export class PlaygroundScreen {
  /**
   * @param {HTMLElement} root
   * @param {Record<string, any>} cursor
   * @param {(changes: Record<string, any>) => void} keep
   */
  constructor(root, cursor, keep) {
    this.root = root;
    this.keep = keep;
    this.play = new Playground(settingsOf(cursor));
    this.speed = SPEEDS.includes(Number(cursor.speed)) ? Number(cursor.speed) : 10;
    this.running = 0;
    this.brush = 1;
    /** @type {{ names: string[], cells: string[][] } | null} */
    this.table = null;
    /** @type {any} */
    this.units = this.plane = this.numbers = this.said = this.tape = this.edit = null;
    /** @type {any} */
    this.land = this.way = this.landNumbers = this.playButton = null;
    this.due = this.last = 0;
    this.draw();
  }

  get isDark() {
    const { theme } = document.documentElement.dataset;
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  /**
   * A setting changed: the points or the network begin anew where they depend on it.
   * @param {Partial<Settings>} changes
   */
  change(changes) {
    Object.assign(this.play.settings, changes);
    if (["set", "seed", "noise"].some((name) => name in changes)) this.play.draw();
    else if (["units", "g", "rule"].some((name) => name in changes)) this.play.begin();
    else this.play.look();
    this.keep(
      Object.fromEntries(Object.entries(changes).map(([name, value]) => [SHORT[name], value])),
    );
    this.draw();
  }

  draw() {
    const { play } = this;
    this.units = networkPicture(this);
    this.plane = planePicture(this);
    this.numbers = h("dl", { class: "play-numbers" });
    this.said = h("div", { class: "play-said", role: "status" });
    this.tape = h("div", {
      class: "play-tape",
      role: "group",
      "aria-label": t("playground.operations"),
    });
    this.edit = h("div", { class: "play-edit" });
    this.land = h("canvas", {
      class: "play-land",
      role: "img",
      "aria-label": t("playground.land_says"),
    });
    this.way = h("canvas", { class: "play-way", width: 320, height: 320, "aria-hidden": "true" });
    this.landNumbers = h("p", { class: "play-note" });
    show(
      this.root,
      h(
        "div",
        { class: "playground" },
        controls(this),
        this.table ? ownFile(this) : null,
        this.transport(),
        h(
          "div",
          { class: "play-panels" },
          h("section", { "aria-label": t("playground.network") }, this.units.element),
          h("section", { "aria-label": t("playground.plane") }, this.plane.element),
        ),
        h(
          "section",
          { class: "play-walk", "aria-label": t("playground.walk") },
          h("h2", null, t("playground.walk")),
          walker(this),
          this.tape,
          this.said,
        ),
        h(
          "section",
          { class: "play-panels" },
          h("div", null, h("h2", null, t("playground.weights")), this.edit),
          h(
            "div",
            null,
            h("h2", null, t("playground.land")),
            pairs(this),
            h("div", { class: "play-map" }, this.land, this.way),
            this.landNumbers,
          ),
        ),
      ),
    );
    this.refresh();
    this.drawEdit();
    if (!play.points.length) show(this.said, t("playground.no_points"));
  }

  // Play, pause, one step, and how many steps a second.
  transport() {
    this.playButton = h(
      "button",
      { type: "button", class: "play-main", "data-focus": "play", onclick: () => this.toggle() },
      t(this.running ? "playground.pause" : "playground.play"),
    );
    return h(
      "div",
      { class: "play-transport", role: "group", "aria-label": t("playground.training") },
      this.playButton,
      h(
        "button",
        { type: "button", "data-focus": "one", onclick: () => this.once() },
        t("playground.one"),
      ),
      h(
        "button",
        { type: "button", "data-focus": "again", onclick: () => this.again() },
        t("playground.again"),
      ),
      h(
        "label",
        null,
        t("playground.speed"),
        " ",
        h(
          "select",
          {
            "data-focus": "speed",
            onchange: (/** @type {any} */ e) => this.pace(Number(e.target.value)),
          },
          SPEEDS.map((n) =>
            h(
              "option",
              { value: n, selected: n === this.speed },
              t("playground.per_second", { n }),
            ),
          ),
        ),
      ),
      this.numbers,
    );
  }

  /**
   * @param {number} speed
   */
  pace(speed) {
    this.speed = speed;
    this.keep({ speed });
  }

  once() {
    this.play.train(1);
    this.play.look();
    this.refresh();
  }

  again() {
    this.stop();
    this.play.begin();
    this.draw();
  }

  toggle() {
    if (this.running) return this.stop();
    this.due = 0;
    this.last = performance.now();
    const turn = (/** @type {number} */ now) => {
      if (!this.root.isConnected) return this.stop();
      this.advance(now);
      if (this.running) this.running = requestAnimationFrame(turn);
    };
    this.running = requestAnimationFrame(turn);
    show(this.playButton, t("playground.pause"));
  }

  stop() {
    cancelAnimationFrame(this.running);
    this.running = 0;
    if (this.playButton) show(this.playButton, t("playground.play"));
  }

  /**
   * The steps that are due since the last picture, in at most 30 ms.
   * @param {number} now
   */
  advance(now) {
    this.due = Math.min(
      this.speed,
      (this.due ?? 0) + (this.speed * (now - (this.last ?? now))) / 1000,
    );
    this.last = now;
    const end = performance.now() + 30;
    let done = 0;
    while (this.due >= 1 && performance.now() < end) {
      const n = Math.min(Math.floor(this.due), 10);
      this.play.train(n);
      this.due -= n;
      done += n;
    }
    if (!done) return;
    this.play.look();
    this.refresh();
    if (!this.play.network.theta.every(Number.isFinite)) this.stop();
  }

  // Everything that training changes.
  refresh() {
    const { play } = this,
      { t: step } = play.network;
    const fact = (/** @type {string} */ name, /** @type {string} */ value) => [
      h("dt", null, t(`playground.${name}`)),
      h("dd", { "data-fact": name }, value),
    ];
    show(
      this.numbers,
      ...fact("step", String(step)),
      ...fact("epoch", String(play.epochs)),
      ...fact("loss", number(play.loss)),
    );
    paintUnits(play, this.units.canvases, this.isDark);
    this.units.weigh();
    this.plane.mark();
    drawWalk(this);
    drawLand(this);
    for (const box of this.edit.querySelectorAll("input"))
      if (box !== document.activeElement)
        box.value = number(play.network.theta[Number(box.dataset.place)]);
  }

  /**
   * @param {Record<string, any>} changes
   */
  look(changes) {
    Object.assign(this.play, changes);
    this.play.look();
    this.refresh();
  }

  // Every parameter as a number that can be typed.
  drawEdit() {
    const { play } = this;
    show(
      this.edit,
      play.names.map((name, p) =>
        h(
          "label",
          null,
          h("span", null, name),
          h("input", {
            type: "number",
            step: 0.1,
            value: number(play.network.theta[p]),
            "data-place": p,
            "data-focus": `w${p}`,
            onchange: (/** @type {any} */ e) => {
              play.set(p, Number(e.target.value));
              this.refresh();
            },
          }),
        ),
      ),
    );
  }
}
