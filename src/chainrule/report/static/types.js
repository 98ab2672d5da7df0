// Types shared by the modules, for editors and the type checker; nothing here is executed.

/**
 * An array of numbers. The type checker sees a Float64Array; at run time it is a Float32Array if the run is float32.
 * @typedef {Float64Array} Vector
 */

/**
 * Values in row-major order, as the engine stores them; shape is [rows, columns].
 * @typedef {{ data: Vector, shape: number[] }} Matrix
 */

/**
 * Rounds a float64 to the precision of the run.
 * @typedef {(x: number) => number} Round
 */

/**
 * An activation: g(z), its slope g′(z) given z and a = g(z), `terms`, the magnitude of the terms that the slope sums,
 * `kinks` if the slope jumps at 0, `row` if the units of a row mix.
 * @typedef {object} Activation
 * @property {(z: number, dtype: string) => number} g
 * @property {(z: number, a: number) => number} slope
 * @property {(z: number, a: number) => number} [terms]
 * @property {(z: number) => number} [bends]
 * @property {boolean} [kinks]
 * @property {boolean} [row]
 */

/**
 * A loss with an output activation: the contribution of one output to the loss of a row, its derivative with respect to
 * a, whether delta reduces to a − y (`fused`), a custom delta, or the loss of a whole row.
 * @typedef {object} Pair
 * @property {(z: number, a: number, y: number) => number} [value]
 * @property {(a: number, y: number) => number} da
 * @property {boolean} [fused]
 * @property {(z: number, a: number, y: number) => number} [delta]
 * @property {(z: Vector, y: Vector) => number[]} [rowTerms] the terms of a row, of a loss that sees it whole
 * @property {(z: Vector, a: Vector, y: Vector) => number[]} [rowDelta] its delta
 * @property {(a: Vector, y: Vector) => number[]} [rowSizes] the size of what is subtracted in that
 * @property {number} [n] outputs of a target, where it has several
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
 * @property {number} [n_inputs] columns of X, where an input layer makes sizes[0] numbers of them
 * @property {string} [members] the kind by which it is one of several networks side by side
 * @property {boolean[]} [residual]
 * @property {number} [rules]
 */

/**
 * Numbers by name: hyper-parameters, or the state of an optimizer for one parameter.
 * @typedef {Record<string, number>} NumbersByName
 */

/**
 * The update of one parameter: θ and the state after it, and the step that was subtracted.
 * @typedef {(g: number, state: NumbersByName, theta: number, t: number, eta: number, hyper: NumbersByName) => { theta: number, state: NumbersByName, step: number }} Rule
 */

/**
 * Settings of one step: those of the optimizer as numbers, penalties, clipping.
 * @typedef {object} StepSettings
 * @property {NumbersByName} optimizer
 * @property {number} l2
 * @property {number} l1
 * @property {number} dropout
 * @property {number | null} clip_norm
 * @property {[number, number][]} [rate_factors] Of each tensor its length, and its factor on the learning rate.
 */

/**
 * The parameters, or one number for each of them, by layer; index 0 is unused, and gain and shift are null for layers
 * without normalisation.
 * @typedef {{ W: Matrix[], b: Vector[], gain: Vector[], shift: Vector[] }} Parameters
 */

/**
 * The parameters that are vectors.
 * @typedef {"b" | "gain" | "shift"} VectorName
 */

/**
 * A number of a step by its name: `kind` as in z, delta, dW or W⁺ (after the step), layer l, row or unit below i, unit j.
 * Parts that a kind does not have are absent or null.
 * @typedef {{ kind: string, l?: number | null, i?: number, j?: number }} Reference
 */

/**
 * A reference as seen by code that handles one kind: the parts of that kind are numbers.
 * @typedef {{ kind: string, l: number, i: number, j: number }} Place
 */

/**
 * An operation of both passes.
 * @typedef {{ id: string, kind: string, l: number, pass: string }} Operation
 */

/**
 * A term of a sum: its operands, its value, and how it is displayed.
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
 * A line below the terms: a number given by reference, by key or as text, its sign or role, and its value.
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
 * The explanation of a number by a rule; `why` adds the rest.
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
 * The explanation of a number.
 * @typedef {Required<Omit<Explained, "badge" | "offset">> & { ref: Reference, badge?: string, offset?: number }} Answer
 */

