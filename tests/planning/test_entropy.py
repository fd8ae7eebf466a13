import dataclasses
import math

import numpy as np
import pytest

from maxentrl.mdp.time import Discounted, Finite
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.entropy import PathEntropy, causal_entropy, path_entropy, trajectory_entropy
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import Failure, InvalidInput, Status
from path_enumeration import chance, paths_from, random_mdp, random_problem, weight

START = 0


def path_probabilities(problem, solution):
    """p(ξ) and log Π π of every path, from the policy table and the real dynamics."""
    log_policy = solution.log_policy
    for path in paths_from(problem.mdp, problem.ends, START, problem.time.horizon):
        choices = sum(log_policy[t, a, s] for t, (s, a) in enumerate(zip(path.states, path.actions, strict=False)))
        yield path, math.exp(choices) * chance(problem.mdp, path), choices


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("per_step", [True, False])
def test_causal_form_matches_enumeration(deterministic, per_step):
    problem = random_problem(3, deterministic=deterministic, per_step=per_step, causal=True)
    solution = BackwardSweep().solve(problem)
    trajectory = causal = decisions = 0.0
    for path, probability, choices in path_probabilities(problem, solution):
        trajectory -= probability * math.log(probability)
        causal -= probability * choices
        decisions += probability * len(path.actions)
    found = path_entropy(solution, START)
    assert found.trajectory == pytest.approx(trajectory, rel=1e-12)
    assert found.actions == pytest.approx(causal, rel=1e-12)
    assert found.decisions == pytest.approx(decisions, rel=1e-12)
    assert found.actions_per_decision == pytest.approx(causal / decisions, rel=1e-12)
    assert found.trajectory_per_decision == pytest.approx(trajectory / decisions, rel=1e-12)
    assert (found.dynamics == 0) == deterministic
    assert causal_entropy(solution, START) == found.actions
    assert trajectory_entropy(solution, START) == found.trajectory


def test_trajectory_level_form_is_the_entropy_of_the_posterior():
    problem = random_problem(5, deterministic=False, outcome=True, reference=True)
    weights = [weight(problem, path) for path in paths_from(problem.mdp, problem.ends, START, 4)]
    posterior = np.array(weights) / sum(weights)
    found = trajectory_entropy(BackwardSweep().solve(problem), START)
    assert found == pytest.approx(-(posterior * np.log(posterior)).sum(), rel=1e-12)


def test_hard_and_infinite_temperature_have_finite_entropies_in_order():
    problem = random_problem(3, deterministic=True, causal=True)
    by_temperature = [
        causal_entropy(BackwardSweep().solve(dataclasses.replace(problem, temperature=t)), START)
        for t in (0.0, 0.1, 1.0, 10.0, math.inf)
    ]
    assert by_temperature[0] == 0.0
    assert np.all(np.diff(by_temperature) > 0)
    count = sum(1 for _ in paths_from(problem.mdp, problem.ends, START, 4))
    assert by_temperature[-1] == pytest.approx(math.log(count), rel=1e-12)


def test_start_distribution_is_the_average_over_starts():
    problem = random_problem(3, deterministic=False, causal=True)
    solution = BackwardSweep().solve(problem)
    mass = np.array([0.25, 0.5, 0.25, 0.0])
    each = [causal_entropy(solution, s) for s in range(4)]
    assert causal_entropy(solution, mass) == pytest.approx(float(mass @ each), rel=1e-12)


def test_stationary_policy_against_dense_solve():
    mdp = random_mdp(4, deterministic=False)
    reward = RewardTable(np.random.default_rng(0).normal(size=(2, 4)), np.zeros(4))
    problem = SoftProblem(mdp, reward, Discounted(0.8), 0.5)
    values = np.zeros(4)
    dense = mdp.transitions.as_dense()
    for _ in range(400):  # soft value iteration, written out
        q = reward.pair / 0.5 + 0.8 * dense @ values
        values = np.where(mdp.terminal, 0.0, np.log(np.maximum((np.exp(q) * mdp.available).sum(0), 1e-300)))
    solution = SoftSolution(problem, values, Status.CONVERGED, "test", 400, 0.0)
    policy = np.exp(q - values) * mdp.available
    chain = np.einsum("as,ast->st", policy, dense)
    visits = np.linalg.solve(np.eye(4) - 0.8 * chain.T, np.eye(4)[START])
    surprise = -(policy * np.log(np.where(policy > 0, policy, 1.0))).sum(0)
    chance_each = (policy * -(dense * np.log(np.where(dense > 0, dense, 1.0))).sum(2)).sum(0)
    found = path_entropy(solution, START)
    assert found.actions == pytest.approx(visits @ surprise, rel=1e-9)
    assert found.dynamics == pytest.approx(visits @ chance_each, rel=1e-9)
    assert found.decisions == pytest.approx(visits @ policy.sum(0), rel=1e-9)


def test_no_decision_has_no_average():
    with pytest.raises(InvalidInput, match="no decision"):
        _ = PathEntropy(0.0, 0.0, 0.0).actions_per_decision


def test_start_without_a_path_is_refused():
    problem = random_problem(3, deterministic=True, causal=True)
    terminal = np.full(4, -np.inf)
    closed = dataclasses.replace(problem, reward=dataclasses.replace(problem.reward, terminal=terminal), time=Finite(4))
    with pytest.raises(Failure) as failure:
        path_entropy(BackwardSweep().solve(closed), START)
    assert failure.value.status is Status.UNREACHABLE_GOAL
