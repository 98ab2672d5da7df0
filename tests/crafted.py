"""Files of a run, altered in one place and summed again: valid checksums, wrong content.

A case is a function of its seed: which file of a run, which place in its JSON or arrays, and what stands there
instead. Values are altered by their type (numbers become huge, negative, not finite, text; texts become other
names, empty, no whole characters; lists and objects lose, gain, repeat and nest entries), arrays in dtype, shape
and content, files in their name and kind.
"""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.run.stored import DTYPES, checksum

HUGE = 2**31, 2**40, 2**63 - 1, 2**63, 2**64, 10**30, 10**400
NUMBERS = -1, 0, 1, 3, -(2**31), 0.5, -0.5, 1e-300, 1e300, float("nan"), float("inf"), -float("inf"), *HUGE
TEXTS = (
    "", "x", "nan", "Infinity", "0", "\ud800", "\x1b[2J", "../../etc/passwd", "a\nb", "\0", "한글", "x" * 5000,
    "category", "number", "time", "labels", "values", "classes", "class", "float64", "float16", "relu", "softmax",
    "sgd", "momentum", "learning_rate", "edit", "set",
)  # fmt: skip
EMPTY = [0, 0, 40_000_000], [2**31, 0], [-1], [0.5], [0] * 40, [10**30, 0]
"""Shapes of arrays without entries that would ask for memory, or cannot be."""
JSON_FILES = "run.json", "history.jsonl", "events.jsonl", "learning_rate.json"
TENSOR_FILES = "model.safetensors", "steps.safetensors", "data.safetensors", "split.safetensors"


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of a JSON value, itself included; not all of one that is nested without end."""
    yield path
    if len(path) > 20:
        return
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for i in range(min(len(value), 6)):
            yield from places(value[i], (*path, i))


def altered(value: Any, rng: random.Random) -> Any:
    """Another value in place of this one, often of its own type."""
    choices: list[Any] = [None, True, False, rng.choice(NUMBERS), rng.choice(TEXTS), [], {}, [[]], {"": None}]
    if isinstance(value, bool):
        choices += [not value] * 3
    elif isinstance(value, int | float):
        choices += [rng.choice(NUMBERS), rng.choice(HUGE), -value, value + 1, value - 1, value * 1000, str(value)] * 2
    elif isinstance(value, str):
        choices += [rng.choice(TEXTS), rng.choice(TEXTS), value + "x", value[:-1], value.upper(), [value]] * 2
    elif isinstance(value, list):
        choices += [value * 2, value[:-1], value[::-1], [*value, rng.choice(TEXTS)], [*value, rng.choice(NUMBERS)]]
        choices += [[rng.choice(NUMBERS)] * len(value), nested(rng.choice([40, 900, 5000])), dict.fromkeys("ab", value)]
    elif isinstance(value, dict):
        choices += [list(value), {**value, rng.choice(TEXTS): rng.choice(NUMBERS)}, nested(rng.choice([40, 900]))]
        if "empty" in value:
            choices += [{"empty": shape} for shape in EMPTY]
    return rng.choice(choices)


def nested(depth: int) -> Any:
    """A list in a list in a list …"""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def alter_json(value: Any, rng: random.Random) -> Any:
    """One to three places of a JSON value altered, removed, or added to."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        path = rng.choice(list(places(value)))
        if not path:
            if rng.random() < 0.1:
                return altered(value, rng)
            continue
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        if rng.random() < 0.2:
            del parent[path[-1]]
        elif isinstance(parent, dict) and rng.random() < 0.1:
            other = rng.choice(list(parent))
            parent[path[-1]], parent[other] = parent[other], parent[path[-1]]
        else:
            parent[path[-1]] = altered(parent[path[-1]], rng)
    return value


def dumped(value: Any, rng: random.Random) -> bytes:
    """A JSON value as text; now and then with a key twice, cut, or no UTF-8."""
    try:
        text = json.dumps(value)
    except RecursionError:
        text = "[" * 100_000 + "]" * 100_000
    content = text.encode()
    chance = rng.random()
    if chance < 0.03 and text.startswith("{") and len(text) > 2:
        first = text[1 : text.index(":")] if ":" in text else '"a"'
        content = ("{" + first + ": 1, " + text[1:]).encode()
    elif chance < 0.05:
        content = content[: rng.randrange(len(content) + 1)]
    elif chance < 0.07:
        content = content.replace(b'"', b'"\xff', 1)
    elif chance < 0.08:
        content = b"[" * 200_000
    return content


def unpack(content: bytes) -> tuple[dict[str, np.ndarray], Any]:
    """Arrays and JSON of a safetensors file."""
    n = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + n])
    about = json.loads(header.pop("__metadata__")["chainrule"])
    data = content[8 + n :]
    arrays = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        arrays[name] = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
    return arrays, about


