"""Bytes of a text file become UTF-8: unpacked, decoded strictly, in chunks of bounded size.

The encoding is the one stated, or that of the byte order mark, or UTF-8 if all bytes are; else the one whose letters
make words of a language (letters.py) where no other comes near, and otherwise a question that shows how each
candidate reads: a guess would turn names into other names.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data import letters
from chainrule.data.regular import Standing
from chainrule.errors import DataError, SettingsError
from chainrule.visible import cut

PACKED = (".gz", ".zst")
PROBED = 1 << 29
"""Bytes that are unpacked to see how many an archive holds."""
SUSPECTED = 50
"""An archive that unpacks to so many times its size is unpacked to its end, so that a refusal comes at once."""
CHUNK = 1 << 24
FIRST_CHUNK = 1 << 18
MOST_UNPACKED, MOST_RATIO = 1 << 28, 200
"""An archive may unpack to so many bytes, or to so many times its own size: tables come to 3 to 50 times."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_STATE_IT = "save the file as UTF-8, or state its encoding (--encoding)"
CLEAR = 9.0
"""By how much the likeliest encoding must be likelier than any that reads otherwise, in nats."""
MOST_ODD = 0.1
"""The share of characters beyond ASCII that the language may not write so."""
_BEYOND_UTF8 = re.compile(
    rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}"
)
"""Overlong forms and halves of surrogate pairs, which strict UTF-8 does not have."""
_LIKE_UTF8 = re.compile(rb"(?:[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3})+")
_SHIFTS = re.compile(rb"\x1b(?:\$[@AB]|\([BJI]|\$\([DOPQ]|\$\)[ACG]|\$\*H)")
"""Escape sequences by which ISO 2022 changes the set of characters."""


class UndecodableError(Exception):
    """A byte that is no text: what was decoded before it in this chunk, and what is wrong."""

    def __init__(self, before: bytes, message: str) -> None:
        self.before, self.message = before, message
        super().__init__(message)


def chunks(path: Path, standing: Standing | None = None) -> Iterator[bytes]:
    """The bytes of a file, unpacked where it ends in .gz or .zst: a small chunk first, then larger ones.

    Errors    DataError for an archive that is damaged, cut short, or unpacks to more than any table would; for a
              file that changes meanwhile
    """
    from pyarrow import ArrowException

    try:
        standing, n_unpacked = standing or Standing.of(path), 0
        most = max(MOST_UNPACKED, MOST_RATIO * standing.size)
        with _open(path) as file:
            size = FIRST_CHUNK
            while chunk := file.read(size):
                n_unpacked += len(chunk)
                if n_unpacked > most and path.suffix.lower() in PACKED:
                    message = f"unpacks to more than {MOST_RATIO} times its size of {standing.size:,} bytes"
                    raise DataError(f"{message}: must be a table. Unpack it yourself if it is one.", path=str(path))
                yield bytes(chunk)
                size = CHUNK
        standing.check()
    except DataError:
        raise
    except (OSError, EOFError, zlib.error, ArrowException, ValueError) as error:
        raise DataError(f"cannot be read ({str(error).splitlines()[0]}).", path=str(path)) from None


def size_unpacked(path: Path) -> int:
    """About how many bytes a file holds: of an archive estimated from its beginning, at least four times its size."""
    size = path.stat().st_size
    if path.suffix.lower() not in PACKED:
        return size
    known = 0
    for chunk in chunks(path):
        known += len(chunk)
        if PROBED < known < SUSPECTED * size:
            return max(4 * size, known)
    return known


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    if path.suffix.lower() == ".zst":
        import pyarrow

        with pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd") as file:
            yield file
    elif path.suffix.lower() == ".gz":
        with gzip.open(path, "rb") as file:
            yield file
    else:
        with open(path, "rb") as file:
            yield file


