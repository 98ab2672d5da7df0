// The data: columns as they were understood, predictions against targets.

import { h, show } from "../../report/static/dom.js";
import { drawResults } from "../../report/static/results.js";
import { t } from "../../report/static/words.js";
import { ask } from "./questions.js";
import { asApp } from "./as_app.js";

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export const draw = (root, studio) =>
  ask(root, studio, "data", (place, { results }) => {
    if (!results) return show(place, h("p", { class: "lead" }, t("studio.no_results")));
    place.classList.add("results");
    drawResults(place, asApp(studio, { results }));
  });
