import dataclasses
import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.entropy import path_entropy
from maxentrl.planning.problem import SoftProblem, TrajectoryLevel
from maxentrl.planning.temperature import tune_temperature
from maxentrl.status import InvalidInput, Status
from path_enumeration import random_problem


def binary_entropy(p):
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def bandit(time, gap=1.0):
    """One state that stays, two actions paying 0 and −gap."""
    mdp = MDP(from_dense(np.ones((2, 1, 1))), np.zeros(1, bool))
    return SoftProblem(mdp, RewardTable(np.array([[0.0], [-gap]]), np.zeros(1)), time)


@pytest.mark.parametrize("time", [Finite(3), Discounted(0.9)])
@pytest.mark.parametrize("gap", [1.0, 1e-6, 1e6])
def test_a_bandit_has_a_closed_form(time, gap):
    p = 0.2
    found = tune_temperature(bandit(time, gap), binary_entropy(p), 0)
    assert found.temperature == pytest.approx(gap / math.log((1 - p) / p), rel=1e-7)
    assert found.entropy == pytest.approx(binary_entropy(p), abs=1e-9)
    assert found.status is Status.CONVERGED
    assert found.solution.problem.temperature == found.temperature
    np.testing.assert_array_equal(found.solution.problem.reward.pair, [[0.0], [-gap]])


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("terminal", [True, False])
def test_it_minimises_the_dual(deterministic, terminal):
    """The dual is evaluated from soft values alone, whose derivative the search never sees."""
    problem = random_problem(31, deterministic=deterministic, causal=True, per_step=True, terminal=terminal)
    target, mass = 0.3, np.array([0.5, 0.25, 0.25, 0.0])

    def dual(logarithm):
        temperature = math.exp(logarithm)
        charged = np.asarray(problem.reward.pair) - temperature * target
        reward = dataclasses.replace(problem.reward, pair=charged)
        posed = dataclasses.replace(problem, reward=reward, temperature=temperature)
        return BackwardSweep().solve(posed).value(mass)

    least = minimize_scalar(dual, bounds=(-5.0, 5.0), method="bounded", options={"xatol": 1e-8})
    found = tune_temperature(problem, target, mass)
    assert math.log(found.temperature) == pytest.approx(least.x, abs=1e-5)
    assert found.entropy == pytest.approx(target, abs=1e-9)
    assert path_entropy(found.solution, mass).actions_per_decision == found.entropy


def waiting(stay_reward=-1.0):
    """State 0 waits for ``stay_reward`` or goes to the goal 1 for nothing."""
    dense = np.zeros((2, 2, 2))
    dense[0, 0, 0] = dense[1, 0, 1] = dense[0, 1, 1] = 1.0
    mdp = MDP(from_dense(dense), np.zeros(2, bool))
    return SoftProblem(mdp, RewardTable(np.array([[stay_reward, 0.0], [0.0, 0.0]]), np.zeros(2)), ToGoal((1,)))


def test_waiting_for_a_goal_has_a_closed_form():
    """Every decision is taken in one state, so the average entropy is that of one coin with P(wait) = p < ½.

    The reward is −p/(1−p), and minimising over p and τ the charged value (−p + τ (H(p) − H̄))/(1−p) has the stationary
    point H(p) = H̄, τ = 1/((1−p) H'(p)).
    """
    target = 0.5
    p = brentq(lambda q: binary_entropy(q) - target, 1e-6, 0.5)
    slope = math.log((1 - p) / p)
    found = tune_temperature(waiting(), target, 0)
    assert found.solution.policy[0, 0] == pytest.approx(p, rel=1e-7)
    assert found.temperature == pytest.approx(1.0 / ((1 - p) * slope), rel=1e-6)
    assert found.entropy == pytest.approx(target, abs=1e-9)
    np.testing.assert_allclose(found.solution.problem.reward.pair[0, 0], -1.0 - found.temperature * target, rtol=1e-14)


