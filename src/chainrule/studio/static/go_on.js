// Going on from an earlier step with other settings: a new run, which names this one and the step.

import { h } from "../../report/static/dom.js";
import { t } from "../../report/static/words.js";
import { changedIn, field, numbersIn } from "./values.js";
import { post } from "./net.js";

const PENALTIES = ["l2", "l1", "dropout", "clip_norm"];

/**
 * @param {any} studio
 */
export function drawGoOn(studio) {
  const { view } = studio,
    { settings } = view.data;
  const values = {
    ...settings.optimizer,
    ...Object.fromEntries(PENALTIES.map((name) => [name, settings[name] ?? null])),
  };
  const said = h("p", { class: "refused", role: "alert" }),
    button = h("button", { type: "submit", id: "go-on" }, t("studio.go_on"));
  const whole = (
    /** @type {string} */ name,
    /** @type {number} */ value,
    /** @type {Record<string, any>} */ more = {},
  ) =>
    h(
      "label",
      { class: "field" },
      h("span", null, t(`studio.go_on_${name}`)),
      h("input", {
        type: "number",
        min: 1,
        step: 1,
        name: `whole-${name}`,
        id: `go-on-${name}`,
        value,
        ...more,
      }),
    );
  const form = h(
    "form",
    {
      class: "card-form",
      id: "go-on-form",
      onsubmit: async (/** @type {any} */ event) => {
        event.preventDefault();
        said.textContent = "";
        button.disabled = true;
        const of = (/** @type {string} */ name) =>
          Number(form.querySelector(`#go-on-${name}`).value);
        try {
          const { id } = await post(`/api/runs/${view.id}/go_on`, {
            step: of("step"),
            epochs: of("epochs"),
            changes: changedIn(form),
          });
          await studio.list();
          await studio.openRun(id);
        } catch (error) {
          said.textContent = error instanceof Error ? error.message : String(error);
        }
        button.disabled = false;
      },
    },
    h("h3", null, t("studio.go_on_title")),
    h("p", { class: "note" }, t("studio.go_on_says")),
    h(
      "div",
      { class: "fields" },
      whole("step", Math.max(1, view.step?.step ?? Math.floor(view.nDone / 2))),
      whole("epochs", settings.epochs),
      numbersIn(values).map((name) => field(name, values[name], "go")),
    ),
    button,
    said,
  );
  return form;
}
