// Why a number is what it is, in the words of the API: operands, formula, shares, paths, its twin by differences.

import { h, show } from "../../report/static/dom.js";
import { t } from "../../report/static/words.js";
import { openStep } from "./as_app.js";
import { answer } from "./questions.js";

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export async function draw(root, studio) {
  const { view, cursor } = studio;
  if (!view)
    return show(
      root,
      h("p", { class: "lead" }, t(studio.runs.length ? "studio.waits" : "studio.empty")),
    );
  const step = Math.min(cursor.step ?? 0, view.nDone - 1),
    name = cursor.why && cursor.why !== "J" ? cursor.why.replace("⁺", "") : "loss";
  const box = h("div", { class: "why-answer", role: "status" }, t("studio.working")),
    at = h("input", {
      type: "number",
      id: "why-step",
      min: 0,
      max: view.nDone - 1,
      step: 1,
      value: step,
    }),
    what = h("input", {
      type: "text",
      id: "why-name",
      value: name,
      autocomplete: "off",
      spellcheck: "false",
    });
  show(
    root,
    h(
      "section",
      { class: "part why-screen" },
      h("h2", null, t("studio.screen_why")),
      h("p", { class: "lead" }, t("studio.why_says")),
      h(
        "form",
        {
          class: "controls",
          onsubmit: (/** @type {any} */ event) => {
            event.preventDefault();
            Object.assign(cursor, { step: Math.trunc(Number(at.value)), why: what.value.trim() });
            studio.draw();
          },
        },
        h("label", { for: "why-step" }, t("step")),
        at,
        h("label", { for: "why-name" }, t("studio.number")),
        what,
        h("button", { type: "submit", id: "why-ask" }, t("studio.ask")),
        h(
          "button",
          { type: "button", onclick: () => openStep(studio, step) },
          t("studio.look_at", { step }),
        ),
      ),
      box,
    ),
  );
  const found = await answer(studio, "why", { t: step, name });
  if (!box.isConnected) return;
  show(
    box,
    h("p", { class: "summary num", id: "why-value" }, `${found.name} = ${found.exact}`),
    h("pre", { class: "source num", tabindex: 0 }, found.text[cursor.lang]),
    h(
      "details",
      null,
      h("summary", null, "NumPy"),
      h("pre", { class: "source num", tabindex: 0 }, found.numpy),
    ),
  );
}
