"""The laws of planning: each holds for all problems and can fail for a wrong formula."""

import dataclasses
import math

import numpy as np
import pytest

from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import AbstractTransitions, from_dense
from maxentrl.numerics.iteration import iterate
from maxentrl.numerics.linear import DirectSolver
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.arrival import arriving
from maxentrl.planning.backup import make_backup
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.linear_system import LinearSystem
from maxentrl.planning.policy_evaluation import expected_entropy
from maxentrl.planning.policy_iteration import SoftPolicyIteration, bellman_residual, newton_step, starting_values
from maxentrl.planning.problem import Causal, SoftProblem, TrajectoryLevel
from maxentrl.planning.solution import SoftSolution
from maxentrl.planning.stationary import backup_values
from maxentrl.planning.value_iteration import SoftValueIteration
from maxentrl.status import Failure, Status
from problems import (
    Case,
    Published,
    all_to_all,
    chain_to_goal,
    finite_cases,
    grid,
    layered,
    mdp_of,
    puterman_inventory,
    puterman_two_states,
    random_dense,
    random_reward,
    stationary_cases,
    two_lotteries,
)

EVERY = [pytest.param(case, id=case.name) for case in [*finite_cases(), *stationary_cases()]]
STATIONARY = [pytest.param(case, id=case.name) for case in stationary_cases()]


def representations(seed: int, *, deterministic: bool = False) -> dict[str, AbstractTransitions]:
    dense = random_dense(seed, deterministic=deterministic)
    return {"own": from_dense(dense), "all to all": all_to_all(dense)}


def exact(problem: SoftProblem) -> SoftSolution:
    """The solver with the smallest error, for differences of values."""
    return BackwardSweep().solve(problem) if isinstance(problem.time, Finite) else SoftPolicyIteration().solve(problem)


@pytest.mark.parametrize("kind", ["own", "all to all"])
@pytest.mark.parametrize("deterministic", [True, False])
def test_push_is_the_adjoint_of_expect(kind: str, deterministic: bool) -> None:
    transitions, rng = representations(11, deterministic=deterministic)[kind], np.random.default_rng(0)
    values, pairs = rng.normal(size=4), rng.normal(size=(2, 4))
    with_dense = np.einsum("ast,t,as->", transitions.as_dense(), values, pairs)
    ahead = double_precision(lambda: np.stack([np.asarray(row) for row in transitions.expect(values)]))()
    arriving_mass = double_precision(lambda: np.asarray(transitions.push(list(pairs))))()
    assert np.vdot(ahead, pairs) == pytest.approx(with_dense, abs=1e-14)
    assert np.vdot(values, arriving_mass) == pytest.approx(with_dense, abs=1e-14)


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("time", [Finite(4), Discounted(0.8), ToGoal((0,))], ids=str)
def test_representations_agree(deterministic: bool, time: Finite | Discounted | ToGoal) -> None:
    found = [
        exact(SoftProblem(mdp_of(transitions), random_reward(11), time))
        for transitions in representations(11, deterministic=deterministic).values()
    ]
    np.testing.assert_allclose(found[0].values, found[1].values, atol=1e-10)
    np.testing.assert_allclose(found[0].policy, found[1].policy, atol=1e-10)
    start = int(np.flatnonzero(np.isfinite(np.atleast_2d(found[0].values)[0]))[-1])
    first, second = (each.occupancy(start) for each in found)
    np.testing.assert_allclose(first.pair, second.pair, atol=1e-10)


