"""L-BFGS-B with our own test of convergence."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.optimize
from jaxtyping import Float

from maxentrl.inverse.columns import MAXIMUM_PARAMETERS
from maxentrl.inverse.newton import newton_steps
from maxentrl.inverse.optimise import AbstractOptimiser, Search
from maxentrl.inverse.target import worth_a_hessian
from maxentrl.status import Status

BACK_OFF = 5.0
"""Curvature of the stand-in for infinity, so that the line search comes back to about a tenth of the step."""


@dataclasses.dataclass(frozen=True)
class LBFGSB(AbstractOptimiser):
    """Limited-memory quasi-Newton under bounds (Byrd, Lu, Nocedal & Zhu 1995), SciPy's, in scaled parameters.

    Attributes:
        gradient_tolerance: on the Euclidean norm of the projected gradient divided by the total weight of the
            demonstrations, in nats per unit of parameter.
        max_evaluations: of objective and gradient together.
        memory: pairs of steps and gradient changes kept.
        polish: Newton steps taken from where SciPy stopped before the tolerance was met; 0 for none.
    """

    gradient_tolerance: float = 1e-6
    max_evaluations: int = 1000
    memory: int = 20
    polish: int = 3

    @property
    def budget(self) -> int:
        return self.max_evaluations

    def run(self, search: Search) -> Status:
        scales = search.target.scales(search.best.free)
        while True:
            norm, value = search.gradient_norm, search.best.value
            self._once(search, scales)
            if len(scales) <= MAXIMUM_PARAMETERS and worth_a_hessian(search.target):
                newton_steps(search, self.polish)
            better = search.gradient_norm <= 0.9 * norm or search.best.value > value + 1e-12 * abs(value)
            if not better:
                return Status.STALLED

    def _once(self, search: Search, scales: Float[np.ndarray, " F"]) -> None:
        space = search.target.space
        search.rebase()
        start = search.best.free / scales

        def negative(scaled: np.ndarray) -> tuple[float, np.ndarray]:
            if np.array_equal(scaled, start):
                return 0.0, -search.best.gradient * scales
            outcome = search.evaluate(np.clip(scaled * scales, space.lower, space.upper))
            if outcome is None:
                return _stand_in(search, scaled, scales)
            point, gain = outcome
            return -gain, -point.gradient * scales

        scipy.optimize.minimize(
            negative,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(space.lower / scales, space.upper / scales, strict=True)),
            options={"maxcor": self.memory, "ftol": 0.0, "gtol": 0.0, "maxiter": 10**9, "maxfun": 10**9, "maxls": 40},
        )


def _stand_in(
    search: Search, scaled: Float[np.ndarray, " F"], scales: Float[np.ndarray, " F"]
) -> tuple[float, np.ndarray]:
    """A finite bowl about the best point, steeper than the descent that led here, in place of an infinite value."""
    step = scaled - search.best.free / scales
    squared = max(float(step @ step), np.finfo(float).tiny)
    slope = abs(float(search.best.gradient * scales @ step))
    curvature = BACK_OFF * max(slope, 1e-12) / squared
    return -search.gain + curvature * squared, 2 * curvature * step
