"""What a command says: text for people, JSON for programs, never both on one stream."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

Cell = str | int | float | None

MOST_WIDTH = 28
"""Width that a column of text gets at least, if its cells need it; narrow headings wrap."""


class Terminal:
    """Text goes to standard output, or to standard error where standard output carries JSON.

    Attributes:
        json: whether standard output carries one JSON object.
    """

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self._console: Console | None = None

    @property
    def console(self) -> Console:
        """Where text for people goes."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=self.json, highlight=False, soft_wrap=True)
        return self._console

    def say(self, text: str = "") -> None:
        """A line of text as it is: brackets in names are no markup."""
        self.console.print(printable(text), markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """A table; numbers are aligned to the right and shown with four significant digits."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(title), box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
        cells = [[shown(cell) for cell in row] for row in rows]
        for k, name in enumerate(columns):
            right = all(not isinstance(row[k], str) for row in rows)
            widest = max(map(len, [*name.split(), *(row[k] for row in cells)]), default=0)
            table.add_column(
                Text(name), justify="right" if right else "left", overflow="fold", min_width=min(widest, MOST_WIDTH)
            )
        for row in cells:
            table.add_row(*map(Text, row))
        self.console.print(table)

    def emit(self, data: Mapping[str, Any]) -> None:
        """The JSON object of the command, where one was asked for."""
        if self.json:
            from maxentrl.runs.files import to_json

            sys.stdout.write(to_json(data))
            sys.stdout.flush()


def shown(cell: Cell) -> str:
    """A cell as text: four significant digits, an empty cell for None."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        if cell == 0:
            return "0"
        return f"{cell:.4g}" if abs(cell) < 1e-3 or abs(cell) >= 1e4 else f"{cell:#.4g}"
    return printable(str(cell))


def printable(text: str) -> str:
    """Text whose control characters cannot command a terminal: a name in a file may hold any."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
