"""The input layer: what makes a[0] of X before the first product, where a network has such a thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import prod
from typing import Any

from chainrule.errors import SettingsError
from chainrule.network.embeddings import check_step
from chainrule.reference.input_kinds import INPUT_KINDS, in_turn, width
from chainrule.reference.layer_kind import LayerKind
from chainrule.visible import short_repr

Step = tuple[str, tuple[tuple[str, Any], ...]]
"""The name of a kind, and its options in order."""


@dataclass(frozen=True)
class InputLayer:
    """Layer 0: a[0] = kind(X), the kinds of its steps one after the other.

    Attributes
    ----------
    n_in : int
        Columns of X.
    steps : tuple
        For each kind its name and options.
    """

    n_in: int
    steps: tuple[Step, ...]
    __repr__ = short_repr

    @classmethod
    def build(cls, n_in: int, given: Sequence[Mapping[str, Any]]) -> InputLayer | None:
        """The layer of these kinds, each {"kind": name, option: value …}; None where there are none."""
        if not given:
            return None
        n, names = n_in, list[str]()
        for step in given:
            check_step(step, n)
            kind = INPUT_KINDS[step["kind"]](n, step)
            n, names = width(kind, n), [*names, *kind.shapes(n)]
        if "member_scale" in [step["kind"] for step in given[:-1]]:
            raise SettingsError(
                "inputs: 'member_scale' must be the last step: the rows behind it are those of the members."
            )
        if len(set(names)) < len(names):
            found = ", ".join(str(step["kind"]) for step in given)
            raise SettingsError(
                f"embedding: {found} learn tensors of the same names. Embed all numbers in one way, and all categories "
                "by one 'category' with several columns."
            )
        steps = tuple((str(s["kind"]), _frozen({k: v for k, v in s.items() if k != "kind"})) for s in given)
        return cls(n_in, steps)

    @cached_property
    def kinds(self) -> tuple[LayerKind, ...]:
        """The kind of every step."""
        found: list[LayerKind] = []
        n = self.n_in
        for name, options in self.steps:
            found.append(INPUT_KINDS[name](n, _thawed(options)))
            n = width(found[-1], n)
        return tuple(found)

    @cached_property
    def kind(self) -> LayerKind:
        """All steps as one kind."""
        return reduce(in_turn, self.kinds)

    @cached_property
    def n_out(self) -> int:
        """Columns of a[0]."""
        return width(self.kind, self.n_in)

    @property
    def members(self) -> int:
        """The rows that it makes of every row."""
        return self.kind.members

    @cached_property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor, in the order of the flat vector."""
        return self.kind.shapes(self.n_in)

    @cached_property
    def n_parameters(self) -> int:
        """Entries of all tensors."""
        return sum(prod(shape) for shape in self.tensors.values())

    def to_list(self) -> list[dict[str, Any]]:
        """The steps as plain JSON values, as `build` takes them."""
        return [{"kind": name, **_thawed(options)} for name, options in self.steps]


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((str(name), _frozen(value[name])) for name in sorted(value))  # in whatever order a file has them
    return tuple(_frozen(part) for part in value) if isinstance(value, list | tuple) else value


def _thawed(options: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    return {name: _listed(value) for name, value in options}


def _listed(value: Any) -> Any:
    return [_listed(part) for part in value] if isinstance(value, tuple) else value
