"""What a fit can show for itself: how it ended, and how far its optimum is from the conditions of one."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
from jaxtyping import Bool, Float

from maxentrl.inverse.optimise import Optimum
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.separation import Verdict, find_escape
from maxentrl.inverse.target import FitTarget
from maxentrl.status import Status

SUSPICIOUS = 30.0
"""Parameters beyond this many of their scales make a fit look for directions without a maximum."""

MINIMUM_SEARCH = 10.0
"""Seconds that the search for such a direction may always take; otherwise as long as the fit itself."""

UNDECIDED = (
    "the objective is nearly flat in some direction, and whether it has a maximum there could not be decided: set a prior "
    "or bounds before trusting the weights"
)


@dataclasses.dataclass(frozen=True, eq=False)
class Certificate:
    """The evidence for a fit.

    Attributes:
        status: how it ended; ``status.value`` is the sentence for a user.
        detail: the features or figures that belong to the status; empty where there are none.
        gradient_norm: Euclidean norm of the projected gradient over the total weight, nats per unit of θ.
        residual: data − model features, in feature units, summed over weighted trajectories; one a parameter, (K,).
            For the likelihood, τ · ∂ℓ/∂θ.
        held: parameters that a bound, a fixed value or a tie holds: their residual need not vanish, (K,).
        duality_gap: |⟨r, data visits − model visits⟩| (θᵀ residual for a linear reward), in reward units: what the policy's
            expected reward differs from the demonstrations' (zero at the interior optimum of a linear reward without
            prior); None for the likelihood, which is not a dual.
        evaluations: of objective and gradient.
        seconds: taken by the optimiser.
    """

    status: Status
    detail: str
    gradient_norm: float
    residual: Float[np.ndarray, " K"]
    held: Bool[np.ndarray, " K"]
    duality_gap: float | None
    evaluations: int
    seconds: float

    def __str__(self) -> str:
        gap = "" if self.duality_gap is None else f", duality gap {self.duality_gap:.2e}"
        largest = float(np.abs(self.residual[~self.held]).max(initial=0.0))
        return (
            f"{self.status.value}{': ' + self.detail if self.detail else ''}\n"
            f"gradient norm {self.gradient_norm:.2e}, largest residual {largest:.2e}{gap}, "
            f"{self.evaluations} evaluations, {self.seconds:.2f} s"
        )


def certify(target: FitTarget, start: Float[np.ndarray, " F"], optimum: Optimum, smallest: float) -> Certificate:
    """The certificate of an optimum; looks for a direction without maximum where one is to be feared.

    Args:
        target: what was maximised.
        start: the feasible point at which the fit began.
        optimum: where it ended.
        smallest: smallest information per decision of any identified direction, in scaled parameters.
    """
    parameters = target.space.parameters(optimum.point.free)
    residual = target.temperature * target.residual(parameters)
    seconds = max(MINIMUM_SEARCH, optimum.seconds)
    verdict = Verdict(None, decided=True)
    if _suspicious(target, optimum, smallest):
        verdict = find_escape(target, start, optimum.point.free, seconds)
    status, detail = optimum.status, optimum.detail
    if not verdict.decided and target.linear:
        detail = UNDECIDED
    if verdict.escape is not None:
        status, detail = verdict.escape.status, verdict.escape.detail
    return Certificate(
        status=status,
        detail=detail,
        gradient_norm=optimum.gradient_norm,
        residual=residual,
        held=_held(target, optimum),
        duality_gap=_gap(target, optimum, residual) if target.matching else None,
        evaluations=optimum.evaluations,
        seconds=optimum.seconds,
    )


def _gap(target: FitTarget, optimum: Optimum, residual: Float[np.ndarray, " K"]) -> float:
    parameters = target.space.parameters(optimum.point.free)
    if target.linear:
        return abs(float(parameters @ residual))
    total = 0.0
    for problem, visits in zip(target.problems, target.visits(optimum.point.free), strict=True):
        pairs = zip(jax.tree.leaves(reward_table(problem.reward, parameters)), jax.tree.leaves(visits), strict=True)
        total += sum(float(np.sum(np.where(visit != 0, entry, 0.0) * visit)) for entry, visit in pairs)
    return abs(target.temperature * total)


def _held(target: FitTarget, optimum: Optimum) -> Bool[np.ndarray, " K"]:
    """Parameters that do not follow one unbounded free parameter alone."""
    return ~target.space.follow(target.space.alone & ~target.space.at_bound(optimum.point.free))


def _suspicious(target: FitTarget, optimum: Optimum, smallest: float) -> bool:
    if optimum.status in (Status.INTERRUPTED, Status.EARLY_STOPPED):
        return False
    far = np.max(np.abs(optimum.point.free) / target.scales(optimum.point.free), initial=0.0) > SUSPICIOUS
    flat = smallest < max(1e-5, 1e2 * optimum.gradient_norm)
    return optimum.status is not Status.CONVERGED or bool(far) or flat
