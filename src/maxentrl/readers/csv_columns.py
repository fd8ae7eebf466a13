"""CSV files as columns of text, and columns as numbers, words and states; every mistake by file, row and column."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from maxentrl.readers.files import nearest, read_text
from maxentrl.status import InvalidInput

LISTED = 20
"""Mistakes of one kind that are listed before the rest are only counted."""
DELIMITERS = (",", ";", "\t")
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
NO_RENAMING: Mapping[str, str] = {}


@dataclasses.dataclass(frozen=True, eq=False)
class CsvColumns:
    """The rows of a CSV file, column by column.

    Attributes:
        path: the file, for messages.
        text: the cells of each column without surrounding blanks.
        rows: row of the file of each entry, from 1, the header being the first.
        delimiter: what separates cells.
        warnings: what was assumed in reading.
    """

    path: Path
    text: Mapping[str, Sequence[str]]
    rows: Int[np.ndarray, " N"]
    delimiter: str = ","
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: str) -> bool:
        return name in self.text

    def numbers(self, name: str, blank: float | int | None = None) -> Float[np.ndarray, " N"]:
        """A column as finite numbers; empty cells as ``blank``, where that is given.

        Where commas do not separate the cells, a column may have decimal commas, and then has no decimal points.

        Raises:
            InvalidInput: cells that are not finite numbers, by row; decimal commas that may mean something else, by
                column.
        """
        cells = self.text[name] if blank is None else [cell or str(blank) for cell in self.text[name]]
        try:
            values = np.fromiter(map(float, cells), float, len(cells))
        except ValueError:
            values = np.array([_number(cell) for cell in self._with_points(name, cells)])
        self.refuse(name, ~np.isfinite(values), "expected a finite number, with a decimal point")
        return values

    def _with_points(self, name: str, cells: Sequence[str]) -> Sequence[str]:
        """Cells with decimal points in place of their commas."""
        commas = [i for i, cell in enumerate(cells) if DECIMAL_COMMA.fullmatch(cell)]
        if not commas:
            return cells
        if self.delimiter == "," or any("." in cell for cell in cells):
            first = commas[0]
            raise InvalidInput(
                f"{self.path}, column {name}: {len(commas)} cells have a comma ('{cells[first]}' in row "
                f"{self.rows[first]}): write all numbers with a decimal point, or separate the cells by semicolons and "
                "write all numbers of the column with a decimal comma, without marks between thousands"
            )
        return [cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell for cell in cells]

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
        listed: list[int] = where[:LISTED].tolist()
        cells = [self.text[name][i] for i in listed]
        problems = [
            f"{self.path}, row {self.rows[i]}, column {name}: '{cell}': {expected}{hint(cell) if hint else ''}"
            for i, cell in zip(listed, cells, strict=True)
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
    path = Path(path)
    text, warnings = read_text(path)
    lines, delimiter = _lines(path, text)
    header = _ours(_cells(lines[0][1], delimiter), renamed, (*required, *(optional or ())))
    _check_header(path, header, required, optional, renamed)
    even = '"' not in text and {line.count(delimiter) for _, line in lines} == {len(header) - 1}
    rows, columns = _by_splitting(lines, delimiter) if even else _by_parsing(path, text, delimiter, len(header))
    if not len(rows):
        raise InvalidInput(f"{path} has a header and no rows: expected at least one")
    stripped = {name: list(map(str.strip, column)) for name, column in zip(header, columns, strict=True)}
    return CsvColumns(path, stripped, rows, delimiter, warnings)


def read_header(path: str | Path, known: Sequence[str], renamed: Mapping[str, str] = NO_RENAMING) -> tuple[str, ...]:
    """Our names of the columns of a CSV file, before anything is asked of them. Raises for an empty file."""
    text, _ = read_text(path)
    lines, delimiter = _lines(Path(path), text)
    return tuple(_ours(_cells(lines[0][1], delimiter), renamed, known))


def _lines(path: Path, text: str) -> tuple[list[tuple[int, str]], str]:
    """Lines that hold something, with their numbers, and the delimiter that the first has most of."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blank = "".join(DELIMITERS) + " "
    lines = [(number, line) for number, line in enumerate(lines, 1) if line.strip(blank)]
    if not lines:
        raise InvalidInput(f"{path} is empty: expected a header and rows")
    return lines, max(DELIMITERS, key=lines[0][1].count)


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]


def _by_splitting(lines: list[tuple[int, str]], delimiter: str) -> tuple[np.ndarray, list[list[str]]]:
    """Rows without quotes, all of one length: one flat list of cells, many times faster than a list for each row."""
    width = lines[0][1].count(delimiter) + 1
    flat = delimiter.join([line for _, line in lines]).split(delimiter)
    return np.array([number for number, _ in lines[1:]]), [flat[width + k :: width] for k in range(width)]


def _by_parsing(path: Path, text: str, delimiter: str, width: int) -> tuple[np.ndarray, Iterable[Sequence[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        found = [(reader.line_num, row) for row in reader if any(row)][1:]
    except csv.Error as error:
        raise InvalidInput(f"{path}, row {reader.line_num}: {error}") from error
    ragged = [f"{path}, row {k}: {len(row)} cells, the header has {width}" for k, row in found if len(row) != width]
    if ragged:
        more = [f"… and {len(ragged) - LISTED} more rows of {path}"] if len(ragged) > LISTED else []
        raise InvalidInput(ragged[:LISTED] + more)
    return np.array([number for number, _ in found]), list(zip(*(row for _, row in found), strict=True))


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
