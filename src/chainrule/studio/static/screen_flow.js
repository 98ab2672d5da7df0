// The gradient flow: how every layer fares over the run; a click leads to the step.

import { drawHealth } from "../../report/static/history.js";
import { asApp, openStep } from "./as_app.js";
import { ask } from "./questions.js";

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export const draw = (root, studio) =>
  ask(root, studio, "health", (place, { health }) => {
    const app = asApp(
      studio,
      { health },
      { openNearest: (/** @type {number} */ step) => openStep(studio, step) },
    );
    drawHealth(place, app);
    studio.view.point(null);
  });
