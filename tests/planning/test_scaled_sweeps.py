"""Sweeps by products: right where they answer, and silent where they could be wrong."""

import dataclasses
import decimal
import math

import jax
import numpy as np
import pytest

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite
from maxentrl.mdp.transitions import DeterministicTransitions
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning import scaled
from maxentrl.planning.backup import make_backup
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.scaled import ScaledBackup, finite_visits
from maxentrl.planning.sweeps import sweep_values, sweep_visits
from path_enumeration import paths_from, random_problem, weight


@double_precision
def by_products(problem):
    """V/τ by products, or None where they are not for this problem or did not hold every sum."""
    operator = ScaledBackup.of(make_backup(problem), problem.time.horizon)
    if operator is None:
        return None
    values, held = scaled._scaled_values(operator, problem.time.horizon, problem.time.horizon + 1)
    return np.asarray(values) if held else None


@double_precision
def by_logarithms(problem):
    return np.asarray(sweep_values(make_backup(problem), problem.time.horizon, problem.time.horizon + 1))


@double_precision
def visits_by_products(problem, values, source):
    operator = ScaledBackup.of(make_backup(problem), problem.time.horizon)
    assert operator is not None
    assert operator.transitions.arrivals is not None
    visits, held = scaled._scaled_visits(operator, values, source, problem.time.horizon)
    assert held
    return jax.tree.map(np.asarray, visits)


@double_precision
def visits_by_logarithms(problem, values, source):
    visits = sweep_visits(make_backup(problem), values, source, len(values) - 1, per_step=False, outcomes=False)
    return jax.tree.map(np.asarray, visits)


def world(successor, pair, terminal, horizon, ends=(), available=None):
    """A deterministic problem of temperature 1 from plain tables."""
    successor = np.asarray(successor, np.int32)
    available = np.ones(successor.shape, bool) if available is None else available
    ends = np.isin(np.arange(successor.shape[1]), ends)
    mdp = MDP(DeterministicTransitions(successor, available), ends)
    reward = RewardTable(np.asarray(pair, float), np.asarray(terminal, float))
    return SoftProblem(mdp, reward, Finite(horizon))


def random_world(seed, horizon, *, n_states=9, n_actions=3, size=5.0):
    """Unavailable and forbidden moves, two ends, one of them forbidden, and states that lead nowhere."""
    rng = np.random.default_rng(seed)
    successor = rng.integers(n_states, size=(n_actions, n_states))
    available = rng.random(successor.shape) < 0.8
    available[0] = True
    successor = np.where(available, successor, np.arange(n_states))
    pair = np.where(rng.random(successor.shape) < 0.15, -np.inf, size * rng.normal(size=successor.shape))
    terminal = size * rng.normal(size=n_states)
    terminal[rng.random(n_states) < 0.3] = -np.inf
    return world(successor, pair, terminal, horizon, ends=(n_states - 2, n_states - 1), available=available)


def signed_source(seed, values):
    """Mass of either sign that enters at every time, where a path leads to an end."""
    mass = np.random.default_rng(seed).normal(size=values.shape)
    return np.where(np.isneginf(values), 0.0, mass)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("options", [{}, {"reference": True}, {"causal": True, "outcome": True}])
def test_values_are_sums_over_all_paths(seed, options):
    problem = random_problem(seed, deterministic=True, **options)
    found = by_products(problem)
    assert found is not None
    for start in range(problem.mdp.n_states):
        total = math.fsum(weight(problem, path) for path in paths_from(problem.mdp, problem.ends, start, 4))
        assert found[0, start] == pytest.approx(math.log(total), rel=1e-13, abs=1e-14)


