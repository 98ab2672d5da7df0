// The learning rate: which is too large, too small and right for this training, and why.

import { drawRate } from "../../report/static/rate.js";
import { asApp } from "./as_app.js";
import { ask } from "./questions.js";

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export const draw = (root, studio) =>
  ask(root, studio, "rate", (place, { rate }) => drawRate(place, asApp(studio, { rate })));
