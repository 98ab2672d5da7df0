// Where a number comes from: its formula, the terms it is the sum of, and the lines that end at it.

import { BACKWARD } from "./why_backward.js";
import { FORWARD } from "./why_forward.js";
import { UPDATE } from "./why_update.js";

/** @import { Answer, Place, Reference, Step } from "./types.js" */

const RULES = { ...FORWARD, ...BACKWARD, ...UPDATE };

/**
 * Returns { ref, value, formula, said, terms, over, lines }. A term is { parts: references, value }; a line is
 * { ref or words or text, value }. `over` names what the terms run over: units, rows or outputs.
 * @param {Step} step
 * @param {Reference} ref
 * @returns {Answer}
 */
export function why(step, ref) {
  return {
    ref,
    value: step.value(ref),
    terms: [],
    lines: [],
    over: "units",
    ...RULES[ref.kind](step, /** @type {Place} */ (ref)),
  };
}
