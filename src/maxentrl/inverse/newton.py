"""Newton's method with the exact Hessian, bounds within each step, and rejection of infeasible steps."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.optimize
from jaxtyping import Float

from maxentrl.inverse.optimise import AbstractOptimiser, Search, difference
from maxentrl.inverse.target import Point
from maxentrl.status import Status

TINY = 1e-300
"""Room that a parameter at its bound is given: the least squares solver wants bounds that differ."""
SUFFICIENT = 1e-4
"""Share of the gain promised by the gradient that a step must reach (Armijo)."""


@dataclasses.dataclass(frozen=True)
class Newton(AbstractOptimiser):
    """x ← x + t d with d the best step of the quadratic model within the bounds (Newton; Nocedal & Wright 18.1).

    The Hessian is scaled to a unit diagonal, its eigenvalues replaced by their absolute values (the likelihood is not
    concave everywhere) and kept away from zero.

    Attributes:
        gradient_tolerance: on the projected gradient's norm divided by the total weight of the demonstrations.
        max_evaluations: of objective and gradient; Hessians come on top, one a step.
        floor: smallest eigenvalue used, as a share of the largest.
    """

    gradient_tolerance: float = 1e-8
    max_evaluations: int = 500
    floor: float = 1e-10

    @property
    def budget(self) -> int:
        return self.max_evaluations

    def run(self, search: Search) -> Status:
        while _step(search, self.floor):
            pass
        return Status.STALLED


def newton_steps(search: Search, steps: int, floor: float = 1e-10) -> None:
    """A few Newton steps from the best point: the last digits, where a quasi-Newton method stalls."""
    for _ in range(steps):
        if not _step(search, floor):
            return


def _step(search: Search, floor: float) -> bool:
    """One step with its line search; whether the value rose."""
    origin = search.best
    direction = _direction(search, origin, floor)
    slope, length = float(origin.gradient @ direction), 1.0
    for _ in range(60):
        trial = np.clip(origin.free + length * direction, search.target.space.lower, search.target.space.upper)
        if np.array_equal(trial, origin.free):
            break
        outcome = search.evaluate(trial)
        promised = float(origin.gradient @ (trial - origin.free))
        risen = -np.inf if outcome is None else difference(outcome[0], origin)
        if risen >= SUFFICIENT * promised > 0:
            break
        length *= 0.1 if outcome is None else _interpolated(risen, slope * length)
    return search.best is not origin


def _interpolated(gained: float, promised: float) -> float:
    """Where the parabola through value and slope at zero and the value reached has its top, as a share of the step."""
    share = promised / (2 * (promised - gained)) if promised > gained else 0.5
    return float(np.clip(share, 0.1, 0.5))


def _direction(search: Search, point: Point, floor: float) -> Float[np.ndarray, " F"]:
    """The step that maximises the quadratic model gᵀd − ½ dᵀ|H|d within the bounds.

    Parameters that a bound holds back stay there. Solving for the others first and clipping to the bounds afterwards sent
    steps far off where many bounds become active at once.
    """
    target = search.target
    moving = ~target.space.blocked(point.free, point.gradient)
    hessian = -target.hessian(point.free, moving)
    size = np.sqrt(np.abs(np.diag(hessian)))
    scales = np.where(size > 0, 1.0 / np.where(size > 0, size, 1.0), target.scales(point.free)[moving])
    values, vectors = np.linalg.eigh(hessian * np.outer(scales, scales))
    roots = np.sqrt(np.maximum(np.abs(values), floor * max(np.abs(values).max(initial=0.0), np.finfo(float).tiny)))
    lower = (target.space.lower - point.free)[moving] / scales
    upper = (target.space.upper - point.free)[moving] / scales
    best = scipy.optimize.lsq_linear(
        roots[:, None] * vectors.T,
        (vectors.T @ (point.gradient[moving] * scales)) / roots,
        bounds=(np.minimum(lower, -TINY), np.maximum(upper, TINY)),
        method="bvls",
    )
    direction = np.zeros(len(moving))
    direction[moving] = best.x * scales
    return direction
