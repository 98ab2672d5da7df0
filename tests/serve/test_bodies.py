"""Bodies become the rows they say, or are refused in one line; none costs more than its limit."""

from __future__ import annotations

import gzip
import json
import random
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc

import chainrule as cr
from chainrule.api.tables import blocks
from chainrule.serve.bodies import ARROW, CSV, JSON, decompressed, format_of, rows_of
from chainrule.serve.json_rows import as_arrow
from chainrule.serve.limits import Limits
from chainrule.serve.model import Served
from chainrule.serve.plain_rows import is_plain, plain_table
from chainrule.web.refusal import RequestError

COLUMNS = ("size", "colour", "gap")
SMALL = Limits(body_bytes=2_000, rows=5)


def stream(table: pa.Table, **options: Any) -> bytes:
    """A table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


ROW = {"size": 1.5, "colour": "red", "gap": None}


@pytest.mark.parametrize("body", [[ROW], ROW, {"rows": [ROW]}, [{**ROW, "unused": [1]}]])
def test_the_forms_of_json(body: Any) -> None:
    """A list of rows, one row, or rows under a name; columns the model does not use may hold anything."""
    columns = rows_of(json.dumps(body).encode(), JSON, COLUMNS, SMALL).columns
    assert columns is not None
    assert as_arrow(columns).to_pylist() == [ROW]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("{", 400, "must be JSON"),
        ("[1]", 422, "each an object"),
        ("[]", 422, "no rows"),
        ('"x"', 422, "each an object"),
        ('[{"size": 1, "colour": "red"}]', 422, "row 0 .*'gap'.*must be null"),
        ('[{"size": 1, "size": 2, "colour": "red", "gap": 1}]', 422, "'size' stands twice"),
        ('[{"size": NaN, "colour": "red", "gap": 1}]', 422, "must be null"),
        ('[{"size": 1e999, "colour": "red", "gap": 1}]', 422, "'size'.*too large"),
        ('[{"size": [1], "colour": "red", "gap": 1}]', 422, "row 0 .*'size': holds a list"),
        ('[{"size": 1, "colour": "red", "gap": 1}, {"size": "a", "colour": "red", "gap": 1}]', 422, "row 1 .*a text"),
        ('[{"size": 1, "colour": true, "gap": 1}, {"size": 2, "colour": 1, "gap": 1}]', 422, "a number where row 0"),
        ('[{"size": 9007199254740993, "colour": "", "gap": 1}, {"size": 0.5, "colour": "", "gap": 1}]', 422, "2\\^53"),
        ('[{"size": 1, "colour": "\\ud800", "gap": 1}]', 422, "half a character"),
        ("[" * 100_000, 400, "nests too deeply"),
        (json.dumps([ROW] * 6), 413, "at most 5"),
        (b"\xff\xfe", 400, "UTF-8"),
    ],
)
def test_json_that_is_refused(body: Any, status: int, words: str) -> None:
    """In one line, with row and column where there is one."""

    def read() -> None:
        columns = rows_of(body if isinstance(body, bytes) else body.encode(), JSON, COLUMNS, SMALL).columns
        as_arrow(columns or {})

    with pytest.raises(RequestError, match=words) as found:
        read()
    assert found.value.status == status and "\n" not in found.value.message


def test_gzip_is_never_unpacked_beyond_the_limit() -> None:
    """A small body of a large text, one cut short, one with something behind it."""
    packed = gzip.compress(b" " * 50_000_000)
    assert len(packed) < 60_000
    with pytest.raises(RequestError, match="at most 2,000 bytes"):
        decompressed(packed, "gzip", SMALL)
    assert decompressed(gzip.compress(b"abc"), "gzip", SMALL) == b"abc"
    for body in (gzip.compress(b"abc")[:-3], gzip.compress(b"abc") + b"x", b"abc", b""):
        with pytest.raises(RequestError, match="gzip"):
            decompressed(body, "gzip", SMALL)
    with pytest.raises(RequestError, match="'br': must be gzip"):
        decompressed(b"", "br", SMALL)


def test_arrow_streams() -> None:
    """Plain and dictionary columns come as they are; others of the stream are left."""
    table = pa.table({"size": [1, 2], "colour": pa.array(["red", None]).dictionary_encode(), "other": [1, 2]})
    found = rows_of(stream(table), ARROW, COLUMNS, SMALL).table
    assert found.to_pydict() == {"size": [1, 2], "colour": ["red", None]}


class _Extension(pa.ExtensionType):
    def __init__(self) -> None:
        super().__init__(pa.int64(), "tests.extension")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (stream(pa.table({"size": np.zeros(100_000)}), compression="zstd"), "compressed"),
        (stream(pa.table({"size": pa.array(["a" * 99_999]).dictionary_encode()}), compression="lz4"), "compressed"),
        (stream(pa.table({"size": pa.nulls(4)})), "of Arrow type null"),
        (stream(pa.table({"size": pa.array([[1]])})), "of Arrow type list"),
        (
            stream(pa.table({"size": pa.ExtensionArray.from_storage(_Extension(), pa.array([1]))})),
            "Arrow extension type tests.extension",
        ),
        (stream(pa.table({"size": np.zeros(6)})), "over 5 rows"),
        (stream(pa.table({"size": pa.DictionaryArray.from_arrays([0] * 5, ["x" * 900])})), "4,500 bytes of texts"),
        (stream(pa.table({"size": [1.0]}))[:-40], "whole batches|no rows"),
        (b"ARROW1\0\0", "marker|whole batches"),
        (b"", "whole batches|no rows"),
    ],
)
def test_arrow_that_is_refused(body: bytes, words: str) -> None:
    """What could grow beyond the bytes sent, what has no meaning as a column, what is damaged."""
    with pytest.raises(RequestError, match=words):
        rows_of(body, ARROW, COLUMNS, SMALL)


def _answer(served: Any, body: bytes, kind: str) -> Any:
    try:
        return served.predict(rows_of(body, kind, served.columns, served.limits))
    except RequestError as refused:
        return refused


def test_damaged_bytes_are_refused_and_nothing_else_happens(served: Any) -> None:
    """Flipped, cut and lengthened bodies of each format give predictions or RequestError."""
    r = random.Random(0)
    good = {
        JSON: json.dumps([ROW, ROW]).encode(),
        CSV: b"size,colour,gap\n1.5,red,\n2,blue,0.5\n",
        ARROW: stream(pa.table({"size": [1.5, 2.0], "colour": ["red", "blue"], "gap": pa.array([None, 0.5])})),
    }
    n_refused = 0
    for i in range(300):
        kind = list(good)[i % 3]
        body = bytearray(good[kind])
        for _ in range(r.randint(1, 4)):
            how = r.randrange(3)
            at = r.randrange(len(body)) if body else 0
            if how == 0 and body:
                body[at] = r.randrange(256)
            elif how == 1:
                del body[at : at + r.randrange(20)]
            else:
                body[at:at] = bytes(r.randrange(256) for _ in range(r.randrange(8)))
        answer = _answer(served, bytes(body), kind)
        if isinstance(answer, RequestError):
            n_refused += 1
            assert answer.status in (400, 413, 422) and "\n" not in answer.message
        else:
            assert set(answer["prediction"]) <= {"large", "small"}
    assert n_refused > 100


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"size,colour,gap\n1.5,red,0.p\n", "'gap'.*'0.p'"),
        (b"size,colour,gap\nmany,red,few\n2,red,1\n", "'size'.*'many'.*'gap'.*'few'"),
        (b"size,colour,gap\n2020-01-02,red,1\n", "'size'.*2020-01-02|'size': holds a time"),
    ],
)
def test_cells_that_do_not_fit_are_named_in_one_line(served: Any, body: bytes, words: str) -> None:
    """Several columns too; no number at all in a column of numbers; a time."""
    found = _answer(served, body, CSV)
    assert isinstance(found, RequestError) and found.status == 422
    assert "\n" not in found.message and re.search(words, found.message), found.message


@pytest.mark.parametrize("seed", range(4))
def test_plain_rows_are_read_as_all_others(served: Any, seed: int) -> None:
    """Numbers, missing values, unknown levels, spellings of a missing value, texts with spaces: the same inputs."""
    draw = random.Random(seed)
    sizes = [0, -1.5, None, 2**53, 1e300, 1e-320, -0.0, 3]
    colours = ["red", "blue", "never", "", "NA", "?", " red", "red ", "\u00a0red", "re\td", None, "\u3000"]
    n_quick = 0
    for _ in range(60):
        n = draw.randint(1, 4)
        rows = [
            {"size": draw.choice(sizes), "colour": draw.choice(colours), "gap": draw.choice(sizes)} for _ in range(n)
        ]
        columns = rows_of(json.dumps(rows).encode(), JSON, served.columns, served.limits).columns
        table = plain_table(columns, served.pipeline) if is_plain(columns, served.pipeline) else None
        if table is None:
            continue
        n_quick += 1
        (slow,) = blocks(as_arrow(columns), served.pipeline, needs_target=False)
        assert served.pipeline.features(table).tobytes() == served.pipeline.features(slow).tobytes(), rows
    assert n_quick > 10


def test_requests_together_are_as_alone(served: Any) -> None:
    """Whichever kinds of bodies come at once: each has its own rows and its own fault."""
    bodies = [
        (JSON, json.dumps([ROW, ROW | {"size": 3}]).encode()), (JSON, json.dumps(ROW | {"colour": " red"}).encode()),
        (JSON, json.dumps(ROW | {"size": "many"}).encode()), (JSON, json.dumps(ROW | {"gap": 7}).encode()),
        (CSV, b"size,colour,gap\n1.5,red,\n2,blue,0.5\n"), (JSON, json.dumps(ROW | {"size": 2**60}).encode()),
    ]  # fmt: skip
    requests = [rows_of(body, kind, served.columns, served.limits) for kind, body in bodies]
    for chosen in (requests, requests[:1] + requests[3:4], requests[::-1]):
        for request, together in zip(chosen, served.predict_each(chosen), strict=True):
            (alone,) = served.predict_each([request])
            if isinstance(alone, RequestError):
                assert isinstance(together, RequestError) and str(together) == str(alone)
            else:
                assert {name: column.tolist() for name, column in together.items()} == {
                    name: column.tolist() for name, column in alone.items()
                }


def test_formats_by_name() -> None:
    """JSON where none is named; parameters do not matter."""
    assert format_of(None) == JSON and format_of("Text/CSV; charset=utf-8") == CSV
    with pytest.raises(RequestError, match="'image/png': must be"):
        format_of("image/png")


def test_an_ensemble_is_served_as_its_mean() -> None:
    """The mean of its members, and what they say apart in an explanation."""
    r = np.random.default_rng(0)
    size = r.normal(size=80)
    run = cr.train({"size": size, "y": 2 * size}, target="y", members=2, epochs=2, progress=False)
    model = Served(predictor=run.predictor, networks=run._networks, pipeline=run._fitted, name="two")
    rows = rows_of(json.dumps([{"size": 0.5}, {"size": None}]).encode(), JSON, model.columns, model.limits)
    expected = run.predict({"size": [0.5, None]})
    assert model.predict(rows)["prediction"].tolist() == expected.tolist()
    assert len(model.explain(rows)[0][0]["members"]) == 2
