// The curves of the run and the health of its layers, joined by one cursor over the steps.

import { curve, moveCursor, stepAt, strip } from "./charts.js";
import { h, show } from "./dom.js";
import { general, grouped, number } from "./numbers.js";
import { t } from "./words.js";

/** @import { App, Curve, PageData, RunEvent, Vector } from "./types.js" */

const LOG = ["gradient", "ratio"];
const MEASURES = ["mean", "spread", "silent", "saturated", "gradient", "ratio"];
const NOT_METRICS = [
  "loss",
  "validation_loss",
  "penalty",
  "learning_rate",
  "seconds",
  "learning_rate_factor",
];

/**
 * An exponential mean of the losses over about a thirtieth of the run, its start corrected.
 * @param {(number | null)[]} ys
 */
function smoothed(ys) {
  const keep = Math.max(0, 1 - 30 / Math.max(ys.length, 31));
  let mean = 0,
    weight = 0;
  return ys.map((y) => {
    if (y === null) return null;
    mean = keep * mean + (1 - keep) * y;
    weight = keep * weight + (1 - keep);
    return mean / weight;
  });
}

/**
 * Everything the curves show, once: points by step.
 * @param {PageData} data
 * @returns {any}
 */
export function readHistory(data) {
  const { size, mean, low, high } = data.losses,
    last = Math.max(data.n_steps - 1, 1),
    spe = data.steps_per_epoch;
  const middle = (/** @type {number} */ i) => Math.min(i * size + (size - 1) / 2, last);
  const epochs = (/** @type {string} */ name) => ({
    xs: (data.history[name] ?? []).map(
      (/** @type {any} */ _, /** @type {any} */ e) => (e + 1) * spe - 1,
    ),
    ys: data.history[name] ?? [],
  });
  const xs = mean.map((/** @type {any} */ _, /** @type {number} */ i) => middle(i));
  const metric = Object.keys(data.history).find((name) => !NOT_METRICS.includes(name)) ?? null;
  const rates = data.history.learning_rate ?? [];
  return {
    joints: data.events.filter((event) => event.kind === "extend"),
    last,
    size,
    raw: { xs, ys: mean },
    smooth: { xs, ys: smoothed(mean) },
    band: low ? { xs, low, high } : null,
    validation: epochs("validation_loss"),
    training: epochs("loss"),
    metric,
    scores: metric ? epochs(metric) : null,
    rate: rates.some((/** @type {any} */ rate) => rate !== rates[0])
      ? epochs("learning_rate")
      : null,
  };
}

/**
 * @param {Curve} curve
 * @param {number} step
 * @returns {number | null}
 */
function at({ xs, ys }, step) {
  let best = null;
  for (let i = 0; i < xs.length; i++)
    if (ys[i] !== null && (best === null || Math.abs(xs[i] - step) < Math.abs(xs[best] - step)))
      best = i;
  return best === null ? null : ys[best];
}

/**
 * @param {string} cls
 * @param {string} text
 */
const swatch = (cls, text) =>
  h("span", { class: `legend ${cls}` }, h("i", { "aria-hidden": "true" }), text);

/**
 * One chart with its heading, its read-out and its keyboard: arrows move the cursor, Enter opens a step.
 * fill() draws it once its box has a width.
 * @param {any} options
 * @returns {any}
 */
