import dataclasses
import math

import numpy as np
import pytest

from maxentrl.mdp.time import Discounted
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.many import goal_problem, solve_goals_within_horizon, solve_rewards
from maxentrl.status import InvalidInput
from path_enumeration import paths_from, random_problem, weight


def random_tables(problem, count):
    rng = np.random.default_rng(0)
    reward = problem.reward
    return [
        RewardTable(
            rng.normal(size=reward.pair.shape),
            rng.normal(size=reward.terminal.shape),
            None if reward.outcome is None else rng.normal(size=reward.outcome.shape),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("per_step", [True, False])
@pytest.mark.parametrize(("deterministic", "causal"), [(True, True), (False, True), (False, False)])
def test_rewards_at_once_equal_one_by_one(per_step, deterministic, causal):
    problem = random_problem(
        2, deterministic=deterministic, per_step=per_step, outcome=True, reference=True, causal=causal
    )
    tables = random_tables(problem, 3)
    found = solve_rewards(problem, tables)
    assert found.scaled_values.shape == (3, 5, 4)
    assert len(found) == 3
    for g in range(3):
        alone = BackwardSweep().solve(dataclasses.replace(problem, reward=tables[g]))
        np.testing.assert_allclose(found[g].values, alone.values, rtol=1e-13)
        np.testing.assert_allclose(found[g].occupancy(0).pair, alone.occupancy(0).pair, atol=1e-13)


@pytest.mark.parametrize("temperature", [0.0, math.inf])
def test_rewards_at_once_at_the_limits(temperature):
    problem = dataclasses.replace(random_problem(2, deterministic=False, causal=True), temperature=temperature)
    tables = random_tables(problem, 2)
    found = solve_rewards(problem, tables)
    for g in range(2):
        alone = BackwardSweep().solve(dataclasses.replace(problem, reward=tables[g]))
        np.testing.assert_allclose(found.scaled_values[g], alone.scaled_values, rtol=1e-13)


@pytest.mark.parametrize("per_step", [True, False])
@pytest.mark.parametrize("deterministic", [True, False])
def test_goals_at_once_equal_one_by_one_and_enumeration(deterministic, per_step):
    problem = random_problem(7, deterministic=deterministic, per_step=per_step)
    goals = [0, 2, 3]
    found = solve_goals_within_horizon(problem, goals)
    assert found.goals == (0, 2, 3)
    for g, goal in enumerate(goals):
        posed = goal_problem(problem, goal)
        np.testing.assert_allclose(found.scaled_values[g], BackwardSweep().solve(posed).scaled_values[0], rtol=1e-12)
        for start in range(4):
            walks = paths_from(posed.mdp, posed.mdp.terminal, start, 4)
            total = sum(weight(problem, path) for path in walks if path.states[-1] == goal)
            expected = math.log(total) if total else -math.inf
            assert found.scaled_values[g, start] == pytest.approx(expected, rel=1e-12)


def test_bad_input_is_named():
    problem = random_problem(7, deterministic=True, causal=True)
    with pytest.raises(InvalidInput, match="goal 9 is not a state"):
        solve_goals_within_horizon(problem, [0, 9])
    with pytest.raises(InvalidInput, match="goals is empty"):
        solve_goals_within_horizon(problem, [])
    discounted = dataclasses.replace(problem, time=Discounted(0.9))
    with pytest.raises(InvalidInput, match=r"solve_goals_within_horizon needs Finite\(horizon\)"):
        solve_goals_within_horizon(discounted, [0])
    tables = random_tables(problem, 2)
    with pytest.raises(InvalidInput, match=r"solve_rewards needs Finite\(horizon\)"):
        solve_rewards(discounted, tables)
    mixed = [tables[0], dataclasses.replace(tables[1], outcome=np.zeros((2, 1, 4)))]
    for wrong in ([], mixed):
        with pytest.raises(InvalidInput, match=f"{len(wrong)} rewards of {len(wrong)} kinds"):
            solve_rewards(problem, wrong)