@pytest.mark.parametrize("case", EVERY)
def test_occupancy_is_the_derivative_of_the_value(case: Case) -> None:
    """Five-point stencil along random directions of each part of the table, from a signed source."""
    problem, rng = case.problem, np.random.default_rng(17)
    solution = exact(problem)
    source = np.where(np.isfinite(np.atleast_2d(solution.values)[0]), rng.normal(size=problem.mdp.n_states), 0.0)
    visits = solution.occupancy(source).visits

    def value(table: RewardTable) -> float:
        return exact(dataclasses.replace(problem, reward=table)).value(source)

    for part in ("pair", "terminal", "outcome"):
        table = getattr(problem.reward, part)
        if table is None:
            continue
        direction, step = rng.normal(size=table.shape), 1e-3
        slope = sum(
            weight * value(dataclasses.replace(problem.reward, **{part: table + k * step * direction}))
            for k, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1))
        ) / (12 * step)
        assert np.vdot(getattr(visits, part), direction) == pytest.approx(slope, rel=1e-7, abs=1e-7)


def test_joint_start_is_the_derivative_from_a_start_distribution() -> None:
    case = next(c for c in stationary_cases() if c.name == "random to goal, joint")
    start, direction = np.array([0.1, 0.2, 0.3, 0.4]), np.random.default_rng(0).normal(size=(2, 4))
    solution = exact(case.problem)
    visits = solution.occupancy(solution.joint_start(start)).pair

    def value(k: int) -> float:
        table = dataclasses.replace(case.problem.reward, pair=case.problem.reward.pair + 1e-3 * k * direction)
        return exact(dataclasses.replace(case.problem, reward=table)).joint_value(start)

    slope = (value(-2) - 8 * value(-1) + 8 * value(1) - value(2)) / 0.012
    assert np.vdot(visits, direction) == pytest.approx(slope, abs=1e-8)
    assert solution.joint_value(start) > solution.value(start)


@pytest.mark.parametrize("published", [puterman_two_states(), puterman_inventory()], ids=lambda p: p.source)
def test_published_optimal_values(published: Published) -> None:
    """At τ = 0 exactly, and from τ > 0 within the entropy that can be gained: 0 ≤ V_τ − V ≤ τ log A · decisions."""
    problem = published.problem
    hard = solve(problem)
    first, policy = (np.reshape(a, (-1, *a.shape[-k:]))[0] for a, k in ((hard.values, 1), (hard.policy, 2)))
    np.testing.assert_allclose(first, published.values, atol=1e-8)
    np.testing.assert_array_equal(policy.argmax(0), published.choices)
    assert policy.max(0) == pytest.approx(1.0)
    decisions = problem.time.horizon if isinstance(problem.time, Finite) else 1 / (1 - problem.discount)
    for temperature in (1e-1, 1e-3):
        soft = exact(dataclasses.replace(problem, temperature=temperature))
        excess = np.atleast_2d(soft.values)[0] - published.values
        assert (excess >= -1e-9).all()
        assert (excess <= temperature * math.log(problem.mdp.n_actions) * decisions + 1e-9).all()


def test_puterman_by_policy_iteration() -> None:
    published = puterman_two_states()
    np.testing.assert_allclose(SoftPolicyIteration().solve(published.problem).values, published.values, atol=1e-10)


def test_infinite_temperature_has_the_greatest_entropy() -> None:
    """Three paths lead from 0 to 3, two of them over 1: 2/3, not the 1/2 of the uniform policy; entropy log 3."""
    case = layered("deterministic", Finite(3), temperature=math.inf)
    hottest = solve(case.problem)
    assert hottest.policy[0, :, 0] == pytest.approx([2 / 3, 1 / 3])
    assert hottest.scaled_values[0, 0] == pytest.approx(math.log(3))
    assert expected_entropy(case.problem, hottest.policy, 0) == pytest.approx(math.log(3))
    uniform = case.problem.mdp.available / np.maximum(case.problem.mdp.available.sum(0), 1)
    assert expected_entropy(case.problem, uniform, 0) == pytest.approx(1.5 * math.log(2))
    warm = solve(dataclasses.replace(case.problem, temperature=1e6))
    np.testing.assert_allclose(warm.policy[0], hottest.policy[0], atol=1e-5)


