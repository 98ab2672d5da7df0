// The top of the page: what was trained, what came of it, the badges, language and colours.

import { h, show } from "./dom.js";
import { badge, gradientBadge } from "./checks.js";
import { brief, general, grouped, number } from "./numbers.js";
import { LANGUAGES, t, tIn } from "./words.js";

/** @import { App, PageData } from "./types.js" */

const THEMES = ["auto", "light", "dark"];

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function drawHeader(root, app) {
  const { data, state } = app,
    { facts, architecture } = data,
    sizes = architecture.sizes.join("-");
  const switches = h(
    "div",
    { class: "switches" },
    h(
      "div",
      { role: "group", "aria-label": t("language") },
      LANGUAGES.map((code) =>
        h(
          "button",
          {
            type: "button",
            lang: code,
            class: "switch",
            "data-focus": `lang-${code}`,
            "aria-pressed": String(state.lang === code),
            onclick: () => app.set({ lang: code }),
          },
          tIn(code, "language_name"),
        ),
      ),
    ),
    h(
      "div",
      { role: "group", "aria-label": t("theme") },
      THEMES.map((name) =>
        h(
          "button",
          {
            type: "button",
            class: "switch",
            "data-focus": `theme-${name}`,
            "aria-pressed": String(state.theme === name),
            onclick: () => app.set({ theme: name }),
          },
          t(`theme_${name}`),
        ),
      ),
    ),
  );
  show(
    root,
    data.steps.length ? h("a", { class: "skip", href: "#walk-title" }, t("skip")) : null,
    h("div", { class: "top" }, h("p", { class: "kicker" }, `chainrule · ${t("report")}`), switches),
    h(
      "h1",
      null,
      facts.data ? h("bdi", null, facts.data) : t("network_of", { sizes }),
      facts.data ? h("span", { class: "sizes num" }, sizes) : null,
    ),
    h("p", { class: "summary" }, summaryOf(data)),
    facts.members
      ? h(
          "p",
          { class: "summary" },
          t("of_ensemble", { member: facts.member ?? 0, members: facts.members }),
        )
      : null,
    facts.side_by_side
      ? h(
          "p",
          { class: "summary" },
          t("of_members", { member: facts.side_by_side[0], members: facts.side_by_side[1] }),
        )
      : null,
    h("div", { class: "badges" }, badge(app), gradientBadge(data)),
    missing(data),
    h(
      "dl",
      { class: "facts" },
      factsOf(data).map(([name, value]) =>
        h("div", null, h("dt", null, t(name)), h("dd", null, value)),
      ),
    ),
  );
}

/**
 * What was trained and what came of it, in a sentence or three.
 * @param {PageData} data
 */
function summaryOf(data) {
  const { facts, architecture, settings, result, n_steps: steps } = data,
    { sizes, activations, n_inputs: inputs = sizes[0] } = architecture;
  const hidden =
    sizes.length > 2
      ? t("said_hidden", {
          units: sizes.slice(1, -1).map(grouped).join(" + "),
          activations: [...new Set(activations.slice(0, -1))].join(", "),
        })
      : t("said_no_hidden");
  const rows = facts.n_train ? grouped(facts.n_train) : null;
  const first =
    t("said_network", {
      inputs: grouped(inputs),
      hidden,
      outputs: grouped(sizes[sizes.length - 1]),
      output: activations.at(-1),
    }) +
    (rows
      ? facts.data
        ? t("said_on", { rows, data: facts.data })
        : t("said_on_rows", { rows })
      : "") +
    t("said_length", {
      epochs: grouped(result.epochs),
      steps: grouped(steps),
      batch: grouped(settings.batch_size),
    });
  const parts = [first],
    known = data.losses.mean.filter((x) => x !== null);
  if (result.diverged) parts.push(t("said_diverged", { message: result.diverged.message }));
  else if (data.history.validation_loss && result.best_score !== null)
    parts.push(
      t("said_best", {
        metric: result.metric,
        score: number(result.best_score),
        epoch: result.best_epoch,
      }),
    );
  if (known.length > 1)
    parts.push(t("said_loss", { first: number(known[0]), last: number(known[known.length - 1]) }));
  return `${parts.join(" ")} ${t("counted")}`;
}

/**
 * @param {PageData} data
 */
function factsOf(data) {
  const { facts, architecture: a, settings: s, result, version } = data,
    o = s.optimizer;
  const hyper = Object.entries(o)
    .filter(([name, value]) => name !== "name" && value !== 0 && value !== false)
    .map(
      ([name, value]) =>
        `${name} ${value === true ? "✓" : general(/** @type {number} */ (value), 6)}`,
    );
  const penalties = ["l2", "l1", "dropout", "label_smoothing", "clip_norm"]
    .filter((name) => s[name])
    .map((name) => `${name} ${general(/** @type {number} */ (s[name]), 6)}`);
  const reason = t(`ended_${result.stopped}`, { metric: result.metric });
  const rows = facts.n_train === null ? "–" : grouped(facts.n_train);
  return [
    ["fact_layers", a.sizes.map(grouped).join(" → ")],
    ["fact_activations", a.activations.join(", ")],
    ["fact_loss", a.loss],
    ["fact_parameters", `${grouped(a.n_parameters)} · ${a.dtype}`],
    ["fact_optimizer", `${o.name}: ${hyper.join(", ")}`],
    ["fact_penalties", penalties.join(", ") || t("none")],
    ["fact_schedule", s.schedule + (s.warm_up ? `, warm_up ${s.warm_up}` : "")],
    [
      "fact_batch",
      t("batch_epochs", { batch: grouped(s.batch_size), epochs: grouped(result.epochs) }),
    ],
    ["fact_rows", facts.weighted ? t("weighted", { rows }) : rows],
    ["fact_seed", String(s.seed)],
    ["fact_engine", [facts.engine, facts.instruction_set].filter(Boolean).join(", ")],
    ["fact_ended", t("seconds", { reason, s: brief(result.seconds ?? 0) })],
    ["fact_sha", h("code", null, (result.sha256 ?? "–").slice(0, 16))],
    ["fact_version", version],
  ];
}

/**
 * @param {PageData} data
 */
function missing({ missing: reason }) {
  if (!reason) return null;
  const mb = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(1);
  return h(
    "div",
    { class: "missing", id: "missing", "data-why": reason.why },
    h("h2", null, t("missing_title")),
    h(
      "p",
      null,
      t(
        `missing_${reason.why}`,
        reason.bytes
          ? { bytes: mb((reason.bytes * 4) / 3), budget: mb((reason.budget * 4) / 3) }
          : {},
      ),
    ),
  );
}
