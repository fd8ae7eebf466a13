"""The mixture's likelihood and EM against paths listed one by one, dense recursions and stencils."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from inverse.small_fits import (
    GOAL,
    N_ACTIONS,
    TIMES,
    feasible_parameters,
    linear_reward,
    small_mdp,
    small_problem,
    walk,
)
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.mixture_em import ExpectationMaximisation
from maxentrl.inverse.mixture_likelihood import ComponentPlan
from maxentrl.inverse.mixture_target import MixturePoint, MixtureTarget
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.planning.choose_solver import solve

TAU = 0.8
HORIZON = 5
INTENTS = np.array([[1.5, -0.7, 0.9], [-1.2, 1.0, -0.8]])
SHARES = np.array([0.6, 0.4])


def planted(kind, intents, counts, *, deterministic=True, seed=0, states_only=False, horizon=HORIZON):
    """A problem whose walks follow the soft policies of several parameters, one after the other, and their labels."""
    mdp = small_mdp(deterministic=deterministic, terminal=kind == "discounted")
    reward = linear_reward(cost=kind == "to-goal")
    time = {"finite": Finite(horizon), "discounted": Discounted(0.8), "to-goal": ToGoal((GOAL,))}[kind]
    problem = InverseProblem(mdp, reward, Trajectories.of([[0, 1]], [[0]]), time, TAU)
    states, actions, goals, labels = [], [], [], []
    for c, (theta, count) in enumerate(zip(intents, counts, strict=True)):
        policy = solve(problem.forward(reward_table(reward, theta), time)).policy

        def act(step, state, policy=policy):
            return (policy[step] if policy.ndim == 3 else policy)[:, state]

        length = horizon if kind == "finite" else 300
        drawn = walk(mdp, act, [length] * count, seed=seed * 100 + c, until=None if kind == "finite" else GOAL)
        states += [drawn.states_of(i) for i in range(len(drawn))]
        actions += [drawn.actions_of(i) for i in range(len(drawn))]
        goals += drawn.goals.tolist()
        labels += [c] * len(drawn)
    walks = Trajectories.of(states, None if states_only else actions, goals=goals)
    return dataclasses.replace(problem, demonstrations=walks, time=TIMES[kind]), np.array(labels)


def mixture(problem, intents, shares, *, space=None, prior=None):
    objective = ConditionalLikelihood.of(problem)
    space = ParameterSpace.of(problem.reward.names) if space is None else space
    target = MixtureTarget.of(objective, space, len(intents), prior)
    plans = tuple(ComponentPlan.of(objective, row) for row in np.asarray(intents, float))
    return target, MixturePoint.of(plans, np.log(shares))


def path_probabilities(problem, theta, start, length):
    """Every path of a deterministic process from a start with its probability ∝ exp(reward/τ), in plain Python."""
    dense, table = problem.mdp.transitions.as_dense(), reward_table(problem.reward, theta)
    found = {}
    for actions in itertools.product(range(N_ACTIONS), repeat=length):
        state, total, path = start, 0.0, [start]
        for action in actions:
            if not problem.mdp.available[action, state]:
                break
            total += table.pair[action, state]
            state = int(np.argmax(dense[action, state]))
            path.append(state)
        else:
            found[tuple(path), actions] = math.exp((total + table.terminal[state]) / TAU)
    whole = sum(found.values())
    return {path: mass / whole for path, mass in found.items()}


def log_likelihood_by_enumeration(problem, intents, shares):
    """Of each trajectory under each component, and the responsibilities."""
    walks, each = problem.demonstrations, np.zeros((len(problem.demonstrations), len(intents)))
    for c, theta in enumerate(intents):
        known = {}
        for i in range(len(walks)):
            key = (int(walks.starts[i]), int(walks.lengths[i]))
            known.setdefault(key, path_probabilities(problem, theta, *key))
            path = (tuple(walks.states_of(i).tolist()), tuple(walks.actions_of(i).tolist()))
            each[i, c] = math.log(known[key][path])
    joint = shares * np.exp(each)
    return each, np.log(joint.sum(1)), joint / joint.sum(1, keepdims=True)


def test_responsibilities_equal_bayes_rule_over_all_paths():
    problem, _ = planted("finite", INTENTS, [6, 5])
    _, point = mixture(problem, INTENTS, SHARES)
    each, total, responsibilities = log_likelihood_by_enumeration(problem, INTENTS, SHARES)
    np.testing.assert_allclose(np.stack([p.log_likelihood for p in point.plans], 1), each, rtol=0, atol=1e-11)
    np.testing.assert_allclose(point.log_likelihood, total, rtol=0, atol=1e-11)
    np.testing.assert_allclose(point.responsibilities, responsibilities, rtol=0, atol=1e-11)


def test_unseen_actions_are_summed_out_of_each_trajectory():
    """Against a backward recursion and a sum over actions written with dense arrays."""
    problem, _ = planted("finite", INTENTS, [4, 4], deterministic=False, states_only=True)
    objective = ConditionalLikelihood.of(problem)
    dense, walks = problem.mdp.transitions.as_dense(), problem.demonstrations
    table, available = reward_table(problem.reward, INTENTS[0]), problem.mdp.available
    value, policies = table.terminal / TAU, []
    for _ in range(HORIZON):
        action_value = np.where(available, table.pair / TAU + dense @ value, -np.inf)
        value = np.logaddexp.reduce(action_value, axis=0)
        policies.insert(0, np.exp(action_value - value))
    expected = np.zeros(len(walks))
    for i in range(len(walks)):
        states = walks.states_of(i)
        for t, (here, there) in enumerate(itertools.pairwise(states)):
            expected[i] += math.log(policies[t][:, here] @ dense[:, here, there])
    np.testing.assert_allclose(ComponentPlan.of(objective, INTENTS[0]).log_likelihood, expected, rtol=0, atol=1e-11)


def test_a_plan_serves_any_weights():
    problem = small_problem("discounted", deterministic=False)
    objective, theta = ConditionalLikelihood.of(problem), feasible_parameters("discounted")
    plan, weights = ComponentPlan.of(objective, theta), np.linspace(0.0, 2.0, len(problem.demonstrations))
    again = dataclasses.replace(problem, demonstrations=dataclasses.replace(problem.demonstrations, weights=weights))
    expected = ConditionalLikelihood.of(again).evaluate(reward_table(problem.reward, theta))
    found = plan.evaluation(weights)
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-12)
    np.testing.assert_allclose(found.visits.pair, expected.visits.pair, rtol=0, atol=1e-11)
    np.testing.assert_allclose(weights @ plan.log_likelihood, expected.value, rtol=1e-12)


def stencil(function, at, step=1e-3):
    """Five-point derivative in each coordinate."""
    found = []
    for k in range(len(at)):
        unit = np.eye(len(at))[k] * step
        values = [np.asarray(function(at + m * unit)) for m in (-2, -1, 1, 2)]
        found.append((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step))
    return np.array(found)


@pytest.mark.parametrize(
    ("kind", "deterministic", "states_only"),
    [("finite", True, False), ("finite", False, True), ("discounted", False, False), ("to-goal", True, False)],
)
def test_gradient_and_hessian_equal_stencils(kind, deterministic, states_only):
    problem = small_problem(kind, deterministic=deterministic, states_only=states_only)
    base = feasible_parameters(kind)
    intents = np.stack([base, base * [1.2, -0.5, 0.3], base * [1.4, 0.6, -1.0]])
    prior = GaussianPrior.of(problem.reward.names, scale=2.0)
    target, _ = mixture(problem, intents, [0.5, 0.3, 0.2], prior=prior)
    free = target.free_of(intents, np.array([0.5, 0.3, 0.2]))
    everything = np.ones(len(free), bool)
    np.testing.assert_allclose(
        target.evaluate(free).gradient, stencil(lambda x: target.evaluate(x).value, free), rtol=0, atol=2e-8
    )
    np.testing.assert_allclose(
        target.hessian(free, everything), stencil(lambda x: target.evaluate(x).gradient, free), rtol=0, atol=2e-7
    )
    scores, weights = target.scores(target.point(free)), problem.demonstrations.weights
    shrink = np.concatenate([*(prior.gradient(row) for row in intents), np.zeros(2)])
    np.testing.assert_allclose(weights @ scores + shrink, target.evaluate(free).gradient, rtol=0, atol=1e-10)


def test_tied_fixed_and_free_parameters_of_a_mixture():
    problem = small_problem("finite", deterministic=True)
    names = problem.reward.names
    space = ParameterSpace.of(names, tied=[names[:2]], bounds={names[2]: (0.0, None)})
    intents = np.array([[0.4, 0.4, 0.3], [-0.2, -0.2, 0.8]])
    target, _ = mixture(problem, intents, SHARES, space=space)
    free = target.free_of(intents, SHARES)
    assert target.space.free_names == (
        "shade = grass of component 1",
        "jump of component 1",
        "shade = grass of component 2",
        "jump of component 2",
        "log-odds of component 1 against 2",
    )
    back, log_weights = target.split(free)
    np.testing.assert_allclose(back, intents, atol=1e-15)
    np.testing.assert_allclose(np.exp(log_weights), SHARES, atol=1e-15)
    np.testing.assert_allclose(
        target.evaluate(free).gradient, stencil(lambda x: target.evaluate(x).value, free), rtol=0, atol=2e-8
    )


def em_values(problem, steps, *, prior=None, evaluations=3, seed=0, count=2):
    target, _ = mixture(problem, np.zeros((count, 3)), np.full(count, 1 / count), prior=prior)
    em = ExpectationMaximisation(target, np.zeros(3), Newton(max_evaluations=evaluations), np.random.default_rng(seed))
    shares = np.random.default_rng(seed).dirichlet(np.ones(count), len(problem.demonstrations))
    found = list(em.run(lambda: em.from_responsibilities(shares), steps))
    return target, found


@pytest.mark.parametrize("prior", [None, 1.0])
@pytest.mark.parametrize(
    ("kind", "deterministic", "states_only"),
    [("finite", True, False), ("finite", False, True), ("discounted", False, False)],
)
def test_em_never_lowers_the_likelihood(kind, deterministic, states_only, prior):
    intents = INTENTS if kind == "finite" else 0.5 * INTENTS
    problem, _ = planted(kind, intents, [25, 20], deterministic=deterministic, states_only=states_only)
    weights = np.random.default_rng(1).uniform(0.2, 3.0, len(problem.demonstrations))
    problem = dataclasses.replace(problem, demonstrations=dataclasses.replace(problem.demonstrations, weights=weights))
    penalty = None if prior is None else GaussianPrior.of(problem.reward.names, scale=prior)
    _, found = em_values(problem, 25, prior=penalty, evaluations=2)
    values = np.array([step.value for step in found])
    assert not any(step.restarts for step in found)
    assert (np.diff(values) >= -1e-9 * np.abs(values[1:])).all()
    assert values[-1] > values[0] + 0.5


def test_the_fixed_point_of_em_has_no_gradient():
    """The gradient of the likelihood that the enumeration of all paths gives, at where EM stays."""
    problem, _ = planted("finite", INTENTS, [40, 30])
    problem = dataclasses.replace(problem, demonstrations=problem.demonstrations.select(np.arange(0, 70, 2)))
    target, found = em_values(problem, 120, evaluations=2, seed=2)
    point = found[-1].point
    assert abs(found[-1].value - found[-2].value) < 1e-7

    def value(free):
        intents, log_weights = target.split(free)
        return log_likelihood_by_enumeration(problem, intents, np.exp(log_weights))[1].sum()

    free = target.free_of(point.parameters, point.weights)
    assert np.linalg.norm(target.evaluate(target.free_of(INTENTS, SHARES)).gradient) > 1.0
    assert np.linalg.norm(stencil(value, free)) < 5e-3
    np.testing.assert_allclose(value(free), found[-1].value, rtol=0, atol=1e-9)


def test_an_empty_component_is_restarted_and_said():
    problem, _ = planted("finite", INTENTS, [30, 30])
    target, _ = mixture(problem, INTENTS, SHARES)
    em = ExpectationMaximisation(target, np.zeros(3), Newton(max_evaluations=3), np.random.default_rng(0))
    absurd = np.array([INTENTS[0], [-300.0, -300.0, -300.0]])
    found = list(em.run(lambda: em.from_components(absurd, np.array([0.5, 0.5])), 40))
    (restart,) = [r for step in found for r in step.restarts]
    assert (restart.iteration, restart.component, restart.given) == (1, 1, 30)
    assert restart.held < 1
    assert "component 2 held" in str(restart)
    assert "explained worst" in str(restart)
    assert (found[-1].point.responsibilities.sum(0) > 10).all()
    values = np.array([step.value for step in found[1:]])
    assert (np.diff(values) >= -1e-9 * np.abs(values[1:])).all()
