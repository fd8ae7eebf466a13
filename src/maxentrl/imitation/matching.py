"""Distribution matching with known transitions: the policy whose visits no test function can tell from the data's."""

from __future__ import annotations

import dataclasses
import math
import time as clock
from functools import cached_property

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.certificate import Bound, lower_bound
from maxentrl.imitation.data_features import data_features
from maxentrl.imitation.function_classes import FunctionClass
from maxentrl.imitation.occupancies import Occupancies, occupancies
from maxentrl.imitation.policy import AbstractPolicy, FixedPolicy, GoalPolicies, LogPolicy
from maxentrl.imitation.programmes import nearest
from maxentrl.imitation.scores import expected_visits
from maxentrl.imitation.starts import StartGroup, start_groups
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Time, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.status import Failure, Status

LONGEST = 5.0
"""Expected decisions allowed to walks to a goal, in multiples of the demonstrated ones, unless asked otherwise."""
CUTS = (0.0, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7)
"""Visits up to which a state may count as not visited: below some such number a solver's visits are noise."""


@dataclasses.dataclass(frozen=True, eq=False)
class MatchingProblem:
    """min_π max_{f∈F} E_π f − E_data f over all policies from the demonstrated starts.

    Attributes:
        mdp: the decision process.
        functions: F.
        time: ``Finite(T)``, ``Discounted(γ)`` or ``ToGoal()``.
        starts: starts and goals, one group a goal.
        data: E_data φ, (K,).
        flows: the polytope of occupancies.
    """

    mdp: MDP
    functions: FunctionClass
    time: Time
    starts: tuple[StartGroup, ...]
    data: Float[np.ndarray, " K"]
    flows: Occupancies

    @staticmethod
    def of(
        mdp: MDP, trajectories: Trajectories, functions: FunctionClass, time: Time, *, longest: float | None = None
    ) -> MatchingProblem:
        """The problem of some demonstrations.

        Args:
            mdp: the decision process, whose transitions are known.
            trajectories: complete walks; with ``ToGoal`` each has its goal, or the time names common ones.
            functions: F.
            time: the kind of time.
            longest: most expected decisions of a walk to a goal; by default five times the demonstrated mean. Visits to
                a goal have no bound of their own, and without one there may be no nearest policy.

        Raises:
            InvalidInput: what :func:`data_features` and :func:`start_groups` refuse.
            Failure: UNREACHABLE_GOAL where no policy arrives with certainty from a start.
        """
        starts = start_groups(mdp, trajectories, time)
        data = data_features(mdp, trajectories, functions, time)
        weights = trajectories.weights / trajectories.weights.sum()
        most = LONGEST * float(weights @ trajectories.lengths) if longest is None else float(longest)
        limit = most if isinstance(time, ToGoal) else math.inf
        return MatchingProblem(mdp, functions, time, starts, data, occupancies(mdp, time, starts, limit))

    def features(self) -> tuple[Float[np.ndarray, "K N"], Float[np.ndarray, " K"]]:
        """Φ and the wanted Φ μ: the data less what walks hold that begin at an end."""
        matrix, constant = self.flows.features(self.functions.pair, self.functions.terminal)
        return matrix, self.data - constant

    @cached_property
    def elsewhere(self) -> tuple[Float[np.ndarray, "A S"], ...]:
        """What is done in states without visits, one policy a flow.

        Even over the available moves; on walks to a goal a soft shortest walk (each move costs 1 + log A at temperature 1,
        so that its partition function is finite), which goes everywhere and arrives soon.
        """
        available = self.mdp.available
        even = available / np.maximum(available.sum(0), 1)
        if not isinstance(self.time, ToGoal):
            return (even,) * len(self.flows.flows)
        found = []
        for flow in self.flows.flows:
            cost = np.where(flow.usable, -1.0 - math.log(self.mdp.n_actions), -np.inf)
            posed = flow.group.problem(
                self.mdp, RewardTable(cost, np.zeros(self.mdp.n_states)), self.time, temperature=1.0
            )
            policy = solve(posed).policy
            found.append(np.where(policy.sum(0) > 0, policy, even))
        return tuple(found)

    def policy(self, visits: Float[np.ndarray, " N"], cut: float = 0.0) -> AbstractPolicy:
        """The policy with these visits; ``elsewhere`` in states with at most ``cut`` of them."""
        parts = zip(self.flows.flows, self.flows.split(visits), self.elsewhere, strict=True)
        tables: dict[int, LogPolicy] = {
            flow.group.goal: flow.log_policy(part, other, cut) for flow, part, other in parts
        }
        if set(tables) == {UNKNOWN}:
            return FixedPolicy(self.mdp, tables[UNKNOWN])
        return GoalPolicies(self.mdp, tables)

    def expected(self, policy: AbstractPolicy) -> Float[np.ndarray, " K"]:
        """E_π φ by the policy's own forward occupancy, (K,)."""
        visits = expected_visits(policy, self.time, self.starts)
        return np.tensordot(self.functions.pair, visits.pair, 2) + self.functions.terminal @ np.asarray(visits.terminal)

    def distance(self, policy: AbstractPolicy) -> float:
        """max_{f∈F} E_π f − E_data f, inf for a policy that may never arrive."""
        try:
            return self.functions.shape.distance(self.expected(policy) - self.data)
        except Failure:
            return math.inf