def pack(arrays: dict[str, np.ndarray], text: bytes, rng: random.Random | None = None) -> bytes:
    """A safetensors file with a valid checksum; with a generator at times a header that lies."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    arrays = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    header: dict[str, Any] = {
        "__metadata__": {"chainrule": text.decode("utf-8", "replace"), "sha256": checksum(arrays, text)}
    }
    at = 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": names[array.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    if rng is not None and rng.random() < 0.15:
        header = alter_json(header, rng)
    content = json.dumps(header).encode()
    if rng is None or rng.random() < 0.8:
        content += b" " * (-len(content) % 8)
    n = len(content)
    if rng is not None and rng.random() < 0.03:
        n = rng.choice([0, 1, n + 1, 2**32, 2**63, 2**64 - 1])
    return n.to_bytes(8, "little") + content + b"".join(array.tobytes() for array in arrays.values())


def alter_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """An array in another dtype, shape or order, or with other numbers."""
    flat = array.reshape(-1)
    made: list[Callable[[], np.ndarray]] = [
        lambda: array.astype(rng.choice(list(DTYPES.values()))),
        lambda: flat,
        lambda: array[None],
        lambda: array[..., None],
        lambda: flat[:1].reshape(()) if flat.size else np.zeros((), array.dtype),
        lambda: flat[:-1],
        lambda: array[:0],
        lambda: np.concatenate([array, array]) if array.ndim else array,
        lambda: array.T,
        lambda: array[::-1] if array.ndim else array,
        lambda: np.zeros((0, 0, 7), array.dtype),
        lambda: -array if array.dtype.kind in "fi" else array,
        lambda: np.full_like(array, rng.choice([0, 1, 100]) if array.dtype.kind != "b" else True),
    ]
    if array.dtype.kind == "f":
        made += [lambda: np.full_like(array, rng.choice([np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-38]))] * 3
    if array.dtype.kind in "iu" and array.size:
        made += [lambda: np.full_like(array, rng.choice([-1, 2**31 - 1, 50, 7]))] * 3
    if array.size:
        made.append(lambda: spotted(array, rng))
    return made[rng.randrange(len(made))]()


def spotted(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """One number altered."""
    changed = array.copy()
    values = (
        (np.nan, np.inf, -1.0, 1e30)
        if array.dtype.kind == "f"
        else (-1, 2**31 - 1, 3)
        if array.dtype.kind == "i"
        else (0, 1)
    )
    changed.reshape(-1)[rng.randrange(array.size)] = rng.choice(values)
    return changed


def alter_tensors(content: bytes, rng: random.Random) -> bytes:
    """A safetensors file with JSON, arrays or header altered and the checksum made to fit."""
    arrays, about = unpack(content)
    text = json.dumps(about).encode()
    if rng.random() < 0.65:
        text = dumped(alter_json(about, rng), rng)
    if rng.random() < 0.5 and arrays:
        name = rng.choice(list(arrays))
        chance = rng.random()
        if chance < 0.12:
            del arrays[name]
        elif chance < 0.2:
            arrays[rng.choice(["x", "W9", "pipeline.0.edges", "pipeline.0.knots", "optimizer.v"])] = arrays.pop(name)
        else:
            arrays[name] = alter_array(arrays[name], rng)
    try:
        return pack(arrays, text, rng)
    except RecursionError:
        return content[: len(content) // 2]


LINES = (
    b"[1]", b"{}", b"null", b"\xff", b"", b'{"epoch": 1}', b"[" * 100_000, b'"x"', b'{"step": -1, "kind": "edit"}',
)  # fmt: skip


def alter_lines(content: bytes, rng: random.Random) -> bytes:
    """A file of JSON lines with one of them altered, repeated, moved, or added."""
    lines = content.splitlines()
    chance = rng.random()
    if chance < 0.15 or not lines:
        event = {"step": rng.choice(NUMBERS), "kind": rng.choice(TEXTS), "value": rng.choice(NUMBERS)}
        change = {"step": 3, "kind": "set", "name": rng.choice(TEXTS), "value": rng.choice(NUMBERS)}
        extra = [json.dumps(event).encode(), json.dumps(change).encode(), *LINES]
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(extra))
    elif chance < 0.25:
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    elif chance < 0.3:
        lines.pop(rng.randrange(len(lines)))
    elif chance < 0.35:
        rng.shuffle(lines)
    else:
        i = rng.randrange(len(lines))
        lines[i] = dumped(alter_json(json.loads(lines[i]), rng), rng)
    return b"\n".join(lines) + (b"\n" if rng.random() < 0.9 else b"")


def alter_place(path: Path, rng: random.Random) -> str:
    """A file that is gone, a folder, a broken or circular link, a pipe, empty, or of no rights."""
    kind = rng.choice(["gone", "folder", "broken", "circle", "pipe", "empty", "zeros", "device"])
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "broken":
        path.symlink_to("nowhere")
    elif kind == "circle":
        path.symlink_to(path.name)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind != "gone":
        path.write_bytes(b"" if kind == "empty" else bytes(4096))
    return kind


def files_of(run: Path) -> list[Path]:
    """The files of a run that are read."""
    named = [run / name for name in (*JSON_FILES, *TENSOR_FILES)]
    return [path for path in (*named, *sorted((run / "checkpoints").glob("step-*.safetensors"))) if path.is_file()]


BESIDE = (
    "step-00000000 (copy).safetensors", "step-x.safetensors", "step-1.safetensors", "step-99999999.safetensors",
    "step-00000003.safetensors", "step--0000001.safetensors", "step-000000000.safetensors",
)  # fmt: skip
"""Names beside the checkpoints that are none, or are those of another step."""


def craft(run: Path, seed: int, only: str | None = None) -> str:
    """Alter one file of a run by a seed; what was done, in a few words."""
    rng = random.Random(seed)
    choices = [path for path in files_of(run) if only is None or path.name == only]
    weights = [6 if path.name == "model.safetensors" else 5 if path.name == "run.json" else 1.5 for path in choices]
    path = rng.choices(choices, weights)[0]
    content = path.read_bytes()
    chance = rng.random()
    if chance < 0.04:
        return f"{path.name}: {alter_place(path, rng)}"
    if path.suffix == ".safetensors" and path.parent.name == "checkpoints" and chance < 0.15:
        shutil.copy(path, path.with_name(rng.choice([name for name in BESIDE if name != path.name])))
        return f"{path.name}: copied beside"
    if path.suffix == ".safetensors":
        path.write_bytes(alter_tensors(content, rng))
    elif path.suffix == ".jsonl":
        path.write_bytes(alter_lines(content, rng))
    else:
        path.write_bytes(dumped(alter_json(json.loads(content), rng), rng))
    return path.name
