import dataclasses
import math

import numpy as np
import pytest

from maxentrl.demos.trajectories import Trajectories
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, ToGoal
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.likelihood import path_log_likelihood
from maxentrl.planning.problem import SoftProblem, TrajectoryLevel
from maxentrl.planning.sampling import draw_rows, sample, sample_posterior
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import Failure, InvalidInput, Status
from path_enumeration import chance, paths_from, random_problem, weight

START, COUNT = 0, 20_000
SIGMAS = 5.0
"""A frequency farther than this from its probability happens once in two million tests."""


@pytest.mark.parametrize("uniform", [0.0, 0.5, np.nextafter(1.0, 0.0)])
def test_what_has_no_probability_is_never_drawn(uniform):
    """Not even by the first and the last number that a generator can give, nor where weights do not sum to one."""
    weight = np.array([[0.0, 0.0, 3.0], [0.3, 0.0, 0.0], [0.0, 1e-300, 0.0]])
    assert draw_rows(np.cumsum(weight, axis=0), np.full(3, uniform)).tolist() == [1, 2, 0]


def assert_frequencies(paths, probabilities):
    """Counts of whole paths against their probabilities, each within ``SIGMAS`` binomial standard deviations."""
    counts = dict.fromkeys(probabilities, 0)
    for i in range(len(paths)):
        counts[tuple(paths.states_of(i).tolist()), tuple(paths.actions_of(i).tolist())] += 1
    for path, p in probabilities.items():
        allowed = SIGMAS * math.sqrt(len(paths) * p * (1 - p)) + SIGMAS
        assert abs(counts[path] - len(paths) * p) <= allowed


@pytest.mark.parametrize("deterministic", [True, False])
def test_paths_have_their_probabilities(deterministic):
    problem = random_problem(11, deterministic=deterministic, horizon=3, per_step=True, causal=True)
    solution = BackwardSweep().solve(problem)
    expected = {}
    for path in paths_from(problem.mdp, problem.ends, START, 3):
        choices = solution.log_policy[range(len(path.actions)), path.actions, path.states[:-1]].sum()
        expected[path.states, path.actions] = math.exp(choices) * chance(problem.mdp, path)
    paths = sample(solution, START, COUNT, seed=1)
    assert len(expected) > 4
    assert_frequencies(paths, expected)
    assert not paths.censored.any()


def test_posterior_paths_have_their_probabilities_from_a_start_distribution():
    problem = random_problem(11, deterministic=False, horizon=3, outcome=True)
    mass = np.array([0.5, 0.2, 0.3, 0.0])
    weights = {
        (path.states, path.actions): mass[s] * weight(problem, path)
        for s in range(3)
        for path in paths_from(problem.mdp, problem.ends, s, 3)
    }
    total = sum(weights.values())
    paths = sample_posterior(BackwardSweep().solve(problem), mass, COUNT, seed=1)
    assert_frequencies(paths, {path: w / total for path, w in weights.items()})


