"""Disagreement of an ensemble: what no walk can tell does not count, and what moves people does."""

import math

import numpy as np
import pytest

from maxentrl.forecast.disagreement import policy_disagreement
from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.status import InvalidInput

WORLD = grid_world({"mud": np.zeros((3, 4))}, moves=FOUR_MOVES)
BASE = -2.5 - np.random.default_rng(0).random((4, 12))


def members(tables, time):
    return [[solve(SoftProblem(WORLD.mdp, RewardTable(pair, terminal), time))] for pair, terminal in tables]


@pytest.mark.parametrize("time", [Finite(5), Discounted(0.8), ToGoal((11,))])
def test_shaping_is_no_disagreement(time):
    potential = np.random.default_rng(1).normal(size=12)
    discount = 0.8 if isinstance(time, Discounted) else 1.0
    following = np.stack([np.asarray(row) for row in WORLD.mdp.transitions.expect(potential)])
    shaped = BASE + discount * following - potential
    found = policy_disagreement(members([(BASE, np.zeros(12)), (shaped, -potential)], time), np.ones(1))
    np.testing.assert_allclose(found[:11], 0.0, atol=1e-8)
    assert np.isnan(found[11]) == isinstance(time, ToGoal)  # nothing is chosen at a goal
    other = policy_disagreement(members([(BASE, np.zeros(12)), (2 * BASE, np.zeros(12))], time), np.ones(1))
    assert np.nanmax(other) > 0.02


def test_two_members_of_one_step_differ_by_what_their_rewards_say():
    """One decision, two moves in a corner: π = sigmoid(difference), so the share is known; groups count by weight."""

    def table(bonus):
        pair = np.zeros((4, 12))
        pair[1, 0] = bonus
        return pair, np.zeros(12)

    def sigmoid(x):
        return 1 / (1 + math.exp(-x))

    first, second, third = ([solve(SoftProblem(WORLD.mdp, RewardTable(*table(b)), Finite(1)))] for b in (0.0, 1.0, 3.0))
    found = policy_disagreement([first, second, third], np.ones(1))
    pairs = [(0, 1), (0, 3), (1, 3)]
    assert found[0] == pytest.approx(np.mean([abs(sigmoid(a) - sigmoid(b)) for a, b in pairs]), rel=1e-12)
    np.testing.assert_allclose(found[1:], 0.0, atol=1e-15)
    groups = policy_disagreement([first + first, first + second], np.array([3.0, 1.0]))
    assert groups[0] == pytest.approx(0.25 * (sigmoid(1) - 0.5), rel=1e-12)


def test_an_ensemble_of_one_is_refused():
    one = members([(BASE, np.zeros(12))], Finite(2))
    with pytest.raises(InvalidInput, match="at least two members"):
        policy_disagreement(one, np.ones(1))
    with pytest.raises(InvalidInput, match="one solution a weight"):
        policy_disagreement(one * 2, np.ones(2))
