// Breakpoints: what a training is to wait for.

import { h } from "../../report/static/dom.js";
import { number } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";
import { post } from "./net.js";

const KINDS = ["loss_doubles", "unit_dies"];

/**
 * @param {any} studio
 */
export function drawBreakpoints(studio) {
  const breaks = studio.status.breaks ?? [],
    of = (/** @type {string} */ kind) => breaks.find((/** @type {any} */ one) => one.kind === kind);
  const said = h("p", { class: "refused", role: "alert" });
  const set = async (/** @type {any} */ event) => {
    event.preventDefault();
    said.textContent = "";
    try {
      await post(`/api/runs/${studio.cursor.run}/breakpoints`, { breakpoints: wanted(form) });
    } catch (error) {
      said.textContent = error instanceof Error ? error.message : String(error);
    }
  };
  const form = h(
    "form",
    { class: "card-form", id: "breakpoints", onsubmit: set },
    h("h3", null, t("studio.breakpoints")),
    h("p", { class: "note" }, t("studio.breakpoints_say")),
    h("p", { class: "note" }, t("studio.non_finite")),
    KINDS.map((kind) =>
      h(
        "label",
        { class: "check" },
        h("input", {
          type: "checkbox",
          name: kind,
          id: `break-${kind}`,
          checked: Boolean(of(kind)),
        }),
        t(`studio.break_${kind}`),
      ),
    ),
    h(
      "div",
      { class: "fields" },
      h(
        "label",
        { class: "field" },
        h("span", null, t("studio.break_step")),
        h("input", {
          type: "number",
          min: 1,
          step: 1,
          name: "step",
          id: "break-step",
          value: of("step")?.value ?? "",
        }),
      ),
      h(
        "label",
        { class: "field wide" },
        h("span", null, t("studio.break_condition")),
        h("input", {
          type: "text",
          name: "condition",
          id: "break-condition",
          autocomplete: "off",
          spellcheck: "false",
          placeholder: "abs(dW1[3,7]) > 1",
          value: of("condition")?.value ?? "",
        }),
      ),
    ),
    h("button", { type: "submit", id: "set-breaks" }, t("studio.break_set")),
    said,
    h("p", { class: "note breaks-set", role: "status" }),
  );
  return form;
}

/**
 * Says what is set now, and what it costs.
 * @param {HTMLElement} root
 * @param {any} studio
 */
drawBreakpoints.update = (/** @type {HTMLElement} */ root, /** @type {any} */ studio) => {
  const place = root.querySelector(".breaks-set"),
    { breaks = [], cost } = studio.status ?? {};
  if (!place) return;
  const names = breaks.map((/** @type {any} */ one) =>
    one.kind === "step"
      ? t("studio.at_step", { step: one.value })
      : (one.value ?? t(`studio.break_${one.kind}`)),
  );
  const text = names.length
    ? t("studio.breaks_set", { names: names.join(" · ") }) +
      (cost ? ` ${t("studio.breaks_cost", { n: number(cost) })}` : "")
    : "";
  if (place.textContent !== text) place.textContent = text;
};

/**
 * @param {HTMLFormElement} form
 */
function wanted(form) {
  const value = (/** @type {string} */ name) =>
    /** @type {HTMLInputElement} */ (form.querySelector(`[name="${name}"]`));
  /** @type {any[]} */
  const found = KINDS.filter((kind) => value(kind).checked).map((kind) => ({ kind }));
  if (value("step").value !== "") found.push({ kind: "step", value: Number(value("step").value) });
  if (value("condition").value.trim())
    found.push({ kind: "condition", value: value("condition").value.trim() });
  return found;
}
