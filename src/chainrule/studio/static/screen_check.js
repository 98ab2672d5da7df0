// The check: gradients against finite differences, and steps computed again in this browser.

import { drawChecks, gradientBadge } from "../../report/static/checks.js";
import { h } from "../../report/static/dom.js";
import { unknownTo, verifyStep } from "../../report/static/verify.js";
import { asApp } from "./as_app.js";
import { ask } from "./questions.js";

const STEPS = 3;

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export const draw = (root, studio) =>
  ask(root, studio, "check", async (place, { check }) => {
    const { view } = studio,
      checks = new Map(),
      app = asApp(studio, { check, steps: [] }, { checks, failure: null }),
      table = h("div");
    place.append(h("div", { class: "badges" }, gradientBadge(app.data)), table);
    drawChecks(table, app);
    if (unknownTo(view.data).length) return;
    for (const part of Array.from({ length: STEPS }, (_, i) => i)) {
      const step = Math.round(((view.nDone - 1) * part) / (STEPS - 1));
      view.listSteps(step);
      const found = await view.stepOf(view.state.step);
      checks.set(step, verifyStep(found, view.data.architecture));
      app.data.steps = view.data.steps.filter((/** @type {any} */ one) => checks.has(one.step));
      drawChecks(table, app);
    }
  });
