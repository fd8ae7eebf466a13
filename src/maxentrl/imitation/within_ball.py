"""The cheapest or the most random policy among those near enough to the data."""

from __future__ import annotations

import dataclasses
import math
import time as clock
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from maxentrl.imitation.certificate import lower_bound
from maxentrl.imitation.function_classes import AbstractShape, Ball, Box
from maxentrl.imitation.matching import CUTS, Matching, MatchingProblem, match
from maxentrl.imitation.policy import AbstractPolicy
from maxentrl.imitation.programmes import Answer, distance_of, import_cvxpy, solved
from maxentrl.imitation.scores import expected_visits
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.policy_evaluation import expected_entropy
from maxentrl.status import Failure, InvalidInput, Status

NAMED = 5
"""Features that a refusal names."""


@dataclasses.dataclass(frozen=True, eq=False)
class LeastCost:
    """min E_π[Σ γᵗ cost].

    Attributes:
        cost: of pairs (A, S) and ends (S,).
    """

    cost: RewardTable


@dataclasses.dataclass(frozen=True)
class GreatestEntropy:
    """max E_π[Σ γᵗ H(π(·|s_t))]: with radius 0 maximum causal entropy, with another its regularised form.

    Source: Dudík, Phillips & Schapire (2007), Altun & Smola (2006): a relaxed constraint is a penalty in the dual.
    """


Preference: TypeAlias = LeastCost | GreatestEntropy


@dataclasses.dataclass(frozen=True, eq=False)
class Preferred:
    """The preferred policy within a distance of the data.

    Attributes:
        problem: what was matched.
        policy: the policy.
        radius: the distance allowed.
        distance: of this policy, by its own forward occupancy.
        objective: cost or entropy (nats) of this policy, by its own forward occupancy.
        bound: what no policy within the radius can be below (cost) or above (entropy).
        multipliers: θ of the features that prove it, (K,); with ``GreatestEntropy`` −θ are the weights of a reward
            whose soft policy this is.
        status: CONVERGED where gap and excess distance are within the tolerance, else STALLED.
        seconds: taken.
    """

    problem: MatchingProblem
    policy: AbstractPolicy
    radius: float
    distance: float
    objective: float
    bound: float
    multipliers: Float[np.ndarray, " K"]
    status: Status
    seconds: float

    @property
    def gap(self) -> float:
        """|objective − bound|."""
        return abs(self.objective - self.bound)


def prefer_within(
    problem: MatchingProblem, radius: float, preference: Preference, *, tolerance: float = 1e-6
) -> Preferred:
    """Minimise a cost or maximise the causal entropy over policies with max_{f∈F} E_π f − E_data f ≤ radius.

    The bounds hold for any multipliers: of a cost by weak duality as in :func:`match`; of the entropy because

        H(π) ≤ V_soft(−θ·φ) + θ·data + radius · gauge(θ)      for every π within the radius,

    with V_soft planned by this library and not by the convex solver.

    Raises:
        MissingExtra: cvxpy is not installed.
        InvalidInput: a negative radius.
        Failure: INFEASIBLE_BALL where no policy is within the radius, naming the features that are missed most; STALLED
            where the solver gives no answer.
    """
    began = clock.perf_counter()
    if not (np.isfinite(radius) and radius >= 0):
        raise InvalidInput(f"radius = {radius}: expected a finite distance ≥ 0")
    _refuse_empty(problem, radius, tolerance)
    answer = _solve(problem, radius, preference)
    found: Preferred | None = None
    for cut in CUTS:
        candidate = _measured(problem, radius, preference, answer, problem.policy(answer.visits, cut), tolerance)
        if found is None or _excess(candidate) < _excess(found):
            found = candidate
        if found.status is Status.CONVERGED:
            break
    if found is None or math.isinf(found.distance):
        raise Failure(Status.STALLED, "the solver's visits make no policy that arrives")
    return dataclasses.replace(found, seconds=clock.perf_counter() - began)


def _excess(found: Preferred) -> float:
    return max(found.gap, found.distance - found.radius)


def _measured(
    problem: MatchingProblem,
    radius: float,
    preference: Preference,
    answer: Answer,
    policy: AbstractPolicy,
    tolerance: float,
) -> Preferred:
    """Distance and objective of a policy by its own visits, beside the bound."""
    distance = problem.distance(policy)
    if math.isinf(distance):
        objective, bound = math.inf, 0.0
    elif isinstance(preference, LeastCost):
        objective, bound = _cost_and_bound(problem, radius, preference, policy, answer)
    else:
        objective, bound = _entropy_and_bound(problem, radius, policy, answer)
    met = abs(objective - bound) <= tolerance * max(1.0, abs(bound)) and distance <= radius + tolerance
    status = Status.CONVERGED if met else Status.STALLED
    return Preferred(problem, policy, radius, distance, objective, bound, answer.multipliers, status, 0.0)


