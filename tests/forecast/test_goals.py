import dataclasses
import itertools

import numpy as np
import pytest

from forecast.small_worlds import (
    PRIOR,
    TEMPERATURE,
    dense_solution,
    enumerated,
    one_way_outcomes,
    round_outcomes,
    small,
    solved,
)
from maxentrl.forecast.goals import GoalForecaster, Jump
from maxentrl.mdp.mdp import MDP
from maxentrl.numerics.precision import double_precision
from maxentrl.planning.backup import make_backup
from maxentrl.planning.problem import TrajectoryLevel
from maxentrl.planning.stationary import policy_rows
from maxentrl.status import Failure, InvalidInput, Status


@pytest.mark.parametrize("seen", [(0,), (0, 1), (0, 1, 2), (0, 1, 5), (0, 4), (0, 4, 8), (0, 1, 2, 3, 7)])
def test_the_posterior_of_goals_is_that_of_all_listed_walks(one_way, seen):
    listed = enumerated(one_way, 0, seen)
    expected = np.bincount([g for g, *_ in listed], [p for *_, p in listed], minlength=3)
    np.testing.assert_allclose(one_way.forecaster.watch(seen)[-1].goals, expected, atol=1e-13)


def test_deterministic_update_is_rewards_plus_change_of_value(one_way):
    seen, actions = (0, 1, 5), (0, 1)
    paid = sum(one_way.problem.reward.pair[a, s] for a, s in zip(actions, seen, strict=False))
    log = np.log(PRIOR) + (paid + one_way.values[:, 5] - one_way.values[:, 0]) / TEMPERATURE
    expected = np.exp(log - log.max())
    np.testing.assert_allclose(one_way.forecaster.watch(seen)[-1].goals, expected / expected.sum(), atol=1e-13)


def test_under_slip_the_action_is_summed_out(slippery):
    seen = (5, 6, 6, 7, 11)
    joint = PRIOR.copy()
    for here, there in itertools.pairwise(seen):
        joint = joint * slippery.step[:, here, there]
    belief = slippery.forecaster.watch(seen)[-1]
    np.testing.assert_allclose(belief.goals, joint / joint.sum(), atol=1e-12)
    assert belief.log_likelihood == pytest.approx(np.log(joint.sum()), abs=1e-12)


@pytest.mark.parametrize("entropy", [None, TrajectoryLevel()])
@double_precision
def test_policies_agree_with_dense_arrays_and_with_planning(entropy):
    world = small(one_way_outcomes(0.3) if entropy else round_outcomes(0.25), (11, 5), entropy=entropy)
    states = np.arange(12)
    for number, goal in enumerate(world.goals):
        ours = np.exp(world.forecaster.log_policy(np.array(number), states))
        np.testing.assert_allclose(ours, world.policy[number], atol=1e-12)
        problem = type(world.problem)(
            world.problem.mdp,
            world.problem.reward,
            type(world.problem.time)((goal,)),
            TEMPERATURE,
            entropy=world.problem.entropy,
        )
        planned = policy_rows(make_backup(problem), world.values[number] / TEMPERATURE)
        np.testing.assert_allclose(ours, np.exp(planned), atol=1e-12)


def test_chains_move_mass_like_the_dense_chain(slippery):
    for number in range(3):
        np.testing.assert_allclose(slippery.forecaster.chain(number).toarray(), slippery.step[number].T, atol=1e-12)


def test_a_jump_keeps_the_belief_and_is_reported(one_way):
    before = one_way.forecaster.watch((0, 1))[-1]
    after = before.update(6)  # two cells at once
    assert after.jumps == (Jump(step=1, state=1, following=6),)
    assert after.log_likelihood == before.log_likelihood
    kept = before.goals * np.isfinite(one_way.values[:, 6])  # goal 8 cannot be reached any more
    np.testing.assert_allclose(after.goals, kept / kept.sum(), atol=1e-14)
    assert before.jumps == ()


def test_waiting_at_a_goal_means_it_was_the_goal(slippery):
    belief = slippery.forecaster.watch((7, 11, 11))[-1]
    stays = slippery.step[:, 11, 11]
    assert stays[0] == 1.0
    joint = PRIOR * slippery.step[:, 7, 11] * stays
    np.testing.assert_allclose(belief.goals, joint / joint.sum(), atol=1e-12)


def test_next_cell_probabilities_sum_to_one(slippery):
    belief = slippery.forecaster.watch((5, 6))[-1]
    assert sum(np.exp(belief.log_next(s)) for s in range(12)) == pytest.approx(1.0, abs=1e-12)


def test_a_prior_of_zero_rules_a_goal_out(one_way):
    belief = one_way.forecaster.with_prior(np.array([1.0, 0.0, 1.0])).start(0)
    np.testing.assert_allclose(belief.goals, [0.5, 0, 0.5])


def test_no_reachable_goal_is_named(one_way):
    with pytest.raises(Failure) as failure:
        one_way.forecaster.with_prior(np.array([0.0, 0.0, 1.0])).start(3)
    assert failure.value.status is Status.UNREACHABLE_GOAL


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"goals": (11, 11)}, "distinct"),
        ({"goals": (11, 12)}, "between 0 and 11"),
        ({"values": np.zeros((2, 5))}, "values has shape"),
        ({"values": np.full((2, 12), np.nan)}, "NaN"),
        ({"prior": (0.0, 0.0)}, "prior"),
        ({"prior": (1.0, -1.0)}, "prior"),
        ({"seconds_per_step": 0.0}, "seconds_per_step"),
    ],
)
def test_wrong_input_is_named(one_way, change, message):
    given = {"goals": (11, 7), "values": np.zeros((2, 12)), "prior": None, "seconds_per_step": None} | change
    with pytest.raises(InvalidInput, match=message):
        GoalForecaster.of(one_way.problem, given.pop("goals"), given.pop("values"), **given)


def test_a_state_beyond_the_world_is_refused(one_way):
    with pytest.raises(InvalidInput, match="12 is not a state"):
        one_way.forecaster.start(0).update(12)


def test_a_terminal_state_that_is_not_the_goal_is_a_dead_end(one_way):
    terminal = np.arange(12) == 7
    problem = one_way.problem
    mdp = MDP(problem.mdp.transitions, terminal)
    changed = type(problem)(mdp, problem.reward, problem.time, problem.temperature)
    available = np.asarray(problem.mdp.transitions.available) & ~terminal
    dense = problem.mdp.transitions.as_dense() * available[:, :, None]
    alike = solved(problem, (11,))
    assert np.isfinite(alike.values[0, 7])
    value, policy = dense_solution(changed, dense, available, 11)
    forecaster = GoalForecaster.of(changed, (11,), value[None])
    np.testing.assert_allclose(np.exp(forecaster.log_policy(np.array(0), np.arange(12))), policy, atol=1e-12)
    assert value[7] == -np.inf


def test_a_walk_that_leaves_its_only_goal_starts_again_from_the_prior(one_way):
    belief = one_way.forecaster.with_prior(np.array([0.5, 0.5, 0.0])).watch((3, 7))[-1]
    only_there = dataclasses.replace(belief, log_goals=np.log([1e-300, 1.0, 1e-300]) - [np.inf, 0, np.inf])
    after = only_there.update(11)
    assert after.jumps == (Jump(step=1, state=7, following=11),)
    np.testing.assert_allclose(after.goals, [1.0, 0.0, 0.0])
