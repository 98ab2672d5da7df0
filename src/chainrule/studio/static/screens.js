// The screens in their order. Each is a module with draw(root, studio), loaded when it is opened first.

/** @import { Screen } from "./types.js" */

/**
 * name: as in the address; its title is the sentence studio.screen_NAME. needs: "run" where a run must be chosen.
 * @type {{ name: string, load: () => Promise<Screen> }[]}
 */
export const SCREENS = [
  { name: "run", load: () => import("./screen_run.js") },
  { name: "step", load: () => import("./screen_step.js") },
  { name: "why", load: () => import("./screen_why.js") },
  { name: "data", load: () => import("./screen_data.js") },
  { name: "rate", load: () => import("./screen_rate.js") },
  { name: "flow", load: () => import("./screen_flow.js") },
  { name: "doctor", load: () => import("./screen_doctor.js") },
  { name: "check", load: () => import("./screen_check.js") },
  { name: "graph", load: () => import("./screen_graph.js") },
  { name: "compare", load: () => import("./screen_compare.js") },
  { name: "playground", load: () => import("./screen_playground.js") },
  { name: "learn", load: () => import("./screen_learn.js") },
];
