"""Vital signs of a run at chosen steps, all by replay: nothing is paid until it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.vitals.deaths import Death, deaths
from chainrule.diagnose.vitals.sharpness import sharpness
from chainrule.diagnose.vitals.signs import silent_units
from chainrule.diagnose.vitals.step_signs import StepSigns, of_record
from chainrule.engine.protocol import Engine, Task
from chainrule.network.parameters import Parameters
from chainrule.network.records import StepRecord
from chainrule.text.tables import aligned, counted, number, wrapped
from chainrule.words import sentences
from chainrule.words.described import Described

LOOKED_AT = 2048
"""Training rows on which units are called silent; of more rows, as many at equal distances."""
TEXT = sentences("vitals")


@dataclass(frozen=True)
class Vitals(Described):
    """The vital signs of a run at the steps asked for; made by `Run.vitals`.

    Attributes
    ----------
    steps : tuple of StepSigns
        The signs of each step, in the order asked for.
    deaths : tuple of Death
        When silent units fell silent.
    n_replayed : int
        Steps that were recomputed on the way; the cost is this times the time of a step.

    Examples
    --------
    >>> import chainrule as cr
    >>> X, y = [[0.0], [1.0]], [[0.0], [2.0]]
    >>> net = cr.Network([1, 1], output="identity", loss="squared_error")
    >>> run = cr.train(net, X, y, batch_size=1, epochs=2, progress=False)
    >>> [signs.step for signs in run.vitals([0, 3], sharpness=False).steps]
    [0, 3]
    """

    steps: tuple[StepSigns, ...]
    deaths: tuple[Death, ...]
    n_replayed: int

    def __repr__(self) -> str:
        found = [f"; {len(death.units):,} silent in layer {death.layer}" for death in self.deaths[:3]]
        which = f", {self.steps[0].step} … {self.steps[-1].step}" if self.steps else ""
        more = "; …" if len(self.deaths) > 3 else ""
        return f"Vitals({counted(len(self.steps), 'step')}{which}{''.join(found)}{more})"

    def __iter__(self) -> Iterator[StepSigns]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, i: int) -> StepSigns:
        return self.steps[i]

    def _text(self, language: str) -> str:
        say: dict[str, Any] = TEXT[language]
        rows = [
            say["head"],
            *([_cell(s.step), *map(_cell, (s.loss, s.loss_after, s.overshoot, s.eta_lambda, s.noise))] for s in self),
        ]
        below = [say["layer"]]
        for s in self:
            for layer, ratio in zip(s.layers, s.ratios, strict=True):
                result = (layer.gradient, ratio, layer.by_weights, layer.by_slope, layer.silent, layer.saturated)
                below.append([_cell(s.step), _cell(layer.layer), *map(_cell, result)])
        lines = [*aligned(rows, indent=2, gap=2), "", *aligned(below, indent=2, gap=2), "", *wrapped(say["legend"])]
        for death in self.deaths:
            lines += wrapped(say["death"].format(layer=death.layer, n=len(death.units), step=death.step))
        return "\n".join([*lines, *wrapped(say["cost"].format(n=len(self.steps), replayed=self.n_replayed))])

    def to_dict(self) -> dict[str, Any]:
        """Return the signs as plain JSON values.

        Returns
        -------
        dict
            Its attributes by name.
        """
        return {
            "steps": [step.to_dict() for step in self.steps],
            "deaths": [death.to_dict() for death in self.deaths],
            "n_replayed": self.n_replayed,
        }


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value}" if isinstance(value, int) else number(f"{value:.3g}")


def take(
    record: Callable[[int], StepRecord],
    engine: Engine,
    task: Task,
    steps: Iterable[int],
    sharp_at: Iterable[int],
    l2: float = 0.0,
) -> Vitals:
    """The vital signs at these steps; the curvature only at those of sharp_at."""
    asked, sharp = sorted(set(steps)), set(sharp_at)
    lines = []
    for step in asked:
        one = record(step)
        curvature = sharpness(one.update.old.parameters, task, l2) if step in sharp else None
        lines.append(of_record(one, engine, task, curvature))
    rows = looked_at(task.n_samples)
    X = np.ascontiguousarray(task.X[rows])

    def silent(step: int) -> list[npt.NDArray[np.bool_] | None]:
        return silences(engine, record(step).update.old.parameters, X)

    return Vitals(tuple(lines), tuple(deaths(silent, asked)) if asked else (), 0)


def silences(engine: Engine, parameters: Parameters, X: npt.NDArray[Any]) -> list[npt.NDArray[np.bool_] | None]:
    """Which units of every hidden layer let nothing through on any of these rows."""
    with np.errstate(all="ignore"):
        forward = engine.forward(parameters, X)
        return [silent_units(forward, parameters, l) for l in range(1, len(parameters.architecture.layers))]


def looked_at(n: int) -> npt.NDArray[np.int64]:
    """Places of at most LOOKED_AT of n rows, at equal distances."""
    return np.arange(n) if n <= LOOKED_AT else np.linspace(0, n - 1, LOOKED_AT).astype(np.int64)
