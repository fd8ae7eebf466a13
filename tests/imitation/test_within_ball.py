"""The preferred policy near the data: maximum entropy as a fit finds it, costs as mixtures of policies, refusals."""

import dataclasses

import numpy as np
import pytest
import scipy.optimize

from imitation.enumerated import TERMINAL, functions, points_of
from imitation.walks import HORIZON, N_ACTIONS, N_STATES, PAIRS, complete
from maxentrl.imitation.function_classes import Ball, Box, Hull, feature_ball, feature_box
from maxentrl.imitation.matching import MatchingProblem, match
from maxentrl.imitation.within_ball import GreatestEntropy, LeastCost, prefer_within
from maxentrl.inverse.fit import fit
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import Failure, InvalidInput, Status

REWARD = LinearReward.of(N_ACTIONS, state={"place": TERMINAL[0]}, pair={"move": PAIRS[0]})


@pytest.mark.parametrize("make", [feature_ball, feature_box])
@pytest.mark.parametrize("deterministic", [True, False])
def test_greatest_entropy_at_radius_zero_is_maximum_causal_entropy(make, deterministic):
    mdp, walks, _ = complete("finite", deterministic=deterministic, count=40)
    learnt = fit(InverseProblem(mdp, REWARD, walks, Finite()), optimiser=LBFGSB(gradient_tolerance=1e-9))
    found = prefer_within(MatchingProblem.of(mdp, walks, make(REWARD), Finite(HORIZON)), 0.0, GreatestEntropy())
    assert found.status is Status.CONVERGED
    assert found.gap <= 1e-6
    assert found.distance <= 1e-6
    np.testing.assert_allclose(-found.multipliers, learnt.parameters, atol=1e-4)
    soft = solve(learnt.planning(Finite(HORIZON))).policy
    visited = np.isin(np.arange(N_STATES), walks.starts)
    np.testing.assert_allclose(np.exp(found.policy.log_policy())[0][:, visited], soft[0][:, visited], atol=1e-4)


def test_greatest_entropy_to_goals_has_its_certificate():
    mdp, walks, _ = complete("to-goal", deterministic=True, count=30)
    reward = LinearReward.of(N_ACTIONS, state={"step": np.ones(N_STATES)}, pair={"move": PAIRS[0]}, terminal={})
    problem = MatchingProblem.of(mdp, walks, feature_ball(reward), ToGoal())
    tight, loose = (prefer_within(problem, radius, GreatestEntropy()) for radius in (0.0, 0.3))
    for found in (tight, loose):
        assert found.status is Status.CONVERGED
        assert found.distance <= found.radius + 1e-6
    assert loose.objective > tight.objective + 0.01
    learnt = fit(InverseProblem(mdp, reward, walks, ToGoal()), optimiser=LBFGSB(gradient_tolerance=1e-9))
    np.testing.assert_allclose(-tight.multipliers, learnt.parameters, atol=1e-4)


@pytest.mark.parametrize("shape", [Ball(), Box(), Hull()], ids=lambda s: type(s).__name__)
def test_the_least_cost_is_that_of_the_cheapest_mixture_of_all_policies(shape):
    mdp, walks, time = complete("discounted", deterministic=False)
    problem = MatchingProblem.of(mdp, walks, functions(shape), time)
    cost = RewardTable(np.abs(np.random.default_rng(1).normal(size=PAIRS.shape[1:])), TERMINAL[1])
    start = np.bincount(walks.starts, walks.weights, N_STATES) / walks.weights.sum()
    table = RewardTable(np.concatenate([PAIRS, cost.pair[None]]), np.concatenate([TERMINAL, cost.terminal[None]]))
    points = points_of(mdp, time, start, table)
    radius, away = 0.2, points[:, :2] - problem.data[:2]
    answer = scipy.optimize.minimize(
        lambda w: points[:, 2] @ w,
        np.full(len(points), 1.0 / len(points)),
        method="SLSQP",
        bounds=[(0.0, 1.0)] * len(points),
        constraints=[
            {"type": "eq", "fun": lambda w: w.sum() - 1.0},
            {"type": "ineq", "fun": lambda w: _slack(shape, w @ away, radius)},
        ],
        options={"maxiter": 500, "ftol": 1e-12},
    )
    found = prefer_within(problem, radius, LeastCost(cost))
    assert found.status is Status.CONVERGED
    assert found.distance <= radius + 1e-6
    assert found.objective == pytest.approx(answer.fun, abs=1e-4)
    free = prefer_within(problem, 100.0, LeastCost(cost))
    assert free.objective == pytest.approx(points[:, 2].min(), abs=1e-6)


def _slack(shape, difference, radius):
    """Constraints that are smooth: the square for the ball, every sign for the box, every coordinate for the hull."""
    if isinstance(shape, Ball):
        return np.array([radius**2 - difference @ difference])
    signs = (
        np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) if isinstance(shape, Box) else np.vstack([np.eye(2), -np.eye(2)])
    )
    return radius - signs @ difference


def test_an_infeasible_ball_names_what_is_missed_most():
    mdp, walks, time = complete("finite", deterministic=False)
    problem = MatchingProblem.of(mdp, walks, feature_ball(REWARD), time)
    far = dataclasses.replace(problem, data=problem.data + np.array([0.0, 50.0]))
    with pytest.raises(Failure, match="more than the radius 1; missed most: 'move'") as caught:
        prefer_within(far, 1.0, GreatestEntropy())
    assert caught.value.status is Status.INFEASIBLE_BALL
    nearest = match(far).distance
    just = prefer_within(far, nearest + 0.01, LeastCost(RewardTable.from_pairs(np.ones((N_ACTIONS, N_STATES)))))
    assert just.objective == pytest.approx(HORIZON, abs=1e-6)
    with pytest.raises(InvalidInput, match="radius = -1"):
        prefer_within(problem, -1.0, GreatestEntropy())
