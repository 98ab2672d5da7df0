"""What a gradient check found, tensor by tensor."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.visible import short_repr


@dataclass(frozen=True, kw_only=True)
class TensorCheck:
    """The comparison of one tensor.

    Attributes
    ----------
    name : str
        The tensor, such as "W1".
    shape : tuple of int
        Its shape.
    n_checked : int
        Entries that were compared.
    error : float
        Its relative error.
    worst : tuple of int or None
        The place of the entry that differs most.
    analytic, numeric : float
        That entry by backpropagation and by central differences.
    kinks : tuple of tuple of int
        Entries that crossed a corner and were not judged.
    bands : tuple of int
        Entries by the size of their error.
    directional : float or None
        Error along a random direction through the whole tensor, where only some entries were compared.
    resolved : bool
        Whether the gradient is large enough to stand out from the rounding of J.
    """

    name: str
    shape: tuple[int, ...]
    n_checked: int
    error: float
    worst: tuple[int, ...] | None
    analytic: float
    numeric: float
    kinks: tuple[tuple[int, ...], ...]
    bands: tuple[int, ...]
    directional: float | None = None
    """Error along a random direction through the whole tensor, where only some entries were compared."""
    resolved: bool = True
    """Whether the gradient is large enough to stand out from the rounding of J."""
    __repr__ = short_repr

    @property
    def n_kinks(self) -> int:
        """Entries that crossed a corner and were not judged."""
        return len(self.kinks)


@dataclass(frozen=True)
class CheckOutcome:
    """The outcome: passed if no tensor's error exceeds the threshold."""

    tensors: dict[str, TensorCheck]
    threshold: float
    n_parameters: int
    __repr__ = short_repr

    @property
    def max_relative_error(self) -> float:
        """The largest error of a tensor, random directions included."""
        return max(max(t.error, t.directional or 0.0) for t in self.tensors.values())

    @property
    def passed(self) -> bool:
        """Whether every tensor is within the threshold."""
        return bool(self.max_relative_error <= self.threshold)

    @property
    def kinks(self) -> dict[str, tuple[tuple[int, ...], ...]]:
        """Entries that crossed a corner, by tensor."""
        return {name: tensor.kinks for name, tensor in self.tensors.items() if tensor.kinks}

    @property
    def forward_passes_numerical(self) -> int:
        """Forward passes that central differences need for the whole gradient; backpropagation needs two passes."""
        return 2 * self.n_parameters
