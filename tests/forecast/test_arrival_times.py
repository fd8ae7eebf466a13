"""Mean and median of the time to arrival are of the same walks; the mean may well lie below the median."""

import numpy as np
import pytest

from maxentrl.forecast.goals import GoalForecaster
from maxentrl.forecast.visits import expected_steps, visits_ahead
from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.mdp.time import ToGoal
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.rewards.reward import RewardTable
from maxentrl.runs.forecast import chance_text


def test_a_near_goal_pulls_the_mean_below_the_median():
    mdp = grid_world({"a": np.zeros((1, 23))}, moves=FOUR_MOVES).mdp
    reward = RewardTable(np.full((4, 23), -6.0), np.zeros(23))
    solutions = [solve(SoftProblem(mdp, reward, ToGoal((goal,)))) for goal in (0, 22)]
    forecaster = GoalForecaster.from_solutions(solutions, prior=[0.4, 0.6])
    mass = forecaster.start(1).mass
    mean, arrival = expected_steps(forecaster, mass), visits_ahead(forecaster, mass, 300).arrival
    # hardly any detours at this cost: one step with probability 0.4, else 21
    assert mean == pytest.approx(0.4 * 1 + 0.6 * 21, abs=0.05)
    assert arrival.quantile(0.5) == 21
    assert mean == pytest.approx(arrival.probability @ np.arange(301), abs=1e-9)
    assert arrival.later < 1e-12


def test_small_probabilities_are_told_to_be_small():
    assert [chance_text(p) for p in (0.0, 9.9e-5, 1e-4, 0.123456, 1.0)] == ["0", "< 0.0001", "0.0001", "0.1235", "1"]
