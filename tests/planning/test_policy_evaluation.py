"""The value of any policy, against simulation-free oracles: enumeration of paths and dense linear algebra."""

import dataclasses
import math

import numpy as np
import pytest

from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.policy_evaluation import (
    evaluate_policy,
    expected_entropy,
    expected_return,
    policy_kl,
    policy_occupancy,
)
from maxentrl.planning.policy_iteration import SoftPolicyIteration
from maxentrl.planning.problem import Causal, SoftProblem, TrajectoryLevel
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import Failure, InvalidInput, Status
from oracles.enumeration import Model
from problems import Case, finite_cases, layered, mdp_of, stationary_cases

CAUSAL = [p for p in [*finite_cases(), *stationary_cases()] if isinstance(p.problem.entropy, Causal)]
CASES = [pytest.param(case, id=case.name) for case in CAUSAL]
PATHS = [Case("discounted", layered("stochastic", Discounted(0.8)).problem, longest=3)]
PATHS += [dataclasses.replace(case, longest=4) for case in CAUSAL if isinstance(case.problem.time, Finite)]


def some_policy(problem: SoftProblem, seed: int = 0) -> np.ndarray:
    """A random policy that takes every move it may, time-varying where the horizon is finite."""
    shape = (problem.mdp.n_actions, problem.mdp.n_states)
    shape = (problem.time.horizon, *shape) if isinstance(problem.time, Finite) else shape
    chances = np.random.default_rng(seed).random(shape) * (problem.mdp.available & ~problem.ends)
    total = chances.sum(-2, keepdims=True)
    return np.divide(chances, total, out=np.zeros_like(chances), where=total > 0)


