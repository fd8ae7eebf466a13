"""How smooth a schedule is: a grid of step scales, judged by trajectories held out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.drift import SETTINGS, DriftFit, fit_drift
from maxentrl.inverse.drift_agents import AbstractAgent
from maxentrl.inverse.drift_newton import DriftSettings
from maxentrl.inverse.drift_prior import RandomWalkPrior
from maxentrl.inverse.optimise import Callback, silent
from maxentrl.inverse.problem import InverseProblem
from maxentrl.status import InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class SmoothnessChoice:
    """Schedules of several smoothnesses, from the smoothest on.

    Attributes:
        factors: of the prior's step scales, rising, (G,).
        fits: one a factor; fewer where the search was interrupted.
        scores: mean held-out log-likelihood by the trajectories' weights, in nats per trajectory, (G,).
        status: CONVERGED where every fit did; INTERRUPTED where some are missing; else that of the first that did not.
    """

    factors: Float[np.ndarray, " G"]
    fits: tuple[DriftFit, ...]
    scores: Float[np.ndarray, " G"]
    status: Status

    @property
    def chosen(self) -> int:
        """Index of the highest score; of equal ones the smoothest."""
        return int(np.argmax(self.scores))

    @property
    def best(self) -> DriftFit:
        """The fit of the highest score."""
        return self.fits[self.chosen]

    @property
    def at_edge(self) -> bool:
        """Whether the best is the first or last of several: the grid may end too early."""
        return len(self.fits) > 1 and self.chosen in (0, len(self.fits) - 1)


def choose_smoothness(
    problem: InverseProblem,
    held_out: Trajectories,
    agent: AbstractAgent,
    prior: RandomWalkPrior,
    factors: Sequence[float | int],
    *,
    clock: Int[np.ndarray, " M"] | None = None,
    held_out_clock: Int[np.ndarray, " M"] | None = None,
    every: int = 1,
    settings: DriftSettings = SETTINGS,
    progress: Callback = silent,
) -> SmoothnessChoice:
    """Fit with ``prior.scaled(factor)`` for each factor, from the smoothest on, each begun at the one before.

    Args:
        problem: what is to be learnt from.
        held_out: trajectories that take no part in any fit.
        agent: how the agent plans.
        prior: its step scales set the ratios between the weights.
        factors: of the step scales; a geometric grid such as ``[0.01, 0.03, 0.1, 0.3, 1]``.
        clock: tick at which each trajectory begins.
        held_out_clock: the same of those held out.
        every: ticks a step of the schedule.
        settings: of each fit.
        progress: called at every evaluation of every fit.

    Raises:
        InvalidInput: no factor, or one that is not positive; and as :func:`fit_drift` does.
    """
    wrong = [f for f in factors if not (0 < f < np.inf)]
    if wrong or not len(factors):
        raise InvalidInput(f"factors are {list(factors)}: expected at least one, all finite and > 0")
    grid, fits, scores, start = np.unique(np.asarray(factors, float)), [], [], None
    try:
        for factor in grid.tolist():
            found = fit_drift(
                problem,
                agent,
                prior.scaled(factor),
                clock=clock,
                every=every,
                settings=settings,
                start=start,
                progress=progress,
            )
            each = found.walk_log_likelihood(held_out, held_out_clock)
            fits.append(found)
            scores.append(float(np.average(each, weights=held_out.weights)))
            start = found.weights
            if found.status is Status.INTERRUPTED:
                break
    except KeyboardInterrupt:
        if not fits:
            raise
    status = Status.INTERRUPTED if len(fits) < len(grid) else Status.CONVERGED
    status = next((fit.status for fit in fits if not fit.status.successful), status)
    return SmoothnessChoice(grid[: len(fits)], tuple(fits), np.array(scores), status)