/**
 * Rules by kind: where a number of a step comes from.
 * @typedef {Record<string, (step: Step, ref: Place) => Explained>} Rules
 */

/**
 * Text or an element; null, undefined and false are left out.
 * @typedef {string | number | boolean | Node | null | undefined} Leaf
 */

/**
 * What elements are made of: leaves, and nested lists of them.
 * @typedef {Leaf | (Leaf | (Leaf | (Leaf | Leaf[])[])[])[]} Child
 */

/**
 * Attributes; those that begin with "on" are listeners, `style` sets properties one by one.
 * @typedef {Record<string, string | number | boolean | null | undefined | Record<string, string> | ((event: never) => void)> | null} Properties
 */

/**
 * An array in the data of the page: its location, type and shape.
 * @typedef {{ key: string, type: "f4" | "f8" | "i4", shape: number[] }} Entry
 */

/**
 * The comparison of a recomputed tensor with the stored one; `same` counts values with identical bits.
 * @typedef {{ name: string, n: number, same: number, worst: number, bound: number, at: number, ok: boolean }} Check
 */

/**
 * A path from a weight to the loss: its units, the layers it bypasses, its factors, and their product.
 * @typedef {{ units: number[], past: boolean[], factors: number[], value: number }} Way
 */

/**
 * A curve over the steps, with null for unknown values.
 * @typedef {{ xs: number[], ys: (number | null)[], cls?: string, dots?: boolean }} Curve
 */

/**
 * Settings of a training, as TrainingSettings.to_dict gives them: l2, l1, dropout and clip_norm among others.
 * @typedef {{ optimizer: { name: string, [hyper: string]: string | number | boolean }, batch_size: number, schedule: string, warm_up: number, seed: number, [name: string]: unknown }} Settings
 */

/**
 * Facts about the data and the engine of a run.
 * @typedef {object} Facts
 * @property {string | null} data
 * @property {string} task
 * @property {number | null} n_rows
 * @property {number | null} n_train
 * @property {string} fingerprint
 * @property {string} engine
 * @property {string | null} instruction_set
 * @property {number | null} threads
 * @property {string | null} run
 * @property {number | null} [member]
 * @property {number | null} [members]
 * @property {[number, number] | null} [side_by_side] the member that is shown, and how many there are
 * @property {boolean} weighted
 */

/**
 * How a training ended.
 * @typedef {object} Result
 * @property {number} epochs
 * @property {string} stopped
 * @property {string} metric
 * @property {number | null} best_score
 * @property {number | null} best_epoch
 * @property {{ message: string } | null} diverged
 * @property {number | null} [seconds]
 * @property {string | null} [sha256]
 */

/**
 * An entry in the list of events of a run.
 * @typedef {{ kind: string, step: number, [name: string]: unknown }} RunEvent
 */

/**
 * An array of a stored step, its arrays by layer, or by name.
 * @typedef {Entry | (Entry | null)[] | Record<string, Entry> | null} Entries
 */

/**
 * A stored step: its place in the run, its settings, where its arrays are.
 * @typedef {object} StoredStep
 * @property {number} step
 * @property {number} epoch
 * @property {number[]} rows
 * @property {StepSettings} settings
 * @property {Record<string, string> | null} diagram
 * @property {string} rule
 * @property {Record<string, Entries>} arrays
 */

/**
 * The gradient check of the trained network, tensor by tensor.
 * @typedef {object} GradientCheck
 * @property {boolean} passed
 * @property {number} error
 * @property {number} threshold
 * @property {number} n_rows
 * @property {{ name: string, shape: number[], compared: number, kinks: number, error: number }[]} tensors
 */

/**
 * A text in every language.
 * @typedef {Record<string, string>} Texts
 */

