"""The public circuit: a graph of scalar gates that shows itself."""

from __future__ import annotations

from chainrule.explain.circuit import draw
from chainrule.explain.circuit.graph import Graph, pattern
from chainrule.json_text import plain
from chainrule.text.tables import counted, number
from chainrule.visible import cut, visible_line
from chainrule.words.described import Described


class Circuit(Described, Graph):
    """Gates in the order in which they were computed; the last one is the output.

    Parameters
    ----------
    formula : str
        What it computes, as its heading.

    References
    ----------
    CS231n, "Backpropagation, Intuitions".

    Examples
    --------
    >>> from chainrule.explain.circuit.circuit import Circuit
    >>> c = Circuit("f = (x + y)·z")
    >>> x, y, z = c.input("x", -2.0), c.input("y", 5.0), c.input("z", -4.0)
    >>> f = c.gate("multiply", c.gate("add", x, y), z)
    >>> c.backward().gradients
    {'x': -4.0, 'y': -4.0, 'z': 3.0}
    """

    def _text(self, language: str) -> str:
        return draw.text(self, language)

    def __repr__(self) -> str:
        n, value = counted(len(self.gates), "number"), f", value {number(self.value)}" if self.gates else ""
        return f"Circuit({cut(visible_line(self.formula))!r}, {n}{value})"

    def _repr_html_(self) -> str:
        return draw.html(self)

    def to_mermaid(self) -> str:
        """Return the circuit as a Mermaid diagram.

        Returns
        -------
        str
            Values in the nodes, value and gradient on every edge.
        """
        return draw.mermaid(self)

    def to_dict(self) -> dict[str, object]:
        """Return every gate as plain JSON values.

        Returns
        -------
        dict
            `formula`, `value`, `gradients` by input, and `gates` with value, gradient and edges of each; numbers that
            are not finite are the words "NaN", "Infinity" and "-Infinity".
        """
        gates = [
            {
                "id": i, "name": g.name, "kind": g.kind or ("constant" if g.constant else "input"), "value": g.value,
                "gradient": g.gradient, "pattern": pattern(g), "fork": len(self.users(i)) > 1,
                "edges": [
                    {"from": s, "value": self.gates[s].value, "local": local, "gradient": along}
                    for s, local, along in zip(g.inputs, g.locals, g.edges, strict=True)
                ],
            }
            for i, g in enumerate(self.gates)
        ]  # fmt: skip
        values = {"formula": self.formula, "value": self.value, "gradients": self.gradients, "gates": gates}
        return dict(plain(values))
