"""Entries from outside: an activation, a loss, an optimizer or a layer kind of one's own, by an explicit call.

Nothing is found by itself: no plug-in is searched for, and no name in a file becomes an object. A run that uses a
registered name can be loaded after the same call.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any, TypeVar

from chainrule.errors import SettingsError
from chainrule.reference.activation import Activation
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layer_kind import LayerKind
from chainrule.reference.layer_kinds import LAYER_KINDS
from chainrule.reference.loss import Loss
from chainrule.reference.losses import LOSSES
from chainrule.reference.optimizer import Optimizer
from chainrule.reference.optimizers import HYPER_PARAMETERS, OPTIMIZERS

AnyEntry = TypeVar("AnyEntry", Activation, Loss, Optimizer, LayerKind)
RESERVED = ("W", "b", "z", "u", "a", "y", "X", "J", "delta", "loss", "learning", "rate", "theta", "kinds", "flat")
"""Names of numbers of every step, which no tensor of a layer kind may have."""


def register_activation(name: str, entry: Activation) -> None:
    """Make an activation known under a name, for `activation=` and `output=` of a network.

    Parameters
    ----------
    name : str
        What it is called: letters, digits and underscores.
    entry : chainrule.entries.Activation
        What is true of it. It acts on each unit alone.

    Raises
    ------
    SettingsError
        For a name that another entry has, an entry of another kind, or an activation that mixes units.

    Notes
    -----
    The native engine knows the built-in entries; a network with another one is computed by the NumPy engine, and
    `run.json` says so (`engine.reason`). The page `report.html` shows its numbers and does not recompute them.

    Examples
    --------
    >>> import chainrule as cr
    >>> from chainrule.entries import Activation
    >>> square = Activation(
    ...     name="square",
    ...     g=lambda z: z * z,
    ...     pullback=lambda z, a, da: 2 * z * da,
    ...     bend=lambda z, a, da, Rz: 2 * da * Rz,
    ...     formula="a = z²",
    ... )
    >>> cr.register_activation("square", square)
    >>> net = cr.Network([1, 2, 1], "square", output="identity", loss="squared_error", dtype="float64")
    >>> cr.check_gradients(net, [[0.5], [2.0]], [[1.0], [3.0]]).passed
    True
    """
    _check(name, entry, Activation, "activation")
    if not entry.elementwise:
        raise SettingsError(
            f"activation {name!r} mixes units (elementwise=False): must act on each unit separately. "
            "Register it as a layer kind."
        )
    _put("activation", ACTIVATIONS, name, entry)


def register_loss(name: str, entry: Loss) -> None:
    """Make a loss known under a name, for `loss=` of a network.

    Parameters
    ----------
    name : str
        What it is called: letters, digits and underscores.
    entry : chainrule.entries.Loss
        What is true of it, with a pair for every output activation it has a meaning on.

    Raises
    ------
    SettingsError
        For a name that another entry has, an entry of another kind, or one without a pair.

    Examples
    --------
    >>> import chainrule as cr
    >>> from chainrule.reference.losses import LOSSES
    >>> cr.register_loss("mean_square", LOSSES["squared_error"])  # an entry under a name of its own
    >>> cr.Network([1, 1], output="identity", loss="mean_square").architecture.loss
    'mean_square'
    """
    _check(name, entry, Loss, "loss")
    if not entry.pairs:
        raise SettingsError(f"loss {name!r} has no pair: must have `anywhere`, or one in `own` for each output.")
    _put("loss", LOSSES, name, entry)


def register_optimizer(name: str, entry: Optimizer) -> None:
    """Make an update rule known under a name, for `optimizer={"name": name, "learning_rate": …}`.

    Parameters
    ----------
    name : str
        What it is called: letters, digits and underscores.
    entry : chainrule.entries.Optimizer
        What is true of it, with its hyper-parameters.

    Raises
    ------
    SettingsError
        For a name that another entry has, an entry of another kind, or a hyper-parameter named learning_rate.

    Examples
    --------
    >>> import chainrule as cr
    >>> from chainrule.entries import Optimizer
    >>> signed = Optimizer(
    ...     name="sign_descent",
    ...     rule=lambda g, state, theta, t, eta: (theta - eta * np.sign(g), state),
    ...     formula="θ ← θ − η·sign(g)",
    ... )
    >>> cr.register_optimizer("sign_descent", signed)
    >>> net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64")
    >>> rule = {"name": "sign_descent", "learning_rate": 0.25}
    >>> run = cr.train(net, [[1.0]], [[5.0]], optimizer=rule, epochs=1, progress=False)
    >>> run.network.b[1].tolist()
    [0.25]
    """
    _check(name, entry, Optimizer, "optimizer")
    if "learning_rate" in entry.hyper:
        raise SettingsError(f"optimizer {name!r} declares learning_rate, which every rule has. Leave it out.")
    _put("optimizer", OPTIMIZERS, name, entry)
    for setting in entry.settings:
        HYPER_PARAMETERS.setdefault(setting.name, setting)


def register_layer(name: str, entry: LayerKind) -> None:
    """Make a layer kind known under a name, for `normalization=` of a network: what makes u of z, before g(u).

    Parameters
    ----------
    name : str
        What it is called: letters, digits and underscores.
    entry : chainrule.entries.LayerKind
        What is true of it, with its two passes and the tensors it learns.

    Raises
    ------
    SettingsError
        For a name that another entry has, an entry of another kind, or a tensor whose name is taken.

    Examples
    --------
    >>> import chainrule as cr
    >>> from chainrule.entries import LayerKind, Tensor
    >>> scale = LayerKind(
    ...     name="scale",
    ...     forward=lambda z, tensors: z * tensors["factor"],
    ...     backward=lambda z, tensors, du: (du * tensors["factor"], {"factor": (du * z).sum(axis=0)}),
    ...     tensors=(Tensor(name="factor", start=1.0),),
    ...     mixes=False,
    ... )
    >>> cr.register_layer("scale", scale)
    >>> net = cr.Network([1, 2, 1], "tanh", output="identity", loss="squared_error", normalization="scale")
    >>> net.parameters.factor[1].tolist()
    [1.0, 1.0]
    """
    _check(name, entry, LayerKind, "layer kind")
    for tensor in entry.tensors:
        plain = tensor.name.isascii() and tensor.name.isalpha()
        if not plain or tensor.name in RESERVED or tensor.name.startswith("d"):
            raise SettingsError(
                f"layer kind {name!r} has a tensor named {tensor.name!r}: must be of ASCII letters, not begin with d "
                f"(reserved for gradients), and not be one of {', '.join(RESERVED)}."
            )
    _put("layer kind", LAYER_KINDS, name, entry)


def _check(name: Any, entry: Any, kind: type, what: str) -> None:
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
        raise SettingsError(f"{what} name={name!r}: must consist of letters, digits and underscores. Try 'swish'.")
    if not isinstance(entry, kind):
        raise SettingsError(
            f"{what} {name!r} is a {type(entry).__name__}: must be a chainrule.entries.{kind.__name__}."
        )


def _put(what: str, table: MutableMapping[str, AnyEntry], name: str, entry: AnyEntry) -> None:
    """The entry in its table; to register the same again changes nothing."""
    entry = entry if entry.name == name else replace(entry, name=name)
    known = table.get(name)
    if known is not None and known != entry:
        raise SettingsError(f"{what} {name!r} already exists. Choose another name.")
    table[name] = entry