def shaped(problem: SoftProblem, potential: np.ndarray) -> SoftProblem:
    """r + γ E φ(s') − φ(s), and an end pays φ less: V falls by φ everywhere."""
    dense, reward = problem.mdp.transitions.as_dense(), problem.reward
    pair = reward.pair + problem.discount * dense @ potential - potential
    return dataclasses.replace(
        problem, reward=dataclasses.replace(reward, pair=pair, terminal=reward.terminal - potential)
    )


@pytest.mark.parametrize("case", [p for p in EVERY if isinstance(p.values[0].problem.entropy, Causal)])
def test_potential_shaping_leaves_the_policy(case: Case) -> None:
    potential = np.random.default_rng(3).normal(size=case.problem.mdp.n_states)
    plain, moved = exact(case.problem), exact(shaped(case.problem, potential))
    np.testing.assert_allclose(moved.policy, plain.policy, atol=1e-9)
    finite = np.isfinite(plain.values)
    np.testing.assert_allclose(moved.values[finite], (plain.values - potential)[finite], atol=1e-8)


@pytest.mark.parametrize("case", EVERY)
def test_visits_flow(case: Case) -> None:
    """Everything that enters leaves or ends; Σ visits is T or 1/(1−γ) where nothing ends."""
    problem, solution = case.problem, exact(case.problem)
    occupancy, transitions = solution.occupancy(case.start), solution.problem.mdp.transitions
    if not isinstance(problem.time, Finite):
        moved = np.einsum("as,ast->t", occupancy.pair, solution.chain.transitions.as_dense())
        entering = np.eye(transitions.n_states)[case.start]
        np.testing.assert_allclose(occupancy.state + occupancy.terminal, entering + problem.discount * moved, atol=1e-9)
    if isinstance(problem.time, Finite | ToGoal):
        assert occupancy.terminal.sum() == pytest.approx(1.0, abs=1e-9)
    if not problem.ends.any():
        length = problem.time.horizon if isinstance(problem.time, Finite) else 1 / (1 - problem.discount)
        assert occupancy.decisions == pytest.approx(length, abs=1e-9)


@pytest.mark.parametrize("case", [p for p in STATIONARY if isinstance(p.values[0].problem.time, Discounted)])
def test_backups_contract(case: Case) -> None:
    problem, rng = case.problem, np.random.default_rng(5)
    backup, discount = make_backup(problem), problem.discount
    for _ in range(5):
        first, second = rng.normal(scale=5.0, size=(2, problem.mdp.n_states))
        images = [double_precision(lambda u: np.asarray(backup_values(backup, u)))(u) for u in (first, second)]
        assert np.abs(images[0] - images[1]).max() <= discount * np.abs(first - second).max() + 1e-12
    history = iterate(backup_values, first, backup, max_iterations=64).history
    useful = history[history > 1e-9]
    assert len(useful) > 5
    assert (useful[1:] <= discount * useful[:-1] + 1e-12).all()


@pytest.mark.parametrize("case", STATIONARY)
def test_policy_iteration_never_lowers_the_value(case: Case) -> None:
    """From the first step on; and each value is T's from below, so the next can only be higher."""
    problem = case.problem
    backup = make_backup(problem)
    arrival = arriving(backup) if isinstance(problem.time, ToGoal) else None
    values = starting_values(backup, arrival)
    if arrival is None:
        values = values + newton_step(backup, values, DirectSolver())[0]
    for _ in range(6):
        step, _ = newton_step(backup, values, DirectSolver())
        scale = 1.0 + np.abs(values[np.isfinite(values)]).max()
        assert step.min() >= -1e-12 * scale
        values = values + step
        assert bellman_residual(backup, values).min() >= -1e-12 * scale
    assert np.abs(step).max() <= 1e-10 * scale


@pytest.mark.parametrize("time", [Finite(5), ToGoal((8,))], ids=str)
def test_both_entropies_agree_without_luck(time: Finite | ToGoal) -> None:
    causal = exact(grid(3, time))
    joint = exact(grid(3, time, entropy=TrajectoryLevel()))
    np.testing.assert_allclose(causal.values, joint.values, atol=1e-11)
    np.testing.assert_allclose(causal.occupancy(0).pair, joint.occupancy(0).pair, atol=1e-11)


