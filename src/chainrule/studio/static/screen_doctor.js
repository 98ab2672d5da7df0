// The doctor: the first cause first, with evidence, what would disprove it, and what to do.

import { h, show } from "../../report/static/dom.js";
import { grouped, number } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";
import { openStep } from "./as_app.js";
import { ask } from "./questions.js";

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export const draw = (root, studio) =>
  ask(root, studio, "doctor", (place, { diagnosis }) =>
    show(
      place,
      h("h2", null, t("studio.screen_doctor")),
      h(
        "p",
        { class: "summary", id: "diagnosis", "data-healthy": String(diagnosis.healthy) },
        t(diagnosis.healthy ? "studio.healthy" : "studio.ill"),
      ),
      h(
        "ol",
        { class: "findings" },
        diagnosis.findings.map((/** @type {any} */ one) => finding(studio, one)),
      ),
    ),
  );

/**
 * @param {any} studio
 * @param {any} one
 */
function finding(studio, one) {
  const words = one.text[studio.cursor.lang];
  return h(
    "li",
    { class: `finding ${one.severity}`, "data-id": one.id },
    h("h3", null, words.title, " ", h("code", null, one.id)),
    h("p", null, words.claim),
    one.step === null
      ? null
      : h(
          "button",
          {
            type: "button",
            class: "quiet",
            "data-focus": one.id,
            onclick: () => openStep(studio, one.step),
          },
          t("studio.look_at", { step: grouped(one.step) }),
        ),
    h(
      "dl",
      null,
      [
        ["studio.disproof", words.disproof],
        ["studio.remedy", words.remedy],
      ].map(([name, text]) => (text ? [h("dt", null, t(name)), h("dd", null, text)] : null)),
    ),
    words.experiment ? h("pre", { class: "source num", tabindex: 0 }, words.experiment) : null,
    h(
      "details",
      null,
      h("summary", null, t("studio.evidence")),
      h(
        "dl",
        { class: "facts" },
        Object.entries(one.evidence).map(([name, value]) =>
          h(
            "div",
            null,
            h("dt", null, name),
            h("dd", { class: "num" }, typeof value === "number" ? number(value) : String(value)),
          ),
        ),
      ),
    ),
    one.consequences.length
      ? h(
          "p",
          { class: "note" },
          t("studio.consequences"),
          " ",
          one.consequences
            .map((/** @type {any} */ each) => each.text[studio.cursor.lang].title)
            .join(" · "),
        )
      : null,
  );
}