def _refuse_empty(problem: MatchingProblem, radius: float, tolerance: float) -> None:
    closest = match(problem, tolerance=tolerance)
    if closest.bound > radius + tolerance:
        raise Failure(
            Status.INFEASIBLE_BALL,
            f"every policy is at least {closest.bound:.6g} from the data, more than the radius {radius:g}; missed most: "
            f"{', '.join(_most_missed(closest))}",
        )


def _most_missed(closest: Matching) -> list[str]:
    """Features by their share of the distance, with what the data hold and what the nearest policy does."""
    names, data = closest.problem.functions.names, closest.problem.data
    share = closest.multipliers * (closest.features - data)
    order = np.argsort(-share, kind="stable")[:NAMED]
    return [
        f"'{names[k]}' (data {data[k]:.6g}, nearest policy {closest.features[k]:.6g})"
        for k in order
        if share[k] > 1e-6 * share.max()
    ]


def _solve(problem: MatchingProblem, radius: float, preference: Preference) -> Answer:
    cvxpy = import_cvxpy()
    flows = problem.flows
    matrix, wanted = problem.features()
    visits, difference = cvxpy.Variable(matrix.shape[1], nonneg=True), cvxpy.Variable(len(wanted))
    constraints = [flows.balance @ visits == flows.entering, matrix @ visits - wanted == difference]
    if flows.capped:
        constraints.append(cvxpy.sum(visits) <= flows.longest)
    constraints.append(_within(problem.functions.shape, difference, radius))
    if isinstance(preference, LeastCost):
        objective = _costs(problem, preference)[0] @ visits
    else:
        gather = _rows_of_states(problem)
        objective = cvxpy.sum(cvxpy.rel_entr(visits, gather @ visits))
    return solved(cvxpy.Problem(cvxpy.Minimize(objective), constraints), visits, flows)


def _within(shape: AbstractShape, difference: Any, radius: float) -> Any:
    """A ball of radius 0 as equalities, which leave the solver an inside to work in."""
    if radius == 0.0 and isinstance(shape, Ball | Box):
        return difference == 0.0
    return distance_of(shape, difference) <= radius


def _rows_of_states(problem: MatchingProblem) -> sp.csc_array:
    """Sums the visits of a state's pairs and gives each pair that sum, (N, N)."""
    row, count = problem.flows.row, len(problem.flows.row)
    gather = sp.csc_array((np.ones(count), (row, np.arange(count))), shape=(len(problem.flows.entering), count))
    return sp.csc_array(gather.T @ gather)


def _costs(problem: MatchingProblem, preference: LeastCost) -> tuple[Float[np.ndarray, " N"], float]:
    """The cost of each pair, ends included, and of starts that are ends."""
    pair, terminal = np.asarray(preference.cost.pair, float), np.asarray(preference.cost.terminal, float)
    matrix, constant = problem.flows.features(pair[None], terminal[None])
    return matrix[0], float(constant[0])


def _cost_and_bound(
    problem: MatchingProblem, radius: float, preference: LeastCost, policy: AbstractPolicy, answer: Answer
) -> tuple[float, float]:
    """⟨c, μ⟩ ≥ min ⟨c + θφ, μ⟩ − θ·wanted − radius · gauge(θ) within the radius."""
    costs, constant = _costs(problem, preference)
    visits = expected_visits(policy, problem.time, problem.starts)
    reached = float(np.vdot(preference.cost.pair, visits.pair) + np.vdot(preference.cost.terminal, visits.terminal))
    matrix, wanted = problem.features()
    theta = answer.multipliers
    found = lower_bound(problem.flows, costs + theta @ matrix, answer.values, answer.cap)
    return reached, found.value + constant - float(theta @ wanted) - radius * _gauge(problem, theta)


def _entropy_and_bound(
    problem: MatchingProblem, radius: float, policy: AbstractPolicy, answer: Answer
) -> tuple[float, float]:
    theta, flows = answer.multipliers, problem.flows
    price = max(answer.cap, 0.0) if flows.capped else 0.0
    function = problem.functions.function(-theta)
    reward = RewardTable(np.asarray(function.pair) - price, np.asarray(function.terminal))
    bound = float(theta @ problem.data) + radius * _gauge(problem, theta) + (price * flows.longest if price else 0.0)
    entropy = 0.0
    for flow in flows.flows:
        group = flow.group
        posed = group.problem(problem.mdp, reward, problem.time, temperature=1.0)
        try:
            bound += solve(posed).value(group.mass)
        except Failure:
            bound = math.inf
        entropy += expected_entropy(posed, np.exp(policy.log_policy(group.goal)), group.mass)
    return entropy, bound


def _gauge(problem: MatchingProblem, theta: Float[np.ndarray, " K"]) -> float:
    return problem.functions.shape.gauge(theta)
