"""Forecasts of walkers with momentum against all paths of a tiny map, and what must be true of every one."""

import itertools

import numpy as np
import pytest

from maxentrl.forecast.momentum import (
    momentum_ahead,
    momentum_paths,
    momentum_points,
    momentum_starts,
    momentum_walks,
    nearest_starts,
    way_off_ground,
    way_off_recording,
)
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.momentum import momentum_world
from maxentrl.mdp.time import Finite
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.rewards.momentum import MomentumReward
from maxentrl.status import InvalidInput

GENERATOR = np.random.default_rng(5)
WALLS = np.zeros((5, 6), bool)
WALLS[2, 3] = True
TINY = momentum_world(
    {"grass": GENERATOR.random((5, 6))}, cell_size=0.5, reach=1.0, change=0.75, walls=WALLS, origin=(3.0, -1.0)
)
WIDE = momentum_world({"grass": np.zeros((41, 41))}, cell_size=0.5, reach=2.0, change=0.5, origin=(-10.25, -10.25))


def solution_of(momentum, theta, horizon, temperature=1.0):
    table = reward_table(MomentumReward.of(momentum), theta)
    return solve(SoftProblem(momentum.world.mdp, table, Finite(horizon), temperature))


def any_weights(momentum):
    return np.random.default_rng(8).normal(size=len(MomentumReward.of(momentum).names))


def keeps_on(momentum):
    """Weights so large that nobody ever changes."""
    names = MomentumReward.of(momentum).names
    return np.array([60.0 if name == "steady" else 0.0 for name in names])


def all_paths(momentum, theta, start, horizon, temperature):
    """States of every path from a start with their probabilities ∝ exp(reward/τ), by trying every sequence of changes."""
    table = reward_table(MomentumReward.of(momentum), theta)
    paths, log_weight = [], []
    for actions in itertools.product(range(len(momentum.changes)), repeat=horizon):
        states, total = [start], 0.0
        for action in actions:
            if not momentum.transitions.available[action, states[-1]]:
                break
            total += table.pair[action, states[-1]]
            states.append(int(momentum.transitions.successor[action, states[-1]]))
        else:
            paths.append(states)
            log_weight.append((total + table.terminal[states[-1]]) / temperature)
    probability = np.exp(np.array(log_weight) - np.logaddexp.reduce(log_weight))
    return np.array(paths), probability


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_probabilities_are_those_of_all_paths(temperature):
    theta, horizon = any_weights(TINY), 3
    starts = momentum_starts(TINY, np.array([[4.3, 0.1], [5.1, 0.9]]), np.array([[0.2, 0.35], [-0.5, 0.0]]))
    ahead = list(momentum_ahead(TINY, solution_of(TINY, theta, horizon, temperature), starts, negligible=0.0))
    assert len(starts.state) == 5  # four about the first displacement, one at the second, which is whole
    for row, start in enumerate(starts.state.tolist()):
        paths, probability = all_paths(TINY, theta, start, horizon, temperature)
        for t in range(horizon):
            expected = np.bincount(paths[:, t + 1], probability, minlength=TINY.world.mdp.n_states)
            np.testing.assert_allclose(ahead[t][[row]].toarray()[0], expected, atol=1e-10)


def test_probabilities_are_the_planner_s_visits():
    theta, horizon = any_weights(TINY), 4
    solution = solution_of(TINY, theta, horizon)
    starts = nearest_starts(TINY, np.array([[4.3, 0.1]]), np.array([[0.2, 0.35]]))
    ahead = list(momentum_ahead(TINY, solution, starts, negligible=0.0))
    visits = solution.occupancy_per_step(int(starts.state[0]))
    for t in range(1, horizon):
        np.testing.assert_allclose(ahead[t - 1].toarray()[0], visits.pair[t].sum(0), atol=1e-10)
    on_map = TINY.geometry.to_map(ahead[-1].toarray()[0], 0.0)
    np.testing.assert_allclose(on_map, TINY.geometry.to_map(visits.terminal, 0.0), atol=1e-10)
    assert on_map.sum() == pytest.approx(1.0)


