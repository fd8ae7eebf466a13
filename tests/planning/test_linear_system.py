"""The linear system in exp(V/τ): exact where it answers, refused by name where there is no answer."""

from __future__ import annotations

import dataclasses
import math

import jax
import numpy as np
import pytest

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import ToGoal
from maxentrl.mdp.transitions import DeterministicTransitions, from_dense
from maxentrl.numerics.linear import DirectSolver
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.linear_system import LinearSystem, total_visits
from maxentrl.planning.problem import SoftProblem, TrajectoryLevel
from maxentrl.planning.stationary import backup_values, policy_chain
from maxentrl.status import Failure, InvalidInput, Status

ROWS, COLUMNS = 9, 12
STATES = ROWS * COLUMNS
GOALS = ((3,), (50,), (STATES - 1,))


def eight_moves(order: np.ndarray | None = None) -> MDP:
    """A map with 8 moves and no stay; ``order[k]`` is the number of the k-th cell."""
    number = np.arange(STATES) if order is None else order
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    successor, available = np.empty((8, STATES), np.int32), np.empty((8, STATES), bool)
    steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    for a, (dy, dx) in enumerate(steps):
        y, x = rows + dy, columns + dx
        inside = ((y >= 0) & (y < ROWS) & (x >= 0) & (x < COLUMNS)).ravel()
        target = np.where(inside, (y * COLUMNS + x).ravel(), np.arange(STATES))
        successor[a, number], available[a, number] = number[target], inside
    return MDP(DeterministicTransitions(successor, available), np.zeros(STATES, bool))


def costs(least: float, spread: float, seed: int = 0) -> RewardTable:
    return RewardTable.from_states(-least - spread * np.random.default_rng(seed).random(STATES), 8)


def bellman_residual(solution) -> float:
    """max |V − T(V)|/τ over states with a way to the goal, by the operator of value iteration."""
    values = solution.scaled_values
    with jax.enable_x64(True):
        again = np.asarray(backup_values(solution.backup, values))
    alive = ~np.isneginf(values)
    assert np.array_equal(alive, ~np.isneginf(again))
    return float(np.abs(again - values)[alive].max())


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.0])
def test_values_satisfy_the_bellman_equation_and_visits_the_policy_chain(temperature):
    problem = SoftProblem(eight_moves(), costs(6.0, 4.0), ToGoal((0,)), temperature)
    source = np.zeros(STATES)
    source[[7, 60, 3]] = 1.0, -0.3, 0.2
    rng = np.random.default_rng(1)
    reward, end_value = rng.normal(size=(STATES, 2)), rng.normal(size=(STATES, 2))
    for solution in LinearSystem().solve_goals(problem, (*GOALS, (5, 90))):
        assert bellman_residual(solution) < 1e-11
        dense = policy_chain(solution.backup, solution.scaled_values, DirectSolver())
        found, expected = solution.chain.visits(source), dense.visits(source)
        np.testing.assert_allclose(found.pair, expected.pair, atol=1e-12)
        np.testing.assert_allclose(found.terminal, expected.terminal, atol=1e-12)
        np.testing.assert_allclose(
            solution.chain.evaluate(reward, end_value), dense.evaluate(reward, end_value), atol=1e-10
        )


def test_goals_of_one_factorisation_equal_goals_one_by_one():
    reward = dataclasses.replace(costs(2.5, 5.0), terminal=np.random.default_rng(5).normal(size=STATES))
    problem = SoftProblem(eight_moves(), reward, ToGoal((0,)), 0.8)
    together = LinearSystem().solve_goals(problem, GOALS)
    for goals, shared in zip(GOALS, together, strict=True):
        assert shared.factors.shared_goal is not None
        (alone,) = LinearSystem().solve_goals(problem, (goals,))
        assert alone.factors.shared_goal is None
        np.testing.assert_allclose(shared.scaled_values, alone.scaled_values, rtol=1e-11)
        assert shared.scaled_values[goals[0]] == pytest.approx(reward.terminal[goals[0]] / 0.8)
        source = np.random.default_rng(2).random(STATES)
        np.testing.assert_allclose(shared.occupancy(source).pair, alone.occupancy(source).pair, atol=1e-9)
    sources = list(np.random.default_rng(3).random((3, STATES)))
    summed = sum(solution.occupancy(source).pair for solution, source in zip(together, sources, strict=True))
    np.testing.assert_allclose(total_visits(together, sources).pair, summed, atol=1e-9)


