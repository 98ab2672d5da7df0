// The equations of chainrule.reference in JavaScript, under the same names, in the run's own precision:
// the gradient of the objective, and the update.

import { parameters } from "./arrays.js";

/** @import { Architecture, NumbersByName, Round, Rule, StepSettings, Vector } from "./types.js" */

/**
 * @param {number} base
 * @param {number} exponent
 */
const power = (base, exponent) => {
  let result = 1;
  for (let e = exponent; e > 0; e = Math.floor(e / 2), base *= base)
    if (e % 2 === 1) result *= base;
  return result;
};

// One update of one parameter: (g, state, theta, t, eta, hyper) -> { theta, state, step }.
/** @type {Record<string, Rule>} */
export const OPTIMIZERS = {
  sgd(g, s, theta, t, eta, { momentum = 0, nesterov = 0 }) {
    if (!momentum)
      return { theta: theta - eta * g, state: /** @type {NumbersByName} */ ({}), step: eta * g };
    const v = momentum * s.v + g,
      step = eta * (nesterov ? g + momentum * v : v);
    return { theta: theta - step, state: { v }, step };
  },
  sgd_sutskever(g, s, theta, t, eta, { momentum = 0.9, nesterov = 1 }) {
    const v = momentum * s.v - eta * g,
      step = nesterov ? eta * g - momentum * v : -v;
    return { theta: theta - step, state: { v }, step };
  },
  rmsprop(g, s, theta, t, eta, { rho = 0.99, epsilon = 1e-8 }) {
    const v = rho * s.v + (1 - rho) * g * g,
      step = (eta * g) / (Math.sqrt(v) + epsilon);
    return { theta: theta - step, state: { v }, step };
  },
  adagrad(g, s, theta, t, eta, { epsilon = 1e-10 }) {
    const v = s.v + g * g,
      step = (eta * g) / (Math.sqrt(v) + epsilon);
    return { theta: theta - step, state: { v }, step };
  },
  adam(g, s, theta, t, eta, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }) {
    const m = beta1 * s.m + (1 - beta1) * g,
      v = beta2 * s.v + (1 - beta2) * g * g;
    const m_hat = m / (1 - power(beta1, t)),
      v_hat = v / (1 - power(beta2, t));
    const step = (eta * m_hat) / (Math.sqrt(v_hat) + epsilon);
    return { theta: theta - step, state: { m, v, m_hat, v_hat }, step };
  },
  adam_epsilon_hat(g, s, theta, t, eta, { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }) {
    const m = beta1 * s.m + (1 - beta1) * g,
      v = beta2 * s.v + (1 - beta2) * g * g;
    const size = (eta * Math.sqrt(1 - power(beta2, t))) / (1 - power(beta1, t)),
      step = (size * m) / (Math.sqrt(v) + epsilon);
    return { theta: theta - step, state: { m, v, size }, step };
  },
  adamw(g, s, theta, t, eta, hyper) {
    const decay = eta * (hyper.weight_decay ?? 0.01) * theta;
    const done = OPTIMIZERS.adam(g, s, theta - decay, t, eta, hyper);
    return { ...done, step: done.step + decay };
  },
};

/**
 * The gradient of the objective: dθ plus penalties on the weights, shortened to clip_norm.
 * @param {Vector} dtheta
 * @param {Vector} theta
 * @param {Architecture} architecture
 * @param {StepSettings} settings
 * @param {Round} round
 */
export function objectiveGradient(dtheta, theta, architecture, { l2, l1, clip_norm }, round) {
  const g = dtheta.slice();
  if (l2 || l1) {
    const to = parameters(g, architecture).W,
      from = parameters(theta, architecture).W;
    for (let l = 1; l < to.length; l++)
      for (let p = 0; p < to[l].data.length; p++) {
        const w = from[l].data[p];
        to[l].data[p] = round(
          to[l].data[p] + round(round(round(l2) * w) + round(l1) * Math.sign(w)),
        );
      }
  }
  if (clip_norm === null) return { g, norm: null, factor: 1 };
  const norm = Math.sqrt(
    g.reduce((/** @type {number} */ sum, /** @type {number} */ x) => sum + x * x, 0),
  );
  const factor = norm > clip_norm ? clip_norm / norm : 1;
  return {
    g: factor < 1 ? g.map((/** @type {number} */ x) => round(x * round(factor))) : g,
    norm,
    factor,
  };
}
