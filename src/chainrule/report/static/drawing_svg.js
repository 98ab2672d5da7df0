// The drawing of a step as SVG: forward left to right, backward right to left, between them what is learned; the same
// places as in explain/step/drawing_svg.py.

import { svg } from "./dom.js";
import {
  COLUMN,
  LINE,
  PAD,
  boxOf,
  cut,
  fitted,
  heightOf,
  letters,
  line,
  places,
  rectangle,
  rightOf,
  tip,
  widthOf,
} from "./drawing_shapes.js";
import { grouped, number } from "./numbers.js";
import { t } from "./words.js";

/** @import { Box, Card, Drawing, Reference } from "./types.js" */

const [GAP, MARGIN, HEADER, BETWEEN, LOSS] = [100, 24, 64, 70, 172];
const [LEAST_WIDTH, LEAST_SHARE] = [800, 0.03];

/** Places the cards of a drawing and makes its elements. */
export class Picture {
  /**
   * @param {Drawing} drawing
   * @param {(ref: Reference) => void} ask
   * @param {(formulas: string[]) => void} say
   */
  constructor(drawing, ask, say) {
    this.d = drawing;
    this.ask = ask;
    this.say = say;
    this.L = drawing.forward.length - 1;
    /** @type {SVGElement[]} */
    this.parts = [];
    const lanes = [drawing.forward, drawing.learned, drawing.backward].map(
      (lane) => /** @type {Card[]} */ (lane.filter(Boolean)),
    );
    this.heights = lanes.map((lane) => Math.max(...lane.map(heightOf)));
    this.tops = [HEADER + 30];
    for (const height of this.heights.slice(0, 2))
      this.tops.push(this.tops[this.tops.length - 1] + height + BETWEEN);
    this.forward = /** @type {Box[]} */ ([]);
    this.learned = /** @type {Box[]} */ ([]);
    this.backward = /** @type {Box[]} */ ([]);
    this.lossX = this.width = this.height = 0;
    this.place();
  }

  // Columns from left to right, lanes from top to bottom.
  place() {
    const { d, tops, heights } = this;
    let x = MARGIN,
      end = 0;
    for (let l = 0; l <= this.L; l++) {
      const [learned, back] = [d.learned[l], d.backward[l]];
      if (learned && back) {
        const half = widthOf(learned) / 2,
          middle = Math.max(x - GAP / 2, end + 14 + half);
        x = middle + GAP / 2;
        end = middle + half;
        this.learned[l] = boxOf(learned, middle - half, tops[1], heights[1]);
        this.backward[l] = boxOf(back, x, tops[2], heights[2]);
      }
      this.forward[l] = boxOf(/** @type {Card} */ (d.forward[l]), x, tops[0], heights[0]);
      x += this.forward[l].width + GAP;
    }
    this.lossX = Math.max(x - GAP - LOSS, end + 26);
    this.width = Math.max(x - GAP + MARGIN, this.lossX + LOSS + MARGIN, LEAST_WIDTH);
    this.height = tops[2] + heights[2] + 30;
  }

