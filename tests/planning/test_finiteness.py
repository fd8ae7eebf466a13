"""Bounds on the growth of walks that never arrive, against dense eigenvalues and against problems known by hand."""

import math

import numpy as np
import pytest

from maxentrl.mdp.time import ToGoal
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.arrival import arriving
from maxentrl.planning.backup import make_backup
from maxentrl.planning.finiteness import Growth, growth
from maxentrl.planning.policy_iteration import SoftPolicyIteration
from maxentrl.planning.problem import SoftProblem, TrajectoryLevel
from maxentrl.planning.value_iteration import SoftValueIteration
from maxentrl.status import Failure, Status
from problems import FOUR_MOVES, grid, grid_dense, mdp_of, random_dense, random_reward


def growth_of(problem: SoftProblem) -> Growth:
    backup = make_backup(problem)
    return growth(backup, arriving(backup))


def radius(problem: SoftProblem) -> float:
    """Spectral radius of Σ_a exp(r/τ) P between the states that are no goals, from dense eigenvalues."""
    weight = np.exp(problem.reward.pair / problem.temperature)
    matrix = np.einsum("as,ast->st", weight, problem.mdp.transitions.as_dense())
    inside = ~problem.ends
    return float(np.abs(np.linalg.eigvals(matrix[np.ix_(inside, inside)])).max())


@pytest.mark.parametrize("cost", [0.0, 0.6, 1.0, 1.25, 1.5])
def test_bounds_enclose_the_spectral_radius_and_decide(cost: float) -> None:
    """Four moves on a grid without a stay: periodic, so that plain power iteration would not settle."""
    problem = grid(5, ToGoal((0,)), cost=cost, moves=FOUR_MOVES)
    found, wanted = growth_of(problem), radius(problem)
    assert found.infinite == (wanted >= 1)
    assert math.log(wanted) <= found.upper + 1e-12
    if found.infinite:
        assert found.lower <= math.log(wanted) + 1e-12
    else:
        assert found.upper < 0


@pytest.mark.parametrize("seed", range(8))
def test_random_dynamics_with_luck(seed: int) -> None:
    reward = random_reward(seed)
    reward = RewardTable(reward.pair + 1.6, reward.terminal)
    problem = SoftProblem(mdp_of(from_dense(random_dense(seed))), reward, ToGoal((0,)), entropy=TrajectoryLevel())
    assert growth_of(problem).infinite == (radius(problem) >= 1)


def test_reducible_dynamics_only_one_part_of_which_is_infinite() -> None:
    """State 1 loops at no cost beside a way out, state 0 is dear: only the set {1} certifies."""
    successor = np.array([[1, 1, 2], [2, 2, 2]])
    reward = RewardTable.from_pairs(np.array([[-5.0, 0.0, 0.0], [-5.0, -1.0, 0.0]]))
    found = growth_of(SoftProblem(mdp_of(from_dense(np.eye(3)[successor])), reward, ToGoal((2,))))
    assert found.infinite
    assert found.lower == pytest.approx(0.0, abs=1e-12)


def test_without_cycles_nothing_grows() -> None:
    successor = np.array([[1, 2, 2], [2, 2, 2]])
    reward = RewardTable.from_states(np.full(3, 50.0), 2)
    assert growth_of(SoftProblem(mdp_of(from_dense(np.eye(3)[successor])), reward, ToGoal((2,)))).upper == -math.inf


def test_where_every_move_may_slip_into_the_goal_the_radius_does_not_decide() -> None:
    """Causal: ρ > 1, yet every policy arrives, so values are finite; the trajectory-level form is infinite."""
    mdp = mdp_of(from_dense(grid_dense(3, 0.4, FOUR_MOVES)))
    problem = SoftProblem(mdp, RewardTable.from_states(np.full(9, -0.8), 4), ToGoal((4,)))
    assert radius(problem) > 1
    assert growth_of(problem).upper == -math.inf
    newton, iterated = SoftPolicyIteration().solve(problem), SoftValueIteration().solve(problem)
    np.testing.assert_allclose(newton.values, iterated.values, rtol=1e-8)
    luck = SoftProblem(mdp, problem.reward, problem.time, entropy=TrajectoryLevel())
    for solver in (SoftPolicyIteration(), SoftValueIteration()):
        with pytest.raises(Failure) as failure:
            solver.solve(luck)
        assert failure.value.status is Status.INFINITE_PARTITION


@pytest.mark.parametrize("solver", [SoftPolicyIteration(), SoftValueIteration()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("cost", [0.4, 0.6, 0.8])
def test_a_room_that_luck_cannot_leave_decides(solver: SoftPolicyIteration, cost: float) -> None:
    """States 0 and 1: two moves stay in the room by a coin (growth log 2 − c a step), a third risks the way to goal 2."""
    dense = np.zeros((3, 3, 3))
    dense[:2, :2] = [0.5, 0.5, 0.0]
    dense[2, :2] = [0.3, 0.3, 0.4]
    dense[:, 2, 2] = 1.0
    problem = SoftProblem(mdp_of(from_dense(dense)), RewardTable.from_states(np.full(3, -cost), 3), ToGoal((2,)))
    found = growth_of(problem)
    assert found.infinite == (cost < math.log(2))
    if found.infinite:
        assert found.lower == pytest.approx(math.log(2) - cost)
        with pytest.raises(Failure, match="never arrives") as failure:
            solver.solve(problem)
        assert failure.value.status is Status.INFINITE_PARTITION
    else:
        # Both states are alike: V = −c + log(2 e^V + e^{.6 V}), i.e. e^{−.4 V} = e^c − 2.
        value = -math.log(math.exp(cost) - 2.0) / 0.4
        assert solver.solve(problem).values[:2] == pytest.approx(value, rel=1e-8)
        assert solver.solve(problem).error_bound is not None


@pytest.mark.parametrize("gain", [0.0, 1.0])
def test_hard_planning_around_a_cycle(gain: float) -> None:
    """A cycle 0 → 1 → 0 of total reward ``gain``: nothing to gain by circling, or no best path at all."""
    successor = np.array([[1, 0, 2], [2, 0, 2]])
    reward = RewardTable.from_pairs(np.array([[2.0, gain - 2.0, 0.0], [-3.0, gain - 2.0, 0.0]]))
    problem = SoftProblem(mdp_of(from_dense(np.eye(3)[successor])), reward, ToGoal((2,)), temperature=0.0)
    if gain:
        for solver in (SoftValueIteration(), SoftPolicyIteration()):
            with pytest.raises(Failure) as failure:
                solver.solve(problem)
            assert failure.value.status is Status.INFINITE_PARTITION
    else:
        np.testing.assert_allclose(SoftValueIteration().solve(problem).values, [-3.0, -5.0, 0.0])