def test_to_goal_under_slip_meets_the_target_at_the_least_dual():
    rng = np.random.default_rng(0)
    dense = rng.dirichlet(np.ones(4), size=(2, 4))
    mdp = MDP(from_dense(dense), np.zeros(4, bool))
    problem = SoftProblem(mdp, RewardTable(-1.0 - rng.random((2, 4)), np.zeros(4)), ToGoal((3,)))
    found = tune_temperature(problem, 0.6, 0)
    assert found.entropy == pytest.approx(0.6, abs=1e-9)

    def dual(temperature):
        """Charged soft value by plain value iteration."""
        values = np.zeros(4)
        for _ in range(400):
            q = (problem.reward.pair - temperature * 0.6 + dense @ values) / temperature
            values = np.where(np.arange(4) == 3, 0.0, temperature * np.log(np.exp(q).sum(0)))
        return values[0]

    best = minimize_scalar(lambda x: dual(math.exp(x)), bounds=(-5.0, 2.0), method="bounded", options={"xatol": 1e-8})
    assert math.log(found.temperature) == pytest.approx(best.x, abs=1e-5)


@pytest.mark.parametrize("problem", [bandit(Finite(3)), bandit(Discounted(0.9)), waiting()])
def test_no_entropy_asked_for_is_hard_planning(problem):
    found = tune_temperature(problem, 0.0, 0)
    assert found.temperature == 0.0
    assert found.entropy == 0.0
    assert found.status is Status.EXACT


def test_a_target_below_the_entropy_of_ties_is_hard_planning():
    found = tune_temperature(bandit(Finite(3), gap=0.0), 0.3, 0)
    assert found.temperature == 0.0
    assert found.entropy == pytest.approx(math.log(2), rel=1e-12)


def test_ties_that_hard_planning_shares_unevenly_need_hardly_any_temperature():
    """Two equal first moves, one into a state with three equal moves: shared equally the average is below the limit."""
    dense = np.zeros((3, 3, 3))
    dense[0, 0, 1] = dense[1, 0, 2] = 1.0
    dense[:, 1, 1] = 1.0
    dense[0, 2, 2] = 1.0
    reward = np.zeros((3, 3))
    reward[:, 0] = [0.0, 0.0, -1.0]
    problem = SoftProblem(MDP(from_dense(dense), np.zeros(3, bool)), RewardTable(reward, np.zeros(3)), Finite(2))
    hard = tune_temperature(problem, 0.0, 0).entropy
    limit = math.log(4.0) / 2.0  # four equally good paths of two decisions
    assert hard == pytest.approx((math.log(2.0) + 0.5 * math.log(3.0)) / 2.0, rel=1e-12)
    found = tune_temperature(problem, (hard + limit) / 2.0, 0)
    assert 0.0 < found.temperature < 1e-5
    assert found.entropy >= found.target_entropy


@pytest.mark.parametrize("problem", [bandit(Finite(3)), bandit(Discounted(0.9)), waiting()])
def test_more_than_the_greatest_entropy_is_refused_with_both_limits(problem):
    with pytest.raises(InvalidInput, match=r"at most 0\.69314\d* .*temperature 0 has 0"):
        tune_temperature(problem, 0.7, 0)
    with pytest.raises(InvalidInput, match=r"at most 0\.69314\d* "):
        tune_temperature(problem, 5.0, 0)


def test_the_greatest_entropy_itself_has_infinite_temperature():
    found = tune_temperature(bandit(Finite(3)), math.log(2), 0)
    assert found.temperature == math.inf
    assert found.entropy == pytest.approx(math.log(2), rel=1e-12)


def test_bad_input_is_named():
    problem = bandit(Finite(3))
    with pytest.raises(InvalidInput, match="target_entropy = -1"):
        tune_temperature(problem, -1.0, 0)
    with pytest.raises(InvalidInput, match="without log_reference"):
        tune_temperature(dataclasses.replace(problem, log_reference=np.zeros((2, 1))), 0.1, 0)
    with pytest.raises(InvalidInput, match="no decision is taken"):
        tune_temperature(waiting(), 0.1, 1)
    stochastic = random_problem(31, deterministic=False)
    assert isinstance(stochastic.entropy, TrajectoryLevel)
    with pytest.raises(InvalidInput, match=r"entropy=Causal\(\)"):
        tune_temperature(stochastic, 0.1, 0)
