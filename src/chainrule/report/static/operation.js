// One operation of a step with its numbers, and its picture.

import { row } from "./arrays.js";
import { SHOWN_UNITS, entries, numbersOf, vector } from "./chips.js";
import { h, show } from "./dom.js";
import { equation } from "./equations.js";
import { pairOf } from "./losses.js";
import { brief, grouped, number } from "./numbers.js";
import { picture } from "./pictures.js";
import { t } from "./words.js";

/** @import { App, Matrix, Operation, Place, Step, VectorName } from "./types.js" */

/**
 * @param {App} app
 * @param {Step} step
 * @param {Operation} op
 * @param {Place} ref
 */
function pictures(app, step, op, ref) {
  const side = app.side,
    j = ref.kind === "dW" || ref.kind === "W" || ref.kind === "W⁺" ? ref.j : (ref.j ?? 0),
    parts = [];
  if (op.kind === "dW") {
    const [rows, columns] = step.gradients.W[op.l].shape;
    if (!(side && op.l === 1) && rows * columns <= 40000) {
      const drawn = picture(
        step.gradients.W[op.l].data,
        rows,
        columns,
        "signed",
        t("matrix", { name: `dW${op.l}`, below: op.l - 1, l: op.l }),
        (/** @type {number} */ k, /** @type {number} */ to) =>
          app.ask({ kind: "dW", l: op.l, i: k, j: to }),
      );
      drawn.canvas.classList.add("matrix");
      parts.push(figure(drawn, t("matrix", { name: `dW${op.l}`, below: op.l - 1, l: op.l })));
    }
  }
  if (side && op.l === 1 && ["z", "a", "dW", "delta"].includes(op.kind) && ref.l === 1) {
    const column = (/** @type {Matrix} */ matrix) =>
      Float64Array.from(
        { length: matrix.shape[0] },
        (_, k) => matrix.data[k * matrix.shape[1] + j],
      );
    const pick =
      (/** @type {string} */ kind) => (/** @type {number} */ r, /** @type {number} */ c) =>
        app.ask({ kind, l: 1, i: r * side + c, j });
    parts.push(
      figure(
        picture(column(step.old.W[1]), side, side, "signed", t("picture_W", { j }), pick("W")),
        t("picture_W", { j }),
      ),
    );
    if (op.pass === "backward")
      parts.push(
        figure(
          picture(column(step.gradients.W[1]), side, side, "signed", t("picture_dW"), pick("dW")),
          t("picture_dW"),
        ),
      );
  }
  return parts.length ? h("div", { class: "pictures" }, parts) : null;
}

/**
 * @param {any} drawn
 * @param {string} caption
 */
const figure = ({ canvas, top }, caption) =>
  h(
    "figure",
    null,
    canvas,
    h(
      "figcaption",
      null,
      caption,
      h("span", { class: "note" }, t("picture_says", { top: brief(top) })),
    ),
  );

/**
 * The row of the batch as the image its inputs are, in the values before scaling where those are known.
 * @param {App} app
 * @param {Step} step
 */
export function rowPicture(app, step) {
  const { side } = app,
    { mean, scale } = app.data.names;
  if (!side) return null;
  const values = Float64Array.from(row(step.X, app.state.row), (x, k) =>
    mean && scale ? x * scale[k] + mean[k] : x,
  );
  const { canvas } = picture(values, side, side, "gray", t("picture_input"), (r, c) =>
    app.ask({ kind: "a", l: 0, i: app.state.row, j: r * side + c }),
  );
  return h(
    "figure",
    { class: "row-picture" },
    canvas,
    h("figcaption", null, t("picture_input"), h("span", { class: "note" }, t("picture_gray"))),
  );
}

/** @type {Record<string, string>} */
const BADGES = { dW: "BP3 · BP4", delta: "BP2" };

/**
 * @param {Step} step
 * @param {Operation} op
 */
export function opTitle(step, { kind, l }) {
  if (kind === "delta") return l === step.L ? t("op_delta_out") : t("op_delta", { l });
  return t(`op_${kind}`, { l });
}

/**
 * @param {Step} step
 * @param {Operation} op
 */