class Decoder:
    """Chunks of bytes in, UTF-8 out; `encoding` says what they were, as far as they tell.

    Args      encoding: the one stated or found, or None to find it out; detected: whether it was found
    """

    def __init__(self, encoding: str | None, *, detected: bool = False) -> None:
        self.encoding = None if encoding is None else _known(encoding)
        self.detected = detected or encoding is None
        self._decoder: Any = None if self.encoding is None else codecs.getincrementaldecoder(self.encoding)()
        self._first = True

    @property
    def name(self) -> str:
        """As it is printed."""
        name = {None: "UTF-8", "utf-8": "UTF-8", "utf-8-sig": "UTF-8 with BOM"}.get(self.encoding, self.encoding)
        return f"{name}".replace("utf-", "UTF-")

    def decode(self, chunk: bytes, last: bool = False) -> bytes:
        """The chunk as UTF-8; a character cut in two is held back.

        Errors    UndecodableError
        """
        is_first, self._first = self._first, self._first and not chunk
        if is_first and chunk and self.encoding is None:
            mark = next((name for mark, name in _MARKS if chunk.startswith(mark)), None)
            if mark is not None:
                self._use(mark)
            else:
                _refuse_wide(chunk)
        if self._decoder is None:
            if chunk.isascii() and not (b"\x1b" in chunk and _SHIFTS.search(chunk)):
                return chunk
            self._use(detect(chunk))
        elif self.detected and self.encoding in (*letters.ENCODINGS, "latin-1") and not (is_first or chunk.isascii()):
            _confirm(chunk, self.encoding)
        try:
            text = self._decoder.decode(chunk, last)
        except UnicodeDecodeError as error:
            raise self._refusal(error) from None
        if "\n\ufeff" in text:
            before = text[: text.index("\n\ufeff") + 1].encode("utf-8", "surrogatepass")
            raise UndecodableError(
                before, "begins with a byte order mark, as a file does; two files in one? Take it out."
            )
        if is_first and text.startswith("\ufeff"):  # a second mark, or the one of a stated encoding
            return str(text).lstrip("\ufeff").encode("utf-8", "surrogatepass")
        return chunk if self.encoding == "utf-8" else str(text).encode("utf-8", "surrogatepass")

    def _use(self, name: str) -> None:
        self.encoding, self._decoder = name, codecs.getincrementaldecoder(name)()

    def _refusal(self, error: UnicodeDecodeError) -> UndecodableError:
        before = error.object[: error.start].decode(error.encoding, "replace").encode("utf-8")
        byte = error.object[error.start : error.start + 1].hex()
        message = f"the byte 0x{byte} is no {self.name} text; {_STATE_IT}."
        if self.encoding == "utf-8" and (odd := _BEYOND_UTF8.match(error.object, error.start)):
            code = " ".join(f"0x{byte:02x}" for byte in odd.group())
            message = (
                f"the bytes {code} are an overlong form or half of a pair, no valid UTF-8; save the file as UTF-8."
            )
        return UndecodableError(before, message)


def _known(encoding: str) -> str:
    try:
        found = codecs.lookup(encoding)
        "a,\n".encode(found.name)
    except (LookupError, UnicodeError, TypeError):
        raise SettingsError(
            f"encoding {encoding!r} is not known: must be utf-8, utf-16, cp949, latin-1 or another of Python's."
        ) from None
    if found.name == "iso8859-1":
        return "latin-1"
    return next((name for name in (*letters.ENCODINGS, "utf-8-sig") if codecs.lookup(name) == found), found.name)