@pytest.mark.parametrize("cost", [2.2, 3.0])
def test_visits_across_a_map_where_the_shifted_values_are_huge(cost):
    """A hundred steps of 8 moves multiply many paths: exp(soft − hard value) reaches 1e67 from corner to corner."""
    rows, columns = np.mgrid[:100, :100]
    successor, available = [], []
    for dy, dx in [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]:
        y, x = rows + dy, columns + dx
        inside = ((y >= 0) & (y < 100) & (x >= 0) & (x < 100)).ravel()
        successor.append(np.where(inside, (y * 100 + x).ravel(), np.arange(10_000)))
        available.append(inside)
    mdp = MDP(DeterministicTransitions(np.array(successor, np.int32), np.array(available)), np.zeros(10_000, bool))
    problem = SoftProblem(mdp, RewardTable.from_states(np.full(10_000, -cost), 8), ToGoal((9_999,)))
    visits = LinearSystem().solve(problem).occupancy(0)
    shared = LinearSystem().solve_goals(problem, ((9_999,), (50,)))[0].occupancy(0)
    assert visits.terminal[9_999] == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(visits.pair, shared.pair, atol=1e-9)


@pytest.mark.parametrize(("cost", "shared"), [(90.0, True), (2000.0, False)])
def test_ranges_of_cost_beyond_what_exp_can_hold(cost, shared):
    """Plain exp dies at 745 units, the scaled right-hand side near 1 300; potentials have no such limit."""
    problem = SoftProblem(eight_moves(), costs(cost, cost / 10), ToGoal((0,)))
    for solution in LinearSystem().solve_goals(problem, ((0,), (STATES - 1,))):
        assert solution.scaled_values.min() < -745
        assert (solution.factors.shared_goal is not None) is shared
        assert bellman_residual(solution) / -solution.scaled_values.min() < 1e-14
        far = STATES - 1 if solution.problem.time.goals == (0,) else 0
        assert solution.occupancy(far).terminal.sum() == pytest.approx(1.0, abs=1e-12)


def critical_cost() -> float:
    """Cost per step at which the spectral radius of the whole map is one: the eigenvalue of the king's graph."""
    return math.log((1 + 2 * math.cos(math.pi / (ROWS + 1))) * (1 + 2 * math.cos(math.pi / (COLUMNS + 1))) - 1)


@pytest.mark.parametrize("below", [1.0, 1e-1, 3e-2])
def test_an_infinite_partition_function_is_refused_with_its_radius(below):
    problem = SoftProblem(eight_moves(), costs(critical_cost() - below, 0.0), ToGoal((0,)))
    with pytest.raises(Failure, match="spectral radius") as refused:
        LinearSystem().solve_goals(problem, GOALS)
    assert refused.value.status is Status.INFINITE_PARTITION


@pytest.mark.parametrize("above", [1e-6, 1e-3, 1.0])
def test_a_finite_partition_function_is_accepted_close_to_the_limit(above):
    problem = SoftProblem(eight_moves(), costs(critical_cost() + above, 0.0), ToGoal((0,)))
    for solution in LinearSystem().solve_goals(problem, GOALS):
        assert bellman_residual(solution) < 1e-9


def test_the_order_of_states_does_not_matter():
    order = np.random.default_rng(4).permutation(STATES)
    table = costs(3.0, 3.0)
    plain = LinearSystem().solve(SoftProblem(eight_moves(), table, ToGoal((50,))))
    shuffled = RewardTable.from_states(table.pair[0][np.argsort(order)], 8)
    mixed = LinearSystem().solve(SoftProblem(eight_moves(order), shuffled, ToGoal((int(order[50]),))))
    np.testing.assert_allclose(mixed.scaled_values[order], plain.scaled_values, rtol=1e-12)
    fill = [
        LinearSystem().solve(SoftProblem(m, costs(3.0, 0.0), ToGoal((50,)))).factors
        for m in (eight_moves(), eight_moves(order))
    ]
    assert fill[1].factors.nnz < 1.3 * fill[0].factors.nnz


