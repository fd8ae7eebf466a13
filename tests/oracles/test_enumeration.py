"""Every solver against the enumeration of all paths: value, policy, visits of pairs, ends and transitions."""

import dataclasses

import numpy as np
import pytest

from maxentrl.mdp.time import Finite
from maxentrl.mdp.transitions import SparseTransitions
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.policy_iteration import SoftPolicyIteration
from maxentrl.planning.problem import Causal, TrajectoryLevel
from maxentrl.planning.solution import SoftSolution
from maxentrl.planning.value_iteration import SoftValueIteration
from oracles.enumeration import Answer, causal, trajectory_level
from problems import Case, enumerable_cases, two_lotteries

CASES = [pytest.param(case, id=case.name) for case in enumerable_cases()]


def answer_of(case: Case) -> Answer:
    oracle = causal if isinstance(case.problem.entropy, Causal) else trajectory_level
    return oracle(case.problem, case.start, case.longest or 0)


def check(solution: SoftSolution, case: Case, answer: Answer) -> None:
    occupancy, policy = solution.occupancy(case.start), solution.policy
    assert solution.value(case.start) == pytest.approx(answer.value, abs=1e-9)
    for (t, s, a), chance in answer.policy.items():
        assert (policy[t, a, s] if policy.ndim == 3 else policy[a, s]) == pytest.approx(chance, abs=1e-9)
    expected = np.zeros((case.longest or 0, *policy.shape[-2:]))
    if isinstance(case.problem.time, Finite):
        expected = np.zeros((case.problem.time.horizon or 0, *policy.shape[-2:]))
    for (t, s, a), visits in answer.pair.items():
        expected[t, a, s] = visits
    found = occupancy.pair
    np.testing.assert_allclose(found, expected if found.ndim == 3 else expected.sum(0), atol=1e-9)
    terminal = np.array([answer.terminal.get(s, 0.0) for s in range(len(occupancy.terminal))])
    np.testing.assert_allclose(occupancy.terminal, terminal, atol=1e-9)
    if case.problem.reward.outcome is not None:
        check_outcomes(solution, case, answer)


def check_outcomes(solution: SoftSolution, case: Case, answer: Answer) -> None:
    found, transitions = solution.occupancy(case.start).visits.outcome, case.problem.mdp.transitions
    assert found is not None
    assert np.asarray(found).sum() == pytest.approx(sum(answer.outcome.values()), abs=1e-9)
    for (s, a, s2), visits in answer.outcome.items():
        slots = [0]
        if isinstance(transitions, SparseTransitions):
            slots = np.flatnonzero((transitions.successors[:, s] == s2) & (transitions.probability[a, :, s] > 0))
        assert sum(float(found[a, b, s]) for b in slots) == pytest.approx(visits, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_the_chosen_solver_agrees_with_all_paths(case: Case) -> None:
    check(solve(case.problem), case, answer_of(case))


@pytest.mark.parametrize("case", [p for p in CASES if not isinstance(p.values[0].problem.time, Finite)])
@pytest.mark.parametrize("solver", [SoftValueIteration(1e-12), SoftPolicyIteration()], ids=lambda s: type(s).__name__)
def test_iterations_agree_with_all_paths(
    case: Case,
    solver: SoftValueIteration | SoftPolicyIteration,
) -> None:
    check(solver.solve(case.problem), case, answer_of(case))


@pytest.mark.parametrize("case", [p for p in CASES if isinstance(p.values[0].problem.time, Finite)])
def test_visits_of_each_step(case: Case) -> None:
    visits = BackwardSweep().solve(case.problem).occupancy_per_step(case.start).pair
    answer = answer_of(case)
    assert visits.sum() == pytest.approx(sum(answer.pair.values()), abs=1e-9)
    for (t, s, a), expected in answer.pair.items():
        assert visits[t, a, s] == pytest.approx(expected, abs=1e-9)


def test_the_two_oracles_differ_where_luck_counts() -> None:
    """Guards the oracle itself: with the same recursion behind both, nothing above could fail."""
    problem = two_lotteries(Causal())
    luck = dataclasses.replace(problem, entropy=TrajectoryLevel())
    assert causal(problem, 0, 1).policy[0, 0, 1] == pytest.approx(0.5)
    assert trajectory_level(luck, 0, 1).policy[0, 0, 1] == pytest.approx(np.cosh(3) / (1 + np.cosh(3)))
