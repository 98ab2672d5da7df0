// The settings that may change while a training goes on; each change is an event of the run.

import { h } from "../../report/static/dom.js";
import { t } from "../../report/static/words.js";
import { post } from "./net.js";

/**
 * A labelled field for a number; empty where there is none.
 * @param {string} name
 * @param {number | null | undefined} value
 * @param {string} [prefix]
 */
export function field(name, value, prefix = "set") {
  const symbol = name === "learning_rate" ? "η  " : "";
  return h(
    "label",
    { class: "field" },
    h("span", null, symbol, h("code", null, name)),
    h("input", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      name,
      id: `${prefix}-${name}`,
      value: value === null || value === undefined ? "" : String(value),
      "data-before": value === null || value === undefined ? "" : String(value),
    }),
  );
}

/**
 * The names of settings that hold numbers, the learning rate first.
 * @param {Record<string, any>} values
 */
export const numbersIn = (values) =>
  Object.keys(values)
    .filter((name) => typeof values[name] === "number" || values[name] === null)
    .sort((a, b) => Number(b === "learning_rate") - Number(a === "learning_rate"));

/**
 * The values of a form's fields that differ from what they were; one that is no number stays text, which is refused.
 * @param {HTMLFormElement} form
 */
export function changedIn(form) {
  /** @type {Record<string, any>} */
  const found = {};
  for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (
    form.querySelectorAll("input[data-before]")
  )) {
    const text = input.value.trim();
    if (text === input.dataset.before) continue;
    found[input.name] = text === "" ? null : Number.isNaN(Number(text)) ? text : Number(text);
  }
  return found;
}

/**
 * @param {any} studio
 */
export function drawValues(studio) {
  const said = h("p", { class: "refused", role: "alert" }),
    done = h("p", { class: "note", role: "status" });
  const { values } = studio.status;
  const form = h(
    "form",
    {
      class: "card-form",
      id: "values",
      onsubmit: async (/** @type {any} */ event) => {
        event.preventDefault();
        said.textContent = done.textContent = "";
        const changes = changedIn(form);
        if (!Object.keys(changes).length) return (done.textContent = t("studio.nothing_changed"));
        try {
          const got = await post(`/api/runs/${studio.cursor.run}/set`, changes);
          for (const name of Object.keys(changes)) {
            const input = form.querySelector(`[name="${name}"]`);
            input.dataset.before = input.value = String(got.values[name] ?? "");
          }
          done.textContent = t("studio.set_done", { step: studio.status.step });
        } catch (error) {
          said.textContent = error instanceof Error ? error.message : String(error);
        }
      },
    },
    h("h3", null, t("studio.values")),
    h("p", { class: "note" }, t("studio.values_say")),
    h(
      "div",
      { class: "fields" },
      numbersIn(values).map((name) => field(name, values[name])),
    ),
    h("button", { type: "submit", id: "set" }, t("studio.apply")),
    said,
    done,
  );
  return form;
}
