// The step, as in the report: any step of the run, both passes walked one operation at a time.

import { drawDiagram } from "../../report/static/diagram.js";
import { h, show } from "../../report/static/dom.js";
import { grouped } from "../../report/static/numbers.js";
import { unknownTo, verifyStep } from "../../report/static/verify.js";
import { drawWalk } from "../../report/static/walk.js";
import { t } from "../../report/static/words.js";

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export async function draw(root, studio) {
  const { view } = studio;
  if (!view)
    return show(
      root,
      h("p", { class: "lead" }, t(studio.runs.length ? "studio.waits" : "studio.empty")),
    );
  if (!view.step) {
    show(root, h("p", { class: "lead", role: "status" }, t("studio.replaying")));
    await view.goWhere(studio.cursor);
    return;
  }
  const part = (/** @type {string} */ name) => h("section", { class: `part ${name}` });
  if (!root.querySelector(".step-head"))
    root.replaceChildren(part("step-head"), part("walk"), part("diagram"));
  const place = (/** @type {string} */ name) =>
    /** @type {HTMLElement} */ (root.querySelector(`.part.${name}`));
  view.followers = [];
  show(place("step-head"), goTo(studio), ofMembers(view), verdict(view));
  drawWalk(place("walk"), view);
  drawDiagram(place("diagram"), view, view.step);
}

/**
 * @param {any} studio
 */
function goTo(studio) {
  const { view } = studio,
    last = view.nDone - 1,
    here = view.step.step;
  const input = h("input", {
    type: "number",
    id: "go-step",
    "data-focus": "go-step",
    min: 0,
    max: last,
    step: 1,
    value: here,
  });
  const go = (/** @type {number} */ step) => view.openAt(step);
  const nudge = (
    /** @type {string} */ name,
    /** @type {string} */ text,
    /** @type {number} */ to,
  ) =>
    h(
      "button",
      {
        type: "button",
        "data-focus": `go-${name}`,
        id: `go-${name}`,
        disabled: to === here || to < 0 || to > last,
        onclick: () => go(to),
      },
      text,
    );
  return h(
    "form",
    {
      class: "controls",
      onsubmit: (/** @type {any} */ event) => {
        event.preventDefault();
        const step = Math.trunc(Number(input.value));
        go(Math.max(0, Math.min(last, step)));
      },
    },
    h("label", { for: "go-step" }, t("studio.go_to")),
    input,
    h("button", { type: "submit" }, t("studio.go")),
    h("span", { class: "note" }, t("studio.of_last", { last: grouped(last) })),
    nudge("first", t("studio.first"), 0),
    nudge("back", t("studio.back"), here - 1),
    nudge("next", t("studio.next"), here + 1),
    nudge("last", t("studio.last"), last),
  );
}

/**
 * Which of several networks side by side is shown.
 * @param {any} view
 */
function ofMembers({ data }) {
  const [member, members] = data.facts.side_by_side ?? [];
  return members ? h("p", { class: "note" }, t("of_members", { member, members })) : null;
}

/**
 * What came of computing the step again in this browser.
 * @param {any} view
 */
function verdict(view) {
  const { step, data } = view;
  if (unknownTo(data).length) return null;
  if (!step.verdict) {
    const checks = verifyStep(step, data.architecture);
    step.verdict = {
      ok: checks.every(({ ok }) => ok),
      n: checks.reduce((sum, check) => sum + check.n, 0),
      same: checks.reduce((sum, check) => sum + check.same, 0),
    };
  }
  const { ok, n, same } = step.verdict,
    text = t(ok ? "studio.recomputed" : "studio.differs", { n: grouped(n), same: grouped(same) });
  return h(
    "p",
    {
      class: `note verdict ${ok ? "passed" : "failed"}`,
      id: "step-check",
      "data-state": ok ? "passed" : "failed",
    },
    `${ok ? "✓" : "✗"} ${text}`,
  );
}
