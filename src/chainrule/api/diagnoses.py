"""What a Run finds out about its training: search in time, the doctor, health indicators, the learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from chainrule.api.step import Step
from chainrule.engine.protocol import Engine
from chainrule.run.record import RunRecord
from chainrule.run.replayer import RunReplayer

if TYPE_CHECKING:
    from chainrule.diagnose.doctor.finding import Diagnosis
    from chainrule.diagnose.search.found import Found
    from chainrule.diagnose.vitals.measure import Vitals
    from chainrule.tune.found import LearningRate, Suggestion


class DiagnosesRuns:
    """The part of a Run that looks at its training as a whole, all by replay."""

    record: RunRecord
    engine: Engine
    examined: Suggestion | None
    _replayer: RunReplayer

    def find(
        self,
        what: str | Callable[[Step], Any],
        steps: range | slice | None = None,
        data: tuple[Any, ...] | None = None,
        *,
        thorough: bool = False,
        progress: bool | str = "auto",
    ) -> Found | None:
        """Find the first step at which something happened.

        Parameters
        ----------
        what : str or callable
            "non-finite" (it persists: found by halving), "dead unit" (a rectifier that no training row opens, or the
            flat side of another activation; units revive, so every step is looked at), "saturated unit" (sigmoid and
            tanh), "loss doubles" (from the recorded losses), or a function of a Step, the first for which it is true.
        steps : range or slice, optional
            Where to look; everywhere by default.
        data : tuple, optional
            As for `replay`.
        thorough : bool, default False
            Whether every step is looked at for units however long it takes. Else, where that would take more than a
            tenth of the training and 3 s, checkpoints are; `n_examined` and the text then say so.
        progress : bool or str, default "auto"
            As for `doctor`.

        Returns
        -------
        Found or None
            Step, epoch, layer, unit, row, example and evidence; None if it never happened.

        Raises
        ------
        SettingsError
            If the name is unknown.
        DataError
            As for `replay`.

        Examples
        --------
        >>> import chainrule as cr
        >>> X, y = [[0.0], [1.0]], [[0.0], [2.0]]
        >>> net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64")
        >>> run = cr.train(net, X, y, epochs=3, progress=False)
        >>> run.find(lambda step: step.backward.loss < 0) is None
        True
        """
        from chainrule.api.diagnosis import search

        wanted = range(self.record.n_steps)[steps if isinstance(steps, slice) else slice(None)]
        if isinstance(steps, range):
            wanted = range(self.record.n_steps)[slice(steps.start, steps.stop, steps.step)]
        return search(self._replayer, what, wanted, data, thorough=thorough, progress=progress)[0]

    def doctor(
        self, data: tuple[Any, ...] | None = None, *, thorough: bool = False, progress: bool | str = "auto"
    ) -> Diagnosis:
        """Find what went wrong first in this run, what followed from it, and what would put it right.

        Suspects are tried by replay: the first steps again with one thing changed. It takes seconds; docs/doctor.md
        has the rules.

        Parameters
        ----------
        data : tuple, optional
            As for `replay`.
        thorough : bool, default False
            Whether trials are as long as they tell anything. Else those of a long training are cut, so that an answer
            comes within a tenth of its time or about 5 s, whichever is more; the text then says so.
        progress : bool or str, default "auto"
            Whether to show what is being done; "auto" does so in a terminal.

        Returns
        -------
        Diagnosis
            Iterates over findings, first cause first; `healthy`, `text(language)`, `to_json()`.

        Raises
        ------
        DataError
            As for `replay`.
        """
        from chainrule.api.diagnosis import doctor

        return doctor(self._replayer, data, thorough=thorough, progress=progress)

    def vitals(
        self,
        steps: range | slice | Iterable[int] | None = None,
        data: tuple[Any, ...] | None = None,
        *,
        sharpness: bool = True,
    ) -> Vitals:
        """Measure the vital signs of this run at chosen steps, all by replay.

        Parameters
        ----------
        steps : int, range, slice or iterable of int, optional
            As for `replay`; by default the first ones closely and then along the checkpoints.
        data : tuple, optional
            As for `replay`.
        sharpness : bool, default True
            Whether to measure the largest curvature λ too, about 40 gradients of 256 rows a step.

        Returns
        -------
        Vitals
            Iterates over StepSigns: η·λ, overshoot α, update ratios, gradient norms split into factors, silent and
            saturated units, gradient noise.

        Raises
        ------
        SettingsError
            If a step is not in the run.
        DataError
            As for `replay`.
        """
        from chainrule.api.diagnosis import vitals

        return vitals(self._replayer, steps, data, sharpness)

    def learning_rate(self, data: tuple[Any, ...] | None = None, *, thorough: bool = False) -> LearningRate:
        """Find what learning rate is too large, too small and right for this training, from its start and on its rows.

        It becomes `examined`, is kept in the run's directory where it has one, and its page shows it.

        Parameters
        ----------
        data : tuple, optional
            As for `replay`.
        thorough : bool, default False
            As for `chainrule.learning_rate`.

        Returns
        -------
        LearningRate
            As of `chainrule.learning_rate`.

        Raises
        ------
        DataError
            As for `replay`, or if no learning rate keeps the loss finite.
        """
        from chainrule.api.learning_rate import of_run

        self.examined = found = of_run(self._replayer, data, thorough)
        return found
