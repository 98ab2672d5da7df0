"""The equations of both passes and the names of their entries, in three notations.

"batch": rows are examples, as everywhere in chainrule. "note": column vectors, W a + b, the layer as a
superscript. "nielsen": indices, w^l_jk leading from k to j. In the last two W is the transpose of the
stored W[l]. The input is layer 0 in all of them; Nielsen's book counts it as layer 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, kw_only=True)
class Notation:
    """Formats with the slots l, below (l − 1), above (l + 1); and j (unit), k (unit of the layer below).

    on: what the activation is applied to, z or u; skip: the input of a layer that adds it; error: the name
    of what the pullback gives; activation: its symbol; more: the error that a residual connection above lets down
    unchanged; transposed: whether W is the transpose of the stored W[l], a row for each unit of the layer itself.
    """

    name: str
    equations: Mapping[str, str]
    unit: str
    weight: str
    weight_gradient: str
    bias_gradient: str
    delta: str = "δ"
    activation: str = "g"
    raised: bool = False
    transposed: bool = False

    def equation(self, name: str, l: int, *, has_kind: bool = False, skip: bool = False, more: bool = False) -> str:
        """An equation with its layer numbers; of a layer that has a kind, adds its input, or lies below one."""
        numbers = {"l": self._l(l), "below": self._l(l - 1), "above": self._l(l + 1)}
        parts = {
            "on": "u" if has_kind else "z",
            "error": self.equations["du" if has_kind else "delta"].format(**numbers),
            "skip": self.equations["skip"].format(**numbers) if skip else "",
            "more": self.equations["more"].format(**numbers) if more else "",
        }
        return self.equations[name].format(**numbers, **parts)

    def written(self, equation: str, l: int) -> str:
        """An equation of a layer's kind, which has the slot l alone."""
        return equation.format(l=self._l(l))

    def vector(self, symbol: str, l: int) -> str:
        """The name of a layer's vector: z1, z¹, z^1."""
        return self.unit.partition("{j}")[0].rstrip("[_").format(x=symbol, l=self._l(l))

    def entry(self, symbol: str, l: int, *at: int) -> str:
        """The name of one unit's number, z1[3], or of one of a table, mix0[2,1]."""
        return self.unit.format(x=symbol, l=self._l(l), j=",".join(map(str, at)))

    def w(self, l: int, k: int, j: int) -> str:
        """The name of the weight from unit k to unit j."""
        return self.weight.format(l=self._l(l), k=k, j=j)

    def dw(self, l: int, k: int, j: int) -> str:
        """The name of the gradient of that weight."""
        return self.weight_gradient.format(l=self._l(l), k=k, j=j)

    def dw_matrix(self, l: int) -> str:
        """The name of the gradient of all weights of a layer: dW1, ∂J/∂W¹, ∂C/∂w^1."""
        return self.weight_gradient.partition("{j}")[0].partition("{k}")[0].rstrip("[_").format(l=self._l(l))

    def db(self, l: int, j: int) -> str:
        """The name of the gradient of a bias."""
        return self.bias_gradient.format(l=self._l(l), j=j)

    @property
    def slope(self) -> str:
        """The derivative of the activation: g′, σ′."""
        return f"{self.activation}′"

    def _l(self, l: int) -> str:
        return str(l).translate(_RAISED) if self.raised else str(l)


NOTATIONS: dict[str, Notation] = {
    "batch": Notation(
        name="batch",
        equations={
            "z": "z{l} = a{below} @ W{l} + b{l}",
            "a": "a{l} = {skip}g({on}{l})",
            "a_dropout": "a{l} = {skip}g({on}{l}) ⊙ mask{l}",
            "skip": "a{below} + ",
            "bp1": "delta{l} = ∂J/∂z{l} = s · (∂loss/∂a{l} ⊙ g′(z{l}))",
            "bp1_fused": "delta{l} = ∂J/∂z{l} = s · (a{l} − y)",
            "bp2": "{error} = (delta{above} @ W{above}.T{more}) ⊙ g′({on}{l})",
            "bp2_dropout": "{error} = (delta{above} @ W{above}.T{more}) ⊙ g′({on}{l}) ⊙ mask{l}",
            "delta": "delta{l}",
            "du": "du{l}",
            "more": " + da{above}",
            "bp3": "db{l} = Σ_i delta{l}[i]",
            "bp4": "dW{l} = a{below}.T @ delta{l}",
        },
        unit="{x}{l}[{j}]",
        weight="W{l}[{k},{j}]",
        weight_gradient="dW{l}[{k},{j}]",
        bias_gradient="db{l}[{j}]",
        delta="delta",
    ),
    "note": Notation(
        name="note",
        equations={
            "z": "z{l} = W{l}a{below} + b{l}",
            "a": "a{l} = {skip}g({on}{l})",
            "a_dropout": "a{l} = {skip}g({on}{l}) ⊙ mask{l}",
            "skip": "a{below} + ",
            "bp1": "δ{l} = ∂J/∂z{l} = s · (∂loss/∂a{l} ⊙ g′(z{l}))",
            "bp1_fused": "δ{l} = ∂J/∂z{l} = s · (a{l} − y)",
            "bp2": "{error} = ((W{above})ᵀ δ{above}{more}) ⊙ g′({on}{l})",
            "bp2_dropout": "{error} = ((W{above})ᵀ δ{above}{more}) ⊙ g′({on}{l}) ⊙ mask{l}",
            "delta": "δ{l}",
            "du": "du{l}",
            "more": " + da{above}",
            "bp3": "∂J/∂b{l} = Σ_i δ{l}",
            "bp4": "∂J/∂W{l} = Σ_i δ{l} (a{below})ᵀ",
        },
        unit="{x}{l}[{j}]",
        weight="W{l}[{j},{k}]",
        weight_gradient="∂J/∂W{l}[{j},{k}]",
        bias_gradient="∂J/∂b{l}[{j}]",
        raised=True,
        transposed=True,
    ),
    "nielsen": Notation(
        name="nielsen",
        equations={
            "z": "z^{l}_j = Σ_k w^{l}_jk a^{below}_k + b^{l}_j",
            "a": "a^{l}_j = {skip}σ({on}^{l}_j)",
            "a_dropout": "a^{l}_j = {skip}σ({on}^{l}_j) · mask^{l}_j",
            "skip": "a^{below}_j + ",
            "bp1": "δ^{l}_j = ∂C/∂z^{l}_j = s · ∂loss/∂a^{l}_j · σ′(z^{l}_j)",
            "bp1_fused": "δ^{l}_j = ∂C/∂z^{l}_j = s · (a^{l}_j − y_j)",
            "bp2": "{error} = (Σ_k w^{above}_kj δ^{above}_k{more}) · σ′({on}^{l}_j)",
            "bp2_dropout": "{error} = (Σ_k w^{above}_kj δ^{above}_k{more}) · σ′({on}^{l}_j) · mask^{l}_j",
            "delta": "δ^{l}_j",
            "du": "du^{l}_j",
            "more": " + da^{above}_j",
            "bp3": "∂C/∂b^{l}_j = Σ_x δ^{l}_j",
            "bp4": "∂C/∂w^{l}_jk = Σ_x a^{below}_k δ^{l}_j",
        },
        unit="{x}^{l}_{j}",
        weight="w^{l}_{j},{k}",
        weight_gradient="∂C/∂w^{l}_{j},{k}",
        bias_gradient="∂C/∂b^{l}_{j}",
        activation="σ",
        transposed=True,
    ),
}
"""s is the row's share w/Σw of J; Σ_i (Nielsen's Σ_x) runs over the rows of the batch."""