def test_the_two_lotteries_tell_the_entropies_apart() -> None:
    assert solve(two_lotteries(Causal())).policy[0, 1, 0] == pytest.approx(0.5, abs=1e-15)
    lucky = solve(two_lotteries(TrajectoryLevel())).policy[0, 1, 0]
    assert lucky == pytest.approx(math.cosh(3) / (1 + math.cosh(3)), abs=1e-15)
    assert round(lucky, 3) == 0.910


def test_paths_have_probability_proportional_to_their_exponentiated_reward() -> None:
    """Deterministic dynamics, state costs θᵀφ: P(path) = exp(−Σ θᵀφ(s_t))/Z for every path of the layered problem."""
    features, weights = np.random.default_rng(8).random((4, 2)), np.array([0.7, 1.9])
    cost = features @ weights
    transitions = layered("deterministic", Finite(3)).problem.mdp
    solution = solve(SoftProblem(transitions, RewardTable.from_states(-cost, 2), ToGoal((3,))))
    paths = {(0, 1, 2): (0, 0, 0), (0, 1): (0, 1), (0, 2): (1, 0)}
    chances = [math.prod(solution.policy[a, s] for s, a in zip(p, acts, strict=True)) for p, acts in paths.items()]
    energies = np.array([math.exp(-sum(cost[s] for s in path)) for path in paths])
    np.testing.assert_allclose(chances, energies / energies.sum(), atol=1e-12)
    assert solution.log_partition(0) == pytest.approx(math.log(energies.sum()), abs=1e-12)


@pytest.mark.parametrize("entropy", [Causal(), TrajectoryLevel()], ids=lambda e: type(e).__name__)
def test_long_horizons_and_large_rewards_stay_finite(entropy: Causal | TrajectoryLevel) -> None:
    horizon = 10_000
    reward = RewardTable.from_pairs(100.0 * np.random.default_rng(0).choice([-1.0, 1.0], size=(2, 4)))
    solution = solve(SoftProblem(mdp_of(from_dense(random_dense(1))), reward, Finite(horizon), entropy=entropy))
    assert np.isfinite(solution.values).all()
    assert solution.policy.sum(1) == pytest.approx(1.0, abs=1e-9)
    assert solution.occupancy(1).decisions == pytest.approx(horizon, rel=1e-9)


@pytest.mark.parametrize(
    "solver", [SoftValueIteration(), SoftPolicyIteration(), LinearSystem()], ids=lambda s: type(s).__name__
)
def test_an_infinite_partition_function_is_refused_by_name(solver: SoftValueIteration) -> None:
    """Eight moves at no cost: the number of walks of length n grows like ρⁿ with 7 < ρ ≤ 8."""
    problem = grid(4, ToGoal((15,)), cost=0.0)
    with pytest.raises(Failure, match="spectral radius") as failure:
        solver.solve(problem)
    assert failure.value.status is Status.INFINITE_PARTITION


@pytest.mark.parametrize("solver", [SoftValueIteration(), SoftPolicyIteration()], ids=lambda s: type(s).__name__)
def test_the_edge_of_an_infinite_partition_function(solver: SoftValueIteration) -> None:
    """Staying costs c: Z is finite iff e^{-c} < 1; a hair above zero it is huge but right, at zero and below refused."""
    case = chain_to_goal(cost=1e-3)
    np.testing.assert_allclose(solver.solve(case.problem).values, case.values, rtol=1e-7)
    for cost in (0.0, -0.2):
        problem = dataclasses.replace(case.problem, reward=RewardTable.from_states(np.full(4, -cost), 2))
        with pytest.raises(Failure) as failure:
            solver.solve(problem)
        assert failure.value.status is Status.INFINITE_PARTITION
