// The two passes of one row as a Mermaid diagram: the same source as step.to_mermaid(row).

import { row } from "./arrays.js";
import { largest } from "./model.js";
import { number } from "./numbers.js";
import { t } from "./words.js";

/** @import { Matrix, Step, Vector } from "./types.js" */

const SHOWN = 3;

/**
 * @param {string} name
 * @param {...any} lines
 */
const node = (name, ...lines) =>
  `${name}["${lines.map((line) => line.replaceAll("#", "#35;").replaceAll('"', "#quot;").replaceAll("<", "#lt;")).join("<br/>")}"]`;

/**
 * @param {Vector} values
 */
function shortVector(values) {
  const shown = Array.from(values.subarray(0, SHOWN), number).join(", ");
  return values.length <= SHOWN ? `[${shown}]` : `[${shown}, … ${values.length} in all]`;
}

/**
 * @param {Vector} values
 */
const top = (values) =>
  largest(values, 2)
    .map((i) => number(values[i]))
    .join(", ");

/**
 * @param {Step} step
 * @param {number} i
 */
export function mermaid(step, i) {
  const { L, sizes } = step,
    eta = number(step.eta),
    forward = [],
    backward = [];
  const of = (/** @type {Matrix} */ matrix) => shortVector(row(matrix, i));
  forward.push(node("A0", "Input: a0 = x", of(step.X)));
  for (let l = 1; l <= L; l++) {
    const dropped = step.masks?.[l] ? ` ⊙ mask${l}` : "";
    forward.push(
      node(
        `Z${l}`,
        `Layer ${l}: z${l} = a${l - 1} @ W${l} + b${l}`,
        `W${l} ${sizes[l - 1]}×${sizes[l]}, b${l} ${sizes[l]}`,
        of(step.z[l]),
      ),
      `A${l - 1} --> Z${l}`,
      node(
        `A${l}`,
        `${l === L ? "Prediction: " : ""}a${l} = ${step.activation(l)}(z${l})${dropped}`,
        of(step.layers[l]),
      ),
      `Z${l} --> A${l}`,
    );
  }
  backward.push(
    node("J", `Loss: ${step.architecture.loss}`, `J = ${number(step.loss)} (batch of ${step.n})`),
  );
  for (let l = L; l > 0; l--) {
    const dropped = step.masks && l < L ? ` ⊙ mask${l}` : "";
    const above = l < L ? ` = (delta${l + 1} @ W${l + 1}.T) ⊙ g′(z${l})${dropped}` : "";
    backward.push(
      node(`D${l}`, `delta${l} = ∂J/∂z${l}${above}`, of(step.delta[l])),
      `${l === L ? "J" : `D${l + 1}`} --> D${l}`,
      node(
        `G${l}`,
        `∂J/∂W${l} = a${l - 1}.T @ delta${l}`,
        `${sizes[l - 1]}×${sizes[l]}, largest ${top(step.gradients.W[l].data)}`,
        `∂J/∂b${l} = Σ_i delta${l}, largest ${top(step.gradients.b[l])}`,
      ),
      `D${l} --> G${l}`,
    );
  }
  const lines = [
    "graph TD",
    `    subgraph FORWARD["${t("forward_title")}"]`,
    ...forward.map((line) => `        ${line}`),
    "    end",
  ];
  lines.push(
    `    subgraph BACKWARD["${t("backward_title")}"]`,
    ...backward.map((line) => `        ${line}`),
    "    end",
  );
  lines.push(`    A${L} -->|"compare with true label"| J`);
  for (let l = L; l > 0; l--)
    lines.push(`    G${l} -.->|"update weights W${l}, b${l} (η = ${eta})"| Z${l}`);
  return lines.join("\n");
}