function sentence(step, { kind, l }) {
  if (kind === "a") return t(step.masks?.[l] ? "says_a_dropout" : "says_a");
  if (kind === "delta")
    return l < step.L
      ? t("says_bp2")
      : t(pairOf(step.architecture.loss, step.activation(l)).fused ? "says_bp1_fused" : "says_bp1");
  return t(`says_${kind}`, { optimizer: step.optimizer, eta: number(step.eta) });
}

/**
 * @param {Step} step
 * @param {Operation} op
 */
function shapes(step, { kind, l }) {
  const n = step.n,
    s = (/** @type {number[]} */ x) => `(${x.map(grouped).join("×")})`,
    sizes = step.sizes;
  if (kind === "z")
    return `${s([n, sizes[l - 1]])} @ ${s([sizes[l - 1], sizes[l]])} + ${s([sizes[l]])} → ${s([n, sizes[l]])}`;
  if (kind === "a") return `${s([n, sizes[l]])} → ${s([n, sizes[l]])}`;
  if (kind === "delta" && l < step.L)
    return `${s([n, sizes[l + 1]])} @ ${s([sizes[l + 1], sizes[l]])} ⊙ ${s([n, sizes[l]])} → ${s([n, sizes[l]])}`;
  if (kind === "delta") return `${s([n, sizes[l]])} − ${s([n, sizes[l]])} → ${s([n, sizes[l]])}`;
  if (kind === "dW")
    return `${s([sizes[l - 1], n])} @ ${s([n, sizes[l]])} → ${s([sizes[l - 1], sizes[l]])}`;
  return kind === "J"
    ? `${s([n, sizes[l]])} → ${s([n])} → J = ${number(step.loss)}`
    : `θ: ${grouped(step.theta.data.length)}`;
}

/**
 * @param {HTMLElement} root
 * @param {App} app
 * @param {Step} step
 * @param {Operation} op
 * @param {Place} ref
 */
export function drawOperation(root, app, step, op, ref) {
  const l = op.l,
    badge = op.kind === "delta" && l === step.L ? "BP1" : BADGES[op.kind];
  const body = [];
  if (op.kind === "z" || op.kind === "a" || op.kind === "delta")
    body.push(
      op.kind === "a" && step.isNormal(l) ? vector(app, step, "u", l) : null,
      vector(app, step, op.kind, l),
    );
  else if (op.kind === "J")
    body.push(
      vector(app, step, "a", l, t("predicted")),
      numbersOf(
        app,
        step,
        t("losses_of"),
        Array.from({ length: step.n }, (_, i) => step.rowLoss(i)),
        (/** @type {number} */ i) => ({ kind: "loss", l: null, i }),
      ),
    );
  else if (op.kind === "dW")
    body.push(
      entries(app, step, "dW", l, t("largest_of", { name: `dW${l}` }), SHOWN_UNITS),
      numbersOf(
        app,
        step,
        `db${l}`,
        Array.from(step.gradients.b[l]),
        (/** @type {number} */ j) => ({
          kind: "db",
          l,
          i: j,
        }),
      ),
      step.isNormal(l)
        ? ["dgain", "dshift"].map((kind) =>
            numbersOf(
              app,
              step,
              `${kind}${l}`,
              Array.from(step.gradients[/** @type {VectorName} */ (kind.slice(1))][l]),
              (/** @type {number} */ j) => ({ kind, l, i: j }),
            ),
          )
        : [],
    );
  else
    for (let k = step.L; k > 0; k--)
      body.push(entries(app, step, "W", k, t("changes_of", { l: k }), 6));
  show(
    root,
    h(
      "div",
      { class: `op-head ${op.pass}` },
      h(
        "span",
        { class: "pass" },
        op.pass === "forward"
          ? "● " + t("forward")
          : op.pass === "backward"
            ? "◆ " + t("backward")
            : "▲",
      ),
      badge ? h("span", { class: "badge" }, badge) : null,
      h("h3", { id: "op-title", "aria-live": "polite" }, opTitle(step, op)),
    ),
    h("div", { class: "equation" }, equation(step, op)),
    h("p", { class: "shapes num" }, shapes(step, op)),
    h("p", { class: "says" }, sentence(step, op)),
    body,
    pictures(app, step, op, ref),
  );
}
