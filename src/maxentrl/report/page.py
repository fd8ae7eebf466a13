"""What a report says, as plain data: everything on the page is here, nothing is computed by the template."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

Cell = str | int | float | None


@dataclasses.dataclass(frozen=True)
class Fact:
    """One thing worth saying, with its label and, where needed, a sentence more."""

    label: str
    value: Cell
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Coefficient:
    """A learnt weight.

    Attributes:
        name: of the feature.
        estimate: θ.
        standard_error: robust, or None where there is none (fixed, at a bound, not identified).
        z: estimate over standard error.
        low: lower end of the 95 % interval.
        high: its upper end.
        truth: the weight that made the data, where known.
        note: why there is no interval.
    """

    name: str
    estimate: float
    standard_error: float | None = None
    z: float | None = None
    low: float | None = None
    high: float | None = None
    truth: float | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Grid:
    """A table of cells.

    Attributes:
        columns: headings.
        rows: one cell a column; numbers are aligned to the right.
        emphasised: rows to set in bold.
        note: how to read it.
        title: above it, where a section has several.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    emphasised: tuple[int, ...] = ()
    note: str = ""
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG with a title and a caption that says what is seen.

    Attributes:
        title: over the picture.
        caption: under it.
        png: its bytes.
        file: its name in the run folder.
    """

    title: str
    caption: str
    png: bytes
    file: str


@dataclasses.dataclass(frozen=True)
class WalkPictures:
    """The pictures of one walk.

    Attributes:
        name: of the walk.
        note: its scores in a sentence.
        pictures: maps and bars.
    """

    name: str
    note: str
    pictures: tuple[Picture, ...]


@dataclasses.dataclass(frozen=True)
class Counterfactual:
    """What follows from a change of the world.

    Attributes:
        name: of its folder.
        title: what was changed.
        picture: maps before and after; None where they are out of date.
        grids: figures.
        notes: what has to be known.
    """

    name: str
    title: str
    picture: Picture | None = None
    grids: Sequence[Grid] = ()
    notes: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        title: name of the run.
        headline: what was found, in one sentence.
        facts: the figures a reader wants first.
        coefficients: what was learnt.
        coefficients_note: units and how the errors were computed.
        verdict: the certificate in one sentence.
        trusted: whether the verdict is good.
        certificate: its figures.
        scores: held-out scores, ours and the baselines'.
        left_out: leave-one-out scores, one table for each way of seeing the walks.
        left_out_notes: what belongs to them.
        scenes_left_out: scores of each scene by what the others teach.
        walks: leave-one-out maps of each walk.
        rewards: maps of the learnt reward, and of where an ensemble disagrees.
        counterfactuals: where the same people walk in changed worlds.
        pictures: maps and bars.
        data: what was read.
        scenes: the same of each scene, where there are several.
        members: how each member of an ensemble ended.
        dropped: walks that were not used, and why.
        record: the run record.
    """

    title: str
    headline: str
    facts: Sequence[Fact] = ()
    coefficients: Sequence[Coefficient] = ()
    coefficients_note: str = ""
    verdict: str = ""
    trusted: bool = True
    certificate: Sequence[Fact] = ()
    scores: Grid | None = None
    left_out: Sequence[Grid] = ()
    left_out_notes: Sequence[str] = ()
    scenes_left_out: Grid | None = None
    walks: Sequence[WalkPictures] = ()
    rewards: Sequence[Picture] = ()
    counterfactuals: Sequence[Counterfactual] = ()
    pictures: Sequence[Picture] = ()
    data: Sequence[Fact] = ()
    scenes: Grid | None = None
    members: Grid | None = None
    dropped: Grid | None = None
    record: Sequence[Fact] = ()

    @property
    def span(self) -> tuple[float, float]:
        """The range of the interval drawings: estimates and truths, and intervals unless they are far wider."""
        centres = [x for c in self.coefficients for x in (c.estimate, c.truth, 0.0) if x is not None]
        reach = max((abs(x) for x in centres), default=1.0) or 1.0
        ends = [x for c in self.coefficients for x in (c.low, c.high) if x is not None and abs(x) < 4 * reach]
        low, high = min([*centres, *ends], default=-1.0), max([*centres, *ends], default=1.0)
        margin = 0.05 * (high - low or 1.0)
        return low - margin, high + margin

    def place(self, value: float | None) -> float:
        """Where a value lies in an interval drawing, in percent of its width; cut at its ends."""
        low, high = self.span
        if value is None or math.isnan(value):
            return 0.0
        return 100 * min(max((value - low) / (high - low), 0.0), 1.0)


def shown(cell: Cell) -> str:
    """A cell as text: four significant digits, a true minus sign, nothing for None."""
    if cell is None:
        return ""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return str(cell)
    if isinstance(cell, int):
        text = f"{cell:,}".replace(",", "\u202f")
    elif cell == 0 or 1e-3 <= abs(cell) < 1e5:
        text = f"{cell:#.4g}".rstrip(".")
    else:
        text = f"{cell:.3g}"
    return text.replace("-", "−")