def test_who_changes_nothing_goes_exactly_straight_on():
    """Whatever the place in the cell and the displacement between whole ones: no error of rounding."""
    position = GENERATOR.uniform(-2, 2, (6, 2))
    displacement = GENERATOR.uniform(-1.2, 1.2, (6, 2))
    starts = momentum_starts(WIDE, position, displacement)
    np.testing.assert_allclose(np.bincount(starts.walker, starts.weight), 1.0)
    solution = solution_of(WIDE, keeps_on(WIDE), 3)
    points = momentum_points(WIDE, starts, momentum_ahead(WIDE, solution, starts), 4)
    paths = momentum_paths(WIDE, solution, starts, 3, 4, seed=0)
    assert len(points) == paths.shape[2] == 12
    for frame, here in enumerate(points):
        expected = position + (frame + 1) / 4 * displacement
        np.testing.assert_allclose(here.position, expected[here.walker], atol=1e-9)
        np.testing.assert_allclose(paths[:, :, frame], np.broadcast_to(expected, (3, 6, 2)), atol=1e-9)


def test_the_mean_start_is_the_walker_s_own():
    displacement = np.array([[0.4, 0.9], [-0.15, 0.6]])
    starts = momentum_starts(WIDE, np.array([[0.0, 0.0], [1.2, 0.3]]), displacement)
    whole = WIDE.displacements[starts.state // WIDE.n_cells][:, ::-1] * 0.5
    mean = [np.bincount(starts.walker, starts.weight * column) for column in whole.T]
    np.testing.assert_allclose(np.stack(mean, 1), displacement)
    np.testing.assert_allclose(whole + starts.drift, displacement[starts.walker])


def test_sampled_paths_have_the_forecast_s_distribution():
    theta = any_weights(TINY)
    solution = solution_of(TINY, theta, 3)
    starts = momentum_starts(TINY, np.array([[4.3, 0.1], [5.1, 0.9]]), np.array([[0.2, 0.35], [-0.4, 0.1]]))
    points = momentum_points(TINY, starts, momentum_ahead(TINY, solution, starts), 2)
    count = 20_000
    paths = momentum_paths(TINY, solution, starts, count, 2, seed=1)
    for frame, here in enumerate(points):
        error = paths[:, :, frame].std(0) / np.sqrt(count)
        assert (np.abs(paths[:, :, frame].mean(0) - here.mean(2)) < 5 * error + 1e-9).all()
    spread = momentum_paths(TINY, solution, starts, count, 2, blur=np.full((2, 6), 0.3), seed=1)
    np.testing.assert_allclose(spread[:, :, -1].var(0) - paths[:, :, -1].var(0), 0.09, atol=0.02)


def test_recorded_walks_become_changes():
    """A quarter turn and a stop after going straight on, on a lattice that the walker's own displacement does not fit."""
    begin, step = np.array([0.1, 0.2]), np.array([0.63, 0.0])
    turned = np.array([0.63, 0.5])
    path = np.stack([begin, begin + step, begin + step + turned, begin + step + 2 * turned])
    walks = momentum_walks(WIDE, np.stack([path, begin + np.arange(4)[:, None] * step]), np.stack([step, step]))
    assert WIDE.changes[walks.actions[:3]].tolist() == [[0, 0], [1, 0], [0, 0]]
    assert WIDE.changes[walks.actions[3:]].tolist() == [[0, 0]] * 3
    for i in range(2):
        states, actions = walks.states_of(i), walks.actions[3 * i : 3 * i + 3]
        np.testing.assert_array_equal(WIDE.transitions.successor[actions, states[:-1]], states[1:])


def test_a_jump_beyond_all_changes_is_made_up_for_as_far_as_it_goes():
    jump = np.array([[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]])
    walks = momentum_walks(WIDE, jump, np.zeros((1, 2)))
    assert WIDE.changes[walks.actions].tolist() == [[0, 1], [0, 1], [0, 0]]


def test_the_drift_that_a_walker_begins_with_is_no_change():
    """0.7 m is 1.4 cells, kept as one and a drift; 0.8 m after that is nearest one, though alone it would be nearest two."""
    path = np.array([[[0.0, 0.0], [0.8, 0.0], [1.6, 0.0]]])
    walks = momentum_walks(WIDE, path, np.array([[0.7, 0.0]]))
    assert WIDE.displacements[walks.states // WIDE.n_cells].tolist() == [[0, 1]] * 3
    assert WIDE.changes[walks.actions].tolist() == [[0, 0]] * 2
    np.testing.assert_allclose(way_off_recording(WIDE, walks, path, np.array([[0.7, 0.0]])), [[0.0, 0.1, 0.2]])


def test_how_far_walks_lead_from_their_recordings():
    """A jump that is made up for but for half a metre, and one who runs at 3 m a decision where 2 m are within reach."""
    path = np.stack([np.arange(4.0), np.zeros(4)], 1)
    path = np.stack([path, 3 * path])
    first = np.array([[0.0, 0.0], [3.0, 0.0]])
    found = way_off_recording(WIDE, momentum_walks(WIDE, path, first), path, first)
    np.testing.assert_allclose(found, [[0.0, 0.5, 0.5, 0.5], [0.0, 0.75, 1.5, 2.25]], atol=1e-12)


def test_ways_from_the_ground():
    walls = np.zeros((5, 6), bool)
    walls[:, 3:] = True
    narrow = momentum_world(
        {"grass": np.zeros((5, 6))}, cell_size=0.5, reach=1.0, change=0.5, walls=walls, origin=(3.0, -1.0)
    )
    at = np.array([[3.1, -0.9], [4.499, 0.0], [4.75, 0.0], [5.9, 0.3], [2.99, 0.0], [4.0, 1.51], [503.0, 0.0]])
    np.testing.assert_allclose(way_off_ground(narrow, at), [0, 0, 0.25, 1.4, np.inf, np.inf, np.inf], atol=1e-12)
    with pytest.raises(InvalidInput, match="walker 1: its position or displacement is not finite"):
        way_off_ground(narrow, np.array([[4.0, 0.0], [np.nan, 0.0]]))


def test_walkers_who_cannot_but_leave_stop_in_their_cell():
    fast, at_the_edge = np.array([[1.0, 0.0]]), np.array([[5.9, 1.4]])
    starts = nearest_starts(TINY, at_the_edge, fast)
    solution = solution_of(TINY, any_weights(TINY), 1)
    (after,) = momentum_ahead(TINY, solution, starts)
    (state,) = after.indices.tolist()
    assert TINY.displacements[state // TINY.n_cells].tolist() == [0, 0]
    assert TINY.geometry.cell_of_state[state].tolist() == TINY.geometry.cell_of_state[starts.state[0]].tolist()
    walks = momentum_walks(TINY, at_the_edge[:, None] + np.arange(2)[None, :, None] * fast[:, None], fast)
    assert walks.states.tolist() == [starts.state[0], state]


def test_mistakes_are_named():
    starts = nearest_starts(TINY, np.array([[4.3, 0.1]]), np.array([[0.0, 0.0]]))
    solution = solution_of(TINY, any_weights(TINY), 2)
    with pytest.raises(InvalidInput, match="walker 1: its position or displacement is not finite"):
        momentum_starts(TINY, np.array([[4.0, 0.0], [np.nan, 0.0]]), np.zeros((2, 2)))
    with pytest.raises(InvalidInput, match="two finite positions"):
        momentum_walks(TINY, np.zeros((1, 1, 2)), np.zeros((1, 2)))
    with pytest.raises(InvalidInput, match=r"a solution of Finite\(T\) on this world"):
        list(momentum_ahead(WIDE, solution, starts))
    with pytest.raises(InvalidInput, match="count = 0"):
        momentum_paths(TINY, solution, starts, 0, 4, seed=0)
    with pytest.raises(InvalidInput, match="frames_per_decision = 0"):
        momentum_points(TINY, starts, momentum_ahead(TINY, solution, starts), 0)
