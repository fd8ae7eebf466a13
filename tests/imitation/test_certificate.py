"""Certificates of matching that cannot be fooled."""

import dataclasses

import numpy as np
import pytest

from imitation.enumerated import SHAPES, TERMINAL, functions
from imitation.walks import PAIRS, complete
from maxentrl.demos.trajectories import Trajectories
from maxentrl.imitation.certificate import lower_bound
from maxentrl.imitation.function_classes import Ball, Box, FunctionClass
from maxentrl.imitation.matching import MatchingProblem, match, proven_distance
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import ToGoal
from maxentrl.mdp.transitions import DeterministicTransitions
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem

KINDS = ["finite", "discounted"]


@pytest.mark.parametrize("kind", [*KINDS, "to-goal"])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: type(s).__name__)
def test_no_dual_whatsoever_fools_the_certificate(kind, shape):
    """Any θ, v and λ give a bound below every policy's distance; perturbed ones give a lower bound, never a higher."""
    mdp, walks, time = complete(kind, deterministic=False)
    problem = MatchingProblem.of(mdp, walks, functions(shape), time)
    problem = dataclasses.replace(problem, data=problem.data + np.array([3.0, 3.0, -3.0, -3.0])[: len(problem.data)])
    found = match(problem)
    assert found.gap <= 1e-6
    assert found.bound > 0.5
    rng = np.random.default_rng(0)
    values = found.certificate.values
    for size in (1e-6, 1e-2, 1.0, 1e3):
        for _ in range(5):
            theta = found.multipliers + size * rng.normal(size=len(found.multipliers))
            wrong = values + size * rng.normal(size=len(values))
            bound, proof = proven_distance(problem, theta, wrong, found.certificate.cap + size * rng.normal())
            assert bound <= found.bound + 1e-9
            assert proof.slack >= 0
            if size == 1.0 and not isinstance(shape, Box):  # a box has corners, which θ is moved back to
                assert found.distance - bound > 1e-3
    assert proven_distance(problem, np.full(len(theta), 1e100), np.full(len(values), np.nan))[0] <= found.bound + 1e-9


def test_a_policy_s_distance_is_measured_and_not_believed():
    mdp, walks, time = complete("discounted", deterministic=False)
    problem = MatchingProblem.of(mdp, walks, functions(Ball()), time)
    found = match(problem)
    random = np.random.default_rng(0).random(problem.flows.balance.shape[1])
    assert problem.distance(problem.policy(random)) > found.distance + 0.01


def test_the_bound_of_a_cost_is_the_value_of_hard_planning():
    mdp, walks, time = complete("discounted", deterministic=False)
    problem = MatchingProblem.of(mdp, walks, functions(Ball()), time)
    reward = RewardTable(-np.abs(PAIRS[0]), TERMINAL[0])
    plan = solve(SoftProblem(mdp, reward, time, 0.0))
    cost, _ = problem.flows.features(-reward.pair[None], -reward.terminal[None])
    flow = problem.flows.flows[0]
    for values in (-plan.values[flow.state[np.searchsorted(flow.row, np.arange(len(flow.entering)))]], np.zeros(4)):
        bound = lower_bound(problem.flows, cost[0], values)
        optimum = -plan.value(problem.starts[0].mass) + float(reward.terminal @ flow.ended)
        assert bound.value <= optimum + 1e-9
        assert bound.value == pytest.approx(optimum, abs=1e-6)


def test_noise_in_a_solver_s_visits_is_measured_and_cut():
    """Noise of 1e-11 leads aside and stays there: followed as it is the walk may never arrive; cut, it changes nothing."""
    successor = np.array([[1, 1, 0], [2, 1, 2]], np.int32)
    mdp = MDP(DeterministicTransitions(successor, np.ones((2, 3), bool)), np.zeros(3, bool))
    ball = FunctionClass(("steps",), np.ones((1, 2, 3)), np.zeros((1, 3)), Ball())
    problem = MatchingProblem.of(mdp, Trajectories.of([[0, 1]], [[0]], goals=[1]), ball, ToGoal())
    flow = problem.flows.flows[0]
    pairs = list(zip(flow.action.tolist(), flow.state.tolist(), strict=True))
    noisy = np.array([{(0, 0): 1.0, (1, 0): 1e-11, (1, 2): 1e-11}.get(pair, 0.0) for pair in pairs])
    assert problem.distance(problem.policy(noisy)) == np.inf
    assert problem.distance(problem.policy(noisy, cut=1e-9)) < 1e-9
    assert match(problem).distance <= 1e-6
