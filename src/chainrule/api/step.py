"""The public Step: one update exactly as it was, and ways to look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import StepSettings, dense_targets
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import tensor_names
from chainrule.network.records import Backward, Forward, StepRecord, Update
from chainrule.run.replayer import RunReplayer
from chainrule.run.rows import Rows

if TYPE_CHECKING:
    from chainrule.explain.circuit.circuit import Circuit
    from chainrule.explain.why.answer import Answer
    from chainrule.explain.why.step_context import StepContext


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a run: its rows, both passes, the update. Made by Run.replay."""

    record: StepRecord
    architecture: Architecture
    settings: StepSettings
    optimizer: Mapping[str, Any]
    rows: npt.NDArray[np.int64]
    """Indices of the batch's rows into the X given to train."""
    targets: npt.NDArray[Any]
    weight: npt.NDArray[Any] | None
    n_steps: int
    engine: str = "native"
    """Who computed it."""
    exact_sums: bool = True
    """Whether its sums can be redone to the bit; see engine.protocol.Engine."""

    @property
    def step(self) -> int:
        """The step's number, from 0."""
        return self.record.step

    @property
    def epoch(self) -> int:
        """The epoch it belongs to, from 0."""
        return self.record.epoch

    @property
    def forward(self) -> Forward:
        """z[l], a[l], output for the rows of the batch."""
        return self.record.forward

    @property
    def backward(self) -> Backward:
        """loss, delta[l], dW[l], db[l], dX."""
        return self.record.backward

    @property
    def update(self) -> Update:
        """old, new, gradient, change."""
        return self.record.update

    def explain(self, language: str = "en", row: int = 0, notation: str = "batch", only: str | None = None) -> str:
        """Both passes and the update of one row of the batch in words and numbers, for a terminal of 80 columns.

        Args      language "en" or "ko"; row of the batch; notation "batch", "note" or "nielsen"; only: one pass
                  ("forward", "loss", "backward", "update") or one operation of step.tape, else all of it
        """
        from chainrule.explain.step.narrate import explain

        return explain(
            self.record,
            self.architecture,
            row=row,
            language=language,
            notation=notation,
            target=dense_targets(self.targets, self.architecture)[row] if 0 <= row < len(self.targets) else None,
            weight_share=self._share(row),
            n_total=self.n_steps,
            optimizer=self.optimizer,
            settings=self.settings,
            only=only,
        )

    @property
    def tape(self) -> list[str]:
        """The operations of the step in their order, each a name for explain(only=…)."""
        from chainrule.explain.step.tape import tape

        return tape(len(self.architecture.layers))

    def why(self, expression: str, row: int | None = None) -> Answer:
        """Why one number of this step is what it is: operands, formula with the numbers, terms by share, and more.

        Args      expression: "z1[0,4]", "a1[0,4]", "delta2[0,3]", "da1[0,4]", "dW2[3,7]", "db2[7]", "loss", and
                  for the update "W1[2,5]", "b1[5]" (as they are after the step); row: whose paths to show
        Returns   Answer: value, origin, twin, paths, prediction; text(language), numpy(), to_dict(), to_mermaid()
        Errors    SettingsError for a name that the step does not have; it lists every legal one with its ranges
        """
        from chainrule.explain.why.answer import answer

        return answer(self.context, expression, row=row)

    @property
    def context(self) -> StepContext:
        """The step as `why` looks at it: with dense targets and the shares of its rows."""
        from chainrule.explain.why.step_context import StepContext

        y = dense_targets(self.targets, self.architecture)
        return StepContext(
            record=self.record,
            architecture=self.architecture,
            settings=self.settings,
            optimizer=self.optimizer,
            y=y,
            weight=self.weight,
            rows=self.rows,
            engine=self.engine,
            exact_sums=self.exact_sums,
        )

    def circuit(self, row: int = 0) -> Circuit:
        """The loss of one row of the batch as a circuit of scalar gates, forward and backward; small networks only."""
        from chainrule.explain.circuit.network import of_row
        from chainrule.explain.step.narrate import check_row

        check_row(self.record, row)
        masks = self.forward.masks
        mask = None if masks is None else [None if m is None else m[row] for m in masks]
        y = dense_targets(self.targets, self.architecture)[row]
        return of_row(self.architecture, self.update.old.parameters, self.forward.a[0][row], y, mask)

    def _share(self, row: int) -> float | None:
        if not 0 <= row < len(self.rows):
            return None
        return 1.0 / len(self.rows) if self.weight is None else float(self.weight[row] / (self.weight.sum() or 1.0))

    def to_mermaid(self, row: int = 0, language: str = "en") -> str:
        """The two passes of one row as a Mermaid diagram with the real shapes and values; headings in "en" or "ko"."""
        from chainrule.explain.step.diagram import diagram

        return diagram(self.record, self.architecture, row=row, language=language)

    def to_dict(self) -> dict[str, Any]:
        """Every number of the step as plain lists, named as in the notation."""

        def plain(arrays: Any) -> list[Any]:
            return [None if array is None else array.tolist() for array in arrays]

        def present(**arrays: Any) -> dict[str, Any]:
            return {name: plain(a) for name, a in arrays.items() if any(array is not None for array in a)}

        def tensors(of: Any) -> dict[str, Any]:
            return {name: plain(getattr(of, name)) for name in names}

        names = tensor_names(self.architecture)
        forward, backward, update = self.forward, self.backward, self.update
        return {
            "step": self.step,
            "epoch": self.epoch,
            "rows": self.rows.tolist(),
            "architecture": self.architecture.to_dict(),
            "forward": {"z": plain(forward.z), **present(u=forward.u), "a": plain(forward.a)},
            "backward": {
                "loss": backward.loss,
                "delta": plain(backward.delta),
                "dW": plain(backward.dW),
                "db": plain(backward.db),
                **present(du=backward.du),
                **{f"d{name}": plain(backward.of_tensor(name)) for name in names[2:]},
            },
            "update": {
                "learning_rate": update.learning_rate,
                "gradient": tensors(update.gradient),
                "old": tensors(update.old),
                "new": tensors(update.new),
            },
        }


def step_of(replayer: RunReplayer, t: int, rows: Rows) -> Step:
    """Step t of a run, replayed on its rows."""
    of_run, record = replayer.record, replayer.step(t, rows)
    weight = None if rows.weight is None else rows.weight[record.rows]
    total = float(len(record.rows)) if weight is None else float(weight.sum(dtype=np.float64))
    return Step(
        record=record,
        architecture=of_run.architecture,
        settings=replayer.settings_of(t, total),
        optimizer=of_run.settings.optimizer.to_dict(),
        rows=record.rows if of_run.index is None else of_run.index[record.rows],
        targets=rows.targets[record.rows],
        weight=weight,
        n_steps=of_run.n_steps,
        engine=replayer.engine.name,
        exact_sums=replayer.engine.exact_sums,
    )