function chart({ name, title, legend, draw, read, app, extra }) {
  const box = h("div", { class: "chart" }),
    out = h("output", { class: "readout" });
  const { last } = app.past,
    move = (/** @type {number | null} */ step) => app.point(step);
  const slider = h("div", {
    class: "plot",
    tabindex: 0,
    role: "slider",
    "data-focus": `plot-${name}`,
    "aria-label": t("curve_of", { name: title }),
    "aria-valuemin": 0,
    "aria-valuemax": last,
    "aria-valuenow": app.state.cursor ?? 0,
    onpointermove: (/** @type {any} */ event) =>
      move(stepAt(slider.clientWidth, last)(event.offsetX)),
    onpointerleave: () => move(null),
    onclick: (/** @type {any} */ event) =>
      app.openNearest(stepAt(slider.clientWidth, last)(event.offsetX)),
    onkeydown: (/** @type {any} */ event) => {
      /** @type {Record<string, number>} */
      const keys = {
        ArrowRight: 1,
        ArrowUp: 1,
        ArrowLeft: -1,
        ArrowDown: -1,
        PageUp: 10,
        PageDown: -10,
      };
      const by = keys[event.key];
      const jump = Math.max(1, Math.round(last / 100)),
        here = app.state.cursor ?? app.chosenStep() ?? 0;
      if (event.key === "Enter") app.openNearest(here);
      else if (event.key === "Home" || event.key === "End") move(event.key === "Home" ? 0 : last);
      else if (by) move(Math.min(last, Math.max(0, here + by * jump)));
      else return;
      event.preventDefault();
    },
  });
  box.append(
    h(
      "div",
      { class: "chart-head" },
      h("h3", null, title),
      h("div", { class: "legends" }, legend),
      extra,
    ),
    slider,
    out,
  );
  const fill = () => {
    const width = Math.max(260, slider.clientWidth),
      drawn = draw(width);
    slider.append(drawn);
    app.followers.push((/** @type {number | null} */ step) => {
      moveCursor(drawn, width, last, step);
      const text = step === null ? "" : read(step);
      out.textContent = text;
      if (step === null) return;
      slider.setAttribute("aria-valuenow", step);
      slider.setAttribute("aria-valuetext", text);
    });
  };
  return { box, fill };
}

/**
 * What changed where the run went on: each setting with its value before and after.
 * @param {any} pairs
 */