@pytest.mark.parametrize("stationary", [False, True])
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in PATHS])
def test_parts_against_all_paths(case: Case, stationary: bool) -> None:
    """E[return], entropy and divergence of two policies, path by path; value = return − τ KL(π‖q)."""
    problem, start = case.problem, case.start
    model, policy, other = Model.of(problem, case.longest or 0), some_policy(problem, 1), some_policy(problem, 2)
    if stationary and policy.ndim == 3:
        policy, other = policy[0], other[0]

    def chance(table: np.ndarray, t: int, s: int, a: int) -> float:
        return float(table[t, a, s] if table.ndim == 3 else table[a, s])

    gain = entropy = divergence = soft = 0.0
    for path, luck in model.paths(0, start):
        steps = [(model.discount**t, t, s, a) for t, (s, a, _) in enumerate(path)]
        weight = luck * math.prod(chance(policy, t, s, a) for _, t, s, a in steps)
        surprise = sum(g * math.log(chance(policy, t, s, a)) for g, t, s, a in steps)
        gain += weight * model.earned(start, path)
        entropy -= weight * surprise
        divergence += weight * (surprise - sum(g * math.log(chance(other, t, s, a)) for g, t, s, a in steps))
        reference = sum(g * model.log_reference(s, a) for g, _, s, a in steps)
        soft += weight * (model.earned(start, path) - problem.temperature * (surprise - reference))
    assert expected_return(problem, policy, start) == pytest.approx(gain, abs=1e-12)
    assert expected_entropy(problem, policy, start) == pytest.approx(entropy, abs=1e-12)
    assert policy_kl(problem, policy, other, start) == pytest.approx(divergence, abs=1e-12)
    values = evaluate_policy(problem, policy).values
    assert np.reshape(values, (-1, values.shape[-1]))[0, start] == pytest.approx(soft, abs=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_the_own_policy_has_the_own_value_and_no_other_has_more(case: Case) -> None:
    """V^π = V for π of the problem; V − V^π = τ KL(π‖π*) from the same start (the performance difference)."""
    problem = case.problem
    best = best_of(problem)
    own = evaluate_policy(problem, best.policy)
    np.testing.assert_allclose(own.values, best.values, atol=1e-8)
    finite = np.isfinite(best.q_values)
    np.testing.assert_allclose(own.q_values[finite], best.q_values[finite], atol=1e-8)
    policy = some_policy(problem)
    if isinstance(problem.time, ToGoal):
        policy = 0.5 * policy + 0.5 * best.policy
        policy = policy * (best.policy > 0)
        policy = policy / np.maximum(policy.sum(0), 1e-300)
    lower = evaluate_policy(problem, policy).values
    at_start = np.reshape(lower, (-1, lower.shape[-1]))[0, case.start]
    loss = best.value(case.start) - at_start
    assert loss >= -1e-9
    kl = policy_kl(problem, policy, best.policy, case.start)
    assert loss == pytest.approx(problem.temperature * kl, abs=1e-8)


def best_of(problem: SoftProblem) -> SoftSolution:
    return solve(problem) if isinstance(problem.time, Finite) else SoftPolicyIteration().solve(problem)


def test_a_stationary_policy_of_a_finite_problem() -> None:
    problem = next(c.problem for c in CAUSAL if c.name == "per step Causal")
    policy = some_policy(problem)[0]
    repeated = np.broadcast_to(policy, (4, *policy.shape))
    np.testing.assert_allclose(evaluate_policy(problem, policy).values, evaluate_policy(problem, repeated).values)
    assert policy_occupancy(problem, policy, 0).pair.shape == policy.shape
    np.testing.assert_allclose(
        policy_occupancy(problem, policy, 0).pair, policy_occupancy(problem, repeated, 0).pair.sum(0)
    )
    other = some_policy(problem, 5)
    expected = policy_kl(problem, repeated, other, 0)
    assert policy_kl(problem, policy, other, 0) == pytest.approx(expected)
    assert policy_kl(problem, other, policy, 0) == pytest.approx(policy_kl(problem, other, repeated, 0))


def test_divergence_is_infinite_where_the_other_never_goes() -> None:
    problem = layered("deterministic", Finite(3)).problem
    first = np.zeros((2, 4))
    first[0, :3] = 1.0
    both = some_policy(problem)[0]
    assert math.isinf(policy_kl(problem, both, first, 0))
    assert math.isfinite(policy_kl(problem, first, both, 0))


def test_a_policy_that_may_not_arrive() -> None:
    """0 → 1 → goal, with a side state 3 that is never left: value −inf exactly where it can be met."""
    successor = np.array([[1, 2, 2, 3], [3, 0, 2, 3]])
    problem = SoftProblem(
        mdp_of(from_dense(np.eye(4)[successor])), RewardTable.from_states(-np.ones(4), 2), ToGoal((2,))
    )
    policy = np.array([[1.0, 0.5, 0.0, 1.0], [0.0, 0.5, 0.0, 0.0]])
    value = evaluate_policy(problem, policy).values
    assert value[3] == -np.inf
    # From 1: one step and with chance ½ back to 0: 4 decisions on average from 0, 3 from 1, log 2 of entropy in 1.
    assert value[[0, 1, 2]] == pytest.approx([-4 + 2 * math.log(2), -3 + 2 * math.log(2), 0.0])
    assert expected_return(problem, policy, 0) == pytest.approx(-4.0)
    assert expected_entropy(problem, policy, 0) == pytest.approx(2 * math.log(2))
    lost = np.array([[0.9, 0.5, 0.0, 1.0], [0.1, 0.5, 0.0, 0.0]])
    np.testing.assert_array_equal(np.isneginf(evaluate_policy(problem, lost).values), [True, True, False, True])
    with pytest.raises(Failure) as failure:
        expected_return(problem, lost, 0)
    assert failure.value.status is Status.UNREACHABLE_GOAL


def test_temperature_zero_is_the_plain_return() -> None:
    case = next(c for c in CAUSAL if c.name == "random discounted")
    problem, policy = dataclasses.replace(case.problem, temperature=0.0), some_policy(case.problem)
    value = evaluate_policy(problem, policy).values[case.start]
    assert value == pytest.approx(expected_return(problem, policy, case.start), abs=1e-12)


def test_what_is_not_a_policy_is_refused() -> None:
    problem = layered("deterministic", Finite(3)).problem
    good = some_policy(problem)
    with pytest.raises(InvalidInput, match="shape"):
        evaluate_policy(problem, good[:2])
    with pytest.raises(InvalidInput, match="neither one nor zero in state 1"):
        evaluate_policy(problem, good * np.array([1.0, 0.5, 1.0, 1.0]))
    wrong = good.copy()
    wrong[:, :, 2] = [0.5, 0.5]
    with pytest.raises(InvalidInput, match="not available in state 2"):
        evaluate_policy(problem, wrong)
    with pytest.raises(InvalidInput, match="negative or NaN probability in state 0"):
        evaluate_policy(problem, np.where(np.arange(4) == 0, np.nan, good))
    joint = dataclasses.replace(layered("stochastic", Finite(3)).problem, entropy=TrajectoryLevel())
    with pytest.raises(InvalidInput, match="Causal"):
        evaluate_policy(joint, some_policy(joint))
    with pytest.raises(InvalidInput, match="no choice"):
        policy_occupancy(problem, good * np.array([1.0, 0.0, 1.0, 1.0]), 0)
