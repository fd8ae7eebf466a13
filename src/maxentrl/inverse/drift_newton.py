"""Newton's method on the log posterior of a schedule of weights, with the exact Hessian of its structure."""

from __future__ import annotations

import dataclasses
import time
from functools import cached_property

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.drift_curvature import AbstractFactor, AbstractInformation
from maxentrl.inverse.drift_objective import AbstractDriftObjective, DriftEvaluation
from maxentrl.inverse.drift_prior import RandomWalkPrior
from maxentrl.inverse.identification import Identification, identify
from maxentrl.inverse.optimise import REJECTED, Callback, Progress, difference
from maxentrl.inverse.target import Point
from maxentrl.status import Failure, InvalidInput, Status

SUFFICIENT = 1e-4
"""Share of the gain promised by the gradient that a step must reach (Armijo)."""
SHORTEST = 1e-10
"""Share of a Newton step below which a line search gives up."""


@dataclasses.dataclass(frozen=True)
class DriftSettings:
    """When the search for a schedule ends.

    Attributes:
        tolerance: what CONVERGED means: the Hessian of the log posterior is negative definite (but for levels of weights
            that neither data nor prior say anything about) and a Newton step promises less than this many nats,
            ½ gᵀ(−H)⁻¹g. It does not depend on the units of the maps; 1e-8 nats are 1.4e-4 standard errors away.
        max_evaluations: of the log posterior and its gradient.
    """

    tolerance: float = 1e-8
    max_evaluations: int = 100

    def __post_init__(self) -> None:
        if not self.tolerance > 0 or self.max_evaluations < 1:
            raise InvalidInput(
                f"tolerance = {self.tolerance}, max_evaluations = {self.max_evaluations}: expected a tolerance > 0 and at "
                "least one evaluation"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class DriftPoint:
    """The log posterior at one schedule.

    Attributes:
        objective: the likelihood.
        prior: the random walk.
        weights: (J, K).
        evaluation: of the likelihood.
    """

    objective: AbstractDriftObjective
    prior: RandomWalkPrior
    weights: Float[np.ndarray, "J K"]
    evaluation: DriftEvaluation

    @staticmethod
    def of(objective: AbstractDriftObjective, prior: RandomWalkPrior, weights: Float[np.ndarray, "J K"]) -> DriftPoint:
        """Evaluate.

        Raises:
            Failure: as the likelihood does, and NON_FINITE.
        """
        point = DriftPoint(objective, prior, weights, objective.evaluate(weights))
        if not (np.isfinite(point.value) and np.isfinite(point.gradient).all()):
            raise Failure(Status.NON_FINITE, f"value {point.value} of a schedule of weights")
        return point

    @property
    def value(self) -> float:
        """Log-likelihood plus log prior, in nats."""
        return self.evaluation.value + self.prior.log_density(self.weights)

    @cached_property
    def gradient(self) -> Float[np.ndarray, "J K"]:
        """∂value/∂weights."""
        return self.evaluation.gradient + self.prior.gradient(self.weights)

    @property
    def gradient_norm(self) -> float:
        """Euclidean norm of the gradient over the weight of all trajectories."""
        return float(np.linalg.norm(self.gradient) / self.objective.total_weight)

    @cached_property
    def information(self) -> AbstractInformation:
        """Minus the Hessian of the log-likelihood."""
        return self.objective.information(self.weights, self.evaluation)

    @cached_property
    def factor(self) -> tuple[AbstractFactor, float]:
        """Minus the Hessian, factorised, and what had to be added to its diagonal for that."""
        return self.information.posterior(self.prior, self._open_shift)

    @cached_property
    def identification(self) -> Identification:
        """Directions in which the level of the weights is left open by data and prior; steps between them never are."""
        level, prior = self.information.level, self.prior.start
        level = level if prior is None else level + np.diag(prior.precision)
        names, scales = self.objective.reward.names, np.ones(len(level))
        return identify(names, level, scales, float(self.objective.n_decisions))

    @property
    def is_maximum(self) -> bool:
        """Whether the log posterior curves down in every direction, but for levels that are left open."""
        return self.factor[1] <= self._open_shift

    @property
    def _open_shift(self) -> float:
        return self.information.least_shift(self.prior) if len(self.identification.null) else 0.0

    @cached_property
    def step(self) -> Float[np.ndarray, "J K"]:
        """Newton's."""
        return self.factor[0].solve(self.gradient)

    @property
    def stepped(self) -> bool:
        """Whether the step has been computed."""
        return "step" in vars(self)

    @property
    def decrement(self) -> float:
        """½ gᵀ(−H)⁻¹g, nats that a Newton step promises."""
        return 0.5 * float(np.sum(self.gradient * self.step))

    def rise(self, origin: DriftPoint) -> float:
        """value − value at the origin, from the gradients where rounding hides it."""
        here, there = (Point(p.weights.ravel(), p.value, p.gradient.ravel()) for p in (self, origin))
        return difference(here, there)


@dataclasses.dataclass(eq=False)
class DriftSearch:
    """The search, with its best point so far (the last, since every step must rise).

    Attributes:
        point: the best.
        settings: when to end.
        progress: called at every evaluation.
        clock: when it began.
        evaluations: so far.
        history: every evaluation.
    """

    point: DriftPoint
    settings: DriftSettings
    progress: Callback
    clock: float = dataclasses.field(default_factory=time.perf_counter)
    evaluations: int = 0
    history: list[Progress] = dataclasses.field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.perf_counter() - self.clock

    def run(self) -> Status:
        """Steps until the tolerance is met; INTERRUPTED by Ctrl-C, with the best point kept."""
        try:
            self._tell(self.point, improved=True)
            while True:
                if self.point.decrement <= self.settings.tolerance:
                    return Status.CONVERGED if self.point.is_maximum else Status.STALLED
                status = self._advance()
                if status is not None:
                    return status
        except KeyboardInterrupt:
            return Status.INTERRUPTED

    def _advance(self) -> Status | None:
        """One step with its line search; why it ended, or None."""
        origin, length = self.point, 1.0
        promised = 2 * origin.decrement
        while length > SHORTEST:
            if self.evaluations >= self.settings.max_evaluations:
                return Status.MAXIMUM_ITERATIONS
            trial = self._evaluated(origin, origin.weights + length * origin.step)
            if trial is not None and trial.rise(origin) >= SUFFICIENT * length * promised:
                return None
            length *= 0.1 if trial is None else 0.4
        return Status.STALLED

    def _evaluated(self, origin: DriftPoint, weights: Float[np.ndarray, "J K"]) -> DriftPoint | None:
        try:
            trial = DriftPoint.of(origin.objective, origin.prior, weights)
        except Failure as failure:
            if failure.status not in REJECTED:
                raise
            self.evaluations += 1
            return None
        improved = trial.rise(self.point) > 0
        if improved:
            self.point = trial
        self._tell(trial, improved=improved)
        return trial

    def _tell(self, point: DriftPoint, *, improved: bool) -> None:
        self.evaluations += 1
        step = Progress(
            self.evaluations, point.value, point.gradient_norm, point.weights.ravel(), improved, self.seconds
        )
        self.history.append(step)
        self.progress(step)