  /** @returns {SVGSVGElement} */
  drawn() {
    this.lanes();
    for (let l = 1; l <= this.L; l++) {
      this.bundle(this.d.edges[l], this.forward[l - 1], this.forward[l], "forward");
      if (l > 1)
        this.bundle(this.d.edgesBack[l], this.backward[l - 1], this.backward[l], "backward");
    }
    for (let l = 1; l <= this.L; l++) this.arrows(l);
    for (const box of this.forward) this.card(box, "forward");
    for (const box of this.learned.slice(1)) this.card(box, "update");
    for (const box of this.backward.slice(1)) this.card(box, "backward");
    this.loss();
    this.rule();
    const [width, height] = [Math.round(this.width), Math.round(this.height)];
    return svg(
      "svg",
      {
        class: "cr-step",
        style: { "min-width": `${0.88 * width}px`, "max-width": `${width}px` },
        width,
        height,
        viewBox: `0 0 ${width} ${height}`,
        role: "group",
        "aria-label": this.d.head,
      },
      this.parts,
    );
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {string} words
   * @param {string} [role]
   * @param {{ size?: number, bold?: boolean, sans?: boolean, anchor?: string }} [how]
   */
  put(x, y, words, role, how) {
    this.parts.push(letters(x, y, words, role, how));
  }

  // The two passes as strips, with their names and directions.
  lanes() {
    for (const [lane, role, words] of /** @type {[number, string, string][]} */ ([
      [0, "forward", `${t("drawn_forward")} →`],
      [2, "backward", `← ${t("drawn_backward")}`],
    ])) {
      const y = this.tops[lane] - 28;
      this.parts.push(
        rectangle(`cr-f-${role}-soft`, 8, y, this.width - 16, this.heights[lane] + 42, { rx: 12 }),
      );
      this.put(MARGIN, y + 18, words, role, { size: 13, bold: true, sans: true });
    }
    this.put(MARGIN, 30, this.d.head, "ink", { size: 17, bold: true, sans: true });
    this.put(MARGIN, 50, t("drawn_legend"), "soft", { size: 12, sans: true });
  }

  /**
   * Edges between two cards, as thick as what flows along them; dashed where it is negative.
   * @param {[number, number, number][]} edges
   * @param {Box} left
   * @param {Box} right
   * @param {string} role
   */
  bundle(edges, left, right, role) {
    const top = Math.max(
        0,
        ...edges.map(([, , value]) => (Number.isFinite(value) ? Math.abs(value) : 0)),
      ),
      [x0, x1] = [left.x + left.width, right.x],
      bend = (x1 - x0) / 2.2;
    for (const [p, q, value] of edges) {
      const share = !Number.isFinite(value) ? 1 : top ? Math.min(1, Math.abs(value) / top) : 0;
      if (share < LEAST_SHARE) continue;
      const [y0, y1] = [left.rows[p], right.rows[q]].map(places),
        [from, to, c0, c1] = [x0, x1, x0 + bend, x1 - bend].map(places);
      this.parts.push(
        line(`M${from} ${y0}C${c0} ${y0} ${c1} ${y1} ${to} ${y1}`, role, 0.5 + 2.7 * share, {
          opacity: 0.18 + 0.6 * share,
          dash: value < 0 ? "5 3" : "",
        }),
      );
    }
  }

  /**
   * Operands and gradients between the lanes, the update of the weights, a residual connection.
   * @param {number} l
   */
  arrows(l) {
    const [below, card, back, here] = [
        this.forward[l - 1],
        this.learned[l],
        this.backward[l],
        this.forward[l],
      ],
      [top, bottom] = [card.y, card.y + card.height],
      gap = (below.x + below.width + here.x) / 2,
      bold = { anchor: "middle", bold: true };
    const left = Math.min(Math.max(below.x + below.width / 2, card.x + 14), gap - 44);
    this.arrow(left, below.y + below.height, top, "forward", `a${l - 1}`);
    const right = Math.max(Math.min(back.x + back.width / 2, card.x + card.width - 14), gap + 44);
    this.arrow(right, back.y, bottom, "backward", `delta${l}`);
    const y = this.tops[0] + this.heights[0] - 4;
    this.parts.push(
      line(`M${places(gap)} ${places(top)}V${places(y + 9)}`, "update", 2, { dash: "6 4" }),
      tip(gap, y, "update", true),
    );
    this.put(gap + 8, top - 12, t("drawn_update"), "update", { bold: true, sans: true });
    this.put(gap, this.tops[0] + 14, `· W${l} + b${l}`, "forward", bold);
    const shape = `${grouped(this.d.sizes[l - 1])}×${grouped(this.d.sizes[l])}`;
    this.put(gap, this.tops[0] + 29, shape, "soft", { anchor: "middle", size: 11 });
    if (l > 1) this.put(gap, this.tops[2] + 14, `· W${l}.T`, "backward", bold);
    if (!this.d.residual[l]) return;
    const [x0, x1] = [below.x + below.width - 30, here.x + here.width - 30],
      over = below.y - 6,
      d = `M${places(x0)} ${places(below.y)}V${places(over)}H${places(x1)}V${places(here.y)}`;
    this.parts.push(line(d, "forward", 1.6, { dash: "3 3" }));
    this.put((x0 + x1) / 2, over - 3, `+ a${l - 1}`, "forward", { anchor: "middle", size: 11 });
  }

  /**
   * @param {number} x
   * @param {number} y0
   * @param {number} y1
   * @param {string} role
   * @param {string} name
   */
  arrow(x, y0, y1, role, name) {
    const up = y1 < y0;
    this.parts.push(
      line(`M${places(x)} ${places(y0)}V${places(y1 + (up ? 9 : -9))}`, role, 1.6),
      tip(x, y1, role, up),
    );
    this.put(x + 6, (y0 + y1) / 2 + 4, name, role, { size: 11 });
  }

  /**
   * @param {Box} box
   * @param {string} role
   */
  card(box, role) {
    const { card } = box,
      x = box.x + PAD;
    let y = box.y + 18;
    this.parts.push(
      rectangle("cr-f-raised", box.x, box.y, box.width, box.height, {
        "data-s": role,
        rx: 9,
        "stroke-width": 1.3,
      }),
    );
    this.put(x, y, card.title, role, { size: 12.5, bold: true, sans: true });
    for (const equation of card.equations) this.put(x, (y += 15), equation, "soft", { size: 11 });
    card.columns.forEach(({ name }, i) =>
      this.put(rightOf(box, i), y + 20, name, "ink", {
        anchor: "end",
        bold: true,
        sans: role === "update",
      }),
    );
    box.rows.forEach((_, p) => this.row(box, p, role));
    if (card.more)
      this.put(
        x,
        box.rows[box.rows.length - 1] + LINE + 4,
        t("drawn_more", { n: grouped(card.more) }),
        "soft",
        {
          size: 11,
          sans: true,
        },
      );
  }

  /**
   * A row of numbers: a bar below each; it says its formulas when it is pointed at or has the focus.
   * @param {Box} box
   * @param {number} p
   * @param {string} role
   */
  row(box, p, role) {
    const { card } = box,
      y = box.rows[p],
      formulas = card.formulas[p],
      say = () => this.say(formulas),
      ask = () => this.ask(card.refs[p]);
    const parts = [
      rectangle("cr-hit", box.x + 3, y - 8, box.width - 6, 16, { rx: 4 }),
      letters(box.x + PAD, y + 4, cut(card.labels[p]), "soft", { size: 11 }),
    ];
    card.columns.forEach(({ name, values }, i) => {
      const finite = values.filter(Number.isFinite).map(Math.abs),
        top = Math.max(0, ...finite) || 1,
        share = Number.isFinite(values[p]) ? Math.abs(values[p]) / top : Number(name !== "y"),
        width = (COLUMN - 14) * share,
        right = rightOf(box, i);
      if (width >= 0.5)
        parts.push(rectangle(`cr-f-${role} cr-bar`, right - width, y + 6, width, 2));
      parts.push(
        letters(
          right,
          y + 4,
          name === "y" && Number.isNaN(values[p]) ? "–" : number(values[p]),
          "ink",
          { anchor: "end" },
        ),
      );
    });
    const ref = card.refs[p];
    this.parts.push(
      svg(
        "g",
        {
          class: "cr-row",
          tabindex: -1,
          role: "button",
          "aria-label": formulas.join("; "),
          "data-focus": `drawn-${role}-${ref.kind}${ref.l}-${ref.kind.startsWith("d") && role === "update" ? card.labels[p] : ref.j}`,
          onpointerenter: say,
          onfocus: say,
          onclick: ask,
          onkeydown: (/** @type {any} */ event) => {
            if (event.key === "Enter") ask();
          },
        },
        parts,
      ),
    );
  }

  // J at the end of the forward pass, where the backward pass begins.
  loss() {
    const { d, lossX: x } = this,
      [out, back] = [this.forward[this.L], this.backward[this.L]],
      y = this.tops[1] + 4,
      h = Math.min(112, this.heights[1] - 8),
      middle = x + LOSS / 2,
      at = Math.min(middle, out.x + out.width - 16);
    this.parts.push(
      line(`M${places(at)} ${places(out.y + out.height)}V${places(y - 9)}`, "forward", 2),
      tip(at, y, "forward", false),
    );
    t("drawn_compare")
      .split("|")
      .forEach((part, i) =>
        this.put(at - 10, y - 26 + 16 * i, part, "forward", {
          anchor: "end",
          size: 12,
          sans: true,
        }),
      );
    const [x1, y1] = [back.x + back.width, back.y + back.height / 2];
    this.parts.push(
      line(
        `M${places(middle)} ${places(y + h)}V${places(y1 - 12)}q0 12 -12 12H${places(x1 + 9)}`,
        "backward",
        2,
      ),
      svg("path", { class: "cr-f-backward", d: `M${places(x1)} ${places(y1)}l9 -5v10z` }),
    );
    this.put(middle + 8, y + h + 24, `∂J/∂z${this.L}`, "backward");
    this.parts.push(
      rectangle("cr-f-raised", x, y, LOSS, h, { "data-s": "ink", rx: 9, "stroke-width": 1.6 }),
    );
    const middled = { anchor: "middle" };
    this.put(middle, y + 22, t("drawn_loss"), "ink", {
      size: 12.5,
      bold: true,
      sans: true,
      ...middled,
    });
    this.put(middle, y + 39, d.lossName, "soft", { size: 11, ...middled });
    this.put(middle, y + 68, `J = ${number(d.loss)}`, "ink", { size: 17, bold: true, ...middled });
    this.put(middle, y + 90, t("drawn_mean", { n: d.n }), "soft", {
      size: 11,
      sans: true,
      ...middled,
    });
  }

  // The rule of the update, below the inputs.
  rule() {
    const [x, y] = [MARGIN, this.tops[2]],
      room = this.backward[1].x - 2 * MARGIN,
      lines = this.d.rule.split(",   ").filter(Boolean);
    this.put(x, y + 16, t("drawn_update"), "update", { size: 12.5, bold: true, sans: true });
    [...lines, `η = ${number(this.d.rate)}`].forEach((text, i) =>
      this.put(x, y + 36 + 17 * i, text, "ink", {
        size: fitted(text, room),
      }),
    );
  }
}