@pytest.mark.parametrize("seed", range(4))
def test_visits_are_shares_of_all_paths(seed):
    problem = random_problem(seed, deterministic=True, reference=True)
    pair, terminal, total = np.zeros((2, 4)), np.zeros(4), 0.0
    for path in paths_from(problem.mdp, problem.ends, 0, 4):
        mass = weight(problem, path)
        total += mass
        terminal[path.states[-1]] += mass
        for action, state in zip(path.actions, path.states, strict=False):
            pair[action, state] += mass
    source = np.zeros((5, 4))
    source[0, 0] = 1.0
    found = visits_by_products(problem, by_products(problem), source)
    np.testing.assert_allclose(found.pair, pair / total, atol=1e-13)
    np.testing.assert_allclose(found.terminal, terminal / total, atol=1e-13)


@pytest.mark.parametrize("horizon", [1, 3, 4, 6, 40, 101])
@pytest.mark.parametrize("seed", range(6))
def test_both_sweeps_agree(seed, horizon):
    problem = random_world(seed, horizon)
    values, expected = by_products(problem), by_logarithms(problem)
    assert values is not None
    np.testing.assert_allclose(values, expected, rtol=1e-13, atol=1e-13)
    source = signed_source(seed, expected)
    found, right = (visits(problem, expected, source) for visits in (visits_by_products, visits_by_logarithms))
    np.testing.assert_allclose(found.pair, right.pair, atol=1e-12 * horizon)
    np.testing.assert_allclose(found.terminal, right.terminal, atol=1e-12 * horizon)
    assert found.pair[np.isneginf(problem.reward.pair)].max(initial=0.0) == 0.0


def decimal_sweep(problem):
    """exp(V_0) in decimal arithmetic of forty digits."""
    context = decimal.Context(prec=40, Emax=10**9, Emin=-(10**9))
    factor = [[context.exp(decimal.Decimal(float(r))) for r in row] for row in problem.reward.pair]
    successor = problem.mdp.transitions.successor
    z = [decimal.Decimal(1)] * problem.mdp.n_states
    for _ in range(problem.time.horizon):
        terms = [
            [context.multiply(w, z[to]) for w, to in zip(*rows, strict=True)]
            for rows in zip(factor, successor, strict=True)
        ]
        z = [context.add(*both) for both in zip(*terms, strict=True)]
    return [context.ln(number) for number in z]


def test_ten_thousand_steps_of_plus_or_minus_a_hundred():
    rng = np.random.default_rng(3)
    pair = 100.0 * rng.choice([-1.0, 1.0], size=(2, 6))
    problem = world(rng.integers(6, size=(2, 6)), pair, np.zeros(6), 10_000)
    found = by_products(problem)
    assert found is not None
    np.testing.assert_allclose(found[0], np.array(decimal_sweep(problem), float), rtol=1e-14)
    assert np.abs(found[0]).max() > 3e5


def test_ten_thousand_steps_do_not_add_up_their_rounding():
    """V near zero after 10⁴ steps: nothing to hide an error behind."""
    rng = np.random.default_rng(5)
    pair = 10.0 * rng.normal(size=(2, 6))
    problem = world(rng.integers(6, size=(2, 6)), pair, np.zeros(6), 10_000)
    rate = float(decimal_sweep(problem)[0]) / 10_000
    problem = world(problem.mdp.transitions.successor, pair - rate, np.zeros(6), 10_000)
    found = by_products(problem)
    assert found is not None
    assert abs(found[0, 0]) < 1.0
    np.testing.assert_allclose(found[0], np.array(decimal_sweep(problem), float), atol=1e-11)


@pytest.mark.parametrize("gap", [140.0, 280.0, 700.0, 1500.0, 1e5])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_neighbours_too_far_apart_are_left_to_logarithms(gap, sign):
    """0 → 1 alone: V_t(0) leaves V_T(0) = 0 for V_T(1) = ±gap in one step, the other way about at the next."""
    problem = world([[1, 0]], [[0.5, 0.25]], [0.0, sign * gap], 7)
    assert by_products(problem) is None
    expected = np.array([[0.0, sign * gap]])
    for _ in range(7):
        expected = np.vstack([[0.5 + expected[0, 1], 0.25 + expected[0, 0]], expected])
    np.testing.assert_allclose(BackwardSweep().solve(problem).scaled_values, expected, rtol=1e-15)


