"""Kernels, finite classes, and data that cannot be matched."""

import dataclasses
import sys

import numpy as np
import pytest

from imitation.enumerated import TERMINAL, functions
from imitation.walks import HORIZON, N_ACTIONS, N_STATES, PAIRS, complete
from maxentrl.demos.trajectories import Trajectories
from maxentrl.imitation.function_classes import (
    Ball,
    Box,
    FunctionClass,
    finite_class,
    gaussian_kernel,
    kernel_ball,
)
from maxentrl.imitation.matching import MatchingProblem, match
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.status import Failure, InvalidInput, MissingExtra, Status


@pytest.mark.parametrize("over", ["states", "pairs"])
def test_the_kernel_ball_is_the_maximum_mean_discrepancy(over):
    mdp, walks, time = complete("finite", deterministic=False)
    rng = np.random.default_rng(2)
    if over == "states":
        kernel = gaussian_kernel(np.arange(N_STATES, dtype=float)[:, None], 1.5)
    else:
        kernel = gaussian_kernel(rng.normal(size=(N_ACTIONS * N_STATES, 2)), 1.0)
    ball = kernel_ball(kernel, N_ACTIONS, N_STATES)
    problem = MatchingProblem.of(mdp, walks, ball, time)
    seen = np.zeros((N_ACTIONS, N_STATES))
    own = walks.weights / walks.weights.sum()
    rows = walks.decisions
    np.add.at(seen, (rows.action, rows.state), own[rows.trajectory])
    ends = np.bincount(walks.ends, own, N_STATES)
    policy = problem.policy(rng.random(problem.flows.balance.shape[1]))
    dense, table = mdp.transitions.as_dense(), np.exp(policy.log_policy())
    mass, visits = np.bincount(walks.starts, own, N_STATES), np.zeros_like(seen)
    for t in range(HORIZON):
        visits += table[t] * mass
        mass = np.einsum("as,asn->n", table[t] * mass, dense)
    gap = (visits - seen).ravel() if over == "pairs" else visits.sum(0) + mass - seen.sum(0) - ends
    assert problem.distance(policy) == pytest.approx(np.sqrt(gap @ kernel @ gap), abs=1e-7)
    assert match(problem).gap <= 1e-6
    with pytest.raises(InvalidInput, match="not positive semidefinite"):
        kernel_ball(np.diag([1.0, -1.0, 1.0, 1.0, 1.0]) + 0.1, N_ACTIONS, N_STATES)
    with pytest.raises(InvalidInput, match="over 5 states or 15 pairs"):
        kernel_ball(np.eye(4), N_ACTIONS, N_STATES)


def test_a_finite_class_is_the_largest_of_its_functions():
    mdp, walks, time = complete("finite", deterministic=False)
    tables = [RewardTable.from_pairs(PAIRS[0]), RewardTable.from_pairs(-PAIRS[0] + 0.3 * PAIRS[1])]
    problem = MatchingProblem.of(mdp, walks, finite_class(("gain", "loss"), tables), time)
    found = match(problem)
    assert found.gap <= 1e-6
    difference = found.features - problem.data
    assert found.distance == pytest.approx(difference.max())
    assert found.multipliers.sum() == pytest.approx(1.0)


def test_data_that_cannot_be_matched_are_named():
    mdp, walks, _ = complete("to-goal", deterministic=False)
    ball = functions(Ball())
    censored = dataclasses.replace(walks, censored=np.arange(len(walks)) == 2)
    with pytest.raises(InvalidInput, match="1 are censored"):
        MatchingProblem.of(mdp, censored, ball, ToGoal())
    with pytest.raises(InvalidInput, match="do not end at their goal"):
        MatchingProblem.of(mdp, Trajectories.of([[0, 1]], [[0]], goals=[3]), ball, ToGoal())
    with pytest.raises(InvalidInput, match="less mass than a policy under a discount"):
        MatchingProblem.of(mdp, walks, ball, Discounted(0.9))
    with pytest.raises(InvalidInput, match="have neither 3 decisions nor a terminal end"):
        MatchingProblem.of(mdp, Trajectories.of([[0, 1]], [[0]]), ball, Finite(3))
    blind = dataclasses.replace(walks, actions=np.full(len(walks.actions), -1))
    with pytest.raises(InvalidInput, match="'first' depends on the action in state"):
        MatchingProblem.of(mdp, blind, ball, ToGoal())
    by_state = FunctionClass(("place",), np.repeat(TERMINAL[:1, None], N_ACTIONS, 1), TERMINAL[:1], Ball())
    assert match(MatchingProblem.of(mdp, blind, by_state, ToGoal())).gap <= 1e-6
    with pytest.raises(InvalidInput, match="one horizon for all walks"):
        MatchingProblem.of(mdp, walks, ball, Finite())


def test_a_start_that_may_never_arrive_is_refused():
    dense = np.zeros((1, 3, 3))
    dense[0, 0, [1, 2]], dense[0, 2, 2] = 0.5, 1.0
    mdp = MDP(from_dense(dense), np.zeros(3, bool))
    ball = FunctionClass(("one",), np.ones((1, 1, 3)), np.zeros((1, 3)), Ball())
    with pytest.raises(Failure, match="no policy arrives with certainty from state 0 to goal 1") as caught:
        MatchingProblem.of(mdp, Trajectories.of([[0, 1]], [[0]], goals=[1]), ball, ToGoal())
    assert caught.value.status is Status.UNREACHABLE_GOAL


def test_a_missing_package_is_named(monkeypatch):
    mdp, walks, time = complete("finite", deterministic=False)
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    assert match(MatchingProblem.of(mdp, walks, functions(Box()), time)).gap <= 1e-6  # SciPy is enough
    with pytest.raises(MissingExtra, match=r"pip install 'maxentrl\[matching\]'"):
        match(MatchingProblem.of(mdp, walks, functions(Ball()), time))