@dataclasses.dataclass(frozen=True, eq=False)
class Matching:
    """A matched policy with its certificate.

    Attributes:
        problem: what was matched.
        policy: the policy.
        distance: max_{f∈F} E_π f − E_data f of this policy, by its own forward occupancy.
        bound: a distance that no policy can be below, proved by ``multipliers`` and values.
        multipliers: θ of the test function that proves it, (K,).
        certificate: values, price of a decision and slack of the proof.
        features: E_π φ, (K,).
        status: CONVERGED where the gap is within the tolerance, else STALLED.
        seconds: taken.
    """

    problem: MatchingProblem
    policy: AbstractPolicy
    distance: float
    bound: float
    multipliers: Float[np.ndarray, " K"]
    certificate: Bound
    features: Float[np.ndarray, " K"]
    status: Status
    seconds: float

    @property
    def gap(self) -> float:
        """distance − bound: how far from the nearest this policy can be, at most."""
        return self.distance - self.bound

    @property
    def limited(self) -> bool:
        """Whether the limit on expected decisions holds the policy back; then a higher ``longest`` may be nearer."""
        return self.certificate.cap > 1e-9


def match(problem: MatchingProblem, *, tolerance: float = 1e-6) -> Matching:
    """The nearest policy and a proof of how near it is.

    A kept solver proposes visits and dual variables. The distance is then measured on the policy's own visits, and the
    bound is computed from the dual variables by weak duality (:func:`proven_distance`), so a wrong answer of the solver
    can only widen the gap.

    Source: Müller (1997) for the metrics; Syed, Bowling & Schapire (2008) for the linear programme over occupancies;
    Swamy, Choudhury, Bagnell & Wu (2021) for imitation as their minimisation.

    Args:
        problem: what is to be matched.
        tolerance: largest gap that counts as CONVERGED, in the unit of the distance.

    Raises:
        MissingExtra: cvxpy is not installed, where F is a ball or walks go to goals.
        Failure: STALLED where the solver gives no answer.
    """
    began = clock.perf_counter()
    matrix, wanted = problem.features()
    answer = nearest(problem.flows, matrix, wanted, problem.functions.shape)
    multipliers = problem.functions.shape.inside(answer.multipliers)
    bound, certificate = proven_distance(problem, multipliers, answer.values, answer.cap)
    policy, distance = _best_policy(problem, answer.visits, bound + tolerance)
    status = Status.CONVERGED if distance - bound <= tolerance else Status.STALLED
    seconds = clock.perf_counter() - began
    features = problem.expected(policy)
    return Matching(problem, policy, distance, bound, multipliers, certificate, features, status, seconds)


def proven_distance(
    problem: MatchingProblem, multipliers: Float[np.ndarray, " K"], values: Float[np.ndarray, " R"], cap: float = 0.0
) -> tuple[float, Bound]:
    """A distance that no policy can be below: min_μ θ·(Φ μ − wanted) for θ ∈ Θ, itself bounded by v and λ.

    Any θ, v and λ give a true bound; θ is moved into Θ first. For a class that contains f with −f (a ball or box) the
    distance is never negative, and 0 is a bound too.
    """
    inside = problem.functions.shape.inside(multipliers)
    matrix, wanted = problem.features()
    found = lower_bound(problem.flows, inside @ matrix, values, cap)
    proven = found.value - float(inside @ wanted)
    symmetric = np.isfinite(problem.functions.shape.gauge(-np.ones(len(inside))))
    return (max(proven, 0.0) if symmetric else proven), found


def _best_policy(
    problem: MatchingProblem, visits: Float[np.ndarray, " N"], enough: float
) -> tuple[AbstractPolicy, float]:
    """The policy of the visits that is nearest when followed, over what may count as noise in them."""
    policy, distance = problem.policy(visits), math.inf
    for cut in CUTS:
        candidate = problem.policy(visits, cut)
        reached = problem.distance(candidate)
        if reached < distance:
            policy, distance = candidate, reached
        if distance <= enough:
            break
    if math.isinf(distance):
        raise Failure(Status.STALLED, "the solver's visits make no policy that arrives")
    return policy, distance
