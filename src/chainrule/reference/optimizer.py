"""What is true of one update rule: its mathematics, its hyper-parameters, its bound and its texts, in one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chainrule.reference.activation import Array
from chainrule.reference.setting import Setting

State: TypeAlias = dict[str, Array]
Hyper: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class OneNumber:
    """An update of one parameter with its numbers: before and after, its gradient, the optimizer's state.

    t = step + 1 counts updates from 1; old, new: the state of this parameter before and after, by name.
    """

    theta: float
    theta_new: float
    g: float
    eta: float
    t: int
    hyper: Hyper
    old: Mapping[str, float]
    new: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The change of one parameter as a sum: fresh·g, what memory alone makes, and what decays.

    fresh_is, memory_is: what the two stand for in symbols; others: (symbols, value) of further summands;
    where: what a symbol of fresh_is means, such as "α = η/(√v + ε)".
    """

    fresh: float
    fresh_is: str = "−η"
    memory: float = 0.0
    memory_is: str = ""
    others: tuple[tuple[str, float], ...] = ()
    where: str | None = None


def no_state(hyper: Hyper) -> tuple[str, ...]:
    """The rule remembers nothing."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """One update rule. What has a default may be left out: explain then shows the number before and after alone.

    Parameters
    ----------
    name : str
    rule : (g, state, theta, t, eta, **hyper) -> theta, state; new arrays, each parameter by itself.
    formula : "θ ← …"; formula_for : the same for these hyper-parameters, where they change it.
    settings : the hyper-parameters besides η, each with its one default, range and meaning.
    learning_rate : the default of η.
    state : hyper -> names of the arrays that it keeps, each shaped like theta and 0 at the start.
    check : raises SettingsError for hyper-parameters that do not go together.
    stable_factor : hyper -> the product η·λ at which the rule becomes unstable where the loss bends with λ.
    scale : (hyper, gradients (n, size)) -> (size,) that a rule divides by, √v + ε as the first batches make it; None
        for a rule that moves in plain coordinates. Their λ, and so the bound, is approximate.
    worked : (numbers, name of the parameter) -> lines of the rule with its numbers.
    parts : numbers -> the change as a sum.
    numpy : (hyper, eta, t, c) -> NumPy lines from theta, g and the state to `value`; c(x): x in the run's precision;
        fma(x, y, s) is x·y + s rounded once.
    """

    name: str
    rule: Callable[..., tuple[Array, State]]
    formula: str
    settings: tuple[Setting, ...] = ()
    learning_rate: float = 0.001
    state: Callable[[Hyper], tuple[str, ...]] = no_state
    check: Callable[[Hyper], None] | None = None
    formula_for: Callable[[Hyper], str] | None = None
    stable_factor: Callable[[Hyper], float] | None = None
    scale: Callable[[Hyper, Array], Array] | None = None
    worked: Callable[[OneNumber, str], list[str]] | None = None
    parts: Callable[[OneNumber], Parts] | None = None
    numpy: Callable[[Hyper, float, int, Callable[[float], str]], list[str]] | None = None

    @property
    def hyper(self) -> dict[str, Any]:
        """The hyper-parameters besides η with their defaults."""
        return {setting.name: setting.default for setting in self.settings}

    @property
    def approximate(self) -> bool:
        """Whether the bound on η is no exact one: the rule divides by what changes, or nothing is known of it."""
        return self.stable_factor is None or self.scale is not None

    def keeps(self, hyper: Hyper) -> tuple[str, ...]:
        """The names of the arrays that the rule keeps under these hyper-parameters, the others by default."""
        return self.state({**self.hyper, **hyper})

    def start(self, theta: Array, hyper: Hyper) -> State:
        """The state before the first update: zeros shaped like theta."""
        return {name: np.zeros_like(theta) for name in self.keeps(hyper)}

    def update(self, g: Array, state: State, theta: Array, t: int, eta: float, **hyper: Any) -> tuple[Array, State]:
        """theta and the state after an update; hyper-parameters that are not given have their defaults."""
        return self.rule(g, state, theta, t, eta, **{**self.hyper, **hyper})
