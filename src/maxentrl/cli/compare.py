"""``maxentrl compare SPEC...``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from maxentrl.cli.terminal import Terminal
    from maxentrl.runs.compare import Point, RowDone
    from maxentrl.runs.compare_files import Comparison


@dataclasses.dataclass(frozen=True)
class Compare:
    """Learn from 1 to 1 000 of the walks by cloning, matching and MaxEnt, and score all on the same held-out walks.

    Ctrl-C or kill at any time loses the row in the making only: go on with --resume.
    """

    specs: Annotated[Positional[tuple[Path, ...]], arg(metavar="SPEC...")]
    """SPEC files (TOML), one problem each."""
    methods: tuple[str, ...] = ()
    """Of counting, logit, network, matching, maxent, causal-linear, causal-deep; all unless given."""
    demonstrations: tuple[int, ...] = (1, 3, 10, 30, 100, 300, 1000)
    """Numbers of walks to learn from; those beyond the walks there are become all of them."""
    scene: str | None = None
    """Of a SPEC with several scenes the one that is compared on."""
    seeds: int = 5
    """Subsets drawn of each size."""
    out: Path | None = None
    """Folder of the comparison; runs/compare unless given."""
    resume: bool = False
    """Go on with the comparison in that folder."""
    json: bool = False
    """Print one JSON object."""
    seed: int | None = None
    """Override the seeds of the SPECs."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.readers.spec import read_study
        from maxentrl.report.compare import write_comparison
        from maxentrl.runs.compare import Settings
        from maxentrl.runs.compare_files import RESULT, TABLE, chosen_scene, run_comparison
        from maxentrl.runs.run import OnExisting
        from maxentrl.status import InvalidInput, MissingExtra

        if not self.specs:
            raise InvalidInput("name at least one SPEC file")
        settings = Settings(self.methods, self.demonstrations, self.seeds)
        specs = [chosen_scene(read_study(path), path, self.scene) for path in self.specs]
        folder = self.out or Path("runs") / "compare"
        existing = OnExisting.RESUME if self.resume else OnExisting.REFUSE
        try:
            with row_progress(terminal) as progress:
                found = run_comparison(specs, settings, folder, existing=existing, seed=self.seed, progress=progress)
        except KeyboardInterrupt:
            terminal.say(
                f"interrupted: the rows made so far are kept; add --resume to the same command (--out {folder})"
            )
            terminal.emit({"comparison": str(folder), "error": "INTERRUPTED", "exit_code": 130})
            return 130
        show_comparison(terminal, found)
        try:
            terminal.say(f"report: {write_comparison(folder, found)}")
        except MissingExtra as error:
            terminal.say(f"note: no pictures and no page: {error}")
        terminal.say(f"written: {folder / RESULT}, {folder / TABLE}")
        terminal.emit({"comparison": str(folder), **found.as_data(), "exit_code": 0})
        return 0


SHOWN = ("nats", "regret", "feature_gap", "seconds")
"""Measures shown in a terminal."""
LEGEND = {
    "nats": "−log π of a held-out decision, nats (lower is better)",
    "regret": "regret: 0 the true reward's own policy, 1 all moves alike",
    "feature_gap": "feature gap: ‖E φ − held-out φ‖ / ‖held-out φ‖",
    "seconds": "seconds to learn and plan",
}
"""What they are."""


def show_comparison(terminal: Terminal, found: Comparison) -> None:
    """A table a problem and score: methods down, demonstrations across, half of the 95 % interval under each mean."""
    from maxentrl.report.compare import TITLES
    from maxentrl.runs.compare import EXPERT, UNIFORM

    for problem in found.problems:
        name = problem["name"]
        for measure in SHOWN:
            points = [p for p in found.points if p.problem == name]
            if all(p.measures[measure] is None for p in points):
                continue
            sizes = sorted({p.walks for p in points})
            rows = [row for method in problem["methods"] for row in _rows(points, method, measure, sizes)]
            rows = [(TITLES.get(label, label), *cells) for label, *cells in rows]
            for key, label in ((EXPERT, "true reward"), (UNIFORM, "all moves alike")):
                scores = found.references[name].get(key)
                if scores is not None and measure in ("nats", "feature_gap"):
                    rows.append((label, *[_short(getattr(scores, measure))] * len(sizes)))
            title = f"{name}: {LEGEND[measure]}"
            terminal.table(title, ("demonstrations", *map(str, sizes)), _aligned(rows, sizes))
    for problem in found.problems:
        for note in problem["notes"]:
            terminal.say(f"note: {problem['name']}: {note}")
    _show_failures(terminal, found)


def _rows(points: list[Point], method: str, measure: str, sizes: list[int]) -> list[tuple[str, ...]]:
    known = {p.walks: p.measures[measure] for p in points if p.method == method}
    cells = [known.get(size) for size in sizes]
    means = ["" if m is None else _short(m.mean) for m in cells]
    halves = ["" if m is None or m.high is None else _short(m.high - m.mean) for m in cells]
    return [(method, *means), *([("    ±", *halves)] if any(halves) else [])]


def _aligned(rows: list[tuple[str, ...]], sizes: list[int]) -> list[tuple[str, ...]]:
    """Numbers to the right of their columns."""
    widths = [max(len(str(size)), *(len(row[k]) for row in rows)) for k, size in enumerate(sizes, 1)]
    return [(row[0], *(cell.rjust(width) for cell, width in zip(row[1:], widths, strict=True))) for row in rows]


def _short(value: float | None) -> str:
    """Five characters, so that seven numbers stand side by side in 80 columns."""
    if value is None:
        return ""
    size = abs(value)
    if 0 < size < 1e-2 or size >= 1e5:
        return f"{value:.0e}"
    return f"{value:.{3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0}f}"


def _show_failures(terminal: Terminal, found: Comparison) -> None:
    kinds: dict[str, int] = {}
    for row in found.failed:
        why = row.reason if row.scores is None else row.status
        text = f"{row.problem}, {row.method}: {why}"
        kinds[text] = kinds.get(text, 0) + 1
    for text, count in kinds.items():
        terminal.say(f"note: {count} rows did not end as they should: {text}")


@contextmanager
def row_progress(terminal: Terminal) -> Iterator[Callable[[RowDone], None]]:
    """A callback that shows which row is done: a bar in a terminal, lines elsewhere."""

    def line(step: RowDone) -> str:
        row = step.row
        walks = "walk" if row.walks == 1 else "walks"
        told = row.reason.splitlines()[0] if row.scores is None else f"{row.scores.nats:.3f} nats a decision"
        return (
            f"{step.done} of {step.total}, {row.problem}, {row.method}, {row.walks} {walks}, seed {row.seed}: {told}, "
            f"{row.seconds:.1f} s"
        )

    if not terminal.console.is_terminal:
        yield lambda step: terminal.say(line(step))
        return
    from rich import progress as rich_progress

    columns = (
        rich_progress.TextColumn("compare"),
        rich_progress.BarColumn(bar_width=24),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TextColumn("{task.fields[row]}"),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=terminal.console) as bar:
        task = bar.add_task("rows", total=None, row="")

        def show(step: RowDone) -> None:
            row = step.row
            bar.update(task, total=step.total, completed=step.done, row=f"{row.problem} {row.method} {row.walks}")

        yield show