@pytest.mark.parametrize("gap", [130.0, 460.0, 1500.0, 1e5])
def test_terms_that_do_not_count_are_cut(gap):
    """A second way of exp(−gap) beside one of exp(.5): by products as by logarithms, whatever the gap."""
    problem = world([[0, 1], [1, 1]], [[0.5, 0.25], [0.0, -np.inf]], [0.0, -gap], 9)
    values = by_products(problem)
    assert values is not None
    np.testing.assert_allclose(values, by_logarithms(problem), rtol=1e-14)
    source = signed_source(0, values)
    found, right = (visits(problem, values, source) for visits in (visits_by_products, visits_by_logarithms))
    np.testing.assert_allclose(found.pair, right.pair, atol=1e-12)
    np.testing.assert_allclose(found.terminal, right.terminal, atol=1e-12)


def test_a_small_sum_beside_a_large_size_at_a_low_exponent():
    """State 0 falls by 2^-150; the size of state 1 is 2^190 at the exponent -500: cut too early its term would win."""
    successor = [[2, 3, 4, 3, 4], [1, 3, 4, 3, 4]]
    pair = [[0.0] * 5, [100.0, *[-np.inf] * 4]]
    problem = world(successor, pair, [0.0, -346.6, 0.0, -215.0, -104.0], 2)
    values = by_products(problem)
    assert values is not None
    assert values[0, 0] == pytest.approx(np.logaddexp(-104.0, 100.0 - 215.0), rel=1e-15)


def test_the_largest_weights_allowed():
    """Up by exp(100) and down again, for ever: visits of the only walk there is."""
    problem = world([[1, 0]], [[-100.0, 100.0]], [0.0, 0.0], 7)
    values, source = by_products(problem), np.zeros((8, 2))
    np.testing.assert_allclose(values, by_logarithms(problem), atol=1e-13)
    source[0, 0] = 1.0
    found = visits_by_products(problem, values, source)
    np.testing.assert_allclose(found.pair, [[4.0, 3.0]], rtol=1e-13)
    np.testing.assert_allclose(found.terminal, [0.0, 1.0], rtol=1e-13)


@pytest.mark.parametrize("horizon", [42, 63, 200])
def test_a_leap_late_in_the_sweep_is_not_forgotten(horizon):
    """State 0 falls by 90 a step beside state 1, until a walk of 41 steps along the others is first worth 0."""
    n = 43
    successor = np.stack([np.minimum(np.arange(n) + 1, n - 1)] * 2)
    successor[:, 1], successor[1, 0] = 1, 2
    pair, terminal = np.zeros((2, n)), np.full(n, -np.inf)
    pair[:, 1], terminal[[0, 1, n - 1]] = -90.0, 0.0
    problem = world(successor, pair, terminal, horizon, ends=(n - 1,))
    short = dataclasses.replace(problem, time=Finite(40))
    early = by_products(short)
    assert early is not None
    np.testing.assert_allclose(early, by_logarithms(short), rtol=1e-14)
    assert by_products(problem) is None
    found = BackwardSweep().solve(problem).scaled_values
    assert found[horizon - 40, 0] == pytest.approx(-90.0 * 39 + math.log(2) * 39, rel=1e-14)
    assert found[horizon - 41, 0] == pytest.approx(40 * math.log(2), rel=1e-14)


@pytest.mark.parametrize("cost", [0.1, 5.0, 60.0])
def test_values_that_grow_out_of_nothing(cost):
    """Only walks that end at the last of 120 states count: V falls to −7200 before the first state has any."""
    n = 120
    successor = [np.minimum(np.arange(n) + 1, n - 1), np.arange(n)]
    terminal = np.full(n, -np.inf)
    terminal[-1] = 0.0
    problem = world(successor, np.full((2, n), -cost), terminal, 150, ends=(n - 1,))
    values = by_products(problem)
    assert values is not None
    assert values[150 - (n - 1), 0] == pytest.approx(-cost * (n - 1), rel=1e-14)
    assert np.isneginf(values[150 - (n - 2), 0])
    np.testing.assert_allclose(values, by_logarithms(problem), rtol=1e-13, atol=1e-13)
    source = signed_source(1, values)
    found, right = (visits(problem, values, source) for visits in (visits_by_products, visits_by_logarithms))
    np.testing.assert_allclose(found.pair, right.pair, atol=1e-10)
    np.testing.assert_allclose(found.terminal, right.terminal, atol=1e-10)


