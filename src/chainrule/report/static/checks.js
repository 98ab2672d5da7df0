// What was checked: the numbers recomputed here, and the gradient check done when the page was written.

import { h, show } from "./dom.js";
import { general, grouped } from "./numbers.js";
import { summary, unknownTo } from "./verify.js";
import { t } from "./words.js";

/** @import { App, Check, PageData } from "./types.js" */

/**
 * @param {number} x
 */
const size = (x) => (x === 0 ? "0" : general(x, 2));

/**
 * The badge of the self-check: running, passed, failed, or nothing to check.
 * @param {App} app
 */
export function badge(app) {
  const { checks, failure, data } = app;
  if (failure) return mark("failed", t("verify_broken", { error: failure }), null, {});
  if (!data.steps.length) return mark("none", t("verify_none"), null, {});
  const unknown = unknownTo(data);
  if (unknown.length)
    return mark(
      "none",
      t("verify_some", { n: data.steps.length, what: unknown.join(", ") }),
      null,
      {},
    );
  const all = [...checks.values()].flat();
  if (checks.size < data.steps.length && !all.some((c) => !c.ok))
    return mark("running", t("checking", { done: checks.size, all: data.steps.length }), null, {});
  const total = summary(all),
    facts = {
      "data-n": total.n,
      "data-same": total.same,
      "data-worst": total.worst,
      "data-bound": total.bound,
    };
  if (total.failed.length) {
    const names = [...checks].flatMap(([step, list]) =>
      list
        .filter((/** @type {Check} */ c) => !c.ok)
        .map(
          (/** @type {Check} */ c) =>
            `${c.name} (${t("step")} ${step}): ${size(c.worst)} > ${size(c.bound)}`,
        ),
    );
    return mark(
      "failed",
      t("verify_failed", {
        tensors: names.slice(0, 3).join(", ") + (names.length > 3 ? ", …" : ""),
      }),
      null,
      facts,
    );
  }
  return mark(
    "passed",
    t("verified", {
      n: grouped(total.n),
      dtype: data.architecture.dtype,
      worst: size(total.worst),
    }),
    t("verified_more", { bound: size(total.bound), same: grouped(total.same) }),
    facts,
  );
}

const SIGNS = { passed: "✓", failed: "✗", running: "…", none: "–" };

/**
 * @param {"passed" | "failed" | "running" | "none"} state
 * @param {string} text
 * @param {string | null} more
 * @param {Record<string, any>} facts
 */
function mark(state, text, more, facts) {
  return h(
    "div",
    {
      class: `check-badge ${state}`,
      id: "self-check",
      "data-state": state,
      ...facts,
      role: state === "failed" ? "alert" : "status",
    },
    h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[state]),
    h(
      "div",
      null,
      h("span", { class: "check-name" }, t("self_check")),
      h("span", { class: "check-text" }, text),
      more ? h("span", { class: "note" }, more) : null,
    ),
  );
}

/**
 * @param {PageData} data
 */
export function gradientBadge({ check }) {
  const state = !check ? "none" : check.passed ? "passed" : "failed";
  const text = !check
    ? t("gradient_none")
    : t(check.passed ? "gradient_passed" : "gradient_failed", { error: size(check.error) });
  return h(
    "div",
    { class: `check-badge ${state}`, id: "gradient-check", "data-state": state },
    h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[state]),
    h(
      "div",
      null,
      h("span", { class: "check-name" }, t("gradient_check")),
      h("span", { class: "check-text" }, text),
    ),
  );
}

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function drawChecks(root, app) {
  const { data, checks } = app,
    { check } = data,
    parts = [];
  if (data.steps.length)
    parts.push(
      h(
        "p",
        { class: "lead" },
        t("checks_says", { n: grouped(checks.size), dtype: data.architecture.dtype }),
      ),
      table(
        t("checks_table"),
        ["tensor", "numbers", "same_bits", "difference", "bound", "verdict"],
        tensorRows([...checks.values()].flat()),
      ),
    );
  if (check)
    parts.push(
      table(
        t("check_table", { n: check.n_rows }),
        ["tensor", "compared", "kinks", "error", "verdict"],
        check.tensors.map((x) => [
          x.name,
          grouped(x.compared),
          String(x.kinks),
          size(x.error),
          t(x.error <= check.threshold ? "ok" : "bad"),
        ]),
      ),
    );
  show(
    root,
    parts.length ? [h("h2", null, t("checks")), h("div", { class: "tables" }, parts)] : [],
  );
}

/**
 * Every tensor once: over all kept steps.
 * @param {Check[]} all
 */
function tensorRows(all) {
  const names = [...new Set(all.map((/** @type {Check} */ c) => c.name))];
  return names.map((name) => {
    const total = summary(all.filter((/** @type {Check} */ c) => c.name === name));
    return [
      name,
      grouped(total.n),
      `${grouped(total.same)} (${Math.floor((100 * total.same) / total.n)} %)`,
      size(total.worst),
      size(total.bound),
      t(total.failed.length ? "bad" : "ok"),
    ];
  });
}

/**
 * @param {string} caption
 * @param {string[]} heads
 * @param {string[][]} rows
 */
export function table(caption, heads, rows) {
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
    h(
      "table",
      { class: "data" },
      h("caption", null, caption),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          heads.map((/** @type {string} */ name, /** @type {number} */ p) =>
            h("th", { scope: "col", class: p ? "value" : null }, t(name)),
          ),
        ),
      ),
      h(
        "tbody",
        null,
        rows.map((/** @type {any} */ cells) =>
          h(
            "tr",
            null,
            cells.map((/** @type {string} */ text, /** @type {number} */ p) =>
              h(p ? "td" : "th", { scope: p ? null : "row", class: p ? "num value" : "num" }, text),
            ),
          ),
        ),
      ),
    ),
  );
}
