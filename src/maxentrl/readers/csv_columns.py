"""CSV files as columns of text, and columns as numbers, words and states; every mistake by file, row and column."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from maxentrl.readers.files import nearest, read_text
from maxentrl.status import InvalidInput

LISTED = 20
"""Mistakes of one kind that are listed before the rest are only counted."""
DELIMITERS = (",", ";", "\t")
NO_RENAMING: Mapping[str, str] = {}


@dataclasses.dataclass(frozen=True, eq=False)
class CsvColumns:
    """The rows of a CSV file, column by column.

    Attributes:
        path: the file, for messages.
        text: the cells of each column without surrounding blanks.
        rows: row of the file of each entry, from 1, the header being the first.
        warnings: what was assumed in reading.
    """

    path: Path
    text: Mapping[str, Sequence[str]]
    rows: Int[np.ndarray, " N"]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: str) -> bool:
        return name in self.text

    def numbers(self, name: str, blank: float | None = None) -> Float[np.ndarray, " N"]:
        """A column as finite numbers; empty cells as ``blank``, where that is given.

        Raises:
            InvalidInput: cells that are not finite numbers, by row.
        """
        cells: list[str] = list(self.text[name])
        if blank is not None:
            cells = [cell or str(blank) for cell in cells]
        try:
            values = np.asarray(cells, dtype=float)
        except ValueError:
            values = np.array([_number(cell) for cell in cells])
        self.refuse(name, ~np.isfinite(values), "expected a finite number, with a decimal point")
        return values

    def whole_numbers(self, name: str, blank: int | None = None) -> Int[np.ndarray, " N"]:
        """A column as integers. Raises like :meth:`numbers`."""
        values = self.numbers(name, blank)
        self.refuse(name, (values != np.rint(values)) | (np.abs(values) > 2**53), "expected a whole number")
        return values.astype(np.int64)

    def codes(self, name: str) -> tuple[Int[np.ndarray, " N"], list[str]]:
        """A column as numbers of its distinct words, in order of appearance, and those words."""
        index: dict[str, int] = {}
        cells = self.text[name]
        return np.fromiter((index.setdefault(c, len(index)) for c in cells), np.int64, len(cells)), list(index)

    def refuse(self, name: str, wrong: np.ndarray, expected: str, hint: Callable[[str], str] | None = None) -> None:
        """Raise an error that names the rows marked ``wrong``, if there are any."""
        where = np.flatnonzero(wrong)
        if not len(where):
            return
        problems = [
            f"{self.path}, row {self.rows[i]}, column {name}: '{self.text[name][i]}': {expected}"
            f"{hint(self.text[name][i]) if hint else ''}"
            for i in where[:LISTED].tolist()
        ]
        more = [f"… and {len(where) - LISTED} more rows of {self.path}"] if len(where) > LISTED else []
        raise InvalidInput(problems + more)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def read_columns(
    path: str | Path,
    required: Sequence[str],
    optional: Sequence[str] | None = (),
    renamed: Mapping[str, str] = NO_RENAMING,
) -> CsvColumns:
    """The columns of a CSV file with a header; separated by commas, semicolons or tabs, any line ends and encoding.

    Args:
        path: the file.
        required: columns that must be there.
        optional: columns that may be; None for any.
        renamed: from our name of a column to the file's.

    Raises:
        InvalidInput: an empty file, missing, unknown (with the nearest valid) or repeated columns, rows of other
            length than the header.
    """
    text, warnings = read_text(path)
    header, body, numbers = _split(Path(path), text)
    known = (*required, *(optional or ()))
    header = _ours(header, renamed, known)
    _check_header(Path(path), header, required, optional, renamed)
    lengths = np.fromiter(map(len, body), np.int64, len(body))
    ragged = np.flatnonzero(lengths != len(header))
    if len(ragged):
        raise InvalidInput(
            [
                f"{path}, row {numbers[i]}: {lengths[i]} cells, the header has {len(header)}"
                for i in ragged[:LISTED].tolist()
            ]
        )
    if not body:
        raise InvalidInput(f"{path} has a header and no rows: expected at least one")
    columns = {name: list(map(str.strip, column)) for name, column in zip(header, zip(*body, strict=True), strict=True)}
    return CsvColumns(Path(path), columns, np.array(numbers), warnings)


def _split(path: Path, text: str) -> tuple[list[str], list[list[str]], list[int]]:
    first = next((line for line in text.splitlines() if line.strip()), None)
    if first is None:
        raise InvalidInput(f"{path} is empty: expected a header and rows")
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        lines = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InvalidInput(f"{path}, row {reader.line_num}: {error}") from error
    lines = [(number, row) for number, row in lines if any(row)]
    if not lines:
        raise InvalidInput(f"{path} is empty: expected a header and rows")
    return [name.strip() for name in lines[0][1]], [row for _, row in lines[1:]], [number for number, _ in lines[1:]]


def _ours(header: list[str], renamed: Mapping[str, str], known: Sequence[str]) -> list[str]:
    """Our names of the columns: renamed ones, and known ones whatever their case."""
    back = {theirs: ours for ours, theirs in renamed.items()}
    return [back.get(name) or (name.lower() if name.lower() in known else name) for name in header]


def _check_header(
    path: Path,
    header: Sequence[str],
    required: Sequence[str],
    optional: Sequence[str] | None,
    renamed: Mapping[str, str],
) -> None:
    problems = []
    missing = [name for name in required if name not in header]
    for name in missing:
        called = f" (renamed from '{renamed[name]}')" if name in renamed else ""
        problems.append(f"{path} has no column '{name}'{called}: its columns are {', '.join(header)}")
    if optional is not None:
        known = (*required, *optional)
        problems += [
            f"{path} has an unknown column '{name}'{nearest(name, known)}; valid columns are {', '.join(known)}"
            for name in header
            if name not in known
        ]
    twice = [name for name, group in itertools.groupby(sorted(header)) if len(list(group)) > 1]
    problems += [f"{path} has the column '{name}' twice" for name in twice]
    problems += [f"{path} has a column without a name" for name in header if not name]
    if problems:
        raise InvalidInput(problems)
