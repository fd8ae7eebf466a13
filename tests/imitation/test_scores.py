"""Scores of learnt policies against loops over walks and mass moved by hand."""

import dataclasses

import numpy as np
import pytest

from imitation.walks import GOAL, N_ACTIONS, N_STATES, complete, loose, small_mdp
from inverse.small_fits import small_problem
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.policy import FixedPolicy, GoalPolicies, PlannedPolicy, log_choice
from maxentrl.imitation.scores import expected_visits, score_choices, score_return
from maxentrl.imitation.starts import start_groups
from maxentrl.imitation.tabular import PerGoal, PerStep, clone_by_counting
from maxentrl.inverse.fit import fit
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import DeterministicTransitions
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.status import InvalidInput, Status

REWARD = RewardTable(
    -np.random.default_rng(3).random((N_ACTIONS, N_STATES)), np.random.default_rng(4).normal(size=N_STATES)
)


@pytest.mark.parametrize("tables", [PerGoal(), PerStep(5)])
@pytest.mark.parametrize("states_only", [True, False])
def test_choice_scores_are_sums_over_walks(tables, states_only):
    mdp = small_mdp(deterministic=False)
    policy = clone_by_counting(mdp, loose(mdp), tables=tables)
    walks = loose(mdp, states_only=states_only)
    scored, dense = score_choices(policy, walks), mdp.transitions.as_dense()
    total = np.zeros(len(walks))
    for i in range(len(walks)):
        table = np.exp(policy.log_policy(int(walks.goals[i])))
        states, actions = walks.states_of(i), walks.actions_of(i)
        for t in range(walks.lengths[i]):
            now = table[t] if table.ndim == 3 else table
            seen = now[:, states[t]] * dense[:, states[t], states[t + 1]]
            total[i] += np.log(seen.sum() if actions[t] == UNKNOWN else now[actions[t], states[t]])
    np.testing.assert_allclose(scored.by_walk, total, atol=1e-12)
    decisions = walks.weights @ walks.lengths
    assert scored.mean == pytest.approx(walks.weights @ total / decisions)
    spread = walks.weights * (total - walks.lengths * scored.mean)
    count = len(walks)
    assert scored.standard_error == pytest.approx(np.sqrt(spread @ spread * count / (count - 1)) / decisions)


def test_impossible_choices_score_minus_infinity_and_never_nan():
    mdp = small_mdp(deterministic=True)
    policy = clone_by_counting(mdp, Trajectories.of([[0, 1]], [[0]]), smoothing=0.0)
    scored = score_choices(policy, Trajectories.of([[0, 2], [0, 1]], [[1], [0]]))
    assert scored.mean == -np.inf
    assert scored.standard_error is None
    with pytest.raises(InvalidInput, match="there is nothing to score"):
        score_choices(policy, Trajectories.of([[0]], [[]]))
    with pytest.raises(InvalidInput, match="has 5 decisions, and the policy has 2 steps"):
        score_choices(FixedPolicy(mdp, np.stack([policy.log_policy()] * 2)), loose(mdp))
    with pytest.raises(InvalidInput, match="no policy for goal 3: it was learnt for the goals 1"):
        GoalPolicies(mdp, {1: policy.log_policy()}).log_policy(3)


def moved(mdp, start, table, steps, discount=1.0, ends=()):
    """Visits of pairs and ends by moving mass step by step."""
    dense, mass = mdp.transitions.as_dense(), start.copy()
    pair, terminal = np.zeros((N_ACTIONS, N_STATES)), np.zeros(N_STATES)
    over = mdp.terminal | np.isin(np.arange(N_STATES), ends)
    for t in range(steps):
        terminal[over] += discount**t * mass[over]
        going = np.where(over, 0.0, mass) * (table[t] if table.ndim == 3 else table)
        pair += discount**t * going
        mass = np.einsum("as,asn->n", going, dense)
    return RewardTable(pair, terminal + discount**steps * mass)


@pytest.mark.parametrize("kind", ["finite", "discounted", "to-goal"])
@pytest.mark.parametrize("deterministic", [True, False])
def test_returns_regrets_and_visits_are_exact(kind, deterministic):
    mdp, walks, time = complete(kind, deterministic=deterministic)
    policy = clone_by_counting(mdp, walks, tables=PerGoal())
    starts = start_groups(mdp, walks, time)
    start = np.bincount(walks.starts, walks.weights, N_STATES) / walks.weights.sum()
    goal = GOAL if kind == "to-goal" else UNKNOWN
    steps, discount = (time.horizon, 1.0) if kind == "finite" else (3000, getattr(time, "discount", 1.0))
    expected = moved(mdp, start, np.exp(policy.log_policy(goal)), steps, discount, (goal,))
    visits = expected_visits(policy, time, starts)
    np.testing.assert_allclose(visits.pair, expected.pair, atol=1e-9)
    np.testing.assert_allclose(visits.terminal, expected.terminal, atol=1e-9)
    score = score_return(policy, REWARD, time, starts)
    earned = float(np.vdot(REWARD.pair, expected.pair) + REWARD.terminal @ expected.terminal)
    assert score.status is Status.EXACT
    assert score.expected_return == pytest.approx(earned, abs=1e-9)
    assert score.regret is not None
    assert score.regret > 1e-3
    asked = ToGoal((GOAL,)) if kind == "to-goal" else time
    best = solve(SoftProblem(mdp, REWARD, asked, 0.0))
    assert score.optimal_return == pytest.approx(best.value(start))
    planned = score_return(PlannedPolicy(mdp, lambda goal: best.log_policy), REWARD, time, starts)
    assert planned.regret == pytest.approx(0.0, abs=1e-8)


