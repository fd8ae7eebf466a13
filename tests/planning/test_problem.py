"""What a planning problem refuses, each by name."""

import dataclasses
import math

import numpy as np
import pytest

from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.problem import SoftProblem, TrajectoryLevel
from maxentrl.status import InvalidInput
from problems import mdp_of, random_dense, random_reward

SOUND = SoftProblem(mdp_of(from_dense(random_dense(11))), random_reward(11), Finite(4))


def at(value):
    """The sound rewards with one entry replaced."""
    pair = np.array(SOUND.reward.pair)
    pair[1, 2] = value
    return RewardTable(pair, SOUND.reward.terminal)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"temperature": -0.5}, r"temperature = -0\.5: expected τ ≥ 0"),
        ({"temperature": math.nan}, "temperature = nan"),
        ({"reward": at(math.nan)}, r"reward\.pair is nan at state 2"),
        ({"reward": at(math.inf)}, r"reward\.pair is inf at state 2"),
        ({"reward": RewardTable(np.zeros((3, 4)), np.zeros(4))}, r"reward\.pair has shape \(3, 4\)"),
        ({"reward": RewardTable(np.zeros((2, 5)), np.zeros(5))}, r"reward\.terminal has shape \(5,\)"),
        ({"reward": RewardTable(np.zeros((3, 2, 4)), np.zeros(4))}, r"needs Finite\(3\)"),
        ({"log_reference": np.zeros((4, 2))}, "log_reference has shape"),
        ({"time": Finite()}, r"planning needs Finite\(horizon\)"),
        ({"time": ToGoal()}, r"planning needs ToGoal\(goals\)"),
        ({"time": ToGoal((4,))}, "goal 4 is not a state: states are 0 to 3"),
        ({"time": Discounted(0.9), "entropy": TrajectoryLevel()}, "does not exist under a discount"),
        ({"temperature": 0.0, "entropy": TrajectoryLevel()}, "has no temperature 0"),
    ],
)
def test_wrong_problems_are_named(changes, says):
    with pytest.raises(InvalidInput, match=says):
        dataclasses.replace(SOUND, **changes)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Finite(0), "horizon = 0: a finite problem has at least one decision"),
        (lambda: Finite(-3), "horizon = -3"),
        (lambda: Discounted(1.0), r"discount = 1\.0: expected 0 ≤ discount < 1"),
        (lambda: Discounted(-0.1), r"discount = -0\.1"),
        (lambda: Discounted(math.nan), "discount = nan"),
        (lambda: ToGoal(()), "goals is empty"),
    ],
)
def test_wrong_kinds_of_time_are_named(make, says):
    with pytest.raises(InvalidInput, match=says):
        make()


def test_every_problem_is_told_at_once():
    with pytest.raises(InvalidInput) as refused:
        dataclasses.replace(SOUND, temperature=-1.0, reward=at(math.nan), time=ToGoal((9,)))
    assert len(refused.value.problems) == 3