def test_states_that_cannot_arrive_are_masked_and_a_start_there_is_refused():
    mdp = MDP(
        DeterministicTransitions(
            np.array([[1, 1, 3, 2], [0, 1, 2, 3]], np.int32), np.array([[1, 1, 1, 1], [0] * 4], bool)
        ),
        np.zeros(4, bool),
    )
    solution = LinearSystem().solve(SoftProblem(mdp, RewardTable.from_states(np.full(4, -1.0), 2), ToGoal((1,))))
    np.testing.assert_allclose(solution.scaled_values, [-1.0, 0.0, -np.inf, -np.inf])
    with pytest.raises(Failure, match="from state 2") as refused:
        solution.occupancy(2)
    assert refused.value.status is Status.UNREACHABLE_GOAL


def test_loops_among_masked_states_do_not_make_a_finite_problem_infinite():
    """States 2 and 3 gain in circles, but no way leads from them to the goal, and none from the start to them."""
    mdp = MDP(DeterministicTransitions(np.array([[1, 1, 3, 2]], np.int32), np.ones((1, 4), bool)), np.zeros(4, bool))
    table = RewardTable.from_states(np.array([-1.0, 0.0, 0.5, 0.5]), 1)
    solution = LinearSystem().solve(SoftProblem(mdp, table, ToGoal((1,))))
    assert solution.values[0] == pytest.approx(-1.0)


def test_end_values_of_several_goals_are_added_up():
    mdp = MDP(
        DeterministicTransitions(np.array([[1, 1, 2], [2, 1, 2]], np.int32), np.ones((2, 3), bool)), np.zeros(3, bool)
    )
    table = RewardTable(np.array([[-1.0, 0, 0], [-2.0, 0, 0]]), np.array([0.0, 3.0, -4.0]))
    solution = LinearSystem().solve(SoftProblem(mdp, table, ToGoal((1, 2)), 0.5))
    assert solution.values[0] == pytest.approx(0.5 * np.logaddexp(2.0 / 0.5, -6.0 / 0.5), rel=1e-13)
    np.testing.assert_allclose(
        solution.occupancy(0).terminal, [0, 1 / (1 + np.exp(-16)), np.exp(-16) / (1 + np.exp(-16))]
    )


def test_trajectory_level_visits_equal_the_derivative_of_log_partition():
    rng = np.random.default_rng(5)
    dense = np.zeros((2, 4, 4))
    dense[0, :3], dense[1, :3] = rng.dirichlet(np.ones(4), 3), rng.dirichlet(np.ones(4), 3)
    mdp = MDP(from_dense(dense), np.array([False, False, False, True]))
    outcome = rng.normal(size=mdp.transitions.probability.shape)

    def solve(pair, outcome):
        table = RewardTable(pair, np.array([0, 0, 0, 0.3]), outcome)
        return LinearSystem().solve(SoftProblem(mdp, table, ToGoal((3,)), 1.0, None, TrajectoryLevel()))

    pair, step = np.full((2, 4), -1.5), 1e-5
    visits = solve(pair, outcome).occupancy(0).visits
    for index in [(0, 0), (1, 1), (1, 2)]:
        change = np.zeros((2, 4))
        change[index] = step
        rise = solve(pair + change, outcome).value(0) - solve(pair - change, outcome).value(0)
        assert visits.pair[index] == pytest.approx(rise / (2 * step), abs=1e-8)
    for index in [(0, 1, 0), (1, 2, 2)]:
        change = np.zeros_like(outcome)
        change[index] = step
        rise = solve(pair, outcome + change).value(0) - solve(pair, outcome - change).value(0)
        assert visits.outcome[index] == pytest.approx(rise / (2 * step), abs=1e-8)


def test_causal_slippery_problems_are_sent_elsewhere():
    mdp = MDP(from_dense(np.full((1, 2, 2), 0.5)), np.array([False, True]))
    with pytest.raises(InvalidInput, match="deterministic"):
        LinearSystem().solve(SoftProblem(mdp, RewardTable.from_states(np.full(2, -1.0), 1), ToGoal((1,))))
