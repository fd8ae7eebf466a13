"""Lines of the keys of a TOML text, which ``tomllib`` does not tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_STRING = re.compile(r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*', re.DOTALL)
_PART = r'(?:[A-Za-z0-9_-]+|"[^"\n]*"|\'[^\'\n]*\')'
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"^\s*\[\[?\s*({_DOTTED})\s*\]\]?")
_KEY = re.compile(rf"^\s*({_DOTTED})\s*=")


def line_of(text: str, place: Sequence[str | int]) -> int | None:
    """Line, from 1, of the key at ``place``, else of the innermost table or key around it; None where there is none."""
    keys = [part for part in place if isinstance(part, str)]
    best: tuple[int, int] | None = None
    for path, first, last in _statements(text):
        shared = _shared(path, keys)
        if shared == len(path) and shared and (best is None or shared > best[0]):
            best = (shared, _line_within(text, keys[shared:], first, last))
    return best[1] if best else None


def _shared(path: list[str], keys: list[str]) -> int:
    if len(path) > len(keys):
        return 0
    return len(path) if path == keys[: len(path)] else 0


def _line_within(text: str, keys: list[str], first: int, last: int) -> int:
    """The line on which the innermost of ``keys`` stands in an inline table that spans some lines."""
    lines = text.split("\n")
    line = first
    for key in keys:
        for number in range(line, last + 1):
            if re.search(rf"""(?<![\w-])["']?{re.escape(key)}["']?\s*=""", lines[number - 1]):
                line = number
                break
    return line


def _statements(text: str) -> Iterator[tuple[list[str], int, int]]:
    """Each header and key with its full path, its first and its last line."""
    bare = _STRING.sub(_blank, text).split("\n")
    lines = _STRING.sub(lambda match: _blank(match) if "\n" in match[0] else match[0], text).split("\n")
    table: list[str] = []
    number = 0
    while number < len(lines):
        header, key = _HEADER.match(lines[number]), _KEY.match(lines[number])
        first, depth = number, 0
        if header:
            table = _split(header[1])
            yield table, first + 1, first + 1
        elif key:
            depth = _depth(bare[number])
            while depth > 0 and number + 1 < len(lines):
                number += 1
                depth += _depth(bare[number])
            yield [*table, *_split(key[1])], first + 1, number + 1
        number += 1


def _blank(match: re.Match[str]) -> str:
    return "".join("\n" if character == "\n" else " " for character in match[0])


def _depth(line: str) -> int:
    return sum(line.count(c) for c in "[{") - sum(line.count(c) for c in "]}")


def _split(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]
