"""What is true of one update rule: its mathematics, its hyper-parameters, its bound and its texts, in one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from chainrule.reference.activation import Array
from chainrule.reference.setting import Setting
from chainrule.visible import short_repr

State: TypeAlias = dict[str, Array]
Hyper: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class OneNumber:
    """An update of one parameter with its numbers.

    Parameters
    ----------
    theta, theta_new : float
        The parameter before and after.
    g : float
        Its gradient.
    eta : float
        The learning rate.
    t : int
        The number of the update, step + 1, from 1.
    hyper : mapping
        The hyper-parameters.
    old, new : mapping of str to float
        The optimizer's state of this parameter before and after, by name.
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

    Every symbolic form, evaluated with `symbols`, α of `where` and the hyper-parameters, gives its number.

    Parameters
    ----------
    fresh : float
        The factor of the gradient.
    fresh_is : str, default "−η"
        Its symbolic form.
    memory : float, default 0.0
        What the state from before the step contributes.
    memory_is : str, default ""
        Its symbolic form.
    others : tuple of (str, float)
        Further summands: symbols and value.
    where : str, optional
        What a symbol of `fresh_is` means, with its numbers, such as "α = η/(√v + ε) = 0.1/(√0.04 + 1e-08) = 0.5".
    symbols : mapping of str to str
        The symbols of these forms and their values, as text; of what the rule remembers the value before the step. None
        by default.
    """

    fresh: float
    fresh_is: str = "−η"
    memory: float = 0.0
    memory_is: str = ""
    others: tuple[tuple[str, float], ...] = ()
    where: str | None = None
    symbols: Mapping[str, str] = field(default_factory=dict)


def no_state(hyper: Hyper) -> tuple[str, ...]:
    """The rule remembers nothing."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """One update rule; what has a default may be left out: explain then shows the number before and after alone.

    Parameters
    ----------
    name : str
        Its name.
    rule : callable
        Called with g, state, theta, t, eta and the hyper-parameters by name; gives theta and state as new arrays, each
        parameter by itself.
    formula : str
        The formula, "θ ← …".
    settings : tuple of Setting
        The hyper-parameters besides η, each with its one default, range and meaning.
    learning_rate : float, default 0.001
        The value of η where none is given.
    state : callable
        Called with the hyper-parameters; gives the names of the arrays that it keeps, each shaped like theta and 0 at
        the start. None are kept by default.
    squares : tuple of str, default ()
        Which of these arrays hold squares of g, of which squares of what counts do (docs/notation.md, small numbers).
    check : callable, optional
        Called with the hyper-parameters; raises SettingsError if they do not go together.
    formula_for : callable, optional
        Called with the hyper-parameters; gives the formula where they change it.
    stable_factor : callable, optional
        Called with the hyper-parameters; gives the product η·λ at which the rule becomes unstable where the loss bends
        with λ.
    scale : callable, optional
        Called with the hyper-parameters and gradients (n, size); gives the (size,) that the rule divides by, √v + ε as
        the first batches make it. None for a rule that moves in plain coordinates. Its λ, and so the bound, is
        approximate.
    worked : callable, optional
        Called with a OneNumber and the name of the parameter; gives lines of the rule with its numbers.
    parts : callable, optional
        Called with a OneNumber; gives the change as a sum.
    numpy : callable, optional
        Called with hyper, eta, t, c; gives NumPy lines from theta, g and the state to `value`. c(x) is x in the run's
        precision; fma(x, y, s) is x·y + s rounded once.

    Examples
    --------
    >>> from chainrule.entries import Optimizer
    >>> signed = Optimizer(
    ...     name="sign_descent",
    ...     rule=lambda g, state, theta, t, eta: (theta - eta * np.sign(g), state),
    ...     formula="θ ← θ − η·sign(g)",
    ... )
    >>> signed.update(np.array([3.0, -2.0]), {}, np.array([1.0, 1.0]), 1, 0.5)[0].tolist()
    [0.5, 1.5]
    """

    name: str
    rule: Callable[..., tuple[Array, State]]
    formula: str
    settings: tuple[Setting, ...] = ()
    learning_rate: float = 0.001
    state: Callable[[Hyper], tuple[str, ...]] = no_state
    squares: tuple[str, ...] = ()
    check: Callable[[Hyper], None] | None = None
    formula_for: Callable[[Hyper], str] | None = None
    stable_factor: Callable[[Hyper], float] | None = None
    scale: Callable[[Hyper, Array], Array] | None = None
    worked: Callable[[OneNumber, str], list[str]] | None = None
    parts: Callable[[OneNumber], Parts] | None = None
    numpy: Callable[[Hyper, float, int, Callable[[float], str]], list[str]] | None = None
    __repr__ = short_repr

    @property
    def hyper(self) -> dict[str, Any]:
        """The hyper-parameters besides η with their defaults."""
        return {setting.name: setting.default for setting in self.settings}

    @property
    def approximate(self) -> bool:
        """Whether the bound on η is approximate: the rule divides by a changing quantity, or is unknown."""
        return self.stable_factor is None or self.scale is not None

    def keeps(self, hyper: Hyper) -> tuple[str, ...]:
        """Return the names of the arrays that the rule keeps.

        Parameters
        ----------
        hyper : mapping
            Hyper-parameters; the others have their defaults.

        Returns
        -------
        tuple of str
            The names.
        """
        return self.state({**self.hyper, **hyper})

    def start(self, theta: Array, hyper: Hyper) -> State:
        """Return the state before the first update.

        Parameters
        ----------
        theta : ndarray
            The parameters.
        hyper : mapping
            Hyper-parameters; the others have their defaults.

        Returns
        -------
        dict of str to ndarray
            Zeros shaped like theta.
        """
        return {name: np.zeros_like(theta) for name in self.keeps(hyper)}

    def update(self, g: Array, state: State, theta: Array, t: int, eta: float, **hyper: Any) -> tuple[Array, State]:
        """Apply the rule once.

        Parameters
        ----------
        g : ndarray
            The gradient.
        state : dict of str to ndarray
            What the rule keeps.
        theta : ndarray
            The parameters.
        t : int
            The number of the update, from 1.
        eta : float
            The learning rate.
        **hyper
            Hyper-parameters; the others have their defaults.

        Returns
        -------
        theta : ndarray
            The parameters after the update.
        state : dict of str to ndarray
            The state after the update.
        """
        return self.rule(g, state, theta, t, eta, **{**self.hyper, **hyper})
