"""Where outputs go, and the form in which two runs of the same code write the same."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MARK = "<varies>"
VARYING = re.compile(
    r"(^|_)(seconds?|elapsed(_s)?|created|date|started|finished|version|versions|memory|pid|host|platform)($|_)"
)
"""Names of values that differ from run to run, or with the machine."""
TIME = re.compile(r"(?<![\w.,])\d[\d,]*(\.\d+)?(e[+-]?\d+)?\s?(s|ms|µs|min|h|초|분|밀리초)(?![\w·²/])")
SHORT = 24
"""Lists of more numbers than this are replaced by their sha256."""


class Outputs:
    """The outputs of one part, each a file named after how it was made."""

    def __init__(self, folder: Path, part: str) -> None:
        self.part, self.folder = part, folder / part
        self.folder.mkdir(parents=True, exist_ok=True)
        self.hidden: dict[str, str] = {}

    def hide(self, text: object, name: str) -> None:
        """Write NAME for a text that differs from run to run."""
        self.hidden[str(text)] = f"<{name}>"

    def write(self, name: str, result: Any) -> None:
        """A text, or a value as JSON."""
        text = result if isinstance(result, str) else json.dumps(plain(result), ensure_ascii=False, indent=1)
        (self.folder / re.sub(r"[^\w.,=+-]+", "_", name)).write_text(self.constant(text) + "\n", encoding="utf-8")

    def constant(self, text: str) -> str:
        """The text without what differs from run to run."""
        for found, name in self.hidden.items():
            text = text.replace(found, name)
        return TIME.sub(MARK, text)

    def call(self, name: str, what: Callable[[], Any]) -> Any:
        """Write what a call returns, warns and raises; return it, or None where it raised."""
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                found, result = what(), None
            except Exception as error:
                found, result = None, f"{type(error).__name__}: {error}"
        shown = found if result is None else result
        notes = [f"{w.category.__name__}: {w.message}" for w in warned if "chainrule" in w.category.__module__]
        if not notes:
            self.write(name, shown)
        else:
            whole = shown if isinstance(shown, str) else json.dumps(plain(shown), ensure_ascii=False, indent=1)
            self.write(name, "\n".join([whole, *notes]))
        return found

    def command(self, *arguments: str, name: str = "") -> None:
        """Write exit code, stdout and stderr of one command line."""
        from chainrule.cli import main

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("always")
            code = main(list(arguments))
        result = out.getvalue()
        with contextlib.suppress(ValueError):
            result = json.dumps(plain(json.loads(result)), ensure_ascii=False, indent=1)
        warned = re.sub(r"\S+\.py:\d+: (\w+): (.*)\n.*\n?", r"\1: \2\n", err.getvalue())
        self.write(name or " ".join(arguments), f"exit {code}\n{result}\n--- stderr\n{warned}")


def plain(value: Any, name: str = "") -> Any:
    """JSON of anything: exact numbers, long lists as sha256, what varies as a mark, strange objects as nothing."""
    if VARYING.search(name):
        return MARK
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else str(value)
    if isinstance(value, (np.bool_, np.integer)):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype != object:
        whole = {"dtype": str(value.dtype), "shape": list(value.shape)}
        return whole | {"values": plain(value.ravel().tolist())}
    if isinstance(value, Mapping):
        return {str(key): plain(part, str(key)) for key, part in value.items()}
    if isinstance(value, (Sequence, np.ndarray, set, frozenset)) and not isinstance(value, bytes):
        parts = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else list(value)
        if _count(parts) > SHORT:
            return f"sha256 of {_count(parts)} values: {hashlib.sha256(repr(parts).encode()).hexdigest()}"
        return [plain(part) for part in parts]
    return f"an object of {type(value).__module__.split('.')[0]}"


def _count(parts: Any) -> int:
    """Numbers in a list of lists; a text or a mapping counts so little that it is never shortened."""
    if isinstance(parts, (list, tuple)):
        return sum(map(_count, parts))
    return 1 if parts is None or isinstance(parts, (bool, int, float, np.number)) else -(10**9)
