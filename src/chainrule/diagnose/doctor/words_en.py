"""The findings in English: title, claim, what would disprove it, the experiment, the remedy."""

from __future__ import annotations

TRIAL_EN = (
    "The first {steps} steps again, with only that changed: loss {loss_trial} instead of {loss} at the end of "
    "the run (a constant output: {chance})."
)
"""What a finding says of the trial that convinced; the slot trial."""

WORDS_EN: dict[str, dict[str, str]] = {
    "non-finite-data": {
        "title": "Inputs that are no numbers",
        "claim": "X[{row}, {column}] = {value}; such entries: {n}. Every sum that contains one is no number either.",
        "claim:overflow": "X[{row}, {column}] = {value}; such entries: {n}. Their squares exceed the largest number "
        "of the network's dtype, so gradients by the weights of layer 1 overflow.",
        "disproof": "every entry of X is finite and its square is too.",
        "experiment": "np.isfinite(np.square(X, dtype=np.float32)).all()",
        "remedy": "drop or impute these rows, or bring the columns to mean 0 and variance 1.",
    },
    "constant-inputs": {
        "title": "Columns that never change",
        "claim": "{n} of {of} columns have one value in every row (columns {columns}, …): they act as a second bias "
        "and tell nothing.",
        "claim:all": "All {of} columns have one value in every row: no two rows can be told apart, and the best that "
        "any network can do is the constant output.",
        "disproof": "these columns vary on the rows the network trained on.",
        "experiment": "(np.ptp(X, axis=0) == 0).sum()",
        "remedy": "drop them; if they should vary, look where the table is read or joined.",
    },
    "duplicate-rows": {
        "title": "Repeated rows",
        "claim": "{n} of {of} rows repeat an earlier row ({share} of all; {expected} expected by chance from "
        "independent columns). They weigh double, and a random split puts copies on both sides.",
        "claim:conflicting": "{n} of {of} rows repeat an earlier row ({share} of all; {expected} expected by "
        "chance), {conflicting} of them with another target. They weigh double, and a random split puts copies on "
        "both sides.",
        "claim:shared": "{n} of {of} held-out rows ({share}) are training rows; repetitions among the training rows "
        "let expect {expected}. The held-out loss does not tell how new rows will do.",
        "disproof": "the copies are separate observations that happen to agree in every column.",
        "experiment": "len(X) - len(np.unique(X, axis=0))",
        "remedy": "drop the copies, or split by group so that copies stay on one side; use sample_weight for counts.",
    },
    "target-leak": {
        "title": "A column that gives the target away",
        "claim": "Column {columns} alone takes away {skill} of the error of a constant prediction; all other columns "
        "together take away {others}. It probably contains the target or was made after it.",
        "claim:several": "Columns {columns} alone take away {skill} of the error of a constant prediction; all other "
        "columns together take away {others}. They probably contain the target or were made after it.",
        "disproof": "the column is known before the target is, when the model is used.",
        "experiment": "train again without this column and compare the score on new rows",
        "remedy": "leave the column out, unless it is available when a prediction is needed.",
    },
    "label-noise": {
        "title": "Labels that contradict their neighbours",
        "claim": "A forest of trees, judged on rows it has not seen, contradicts {surest} of the labels where it is "
        "surest ({n_surest} of {n} rows, far from any border between classes). The contradicting labels are as if "
        "drawn at random, not of neighbouring classes: they depend on the class that the row seems to be of by "
        "{depends} deviations of chance ({n_sure} labels), and {second} of them are the forest's second choice. "
        "Rows to look at first: {examples}.",
        "claim:alike": "A forest of trees, judged on rows it has not seen, contradicts {surest} of the labels where it "
        "is surest ({n_surest} of {n} rows), {tenth} in the surest tenth and {share} of all: everywhere alike. "
        "Overlapping classes would give almost none where it is surest. Rows to look at first: {examples}.",
        "title:open": "Outcomes that the columns leave open",
        "claim:open": "A forest of trees, judged on rows it has not seen, contradicts {surest} of the labels even "
        "where it is surest ({n_surest} of {n} rows; {tenth} in the surest tenth, {share} of all). They lie as chance, "
        "or columns that are not in the table, would put them: nothing speaks for wrong labels, and a network will "
        "hardly tell these rows better. Should labels be wrong after all, look first at rows {examples}.",
        "claim:all": "A forest of trees, judged on rows it has not seen, predicts the target no better than a "
        "constant (share of its error taken away: {skill}, {t} standard errors, {n} rows): rows and targets seem "
        "not to belong together.",
        "claim:values": "About {share} of the targets seem to belong to other rows: beside a forest's predictions "
        "for rows it has not seen, a mixture with targets drawn from anywhere is more likely than heavy tails "
        "alone, by {t} standard errors ({n} rows).",
        "disproof": "the labels of these rows, looked at by hand, are right.",
        "disproof:open": "a model of another kind is right more often on unseen rows.",
        "experiment:open": "sklearn.model_selection.cross_val_score(GradientBoostingClassifier(), X, y)",
        "disproof:all": "some other model predicts unseen rows better than a constant.",
        "experiment": "X[[{examples}]], y[[{examples}]]",
        "disproof:values": "the rows with the largest residuals, looked at by hand, have right targets.",
        "experiment:values": "np.argsort(-abs(y - cross_val_predict(ExtraTreesRegressor(), X, y)))[:20]",
        "experiment:all": "sklearn.model_selection.cross_val_score(ExtraTreesClassifier(), X, y)",
        "remedy": "correct or drop the worst labels; stop early, for a network learns wrong labels last.",
        "remedy:open": "none is needed; new columns may help, and probabilities say more than the likelier class.",
        "remedy:all": "check that X and y were not shuffled, sorted or joined apart from each other.",
    },
    "class-imbalance": {
        "title": "A rare class",
        "claim": "Class {rare} has {n_rare} rows, the most frequent one {n_most} (ratio {ratio}); of the rows of "
        "rare classes a training on the other half finds {recall}, of all others {of_others}. A plain average of "
        "losses hardly counts them.",
        "claim:balanced": "Class {rare} has {n_rare} rows, the most frequent one {n_most} (ratio {ratio}); of the rows "
        "of rare classes a training on the other half finds {recall}, of all others {of_others}; with weights that "
        "count every class equally {recall_balanced} and {of_others_balanced}.",
        "claim:overlap": "Class {rare} has {n_rare} rows, the most frequent one {n_most} (ratio {ratio}); of the rows "
        "of rare classes a training on the other half finds {recall}, of all others {of_others}. With weights that "
        "count every class equally it finds {recall_balanced}, but of the others only {of_others_balanced}: the "
        "classes overlap, and which mistakes are worse is for you to say.",
        "disproof": "the rare class is found as often as the others.",
        "experiment": 'cr.train(net, X, y, class_weight="balanced", …)',
        "remedy": 'class_weight="balanced", or judge by a metric that counts classes equally.',
    },
    "input-scale": {
        "title": "Inputs of the wrong size",
        "claim:large": "The rms of the inputs is {rms}, of column {column} {largest}; weights are drawn for inputs "
        "of about 1, and the curvature grows with the square. The first {steps} steps again on columns of mean 0 "
        "and variance 1: loss {loss_trial} instead of {loss} (a constant output: {chance}).",
        "claim:small": "The rms of the inputs is {rms}; weights are drawn for inputs of about 1, so the gradient of "
        "layer 1 is that much too small. The first {steps} steps again on columns of mean 0 and variance 1: loss "
        "{loss_trial} instead of {loss} (a constant output: {chance}).",
        "claim:outliers": "Column {column} has an rms of {largest}; {far} of the cells lie more than 4 spreads of "
        "the middle half away: outliers, or numbers that stand for missing. The first {steps} steps again with "
        "these cut off and every column at spread 1: loss {loss_trial} instead of {loss} (a constant output: "
        "{chance}).",
        "title:code": "Numbers that stand for missing ones",
        "claim:code": "Column {column} holds {value} again and again, far from all its other numbers ({low} to "
        "{high}): no measurement, but a code for a missing one. Such columns: {n} ({columns}), cells: {cells}; share "
        "of the rows that hold one: {rows}.",
        "disproof:code": "the number was measured in these rows.",
        "experiment:code": "(X == {value}).sum(axis=0)",
        "remedy:code": "say that it is missing (chainrule train DATA --missing={value}), or put NaN and impute.",
        "claim:harmless": "The rms of the inputs is {rms}, of column {column} {largest}; weights are drawn for "
        "inputs of about 1. It did not keep this run from learning.",
        "disproof": "the run does no better on standardised columns.",
        "experiment": "cr.train(net, (X - X.mean(0)) / np.maximum(X.std(0), 1e-9), y, …)",
        "remedy": "bring every column to mean 0 and variance 1 (sklearn.preprocessing.StandardScaler).",
    },
    "wrong-gradient": {
        "title": "The gradient is not the derivative of the loss",
        "claim": "Tensor {tensor}: backpropagation says {analytic}, the central difference of J {numeric} (relative "
        "error {error}; rounding gives less than 1e-7).",
        "claim:step": "{tensor}: the step used {analytic}, the formulas of the reference give {numeric} on the same "
        "rows (relative difference {error}).",
        "disproof": "both agree in float64.",
        "experiment": "cr.check_gradients(net, X[:16], y[:16])",
        "remedy": "correct the pullback of this layer; chainrule check RUN shows tensor by tensor.",
    },
    "wrong-pair": {
        "title": "Loss and output do not fit the targets",
        "claim:range": "Output {output} says numbers from {low} to {high}; the targets reach from {least} to {most}. "
        "Out of reach: {rows} of the rows, {share} of the variance.",
        "claim:classes": "{classes} classes that exclude each other are trained by {loss} on {output} outputs: a "
        "distance between numbers, which punishes an output for being too right and yields no probabilities.",
        "claim:squashed": "{classes} classes that exclude each other are trained by {loss} on {output} outputs: "
        "where an output is surely wrong its slope, and with it the gradient, is nearly 0. It did not keep this "
        "run from learning, or something else came first.",
        "claim:slow": "{classes} classes that exclude each other are trained by {loss} on {output} outputs: where an "
        "output is surely wrong its slope, and with it the gradient, is nearly 0. The first {steps} steps again "
        "with softmax and cross-entropy: {errors_trial} of the rows wrong instead of {errors}.",
        "claim:numbers": "The targets are {classes} whole numbers, about equally frequent, in one {output} output "
        "with {loss}: if they name classes, class 2 is no mean of 1 and 3.",
        "claim:linear": "{n} hidden layers without a nonlinearity: their product is one matrix, and the network "
        "computes nothing that a single layer could not.",
        "disproof": "softmax and cross-entropy do no better on held-out rows.",
        "disproof:range": "no target lies outside what the output can say.",
        "disproof:numbers": "the numbers measure something, and their order and distances count.",
        "disproof:linear": "the same training without hidden layers does worse.",
        "experiment": 'cr.Network(sizes, activation, output="softmax", loss="cross_entropy")',
        "experiment:range": "y.min(), y.max()",
        "experiment:linear": "cr.Network([n_inputs, n_outputs], output=…, loss=…)",
        "remedy": 'output="softmax", loss="cross_entropy" (independent labels: output="sigmoid").',
        "remedy:range": 'output="identity" for values, or scale the targets into the range.',
        "remedy:linear": 'activation="relu" or "tanh" for the hidden layers.',
    },
    "symmetric-weights": {
        "title": "Units that are all alike",
        "claim": "{kinds} different units among {n}: the others have the same weights in and out (the first is "
        "{value}), so they get the same gradient and stay alike; at the end {alike_at_end} still are.",
        "claim:zero": "All weights of the layer start at 0: its {n} units have the same weights in and out, get the "
        "same gradient (0 below weights of 0) and stay alike; at the end {alike_at_end} still are.",
        "disproof": "the units differ at the end.",
        "experiment": "len(np.unique(run.network.W[{layer}], axis=1).T)",
        "remedy": 'initializer="auto": different random weights for every unit.',
    },
    "weights-too-large": {
        "title": "Initial weights too large",
        "claim": "The weights start {ratio} times as large as keeps the signal's size (rms {usual}): loss "
        "{loss_at_start} before the first step, {chance} for a constant output. The first {steps} steps again from "
        "the same draws at the usual size: loss {loss_trial} instead of {loss}.",
        "claim:harmless": "The weights start {ratio} times as large as keeps the signal's size (rms {usual}): loss "
        "{loss_at_start} before the first step. It is not what kept this run from learning, if anything did.",
        "disproof": "the run does no better from weights of the usual size.",
        "experiment": 'cr.train(cr.Network(sizes, …, initializer="auto"), X, y, …)',
        "remedy": 'initializer="auto".',
    },
    "weights-too-small": {
        "title": "Initial weights too small",
        "claim": "The weights start {ratio} times as large as keeps the signal's size (rms {usual}): signal and "
        "gradient shrink by that in every layer. The first {steps} steps again from the same draws at the usual "
        "size: loss {loss_trial} instead of {loss} (a constant output: {chance}).",
        "claim:harmless": "The weights start {ratio} times as large as keeps the signal's size (rms {usual}). It is "
        "not what kept this run from learning, if anything did.",
        "disproof": "the run does no better from weights of the usual size.",
        "experiment": 'cr.train(cr.Network(sizes, …, initializer="auto"), X, y, …)',
        "remedy": 'initializer="auto".',
    },
    "wrong-optimizer-settings": {
        "title": "Settings of the optimizer",
        "claim": "{names} = {values} (usual: {usual}). {trial}",
        "claim:clip": "clip_norm = {values} cuts the gradient short. {trial}",
        "disproof": "the run does no better with the usual value.",
        "experiment": "cr.train(net, X, y, optimizer=…, …)  # {names} = {usual}",
        "remedy": "{names} = {usual}.",
    },
    "learning-rate-too-large": {
        "title": "Learning rate too large",
        "claim": "η = {learning_rate}, η·λ = {eta_lambda} at the start (λ: largest curvature; 2 is the limit of "
        "plain descent). The first {steps} steps again with η = {better}: loss {loss_trial} instead of {loss} (a "
        "constant output: {chance}).",
        "claim:incident": "η = {learning_rate}, η·λ = {eta_lambda} at the start (λ: largest curvature; 2 is the "
        "limit of plain descent). This step overshot: the loss of its own batch went from {before} to {after}, α = "
        "{overshoot} (1: as high on the other side), ‖ΔW‖/‖W‖ = {ratio}. The first {steps} steps again with η = "
        "{better}: loss {loss_trial} instead of {loss} (a constant output: {chance}).",
        "claim:jump": "η was raised from {before} to {learning_rate} before this step, and the run did not recover. "
        "{trial}",
        "disproof": "a smaller rate does no better in as many steps.",
        "experiment": "cr.train(net, X, y, optimizer=…)  # learning_rate = {better}",
        "remedy": "learning_rate about {better}; chainrule learning-rate DATA shows the range.",
    },
    "learning-rate-too-small": {
        "title": "Learning rate too small",
        "claim": "η = {learning_rate}, η·λ = {eta_lambda} at the start (λ: largest curvature; up to 2 is stable for "
        "plain descent), α = {overshoot} at the last step (−1: far before the lowest point). The first {steps} "
        "steps again with η = {better}: loss {loss_trial} instead of {loss} (a constant output: {chance}).",
        "claim:faded": "η faded from {learning_rate} to {last}, below 5 % from this step on, with much left to "
        "learn. {trial}",
        "disproof": "a larger rate does no better in as many steps.",
        "experiment": "cr.train(net, X, y, optimizer=…)  # learning_rate = {better}",
        "remedy": "learning_rate about {better}; chainrule learning-rate DATA shows the range.",
    },
    "non-finite": {
        "title": "Numbers that are none",
        "claim": "{quantity} = {value} is the first number that is not finite; training stopped there.",
        "claim:exploded": "The loss reached {loss} ({chance} for a constant output); training stopped there.",
        "disproof": "the step, replayed, is finite.",
        "experiment": 'run.find("non-finite")',
        "remedy": "a smaller learning rate, scaled inputs or clip_norm.",
    },
    "dead-units": {
        "title": "Dead units",
        "claim": "{n} of {of} units ({activation}) let nothing through on any row at the end; half of the layer had "
        "fallen silent by this step.",
        "claim:biases": "{n} of {of} units let nothing through on any row before the first step (rms of their "
        "biases: {bias}). The first {steps} steps again with biases of 0: loss {loss_trial} instead of {loss} (a "
        "constant output: {chance}).",
        "disproof": "some row opens these units.",
        "experiment": "(net.forward(X).z[{layer}] > 0).any(axis=0).sum()",
        "remedy": "a smaller learning rate, biases that start at 0, or leaky_relu.",
    },
    "saturated-units": {
        "title": "Saturated units",
        "claim": "{share} of the entries of the layer lie on the flat ends at the end ({at_start} at the start; "
        "spread of z: {spread}), most of them from this step on: their slope is below 5 % of the steepest.",
        "claim:biases": "{share} of the layer lies on the flat ends before the first step (rms of its biases: "
        "{bias}). The first {steps} steps again with biases of 0: loss {loss_trial} instead of {loss} (a constant "
        "output: {chance}).",
        "disproof": "their slopes are within the steep part on the training rows.",
        "experiment": "run.vitals(steps=[-1])",
        "remedy": "smaller initial weights and biases, scaled inputs, a smaller learning rate.",
    },
    "vanishing-gradient": {
        "title": "The gradient vanishes on its way down",
        "claim:slope": "Of the output's error signal {left} arrives in layer 1, through {n} layers: slopes g′ make "
        "it {by_slope}, weights {by_weights}; the layer named loses most. The slopes are the cause.",
        "claim:weights": "Of the output's error signal {left} arrives in layer 1, through {n} layers: weights make "
        "it {by_weights}, slopes g′ {by_slope}; the layer named loses most. The weights are the cause.",
        "disproof": "the same layers with rectifiers learn no better.",
        "experiment": 'cr.Network(sizes, activation="relu", …)',
        "remedy": 'activation="relu", normalization="layer" or residual=True; fewer layers.',
    },
    "exploding-gradient": {
        "title": "The gradient explodes on its way down",
        "claim": "The output's error signal is {left} times as large in layer 1, through {n} layers (weights "
        "{by_weights}, slopes g′ {by_slope}). {trial}",
        "disproof": "the run does no better from weights of the usual size.",
        "experiment": 'cr.Network(sizes, …, initializer="auto")',
        "remedy": 'initializer="auto", normalization="layer", or clip_norm=1.',
    },
    "stalled": {
        "title": "Nothing was learned",
        "claim": "Loss {loss} at the end, {chance} for the best constant output; it stands still from this step on "
        "(‖dW‖ = {gradient}).",
        "disproof": "the outputs differ between rows more than at the start.",
        "experiment": "run.network.forward(X).output.std(axis=0)",
        "remedy": "try to fit 20 rows first; what cannot be fitted there is a fault of the wiring.",
    },
    "too-few-steps": {
        "title": "Too few steps",
        "claim": "The loss is still falling after {n_steps} steps ({epochs} epochs): {steps} steps more, nothing "
        "changed: loss {loss_trial} instead of {loss} (a constant output: {chance}).",
        "disproof": "going on brings no lower loss.",
        "experiment": "cr.train(net, X, y, epochs=…)  # four times as many",
        "remedy": "more epochs, with early_stopping to end them in time.",
    },
    "overfitting": {
        "title": "Overfitting",
        "claim": "The loss of held-out rows was lowest in epoch {epoch} ({best}) and ended at {last}, while that of "
        "the training rows fell from {own_best} to {own_last}: {risen} of what had been gained is lost again.",
        "claim:nothing": "Training rows: loss {own_last}; held-out rows never below {best}, and a constant output "
        "has {chance}: what was learned holds for the training rows only.",
        "disproof": "other held-out rows show no such rise.",
        "experiment": "cr.train(net, X, y, validation=0.2, seed=1, …)",
        "remedy": "early_stopping, l2 or dropout, a smaller network, more rows.",
    },
    "too-strong-regularization": {
        "title": "Regularisation too strong",
        "claim": "{names} = {values}: ‖W‖ went from {weight_at_start} to {weight_at_end}. {trial} It is better on "
        "rows unseen by both, too.",
        "claim:unstable": "{names} = {values} with η = {learning_rate}: every step multiplies each weight by 1 − "
        "η·l2 = {factor}, so weights grow without end whatever the data say.",
        "disproof": "held-out rows do no better without it.",
        "experiment": "cr.train(net, X, y, l2=0.0, l1=0.0, dropout=0.0, …)",
        "remedy": "a tenth of it, or less; judge by held-out rows.",
    },
}
