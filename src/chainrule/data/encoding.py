"""Bytes of a text file become UTF-8: unpacked, decoded strictly, in chunks of bounded size.

The encoding is the one stated, or that of the byte order mark, or UTF-8 if all bytes are; else cp949 or
latin-1 where the bytes leave no doubt, and otherwise a refusal: a guess would turn names into other names.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.regular import Standing
from chainrule.errors import DataError, SettingsError

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
                    raise DataError(f"{message}; expected a table. Unpack it yourself if it is one.", path=str(path))
                yield bytes(chunk)
                size = CHUNK
        standing.check()
    except DataError:
        raise
    except (OSError, EOFError, zlib.error, ArrowException, ValueError) as error:
        raise DataError(f"cannot be read ({str(error).splitlines()[0]}).", path=str(path)) from None


def size_unpacked(path: Path) -> int:
    """About how many bytes a file holds: of an archive as its beginning tells, at least four times its size."""
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

    Args      encoding: the one stated, or None to find it out
    """

    def __init__(self, encoding: str | None) -> None:
        self.encoding = None if encoding is None else _known(encoding)
        self.detected = encoding is None
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
        if self._first and self.detected:
            mark = next((name for mark, name in _MARKS if chunk.startswith(mark)), None)
            if mark is not None:
                self._use(mark)
            elif _looks_wide(chunk):
                raise UndecodableError(b"", f"looks like UTF-16 without a byte order mark; {_STATE_IT}.")
        self._first = False
        if self._decoder is None:
            if chunk.isascii():
                return chunk
            self._use(detect(chunk))
        try:
            text = self._decoder.decode(chunk, last)
        except UnicodeDecodeError as error:
            raise self._refusal(error) from None
        return chunk if self.encoding == "utf-8" else text.encode("utf-8", "surrogatepass")

    def _use(self, name: str) -> None:
        self.encoding, self._decoder = name, codecs.getincrementaldecoder(name)()

    def _refusal(self, error: UnicodeDecodeError) -> UndecodableError:
        before = error.object[: error.start].decode(error.encoding, "replace").encode("utf-8")
        byte = error.object[error.start : error.start + 1].hex()
        return UndecodableError(before, f"the byte 0x{byte} is no {self.name} text; {_STATE_IT}.")


def _known(encoding: str) -> str:
    try:
        found = codecs.lookup(encoding)
        "a,\n".encode(found.name)
    except (LookupError, UnicodeError, TypeError):
        raise SettingsError(
            f"encoding {encoding!r} is not known; expected utf-8, utf-16, cp949, latin-1 or another of Python's."
        ) from None
    return "latin-1" if found.name == "iso8859-1" else found.name


def _looks_wide(chunk: bytes) -> bool:
    """Whether every second byte of the beginning is NUL, as Latin text in UTF-16 has it."""
    head = np.frombuffer(chunk[:2000], np.uint8)
    even, odd = head[: len(head) // 2 * 2 : 2] == 0, head[1::2] == 0
    return len(odd) > 1 and (odd.mean() > 0.8 > 0.2 > even.mean() or even.mean() > 0.8 > 0.2 > odd.mean())


def detect(chunk: bytes) -> str:
    """The encoding of bytes that are not all ASCII and bear no mark.

    Returns   "utf-8" also where they are neither UTF-8 nor certainly something else: decoding then tells the byte
    Errors    UndecodableError where two encodings would do
    """
    try:
        codecs.getincrementaldecoder("utf-8")().decode(chunk)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    high = np.frombuffer(chunk, np.uint8) >= 0x80
    sound = len(chunk.decode("utf-8", "ignore").encode("utf-8")) - int((~high).sum())
    if sound > 0.5 * high.sum():  # UTF-8 with broken places
        return "utf-8"
    hangul, western = _share_of_hangul(chunk), _is_western(chunk, high)
    if hangul > 0.95:
        return "cp949"
    if western and hangul < 0.05:
        return "cp1252" if any(0x80 <= byte < 0xA0 for byte in set(chunk)) else "latin-1"
    place = int(np.flatnonzero(high)[0])
    message = f"the byte 0x{chunk[place]:02x} is not UTF-8, and cp949, latin-1 or others are possible; {_STATE_IT}."
    raise UndecodableError(chunk[:place], message)


def _share_of_hangul(chunk: bytes) -> float:
    """The share of the characters beyond ASCII that are Hangul if the bytes are cp949; 0 if they cannot be.

    Only the syllables of KS X 1001 count, the 2,350 that are in use.
    """
    try:
        text = codecs.getincrementaldecoder("cp949")().decode(chunk)
    except UnicodeDecodeError:
        return 0.0
    beyond = [character for character in text if ord(character) >= 0x80][:50_000]
    hangul = [character for character in beyond if "\uac00" <= character <= "\ud7a3"]
    in_use = [character for character in hangul if min(character.encode("cp949")) >= 0xA1]
    marks = [c for c in beyond if c in "㎡㎏㎝㎜㎞℃·…―‘’“”「」〈〉《》①②③④⑤⑥⑦⑧⑨⑩～"]
    return len(in_use) / max(1, len(beyond) - len(marks))


_WESTERN = set("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœŒšŠžŽŸ")
_SIGNS = set("°§£€²³µ½¼¾©®™–—‘’“”…«»¡¿ºª·±× ")


def _is_western(chunk: bytes, high: Any) -> bool:
    """Whether the bytes read as latin-1 (cp1252) are single accented letters among plain ones, or common signs."""
    try:
        text = chunk.decode("cp1252")
    except UnicodeDecodeError:
        return False
    beyond = {character for character in set(text) if ord(character) >= 0x80}
    if not beyond <= _WESTERN | _SIGNS:
        return False
    pairs = float((high[1:] & high[:-1]).sum())
    return pairs < 0.3 * float(high.sum())
