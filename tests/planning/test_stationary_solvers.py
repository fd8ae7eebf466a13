"""What the stationary solvers refuse, mask and report."""

import dataclasses
import math

import numpy as np
import pytest

from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.linear import IterativeSolver
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.arrival import arriving, first_values
from maxentrl.planning.backup import make_backup
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.choose_solver import choose_solver, solve
from maxentrl.planning.linear_system import LinearSystem
from maxentrl.planning.policy_iteration import SoftPolicyIteration, bellman_residual
from maxentrl.planning.problem import Causal, SoftProblem, TrajectoryLevel
from maxentrl.planning.value_iteration import SoftValueIteration
from maxentrl.status import Failure, InvalidInput, Status
from problems import chain_to_goal, grid, grid_dense, mdp_of, random_dense, random_reward, stationary_cases

BOTH = [pytest.param(s, id=type(s).__name__) for s in (SoftValueIteration(), SoftPolicyIteration())]


def with_a_trap() -> np.ndarray:
    """0 → goal 2 surely (action 0) or by a coin (action 1) that may fall into the trap 3; 1 has only the coin."""
    dense = np.zeros((2, 4, 4))
    dense[0, 0, 2] = dense[:, 2, 2] = dense[:, 3, 3] = 1.0
    dense[1, 0, [2, 3]] = dense[0, 1, [2, 3]] = 0.5
    return dense


@pytest.mark.parametrize("solver", BOTH)
def test_a_move_that_may_end_in_a_trap(solver: SoftValueIteration) -> None:
    """Causal: such a move is not made, and a state with no other is -inf. Trajectory-level: luck is counted on."""
    reward = RewardTable.from_states(np.full(4, -1.0), 2)
    problem = SoftProblem(mdp_of(from_dense(with_a_trap())), reward, ToGoal((2,)))
    sure = solver.solve(problem)
    np.testing.assert_allclose(sure.values, [-1.0, -np.inf, 0.0, -np.inf], atol=1e-12)
    np.testing.assert_array_equal(sure.policy[:, 0], [1.0, 0.0])
    assert not sure.policy[:, 1:].any()
    lucky = solver.solve(dataclasses.replace(problem, entropy=TrajectoryLevel()))
    np.testing.assert_allclose(lucky.values, [-1 + math.log(1.5), -1 - math.log(2), 0.0, -np.inf], atol=1e-12)
    np.testing.assert_allclose(lucky.occupancy(0).pair[:, 0], [2 / 3, 1 / 3])
    for state in (1, 3):
        with pytest.raises(Failure) as failure:
            sure.occupancy(state)
        assert failure.value.status is Status.UNREACHABLE_GOAL


@pytest.mark.parametrize("solver", BOTH)
def test_a_goal_that_nothing_reaches(solver: SoftValueIteration) -> None:
    stay = from_dense(np.eye(4)[None])
    with pytest.raises(Failure) as failure:
        solver.solve(SoftProblem(mdp_of(stay), RewardTable.from_states(-np.ones(4), 1), ToGoal((2,))))
    assert failure.value.status is Status.UNREACHABLE_GOAL


@pytest.mark.parametrize("solver", BOTH)
def test_too_few_iterations_are_named(solver: SoftValueIteration) -> None:
    few = dataclasses.replace(solver, max_iterations=2)
    for time in (Discounted(0.99), ToGoal((8,))):
        with pytest.raises(Failure, match="2 ") as failure:
            few.solve(grid(3, time))
        assert failure.value.status is Status.MAXIMUM_ITERATIONS


@pytest.mark.parametrize("name", ["random to goal", "random to goal, joint", "chain to goal", "slippery grid to goal"])
def test_the_start_is_a_lower_bound(name: str) -> None:
    problem = next(case.problem for case in stationary_cases() if case.name == name)
    backup = make_backup(problem)
    arrival = arriving(backup)
    start = first_values(backup, arrival)
    np.testing.assert_array_equal(np.isfinite(start), arrival.states)
    assert bellman_residual(backup, start).min() >= 0
    best = SoftPolicyIteration().solve(problem).scaled_values
    assert (start[arrival.states] <= best[arrival.states] + 1e-12).all()


