"""How a learnt policy is scored: the same few numbers for every method, all exact but the walks that are scored on."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.data_features import data_features
from maxentrl.imitation.policy import AbstractPolicy, FixedPolicy, GoalPolicies, LogPolicy, PlannedPolicy
from maxentrl.imitation.scores import score_choices
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.policy_evaluation import policy_occupancy
from maxentrl.planning.problem import SoftProblem
from maxentrl.runs.compare_problem import ComparisonProblem
from maxentrl.status import InvalidInput

BACKGROUND = 1e-3
"""Share of every method's choices that is spread evenly over the moves before its likelihood is taken: a matched policy
rules moves out, and one such move would make its mean infinite. It costs the others at most .001 nats a decision."""


LONGEST = 10
"""Walks to a goal are followed for this many times the decisions of the longest held-out one: a clone may never arrive."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """How good a policy is.

    Attributes:
        nats: −log π of a held-out decision, mean over decisions, with ``BACKGROUND`` mixed in.
        regret: share of the gap between chance and the expert: (J_expert − J_π)/(J_expert − J_even) with J the expected
            true reward plus temperature times entropy, which is what the walkers maximise; 0 only for the expert's own
            policy, 1 for even choice, above it for what is worse. None without a truth.
        lost_return: expected true reward of the expert less that of the policy, without entropy, in its own units; below 0
            where a policy that is less random than the expert collects more. None without a truth.
        feature_gap: ‖E_π φ − held-out φ‖/‖held-out φ‖, each feature over its root mean square; None where the held-out
            walks are incomplete.
        arrived: probability that a walk to a goal, followed for ``LONGEST`` times the longest held-out walk, arrives; None
            for other kinds of time.
        planning_seconds: taken to make the tables for the held-out goals.
        remark: why a number is missing; empty where none is.
    """

    nats: float
    regret: float | None
    lost_return: float | None
    feature_gap: float | None
    arrived: float | None
    planning_seconds: float
    remark: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class _Followed:
    """A policy followed from the held-out starts: visits of pairs (A, S) and ends (S,), entropy in nats, and arrivals."""

    pair: Float[np.ndarray, "A S"]
    terminal: Float[np.ndarray, " S"]
    entropy: float
    arrived: float


class Judge:
    """Scores policies on the held-out walks of one problem; what all policies share is computed once."""

    def __init__(self, problem: ComparisonProblem) -> None:
        self.problem = problem
        self.features, self.why = _held_out_features(problem)
        self.best = self.worst = None
        if problem.truth is not None:
            self.best = _follow(problem, self._tables(expert(problem)))
            self.worst = _follow(problem, self._tables(uniform(problem.mdp)))

    def score(self, policy: AbstractPolicy) -> Scores:
        """All scores of a policy.

        Raises:
            InvalidInput: a policy that cannot serve the held-out goals.
            Failure: a reward under which nothing can be planned.
        """
        begun = time.perf_counter()
        tables = self._tables(policy)
        seconds = time.perf_counter() - begun
        nats = -score_choices(_with_background(tables, self.problem), self.problem.held_out).mean
        followed = _follow(self.problem, tables)
        regret, lost = self._regret(followed)
        arrived = followed.arrived if isinstance(self.problem.time, ToGoal) else None
        return Scores(nats, regret, lost, self._gap(followed), arrived, seconds, self.why)

    def _tables(self, policy: AbstractPolicy) -> AbstractPolicy:
        """The policy for every held-out goal, planned once."""
        goals = {int(goal) for goal in self.problem.held_out.goals}
        if goals == {UNKNOWN}:
            return FixedPolicy(self.problem.mdp, policy.log_policy())
        return GoalPolicies(self.problem.mdp, {goal: policy.log_policy(goal) for goal in sorted(goals)})

    def _regret(self, followed: _Followed) -> tuple[float | None, float | None]:
        truth, best, worst = self.problem.truth, self.best, self.worst
        if truth is None or best is None or worst is None:
            return None, None
        own, top, bottom = (_earned(truth, each) for each in (followed, best, worst))
        soft = self.problem.temperature * np.array([followed.entropy, best.entropy, worst.entropy])
        own_value, top_value, bottom_value = soft + np.array([own, top, bottom])
        return float((top_value - own_value) / (top_value - bottom_value)), top - own

    def _gap(self, followed: _Followed) -> float | None:
        if self.features is None:
            return None
        functions = self.problem.functions
        expected = np.tensordot(functions.pair, followed.pair, 2) + functions.terminal @ followed.terminal
        size = float(np.linalg.norm(self.features))
        return float(np.linalg.norm(expected - self.features)) / size if size > 0 else None


def _follow(problem: ComparisonProblem, policy: AbstractPolicy) -> _Followed:
    """Exact expected visits over all held-out starts; walks to a goal are cut after ``LONGEST`` times the longest."""
    mdp, when = problem.mdp, problem.time
    nothing = RewardTable.from_pairs(np.zeros((mdp.n_actions, mdp.n_states)))
    pair, terminal = np.zeros((mdp.n_actions, mdp.n_states)), np.zeros(mdp.n_states)
    entropy = arrived = 0.0
    for group in problem.starts:
        posed = group.problem(mdp, nothing, when)
        if isinstance(when, ToGoal):
            ends = mdp.terminal.copy()
            ends[list(group.goals)] = True
            horizon = Finite(LONGEST * int(problem.held_out.lengths.max()))
            posed = dataclasses.replace(posed, mdp=dataclasses.replace(mdp, terminal=ends), time=horizon)
        log_policy = policy.log_policy(group.goal)
        occupancy = policy_occupancy(posed, np.exp(log_policy), group.mass)
        visits = np.asarray(occupancy.pair)
        entropy -= float(np.sum(np.where(visits > 0, visits * np.where(visits > 0, log_policy, 0.0), 0.0)))
        pair += visits.reshape(-1, *pair.shape).sum(0)
        ended = np.asarray(occupancy.terminal)
        terminal += ended
        arrived += float(ended[list(group.goals)].sum())
    return _Followed(pair, terminal, entropy, arrived)


def expert(problem: ComparisonProblem) -> AbstractPolicy:
    """The soft policy of the true reward.

    Raises:
        InvalidInput: nobody knows the truth.
    """
    truth = problem.truth
    if truth is None:
        raise InvalidInput(f"{problem.name}: the true reward is not known: set [reward] truth, or simulate the walks")

    def plan(goal: int) -> LogPolicy:
        time = ToGoal((goal,)) if problem.own_goals else problem.time
        return solve(SoftProblem(problem.mdp, truth, time, problem.temperature)).log_policy

    return PlannedPolicy(problem.mdp, plan)


def uniform(mdp: MDP) -> AbstractPolicy:
    """All moves alike."""
    return FixedPolicy(mdp, _even(mdp))


def _even(mdp: MDP) -> Float[np.ndarray, "A S"]:
    with np.errstate(divide="ignore"):
        return np.log(mdp.available / np.maximum(mdp.available.sum(0), 1))


def _with_background(policy: AbstractPolicy, problem: ComparisonProblem) -> AbstractPolicy:
    """(1 − ε) π + ε even, so that no decision that can be made is impossible."""
    even = _even(problem.mdp) + math.log(BACKGROUND)

    def mixed(goal: int) -> LogPolicy:
        table = policy.log_policy(goal)
        return np.logaddexp(table + math.log1p(-BACKGROUND), np.broadcast_to(even, table.shape))

    return PlannedPolicy(problem.mdp, mixed)


def _earned(reward: RewardTable, followed: _Followed) -> float:
    """⟨visits, r⟩ with 0 · (−∞) = 0."""
    total = 0.0
    for seen, paid in ((followed.pair, np.asarray(reward.pair)), (followed.terminal, np.asarray(reward.terminal))):
        total += float(np.sum(np.where(seen != 0, seen * np.where(seen != 0, paid, 0.0), 0.0)))
    return total


def _held_out_features(problem: ComparisonProblem) -> tuple[Float[np.ndarray, " K"] | None, str]:
    """What the held-out walks hold of each scaled feature, or why they cannot say."""
    try:
        return data_features(problem.mdp, problem.held_out, problem.functions, problem.time), ""
    except InvalidInput as error:
        return None, f"no feature gap: {error.problems[0]}"


def sizes_of(walks: Trajectories, asked: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers of demonstrations, in order, none above those there are."""
    return tuple(sorted({min(size, len(walks)) for size in asked}))