def test_same_seed_same_paths():
    solution = BackwardSweep().solve(random_problem(11, deterministic=False, causal=True))
    first, again, other = (sample(solution, START, 500, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.states, again.states)
    np.testing.assert_array_equal(first.actions, again.actions)
    assert not np.array_equal(first.states, other.states)


def corridor(time, stay=0.5):
    """States 0 → 1 → 2 by the only action, which stays where it is with some probability; values are not needed."""
    dense = np.zeros((1, 3, 3))
    for s in (0, 1):
        dense[0, s, s], dense[0, s, s + 1] = stay, 1 - stay
    dense[0, 2, 2] = 1.0
    problem = SoftProblem(MDP(from_dense(dense), np.zeros(3, bool)), RewardTable(np.zeros((1, 3)), np.zeros(3)), time)
    return SoftSolution(problem, np.zeros(3), Status.CONVERGED, "test", 0, 0.0)


def test_walks_to_a_goal_arrive_or_are_censored():
    solution = corridor(ToGoal((2,)))
    arrived = sample(solution, 0, COUNT, seed=5)
    assert not arrived.censored.any()
    assert (arrived.states[arrived.offsets[1:] - 1] == 2).all()
    # the length is 2 + the failures before two successes: mean 4, variance 4
    assert abs(arrived.lengths.mean() - 4.0) <= SIGMAS * math.sqrt(4.0 / COUNT)
    cut = sample(solution, 0, COUNT, seed=5, max_steps=3)
    assert cut.lengths.max() == 3
    np.testing.assert_array_equal(cut.censored, cut.states[cut.offsets[1:] - 1] != 2)
    late = 0.5  # P(fewer than two successes in three draws) = 4/8
    assert abs(cut.censored.mean() - late) <= SIGMAS * math.sqrt(0.25 / COUNT)
    already = sample(solution, 2, 3, seed=0)
    assert already.lengths.tolist() == [0, 0, 0]
    assert not already.censored.any()


def test_discounted_paths_need_a_length():
    solution = corridor(Discounted(0.9))
    with pytest.raises(InvalidInput, match="give max_steps"):
        sample(solution, 0, 2, seed=0)
    paths = sample(solution, 0, 2, seed=0, max_steps=7)
    assert paths.lengths.tolist() == [7, 7]
    assert paths.censored.all()


def test_finite_paths_cut_early_are_censored():
    problem = random_problem(11, deterministic=True, causal=True)
    paths = sample(BackwardSweep().solve(problem), START, 200, seed=0, max_steps=2)
    ended = problem.ends[paths.states[paths.offsets[1:] - 1]]
    np.testing.assert_array_equal(paths.censored, ~ended)
    assert paths.lengths.max() == 2


def test_real_dynamics_may_carry_an_optimist_into_a_dead_end():
    dense = np.zeros((1, 3, 3))
    dense[0, 0, 1] = dense[0, 0, 2] = 0.5
    dense[0, 1, 1] = dense[0, 2, 2] = 1.0
    mdp = MDP(from_dense(dense), np.array([False, False, True]))
    reward = RewardTable(np.zeros((1, 3)), np.array([0.0, 0.0, 0.0]))
    problem = SoftProblem(mdp, reward, ToGoal((1,)), entropy=TrajectoryLevel())
    values = np.array([math.log(0.5), 0.0, -np.inf])
    solution = SoftSolution(problem, values, Status.CONVERGED, "test", 0, 0.0)
    real = sample(solution, 0, 1000, seed=0)
    np.testing.assert_array_equal(real.censored, real.states[1::2] == 2)
    assert 0 < real.censored.mean() < 1
    assert (sample_posterior(solution, 0, 1000, seed=0).states[1::2] == 1).all()


def test_sampled_paths_become_trajectories():
    solution = BackwardSweep().solve(random_problem(11, deterministic=False, causal=True))
    paths = sample(solution, np.array([0.5, 0.5, 0.0, 0.0]), 50, seed=2, max_steps=3)
    trajectories = Trajectories.of_paths(paths)
    assert len(trajectories) == 50
    np.testing.assert_array_equal(trajectories.censored, paths.censored)
    for i in (0, 7, 49):
        np.testing.assert_array_equal(trajectories.states_of(i), paths.states_of(i))
        np.testing.assert_array_equal(trajectories.actions_of(i), paths.actions_of(i))
    likelihood = path_log_likelihood(solution, trajectories.decisions, entry=np.zeros(50, int))
    assert np.isfinite(likelihood.each).all()


def test_bad_input_is_named():
    problem = random_problem(11, deterministic=False, causal=True)
    solution = BackwardSweep().solve(problem)
    with pytest.raises(InvalidInput, match="start 4 is not a state"):
        sample(solution, 4, 1, seed=0)
    with pytest.raises(InvalidInput, match=r"start has shape \(2,\)"):
        sample(solution, np.array([0.5, 0.5]), 1, seed=0)
    with pytest.raises(InvalidInput, match="sums to 2"):
        sample(solution, np.array([1.0, 1.0, 0.0, 0.0]), 1, seed=0)
    with pytest.raises(InvalidInput, match="count = 0"):
        sample(solution, 0, 0, seed=0)
    with pytest.raises(InvalidInput, match="max_steps = 0"):
        sample(solution, 0, 1, seed=0, max_steps=0)
    with pytest.raises(InvalidInput, match=r"entropy=TrajectoryLevel\(\)"):
        sample_posterior(solution, 0, 1, seed=0)
    closed = dataclasses.replace(problem, reward=RewardTable(np.asarray(problem.reward.pair), np.full(4, -np.inf)))
    with pytest.raises(Failure) as failure:
        sample(BackwardSweep().solve(closed), 0, 1, seed=0)
    assert failure.value.status is Status.UNREACHABLE_GOAL
