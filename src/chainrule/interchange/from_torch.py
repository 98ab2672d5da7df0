"""from_torch: an nn.Sequential becomes a Network with the same bits of weights."""

from __future__ import annotations

from typing import Any

from chainrule.api.network import Network
from chainrule.errors import SettingsError, warn
from chainrule.interchange.layers import network_of, refuse_non_finite
from chainrule.interchange.torch_layers import SequentialRead
from chainrule.interchange.torch_losses import criterion_of, output_and_loss
from chainrule.interchange.torch_spelling import torch_nn


def from_torch(module: Any, *, loss: Any = None, output: str | None = None, check: bool = True) -> Network:
    """Make a Network of a feed-forward module of PyTorch, which stays as it is.

    Parameters
    ----------
    module : torch.nn.Sequential or torch.nn.Linear
        Linear layers, each with a LayerNorm, an activation and Dropout behind it as wanted; Flatten and Identity
        anywhere; an inner Sequential counts as its parts. The object itself, not a file.
    loss : str or torch.nn loss, optional
        What it is trained with: a name here, or a loss of PyTorch with its default arguments. It may be left out where
        the module ends with Sigmoid or Softmax: "cross_entropy" then.
    output : str, optional
        The output activation of a module that ends with z, which its loss activates. By default what `loss` applies:
        softmax under CrossEntropyLoss, a sigmoid under BCEWithLogitsLoss and "cross_entropy" of one output.
    check : bool, default True
        Whether every gradient is compared with autograd's, in float64.

    Returns
    -------
    Network
        The same architecture with the same numbers, bit for bit; W[l] is the transpose of a Linear's weight.

    Raises
    ------
    SettingsError
        For anything else in the module, named with its place; for parameters that are neither float32 nor float64, are
        shared, or are not finite; where module and loss contradict each other; where a gradient is not autograd's.

    Warns
    -----
    UserWarning
        For what training here would do otherwise: dropout is an argument of `train`, and every layer has a bias.

    Notes
    -----
    J here is a mean over rows of sums over outputs. So J = CrossEntropyLoss = NLLLoss; of k outputs J = ½·k·MSELoss,
    and k times L1Loss, HuberLoss, BCELoss, BCEWithLogitsLoss and PoissonNLLLoss, and gradients likewise.

    Examples
    --------
    >>> import chainrule as cr
    >>> import torch  # doctest: +SKIP
    >>> module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))  # doctest: +SKIP
    >>> cr.from_torch(module, loss=torch.nn.CrossEntropyLoss())  # doctest: +SKIP
    Network(4-8-3, relu, output=softmax, loss=cross_entropy, 67 parameters, float32)
    """
    nn = torch_nn("from_torch")
    if not isinstance(module, nn.Module):
        shown = f"the path {module!r}" if isinstance(module, str) else f"a {type(module).__name__}"
        raise SettingsError(f"module: must be an nn.Sequential (got {shown}). Load it in PyTorch and pass the object.")
    read = SequentialRead(module, nn)
    name = loss if loss is None or isinstance(loss, str) else None
    criterion = None if loss is None or isinstance(loss, str) else criterion_of(loss, nn)
    chosen = output_and_loss(read.ends, output, name, criterion)
    network = network_of(read.layers, *chosen, "module")
    if check:
        from chainrule.interchange.autograd import compare

        refuse_non_finite(network, "module")
        compare(network, module, read, loss, criterion)
    _warn(read)
    return network


def _warn(read: SequentialRead) -> None:
    """Of what training here would do otherwise."""
    if read.without_bias:
        warn(
            f"{', '.join(read.without_bias)}: bias=False; b of the layer is 0 here, and training it further changes it."
        )
    if read.dropout:
        rates = " and ".join(f"{rate:g}" for rate in dict.fromkeys(read.dropout))
        warn(f"Dropout({rates}) is no part of a network here. Pass dropout={max(read.dropout):g} to train.")
