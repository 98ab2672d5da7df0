// Types of the studio's modules, for editors and the type checker; nothing here is executed.

/**
 * A training as a message tells of it.
 * @typedef {object} Status
 * @property {string} id
 * @property {string} name
 * @property {"starting" | "running" | "paused" | "ended" | "failed"} state
 * @property {string} why
 * @property {number} step
 * @property {number} epoch
 * @property {number | null} loss
 * @property {Record<string, number | null>} values
 * @property {number} n_steps
 * @property {number} steps_per_epoch
 * @property {number} n_epochs
 * @property {number} n_events
 * @property {string} hit
 * @property {{ kind: string, value?: string | number }[]} breaks
 * @property {number | null} per_second
 * @property {number | null} cost
 * @property {{ size: number, from: number, mean: (number | null)[], low: (number | null)[], high: (number | null)[] }} losses
 */

/**
 * A message of the stream.
 * @typedef {{ kind: "hello" | "news" | "bye", n: number, runs?: Status[] }} Told
 */

/**
 * A run in the list.
 * @typedef {{ id: string, name: string, state: string }} Listed
 */

/**
 * A screen: how it is drawn, and what it does when something is told of its run.
 * @typedef {object} Screen
 * @property {(root: HTMLElement, studio: any) => void | Promise<void>} draw
 * @property {(root: HTMLElement, studio: any) => void} [told]
 */

export {};
