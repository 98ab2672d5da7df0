// The types that the modules share, for editors and the type checker; nothing of it runs.

/**
 * NumbersByName side by side. The checker reads Float64Array; at run time it is a Float32Array where the run is float32.
 * @typedef {Float64Array} Vector
 */

/**
 * Rows one after the other, as they came from the engine; shape is [rows, columns].
 * @typedef {{ data: Vector, shape: number[] }} Matrix
 */

/**
 * Rounds a float64 to the precision of the run.
 * @typedef {(x: number) => number} Round
 */

/**
 * What an activation is: g(z), its slope g′(z) given z and a = g(z), `terms`, the size of what the slope is a sum of,
 * `kinks` where the slope jumps at 0, `row` where the units of a row mix.
 * @typedef {object} Activation
 * @property {(z: number, dtype: string) => number} g
 * @property {(z: number, a: number) => number} slope
 * @property {(z: number, a: number) => number} [terms]
 * @property {(z: number) => number} [bends]
 * @property {boolean} [kinks]
 * @property {boolean} [row]
 */

/**
 * A loss on an output: what one output adds to the loss of a row, its derivative by a, whether the chain collapses to
 * a − y (`fused`), a delta of its own, or the loss of a whole row.
 * @typedef {object} Pair
 * @property {(z: number, a: number, y: number) => number} [value]
 * @property {(a: number, y: number) => number} da
 * @property {boolean} [fused]
 * @property {(z: number, a: number, y: number) => number} [delta]
 * @property {(z: Vector, a: Vector, y: Vector) => number} [rowValue]
 */

/**
 * The architecture as Architecture.to_dict gives it. Layer l is entry l − 1 of the lists.
 * @typedef {object} Architecture
 * @property {number[]} sizes
 * @property {string[]} activations
 * @property {string} loss
 * @property {string} dtype
 * @property {number} n_parameters
 * @property {(string | null)[]} [normalization]
 * @property {number[]} [n_learned]
 * @property {boolean[]} [residual]
 */

/**
 * NumbersByName by name: hyper-parameters, or the state of an optimizer for one parameter.
 * @typedef {Record<string, number>} NumbersByName
 */

/**
 * One update of one parameter: θ, the state after it, and what was subtracted.
 * @typedef {(g: number, state: NumbersByName, theta: number, t: number, eta: number, hyper: NumbersByName) => { theta: number, state: any, step: number }} Rule
 */

/**
 * Settings of one step: those of the optimizer as numbers, penalties, clipping.
 * @typedef {object} StepSettings
 * @property {NumbersByName} optimizer
 * @property {number} l2
 * @property {number} l1
 * @property {number} dropout
 * @property {number | null} clip_norm
 */

/**
 * The parameters, or one number for each of them, by layer; position 0 holds nothing, and gain and shift are null where
 * a layer is not normalised.
 * @typedef {{ W: Matrix[], b: Vector[], gain: Vector[], shift: Vector[], [kind: string]: any }} Parameters
 */

/**
 * A number of a step by its name: `kind` as in z, delta, dW or W⁺ (after the step), layer l, row or unit below i, unit j.
 * A part that a kind does not have is absent or null.
 * @typedef {{ kind: string, l?: any, i?: any, j?: any }} Reference
 */

/**
 * An operation of both passes.
 * @typedef {{ id: string, kind: string, l: number, pass: string }} Operation
 */

/**
 * A term of a sum: the numbers it is made of, its value, and how it is written.
 * @typedef {object} Term
 * @property {Reference[]} parts
 * @property {number} value
 * @property {string} [text]
 * @property {string} [joined]
 * @property {string} [more]
 * @property {boolean} [exp]
 * @property {boolean} [mine]
 */

/**
 * A line below the terms: a number by reference, by words or as text, how it enters, its value.
 * @typedef {object} Line
 * @property {Reference} [ref]
 * @property {Reference} [at]
 * @property {Reference} [result]
 * @property {string} [words]
 * @property {string} [text]
 * @property {number} [value]
 * @property {boolean} [plus]
 * @property {boolean} [minus]
 * @property {boolean} [times]
 * @property {boolean} [minor]
 */

/**
 * What a rule says of a number; `why` adds the rest.
 * @typedef {object} Explained
 * @property {Element} formula
 * @property {string} said
 * @property {Term[]} [terms]
 * @property {string} [over] what the terms run over: units, rows or outputs
 * @property {Line[]} [lines]
 * @property {string} [badge]
 * @property {number} [offset]
 * @property {number} [value]
 */

/**
 * What `why` says of a number.
 * @typedef {Required<Omit<Explained, "badge" | "offset">> & { ref: Reference, badge?: string, offset?: number }} Answer
 */

/**
 * Asks a step where a number comes from.
 * @typedef {Record<string, (step: Step, ref: Reference) => Explained>} Rules
 */

/**
 * What elements are made of: text, elements, and lists of them; null, undefined and false are left out.
 * @typedef {any} Child
 */

/**
 * Attributes; those that begin with "on" are listeners, `style` sets properties one by one.
 * @typedef {Record<string, any> | null} Properties
 */

/**
 * One array of the page's data: where it lies, what numbers it holds.
 * @typedef {{ key: string, type: "f4" | "f8" | "i4", shape: number[] }} Entry
 */

/**
 * How a recomputed tensor compares with the stored one; `same` counts numbers of the same bits.
 * @typedef {{ name: string, n: number, same: number, worst: number, bound: number, at: number, ok: boolean }} Check
 */

/**
 * A way from a weight to the loss: the units it goes through, where it goes past a layer, its factors, their product.
 * @typedef {{ units: number[], past: boolean[], factors: number[], value: number }} Way
 */

/**
 * A curve over the steps: null where nothing is known.
 * @typedef {{ xs: number[], ys: (number | null)[], cls?: string, dots?: boolean }} Curve
 */

/**
 * The data of the page, as collect.py writes it.
 * @typedef {object} PageData
 * @property {string} version
 * @property {Architecture} architecture
 * @property {any} settings
 * @property {any} facts
 * @property {any} result
 * @property {any[]} events
 * @property {{ inputs: string[] | null, outputs: string[] | null, target: string | null, mean: number[] | null, scale: number[] | null }} names
 * @property {number} n_steps
 * @property {number} steps_per_epoch
 * @property {Record<string, (number | null)[]>} history
 * @property {{ size: number, mean: (number | null)[], low: (number | null)[] | null, high: (number | null)[] | null }} losses
 * @property {{ steps: number[], layers: Record<string, (number | null)[]>[] }} health
 * @property {any[]} steps
 * @property {{ why: string, bytes?: number, budget?: number } | null} missing
 * @property {Record<string, [number, number]>} places
 * @property {any} check
 * @property {any} rate
 */

/**
 * @typedef {import("./app.js").App} App
 * @typedef {import("./model.js").Step} Step
 */

export {};
