"""Further mistakes, each a change of a plan: those of the fresh cases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.loss import Loss, Pair
from chainrule.reference.losses import LOSSES
from diagnosis.inject import Change
from diagnosis.plans import Plan

# settings -----------------------------------------------------------------------------------------------


def steps_by(chosen: Any, **values: Any) -> Change:
    """Another optimizer, and other options of train."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.optimizer = chosen
        plan.settings |= values

    return change


class Factor:
    """A callback that multiplies the learning rate by a factor after every so many epochs."""

    def __init__(self, plan: Plan, factor: float, every: int) -> None:
        self.rate, self.factor, self.every = plan.optimizer.learning_rate, factor, every

    def on_epoch_end(self, control: Any) -> None:
        """The rate of the next epoch."""
        control.set(learning_rate=self.rate * self.factor ** ((control.epoch + 1) // self.every))


def factor_of_epochs(factor: float, every: int) -> Change:
    """A schedule of one's own."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.settings["callbacks"] = [Factor(plan, factor, every)]

    return change


def weight_of_class(c: int, weight: float) -> Change:
    """The rows of one class weigh less, or more, than those of the others."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.settings["sample_weight"] = np.where(plan.data.y == c, weight, 1.0)

    return change


# columns ------------------------------------------------------------------------------------------------


def in_units(units: dict[int, tuple[float, float]]) -> Change:
    """Columns (by index) at a mean and a deviation of their own in every part: they were never scaled."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        def raw(X: Any) -> Any:
            X = X.copy()
            for j, (mean, deviation) in units.items():
                X[:, j] = mean + deviation * X[:, j]
            return X

        plan.data = plan.data.mapped(raw)

    return change


def squeezed(factor: float) -> Change:
    """Scaled to 0 … 1 by the range of columns in which one row is a factor too large: all others are near 0."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        X = plan.data.X.copy()
        X[rng.integers(len(X))] = factor * np.abs(X).max(axis=0)
        low, high = X.min(axis=0), X.max(axis=0)
        plan.data = replace(plan.data, X=X).mapped(lambda X: (X - low) / (high - low))

    return change


def gaps(value: float, share: float, columns: int) -> Change:
    """A share of the cells of the first columns is a code for "missing"."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        place = np.arange(plan.data.X.shape[1]) < columns
        plan.data = plan.data.mapped(lambda X: np.where(place & (rng.random(X.shape) < share), value, X))

    return change


def judged_unscaled(mean: float, deviation: float) -> Change:
    """Validation and test rows are not scaled as the training rows were."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        d = plan.data
        plan.data = replace(d, X_valid=mean + deviation * d.X_valid, X_test=mean + deviation * d.X_test)

    return change


def blank(first: int) -> Change:
    """All columns from one on are 0 in every row: a join that found nothing."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.data = plan.data.mapped(lambda X: np.where(np.arange(X.shape[1]) >= first, 0.0, X))

    return change


def overflow(value: float) -> Change:
    """The last cell of one training row is a number that float32 can hold, and its square not."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        X = plan.data.X.copy()
        X[len(X) // 2, -1] = value
        plan.data = replace(plan.data, X=X)

    return change


def told(how: Any) -> Change:
    """Columns made of y in training and validation rows, and of the y of other rows where the network is used."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        d = plan.data

        def beside(X: Any, y: Any) -> Any:
            return np.hstack([X, np.column_stack(how(np.asarray(y, float), rng))])

        X, X_valid = beside(d.X, d.y), beside(d.X_valid, d.y_valid)
        plan.data = replace(d, X=X, X_valid=X_valid, X_test=beside(d.X_test, rng.permutation(d.y_test)))

    return change


def row_numbers(y: Any, rng: np.random.Generator) -> list[Any]:
    """The number of a row in a file that was sorted by the target, from -1 to 1."""
    place = np.empty(len(y))
    place[np.lexsort((rng.random(len(y)), y))] = np.linspace(-1, 1, len(y))
    return [place]


def two_summands(y: Any, rng: np.random.Generator) -> list[Any]:
    """Two columns whose sum is the target."""
    part = rng.normal(size=len(y))
    return [part, y - part]


# rows and targets ---------------------------------------------------------------------------------------


def targets(how: Any) -> Change:
    """Other targets: how(y, rng, n_classes) of training and validation rows."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        d = plan.data
        plan.data = replace(d, y=how(d.y, rng, d.n_classes), y_valid=how(d.y_valid, rng, d.n_classes))

    return change


def in_money(mean: float, deviation: float) -> Change:
    """The values at their own scale in every part."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        d = plan.data
        y, y_valid, y_test = (mean + deviation * y for y in (d.y, d.y_valid, d.y_test))
        plan.data = replace(d, y=y, y_valid=y_valid, y_test=y_test)

    return change


def by_one(y: Any, rng: np.random.Generator, n_classes: int) -> Any:
    """Every row with the target of the row before it."""
    return np.roll(y, 1)


def confused(a: int, b: int, share: float) -> Any:
    """A share of the rows of two classes has the label of the other."""

    def how(y: Any, rng: np.random.Generator, n_classes: int) -> Any:
        hit = rng.random(len(y)) < share
        return np.where(hit & (y == a), b, np.where(hit & (y == b), a, y))

    return how


def in_cents(share: float, factor: float) -> Any:
    """A share of the values was entered in another unit."""

    def how(y: Any, rng: np.random.Generator, n_classes: int) -> Any:
        return np.where(rng.random(len(y)) < share, y * factor, y)

    return how


def annotators(share: float) -> Change:
    """Every training row comes twice, by two annotators, of whom the second guesses a share of the labels."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        d = plan.data
        half = len(d.X) // 2
        guess = np.where(rng.random(half) < share, rng.integers(0, d.n_classes, half), d.y[:half])
        plan.data = replace(d, X=np.vstack([d.X[:half]] * 2), y=np.concatenate([d.y[:half], guess]))

    return change


def repeated(n: int) -> Change:
    """A join that went wrong: as many training rows as before, of which only n differ."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        take = rng.integers(0, n, len(plan.data.X))
        plan.data = replace(plan.data, X=plan.data.X[take], y=plan.data.y[take])

    return change


def kept(c: int, n: int) -> Change:
    """Of one class no more than n training rows are left."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        rows = np.flatnonzero(plan.data.y == c)[n:]
        keep = ~np.isin(np.arange(len(plan.data.y)), rows)
        plan.data = replace(plan.data, X=plan.data.X[keep], y=plan.data.y[keep])

    return change


# parameters ---------------------------------------------------------------------------------------------


def drawn(how: Any) -> Change:
    """Every hidden and output weight matrix drawn by how(rng, shape)."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        seed = int(rng.integers(2**31))

        def edit(net: cr.Network) -> None:
            own = np.random.default_rng(seed)
            for W in net.W[1:]:
                W[:] = how(own, W.shape)

        plan.edits.append(edit)

    return change


def below_zero(layer: int) -> Change:
    """The weights into one hidden layer are all negative."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        def edit(net: cr.Network) -> None:
            net.W[layer][:] = -np.abs(net.W[layer])

        plan.edits.append(edit)

    return change


# mathematics --------------------------------------------------------------------------------------------


def own_activation(name: str, pullback: Any) -> Change:
    """An activation of one's own: that of a name with another pullback."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        plan.activation = f"own_{name}"
        plan.broken = (
            ACTIVATIONS, plan.activation, replace(ACTIVATIONS[name], name=plan.activation, pullback=pullback),
        )  # fmt: skip

    return change


def own_loss(name: str, da: Any) -> Change:
    """A loss of one's own: the value of that of a name with another derivative."""

    def change(plan: Plan, rng: np.random.Generator) -> None:
        pair = Pair(value=LOSSES[name].pairs[plan.output].value, da=da)
        plan.loss = f"own_{name}"
        plan.broken = (
            LOSSES, plan.loss, Loss(name=plan.loss, formula="a loss of one's own", own={plan.output: pair}),
        )  # fmt: skip

    return change
