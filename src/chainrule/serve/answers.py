"""Predictions as the body of an answer: JSON, CSV, TSV or an Arrow stream."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np

from chainrule.api.prediction_columns import as_texts
from chainrule.serve.bodies import ARROW, CSV, FORMATS, JSON, TSV
from chainrule.serve.model import Columns
from chainrule.visible import cut
from chainrule.web.refusal import RequestError


def format_wanted(accept: str | None, given: str) -> str:
    """The format of the answer: the first that Accept names and we have, else that of the request."""
    names = [part.partition(";")[0].strip().lower() for part in (accept or "*/*").split(",")]
    found = next((name for name in names if name in FORMATS), None)
    if found is not None:
        return found
    if any(name in ("*/*", "application/*", "text/*", "") for name in names):
        return given
    raise RequestError(415, f"Accept {cut(accept or '')!r}: must name {', '.join(FORMATS[:-1])} or {ARROW}.")


def written(columns: Columns, kind: str) -> bytes:
    """Predictions in one of FORMATS; numbers of JSON and text read back to the same bits."""
    if kind == JSON:
        return _json(columns)
    if kind == ARROW:
        return _arrow(columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", delimiter="\t" if kind == TSV else ",")
    writer.writerow(columns)
    writer.writerows(zip(*as_texts(columns).values(), strict=True))
    return text.getvalue().encode("utf-8", "backslashreplace")


def _json(columns: Columns) -> bytes:
    """{"predictions": [{"prediction": …}, …]}; a number that is not finite is null."""
    cells = []
    for name, column in columns.items():
        key = json.dumps(name)
        if column.dtype == object:
            cells.append([f"{key}: {json.dumps(text)}" for text in column.tolist()])
        else:
            known = np.isfinite(column)
            texts = column.astype(str).tolist()
            cells.append([f"{key}: {text if ok else 'null'}" for text, ok in zip(texts, known.tolist(), strict=True)])
    rows = ",\n".join("{" + ", ".join(row) + "}" for row in zip(*cells, strict=True))
    return f'{{"predictions": [\n{rows}\n]}}\n'.encode()


def _arrow(columns: Columns) -> bytes:
    import pyarrow
    from pyarrow import ipc

    table = pyarrow.table({name: pyarrow.array(_plain(column)) for name, column in columns.items()})
    sink = pyarrow.BufferOutputStream()
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _plain(column: Any) -> Any:
    return column.tolist() if column.dtype == object else column


CONTENT_TYPES = {JSON: JSON, CSV: f"{CSV}; charset=utf-8", TSV: f"{TSV}; charset=utf-8", ARROW: ARROW}
