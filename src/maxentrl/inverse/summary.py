"""The coefficient table as text."""

from __future__ import annotations

from collections.abc import Sequence

from maxentrl.inverse.uncertainty import Coefficient

HEADINGS = ("", "estimate", "s.e.", "z", "P>|z|", "2.5 %", "97.5 %", "")


def coefficient_table(rows: Sequence[Coefficient]) -> str:
    """Rows in columns, numbers to the right, a dash where there is none; like statsmodels' summary."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(HEADINGS))]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [
        "  ".join(
            cell.rjust(w) if 0 < k < 7 else cell.ljust(w) for k, (cell, w) in enumerate(zip(c, widths, strict=True))
        )
        for c in cells
    ]
    return "\n".join(line.rstrip() for line in [rule, lines[0], rule, *lines[1:], rule])


def _cells(row: Coefficient) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.estimate:.5g}",
        _number(row.standard_error, ".4g"),
        _number(row.z, ".2f"),
        _number(row.p, ".3f"),
        _number(row.low, ".5g"),
        _number(row.high, ".5g"),
        row.note,
    )


def _number(value: float | None, form: str) -> str:
    return "—" if value is None else format(value, form)
