"""Fitting schedules of weights: recovery, smoothness by held-out walks, status, interruption, bad input, coverage."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from inverse.small_fits import N_STATES, small_mdp
from inverse.test_drift import AGENTS, TAU, TIMES, maps, problem_of, schedule
from maxentrl.demos.counts import FeatureCounts
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.drift import fit_drift
from maxentrl.inverse.drift_agents import LookaheadAgent, PersistentAgent
from maxentrl.inverse.drift_choice import choose_smoothness
from maxentrl.inverse.drift_newton import DriftSettings
from maxentrl.inverse.drift_prior import RandomWalkPrior
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import TrajectoryLevel
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.reward import FunctionReward
from maxentrl.status import InvalidInput, Status

NAMES = maps().names


def drawn(kind, weights, count, *, seed, deterministic=False):
    """Walks of an agent whose weights follow a schedule, drawn in plain NumPy from its policies."""
    mdp, rng = small_mdp(deterministic=deterministic), np.random.default_rng(seed)
    problem = InverseProblem(mdp, maps(), Trajectories.of([[0, 1]], [[0]]), TIMES[kind], TAU)
    agent, ticks = AGENTS[kind], len(weights)
    if kind == "lookahead":
        policies = solve(agent.planning(problem, weights, 0)).policy
    else:
        policies = np.stack([solve(agent.planning(problem, weights, t)).policy for t in range(ticks)])
    dense, state = mdp.transitions.as_dense(), rng.integers(N_STATES, size=count)
    states, actions = [state], []
    for tick in range(ticks):
        action = (np.cumsum(policies[tick][:, state], 0) < rng.random(count) * (1 - 1e-12)).sum(0)
        state = (np.cumsum(dense[action, state], 1) < rng.random(count)[:, None] * (1 - 1e-12)).sum(1)
        states.append(state)
        actions.append(action)
    walks = Trajectories.of(list(np.stack(states, 1)), list(np.stack(actions, 1)))
    return dataclasses.replace(problem, demonstrations=walks)


TRUTH = np.stack([np.sin(np.arange(20) / 3), np.linspace(-1, 1, 20), 0.5 * np.cos(np.arange(20) / 4)], 1)
PRIOR = RandomWalkPrior.of(NAMES, step_scale=1.0)


@pytest.mark.parametrize("kind", AGENTS)
def test_a_planted_schedule_is_found_with_smoothness_from_held_out_walks(kind):
    problem = drawn(kind, TRUTH, 200, seed=1)
    held_out = drawn(kind, TRUTH, 100, seed=2).demonstrations
    choice = choose_smoothness(problem, held_out, AGENTS[kind], PRIOR, [1.0, 0.003, 0.2])
    assert choice.status is Status.CONVERGED
    assert choice.factors.tolist() == [0.003, 0.2, 1.0]
    assert choice.chosen == 1
    assert not choice.at_edge
    best, fresh = choice.best, drawn(kind, TRUTH, 500, seed=3).demonstrations
    inside = np.abs(best.weights - TRUTH) < 3.5 * best.standard_errors
    assert inside.mean() > 0.95
    loss, truth, smooth = (
        -found.walk_log_likelihood(fresh).mean()
        for found in (best, dataclasses.replace(best, weights=TRUTH), choice.fits[0])
    )
    assert loss < 1.01 * truth
    assert smooth > loss + 0.05
    np.testing.assert_allclose(
        [fit.walk_log_likelihood(held_out).mean() for fit in choice.fits], choice.scores, rtol=1e-12
    )


def test_only_the_agent_that_looks_ahead_waits_for_weights_that_will_rise():
    problem = problem_of("lookahead", [3])
    weights = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    present = dataclasses.replace(problem, time=TIMES["persistent"])
    now = solve(PersistentAgent().planning(present, weights, 0)).policy
    even = solve(PersistentAgent().planning(present, np.zeros((3, 3)), 0)).policy
    ahead = solve(LookaheadAgent().planning(problem, weights, 0)).policy
    np.testing.assert_allclose(now, even, rtol=1e-12)
    assert np.abs(ahead[0] - solve(LookaheadAgent().planning(problem, np.zeros((3, 3)), 0)).policy[0]).max() > 0.1


def test_a_coarser_schedule_and_its_end():
    problem = drawn("persistent", TRUTH, 60, seed=1)
    found = fit_drift(problem, PersistentAgent(), PRIOR.scaled(0.2), every=6)
    assert found.weights.shape == (4, 3)
    np.testing.assert_array_equal(found.weights_at(30)[[0, 5, 6, 23, 29]], found.weights[[0, 0, 1, 3, 3]])
    np.testing.assert_array_equal(
        found.planning(7).reward.pair, found.agent.planning(problem, found.weights[[1]], 0).reward.pair
    )
    longer = drawn("persistent", np.vstack([TRUTH, TRUTH]), 5, seed=2).demonstrations
    assert np.isfinite(found.walk_log_likelihood(longer)).all()
    with pytest.raises(InvalidInput, match="tick = 24"):
        found.planning(24)


def test_a_clock_shifts_the_schedule():
    """Walks cut in two, the second half begun later on the clock, say the same to an agent that looks at the present."""
    problem = drawn("persistent", TRUTH, 40, seed=1)
    walks = problem.demonstrations
    halves = Trajectories.of(
        [walks.states_of(i)[part] for i in range(40) for part in (slice(0, 11), slice(10, None))],
        [walks.actions_of(i)[part] for i in range(40) for part in (slice(0, 10), slice(10, None))],
    )
    prior = PRIOR.scaled(0.2)
    whole = fit_drift(problem, PersistentAgent(), prior)
    cut = fit_drift(
        dataclasses.replace(problem, demonstrations=halves), PersistentAgent(), prior, clock=np.tile([0, 10], 40)
    )
    np.testing.assert_allclose(cut.weights, whole.weights, rtol=0, atol=1e-5)
    np.testing.assert_allclose(cut.value, whole.value, rtol=1e-10)


def test_steps_without_walks_are_bridged():
    problem = drawn("persistent", TRUTH, 30, seed=1)
    walks = problem.demonstrations
    early = Trajectories.of([walks.states_of(i)[:4] for i in range(30)], [walks.actions_of(i)[:3] for i in range(30)])
    twice = Trajectories.of([early.states_of(i) for i in range(30)] * 2, [early.actions_of(i) for i in range(30)] * 2)
    clock = np.repeat([0, 7], 30)
    found = fit_drift(
        dataclasses.replace(problem, demonstrations=twice), PersistentAgent(), PRIOR.scaled(0.3), clock=clock
    )
    assert found.weights.shape == (10, 3)
    between = found.weights[2] + np.arange(6)[:, None] / 5 * (found.weights[7] - found.weights[2])
    np.testing.assert_allclose(found.weights[2:8], between, rtol=0, atol=1e-4)
    assert (found.standard_errors[4] > found.standard_errors[1]).all()


@pytest.mark.parametrize("kind", AGENTS)
def test_the_budget_and_interruptions_are_said(kind):
    problem = drawn(kind, TRUTH, 40, seed=1)
    short = fit_drift(problem, AGENTS[kind], PRIOR, settings=DriftSettings(max_evaluations=2))
    assert short.status is Status.MAXIMUM_ITERATIONS
    assert short.standard_errors is None
    assert short.interval() is None
    seen = []

    def interrupt(progress):
        seen.append(progress)
        if len(seen) == 3:
            raise KeyboardInterrupt

    found = fit_drift(problem, AGENTS[kind], PRIOR, progress=interrupt)
    assert found.status is Status.INTERRUPTED
    assert found.value == max(step.value for step in seen)
    assert found.covariance is None
    assert len(found.history) == 3
    seen.clear()
    choice = choose_smoothness(problem, problem.demonstrations, AGENTS[kind], PRIOR, [0.1, 1.0], progress=interrupt)
    assert choice.status is Status.INTERRUPTED
    assert len(choice.fits) == 1


def test_every_step_rises():
    problem = drawn("lookahead", 2 * TRUTH, 60, seed=1)
    start = np.tile([4.0, -4.0, 4.0], (20, 1))
    found = fit_drift(problem, LookaheadAgent(), PRIOR, start=start)
    values = [step.value for step in found.history if step.improved]
    assert found.status is Status.CONVERGED
    assert (np.diff(values) > 0).all()
    other = fit_drift(problem, LookaheadAgent(), PRIOR)
    np.testing.assert_allclose(found.weights, other.weights, rtol=0, atol=1e-4)


def test_a_map_that_changes_no_choice_has_no_interval_and_is_named():
    problem = drawn("lookahead", TRUTH, 30, seed=1, deterministic=True)
    columns = {"shade": np.asarray(problem.reward.state)[0], "everywhere": np.ones(N_STATES)}
    reward = LinearReward.of(3, state=columns, terminal={})
    prior = RandomWalkPrior.of(reward.names, step_scale=0.2)
    plain = dataclasses.replace(problem, reward=reward)
    found = fit_drift(plain, LookaheadAgent(), prior)
    assert found.covariance is None
    assert any("everywhere" in remark for remark in found.remarks)
    held = RandomWalkPrior(prior.step_scale, GaussianPrior.of(reward.names, scale=3.0))
    assert fit_drift(plain, LookaheadAgent(), held).standard_errors is not None


def test_wrong_requests_are_named():
    problem = problem_of("lookahead", [3, 4, 5])
    with pytest.raises(InvalidInput, match="step_scale is 0"):
        RandomWalkPrior.of(NAMES, step_scale={"shade": 0.1, "grass": 0.1, "jump": 0.1}).scaled(0.0)
    with pytest.raises(InvalidInput, match="step_scale is inf"):
        RandomWalkPrior.of(NAMES, step_scale={"shade": 0.1})
    with pytest.raises(InvalidInput, match="needs Finite"):
        fit_drift(dataclasses.replace(problem, time=ToGoal()), LookaheadAgent(), PRIOR)
    with pytest.raises(InvalidInput, match="fixed number of decisions"):
        fit_drift(problem, PersistentAgent(), PRIOR)
    with pytest.raises(InvalidInput, match="Causal entropy"):
        fit_drift(dataclasses.replace(problem, entropy=TrajectoryLevel()), LookaheadAgent(), PRIOR)
    with pytest.raises(InvalidInput, match="expected the tick"):
        fit_drift(problem, LookaheadAgent(), PRIOR, clock=np.array([0, 1]))
    with pytest.raises(InvalidInput, match="every = 0"):
        fit_drift(problem, LookaheadAgent(), PRIOR, every=0)
    with pytest.raises(InvalidInput, match="start has shape"):
        fit_drift(problem, LookaheadAgent(), PRIOR, start=np.zeros((2, 3)))
    with pytest.raises(InvalidInput, match="step scales"):
        fit_drift(problem, LookaheadAgent(), RandomWalkPrior(np.ones(2)))
    curved = FunctionReward(NAMES, problem.reward.table)
    with pytest.raises(InvalidInput, match="expected a LinearReward"):
        fit_drift(dataclasses.replace(problem, reward=curved), LookaheadAgent(), PRIOR)
    ends = dataclasses.replace(problem.reward, terminal=np.ones((3, N_STATES)))
    with pytest.raises(InvalidInput, match="last tick"):
        fit_drift(dataclasses.replace(problem, reward=ends), LookaheadAgent(), PRIOR)
    counts = FeatureCounts(NAMES, np.ones((1, 3)), np.zeros(1, int), np.full(1, -1), np.full(1, 3), np.ones(1))
    with pytest.raises(InvalidInput, match="need trajectories"):
        fit_drift(dataclasses.replace(problem, demonstrations=counts), LookaheadAgent(), PRIOR)
    with pytest.raises(InvalidInput, match="factors are"):
        choose_smoothness(problem, problem.demonstrations, LookaheadAgent(), PRIOR, [0.1, -1.0])
    with pytest.raises(InvalidInput, match="tolerance"):
        DriftSettings(tolerance=0.0)


def test_ends_are_paid_with_the_last_weights():
    problem = problem_of("lookahead", [4] * 6)
    reward = dataclasses.replace(problem.reward, terminal=np.random.default_rng(0).normal(size=(3, N_STATES)))
    problem = dataclasses.replace(problem, reward=reward, time=Finite())
    weights = schedule(4)
    objective = LookaheadAgent().objective(problem, np.zeros(6, int), 1)
    table = objective.table(weights)
    np.testing.assert_allclose(table.terminal, weights[-1] @ reward.terminal, rtol=1e-12)
    step = 1e-4 * np.eye(4)[3][:, None] * np.ones(3)
    rise = objective.evaluate(weights + step).value - objective.evaluate(weights - step).value
    np.testing.assert_allclose(rise / 2e-4, objective.evaluate(weights).gradient[3].sum(), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", AGENTS)
def test_pointwise_intervals_cover_schedules_drawn_from_the_prior(kind):
    """Averaged over the prior, posterior intervals cover as often as they say; 60 schedules of 12 steps of 3 weights."""
    prior = RandomWalkPrior(np.full(3, 0.3), GaussianPrior.of(NAMES, scale=1.0))
    covered = []
    for replication in range(60):
        rng = np.random.default_rng(replication)
        truth = np.cumsum(np.vstack([rng.normal(size=3), rng.normal(scale=0.3, size=(11, 3))]), axis=0)
        found = fit_drift(drawn(kind, truth, 60, seed=1000 + replication), AGENTS[kind], prior)
        low, high = found.interval()
        covered.append(((low <= truth) & (truth <= high)).mean())
    spread = np.std(covered) / np.sqrt(len(covered))
    assert abs(np.mean(covered) - 0.95) < max(4 * spread, 0.02)
