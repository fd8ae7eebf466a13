"""Goals solved for together are the goals solved for one by one."""

import numpy as np
import pytest

from maxentrl.mdp.grid import grid_world
from maxentrl.mdp.time import ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.value_iteration import SoftValueIteration
from maxentrl.runs import outlook

GOALS = (0, 6, 20, 41, 23)


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(4)
    world = grid_world({"cost": rng.random((6, 7))})
    reward = RewardTable(-3.0 - 2 * rng.random((8, 42)), rng.uniform(-1, 0, 42))
    return SoftProblem(world.mdp, reward, ToGoal((0,)), 0.8)


@pytest.mark.parametrize("within", [400.0, 15.0, 1e-3])
def test_values_of_goals_near_and_far(problem, within, monkeypatch):
    monkeypatch.setattr(outlook, "WITHIN", within)
    values = outlook.goal_values(problem, GOALS)
    for row, goal in zip(values, GOALS, strict=True):
        posed = SoftProblem(problem.mdp, problem.reward, ToGoal((goal,)), 0.8)
        np.testing.assert_allclose(row, SoftValueIteration(tolerance=1e-12).solve(posed).values, atol=1e-8)
