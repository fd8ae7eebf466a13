"""Cloning by counting against loops over walks, and against a direct maximisation where actions were not seen."""

import dataclasses

import numpy as np
import pytest
import scipy.optimize

from imitation.walks import GOAL, N_ACTIONS, N_STATES, loose, small_mdp
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.tabular import PerGoal, PerStep, clone_by_counting
from maxentrl.status import InvalidInput, Status


def counted(mdp, walks, key, smoothing=0.0):
    """Frequencies by a loop over every decision; key(walk, step) tells tables apart."""
    tables = {}
    for i in range(len(walks)):
        states, actions = walks.states_of(i), walks.actions_of(i)
        for t, (s, a) in enumerate(zip(states[:-1], actions, strict=True)):
            tables.setdefault(key(i, t), np.zeros((N_ACTIONS, N_STATES)))[a, s] += walks.weights[i]
    found = {}
    for name, table in tables.items():
        policy = np.zeros_like(table)
        for s in range(N_STATES):
            offered = [a for a in range(N_ACTIONS) if mdp.available[a, s]]
            mass = [table[a, s] + smoothing for a in offered]
            for a, m in zip(offered, mass, strict=True):
                policy[a, s] = m / sum(mass) if sum(mass) > 0 else 1 / len(offered)
        found[name] = policy
    return found


@pytest.mark.parametrize("smoothing", [0.0, 0.7])
@pytest.mark.parametrize("deterministic", [True, False])
def test_cloned_tables_are_counted_frequencies(smoothing, deterministic):
    mdp = small_mdp(deterministic=deterministic)
    walks = loose(mdp)
    clone = clone_by_counting(mdp, walks, smoothing=smoothing)
    assert clone.status is Status.EXACT
    expected = counted(mdp, walks, lambda i, t: 0, smoothing)[0]
    np.testing.assert_allclose(np.exp(clone.log_policy()), expected, atol=1e-14)
    assert clone.counts.sum() == pytest.approx(walks.weights @ walks.lengths)

    goals = clone_by_counting(mdp, walks, smoothing=smoothing, tables=PerGoal())
    by_goal = counted(mdp, walks, lambda i, t: walks.goals[i], smoothing)
    for goal in (GOAL, GOAL - 1):
        np.testing.assert_allclose(np.exp(goals.log_policy(goal)), by_goal[goal], atol=1e-14)
    even = mdp.available / mdp.available.sum(0)
    np.testing.assert_allclose(np.exp(goals.log_policy(0)), even, atol=1e-14)

    steps = clone_by_counting(mdp, walks, smoothing=smoothing, tables=PerStep(6))
    by_step = counted(mdp, walks, lambda i, t: t, smoothing)
    assert steps.log_policy().shape == (6, N_ACTIONS, N_STATES)
    for t in range(5):
        np.testing.assert_allclose(np.exp(steps.log_policy()[t]), by_step[t], atol=1e-14)
    np.testing.assert_allclose(np.exp(steps.log_policy()[5]), even, atol=1e-14)


def test_states_never_visited_keep_the_prior_and_ends_offer_nothing():
    mdp = small_mdp(deterministic=True, terminal=True)
    prior = np.random.default_rng(1).random((N_ACTIONS, N_STATES)) + 0.1
    clone = clone_by_counting(mdp, Trajectories.of([[0, 1]], [[0]]), smoothing=2.0, prior=prior)
    masked = np.where(mdp.available, prior, 0.0)
    policy, scaled = np.exp(clone.log_policy()), masked / np.maximum(masked.sum(0), 1e-300)
    np.testing.assert_allclose(policy[:, 2:], scaled[:, 2:], atol=1e-14)
    expected = 2.0 * 3 * scaled[:, 0] + np.array([1.0, 0, 0])
    np.testing.assert_allclose(policy[:, 0], expected / expected.sum(), atol=1e-14)
    assert np.isneginf(clone.log_policy()[:, GOAL]).all()
    assert not np.isnan(clone.log_policy()).any()


def test_unseen_actions_are_summed_out():
    """The fixed point of expectation and maximisation is the maximum that a general optimiser finds."""
    mdp = small_mdp(deterministic=False)
    seen = loose(mdp, count=60)
    hidden = np.arange(len(seen.actions)) % 3 > 0
    walks = dataclasses.replace(seen, actions=np.where(hidden, UNKNOWN, seen.actions))
    clone = clone_by_counting(mdp, walks, smoothing=0.5)
    assert clone.status is Status.CONVERGED
    assert clone.iterations > 1
    dense, rows = mdp.transitions.as_dense(), walks.decisions

    def loss(theta):
        scores = np.where(mdp.available, theta.reshape(N_ACTIONS, N_STATES), -np.inf)
        policy = np.exp(scores - np.logaddexp.reduce(scores, axis=0))
        total = 0.5 * np.log(policy[mdp.available]).sum()
        for i, s, a, n in zip(rows.trajectory, rows.state, rows.action, rows.following, strict=True):
            chance = policy[a, s] if a != UNKNOWN else sum(policy[b, s] * dense[b, s, n] for b in range(N_ACTIONS))
            total += walks.weights[i] * np.log(chance)
        return -total

    best = min(
        (scipy.optimize.minimize(loss, start, method="BFGS") for start in (np.zeros(15), np.full(15, 0.3))),
        key=lambda answer: answer.fun,
    )
    start = np.where(mdp.available, clone.log_policy(), 0.0)
    assert loss(start.ravel()) == pytest.approx(best.fun, abs=1e-6)
    stopped = clone_by_counting(mdp, walks, smoothing=0.5, max_iterations=1)
    assert stopped.status is Status.MAXIMUM_ITERATIONS


def test_actions_are_inferred_where_one_explains_the_move():
    mdp = small_mdp(deterministic=True)
    seen, blind = loose(mdp), loose(mdp, states_only=True)
    first, second = (clone_by_counting(mdp, walks).log_policy() for walks in (seen, blind))
    np.testing.assert_allclose(first, second, atol=1e-9)


def test_wrong_input_is_named():
    mdp = small_mdp(deterministic=True)
    walks = loose(mdp)
    with pytest.raises(InvalidInput, match="smoothing = -1"):
        clone_by_counting(mdp, walks, smoothing=-1.0)
    with pytest.raises(InvalidInput, match="has 5 decisions, more than PerStep"):
        clone_by_counting(mdp, walks, tables=PerStep(3))
    with pytest.raises(InvalidInput, match="the prior gives the moves of state 0"):
        clone_by_counting(mdp, walks, prior=np.zeros((N_ACTIONS, N_STATES)))
    with pytest.raises(InvalidInput, match="trajectory 0, step 0: no move from state 0 to 3"):
        clone_by_counting(mdp, Trajectories.of([[0, 3]], [[0]]))
    with pytest.raises(InvalidInput, match="at least one decision"):
        PerStep(0)
