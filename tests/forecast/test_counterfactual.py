"""Visits before and after a change, against all paths of a tiny map."""

import dataclasses
import functools
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest

from maxentrl.forecast.counterfactual import PlannedWalkers, counterfactual, crowd_visits, move_lengths, rerouted
from maxentrl.mdp.grid import FOUR_MOVES, Blocked, grid_world
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.status import InvalidInput
from path_enumeration import chance, paths_from

GROUND = np.random.default_rng(3).random((3, 3))
HORIZON = 3
WHILE = Finite(HORIZON)
STARTS = {(0, 0): 2.0, (2, 1): 1.0}


def small(walls=(), *, slip=0.0, ground=GROUND, shape=(3, 3)):
    closed = np.zeros(shape)
    for cell in walls:
        closed[cell] = 1
    return grid_world({"mud": ground}, walls=closed, moves=FOUR_MOVES, slip=slip, blocked=Blocked.STAYS, cell_size=0.5)


def posed(world, time=WHILE):
    mud = world.state_features["mud"]
    return SoftProblem(world.mdp, RewardTable(-2.0 - 1.5 * np.stack([mud] * 4), -mud), time)


def crowd(world, time=WHILE, starts=STARTS):
    solution = solve(posed(world, time))
    source = np.zeros_like(solution.scaled_values)
    for cell, weight in starts.items():
        source[
            (..., world.geometry.state_of_cell[cell]) if source.ndim == 1 else (0, world.geometry.state_of_cell[cell])
        ] += weight
    return PlannedWalkers((solution,), (source,), world.geometry)


def law(one):
    """Probability and reward of every walk as a tuple of cells, by products of policy and chances over all paths."""
    (solution,), (source,) = one.solutions, one.sources
    problem, mass = solution.problem, source.reshape(-1, source.shape[-1])[0]
    policy, cells = solution.policy, one.geometry.cell_of_state
    found = defaultdict(float)
    walks = []
    for start in np.flatnonzero(mass):
        for path in paths_from(problem.mdp, problem.ends, int(start), HORIZON):
            p = mass[start] / mass.sum() * chance(problem.mdp, path)
            for t, (state, action) in enumerate(zip(path.states, path.actions, strict=False)):
                p *= policy[t, action, state]
            reward = sum(problem.reward.pair[a, s] for s, a in zip(path.states, path.actions, strict=False))
            found[tuple(map(tuple, cells[list(path.states)].tolist()))] += p
            walks.append((p, path, reward + problem.reward.terminal[path.states[-1]]))
    return found, walks


def variation(before, after):
    return sum(max(0.0, p - after.get(walk, 0.0)) for walk, p in before.items())


@functools.cache
def as_it_is(slip=0.0):
    return crowd(small(slip=slip))


@functools.cache
def changed(slip=0.0):
    return crowd(small([(1, 1)], slip=slip, ground=GROUND[::-1]))


@pytest.mark.parametrize("slip", [0.0, 0.3])
def test_visits_lengths_and_rewards_equal_sums_over_all_paths(slip):
    one = changed(slip)
    found, (_, walks) = crowd_visits(one), law(one)
    position, cells = one.geometry.position, one.geometry.cell_of_state
    visits, length = np.zeros((3, 3)), 0.0
    for p, path, _ in walks:
        np.add.at(visits, tuple(cells[list(path.states)].T), p)
        length += p * sum(np.linalg.norm(position[b] - position[a]) for a, b in pairwise(path.states))
    np.testing.assert_allclose(found.visits, visits, rtol=1e-10, atol=1e-14)
    assert found.length == pytest.approx(length, rel=1e-10)
    assert found.decisions == pytest.approx(HORIZON)
    assert found.reward == pytest.approx(sum(p * reward for p, _, reward in walks), rel=1e-10)
    assert found.unit == "m"


@pytest.mark.parametrize("slip", [0.0, 0.3])
def test_the_share_of_walks_that_differ_is_the_total_variation_over_all_walks(slip):
    before, after = as_it_is(slip), changed(slip)
    exact = variation(law(before)[0], law(after)[0])
    found = rerouted(before, after, samples=4000, seed=1)
    error = (found.high - found.mean) / 1.96
    assert 0.1 < exact < 0.95
    assert abs(found.mean - exact) < 4 * error
    assert error < 0.02


