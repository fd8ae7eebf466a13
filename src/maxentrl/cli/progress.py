"""A fit's progress: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from maxentrl.cli.terminal import Terminal

if TYPE_CHECKING:
    from maxentrl.inverse.optimise import Progress
    from maxentrl.runs.leave_one_out import FoldDone
    from maxentrl.runs.run import Stage

PLAIN_SECONDS = 2.0
"""Least time between two lines where there is no terminal."""

PATIENCE = 1.0
"""Seconds that a stage before the first evaluation may take without a word."""


class Announcer:
    """Says what a fit does before its first evaluation: at once if many walks are lost, else once it takes long."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._timer: threading.Timer | None = None

    def __call__(self, stage: Stage) -> None:
        """A stage begins."""
        self.stop()
        if stage.loss:
            self._terminal.say(f"WARNING: {stage.loss}")
        if not self._terminal.json:
            self._timer = threading.Timer(PATIENCE, lambda: print(f"{stage.doing} …", file=sys.stderr, flush=True))
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """The last stage has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def until(self, progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """The callback, whose first call ends the last stage."""

        def show(step: Progress) -> None:
            self.stop()
            progress(step)

        return show


@contextmanager
def announcer(terminal: Terminal) -> Iterator[Announcer]:
    """An announcer that is silent after the block."""
    found = Announcer(terminal)
    try:
        yield found
    finally:
        found.stop()


@contextmanager
def fit_progress(terminal: Terminal, tolerance: float) -> Iterator[Callable[[Progress], None]]:
    """A callback that shows evaluations, objective and gradient norm; the bar fills as the norm falls to the tolerance."""
    if terminal.console.is_terminal:
        with _bar(terminal, tolerance) as show:
            yield show
    else:
        yield _lines(terminal)


@contextmanager
def _bar(terminal: Terminal, tolerance: float) -> Iterator[Callable[[Progress], None]]:
    from rich import progress as rich_progress

    columns = (
        rich_progress.TextColumn("fit"),
        rich_progress.BarColumn(bar_width=24),
        rich_progress.TextColumn("{task.fields[evaluation]} evaluations"),
        rich_progress.TextColumn("objective {task.fields[objective]}"),
        rich_progress.TextColumn("gradient {task.fields[gradient]}"),
        rich_progress.TimeElapsedColumn(),
    )
    with rich_progress.Progress(*columns, console=terminal.console) as bar:
        task = bar.add_task("fit", total=1.0, evaluation=0, objective="–", gradient="–")
        first, reached = math.nan, 0.0

        def show(progress: Progress) -> None:
            nonlocal first, reached
            if math.isnan(first) and math.isfinite(progress.gradient_norm):
                first = progress.gradient_norm
            reached = max(reached, share_done(first, progress.gradient_norm, tolerance))
            bar.update(
                task,
                completed=reached,
                evaluation=progress.evaluation,
                objective=f"{progress.value:.6g}",
                gradient=f"{progress.gradient_norm:.1e}",
            )

        yield show


def _lines(terminal: Terminal) -> Callable[[Progress], None]:
    last = -math.inf

    def show(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_SECONDS:
            last = time.monotonic()
            terminal.say(
                f"evaluation {progress.evaluation}: objective {progress.value:.8g}, "
                f"gradient norm {progress.gradient_norm:.2e}, {progress.seconds:.1f} s"
            )

    return show


def share_done(first: float, norm: float, tolerance: float) -> float:
    """How far the logarithm of the gradient norm has come from its first value to the tolerance, in 0..1."""
    if not (first > tolerance and math.isfinite(first) and math.isfinite(norm)):
        return 1.0 if norm <= tolerance else 0.0
    return min(max(math.log(first / max(norm, tolerance)) / math.log(first / tolerance), 0.0), 1.0)


@contextmanager
def fold_progress(terminal: Terminal) -> Iterator[Callable[[FoldDone], None]]:
    """A callback that shows which walk of a leave-one-out is done: a bar in a terminal, lines elsewhere."""

    def line(step: FoldDone) -> str:
        fold = step.fold
        return (
            f"walk {step.done} of {step.total}, {fold.walk}: {fold.nats_per_decision:.3f} nats a decision, fit "
            f"{fold.fit_seconds:.1f} s, forecasts {fold.forecast_seconds:.1f} s"
        )

    if not terminal.console.is_terminal:
        yield lambda step: terminal.say(line(step))
        return
    from rich import progress as rich_progress

    columns = (
        rich_progress.TextColumn("leave one out"),
        rich_progress.BarColumn(bar_width=24),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=terminal.console) as bar:
        task = bar.add_task("walks", total=None)

        def show(step: FoldDone) -> None:
            bar.update(task, total=step.total, completed=step.done)

        yield show