@pytest.mark.parametrize("solver", BOTH)
def test_no_temperature_and_no_discount(solver: SoftValueIteration) -> None:
    """τ = 0 and γ = 0 at once: the best immediate reward, ties shared equally."""
    pair = np.array([[1.0, 2.0, 0.0, -1.0], [1.0, 0.5, 3.0, -1.0]])
    problem = SoftProblem(mdp_of(from_dense(random_dense(0))), RewardTable.from_pairs(pair), Discounted(0.0), 0.0)
    solution = solver.solve(problem)
    np.testing.assert_allclose(solution.values, pair.max(0), atol=1e-12)
    np.testing.assert_array_equal(solution.policy, [[0.5, 1.0, 0.0, 0.5], [0.5, 0.0, 1.0, 0.5]])


def test_a_reference_forbids_moves_at_every_temperature() -> None:
    reference = np.array([[-np.inf, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    pair = np.array([[9.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]])
    for temperature in (0.0, 0.5, math.inf):
        problem = SoftProblem(
            mdp_of(from_dense(random_dense(0))), RewardTable.from_pairs(pair), Finite(2), temperature, reference
        )
        np.testing.assert_allclose(BackwardSweep().solve(problem).policy[:, :, 0], [[0.0, 1.0]] * 2)


@pytest.mark.parametrize("solver", BOTH)
def test_infinite_temperature_under_a_discount(solver: SoftValueIteration) -> None:
    """The policy of greatest discounted entropy is the limit of hot policies, whatever the reward is."""
    problem = next(case.problem for case in stationary_cases() if case.name == "discounted with an end")
    hottest = solver.solve(dataclasses.replace(problem, temperature=math.inf))
    warm = SoftPolicyIteration().solve(dataclasses.replace(problem, temperature=1e7))
    np.testing.assert_allclose(hottest.policy, warm.policy, atol=1e-5)
    with pytest.raises(InvalidInput, match="greatest entropy"):
        _ = hottest.values


def test_choices_follow_the_problem() -> None:
    small = random_reward(1)
    stochastic = mdp_of(from_dense(random_dense(1)))
    choices = {
        "sweep": choose_solver(SoftProblem(stochastic, small, Finite(3))),
        "newton": choose_solver(SoftProblem(stochastic, small, ToGoal((0,)))),
        "linear": choose_solver(chain_to_goal().problem),
        "joint": choose_solver(SoftProblem(stochastic, small, ToGoal((0,)), entropy=TrajectoryLevel())),
        "hard": choose_solver(SoftProblem(stochastic, small, ToGoal((0,)), 0.0)),
        "patient": choose_solver(SoftProblem(mdp_of(from_dense(grid_dense(8))), uniform(64), Discounted(0.9999))),
        "myopic": choose_solver(SoftProblem(mdp_of(from_dense(grid_dense(8))), uniform(64), Discounted(0.01))),
    }
    found = {name: type(choice.solver) for name, choice in choices.items()}
    assert found == {
        "sweep": BackwardSweep,
        "newton": SoftPolicyIteration,
        "linear": LinearSystem,
        "joint": LinearSystem,
        "hard": SoftValueIteration,
        "patient": SoftPolicyIteration,
        "myopic": SoftValueIteration,
    }
    assert "0.9999" in choices["patient"].reason


def uniform(n_states: int) -> RewardTable:
    return RewardTable.from_states(-np.ones(n_states), 8)


def test_an_iterative_solver_gives_the_same_visits() -> None:
    problem = grid(6, ToGoal((35,)))
    direct = SoftPolicyIteration().solve(problem).occupancy(0)
    iterative = SoftPolicyIteration(linear_solver=IterativeSolver()).solve(problem).occupancy(0)
    np.testing.assert_allclose(iterative.pair, direct.pair, atol=1e-10)


def test_starts_that_do_not_exist() -> None:
    solution = solve(
        SoftProblem(mdp_of(from_dense(random_dense(1))), random_reward(1), Discounted(0.5), entropy=Causal())
    )
    for start in (4, -1, np.ones(3), np.ones((2, 4)), np.array([np.nan, 0.0, 0.0, 1.0])):
        with pytest.raises(InvalidInput, match="start"):
            solution.occupancy(start)
