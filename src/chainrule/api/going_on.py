"""The part of a Run that goes on: behind its last step, or from an earlier one as a new run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from chainrule.api.ending import ending
from chainrule.run.replayer import RunReplayer

if TYPE_CHECKING:
    from chainrule.tune.found import Suggestion


class GoesOn:
    """Training that continues."""

    examined: Suggestion | None
    _replayer: RunReplayer

    @classmethod
    def _of(cls, replayer: RunReplayer, examined: Suggestion | None = None) -> Self:
        raise NotImplementedError

    def _take(self, replayer: RunReplayer, examined: Suggestion | None) -> None:
        raise NotImplementedError

    def extend(
        self,
        epochs: int,
        *,
        data: tuple[Any, ...] | None = None,
        validation: tuple[Any, ...] | None = None,
        callbacks: Sequence[Any] = (),
        time_limit: float | None = None,
        threads: int | None = None,
        progress: bool | str = "auto",
        on_divergence: str = "warn",
        **changes: Any,
    ) -> Self:
        """Go on behind the last step, in place: history, events and replay then cover all parts.

        Parameters
        ----------
        epochs : int
            How many more; an epoch that was broken off is one of them.
        data, validation : tuple, optional
            Training rows as for `replay`, validation rows (X, y) or (X, y, weight); needed where they were not kept.
        callbacks : sequence, default ()
            As for `train`.
        time_limit : float, optional
            Seconds after which the training ends again.
        threads : int, optional
            As for `train`; the bits do not depend on it.
        progress : bool or str, default "auto"
            As for `train`.
        on_divergence : str, default "warn"
            As for `train`.
        **changes
            Settings from the next step on: learning_rate, a hyper-parameter of the optimizer, l2, l1, dropout,
            clip_norm, schedule, warm_up, decay_factor, decay_every, early_stopping, divergence_factor.

        Returns
        -------
        Run
            This run.

        Raises
        ------
        SettingsError
            If the run diverged, or a setting is unknown, out of range, or must stay as it is.
        DataError
            As for `replay`.

        Notes
        -----
        A schedule over all steps (cosine, flat_cosine, coslog4, one_cycle) begins anew over the epochs added, as any
        does if learning_rate or a setting of the schedule is given; step, exponential, plateau and a constant rate go
        on. Patience counts from 0; the best epoch is that of all parts.

        Examples
        --------
        >>> import chainrule as cr
        >>> net = cr.Network([1, 1], output="identity", loss="squared_error")
        >>> run = cr.train(net, [[1.0]], [[2.0]], optimizer=cr.SGD(0.1), epochs=2, progress=False)
        >>> run.extend(2, learning_rate=0.05, progress=False).n_steps
        4
        >>> [step.update.learning_rate for step in run.replay(range(4))]
        [0.1, 0.1, 0.05, 0.05]
        """
        from chainrule.api.extend import extend

        how = {"callbacks": callbacks, "time_limit": time_limit, "progress": progress, "on_divergence": on_divergence}
        with ending(callbacks) as ended:
            self._take(
                extend(
                    self._replayer, epochs, changes, data=data, validation=validation, threads=threads,
                    examined=self.examined, as_run=type(self)._of, **how,
                ),
                self.examined,
            )  # fmt: skip
            ended.run = self
        return self

    def branch(
        self,
        step: int,
        epochs: int,
        *,
        directory: str | os.PathLike[str] | None = None,
        data: tuple[Any, ...] | None = None,
        validation: tuple[Any, ...] | None = None,
        callbacks: Sequence[Any] = (),
        time_limit: float | None = None,
        threads: int | None = None,
        progress: bool | str = "auto",
        on_divergence: str = "warn",
        **changes: Any,
    ) -> Self:
        """Train a new run that is this one up to a step and goes on from there, with other settings.

        Parameters
        ----------
        step : int
            The step before which it parts, 1 … n_steps.
        epochs : int
            How many more; an epoch that was broken off is one of them.
        directory : path, optional
            Where the new run is kept.
        data, validation, callbacks, time_limit, threads, progress, on_divergence : optional
            As for `extend`.
        **changes
            As for `extend`.

        Returns
        -------
        Run
            The new run; this one stays as it is. `run.record.parent` names this one: {"sha256", "step"}.

        Raises
        ------
        SettingsError, DataError
            As for `extend`; a step that is not in the run, a directory that holds a run.

        Examples
        --------
        >>> import chainrule as cr
        >>> net = cr.Network([1, 1], output="identity", loss="squared_error")
        >>> run = cr.train(net, [[1.0]], [[2.0]], optimizer=cr.SGD(0.1), epochs=4, progress=False)
        >>> other = run.branch(2, 2, learning_rate=0.05, progress=False)
        >>> [step.update.learning_rate for step in other.replay(range(4))]
        [0.1, 0.1, 0.05, 0.05]
        """
        from chainrule.api.branch import branch

        how = {"callbacks": callbacks, "time_limit": time_limit, "progress": progress, "on_divergence": on_divergence}
        with ending(callbacks) as ended:
            found = branch(
                self._replayer, step, epochs, changes, directory=directory, data=data, validation=validation,
                threads=threads, examined=self.examined, as_run=type(self)._of, **how,
            )  # fmt: skip
            ended.run = type(self)._of(found, self.examined)
        return ended.run
