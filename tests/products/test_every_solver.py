"""Every solver × every representation × every problem that it applies to: one answer."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from maxentrl.mdp.time import Discounted, Finite, Time, ToGoal
from maxentrl.mdp.transitions import AbstractTransitions, DeterministicTransitions, SparseTransitions, from_dense
from maxentrl.numerics.linear import IterativeSolver
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.choose_solver import Solver, choose_solver
from maxentrl.planning.linear_system import LinearSystem, is_linear
from maxentrl.planning.policy_iteration import SoftPolicyIteration
from maxentrl.planning.problem import Causal, SoftProblem, TrajectoryLevel
from maxentrl.planning.solution import SoftSolution
from maxentrl.planning.value_iteration import SoftValueIteration
from maxentrl.status import Failure, InvalidInput, Status
from oracles.enumeration import causal, trajectory_level
from problems import Case, all_to_all, mdp_of, random_dense, random_reward, stationary_cases

SOLVERS = {
    "value iteration": SoftValueIteration(1e-12),
    "policy iteration": SoftPolicyIteration(),
    "policy iteration, iterative solve": SoftPolicyIteration(linear_solver=IterativeSolver()),
    "linear system": LinearSystem(),
}
TOLERANCE = 1e-9


def truncated(problem: SoftProblem, horizon: int) -> SoftSolution:
    """A to-goal problem cut after many steps, from which only the goals are ends: an independent solver."""
    terminal = np.where(problem.ends, problem.reward.terminal, -np.inf)
    mdp = dataclasses.replace(problem.mdp, terminal=problem.mdp.terminal | problem.ends)
    reward = dataclasses.replace(problem.reward, terminal=terminal)
    return BackwardSweep().solve(dataclasses.replace(problem, mdp=mdp, reward=reward, time=Finite(horizon)))


def applicable(problem: SoftProblem) -> dict[str, SoftSolution]:
    return {
        name: solver.solve(problem) for name, solver in SOLVERS.items() if name != "linear system" or is_linear(problem)
    }


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in stationary_cases()])
def test_solvers_agree(case: Case) -> None:
    found = applicable(case.problem)
    expected = case.values if case.values is not None else found["policy iteration"].values
    visits = found["policy iteration"].occupancy(case.start)
    for name, solution in found.items():
        np.testing.assert_allclose(solution.values, expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)
        assert solution.status.successful
        assert solution.residual <= 1e-8
        np.testing.assert_allclose(solution.occupancy(case.start).pair, visits.pair, atol=1e-7, err_msg=name)
        if solution.error_bound is not None:
            best = found["policy iteration"].scaled_values
            finite = np.isfinite(best)
            assert np.abs(solution.scaled_values - best)[finite].max() <= solution.error_bound + 1e-11


def representations(*, deterministic: bool) -> dict[str, AbstractTransitions]:
    """One model in every representation that holds it."""
    dense = random_dense(11, deterministic=deterministic)
    found = {"sparse, own successors": _sparse(dense), "sparse, all to all": all_to_all(dense)}
    if deterministic:
        found["deterministic"] = from_dense(dense)
        assert isinstance(found["deterministic"], DeterministicTransitions)
    return found


def _sparse(dense: np.ndarray) -> SparseTransitions:
    """Each state's successors, padded with itself."""
    following = [np.flatnonzero(dense[:, state].any(axis=0)) for state in range(dense.shape[1])]
    width = max(map(len, following))
    successors = np.stack([np.append(f, [s] * (width - len(f))) for s, f in enumerate(following)], axis=1)
    chosen = np.stack(
        [np.append(dense[:, s, f], np.zeros((len(dense), width - len(f))), axis=1) for s, f in enumerate(following)],
        axis=2,
    )
    return SparseTransitions(successors.astype(np.int32), chosen, dense.sum(-1) > 0)


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("time", [Finite(4), Discounted(0.8), ToGoal((0,))], ids=str)
def test_every_representation_with_every_solver(time: Time, deterministic: bool) -> None:
    answers: dict[str, SoftSolution] = {}
    for representation, transitions in representations(deterministic=deterministic).items():
        problem = SoftProblem(mdp_of(transitions), random_reward(11), time)
        found = {"sweep": BackwardSweep().solve(problem)} if isinstance(time, Finite) else applicable(problem)
        answers |= {f"{representation}, {solver}": solution for solver, solution in found.items()}
    expected = next(iter(answers.values()))
    start = int(np.flatnonzero(np.isfinite(np.atleast_2d(expected.values)[0]))[-1])
    visits = expected.occupancy(start).pair
    assert visits.sum() > 1
    for name, solution in answers.items():
        np.testing.assert_allclose(solution.values, expected.values, atol=TOLERANCE, err_msg=name)
        np.testing.assert_allclose(solution.policy, expected.policy, atol=TOLERANCE, err_msg=name)
        np.testing.assert_allclose(solution.occupancy(start).pair, visits, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("name", ["random to goal, joint", "grid to goal", "slippery grid, joint", "chain to goal"])
def test_a_long_backward_sweep_agrees(name: str) -> None:
    """To a goal, values are the limit of a finite horizon whose only ends are the goals."""
    case = next(case for case in stationary_cases() if case.name == name)
    limit = truncated(case.problem, 400).values[0]
    np.testing.assert_allclose(SoftPolicyIteration().solve(case.problem).values, limit, atol=1e-9)


def test_the_bounds_of_value_iteration_hold_when_it_stops_early() -> None:
    """A loose tolerance leaves a real error; the bound must cover it, and not by much more than its derivation allows."""
    for case in stationary_cases():
        loose, exact = SoftValueIteration(1e-3).solve(case.problem), SoftPolicyIteration().solve(case.problem)
        finite = np.isfinite(exact.values)
        error = np.abs(loose.scaled_values - exact.scaled_values)[finite].max()
        assert loose.error_bound is not None
        assert error <= loose.error_bound + 1e-13, case.name
        assert loose.error_bound <= 1e-3 * (1 + np.abs(exact.scaled_values[finite]).max()) * 1.01, case.name


def test_every_choice_has_a_reason_and_solves() -> None:
    for case in stationary_cases():
        choice = choose_solver(case.problem)
        assert len(choice.reason) > 20
        assert "\n" not in choice.reason
        expected = SoftPolicyIteration().solve(case.problem).values
        np.testing.assert_allclose(choice.solver.solve(case.problem).values, expected, rtol=1e-8, atol=1e-8)


def test_solvers_refuse_other_kinds_of_time() -> None:
    problem = stationary_cases()[0].problem
    with pytest.raises(InvalidInput, match="Finite"):
        BackwardSweep().solve(problem)
    for solver in (SoftValueIteration(), SoftPolicyIteration(), LinearSystem()):
        with pytest.raises(InvalidInput):
            solver.solve(dataclasses.replace(problem, time=Finite(3)))


raw_problems = st.fixed_dictionaries(
    {
        "weight": arrays(float, (2, 4, 4), elements=st.sampled_from([0.0, 0.0, 1.0, 2.0, 5.0])),
        "first": st.integers(0, 3),
        "pair": arrays(float, (2, 4), elements=st.floats(-4.0, 1.0)),
        "terminal": arrays(float, (4,), elements=st.floats(-2.0, 2.0)),
        "temperature": st.sampled_from([0.3, 1.0, 2.5]),
        "joint": st.booleans(),
    }
)


def posed(raw: dict, time: Time) -> SoftProblem:
    """Probabilities, unavailable moves and dead ends as they come; one shape, so that one compilation serves all."""
    total = raw["weight"].sum(-1, keepdims=True)
    probability = np.divide(raw["weight"], total, out=np.zeros_like(raw["weight"]), where=total > 0)
    probability[0, 0] = np.eye(4)[raw["first"]]
    entropy = TrajectoryLevel() if raw["joint"] and not isinstance(time, Discounted) else Causal()
    reward = RewardTable(raw["pair"], raw["terminal"])
    return SoftProblem(mdp_of(all_to_all(probability)), reward, time, raw["temperature"], entropy=entropy)


def solved(solver: Solver, problem: SoftProblem) -> SoftSolution | Status:
    try:
        return solver.solve(problem)
    except Failure as failure:
        return failure.status


def check_equal(one: SoftSolution | Status, other: SoftSolution | Status) -> None:
    """One answer or one refusal."""
    if isinstance(one, Status) or isinstance(other, Status):
        assert one is other
    else:
        np.testing.assert_allclose(one.values, other.values, rtol=1e-8, atol=1e-8)


@settings(max_examples=25)
@given(raw_problems)
def test_discounted_random_problems(raw: dict) -> None:
    problem = posed(raw, Discounted(0.75))
    newton, iterated = SoftPolicyIteration().solve(problem), SoftValueIteration(1e-12).solve(problem)
    np.testing.assert_allclose(newton.values, iterated.values, atol=1e-9)
    np.testing.assert_allclose(newton.policy, iterated.policy, atol=1e-9)


@settings(max_examples=40)
@given(raw_problems)
def test_to_goal_random_problems(raw: dict) -> None:
    """Both iterations give one answer or one refusal; the linear system, where it applies, gives the same."""
    problem = posed(raw, ToGoal((3,)))
    newton, iterated = solved(SoftPolicyIteration(), problem), solved(SoftValueIteration(1e-11, 20_000), problem)
    slow = {Status.MAXIMUM_ITERATIONS, Status.STALLED}
    if not slow & {newton, iterated}:  # nearly infinite values are named, and are not comparable
        check_equal(newton, iterated)
    if is_linear(problem) and newton is not Status.UNREACHABLE_GOAL and newton not in slow:
        check_equal(newton, solved(LinearSystem(), problem))


@settings(max_examples=15)
@given(raw_problems)
def test_finite_random_problems(raw: dict) -> None:
    """Against all paths, from every start that has one."""
    problem = posed(raw, Finite(3))
    solution = BackwardSweep().solve(problem)
    oracle = causal if isinstance(problem.entropy, Causal) else trajectory_level
    for start in np.flatnonzero(np.isfinite(solution.values[0])):
        answer = oracle(problem, int(start), 3)
        assert solution.value(int(start)) == pytest.approx(answer.value, abs=1e-9)
        expected = np.zeros((3, 2, 4))
        for (t, s, a), visits in answer.pair.items():
            expected[t, a, s] = visits
        np.testing.assert_allclose(solution.occupancy_per_step(int(start)).pair, expected, atol=1e-9)
