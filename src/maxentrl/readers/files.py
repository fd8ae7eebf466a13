"""Bytes and text of files that users name; every way in which that fails, by name."""

from __future__ import annotations

import codecs
import difflib
import glob
from collections.abc import Iterable
from pathlib import Path

from maxentrl.status import InvalidInput

CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f"))
"""Bytes that text hardly ever holds."""


def existing_file(path: str | Path) -> Path:
    """The path of a file that is there.

    Raises:
        InvalidInput: nothing of that name (with the most similar name beside it), or a folder.
    """
    path = Path(path)
    try:
        if path.is_file():
            return path
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder: expected a file")
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    raise InvalidInput(f"{path}: there is no such file{nearest(path.name, beside)}")


def read_bytes(path: str | Path) -> bytes:
    """The content of a file.

    Raises:
        InvalidInput: the file is missing or cannot be read.
    """
    path = existing_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from error


def read_text(path: str | Path) -> tuple[str, tuple[str, ...]]:
    """The text of a file in UTF-8, UTF-16 (either order, with or without its mark) or else Latin-1, and warnings.

    Raises:
        InvalidInput: the file is missing, cannot be read, or is not text.
    """
    content = read_bytes(path)
    head = content[:4096]
    try:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16"), ()
        if b"\0" in head:
            order = _order_of_utf16(path, head)
            return content.decode(order), (f"{path} has no byte-order mark: read as {order.upper()}",)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}, byte {error.start}: neither UTF-8 nor UTF-16 text; is it a text file?") from error
    if sum(head.count(byte) for byte in CONTROL) > len(head) // 100:
        raise InvalidInput(f"{path} holds binary data: expected a text file")
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        place = f"byte {error.start}"
        return content.decode("latin-1"), (f"{path} is not UTF-8 ({place}): read as Latin-1; save it as UTF-8",)


def _order_of_utf16(path: str | Path, head: bytes) -> str:
    """Western text in UTF-16 has a zero in nearly every second byte; anything else with zeros is no text."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) < 0.3 * len(head) / 2 or min(even, odd) > 0.1 * len(head) / 2:
        raise InvalidInput(f"{path} holds binary data: expected a text file")
    return "utf-16-le" if odd > even else "utf-16-be"


def nearest(name: str, candidates: Iterable[str]) -> str:
    """“; did you mean 'x'?” for the most similar candidate, or nothing."""
    similar = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"; did you mean '{similar[0]}'?" if similar else ""


def matching_files(pattern: Path, key: str) -> list[Path]:
    """The files that a pattern such as ``folder/*.csv`` names, in order; a plain path names itself.

    Raises:
        InvalidInput: a pattern that no file has; ``key`` is what the message begins with.
    """
    if pattern.exists() or not any(sign in str(pattern) for sign in "*?["):
        return [pattern]
    found = sorted(map(Path, glob.glob(str(pattern))))
    if not found:
        raise InvalidInput(f"{key} = '{pattern}': no file in {pattern.parent} has such a name")
    return found
