"""The public Step: one update exactly as it was, and ways to inspect it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainrule.api.html import step_html
from chainrule.api.member_step import members_heading
from chainrule.engine.protocol import StepSettings, dense_targets
from chainrule.network.architecture import Architecture
from chainrule.network.records import Backward, Forward, StepRecord, Update
from chainrule.run.replayer import RunReplayer
from chainrule.run.rows import Rows
from chainrule.run.smoothing import learned_targets
from chainrule.text.tables import counted, number

if TYPE_CHECKING:
    from chainrule.explain.circuit.circuit import Circuit
    from chainrule.explain.why.answer import Answer
    from chainrule.explain.why.step_context import StepContext


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a run: its rows, both passes, the update; made by `Run.replay`.

    Attributes
    ----------
    record : StepRecord
        Everything the step computed.
    architecture : Architecture
        The layers.
    settings : StepSettings
        What the step was computed with.
    optimizer : mapping
        The update rule and its hyper-parameters.
    rows : ndarray of shape (n,)
        Indices of the batch's rows into the X given to `train`.
    targets, weight : ndarray, ndarray or None
        Their targets and weights.
    n_steps : int
        Steps of the run.
    engine : str
        Who computed it.
    exact_sums : bool
        Whether its sums can be redone to the bit.
    of_members : tuple of int, or None
        Of one member of networks side by side: which one, and how many there are.

    Examples
    --------
    >>> import chainrule as cr
    >>> X, y = [[0.0], [1.0]], [[0.0], [2.0]]
    >>> net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64")
    >>> run = cr.train(net, X, y, optimizer=cr.SGD(0.1), epochs=1, progress=False)
    >>> step = run.replay(0)
    >>> new = step.update.old.W[1] - 0.1 * step.backward.dW[1]
    >>> bool(abs(step.update.new.W[1] - new).max() < 1e-15)
    True
    """

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
    of_members: tuple[int, int] | None = None

    def __repr__(self) -> str:
        n, rule, engine = counted(len(self.rows), "row"), self.optimizer.get("name"), self.engine
        head = f"step {self.step:,} of {self.n_steps:,}, epoch {self.epoch:,}: J = {number(self.backward.loss)}"
        return f"Step({head}, {n}, {self.architecture}, {rule}, {engine})"

    def _repr_html_(self) -> str:
        return step_html(self)

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
        """The forward pass: z[l], a[l] and output for the rows of the batch."""
        return self.record.forward

    @property
    def backward(self) -> Backward:
        """The backward pass: loss, delta[l], dW[l], db[l], dX."""
        return self.record.backward

    @property
    def update(self) -> Update:
        """The update: old, new, gradient, change."""
        return self.record.update

    def member(self, k: int) -> Step:
        """Return what one member of networks side by side did in this step, as a step of its own network.

        Parameters
        ----------
        k : int
            The member, 0 … K − 1.

        Returns
        -------
        Step
            Its passes, in which the loss of a row counts w_i / (K·Σw), and the update of its parameters, by the
            gradient of all members. A network without members is its own member 0.

        Raises
        ------
        SettingsError
            If there is no such member.

        Examples
        --------
        >>> import chainrule as cr
        >>> net = cr.Network([1, 2, 1], output="identity", loss="squared_error", dtype="float64", members=4)
        >>> step = cr.train(net, [[0.0], [1.0]], [0.0, 2.0], epochs=1, progress=False).replay(0)
        >>> parts = [step.member(k).backward for k in range(4)]
        >>> bool(abs(sum(part.dW[1] for part in parts) - step.backward.dW[1]).max() < 1e-15)
        True
        """
        from chainrule.api.member_step import member_step

        found: Step = member_step(self, k)
        return found

    def explain(
        self, language: str = "en", row: int = 0, notation: str = "batch", only: str | None = None, member: int = 0
    ) -> str:
        """Explain both passes and the update of one row of the batch in words and numbers.

        Parameters
        ----------
        language : str, default "en"
            English "en" or Korean "ko".
        row : int, default 0
            The row of the batch.
        notation : str, default "batch"
            One of "batch", "note" and "nielsen".
        only : str, optional
            One pass ("forward", "loss", "backward", "update") or one operation of `tape`; all of it by default.
        member : int, default 0
            Of networks side by side the member whose passes are told.

        Returns
        -------
        str
            Lines of at most 80 columns.

        Raises
        ------
        SettingsError
            If language, notation or operation is unknown, or the batch has no such row.
        """
        from chainrule.explain.step.narrate import explain

        if self.architecture.members > 1:
            return self.member(member).explain(language, row, notation, only)
        return members_heading(self.of_members, language) + explain(
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

    def why(self, expression: str, row: int | None = None, member: int = 0) -> Answer:
        """Explain why one number of this step is what it is: operands, formula, terms by share, and more.

        Parameters
        ----------
        expression : str
            "z1[0,4]", "a1[0,4]", "delta2[0,3]", "da1[0,4]", "dW2[3,7]", "db2[7]", "loss", or for the update "W1[2,5]"
            and "b1[5]" (as they are after the step).
        row : int, optional
            The row of the batch whose paths are shown.
        member : int, default 0
            Of networks side by side the member whose numbers are meant.

        Returns
        -------
        Answer
            The value with its origin, twin, paths and prediction; `text(language)`, `numpy()`, `to_dict()`,
            `to_mermaid()`.

        Raises
        ------
        SettingsError
            If the step has no such number; the message lists every legal name with its ranges.
        """
        from chainrule.explain.why.answer import answer

        return answer(self.member(member).context, expression, row=row)

    @property
    def context(self) -> StepContext:
        """The step as `why` sees it, with dense targets and the shares of its rows."""
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
            n_members=1 if self.of_members is None else self.of_members[1],
        )

    def circuit(self, row: int = 0) -> Circuit:
        """Return the loss of one row of the batch as a circuit of scalar gates; small networks only.

        Parameters
        ----------
        row : int, default 0
            The row of the batch.

        Returns
        -------
        Circuit
            Values forward and gradients backward.

        Raises
        ------
        SettingsError
            If the batch has no such row, or the network is too large or has a layer that is not drawn.
        """
        if self.architecture.members > 1:
            return self.member(0).circuit(row)
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
        share = 1.0 / len(self.rows) if self.weight is None else float(self.weight[row] / (self.weight.sum() or 1.0))
        return share if self.of_members is None else share / self.of_members[1]

    def to_mermaid(self, row: int = 0, language: str = "en") -> str:
        """Return the two passes of one row as a Mermaid diagram with the real shapes and values.

        Parameters
        ----------
        row : int, default 0
            The row of the batch.
        language : str, default "en"
            The language of the headings, "en" or "ko".

        Returns
        -------
        str
            The text of the diagram.
        """
        from chainrule.explain.step.diagram import diagram

        if self.architecture.members > 1:
            return self.member(0).to_mermaid(row, language)
        return diagram(self.record, self.architecture, row=row, language=language)

    def svg(
        self,
        row: int = 0,
        language: str = "en",
        units: int = 6,
        theme: str = "auto",
        inputs: Sequence[str] | None = None,
        outputs: Sequence[str] | None = None,
    ) -> str:
        """Return a drawing of the two passes of one row with its numbers, and of the update, as SVG.

        Parameters
        ----------
        row : int, default 0
            The row of the batch.
        language : str, default "en"
            English "en" or Korean "ko".
        units : int, default 6
            At most so many units of a layer are drawn: those with the largest abs(a) or abs(delta) of the row.
        theme : str, default "auto"
            "light", "dark", or "auto", which follows the reader's screen.
        inputs, outputs : sequence of str, optional
            Names of the inputs and outputs; by default their numbers.

        Returns
        -------
        str
            An SVG element, which is a file of its own too; pointing at a number shows its formula.

        Raises
        ------
        SettingsError
            If the batch has no such row, language or theme is unknown, `units` is below 1, or there are more or fewer
            names than inputs or outputs.

        Notes
        -----
        From left to right z[l] = a[l-1] @ W[l] + b[l], a[l] = g(z[l]) and J; from right to left da[l] and delta[l];
        between them dW[l], db[l] and the weights before and after the step.

        Examples
        --------
        >>> import chainrule as cr
        >>> net = cr.Network([2, 2, 1], output="sigmoid", seed=1)
        >>> run = cr.train(net, [[0.0, 1.0], [1.0, 1.0]], [0, 1], epochs=1, progress=False)
        >>> picture = run.replay(0).svg(theme="light")
        >>> picture[:5], "Forward propagation" in picture
        ('<svg ', True)
        """
        from chainrule.explain.step.drawn import step_svg

        return step_svg(
            self.member(0), row=row, language=language, units=units, theme=theme, inputs=inputs, outputs=outputs
        )

    to_svg = svg

    def to_dict(self) -> dict[str, Any]:
        """Return every number of the step as plain lists, named as in the notation.

        Returns
        -------
        dict
            Step, epoch, rows, architecture, and the numbers of `forward`, `backward` and `update`; those that are not
            finite are the words "NaN", "Infinity" and "-Infinity".
        """

        from chainrule.api.step_numbers import numbers_of

        return numbers_of(self)


def step_of(replayer: RunReplayer, t: int, rows: Rows) -> Step:
    """Step t of a run, replayed on its rows."""
    of_run, record = replayer.record, replayer.step(t, rows)
    weight = None if rows.weight is None else rows.weight[record.rows]
    total = float(len(record.rows)) if weight is None else float(weight.sum(dtype=np.float64))
    return Step(
        record=record,
        architecture=of_run.architecture,
        settings=replayer.settings_of(t, total),
        optimizer=replayer.part_of(t).optimizer.to_dict(),
        rows=record.rows if of_run.index is None else of_run.index[record.rows],
        targets=learned_targets(rows.targets[record.rows], of_run.architecture, of_run.settings.label_smoothing),
        weight=weight,
        n_steps=of_run.n_steps,
        engine=replayer.engine.name,
        exact_sums=replayer.engine.exact_sums,
        of_members=replayer.of_members,
    )
