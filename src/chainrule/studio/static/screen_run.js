// The run: its curves as they grow, and all that can be done to a training under way.

import { drawCurves } from "../../report/static/history.js";
import { h, show } from "../../report/static/dom.js";
import { grouped, number } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";
import { asApp, openStep } from "./as_app.js";
import { drawBreakpoints } from "./breakpoints.js";
import { drawGoOn } from "./go_on.js";
import { post } from "./net.js";
import { drawValues } from "./values.js";

/** @import { Status } from "./types.js" */

const CURVES_MS = 250;
/** @type {{ later: ReturnType<typeof setTimeout> | undefined, at: number }} */
const drawn = { later: undefined, at: 0 };

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export function draw(root, studio) {
  const { view, status } = studio;
  if (!view && !status)
    return show(
      root,
      h("p", { class: "lead" }, t(studio.runs.length ? "studio.loading" : "studio.empty")),
    );
  const part = (/** @type {string} */ name) => h("section", { class: `part ${name}` });
  if (!root.querySelector(".live"))
    root.replaceChildren(part("live"), part("curves"), part("acts"), part("events"));
  drawLive(root, studio);
  drawCharts(root, studio);
  drawActs(root, studio);
  drawEvents(root, studio);
}

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export function told(root, studio) {
  if (!root.querySelector(".live")) return draw(root, studio);
  drawLive(root, studio);
  const acts = /** @type {HTMLElement} */ (root.querySelector(".acts")),
    kind = actsKind(studio);
  if (acts.dataset.kind !== kind) drawActs(root, studio);
  drawBreakpoints.update(root, studio);
  clearTimeout(drawn.later);
  drawn.later = setTimeout(
    () => {
      drawn.at = performance.now();
      if (!root.querySelector(".live")) return;
      drawCharts(root, studio);
      drawEvents(root, studio);
    },
    Math.max(0, drawn.at + CURVES_MS - performance.now()),
  );
}

/**
 * @param {any} studio
 */
const actsKind = (studio) => `${studio.view?.id ?? ""} ${studio.isLive} ${Boolean(studio.view)}`;

/**
 * @param {any} studio
 */
async function act(
  studio,
  /** @type {string} */ name,
  /** @type {Record<string, any>} */ body = {},
) {
  const said = document.getElementById("act-said");
  try {
    await post(`/api/runs/${studio.cursor.run}/${name}`, body);
    if (said) said.textContent = "";
  } catch (error) {
    if (said) said.textContent = error instanceof Error ? error.message : String(error);
  }
}

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
function drawLive(root, studio) {
  const { status, view } = studio,
    place = /** @type {HTMLElement} */ (root.querySelector(".live"));
  if (!status) return show(place, view ? stored(studio) : null);
  if (!place.querySelector("#act-said"))
    show(
      place,
      h("h2", { class: "sr" }, t("studio.screen_run")),
      h("div", { class: "controls live-controls" }),
      h("p", { class: "refused", id: "act-said", role: "alert" }),
      h("dl", { class: "facts live-facts" }),
      h("p", { class: "hit", role: "status" }),
    );
  show(
    /** @type {HTMLElement} */ (place.querySelector(".live-controls")),
    controls(studio, status),
  );
  show(/** @type {HTMLElement} */ (place.querySelector(".live-facts")), facts(status));
  const hit = /** @type {HTMLElement} */ (place.querySelector(".hit")),
    [name, found] = status.hit.split("\n"),
    text = status.hit ? t("studio.hit", { name: breakName(name), found }) : "";
  if (hit.textContent !== text) hit.textContent = text;
}

/**
 * @param {string} name
 */
const breakName = (name) => {
  const [kind, ...rest] = name.split(" ");
  return rest.length ? rest.join(" ") : t(`studio.break_${kind}`);
};

/**
 * @param {any} studio
 */
function stored({ view }) {
  const { result, parent } = view.data,
    said = [
      t("studio.stored", {
        steps: grouped(view.nDone),
        reason: t(`ended_${result.stopped}`, { metric: result.metric }),
      }),
    ];
  if (parent)
    said.push(t("studio.parent", { step: grouped(parent.step), sha: parent.sha256.slice(0, 16) }));
  return h("p", { class: "summary" }, said.join(" "));
}

/**
 * @param {any} studio
 * @param {Status} status
 */
