"""The cloned logit against stencils, a Newton loop of its own, a planner that looks no step ahead, and frequencies."""

import dataclasses

import numpy as np
import pytest

from imitation.walks import GOAL, N_ACTIONS, N_STATES, PAIRS, loose, small_mdp
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.choice_features import (
    action_constants,
    features_ahead,
    goal_features,
    interacted_features,
    pair_features,
)
from maxentrl.imitation.choices import Choices
from maxentrl.imitation.logistic import clone_by_logit
from maxentrl.imitation.logit import ConditionalLogit
from maxentrl.imitation.tabular import clone_by_counting
from maxentrl.inverse.fit import fit
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.uncertainty import ErrorKind
from maxentrl.mdp.time import Discounted
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import InvalidInput, Status

NAMES = ("first", "second")
FEATURES = pair_features(dict(zip(NAMES, PAIRS, strict=True)))


def hide(walks, every):
    """The same walks with some actions unseen."""
    hidden = np.arange(len(walks.actions)) % every > 0
    return dataclasses.replace(walks, actions=np.where(hidden, UNKNOWN, walks.actions))


def log_likelihood(mdp, walks, theta):
    """By a loop over decisions."""
    dense, rows, total = mdp.transitions.as_dense(), walks.decisions, 0.0
    for i, s, a, n in zip(rows.trajectory, rows.state, rows.action, rows.following, strict=True):
        score = np.exp([theta @ PAIRS[:, b, s] if mdp.available[b, s] else -np.inf for b in range(N_ACTIONS)])
        policy = score / score.sum()
        chance = policy[a] if a != UNKNOWN else sum(policy[b] * dense[b, s, n] for b in range(N_ACTIONS))
        total += walks.weights[i] * np.log(chance)
    return total


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("deterministic", [True, False])
def test_value_gradient_and_hessian_equal_stencils(every, deterministic):
    mdp = small_mdp(deterministic=deterministic)
    walks = hide(loose(mdp), every)
    target = ConditionalLogit(Choices.of(mdp, walks, FEATURES), ParameterSpace.of(NAMES), walks.weights)
    theta, both, step = np.array([0.4, -0.7]), np.ones(2, bool), 1e-4
    point = target.evaluate(theta)
    assert point.value == pytest.approx(log_likelihood(mdp, walks, theta), rel=1e-12)
    for k in range(2):
        move = step * np.eye(2)[k]
        rise = log_likelihood(mdp, walks, theta + move) - log_likelihood(mdp, walks, theta - move)
        assert point.gradient[k] == pytest.approx(rise / (2 * step), rel=1e-6, abs=1e-6)
        bend = target.evaluate(theta + move).gradient - target.evaluate(theta - move).gradient
        np.testing.assert_allclose(target.hessian(theta, both)[k], bend / (2 * step), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(walks.weights @ target.scores(theta).episode, point.gradient, atol=1e-10)


def test_the_fit_equals_a_newton_loop_of_its_own():
    mdp = small_mdp(deterministic=True)
    walks = loose(mdp)
    rows, theta = walks.decisions, np.zeros(2)
    for _ in range(30):
        gradient, information = np.zeros(2), np.zeros((2, 2))
        for i, s, a in zip(rows.trajectory, rows.state, rows.action, strict=True):
            phi = PAIRS[:, mdp.available[:, s], s]
            policy = np.exp(theta @ phi) / np.exp(theta @ phi).sum()
            gradient += walks.weights[i] * (PAIRS[:, a, s] - phi @ policy)
            information += walks.weights[i] * ((phi * policy) @ phi.T - np.outer(phi @ policy, phi @ policy))
        theta = theta + np.linalg.solve(information, gradient)
    for optimiser in (None, LBFGSB(gradient_tolerance=1e-9)):
        clone = clone_by_logit(mdp, walks, FEATURES, optimiser=optimiser)
        assert clone.status is Status.CONVERGED
        assert clone.gradient_norm <= 1e-8
        np.testing.assert_allclose(clone.parameters, theta, atol=1e-7)
        assert clone.uncertainty is not None
        np.testing.assert_allclose(
            clone.uncertainty.covariance(ErrorKind.CLASSICAL), np.linalg.inv(information), rtol=1e-6
        )
    score = np.where(mdp.available, np.tensordot(theta, PAIRS, 1), -np.inf)
    expected = np.exp(score - np.logaddexp.reduce(score, axis=0))
    np.testing.assert_allclose(np.exp(clone.log_policy()), expected, atol=1e-7)


@pytest.mark.parametrize("every", [1, 2])
def test_cloning_is_a_planner_that_looks_no_step_ahead(every):
    """Parameters, value and all four kinds of errors equal those of a reward learnt with discount 0."""
    mdp = small_mdp(deterministic=False)
    walks = hide(loose(mdp, count=60), every)
    problem = InverseProblem(
        mdp, LinearReward.of(N_ACTIONS, pair=dict(zip(NAMES, PAIRS, strict=True))), walks, Discounted(0.0)
    )
    planned = fit(problem, objective=ConditionalLikelihood.of(problem), optimiser=Newton(gradient_tolerance=1e-10))
    clone = clone_by_logit(mdp, walks, FEATURES, optimiser=Newton(gradient_tolerance=1e-10))
    np.testing.assert_allclose(clone.parameters, planned.parameters, atol=1e-8)
    assert clone.value == pytest.approx(planned.value, abs=1e-8)
    assert clone.uncertainty is not None
    assert planned.uncertainty is not None
    for kind in ErrorKind:
        np.testing.assert_allclose(
            clone.uncertainty.covariance(kind), planned.uncertainty.covariance(kind), rtol=1e-6, atol=1e-10
        )
    assert "clustered by trajectory" in clone.summary()
    assert all(name in clone.summary(ErrorKind.ROBUST) for name in NAMES)


def test_a_saturated_logit_gives_the_frequencies():
    mdp = small_mdp(deterministic=True)
    walks = loose(mdp, count=60)
    each = {f"at {s}": (np.arange(N_STATES) == s).astype(float) for s in range(N_STATES)}
    clone = clone_by_logit(mdp, walks, interacted_features(mdp, each))
    counted = clone_by_counting(mdp, walks, smoothing=0.0)
    assert clone.status is Status.CONVERGED
    np.testing.assert_allclose(np.exp(clone.log_policy()), np.exp(counted.log_policy()), atol=1e-6)


def test_separation_is_named_and_a_prior_mends_it():
    mdp = small_mdp(deterministic=True)
    walks = Trajectories.of([[0, 1, 2, 3, 4]], [[0, 0, 0, 0]])
    features = action_constants(mdp, reference=0)
    clone = clone_by_logit(mdp, walks, features)
    assert clone.status is Status.SEPARATION
    assert "1 (less)" in clone.detail
    assert "2 (less)" in clone.detail
    assert clone.uncertainty is None
    assert clone.table()[0].standard_error is None
    assert "separation" in clone.summary()
    assert not np.isnan(clone.log_policy()).any()
    shrunk = clone_by_logit(mdp, walks, features, prior=GaussianPrior.of(features.names, scale=2.0))
    assert shrunk.status is Status.CONVERGED
    assert np.abs(shrunk.parameters).max() < 10
    # One combination separates although no feature does so alone.
    merit = np.where(mdp.available, np.tensordot(np.array([1.0, 1.5]), PAIRS, 1), -np.inf)
    states = [[s, int(mdp.transitions.successor[merit[:, s].argmax(), s])] for s in range(N_STATES)]
    best = Trajectories.of(states, [[int(merit[:, s].argmax())] for s in range(N_STATES)])
    clone = clone_by_logit(mdp, best, FEATURES)
    assert clone.status is Status.SEPARATION
    assert "first (more)" in clone.detail
    assert "second (more)" in clone.detail
    for k in range(2):
        alone = clone_by_logit(mdp, best, pair_features({"one": PAIRS[k]}))
        assert alone.status is Status.CONVERGED


def test_features_that_choices_cannot_tell_apart_are_named():
    mdp = small_mdp(deterministic=True)
    features = pair_features({"first": PAIRS[0], "twice": 2 * PAIRS[0], "state": np.ones((N_ACTIONS, N_STATES))})
    clone = clone_by_logit(mdp, loose(mdp), features)
    assert clone.status is Status.CONVERGED
    assert [row.note for row in clone.table()] == ["not identified"] * 3
    assert clone.uncertainty is not None
    assert "state changes no choice" in " ".join(clone.uncertainty.remarks)
    assert clone.uncertainty.combination(np.array([1.0, 2.0, 0.0])) is not None


def test_goal_features_are_what_they_say():
    mdp = small_mdp(deterministic=False)
    position = np.stack([np.arange(5.0) ** 2, np.arange(5.0)], axis=1)
    features = goal_features(mdp, position)
    states, goals = np.array([0, 1, 3, 2]), np.array([4, 4, 4, 1])
    found = features.at(states, goals)
    dense = mdp.transitions.as_dense()
    linked = dense.sum(0) > 0
    for n, (s, g) in enumerate(zip(states, goals, strict=True)):
        steps, front = {g: 0}, {g}
        while front:
            front = {int(p) for t in front for p in np.flatnonzero(linked[:, t])} - set(steps)
            steps |= dict.fromkeys(front, max(steps.values()) + 1)
        walk_to = np.array([steps[x] for x in range(5)], float)
        crow = np.linalg.norm(position - position[g], axis=1)
        for a in range(N_ACTIONS):
            if not mdp.available[a, s]:
                assert not found[:, a, n].any()
                continue
            nearer = crow[s] - dense[a, s] @ crow
            expected = [walk_to[s] - dense[a, s] @ walk_to, dense[a, s, g], nearer, nearer / (1 + crow[s])]
            np.testing.assert_allclose(found[:, a, n], expected, atol=1e-12)


def test_a_clone_that_knows_the_goal_walks_there():
    mdp = small_mdp(deterministic=True)
    rng, states, actions, goals = np.random.default_rng(0), [], [], []
    successor = np.asarray(mdp.transitions.successor)
    for goal in (GOAL, 2):
        for start in range(N_STATES):
            path, moves = [start], []
            while path[-1] != goal and len(moves) < 50:
                here = path[-1]
                toward = [a for a in range(3) if mdp.available[a, here] and (goal - successor[a, here]) % 5 < 3]
                offered = [a for a in range(3) if mdp.available[a, here]]
                pool = toward if toward and rng.random() < 0.8 else offered
                moves.append(int(rng.choice(pool)))
                path.append(int(successor[moves[-1], here]))
            if moves and path[-1] == goal:
                states.append(path)
                actions.append(moves)
                goals.append(goal)
    walks = Trajectories.of(states, actions, goals=goals)
    ahead = features_ahead(mdp, {"even": (np.arange(5) % 2).astype(float)})
    features = goal_features(mdp) + ahead
    clone = clone_by_logit(mdp, walks, features, prior=GaussianPrior.of(features.names, scale=5.0))
    assert clone.parameters[0] > 0
    assert np.abs(np.exp(clone.log_policy(GOAL)) - np.exp(clone.log_policy(2))).max() > 0.1
    with pytest.raises(InvalidInput, match="the prior is of 1 parameters"):
        clone_by_logit(mdp, walks, features, prior=GaussianPrior.of(("goal: walk",), scale=5.0))
    with pytest.raises(InvalidInput, match="depend on the goal, and a walk has none"):
        clone.log_policy()
    with pytest.raises(InvalidInput, match="depend on the goal, and a walk has none"):
        clone_by_logit(mdp, Trajectories.of([[0, 1]], [[0]]), goal_features(mdp))


def test_wrong_features_are_named():
    mdp = small_mdp(deterministic=True)
    with pytest.raises(InvalidInput, match="feature 'first' is given twice"):
        FEATURES + FEATURES
    broken = PAIRS[0].copy()
    broken[1, 0] = np.nan
    with pytest.raises(InvalidInput, match="feature 'odd' is nan for action 1 in state 0"):
        clone_by_logit(mdp, Trajectories.of([[0, 1]], [[0]]), pair_features({"odd": broken}))
    with pytest.raises(InvalidInput, match="at least one feature and one decision"):
        clone_by_logit(mdp, Trajectories.of([[0]], [[]]), FEATURES)


@pytest.mark.slow
def test_standard_errors_agree_with_a_simulation():
    """The spread of estimates over replications is the standard error, and 95 % intervals cover."""
    mdp = small_mdp(deterministic=False)
    truth, dense = np.array([0.6, -0.4]), mdp.transitions.as_dense()
    score = np.where(mdp.available, np.tensordot(truth, PAIRS, 1), -np.inf)
    policy = np.exp(score - np.logaddexp.reduce(score, axis=0))
    rng, estimates, errors, covered = np.random.default_rng(0), [], [], []
    for _ in range(400):
        states, actions = [], []
        for _ in range(60):
            path, moves = [int(rng.integers(N_STATES))], []
            for _ in range(4):
                moves.append(int(rng.choice(N_ACTIONS, p=policy[:, path[-1]])))
                path.append(int(rng.choice(N_STATES, p=dense[moves[-1], path[-1]])))
            states.append(path)
            actions.append(moves)
        clone = clone_by_logit(mdp, Trajectories.of(states, actions), FEATURES)
        assert clone.uncertainty is not None
        estimates.append(clone.parameters)
        errors.append([clone.uncertainty.standard_errors(kind) for kind in ErrorKind])
        covered.append([row.low < true < row.high for row, true in zip(clone.table(), truth, strict=True)])
    spread = np.std(estimates, axis=0, ddof=1)
    np.testing.assert_allclose(np.mean(errors, axis=0), np.broadcast_to(spread, (4, 2)), rtol=0.12)
    assert (np.abs(np.mean(covered, axis=0) - 0.95) < 0.04).all()
