"""Maximisation under bounds, with infinity as rejection and a convergence test of our own.

What an optimiser calls success is often a step too small to see. Here a fit has converged only when the projected
gradient is small; an optimiser that stops before is started again from the best point, and if that does not help the
result says STALLED.
"""

from __future__ import annotations

import abc
import dataclasses
import time
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.target import AbstractTarget, Point
from maxentrl.status import Failure, InvalidInput, Status

REJECTED = (
    Status.INFINITE_PARTITION,
    Status.INACCURATE_SOLVE,
    Status.NON_FINITE,
    Status.MAXIMUM_ITERATIONS,
    Status.STALLED,
)
"""Failures of an evaluation that a line search answers with a shorter step."""
RUNAWAY = 1e4
"""Parameters this many times their scale mean that the target has no maximum; the search ends, the certificate says."""
NOISE = 1e-10
"""Relative difference of two values below which the gradient tells their order better (Hager & Zhang 2005)."""


@dataclasses.dataclass(frozen=True, eq=False)
class Progress:
    """One evaluation of a fit.

    Attributes:
        evaluation: its number, from 1.
        value: objective plus log prior in nats, -inf where the partition function is infinite.
        gradient_norm: projected gradient over total weight; inf where the value is -inf.
        parameters: θ, (K,).
        improved: whether this is the best point so far (what a checkpoint keeps).
        seconds: since the fit began.
    """

    evaluation: int
    value: float
    gradient_norm: float
    parameters: Float[np.ndarray, " K"]
    improved: bool
    seconds: float


Callback: TypeAlias = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """The callback that does nothing."""


@dataclasses.dataclass(frozen=True, eq=False)
class Optimum:
    """Where an optimiser ended.

    Attributes:
        point: the best point.
        gradient_norm: of that point.
        status: CONVERGED, EARLY_STOPPED, STEPS_TAKEN, MAXIMUM_ITERATIONS, STALLED, NON_FINITE or INTERRUPTED.
        evaluations: of the target, rejected ones included.
        seconds: taken.
        detail: what stood in the way, where something did.
    """

    point: Point
    gradient_norm: float
    status: Status
    evaluations: int
    seconds: float
    detail: str = ""


class AbstractOptimiser(abc.ABC):
    """Maximises a target from a feasible start."""

    gradient_tolerance: float

    @property
    @abc.abstractmethod
    def budget(self) -> int:
        """Most evaluations of the target."""

    def maximise(self, target: AbstractTarget, start: Float[np.ndarray, " F"], progress: Callback = silent) -> Optimum:
        """The best point found, and how the search ended; Ctrl-C ends it with INTERRUPTED, nothing lost.

        Raises:
            Failure: INFINITE_PARTITION when the start itself is infeasible (see ``feasible_start``).
        """
        search = Search(target, self.gradient_tolerance, self.budget, progress)
        try:
            search.begin(np.clip(start, target.space.lower, target.space.upper))
            status = self.run(search)
        except Ended as end:
            status = end.status
        except KeyboardInterrupt:
            if not search.started:
                raise
            status = Status.INTERRUPTED
        refused = search.rejection if status in (Status.STALLED, Status.NON_FINITE) else None
        detail = refused.detail if refused is not None and refused.status is Status.NON_FINITE else ""
        return Optimum(search.best, search.gradient_norm, status, search.evaluations, search.seconds, detail)

    @abc.abstractmethod
    def run(self, search: Search) -> Status:
        """Evaluate until the search ends itself, or return why no further progress is possible."""


class Ended(Exception):
    """Raised by a search that is over, with how."""

    def __init__(self, status: Status) -> None:
        self.status = status


class Search:
    """Counts evaluations, keeps the best point and ends the run when its gradient is small or the budget is spent.

    ``gain`` is the value relative to where :meth:`rebase` was last called, accumulated from best point to best point.
    Where two values differ by less than rounding can tell, their difference is taken from the gradients (trapezium
    rule), so that the last digits of a fit are not lost to cancellation in a large log-likelihood.
    """

    def __init__(self, target: AbstractTarget, tolerance: float, budget: int, progress: Callback) -> None:
        self.target, self.tolerance, self.budget, self.progress = target, tolerance, budget, progress
        self.evaluations, self.gain, self.clock = 0, 0.0, time.perf_counter()
        self._best: Point | None = None
        self.rejection: Failure | None = None

    @property
    def started(self) -> bool:
        """Whether a best point exists."""
        return self._best is not None

    @property
    def best(self) -> Point:
        """The best point so far."""
        if self._best is None:
            raise InvalidInput("the search has not begun")
        return self._best

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.perf_counter() - self.clock

    @property
    def gradient_norm(self) -> float:
        """Of the best point."""
        return self.target.gradient_norm(self.best)

    def begin(self, start: Float[np.ndarray, " F"]) -> None:
        """Evaluate the start, which must be feasible."""
        self.evaluations += 1
        self._best = self.target.evaluate(start)
        self._report(self.best, improved=True)

    def evaluate(self, free: Float[np.ndarray, " F"]) -> tuple[Point, float] | None:
        """The point and its gain, or None where the partition function is infinite."""
        if self.evaluations >= self.budget:
            raise Ended(Status.MAXIMUM_ITERATIONS)
        self.evaluations += 1
        try:
            point = self.target.evaluate(free)
        except Failure as failure:
            if failure.status not in REJECTED:
                raise
            self.rejection = failure
            parameters = self.target.space.parameters(free)
            self.progress(Progress(self.evaluations, -np.inf, np.inf, parameters, False, self.seconds))
            return None
        rise = difference(point, self.best)
        gain, improved = self.gain + rise, rise > 0
        if improved:
            self._best, self.gain = point, gain
        self._report(point, improved=improved)
        return point, gain

    def settle(self, point: Point) -> None:
        """Take a point for the best one, by another measure than the target."""
        self._best = point

    def rebase(self) -> None:
        """Count gains from the best point on."""
        self.gain = 0.0

    def _report(self, point: Point, *, improved: bool) -> None:
        norm = self.target.gradient_norm(point)
        parameters = self.target.space.parameters(point.free)
        self.progress(Progress(self.evaluations, point.value, norm, parameters, improved, self.seconds))
        if improved and norm <= self.tolerance:
            raise Ended(Status.CONVERGED)
        if improved and np.max(np.abs(point.free) / self.target.scales(point.free), initial=0.0) > RUNAWAY:
            raise Ended(Status.STALLED)


def difference(point: Point, origin: Point) -> float:
    """value(point) − value(origin), from the gradients where the values are too close to tell."""
    raw = point.value - origin.value
    if abs(raw) > NOISE * max(abs(point.value), 1.0):
        return raw
    return float(0.5 * (point.gradient + origin.gradient) @ (point.free - origin.free))
