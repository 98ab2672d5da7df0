// Two runs: the first step at which they part, and what differs there.

import { table } from "../../report/static/checks.js";
import { h, show } from "../../report/static/dom.js";
import { grouped } from "../../report/static/numbers.js";
import { t } from "../../report/static/words.js";
import { openStep } from "./as_app.js";
import { answer } from "./questions.js";

/**
 * @param {HTMLElement} root
 * @param {any} studio
 */
export async function draw(root, studio) {
  const { view, cursor } = studio,
    others = studio.runs.filter((/** @type {any} */ one) => one.id !== view?.id);
  if (!view || !others.length) return show(root, h("p", { class: "lead" }, t("studio.no_other")));
  if (!others.some((/** @type {any} */ one) => one.id === cursor.with)) cursor.with = others[0].id;
  const box = h("div", { role: "status" }, t("studio.working"));
  show(
    root,
    h(
      "section",
      { class: "part compare" },
      h("h2", null, t("studio.screen_compare")),
      h(
        "label",
        { class: "run-choice" },
        h("span", null, t("studio.with")),
        h(
          "select",
          {
            id: "with",
            "data-focus": "with",
            onchange: (/** @type {any} */ event) => studio.set({ with: event.target.value }),
          },
          others.map((/** @type {any} */ one) =>
            h("option", { value: one.id, selected: one.id === cursor.with }, one.name),
          ),
        ),
      ),
      box,
    ),
  );
  const found = await answer(studio, "compare", { with: cursor.with });
  if (!box.isConnected) return;
  const said =
    found.step === null
      ? t("studio.same", { n: grouped(found.n_common) })
      : t("studio.part", { step: grouped(found.step), a: found.losses[0], b: found.losses[1] });
  show(
    box,
    h(
      "p",
      { class: "summary", id: "parted", "data-step": found.step === null ? "" : found.step },
      said,
    ),
    found.step === null
      ? null
      : h(
          "button",
          { type: "button", onclick: () => openStep(studio, found.step) },
          t("studio.look_at", { step: grouped(found.step) }),
        ),
    found.differences.length
      ? table(
          t("studio.differences"),
          ["studio.what", "studio.this_run", "studio.other_run"],
          found.differences.map((/** @type {any[]} */ row) =>
            row.map((x) => (x === null ? "–" : String(x))),
          ),
        )
      : h("p", { class: "note" }, t("studio.no_differences")),
  );
}