def test_a_change_of_nothing_gives_zeros_exactly():
    for time in (WHILE, ToGoal((8,)), Discounted(0.9)):
        found = counterfactual(crowd(small(), time), crowd(small(), time), samples=200)
        assert not found.difference.any()
        assert found.displaced == 0.0
        assert (found.rerouted is None) == isinstance(time, Discounted)
        assert found.rerouted is None or (found.rerouted.mean, found.rerouted.high) == (0.0, 0.0)


def test_walls_alone_leave_the_walks_that_they_do_not_close_in_proportion():
    """Then p_after = p_before / (1 − share closed) elsewhere, and the share that differs is 1 − Z_after/Z_before."""
    closed = [grid_world({"mud": GROUND}, walls=np.array(w, float), moves=FOUR_MOVES) for w in (
        np.zeros((3, 3)), [[0, 0, 0], [0, 0, 1], [0, 0, 0]])]  # fmt: skip
    before, after = (crowd(w, ToGoal((w.mdp.n_states - 1,)), {(0, 0): 1.0}) for w in closed)
    share = -np.expm1(after.solutions[0].value(0) - before.solutions[0].value(0))
    found = rerouted(before, after, samples=4000, seed=0)
    assert abs(found.mean - share) < 4 * (found.high - found.mean) / 1.96
    assert found.mean > 0.1
    through = crowd_visits(before).visits[1, 2]
    assert found.mean < through + 0.05  # a walk is counted once, however often it passes


def test_a_change_far_from_all_walks_changes_little():
    ground = np.zeros((5, 21))
    far, near = np.zeros((5, 21)), np.zeros((5, 21))
    far[2, 20] = near[2, 2] = 1
    start, goal = {(2, 0): 1.0}, (2, 4)

    def walkers(walls):
        world = grid_world({"mud": ground}, walls=walls, moves=FOUR_MOVES)
        return crowd(world, ToGoal((int(world.geometry.state_of_cell[goal]),)), start)

    now = walkers(np.zeros((5, 21)))
    assert counterfactual(now, walkers(far), samples=300).displaced < 1e-9
    assert counterfactual(now, walkers(near), samples=300).displaced > 0.1


def test_walks_that_enter_a_finite_horizon_late_are_drawn_from_there():
    one, other = as_it_is(), changed()
    sources = []
    for each in (one, other):
        late = np.zeros_like(each.sources[0])
        late[1] = each.sources[0][0]
        sources.append(late)
    before, after = (dataclasses.replace(c, sources=(s,)) for c, s in zip((one, other), sources, strict=True))
    short = [crowd(w, Finite(HORIZON - 1)) for w in (small(), small([(1, 1)], ground=GROUND[::-1]))]
    np.testing.assert_allclose(crowd_visits(before).visits, crowd_visits(short[0]).visits, rtol=1e-12)
    assert rerouted(before, after, samples=500, seed=4).mean == pytest.approx(
        rerouted(*short, samples=500, seed=4).mean, rel=1e-9
    )


def test_lengths_are_those_of_the_moves_made():
    world = small([(0, 1)])
    lengths = move_lengths(world.mdp, world.geometry)
    assert lengths[:, 0].tolist() == [0.0, 0.0, 0.5, 0.0]  # up and left leave the map, right is a wall
    slipping = small(slip=0.4)
    assert move_lengths(slipping.mdp, slipping.geometry)[1, 4] == pytest.approx(0.5)


def test_crowds_that_do_not_go_together_are_named():
    one = as_it_is()
    wide = crowd(small(ground=np.zeros((3, 4)), shape=(3, 4)))
    with pytest.raises(InvalidInput, match=r"\(3, 3\) and \(3, 4\)"):
        counterfactual(one, wide)
    with pytest.raises(InvalidInput, match="3 and 6 walks"):
        counterfactual(one, dataclasses.replace(one, sources=(2 * one.sources[0],)))
    with pytest.raises(InvalidInput, match="samples = 1"):
        rerouted(one, one, samples=1)
    with pytest.raises(InvalidInput, match="total weight of 0"):
        crowd_visits(dataclasses.replace(one, sources=(0 * one.sources[0],)))
