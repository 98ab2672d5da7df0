"""The model that is served: predictions of the rows of one request or of several at once, and explanations."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.prediction_columns import names_of_columns, prediction_columns
from chainrule.api.tables import blocks
from chainrule.data.table import Table
from chainrule.errors import ChainruleError
from chainrule.explain.columns.contributions import contributions
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.serve.bodies import RequestRows
from chainrule.serve.json_rows import as_arrow
from chainrule.serve.limits import Limits, check_count
from chainrule.serve.plain_rows import is_plain, joined, plain_table
from chainrule.web.refusal import RequestError

Array = npt.NDArray[Any]
Columns = dict[str, Array]


@dataclass(kw_only=True)
class Served:
    """A trained network or ensemble with its pipeline, and what is known of it."""

    predictor: Any
    networks: Sequence[Any]
    pipeline: TablePipeline
    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns a row must have."""
        return self.pipeline.columns

    @property
    def answers(self) -> list[str]:
        """The columns of a prediction."""
        return names_of_columns(self.predictor, self.pipeline)

    def predict(self, rows: RequestRows) -> Columns:
        """The predictions of the rows of a request, as named columns. RequestError for rows that cannot be read."""
        tables = self._tables(rows)
        try:
            parts = [prediction_columns(self.predictor, self.pipeline, table) for table in tables]
        except ChainruleError as error:
            raise _unreadable(error, "pyarrow Table") from None
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def predict_each(self, requests: Sequence[RequestRows]) -> list[Columns | RequestError]:
        """The predictions of several requests; those whose cells leave no question are computed together.

        How the cells of a request are read may depend on its other rows, but never on another request.
        """
        plain = [
            i for i, rows in enumerate(requests) if rows.columns is not None and is_plain(rows.columns, self.pipeline)
        ]
        found: dict[int, Columns | RequestError] = {}
        if len(plain) > 1:
            whole = self._together([requests[i] for i in plain])
            found = dict(zip(plain, whole, strict=True)) if whole else {}
        return [found[i] if i in found else self._alone(rows) for i, rows in enumerate(requests)]

    def _together(self, requests: Sequence[RequestRows]) -> list[Columns]:
        """The predictions of plain rows of JSON; none where they cannot be computed together."""
        columns = [rows.columns for rows in requests if rows.columns is not None]
        table = plain_table(joined(columns), self.pipeline)
        if table is None:
            return []
        try:
            whole = prediction_columns(self.predictor, self.pipeline, table)
        except ChainruleError:
            return []
        ends = np.cumsum([rows.most for rows in requests])
        return [
            {name: column[start:end] for name, column in whole.items()}
            for start, end in zip([0, *ends[:-1]], ends, strict=True)
        ]

    def _alone(self, rows: RequestRows) -> Columns | RequestError:
        try:
            return self.predict(rows)
        except RequestError as refused:
            return refused

    def explain(self, rows: RequestRows) -> list[list[dict[str, Any]]]:
        """Of each row, for every target, what each column adds to its prediction."""
        tables = self._tables(rows)
        n_rows, most = sum(map(len, tables)), self.limits.explained_rows
        if n_rows > most:
            raise RequestError(413, f"explain=1 takes at most {most} rows at once (got {n_rows:,}). Send fewer rows.")
        each = (table.take(slice(i, i + 1)) for table in tables for i in range(len(table)))
        return [
            [target.to_dict() for target in contributions(self.predictor, self.networks, self.pipeline, row)]
            for row in each
        ]

    def _tables(self, rows: RequestRows) -> list[Table]:
        """The rows as the pipeline reads them."""
        try:
            if rows.columns is not None:
                is_quick = is_plain(rows.columns, self.pipeline)
                table = plain_table(rows.columns, self.pipeline) if is_quick else None
                if table is not None:
                    return [table]
            if rows.columns is not None or rows.table is not None:
                read = rows.table if rows.columns is None else as_arrow(rows.columns)
                return list(blocks(read, self.pipeline, needs_target=False))
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"body{rows.ending}"
                path.write_bytes(rows.text)
                try:
                    tables = list(blocks(path, self.pipeline, needs_target=False))
                except ChainruleError as error:
                    raise _unreadable(error, str(path)) from None
            check_count(sum(map(len, tables)), self.limits)
            return tables
        except ChainruleError as error:
            raise _unreadable(error, "pyarrow Table") from None


def _unreadable(error: ChainruleError, path: str) -> RequestError:
    """What is wrong with the rows of a request, in one line."""
    lines = (line.strip() for line in str(error).replace(path, "the body").splitlines())
    return RequestError(422, " ".join(line for line in lines if line))