def _refuse_wide(chunk: bytes) -> None:
    """UndecodableError where every second byte of the beginning is NUL, as Latin text in UTF-16 has it."""
    head = np.frombuffer(chunk[:2000], np.uint8)
    even, odd = head[: len(head) // 2 * 2 : 2] == 0, head[1::2] == 0
    if len(odd) > 1 and max(even.mean(), odd.mean()) > 0.8 > 0.2 > min(even.mean(), odd.mean()):
        name = "utf-16-le" if odd.mean() > even.mean() else "utf-16-be"
        line = chunk[:2000].decode(name, "replace").splitlines()[0]
        message = f"looks like UTF-16 without a byte order mark: as {name} its first line reads {cut(line, 40)!r}"
        raise UndecodableError(b"", f"{message}; save the file as UTF-8, or state it (--encoding {name}).")


def detect(chunk: bytes) -> str:
    """The encoding of bytes that are not all ASCII and bear no mark.

    Returns   "utf-8" also where they are neither UTF-8 nor certainly something else: decoding then names the byte
    Errors    UndecodableError where two encodings would do, or where rows of UTF-8 stand among others
    """
    if chunk.isascii():
        return _of_shifts(chunk)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(chunk)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    n_high = int((np.frombuffer(chunk, np.uint8) >= 0x80).sum())
    sound = len(chunk.decode("utf-8", "ignore").encode("utf-8")) - (len(chunk) - n_high)
    written_alike = sum(map(len, _LIKE_UTF8.findall(chunk))) == n_high and _BEYOND_UTF8.search(chunk)
    if sound > 0.5 * n_high or written_alike:  # UTF-8 with broken places
        return "utf-8"
    found = _whole_runs(chunk)
    others = [run for run in found if not _is_utf8(run)]
    for evidence in (others, found):
        if evidence and (best := _clear(letters.readings(evidence))) is not None:
            _refuse_utf8_among(chunk, found, best)
            return _plainest(best.encoding, chunk)
    raise _question(chunk, found or letters.runs(chunk))


def _clear(candidates: list[letters.Reading]) -> letters.Reading | None:
    """The likeliest reading, if no other comes near and its language writes so; one that looks odd counts for less."""
    if not candidates or candidates[0].odd > MOST_ODD:
        return None
    best, *others = candidates
    near = any(other.cost - best.cost < (CLEAR / 2 if other.odd > 3 * MOST_ODD else CLEAR) for other in others)
    return None if near else best


def _of_shifts(chunk: bytes) -> str:
    """The encoding of 7-bit text with the escape sequences of ISO 2022."""
    for name in ("iso2022_jp", "iso2022_kr", "iso2022_jp_2"):
        with contextlib.suppress(UnicodeDecodeError):
            codecs.getincrementaldecoder(name)().decode(chunk)
            return name
    place = _SHIFTS.search(chunk)
    message = "holds escape sequences of ISO 2022, and is neither its Japanese nor its Korean form"
    raise UndecodableError(chunk[: place.start() if place else 0], f"{message}; save the file as UTF-8.")


def _whole_runs(chunk: bytes) -> list[bytes]:
    """The runs beyond ASCII; of a chunk that is part of a file without the last, which may be cut."""
    return letters.runs(chunk[: chunk.rfind(b"\n") + 1] if len(chunk) >= FIRST_CHUNK else chunk)


def _is_utf8(run: bytes) -> bool:
    try:
        run.decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False


def _plainest(encoding: str, chunk: bytes) -> str:
    """latin-1 for cp1252 where no byte distinguishes them."""
    return "latin-1" if encoding == "cp1252" and not re.search(rb"[\x80-\x9f]", chunk) else encoding


def _refuse_utf8_among(chunk: bytes, found: list[bytes], best: letters.Reading) -> None:
    """UndecodableError at the first run that is UTF-8, and reads worse in the encoding of the others."""
    for run in filter(_is_utf8, found):
        try:
            here = letters.read_as(best.encoding, run.decode(best.encoding))
            cost, text = here.cost, here.text
        except UnicodeDecodeError:
            cost, text = float("inf"), "nothing"
        there = letters.read_as(best.encoding, run.decode("utf-8"), letters.LANGUAGES)
        if there.cost + 4 < cost:
            message = (
                f"holds UTF-8 ({there.text!r}, as {best.encoding} {text!r}) in a file that is otherwise {best.encoding}"
            )
            raise UndecodableError(_at(chunk, run)[0], f"{message}; save the whole file as UTF-8.")


def _confirm(chunk: bytes, encoding: str) -> None:
    """UndecodableError where a later part of a file is clearly written in another encoding than its beginning."""
    found = _whole_runs(chunk)
    others = [run for run in found if not _is_utf8(run)] or found
    encoding = "cp1252" if encoding == "latin-1" else encoding
    mine = letters.readings(others, (encoding,))
    candidates = letters.readings(others)
    if mine and candidates and mine[0].cost - candidates[0].cost >= CLEAR:
        other = candidates[0].encoding
        run = next(run for run in others if run.decode(other) != run.decode(encoding))
        message = f"reads as {encoding} before this line, and here as {other}: {run.decode(other)!r}"
        raise UndecodableError(_at(chunk, run)[0], f"{message} (as {encoding} {run.decode(encoding)!r}); {_STATE_IT}.")
    if mine:
        _refuse_utf8_among(chunk, found, mine[0])


def _question(chunk: bytes, found: list[bytes]) -> UndecodableError:
    """Which encoding it is, with the candidates as they would read."""
    candidates = letters.readings(found)
    near = [entry for entry in candidates[:4] if entry.cost - candidates[0].cost < 2 * CLEAR]
    if len(near) < 2 or near[0].odd > 2 * MOST_ODD:
        near = candidates[:3]
    if not near:
        place = re.search(rb"[\x80-\xff]", chunk)
        assert place is not None
        message = f"the byte 0x{place.group().hex()} is not UTF-8, nor text of an encoding known here"
        return UndecodableError(chunk[: place.start()], f"{message}; {_STATE_IT}.")
    run = max(found[:200], key=lambda run: len({run.decode(entry.encoding) for entry in near}))
    before, run = _at(chunk, run)
    reads = "; ".join(f"{cut(run.decode(entry.encoding), 30)!r} in {entry.encoding}" for entry in near)
    message = f"is not UTF-8, and its encoding is not clear: {reads}"
    remedy = f"State the one that reads right, such as --encoding {near[0].encoding}, or save the file as UTF-8"
    return UndecodableError(before, f"{message}. {remedy}.")


def _at(chunk: bytes, run: bytes) -> tuple[bytes, bytes]:
    """What stands before a run whose numbers are 0, and the run as it stands."""
    place = re.search(re.escape(run).replace(b"0", b"[0-9]+"), chunk)
    return (chunk[: place.start()], place.group()) if place else (b"", run)