def test_a_number_that_walks_around_a_ring():
    """One state at a time has a value, and it costs 50 a step: what the others were worth long ago is no guide."""
    n = 80
    terminal = np.full(n, -np.inf)
    terminal[0] = 0.0
    problem = world([(np.arange(n) + 1) % n], np.full((1, n), -50.0), terminal, 200)
    values = by_products(problem)
    assert values is not None
    np.testing.assert_allclose(values[0, -200 % n], -50.0 * 200, rtol=1e-14)
    np.testing.assert_allclose(values, by_logarithms(problem), rtol=1e-14)


def test_what_is_not_for_products_is_left_to_logarithms():
    problem = random_world(0, 6)
    assert by_products(problem) is not None
    table = np.asarray(problem.reward.pair)
    heavy = np.where(np.isneginf(table), table, table - 101.0)
    end = np.where(np.isneginf(problem.reward.terminal), 0.0, -2e8)
    others = [
        dataclasses.replace(problem, reward=RewardTable(heavy, problem.reward.terminal)),
        dataclasses.replace(problem, reward=RewardTable(table, end)),
        dataclasses.replace(problem, reward=RewardTable(np.stack([table] * 6), problem.reward.terminal)),
        dataclasses.replace(problem, temperature=0.0),
        random_problem(0, deterministic=False),
        random_problem(0, deterministic=False, causal=True),
    ]
    for other in others:
        assert by_products(other) is None
        np.testing.assert_array_equal(BackwardSweep().solve(other).scaled_values, by_logarithms(other))


@pytest.mark.parametrize("uneven", [False, True])
def test_states_with_unlike_numbers_of_arrivals(uneven):
    """All moves lead to state 0 but one: a table of arrivals is too wide for three states, and padded for two."""
    n = 3 if uneven else 2
    successor = np.zeros((2, n), int)
    successor[1, 0] = 1
    rng = np.random.default_rng(0)
    problem = world(successor, rng.normal(size=(2, n)), rng.normal(size=n), 10)
    assert (make_backup(problem).transitions.arrivals is None) == uneven
    solution = BackwardSweep().solve(problem)
    source = signed_source(0, solution.scaled_values)
    found, right = solution.occupancy(source), visits_by_logarithms(problem, solution.scaled_values, source)
    np.testing.assert_allclose(found.pair, right.pair, atol=1e-12)
    np.testing.assert_allclose(found.terminal, right.terminal, atol=1e-12)


def test_visits_of_values_that_products_did_not_hold():
    problem = world([[1, 2, 2], [2, 0, 2]], [[0.5, 0.25, 0.0], [-1.0, 1.0, 2.0]], [0.0, 900.0, -900.0], 7)
    assert by_products(problem) is None
    values = by_logarithms(problem)
    source = signed_source(2, values)
    found, right = (visits(problem, values, source) for visits in (visits_by_products, visits_by_logarithms))
    np.testing.assert_allclose(found.pair, right.pair, atol=1e-11)
    np.testing.assert_allclose(found.terminal, right.terminal, atol=1e-11)


@double_precision
def test_a_source_near_the_largest_double_does_not_overflow():
    problem = world([[1, 0], [0, 1]], [[-99.0, 99.0], [-99.0, 99.0]], [0.0, 0.0], 5)
    values, source = by_logarithms(problem), np.full((6, 2), 1e295)
    found = finite_visits(make_backup(problem), values, source, per_step=False, outcomes=False)
    right = visits_by_logarithms(problem, values, source)
    assert np.isfinite(right.pair).all()
    np.testing.assert_allclose(found.pair, right.pair, rtol=1e-12)
