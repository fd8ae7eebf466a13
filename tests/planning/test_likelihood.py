import dataclasses
import math

import numpy as np
import pytest

from maxentrl.demos.trajectories import Trajectories
from maxentrl.mdp.time import Finite
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.likelihood import (
    choice_log_likelihood,
    entry_times,
    path_log_likelihood,
    posterior_path_log_likelihood,
    state_path_log_likelihood,
    transition_probability,
)
from maxentrl.status import InvalidInput
from path_enumeration import chance, paths_from, random_problem, weight

START, HORIZON = 0, 4


def solved(**options):
    problem = random_problem(11, horizon=HORIZON, **options)
    paths = list(paths_from(problem.mdp, problem.ends, START, HORIZON))
    trajectories = Trajectories.of([p.states for p in paths], [p.actions for p in paths])
    return problem, BackwardSweep().solve(problem), paths, trajectories


@pytest.mark.parametrize("deterministic", [True, False])
def test_probabilities_of_all_paths(deterministic):
    problem, solution, paths, trajectories = solved(deterministic=deterministic, causal=True, per_step=True)
    entry = np.zeros(len(paths), int)
    decisions = trajectories.decisions
    choices = choice_log_likelihood(solution, decisions, entry=entry).by_trajectory()
    whole = path_log_likelihood(solution, decisions, entry=entry)
    assert np.exp(whole.by_trajectory()).sum() == pytest.approx(1.0, rel=1e-12)
    assert whole.total == pytest.approx(whole.by_trajectory().sum(), rel=1e-12)
    for path, choice, both in zip(paths, choices, whole.by_trajectory(), strict=True):
        rows = solution.log_policy[range(len(path.actions)), path.actions, path.states[:-1]]
        assert choice == pytest.approx(rows.sum(), rel=1e-12)
        assert both == pytest.approx(rows.sum() + math.log(chance(problem.mdp, path)), rel=1e-12)


def test_state_only_paths_sum_the_action_out():
    _, solution, paths, trajectories = solved(deterministic=False, causal=True)
    entry = np.zeros(len(paths), int)
    whole = np.exp(path_log_likelihood(solution, trajectories.decisions, entry=entry).by_trajectory())
    unseen = Trajectories.of([p.states for p in paths])
    found = state_path_log_likelihood(solution, unseen.decisions, entry=entry).by_trajectory()
    for path, log_probability in zip(paths, found, strict=True):
        same = sum(p for p, other in zip(whole, paths, strict=True) if other.states == path.states)
        assert math.exp(log_probability) == pytest.approx(same, rel=1e-12)


def test_posterior_of_the_trajectory_level_form():
    problem, solution, paths, trajectories = solved(deterministic=False, outcome=True, reference=True)
    entry = np.zeros(len(paths), int)
    found = posterior_path_log_likelihood(solution, trajectories.decisions, entry=entry).by_trajectory()
    weights = np.array([weight(problem, path) for path in paths])
    np.testing.assert_allclose(np.exp(found), weights / weights.sum(), rtol=1e-12)
    real = path_log_likelihood(solution, trajectories.decisions, entry=entry).by_trajectory()
    assert np.exp(real).sum() == pytest.approx(1.0, rel=1e-12)
    assert np.abs(real - found).max() > 0.1


def test_posterior_equals_real_dynamics_for_the_causal_form():
    _, solution, _, trajectories = solved(deterministic=False, causal=True)
    args = solution, trajectories.decisions
    np.testing.assert_array_equal(posterior_path_log_likelihood(*args).each, path_log_likelihood(*args).each)


def test_short_trajectories_enter_late():
    problem, solution, _, _ = solved(deterministic=False, causal=True)
    short = Trajectories.of(*_short_walks(problem, 2))
    decisions = short.decisions
    np.testing.assert_array_equal(entry_times(solution, decisions), [2] * len(short))
    own = BackwardSweep().solve(dataclasses.replace(problem, time=Finite(2)))
    np.testing.assert_allclose(
        choice_log_likelihood(solution, decisions).each, choice_log_likelihood(own, decisions).each, rtol=1e-12
    )
    early = choice_log_likelihood(solution, decisions, entry=np.zeros(len(short), int)).each
    assert np.abs(early - choice_log_likelihood(solution, decisions).each).max() > 1e-3


def _short_walks(problem, length):
    walks = [p for p in paths_from(problem.mdp, problem.ends, START, length) if len(p.actions) == length]
    return [p.states for p in walks], [p.actions for p in walks]


def test_impossible_decisions_are_named():
    problem, solution, _, _ = solved(deterministic=True, causal=True)
    names = dataclasses.replace(
        problem.mdp, state_names=("hall", "door", "street", "home"), action_names=("left", "right")
    )
    reached = int(problem.mdp.transitions.successor[0, 0])
    other = next(s for s in range(4) if s != reached)
    walks = Trajectories.of([[0, reached], [0, other], [1, 0], [2]], [[0], [0], [1], []])
    found = path_log_likelihood(solution, walks.decisions)
    assert found.by_trajectory(4)[3] == 0.0
    assert len(found.by_trajectory()) == 3
    np.testing.assert_array_equal(found.impossible, [1, 2])
    assert found.total == -math.inf
    sentences = found.impossible_decisions(names)
    assert sentences[0].startswith("trajectory 1, step 0: from state hall by action left to state ")
    assert "from state door by action right" in sentences[1]
    np.testing.assert_array_equal(choice_log_likelihood(solution, walks.decisions).impossible, [2])
    unseen = state_path_log_likelihood(solution, Trajectories.of([[3, 0]]).decisions)
    assert unseen.impossible_decisions(names) == (
        "trajectory 0, step 0: from state home to state hall has probability zero under the model",
    )


def test_decisions_of_no_trajectory():
    _, solution, _, _ = solved(deterministic=True, causal=True)
    found = choice_log_likelihood(solution, Trajectories.of([[2], [0]], [[], []]).decisions)
    assert found.total == 0.0
    np.testing.assert_array_equal(found.by_trajectory(2), [0.0, 0.0])


def test_bad_input_is_named():
    _, solution, _, _ = solved(deterministic=True, causal=True)
    with pytest.raises(InvalidInput, match=r"trajectory 0, step 0: the action was not observed .* use state_path"):
        choice_log_likelihood(solution, Trajectories.of([[0, 1]]).decisions)
    with pytest.raises(InvalidInput, match="trajectory 0, step 1: next state 7 does not exist"):
        state_path_log_likelihood(solution, Trajectories.of([[0, 1, 7]]).decisions)
    with pytest.raises(InvalidInput, match="action 2 does not exist"):
        path_log_likelihood(solution, Trajectories.of([[0, 1]], [[2]]).decisions)
    long = Trajectories.of([[0] * 6], [[0] * 5]).decisions
    with pytest.raises(InvalidInput, match=r"5 decisions .* horizon is 4: solve with Finite\(5\)"):
        choice_log_likelihood(solution, long)
    with pytest.raises(InvalidInput, match="step 4 is at time 4"):
        choice_log_likelihood(solution, long, entry=np.array([0]))


def test_transition_probability_against_dense():
    problem, *_ = solved(deterministic=False, causal=True)
    action, state, following = (axis.ravel() for axis in np.indices((2, 4, 4)))
    found = transition_probability(problem.mdp.transitions, action, state, following)
    np.testing.assert_allclose(found, problem.mdp.transitions.as_dense().ravel(), rtol=1e-15)
