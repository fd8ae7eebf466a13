"""Abbeel & Ng's projection: a mixture of optimal policies whose features come ever nearer to the data's."""

from __future__ import annotations

import dataclasses
import time as clock

import numpy as np
from jaxtyping import Float

from maxentrl.imitation.function_classes import Ball
from maxentrl.imitation.matching import MatchingProblem
from maxentrl.imitation.policy import AbstractPolicy
from maxentrl.mdp.time import ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.status import InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """What the projection algorithm ended with.

    Attributes:
        problem: what was matched.
        policy: one policy with the visits of the mixture.
        distance: ‖φ_mixture − φ_data‖₂.
        bound: a distance that no policy can be below, from the last optimal policy.
        weights: w = φ_data − φ_mixture, the last reward's weights, (K,).
        features: φ of the mixture, (K,).
        history: distance after each iteration.
        status: CONVERGED where the gap is within the tolerance, else MAXIMUM_ITERATIONS.
        seconds: taken.
    """

    problem: MatchingProblem
    policy: AbstractPolicy
    distance: float
    bound: float
    weights: Float[np.ndarray, " K"]
    features: Float[np.ndarray, " K"]
    history: tuple[float, ...]
    status: Status
    seconds: float

    @property
    def gap(self) -> float:
        """distance − bound."""
        return self.distance - self.bound


def project_features(problem: MatchingProblem, *, tolerance: float = 1e-3, max_iterations: int = 1000) -> Projection:
    """Plan for the reward w·φ with w = φ_data − φ̄, move φ̄ to the nearest point on the way to the new policy's φ, repeat.

    With t = ‖φ_data − φ̄‖ the bound (w·φ_data − max_π w·φ_π)/t holds for every policy, so the gap is the algorithm's own
    certificate. It shrinks like one over the square root of the iterations at worst: :func:`match` is the precise one.

    Source: Abbeel & Ng (2004), section 3.1 and the projection method; the step is Frank & Wolfe's (1956).

    Args:
        problem: with a feature ball, and ``Finite(T)`` or ``Discounted(γ)``: to a goal the reward w·φ may pay for walking
            in circles, which has no optimal policy.
        tolerance: largest gap that counts as CONVERGED.
        max_iterations: optimal policies planned for.

    Raises:
        InvalidInput: another class of functions or kind of time.
    """
    if not isinstance(problem.functions.shape, Ball) or isinstance(problem.time, ToGoal):
        raise InvalidInput("the projection algorithm needs a feature ball and Finite(T) or Discounted(γ); see match")
    began = clock.perf_counter()
    visits = _optimal_visits(problem, np.zeros(len(problem.data)))
    matrix, wanted = problem.features()
    history, bound, status = [float(np.linalg.norm(wanted - matrix @ visits))], 0.0, Status.MAXIMUM_ITERATIONS
    for _ in range(max_iterations):
        if history[-1] - bound <= tolerance:
            status = Status.CONVERGED
            break
        weights = wanted - matrix @ visits
        found = _optimal_visits(problem, weights)
        step = matrix @ (found - visits)
        bound = max(bound, float(weights @ (wanted - matrix @ found)) / history[-1])
        length = float(step @ step)
        share = float(np.clip(step @ weights / length, 0.0, 1.0)) if length > 0 else 0.0
        visits = visits + share * (found - visits)
        history.append(float(np.linalg.norm(wanted - matrix @ visits)))
    policy = problem.policy(visits)
    features = problem.expected(policy)
    if history[-1] - bound <= tolerance:
        status = Status.CONVERGED
    return Projection(
        problem=problem,
        policy=policy,
        distance=problem.distance(policy),
        bound=bound,
        weights=wanted - matrix @ visits,
        features=features,
        history=tuple(history),
        status=status,
        seconds=clock.perf_counter() - began,
    )


def _optimal_visits(problem: MatchingProblem, weights: Float[np.ndarray, " K"]) -> Float[np.ndarray, " N"]:
    """Visits of a hard-optimal policy of the reward w·φ."""
    function = problem.functions.function(weights)
    reward = RewardTable(np.asarray(function.pair), np.asarray(function.terminal))
    flow = problem.flows.flows[0]
    plan = solve(flow.group.problem(problem.mdp, reward, problem.time))
    if flow.steps:
        return plan.occupancy_per_step(flow.group.mass).pair[flow.step, flow.action, flow.state]
    return plan.occupancy(flow.group.mass).pair[flow.action, flow.state]