/**
 * One pair of axes of the learning-rate figure; places lie between 0 and 1.
 * @typedef {object} RatePanel
 * @property {Texts} title
 * @property {Texts} label
 * @property {[number, number] | null} band
 * @property {number | null} level
 * @property {{ x: number, label: Texts, role: string, row: number | null }[]} marks
 * @property {[number, string][]} up
 * @property {[number, string][]} across
 * @property {{ points: [number, number][], role: string, weight: string, dash: number[] }[]} lines
 * @property {{ points: [number, number][], role: string, hollow: boolean }[]} dots
 * @property {{ name: Texts, rate: string, role: string, dash: number[] }[]} legend
 */

/**
 * The learning-rate analysis: its sentences and its figure.
 * @typedef {{ said: Record<string, string[]>, figure: { title: Texts, panels: RatePanel[] } }} Rate
 */

/**
 * What a column of a table was taken for: its kind, how many inputs it became, what is in it.
 * @typedef {object} ColumnTaken
 * @property {string} name
 * @property {string} kind
 * @property {number} inputs
 * @property {number} missing
 * @property {number} [levels]
 * @property {string[]} [first]
 * @property {[number, number]} [range]
 * @property {[string, string]} [times]
 */

/**
 * Predictions of rows against their targets, as api/results.py gives them.
 * @typedef {object} Results
 * @property {string} part
 * @property {number} n
 * @property {number} n_shown
 * @property {string} kind
 * @property {{ names: string[], counts: number[][] } | { n_classes: number, n_wrong: number, pairs: [string, string, number, number][] }} [confusion]
 * @property {{ points: [number, number][], residuals: number[] }} [values]
 * @property {[string, number, number | null][]} [measures]
 * @property {ColumnTaken[]} [columns]
 * @property {number} [n_cells]
 * @property {{ n: number, columns: { column: string, rise: number, low: number, high: number }[] }} [importances]
 * @property {Record<string, string[]>} [findings]
 */

/**
 * The data of the page, as collect.py writes it.
 * @typedef {object} PageData
 * @property {string} version
 * @property {Architecture} architecture
 * @property {Settings} settings
 * @property {Facts} facts
 * @property {Result} result
 * @property {RunEvent[]} events
 * @property {{ inputs: string[] | null, outputs: string[] | null, target: string | null, mean: number[] | null, scale: number[] | null }} names
 * @property {{ kind: string | null, elementwise: boolean }[]} layers
 * @property {boolean} fused
 * @property {number} n_steps
 * @property {number} steps_per_epoch
 * @property {Record<string, (number | null)[]>} history
 * @property {{ size: number, mean: (number | null)[], low: (number | null)[] | null, high: (number | null)[] | null }} losses
 * @property {{ steps: number[], layers: Record<string, (number | null)[]>[] }} health
 * @property {StoredStep[]} steps
 * @property {{ why: string, bytes: number, budget: number } | { why: string, bytes?: undefined } | null} missing
 * @property {Record<string, [number, number]>} places
 * @property {GradientCheck | null} check
 * @property {Rate | null} rate
 * @property {Results | null} results
 */

/**
 * A table of numbers in the drawing of a step: a row for each unit or entry, with its formulas and its name as a number
 * of the step.
 * @typedef {object} Card
 * @property {string} title
 * @property {string[]} equations
 * @property {string[]} labels
 * @property {{ name: string, values: number[] }[]} columns
 * @property {string[][]} formulas
 * @property {Reference[]} refs
 * @property {number} more units or entries that are not shown
 */

/**
 * Both passes of one row as cards by layer, and the edges into each layer: two rows of cards, and what flows.
 * @typedef {object} Drawing
 * @property {(Card | null)[]} forward
 * @property {(Card | null)[]} learned
 * @property {(Card | null)[]} backward
 * @property {[number, number, number][][]} edges
 * @property {[number, number, number][][]} edgesBack
 * @property {boolean[]} residual
 * @property {number[]} sizes
 * @property {string} head
 * @property {number} n
 * @property {number} loss
 * @property {string} lossName
 * @property {number} rate
 * @property {string} rule
 */

/**
 * Where a card stands: its corner, size, the width of its labels, the middle of every row.
 * @typedef {{ card: Card, x: number, y: number, width: number, height: number, label: number, rows: number[] }} Box
 */

/**
 * @typedef {import("./app.js").App} App
 * @typedef {import("./model.js").Step} Step
 */

export {};