def test_a_fitted_reward_is_scored_by_its_own_likelihood():
    """Under the likelihood's own policy the walks it was learnt from score the value that the fit reached."""
    problem = small_problem("to-goal", deterministic=False)
    fitted = fit(problem, objective=ConditionalLikelihood.of(problem))
    score = score_choices(PlannedPolicy.of_fit(fitted), problem.demonstrations)
    assert problem.demonstrations.weights @ score.by_walk == pytest.approx(fitted.value, rel=1e-9)


def test_a_clone_that_may_never_arrive_has_no_return_but_one_within_a_limit():
    successor = np.array([[1, 2, 2], [0, 1, 2]], np.int32)  # ahead or not
    mdp = MDP(DeterministicTransitions(successor, np.ones((2, 3), bool)), np.zeros(3, bool))
    reward = RewardTable.from_pairs(-np.ones((2, 3)))
    walks = Trajectories.of([[0, 1, 2]], [[0, 0]], goals=[2])
    starts = start_groups(mdp, walks, ToGoal())
    waits = FixedPolicy(mdp, log_choice(np.array([[0.0, -np.inf, 0.0], [-np.inf, 0.0, -np.inf]]), mdp.available))
    exact = score_return(waits, reward, ToGoal(), starts)
    assert exact.status is Status.UNREACHABLE_GOAL
    assert exact.expected_return is None
    assert exact.regret is None
    assert exact.optimal_return == pytest.approx(-2.0)
    assert "state 0" in exact.detail
    limited = score_return(waits, reward, ToGoal(), starts, longest=7)
    assert (limited.expected_return, limited.regret, limited.arrived) == pytest.approx((-7.0, 5.0, 0.0))
    even = FixedPolicy(mdp, np.log(np.full((2, 3), 0.5)))
    limited = score_return(even, reward, ToGoal(), starts, longest=3)
    # From 0: ahead w.p. ½ a step. Not there after 2 of 3 decisions w.p. ¾; arrived after 2 w.p. ¼, after 3 w.p. ½.
    assert limited.expected_return == pytest.approx(-2.0 - 0.75)
    assert limited.arrived == pytest.approx(0.5)
    with pytest.raises(InvalidInput, match="longest cuts walks to a goal"):
        score_return(even, reward, Finite(3), starts, longest=7)


def test_a_reward_for_each_step_is_paid_at_its_step():
    mdp, walks, time = complete("finite", deterministic=False)
    policy, starts = clone_by_counting(mdp, walks), start_groups(mdp, walks, time)
    slope = np.arange(1.0, time.horizon + 1)
    stepped = RewardTable(slope[:, None, None] * REWARD.pair, REWARD.terminal)
    start = np.bincount(walks.starts, walks.weights, N_STATES) / walks.weights.sum()
    upto = [moved(mdp, start, np.exp(policy.log_policy()), t).pair for t in range(time.horizon + 1)]
    ended = moved(mdp, start, np.exp(policy.log_policy()), time.horizon).terminal
    earned = sum(slope[t] * np.vdot(REWARD.pair, upto[t + 1] - upto[t]) for t in range(time.horizon))
    score = score_return(policy, stepped, time, starts)
    assert score.expected_return == pytest.approx(earned + REWARD.terminal @ ended, abs=1e-10)


def test_starts_and_goals_are_weighted():
    mdp = small_mdp(deterministic=True)
    walks = Trajectories.of([[0, 1], [1, 2], [2, 3]], [[0], [0], [0]], goals=[1, 2, 1], weights=[1, 2, 1])
    pooled = start_groups(mdp, walks, Discounted(0.9))
    assert len(pooled) == 1
    np.testing.assert_allclose(pooled[0].mass[:3], [0.25, 0.5, 0.25])
    apart = start_groups(mdp, dataclasses.replace(walks, goals=np.array([1, 2, UNKNOWN])), ToGoal((3, 4)))
    assert [group.goals for group in apart] == [(1,), (2,), (3, 4)]
    assert [group.share for group in apart] == [0.25, 0.5, 0.25]
    assert [group.goal for group in apart] == [1, 2, UNKNOWN]
    with pytest.raises(InvalidInput, match="trajectories without a goal: 2"):
        start_groups(mdp, dataclasses.replace(walks, goals=np.array([1, 2, UNKNOWN])), ToGoal())
    with pytest.raises(InvalidInput, match="weights of the demonstrations sum to 0"):
        start_groups(mdp, dataclasses.replace(walks, weights=np.zeros(3)), ToGoal())


def test_log_choice_is_a_softmax_without_nan():
    available = np.array([[True, False, True], [True, False, False]])
    found = log_choice(np.array([[1e4, 3.0, -np.inf], [0.0, 0.0, 0.0]]), available)
    np.testing.assert_array_equal(found[:, 0], [0.0, -1e4])
    assert np.isneginf(found[:, 1]).all()
    assert not np.isnan(found).any()