function changed(pairs) {
  const text = (/** @type {any} */ value) =>
    value === null ? "none" : typeof value === "number" ? general(value, 12) : String(value);
  return Object.entries(pairs)
    .map(([name, [before, after]]) => `${name} ${text(before)} → ${text(after)}`)
    .join(", ");
}

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function drawCurves(root, app) {
  const { past, state, data } = app,
    marks = data.steps.map((/** @type {any} */ s) => s.step),
    chosen = app.chosenStep(),
    joints = past.joints.map((/** @type {RunEvent} */ event) => event.step);
  const epochOf = (/** @type {number} */ step) => Math.floor(step / data.steps_per_epoch);
  const head = (/** @type {number} */ step) =>
    `${t("step")} ${grouped(step)} · ${t("epoch")} ${epochOf(step)}`;
  const tell = (/** @type {string} */ name, /** @type {number | null} */ value) =>
    value === null ? "" : ` · ${name} ${number(value)}`;
  const lines = [
    { ...past.raw, cls: "raw" },
    { ...past.smooth, cls: "smooth" },
  ];
  if (past.validation.xs.length) lines.push({ ...past.validation, cls: "validation", dots: true });
  const toggle = h(
    "button",
    {
      type: "button",
      class: "quiet",
      "aria-pressed": String(state.log),
      "data-focus": "log",
      onclick: () => app.set({ log: !state.log }),
    },
    t("log_scale"),
  );
  const charts = [
    chart({
      name: "loss",
      title: t("loss"),
      app,
      extra: toggle,
      legend: [
        swatch("raw", past.band ? t("training_band", { n: past.size }) : t("training_raw")),
        swatch("smooth", t("training_smooth")),
        past.validation.xs.length ? swatch("validation", t("validation")) : null,
      ],
      draw: (/** @type {number} */ width) =>
        curve({
          width,
          height: 250,
          last: past.last,
          lines,
          band: past.band,
          log: state.log,
          marks,
          chosen,
          joints,
        }),
      read: (/** @type {number} */ step) =>
        head(step) +
        tell(t("loss"), at(past.raw, step)) +
        tell(t("training_smooth"), at(past.smooth, step)) +
        tell(t("validation"), at(past.validation, step)),
    }),
  ];
  const small = [];
  if (past.metric && past.scores.xs.length > 1)
    small.push({
      name: "metric",
      title: past.metric,
      line: past.scores,
      cls: "validation",
      legend: t("validation"),
    });
  if (past.rate)
    small.push({
      name: "rate",
      title: t("learning_rate"),
      line: past.rate,
      cls: "smooth",
      legend: "η",
    });
  for (const { name, title, line, cls, legend } of small)
    charts.push(
      chart({
        name,
        title,
        app,
        legend: swatch(cls, legend),
        draw: (/** @type {number} */ width) =>
          curve({
            width,
            height: 250,
            last: past.last,
            lines: [{ ...line, cls, dots: true }],
            marks,
            chosen,
            joints,
          }),
        read: (/** @type {number} */ step) => head(step) + tell(title, at(line, step)),
      }),
    );
  show(
    root,
    h("h2", null, t("curves")),
    h(
      "div",
      { class: `charts n${charts.length}` },
      charts.map(({ box }) => box),
    ),
    h("p", { class: "hint" }, marks.length ? t("curves_hint") : null),
    past.joints.map((/** @type {RunEvent} */ event) =>
      h(
        "p",
        { class: "note joint-note" },
        t("goes_on", {
          step: grouped(event.step),
          epoch: epochOf(event.step),
          changes: changed(event.value),
        }),
      ),
    ),
  );
  for (const { fill } of charts) fill();
}

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function drawHealth(root, app) {
  const { steps, layers } = app.data.health;
  if (!steps.length) return show(root);
  const { last } = app.past,
    width = Math.max(
      120,
      Math.min(
        340,
        app.width(root) / (app.width(root) > 1000 ? 3 : app.width(root) > 640 ? 2 : 1) - 174,
      ),
    );
  const hint = h("p", { class: "hint" }),
    boxes = [];
  for (const measure of MEASURES) {
    const columns = layers.map((/** @type {any} */ layer) => layer[measure]),
      known = columns
        .flat()
        .filter((/** @type {number} */ y) => y !== null && (!LOG.includes(measure) || y > 0));
    if (!known.length) continue;
    const share = measure === "silent" || measure === "saturated",
      log = LOG.includes(measure);
    const low = share ? 0 : Math.min(...known),
      high = share ? 1 : Math.max(...known);
    const rows = columns.map((/** @type {Vector} */ values, /** @type {number} */ l) => {
      if (values.every((/** @type {number} */ y) => y === null)) return null;
      const value = h("output", { class: "num" }),
        drawn = strip({ width, height: 20, last, steps, values, low, high, log });
      const at = (/** @type {any} */ event) => Math.round((event.offsetX / width) * last);
      const line = h(
        "div",
        {
          class: "health-row",
          onpointermove: (/** @type {any} */ event) =>
            event.target.closest(".strip") && app.point(Math.min(last, Math.max(0, at(event)))),
          onpointerleave: () => app.point(null),
          onclick: (/** @type {any} */ event) =>
            event.target.closest(".strip") && app.openNearest(at(event)),
        },
        h("span", { class: "health-name" }, t("layer", { l: l + 1 })),
        drawn,
        value,
      );
      app.followers.push((/** @type {number | null} */ step) => {
        const shown = step ?? app.chosenStep() ?? last,
          i = steps.reduce(
            (/** @type {any} */ best, /** @type {any} */ s, /** @type {number} */ k) =>
              Math.abs(s - shown) < Math.abs(steps[best] - shown) ? k : best,
            0,
          );
        const x = step === null ? -9 : (width * step) / last,
          cursor = drawn.querySelector(".cursor");
        cursor.setAttribute("x1", x);
        cursor.setAttribute("x2", x);
        value.textContent =
          values[i] === null
            ? "–"
            : share
              ? `${(100 * values[i]).toFixed(0)} %`
              : number(values[i]);
        hint.textContent = t("health_hint", { n: steps.length, step: grouped(steps[i]) });
      });
      return line;
    });
    boxes.push(
      h(
        "div",
        { class: "measure" },
        h("h3", null, t(`m_${measure}`)),
        h("p", { class: "note" }, t(`m_${measure}_says`)),
        rows,
      ),
    );
  }
  show(root, h("h2", null, t("health")), hint, h("div", { class: "measures" }, boxes));
}
