"""Weights that drift: gradients and Hessians against stencils, likelihoods against plain recursions, and the limits."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from inverse.small_fits import GOAL, N_STATES, linear_reward, small_mdp, uniform, walk
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.drift import fit_drift
from maxentrl.inverse.drift_agents import LookaheadAgent, PersistentAgent
from maxentrl.inverse.drift_curvature import BlockInformation, DenseInformation
from maxentrl.inverse.drift_prior import RandomWalkPrior
from maxentrl.inverse.fit import fit
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.status import Status

TAU = 0.8
AGENTS = {"persistent": PersistentAgent(), "lookahead": LookaheadAgent()}
TIMES = {"persistent": Discounted(0.8), "lookahead": Finite()}


def maps(*, cost=False):
    """Known maps that pay nothing where a walk ends."""
    whole = linear_reward(cost=cost)
    zero = np.zeros((len(whole.names), N_STATES))
    return dataclasses.replace(whole, terminal=zero)


def problem_of(kind, lengths, *, deterministic=False, states_only=False, seed=4):
    mdp = small_mdp(deterministic=deterministic)
    walks = walk(mdp, uniform(mdp), lengths, seed=seed, states_only=states_only)
    return InverseProblem(mdp, maps(), walks, TIMES[kind], TAU)


def schedule(count, seed=0):
    steps = np.random.default_rng(seed).normal(scale=0.4, size=(count, 3))
    return np.array([0.5, -0.4, 0.3]) + steps.cumsum(axis=0)


def stencil(function, at, step=1e-3):
    """Five-point derivative in each entry, along a first axis."""
    found = []
    for index in np.ndindex(at.shape):
        unit = np.zeros_like(at)
        unit[index] = step
        values = [np.asarray(function(at + m * unit)) for m in (-2, -1, 1, 2)]
        found.append((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step))
    return np.array(found)


CASES = [
    ("persistent", Discounted(0.8), False, False, 1),
    ("persistent", Discounted(0.8), False, True, 2),
    ("persistent", Finite(3), True, False, 1),
    ("persistent", ToGoal(), True, False, 1),
    ("lookahead", Finite(), True, False, 1),
    ("lookahead", Finite(), False, True, 2),
    ("lookahead", Finite(4), False, False, 1),
]


def case(kind, time, deterministic, states_only):
    """Walks on a clock that begin at different ticks; censored where the horizon is given."""
    problem = problem_of(kind, [3, 2, 3, 2], deterministic=deterministic, states_only=states_only)
    walks, reward = problem.demonstrations, problem.reward
    if isinstance(time, ToGoal):
        mdp, reward = problem.mdp, maps(cost=True)
        walks = walk(mdp, uniform(mdp), [300] * 4, seed=5, until=GOAL)
    if time == Finite(4):
        walks = dataclasses.replace(walks, censored=np.array([True, False] * 2))
    clock = np.array([1, 2, 0, 2])[: len(walks)]
    return dataclasses.replace(problem, demonstrations=walks, reward=reward, time=time), clock


@pytest.mark.parametrize(("kind", "time", "deterministic", "states_only", "every"), CASES)
def test_gradient_and_hessian_equal_stencils(kind, time, deterministic, states_only, every):
    problem, clock = case(kind, time, deterministic, states_only)
    objective = AGENTS[kind].objective(problem, clock, every)
    weights = schedule(objective.count)
    if isinstance(time, ToGoal):
        weights[:, 0] = -2.5 - 0.1 * np.arange(len(weights))
    found = objective.evaluate(weights)
    assert len(weights) >= 2
    numeric = stencil(lambda x: objective.evaluate(x).value, weights).reshape(weights.shape)
    np.testing.assert_allclose(found.gradient, numeric, rtol=0, atol=1e-7)
    np.testing.assert_allclose(problem.demonstrations.weights @ objective.walk_log_likelihood(found), found.value)
    information = objective.information(weights, found)
    hessian = stencil(lambda x: objective.evaluate(x).gradient.ravel(), weights)
    size = weights.shape[1]
    if kind == "lookahead":
        assert isinstance(information, DenseInformation)
        np.testing.assert_allclose(-information.matrix, hessian, rtol=0, atol=1e-7)
    else:
        assert isinstance(information, BlockInformation)
        blocks = hessian.reshape(len(weights), size, len(weights), size)
        for j, l in itertools.product(range(len(weights)), repeat=2):
            expected = -information.blocks[j] if j == l else np.zeros((size, size))
            np.testing.assert_allclose(blocks[j, :, l], expected, rtol=0, atol=1e-7)
    np.testing.assert_allclose(
        information.level, -hessian.reshape(len(weights), size, len(weights), size).sum((0, 2)), rtol=0, atol=1e-6
    )


def plain_log_likelihood(problem, clock, policy_of):
    """Σ_i w_i Σ_t log π(a|s), read from policies one decision at a time."""
    walks, total = problem.demonstrations, 0.0
    for i in range(len(walks)):
        for t, (state, action) in enumerate(zip(walks.states_of(i), walks.actions_of(i), strict=False)):
            total += walks.weights[i] * math.log(policy_of(i, clock[i] + t)[action, state])
    return total


def soft_rows(problem, pair, following, discount):
    dense, available = problem.mdp.transitions.as_dense(), problem.mdp.available
    action_value = np.where(available, pair / TAU + discount * (dense @ following), -np.inf)
    value = np.logaddexp.reduce(action_value, axis=0)
    return value, np.exp(action_value - value)


def test_the_persistent_agent_takes_each_step_s_weights_for_lasting():
    problem, clock = case("persistent", Discounted(0.8), False, False)
    weights, policies = schedule(4), []
    for row in weights:
        value = np.zeros(N_STATES)
        for _ in range(400):
            value, policy = soft_rows(problem, reward_table(problem.reward, row).pair, value, 0.8)
        policies.append(policy)
    expected = plain_log_likelihood(problem, clock, lambda i, tick: policies[tick])
    objective = PersistentAgent().objective(problem, clock, 1)
    assert objective.count == 4
    np.testing.assert_allclose(objective.evaluate(weights).value, expected, rtol=1e-10)


def test_the_lookahead_agent_plans_through_the_schedule():
    problem, clock = case("lookahead", Finite(), False, False)
    weights, known = schedule(4), {}
    for i, length in enumerate(problem.demonstrations.lengths):
        value = np.zeros(N_STATES)
        for tick in reversed(range(clock[i], clock[i] + length)):
            value, known[i, tick] = soft_rows(problem, reward_table(problem.reward, weights[tick]).pair, value, 1.0)
    expected = plain_log_likelihood(problem, clock, lambda i, tick: known[i, tick])
    found = LookaheadAgent().objective(problem, clock, 1).evaluate(weights).value
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("kind", AGENTS)
def test_infinite_smoothness_is_the_fit_without_drift(kind):
    problem = problem_of(kind, [6] * 30)
    prior = RandomWalkPrior.of(problem.reward.names, step_scale=1e-5)
    found = fit_drift(problem, AGENTS[kind], prior)
    single = fit(problem, objective=ConditionalLikelihood.of(problem), optimiser=Newton())
    assert found.status is Status.CONVERGED
    np.testing.assert_allclose(found.weights, np.tile(single.parameters, (6, 1)), rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.constant, single.parameters, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.log_likelihood, single.value, rtol=1e-8)
    errors = np.array(single.uncertainty.standard_errors(single.uncertainty.default.CLASSICAL), float)
    np.testing.assert_allclose(found.standard_errors, np.tile(errors, (6, 1)), rtol=1e-3)


def test_no_smoothness_fits_each_step_by_itself():
    """The other limit: with steps that cost nothing the persistent agent's steps are fits of their own."""
    problem = problem_of("persistent", [3] * 60)
    prior = RandomWalkPrior.of(problem.reward.names, step_scale=1e4)
    found = fit_drift(problem, PersistentAgent(), prior)
    rows = problem.demonstrations.decisions
    for tick in range(3):
        now = np.flatnonzero(rows.step == tick)
        walks = Trajectories.of(
            list(np.stack([rows.state[now], rows.following[now]], 1)),
            list(rows.action[now][:, None]),
            weights=problem.demonstrations.weights[rows.trajectory[now]],
        )
        single = dataclasses.replace(problem, demonstrations=walks)
        alone = fit(single, objective=ConditionalLikelihood.of(single), optimiser=Newton())
        np.testing.assert_allclose(found.weights[tick], alone.parameters, rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", AGENTS)
def test_covariances_are_those_of_the_dense_posterior(kind):
    problem = problem_of(kind, [5] * 12)
    prior = RandomWalkPrior.of(
        problem.reward.names,
        step_scale={"shade": 0.3, "grass": 0.5, "jump": 0.2},
        start=GaussianPrior.of(problem.reward.names, scale=2.0),
    )
    found = fit_drift(problem, AGENTS[kind], prior)
    objective = AGENTS[kind].objective(problem, found.clock, 1)

    def gradient(x):
        return (objective.evaluate(x).gradient + prior.gradient(x)).ravel()

    assert np.abs(gradient(found.weights)).max() < 1e-3
    covariance = np.linalg.inv(-stencil(gradient, found.weights))
    blocks = covariance.reshape(5, 3, 5, 3)
    for j in range(5):
        np.testing.assert_allclose(found.covariance[j], blocks[j, :, j], rtol=1e-5, atol=1e-9)
    low, high = found.interval()
    np.testing.assert_allclose((high - low) / found.standard_errors, 2 * 1.959964, rtol=1e-6)


def test_the_prior_s_gradient_and_precision():
    prior = RandomWalkPrior(np.array([0.3, 0.5]), GaussianPrior(np.array([0.1, 0.2]), np.array([1.0, np.inf])))
    weights = np.random.default_rng(0).normal(size=(4, 2))
    numeric = stencil(prior.log_density, weights).reshape(4, 2)
    np.testing.assert_allclose(prior.gradient(weights), numeric, rtol=0, atol=1e-9)
    diagonal = -np.diag(stencil(lambda x: prior.gradient(x).ravel(), weights)).reshape(4, 2)
    np.testing.assert_allclose(prior.diagonal(4), diagonal, rtol=0, atol=1e-9)


def test_block_elimination_equals_dense_algebra():
    rng = np.random.default_rng(1)
    roots = rng.normal(size=(6, 3, 3))
    blocks, prior = roots @ roots.transpose(0, 2, 1) * [[[0.1]]], RandomWalkPrior(np.array([0.2, 1.0, 3.0]))
    dense = np.zeros((6, 3, 6, 3))
    dense[np.arange(6), :, np.arange(6)] = blocks
    right = rng.normal(size=(6, 3))
    by_blocks = BlockInformation(blocks).factor(prior, 0.0)
    by_matrix = DenseInformation(dense.reshape(18, 18), 3).factor(prior, 0.0)
    np.testing.assert_allclose(by_blocks.solve(right), by_matrix.solve(right), rtol=1e-9)
    np.testing.assert_allclose(by_blocks.covariance(), by_matrix.covariance(), rtol=1e-9)
    negative = BlockInformation(-100 * blocks)
    assert negative.factor(prior, 0.0) is None
    factor, shift = negative.posterior(prior)
    assert shift > 0
    assert (right * factor.solve(right)).sum() > 0
