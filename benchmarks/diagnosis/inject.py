"""What goes wrong: each function changes a plan through the public interface, as a mistake would."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

import chainrule as cr
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.loss import Loss, Pair
from chainrule.reference.losses import LOSSES
from diagnosis.plans import Plan

Change: TypeAlias = Callable[[Plan, np.random.Generator], None]

# settings -----------------------------------------------------------------------------------------------


def optimizer(**values: Any) -> Change:
    """Other settings of the optimizer."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.optimizer = replace(plan.optimizer, **values)

    return change


def rate(factor: float) -> Change:
    """The learning rate times a factor."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.optimizer = replace(plan.optimizer, learning_rate=plan.optimizer.learning_rate * factor)

    return change


def settings(**values: Any) -> Change:
    """Other options of train."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.settings |= values

    return change


def planned(**values: Any) -> Change:
    """Other fields of the plan: activation, hidden sizes, epochs, batch size, output, loss."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        for name, value in values.items():
            setattr(plan, name, value)

    return change


def full_batch(plan: Plan, rng: np.random.Generator) -> None:
    """All rows in one batch, for as many epochs as before: a single step an epoch."""
    plan.batch_size = len(plan.data.X)


class Spike:
    """A callback that multiplies the rate for one epoch, at a share of the run, and sets it back."""

    def __init__(self, plan: Plan, share: float, factor: float) -> None:
        self.epoch, self.usual = round(plan.epochs * share), plan.optimizer.learning_rate
        self.factor = factor

    def on_epoch_end(self, control: Any) -> None:
        """Up before the epoch, down after it."""
        if control.epoch + 1 == self.epoch:
            control.set(learning_rate=self.usual * self.factor)
        elif control.epoch == self.epoch:
            control.set(learning_rate=self.usual)


def spike(share: float, factor: float) -> Change:
    """The learning rate `factor` times too large during one epoch."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        callback = Spike(plan, share, factor)
        plan.settings["callbacks"], plan.onset = [callback], callback.epoch / plan.epochs

    return change


# inputs -------------------------------------------------------------------------------------------------


def scaled(factor: float) -> Change:
    """All columns times a factor, in every part."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.data = plan.data.mapped(lambda X: X * factor)

    return change


def shifted(by: float) -> Change:
    """A number added to all columns, in every part."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.data = plan.data.mapped(lambda X: X + by)

    return change


def mixed_units(decades: float) -> Change:
    """Each column in a unit of its own, up to so many decades up or down."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        unit = 10.0 ** rng.uniform(-decades, decades, plan.data.X.shape[1])
        plan.data = plan.data.mapped(lambda X: X * unit)

    return change


def sentinel(value: float, share: float) -> Change:
    """A share of the cells holds a code for "missing" that was not removed."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.data = plan.data.mapped(lambda X: np.where(rng.random(X.shape) < share, value, X))

    return change


def absurd_row(value: float) -> Change:
    """One training row holds a number near the end of float32, as from a broken conversion."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        X = plan.data.X.copy()
        X[rng.integers(len(X)), rng.integers(X.shape[1])] = value
        plan.data = replace(plan.data, X=X)

    return change


def constant_columns(share: float) -> Change:
    """A share of the columns holds the same number in every row."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        lost = rng.permutation(plan.data.X.shape[1])[: round(share * plan.data.X.shape[1])]
        still = np.isin(np.arange(plan.data.X.shape[1]), lost)
        plan.data = plan.data.mapped(lambda X: np.where(still, 0.5, X))

    return change


def one_row(plan: Plan, rng: np.random.Generator) -> None:
    """Every row of X is the same row, as from an index that never moves."""
    plan.data = plan.data.mapped(lambda X: np.repeat(X[:1], len(X), axis=0))


# rows and targets ---------------------------------------------------------------------------------------


def wrong_labels(share: float) -> Change:
    """A share of the targets, of training and validation rows, is that of some other row or class."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        def noisy(y: Any) -> Any:
            chosen, k = rng.random(len(y)) < share, plan.data.n_classes
            other = (y + rng.integers(1, k, len(y))) % k if k else rng.permutation(y)
            return np.where(chosen, other, y)

        plan.data = replace(plan.data, y=noisy(plan.data.y), y_valid=noisy(plan.data.y_valid))

    return change


def misaligned(plan: Plan, rng: np.random.Generator) -> None:
    """The targets were put in another order than the rows."""
    d = plan.data
    plan.data = replace(d, y=rng.permutation(d.y), y_valid=rng.permutation(d.y_valid))


def swallowed_class(share: float) -> Change:
    """A share of the rows of half of the classes is labelled as the next class."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        def swallowed(y: Any) -> Any:
            hit = (y % 2 == 0) & (rng.random(len(y)) < share)
            return np.where(hit, (y + 1) % plan.data.n_classes, y)

        plan.data = replace(plan.data, y=swallowed(plan.data.y), y_valid=swallowed(plan.data.y_valid))

    return change


