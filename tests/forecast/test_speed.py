"""After the goals are prepared, one observation must update goals and five seconds of visits in 50 ms."""

import time

import numpy as np

from maxentrl.forecast.goals import GoalForecaster
from maxentrl.forecast.paths import sample_paths
from maxentrl.forecast.visits import visits_ahead
from maxentrl.mdp.grid import EIGHT_MOVES, grid_world
from maxentrl.mdp.time import ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.linear_system import LinearSystem
from maxentrl.planning.problem import SoftProblem

ROWS, COLUMNS, CELL, PACE = 48, 64, 0.5, 1.4
"""A plaza of half-metre cells walked at 1.4 m/s: a step takes .36 s, five seconds are 14 steps."""


def test_an_observation_updates_goals_and_visits_in_time():
    rng = np.random.default_rng(0)
    walls = np.zeros((ROWS, COLUMNS), bool)
    walls[10:16, 10:20] = walls[30:36, 40:50] = walls[20:28, 28:36] = True
    world = grid_world({"rough": rng.random((ROWS, COLUMNS))}, walls=walls, moves=EIGHT_MOVES, cell_size=CELL)
    number = world.geometry.state_of_cell
    goals = [int(number[r, c]) for r, c in ((0, 5), (0, 40), (47, 3), (47, 60), (20, 0), (40, 0), (10, 63), (44, 63))]
    reward = RewardTable.from_states(-2.3 - world.state_features["rough"], world.mdp.n_actions)
    problem = SoftProblem(world.mdp, reward, ToGoal((goals[0],)))
    solutions = LinearSystem().solve_goals(problem, tuple((goal,) for goal in goals))
    forecaster = GoalForecaster.from_solutions(solutions, seconds_per_step=CELL / PACE)
    belief = forecaster.start(int(number[24, 2]))
    walk = sample_paths(forecaster, belief.mass, 20, 1, seed=0).states[0]
    steps = int(np.ceil(5.0 * PACE / CELL))
    visits_ahead(forecaster, belief.mass, steps)  # prepares the chains
    taken = []
    for state in walk[1:]:
        begun = time.perf_counter()
        belief = belief.update(state)
        ahead = visits_ahead(forecaster, belief.mass, steps, negligible=0.0)
        taken.append(time.perf_counter() - begun)
        np.testing.assert_allclose(ahead.distribution.sum(1), 1.0, atol=1e-12)
    assert np.median(taken) < 0.050