function controls(studio, status) {
  const over = ["ended", "failed"].includes(status.state),
    paused = status.state === "paused";
  const button = (
    /** @type {string} */ name,
    /** @type {string} */ text,
    /** @type {() => void} */ onclick,
    cls = "",
    disabled = over,
  ) =>
    h(
      "button",
      { type: "button", class: cls, "data-focus": name, id: `act-${name}`, disabled, onclick },
      text,
    );
  const n = h("input", {
    type: "number",
    id: "act-n",
    "data-focus": "n",
    min: 1,
    step: 1,
    value: controls.n,
    disabled: over,
    "aria-label": t("studio.n_steps"),
    oninput: (/** @type {any} */ event) => (controls.n = event.target.value),
  });
  return [
    h(
      "span",
      { class: `state ${status.state}`, id: "state", "data-state": status.state },
      t(`studio.state_${status.state}`),
    ),
    button(
      "pause",
      t(paused || status.state === "starting" ? "studio.continue" : "studio.pause"),
      () => act(studio, paused ? "continue" : "pause"),
      "primary",
    ),
    button("one", t("studio.one_step"), () => act(studio, "steps", { n: 1 })),
    h(
      "span",
      { class: "n-steps" },
      n,
      button("many", t("studio.more_steps"), () =>
        act(studio, "steps", { n: Math.trunc(Number(controls.n)) || 1 }),
      ),
    ),
    button("stop", t("studio.stop"), () => act(studio, "stop")),
    button(
      "look",
      t("studio.look"),
      () => {
        Object.assign(studio.cursor, { step: Math.max(0, status.step - 1) });
        studio.view?.openAt(Math.max(0, status.step - 1)).then(() => studio.openScreen("step"));
      },
      "",
      status.step === 0 || !studio.view,
    ),
  ];
}
controls.n = "100";

/**
 * @param {Status} status
 */
function facts(status) {
  const rows = [
    [
      "studio.done",
      t("studio.of_steps", { step: grouped(status.step), n: grouped(status.n_steps) }),
    ],
    ["epoch", grouped(status.epoch)],
    ["loss", status.loss === null ? "–" : number(status.loss)],
    [
      "studio.speed",
      status.per_second === null ? "–" : t("studio.per_second", { n: grouped(status.per_second) }),
    ],
  ];
  if (status.cost !== null)
    rows.push(["studio.cost", t("studio.times", { n: number(status.cost) })]);
  if (status.state === "ended")
    rows.push(["studio.ended", t(`ended_${status.why}`, { metric: "" })]);
  if (status.state === "failed") rows.push(["studio.failed", status.why]);
  return rows.map(([name, value]) =>
    h("div", null, h("dt", null, t(name)), h("dd", { class: "num", "data-fact": name }, value)),
  );
}

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
function drawCharts(root, studio) {
  const { view } = studio,
    place = /** @type {HTMLElement} */ (root.querySelector(".curves"));
  if (!view) return show(place, h("p", { class: "lead" }, t("studio.waits")));
  const cursor = view.state.cursor,
    app = asApp(
      studio,
      {},
      { openNearest: (/** @type {number} */ step) => openStep(studio, step) },
    );
  drawCurves(place, app);
  view.point(cursor);
}

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
function drawActs(root, studio) {
  const place = /** @type {HTMLElement} */ (root.querySelector(".acts")),
    kept = place.dataset.run === studio.cursor.run,
    // a form that is there stays, with what was typed into it
    form = (/** @type {string} */ id, /** @type {(studio: any) => HTMLElement} */ make) =>
      (kept && place.querySelector(`#${id}`)) || make(studio);
  const live = studio.isLive && studio.status,
    forms = [
      live ? form("values", drawValues) : null,
      live ? form("breakpoints", drawBreakpoints) : null,
      studio.view ? form("go-on-form", drawGoOn) : null,
    ].filter((one) => one !== null);
  place.dataset.kind = actsKind(studio);
  place.dataset.run = studio.cursor.run;
  for (const old of [...place.children]) if (!forms.includes(old)) old.remove();
  forms.forEach((one, i) => {
    if (place.children[i] !== one) place.insertBefore(one, place.children[i] ?? null);
  });
}

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
function drawEvents(root, studio) {
  const events = studio.view?.data.events ?? [],
    place = /** @type {HTMLElement} */ (root.querySelector(".events"));
  if (!events.length) return show(place);
  const value = (/** @type {any} */ one) =>
    one.kind === "extend"
      ? Object.entries(one.value)
          .map(([name, [a, b]]) => `${name} ${shown(a)} → ${shown(b)}`)
          .join(", ")
      : one.kind === "set"
        ? `${one.name} = ${shown(one.value)}`
        : shown(one.value);
  show(
    place,
    h("h2", null, t("studio.events")),
    h("p", { class: "lead" }, t("studio.events_say")),
    h(
      "div",
      { class: "scroll", tabindex: 0 },
      h(
        "table",
        { class: "numbers" },
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            h("th", { scope: "col" }, t("step")),
            h("th", { scope: "col" }, t("studio.event")),
          ),
        ),
        h(
          "tbody",
          null,
          events.map((/** @type {any} */ one) =>
            h(
              "tr",
              null,
              h("th", { scope: "row", class: "num" }, grouped(one.step)),
              h("td", null, `${one.kind} `, h("span", { class: "num" }, value(one))),
            ),
          ),
        ),
      ),
    ),
  );
}

/**
 * @param {any} value
 */
const shown = (value) => (value === null || value === undefined ? "" : String(value));
