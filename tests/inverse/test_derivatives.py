"""Hessians against differences of gradients, scores against gradients, for every kind of time and both entropies."""

import dataclasses

import numpy as np
import pytest

from inverse.small_fits import curved_reward, feasible_parameters, small_mdp, small_problem
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.columns import table_columns
from maxentrl.inverse.curvature import information
from maxentrl.inverse.derivatives import objective_hessian, objective_scores
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import value_and_gradient
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import Finite
from maxentrl.planning.backward_sweep import BackwardSweep

KINDS = [FeatureMatching, ConditionalLikelihood]
CASES = [
    ("finite", False, False),
    ("finite", True, False),
    ("finite", False, True),
    ("discounted", False, False),
    ("to-goal", True, False),
    ("to-goal", False, False),
    ("to-goal", False, True),
]


def hessian_of(objective, reward, parameters):
    """The Hessian in all parameters."""
    evaluation = objective.evaluate(reward_table(reward, parameters))
    return objective_hessian(objective, reward, parameters, np.eye(len(parameters)), evaluation)


def scores_of(objective, reward, parameters):
    """The scores in all parameters."""
    evaluation = objective.evaluate(reward_table(reward, parameters))
    return objective_scores(objective, reward, parameters, np.eye(len(parameters)), evaluation)


def differences(objective, reward, parameters, step=1e-4):
    """Fourth-order central differences of the gradient, symmetrised."""
    rows = []
    for direction in np.eye(len(parameters)) * step:
        g = [value_and_gradient(objective, reward, parameters + k * direction)[1] for k in (-2, -1, 1, 2)]
        rows.append((g[0] - 8 * g[1] + 8 * g[2] - g[3]) / (12 * step))
    rows = np.array(rows)
    np.testing.assert_allclose(rows, rows.T, atol=1e-7 * np.abs(rows).max())
    return rows


def check(problem, kind, parameters):
    objective = kind.of(problem)
    exact = hessian_of(objective, problem.reward, parameters)
    measured = differences(objective, problem.reward, parameters)
    assert np.abs(measured).max() > 0.1
    np.testing.assert_allclose(exact, measured, rtol=1e-6, atol=1e-6 * np.abs(measured).max())
    value, gradient = value_and_gradient(objective, problem.reward, parameters)
    step = 1e-5 * np.eye(len(parameters))
    rises = [value_and_gradient(objective, problem.reward, parameters + h)[0] - value for h in step]
    np.testing.assert_allclose(np.array(rises) / 1e-5, gradient, atol=2e-4 * np.abs(measured).max())
    return objective, gradient


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("time", "deterministic", "trajectory_level"), CASES)
def test_hessian_and_scores(kind, time, deterministic, trajectory_level):
    problem = small_problem(time, deterministic=deterministic, trajectory_level=trajectory_level)
    parameters = feasible_parameters(time)
    objective, gradient = check(problem, kind, parameters)
    scores = scores_of(objective, problem.reward, parameters)
    np.testing.assert_allclose(scores.weights @ scores.episode, gradient, rtol=1e-9, atol=1e-9)
    summed = scores.weights[scores.owner] @ scores.decision
    np.testing.assert_allclose(summed, gradient, rtol=1e-9, atol=1e-9)
    assert np.linalg.matrix_rank(scores.episode) == 3


@pytest.mark.parametrize("trajectory_level", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_curved_rewards_of_the_next_state(kind, trajectory_level):
    reward = curved_reward(small_mdp(deterministic=False))
    problem = small_problem("finite", deterministic=False, trajectory_level=trajectory_level, reward=reward)
    parameters = np.array([0.3, -0.4, 0.5])
    objective, gradient = check(problem, kind, parameters)
    scores = scores_of(objective, reward, parameters)
    np.testing.assert_allclose(scores.weights @ scores.episode, gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_rewards_of_each_step(kind):
    reward = curved_reward(small_mdp(deterministic=False), per_step=5)
    problem = small_problem("finite", deterministic=False, reward=reward)
    parameters = np.array([0.3, -0.4, 0.5])
    objective, gradient = check(problem, kind, parameters)
    scores = scores_of(objective, reward, parameters)
    np.testing.assert_allclose(scores.weights @ scores.episode, gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("time", "trajectory_level"), [("finite", False), ("finite", True), ("discounted", False)])
def test_unseen_actions(time, trajectory_level):
    problem = small_problem(time, deterministic=False, trajectory_level=trajectory_level, states_only=True)
    parameters = feasible_parameters(time)
    objective, gradient = check(problem, ConditionalLikelihood, parameters)
    assert objective.rows.ambiguous
    scores = scores_of(objective, problem.reward, parameters)
    np.testing.assert_allclose(scores.weights @ scores.episode, gradient, rtol=1e-9, atol=1e-9)


def test_jacobians_in_parts_are_the_same(monkeypatch):
    problem = small_problem("finite", deterministic=False)
    parameters = feasible_parameters("finite")
    for kind in KINDS:
        objective = kind.of(problem)
        whole = scores_of(objective, problem.reward, parameters)
        with monkeypatch.context() as patch:
            patch.setattr("maxentrl.inverse.derivatives.STORED", 1)
            parts = scores_of(objective, problem.reward, parameters)
        np.testing.assert_allclose(parts.decision, whole.decision, rtol=1e-12, atol=1e-12)


def test_information_and_outcome_noise_are_the_variance_of_feature_counts():
    """Var(Φ) under the model, by enumeration of simulated walks' exact moments: choice and chance parts add up."""
    problem = small_problem("finite", deterministic=False, temperature=1.0)
    one = Trajectories.of([problem.demonstrations.states_of(0)], [problem.demonstrations.actions_of(0)])
    problem = dataclasses.replace(problem, demonstrations=one)
    parameters = feasible_parameters("finite")
    objective = FeatureMatching.of(problem)
    table = table_columns(problem.reward, parameters)
    horizon = int(one.lengths[0])
    plan = BackwardSweep().solve(problem.forward(reward_table(problem.reward, parameters), Finite(horizon)))
    policy, dense = plan.policy, problem.mdp.transitions.as_dense()

    def moments(time, state):
        if time == horizon:
            phi = table.terminal[:, state]
            return phi, np.outer(phi, phi)
        first, second = np.zeros(3), np.zeros((3, 3))
        for action in range(3):
            for following in range(5):
                mass = policy[time, action, state] * dense[action, state, following]
                if mass:
                    phi = table.pair[:, action, state]
                    mean, square = moments(time + 1, following)
                    first += mass * (phi + mean)
                    second += mass * (np.outer(phi, phi) + np.outer(phi, mean) + np.outer(mean, phi) + square)
        return first, second

    mean, square = moments(0, int(one.starts[0]))
    variance = square - np.outer(mean, mean)
    curvature = -hessian_of(objective, problem.reward, parameters)
    noise = information(plan, table, objective.source(0, plan), noise=True)[1]
    assert np.abs(noise).max() > 0.05
    np.testing.assert_allclose(curvature + noise, variance, rtol=1e-10, atol=1e-12)
