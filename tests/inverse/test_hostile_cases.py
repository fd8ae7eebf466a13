"""Fits that once ended with a wrong number and a clean status, or never."""

from __future__ import annotations

import numpy as np
import pytest

from maxentrl.demos.counts import FeatureCounts
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.columns import table_columns
from maxentrl.inverse.curvature import information, model_columns
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.fit import fit
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.grid import EIGHT_MOVES, grid_world
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import DeterministicTransitions, from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.linear_system import LinearSystem, total_visits
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.value_iteration import SoftValueIteration
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import InvalidInput, Status


def line(n_states: int) -> MDP:
    """A street: left and right, nothing beyond its ends."""
    states = np.arange(n_states)
    successor = np.stack([np.maximum(states - 1, 0), np.minimum(states + 1, n_states - 1)]).astype(np.int32)
    available = np.stack([states > 0, states < n_states - 1])
    return MDP(DeterministicTransitions(successor, available), np.zeros(n_states, bool))


def test_shortest_walks_to_a_goal_are_separation_not_a_confident_weight():
    world = grid_world({"mud": np.ones((5, 6))}, moves=EIGHT_MOVES)
    reward = LinearReward.of(8, state={"mud": world.state_features["mud"]}, terminal={})
    shortest = Trajectories.of([[0, 7, 14], [2, 8, 14], [26, 20, 14], [0, 7, 14]], goals=[14] * 4)
    result = fit(InverseProblem(world.mdp, reward, shortest, ToGoal()))
    assert result.status is Status.SEPARATION
    assert "mud" in result.certificate.detail
    assert result.uncertainty is None


@pytest.mark.parametrize("objective", [FeatureMatching, ConditionalLikelihood])
def test_separation_is_seen_among_the_moves_that_a_reference_allows(objective):
    successor = np.repeat(np.arange(3, dtype=np.int32)[:, None], 3, axis=1)
    mdp = MDP(DeterministicTransitions(successor, np.ones((3, 3), bool)), np.zeros(3, bool))
    gain = np.array([0.0, 1.0, 2.0])[:, None] * np.ones((1, 3))
    reward = LinearReward.of(3, pair={"gain": gain}, terminal={})
    reference = np.zeros((3, 3))
    reference[2] = -np.inf
    best_allowed = Trajectories.of([[0, 1, 1], [0, 1, 1], [2, 1, 1]], [[1, 1]] * 3)
    problem = InverseProblem(mdp, reward, best_allowed, Finite(), log_reference=reference)
    assert fit(problem, objective=objective.of(problem)).status is Status.SEPARATION


def test_weights_that_are_all_zero_are_refused():
    reward = LinearReward.of(2, state={"far": np.arange(5.0)}, terminal={})
    nothing = Trajectories.of([[0, 1, 2]], weights=[0.0])
    with pytest.raises(InvalidInput, match="weights of the demonstrations sum to 0"):
        FeatureMatching.of(InverseProblem(line(5), reward, nothing, Finite()))


def test_counts_of_finite_walks_are_refused_under_a_discount():
    reward = LinearReward.of(2, state={"far": np.arange(5.0)}, terminal={})
    counts = FeatureCounts(("far",), np.array([[3.0]]), np.array([0]), np.array([-1]), np.array([3]), np.array([1.0]))
    with pytest.raises(InvalidInput, match="full mass"):
        FeatureMatching.of(InverseProblem(line(5), reward, counts, Discounted(0.9)))


@pytest.mark.parametrize("worth", [-700.0, -720.0, -760.0])
def test_goals_of_very_unequal_worth(worth):
    terminal = np.zeros(6)
    terminal[0] = worth
    problem = SoftProblem(line(6), RewardTable(np.full((2, 6), -2.0), terminal), ToGoal((0, 5)))
    solution = LinearSystem().solve(problem)
    expected = SoftValueIteration().solve(problem)
    np.testing.assert_allclose(solution.values, expected.values, atol=1e-8)
    np.testing.assert_allclose(solve(problem).values, expected.values, atol=1e-8)
    source = np.array([0, 0, 1.0, 0, 0, 0])
    np.testing.assert_allclose(total_visits([solution], [source]).pair, solution.occupancy(source).pair, atol=1e-12)


@pytest.mark.parametrize("cost", [15.0, 20.0])
def test_curvature_of_nearly_certain_paths_keeps_its_digits(cost):
    """On a long street the only choice is a detour of two steps, e^(−2 cost) as likely: the variance is tiny."""
    mdp, n_states = line(40), 40
    reward = LinearReward.of(2, state={"step": np.full(n_states, -1.0)}, terminal={})
    problem = SoftProblem(mdp, reward.table(np.array([cost])), ToGoal((n_states - 1,)))
    solution, source = solve(problem), np.eye(n_states)[0]
    columns = model_columns(table_columns(reward, np.zeros(1)), solution)
    variance = information(solution, columns, source)[0][0, 0]
    detours = solution.occupancy(0).pair[0].sum()  # steps back; each costs two steps, and they are rare
    assert variance == pytest.approx(4 * detours, rel=1e-6)


def test_dead_regions_do_not_make_a_start_infeasible():
    dense = np.zeros((3, 3, 3))  # 0 → goal 1, or by two moves into the trap 2
    dense[0, 0, 1] = dense[1, 0, 2] = dense[2, 0, 2] = dense[0, 2, 2] = dense[1, 2, 2] = 1.0
    dense[0, 1, 1] = 1.0
    mdp = MDP(from_dense(dense), np.zeros(3, bool))
    reward = LinearReward.of(
        3, state={"here": np.array([-1.0, 0, 0])}, pair={"first": np.eye(3)[0][:, None] * np.ones(3)}
    )
    walks = Trajectories.of([[0, 1], [0, 1]], [[0], [0]], goals=[1, 1])
    result = fit(InverseProblem(mdp, reward, walks, ToGoal()))
    assert result.value == pytest.approx(0.0, abs=1e-9)


def test_a_start_is_found_where_only_the_repeating_move_can_cost():
    """From 0 one may wait, or go to the goal for free: only "wait" has a feature."""
    mdp = MDP(DeterministicTransitions(np.array([[0, 1], [1, 1]], np.int32), np.ones((2, 2), bool)), np.zeros(2, bool))
    reward = LinearReward.of(2, pair={"waits": np.array([[1.0, 0.0], [0.0, 0.0]])}, terminal={})
    walks = Trajectories.of([[0, 0, 1], [0, 1], [0, 1], [0, 0, 0, 1]], [[0, 1], [1], [1], [0, 0, 1]], goals=[1] * 4)
    result = fit(InverseProblem(mdp, reward, walks, ToGoal()))
    assert result.coefficients["waits"] == pytest.approx(np.log(3 / 7), abs=1e-5)  # 3 waits among 7 choices
