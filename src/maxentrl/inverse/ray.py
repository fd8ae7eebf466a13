"""The best point on a line: a few Newton steps in one parameter, before the search in all."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.feasible import feasible_start
from maxentrl.inverse.optimise import REJECTED
from maxentrl.inverse.target import FitTarget, Point
from maxentrl.status import Failure

STEPS = 6
LARGEST = 0.5
"""Most that a step changes the length, as a share of it."""
SETTLED = 1e-2
"""A step that changes the length by less than this share is the last."""


def start_of(target: FitTarget, wanted: Float[np.ndarray, " F"] | None = None) -> Float[np.ndarray, " F"]:
    """Where a search begins: the point ``wanted``, or the best on the ray from it through a feasible one if it is not.

    Args:
        target: what is maximised.
        wanted: the space's own start where not given.

    Raises:
        InvalidInput: as :func:`feasible_start`.
    """
    origin = target.space.start if wanted is None else wanted
    begin = feasible_start(target, origin)
    return begin if np.array_equal(begin, origin) else best_on_ray(target, origin, begin)


def best_on_ray(
    target: FitTarget, origin: Float[np.ndarray, " F"], through: Float[np.ndarray, " F"]
) -> Float[np.ndarray, " F"]:
    """The point origin + t (through − origin), t > 0, that raises the target most; ``through`` must be feasible.

    A start found by feasibility alone has the wrong scale, and a search in all parameters from there wastes its steps on
    points where the partition function is infinite or the range of costs absurd.
    """
    space, direction, length = target.space, through - origin, 1.0
    best = target.evaluate(through)
    for _ in range(STEPS):
        along = (space.parameters(direction) - space.offset)[:, None]
        curvature = -target.curvature(best.free, along)[0, 0]
        slope = float(best.gradient @ direction)
        if not (curvature > 0 and np.isfinite(slope)):
            break
        step = float(np.clip(slope / curvature, -LARGEST * length, LARGEST * length))
        rising = _rise(target, origin, direction, length, step, best)
        if rising is None:
            break
        change, (length, best) = abs(rising[0] - length), rising
        if change < SETTLED * length:
            break
    return best.free


def _rise(
    target: FitTarget,
    origin: Float[np.ndarray, " F"],
    direction: Float[np.ndarray, " F"],
    length: float,
    step: float,
    best: Point,
) -> tuple[float, Point] | None:
    """The first of ever shorter steps that raises the target, or None."""
    for _ in range(8):
        trial = np.clip(origin + (length + step) * direction, target.space.lower, target.space.upper)
        try:
            point = target.evaluate(trial)
        except Failure as failure:
            if failure.status not in REJECTED:
                raise
        else:
            if point.value > best.value:
                return length + step, point
        step /= 2
    return None