def rare_classes(share: float) -> Change:
    """Of half of the classes only a share of the rows was collected (two at least)."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        def collected(X: Any, y: Any) -> tuple[Any, Any]:
            keep = np.ones(len(y), bool)
            for c in np.unique(y)[1::2]:
                rows = rng.permutation(np.flatnonzero(y == c))
                keep[rows[max(2, round(share * len(rows))) :]] = False
            return X[keep], y[keep]

        X, y = collected(plan.data.X, plan.data.y)
        X_valid, y_valid = collected(plan.data.X_valid, plan.data.y_valid)
        plan.data = replace(plan.data, X=X, y=y, X_valid=X_valid, y_valid=y_valid)

    return change


def leak(plan: Plan, rng: np.random.Generator) -> None:
    """Columns that hold the target while training, and nothing of it where the network is used."""
    d = plan.data

    def relabelled(X: Any, y: Any) -> Any:
        columns = np.eye(d.n_classes)[y][:, 1:] if d.n_classes else y[:, None]
        return np.hstack([X, columns])

    unknown = rng.permutation(d.y_test)
    plan.data = replace(
        d, X=relabelled(d.X, d.y), X_valid=relabelled(d.X_valid, d.y_valid), X_test=relabelled(d.X_test, unknown)
    )  # fmt: skip


def shared_rows(share: float) -> Change:
    """A share of the validation rows are training rows."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        d, taken = plan.data, rng.random(len(plan.data.X_valid)) < share
        copies = rng.integers(len(d.X), size=len(d.X_valid))
        X = np.where(taken[:, None], d.X[copies], d.X_valid)
        plan.data = replace(d, X_valid=X, y_valid=np.where(taken, d.y[copies], d.y_valid))

    return change


def few_rows(n: int) -> Change:
    """Only n rows to train on."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.data = replace(plan.data, X=plan.data.X[:n], y=plan.data.y[:n])

    return change


# initial weights ----------------------------------------------------------------------------------------


def weights(factor: float) -> Change:
    """All initial weights times a factor."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        def edit(net: cr.Network) -> None:
            for W in net.W[1:]:
                W *= factor

        plan.edits.append(edit)

    return change


def all_weights(value: float) -> Change:
    """Every initial weight is the same number."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        def edit(net: cr.Network) -> None:
            for W in net.W[1:]:
                W[:] = value

        plan.edits.append(edit)

    return change


def hidden_biases(value: float, *, either_sign: bool = False) -> Change:
    """Every bias of the hidden layers starts at a number, or at it or its negative by chance."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        def edit(net: cr.Network) -> None:
            for b in net.b[1:-1]:
                b[:] = value * (rng.choice([-1, 1], len(b)) if either_sign else 1)

        plan.edits.append(edit)

    return change


# architecture and mathematics ---------------------------------------------------------------------------


def deep(n_layers: int, n_units: int, **activation: str) -> Change:
    """So many hidden layers of so many units."""
    return planned(hidden=[n_units] * n_layers, **activation)


def class_as_number(plan: Plan, rng: np.random.Generator) -> None:
    """Classes regressed as if their numbers were amounts."""
    plan.output, plan.loss, plan.n_outputs, plan.as_number = "identity", "squared_error", 1, True
    plan.data = replace(plan.data, y=plan.data.y.astype(float), y_valid=plan.data.y_valid.astype(float))


def wrong_derivative(plan: Plan, rng: np.random.Generator) -> None:
    """An activation of one's own whose derivative has the wrong sign, entered in the table as CONTRIBUTING says."""
    right = ACTIVATIONS[plan.activation]
    plan.activation = f"my_{right.name}"
    entry = replace(right, name=plan.activation, pullback=lambda z, a, da: -right.pullback(z, a, da))
    plan.broken = (ACTIVATIONS, plan.activation, entry)


def wrong_loss_gradient(plan: Plan, rng: np.random.Generator) -> None:
    """A loss of one's own whose derivative by the output has the wrong sign."""
    right, output = LOSSES[plan.loss].pairs[plan.output], plan.output
    pair = Pair(value=right.value, da=lambda a, y: -right.da(a, y))
    plan.loss = f"my_{plan.loss}"
    plan.broken = (LOSSES, plan.loss, Loss(name=plan.loss, formula="a loss of one's own", own={output: pair}))


def both(*changes: Change) -> Change:
    """Several changes, one after the other."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        for one in changes:
            one(plan, rng)

    return change
