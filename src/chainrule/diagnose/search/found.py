"""What a search returns: the step, the place in the network, the example, and the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.diagnose.evidence import plain_evidence
from chainrule.text.tables import number, wrapped
from chainrule.visible import short_repr
from chainrule.words import sentences
from chainrule.words.described import Described

TEXT = sentences("find")


@dataclass(frozen=True, kw_only=True)
class Found(Described):
    """The first step at which something happened; made by `Run.find`.

    Attributes
    ----------
    what : str
        What was looked for.
    step, epoch : int
        Where it happened first, both from 0.
    layer, unit : int or None
        Where in the network, as far as it has a place there.
    row : int or None
        The row of this step's batch; None where it acted in the step before.
    example : int or None
        The row to blame, an index into the X given to `train`.
    evidence : mapping
        Numbers by name.
    n_looked : int
        Steps that were recomputed to find it.
    n_steps : int
        Steps of the run.
    n_examined : int or None
        States that were examined, where not every step was.

    Examples
    --------
    >>> import chainrule as cr
    >>> X, y = [[0.0], [1.0]], [[0.0], [2.0]]
    >>> net = cr.Network([1, 1], output="identity", loss="squared_error")
    >>> run = cr.train(net, X, y, batch_size=1, epochs=2, shuffle=False, progress=False)
    >>> run.find(lambda step: step.epoch == 1).step
    2
    """

    what: str
    step: int
    epoch: int
    layer: int | None = None
    unit: int | None = None
    row: int | None = None
    example: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    n_looked: int = 0
    n_steps: int = 0
    n_examined: int | None = None
    __repr__ = short_repr

    def _text(self, language: str) -> str:
        say = TEXT[language]
        places = [
            say["layer"].format(layer=self.layer) if self.layer is not None else "",
            say["unit"].format(unit=self.unit) if self.unit is not None else "",
            say["row"].format(row=self.row, example=self.example) if self.row is not None else "",
        ]
        head = say["found"].format(what=say[self.what], step=self.step, epoch=self.epoch)
        lines = wrapped(", ".join([head, *filter(None, places)]))
        for name, value in self.evidence.items():
            lines += wrapped(f"{say.get(name, name)}: {_shown(value)}", 2, hang=2)
        if self.n_examined is not None:
            lines += wrapped(say["sampled"].format(n=self.n_examined, all=self.n_steps), 2)
        return "\n".join([*lines, *wrapped(say["looked"].format(n=self.n_looked, all=self.n_steps), 2)])

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain JSON values.

        Returns
        -------
        dict
            A number that is not finite is written as text.
        """
        result = {name: value for name, value in vars(self).items() if name != "evidence"}
        return result | {"evidence": {name: plain_evidence(value) for name, value in self.evidence.items()}}


def _shown(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
