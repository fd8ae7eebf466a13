"""Scores of a comparison against other ways to compute them; what the methods do where others fail."""

import dataclasses
import itertools

import numpy as np
import pytest

from maxentrl.imitation.policy import FixedPolicy, PlannedPolicy
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.regret import regret
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.policy_evaluation import evaluate_policy
from maxentrl.planning.problem import SoftProblem
from maxentrl.runs import compare_methods
from maxentrl.runs.compare import (
    Row,
    Settings,
    Task,
    compare,
    make_row,
    methods_of,
    references,
    subset,
    summarise,
    tasks,
)
from maxentrl.runs.compare_methods import METHODS, CausalDeep, Counting, Learnt
from maxentrl.runs.compare_scores import BACKGROUND, Judge, expert, sizes_of, uniform
from maxentrl.status import InvalidInput, Status
from runs.small_comparisons import HORIZON, STRONG, slippery, to_goals, without_truth

BY_NAME = {method.name: method for method in METHODS} | {"causal-deep": CausalDeep(width=4, evaluations=20)}


@pytest.fixture(scope="module")
def goals():
    return to_goals()


@pytest.fixture(scope="module")
def chance():
    return slippery()


def rows_of(problem, *names, size=12, seed=0):
    judge = Judge(problem)
    return [make_row(Task(problem, BY_NAME[name], size, seed), judge) for name in names]


def test_regret_is_that_of_the_library_s_own_measure(chance):
    other = reward_table(chance.reward, 0.5 * STRONG)
    truth = SoftProblem(chance.mdp, chance.truth, Finite(HORIZON), 1.0)
    start = chance.starts[0].mass
    policy = PlannedPolicy(chance.mdp, lambda goal: solve(dataclasses.replace(truth, reward=other)).log_policy)
    found = Judge(chance).score(policy)
    known = regret(truth, other, start)
    even = np.exp(uniform(chance.mdp).log_policy())
    chance_value = float(start @ evaluate_policy(truth, np.broadcast_to(even, (HORIZON, *even.shape))).values[0])
    assert found.regret == pytest.approx(known.soft / (known.best - chance_value), rel=1e-9)
    assert found.lost_return == pytest.approx(known.lost_return, rel=1e-9)
    assert 0 < found.regret < 1


@pytest.mark.parametrize("make", [to_goals, slippery])
def test_the_expert_has_no_regret_and_chance_has_one(make):
    found = references(make())
    assert found["expert"].regret == pytest.approx(0.0, abs=1e-12)
    assert found["expert"].lost_return == pytest.approx(0.0, abs=1e-12)
    assert found["uniform"].regret == pytest.approx(1.0, abs=1e-12)
    assert found["expert"].nats < found["uniform"].nats


def test_likelihood_is_that_of_each_decision(goals):
    seen = goals.held_out.decisions
    moves = goals.mdp.available.sum(0)[seen.state]
    assert references(goals)["uniform"].nats == pytest.approx(np.log(moves).mean(), rel=1e-12)
    never = np.full((goals.mdp.n_actions, goals.mdp.n_states), -np.inf)
    first = np.argmax(goals.mdp.available, axis=0)
    never[first, np.arange(goals.mdp.n_states)] = 0.0
    background = BACKGROUND / moves
    taken = np.where(seen.action == first[seen.state], 1 - BACKGROUND + background, background)
    assert Judge(goals).score(FixedPolicy(goals.mdp, never)).nats == pytest.approx(-np.log(taken).mean(), rel=1e-9)


def test_the_feature_gap_is_that_of_stepping_through_the_chain(chance):
    even = np.exp(uniform(chance.mdp).log_policy())
    features = np.asarray(chance.reward.features().pair) / chance.scale[:, None, None]
    mass, total = chance.starts[0].mass, np.zeros(len(STRONG))
    for _ in range(HORIZON):
        pair = even * mass
        total += np.tensordot(features, pair, 2)
        mass = np.zeros_like(mass)
        for action in range(chance.mdp.n_actions):
            follow, probability = chance.mdp.transitions.successors_of(np.full(len(mass), action), np.arange(len(mass)))
            np.add.at(mass, follow, probability * pair[action])
    seen = chance.held_out.decisions
    data = features[:, seen.action, seen.state].sum(1) / len(chance.held_out)
    gap = np.linalg.norm(total - data) / np.linalg.norm(data)
    assert references(chance)["uniform"].feature_gap == pytest.approx(gap, rel=1e-9)


def serve_unseen_goals(problem, names):
    assert 9 not in problem.train.goals
    rows = rows_of(problem, *names)
    truth = references(problem)["expert"].nats
    for row in rows:
        assert row.scores is not None, row.reason
        assert np.isfinite([row.scores.nats, row.scores.regret, row.scores.feature_gap]).all()
        assert truth - 0.02 < row.scores.nats < 5
    return {row.method: row.scores for row in rows}


def test_methods_serve_a_goal_that_no_walk_had(goals):
    found = serve_unseen_goals(goals, ("counting", "logit", "matching", "causal-linear"))
    assert found["causal-linear"].nats < references(goals)["expert"].nats + 0.05
    assert found["matching"].arrived == pytest.approx(1.0, abs=1e-2)


@pytest.mark.slow
def test_networks_serve_it_too(goals):
    serve_unseen_goals(goals, ("network", "causal-deep"))


def test_maxent_of_whole_trajectories_loses_where_there_is_chance(chance):
    trajectory, causal = rows_of(chance, "maxent", "causal-linear", size=150)
    truth = references(chance)["expert"].nats
    assert causal.scores.nats < truth + 0.01
    assert causal.scores.regret < 0.01
    assert trajectory.scores.nats > causal.scores.nats + 0.01
    assert trajectory.scores.regret > 3 * causal.scores.regret


def test_matching_holds_the_features_and_not_the_randomness(chance):
    (row,) = rows_of(chance, "matching", size=150)
    scores = references(chance)
    assert row.scores.feature_gap < 0.3 * scores["uniform"].feature_gap
    assert row.scores.nats > scores["expert"].nats + 0.05


def test_a_clone_that_wanders_is_followed_for_a_while_and_said_to_have_arrived_seldom(goals):
    scores = Judge(goals).score(uniform(goals.mdp))
    assert 0 < scores.arrived < 1
    assert scores.lost_return > 0
    assert Judge(goals).score(expert(goals)).arrived == pytest.approx(1.0, abs=1e-6)


def test_without_a_truth_there_is_no_regret(goals):
    found = references(without_truth(goals))
    assert list(found) == ["uniform"]
    assert found["uniform"].regret is None
    assert found["uniform"].lost_return is None
    with pytest.raises(InvalidInput, match="small: the true reward is not known"):
        expert(without_truth(goals))


def test_incomplete_walks_have_no_feature_gap_and_say_why(goals):
    held = dataclasses.replace(goals.held_out, censored=np.arange(len(goals.held_out)) == 3)
    scores = references(dataclasses.replace(goals, held_out=held))["uniform"]
    assert scores.feature_gap is None
    assert "censored" in scores.remark
    assert np.isfinite(scores.nats)


def test_smaller_subsets_lie_within_larger_ones_and_seeds_differ(goals):
    every = [set(subset(goals, size, 1).tolist()) for size in (1, 3, 10, 30)]
    assert all(a < b for a, b in itertools.pairwise(every))
    assert set(subset(goals, 10, 2).tolist()) != every[2]
    assert sizes_of(goals.train, (1, 10, 300, 1000)) == (1, 10, len(goals.train))


def test_maxent_is_left_out_where_it_is_causal_maxent(goals, chance):
    assert "maxent" not in [method.name for method in methods_of(goals, ())]
    assert "maxent" in [method.name for method in methods_of(chance, ())]
    assert [method.name for method in methods_of(goals, ("maxent",))] == ["maxent"]
    trajectory, causal = rows_of(goals, "maxent", "causal-linear", size=6)
    assert trajectory.scores.nats == pytest.approx(causal.scores.nats, abs=1e-4)


def test_a_method_that_fails_is_a_row_with_its_reason(goals, monkeypatch):
    monkeypatch.setattr(compare_methods, "MOST_VISITS", 10)
    (row,) = rows_of(goals, "matching")
    assert row.scores is None
    assert row.status == "MAXIMUM_ITERATIONS"
    assert "unknown visits" in row.reason
    assert not row.finished
    censored = dataclasses.replace(goals.train, censored=np.ones(len(goals.train), bool))
    monkeypatch.setattr(compare_methods, "MOST_VISITS", 10**6)
    (row,) = rows_of(dataclasses.replace(goals, train=censored), "matching")
    assert row.status == "InvalidInput"
    assert "censored" in row.reason
    (point,) = summarise([row], {"small": 100})
    assert point.measures == dict.fromkeys(point.measures)
    assert (point.scored, point.seeds) == (0, 1)


def test_an_interrupted_fit_is_no_row(goals, monkeypatch):
    """A fit hands on its best parameters where it is interrupted; a comparison must not score them."""

    def interrupted(self, search):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(goals.optimiser), "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rows_of(goals, "causal-linear")


def test_smoothing_is_chosen_by_likelihood_only_where_there_are_walks(goals, chance):
    assert "1 pseudo-decisions" in Counting().learn(goals, goals.train.select(np.arange(4)), 0).detail
    learnt = Counting().learn(chance, chance.train, 0)
    assert learnt.status is Status.EXACT
    assert "pseudo-decisions" in learnt.detail
    found = Judge(chance).score(learnt.policy).nats
    worst = Counting(smoothings=(30.0,)).learn(chance, chance.train, 0)
    assert found < Judge(chance).score(worst.policy).nats


def test_rows_are_the_same_each_time_and_known_ones_are_not_made_again(goals):
    settings = Settings(("counting", "logit"), (2, 5), 2)
    first = [done.row for done in compare([goals], settings)]
    second = [done.row for done in compare([goals], settings)]
    assert [without_seconds(row) for row in first] == [without_seconds(row) for row in second]
    assert len(first) == len(tasks([goals], settings)) == 8
    again = list(compare([goals], settings, known={row.key: row for row in first[:5]}))
    assert [done.row is known for done, known in zip(again, first, strict=True)] == [True] * 5 + [False] * 3
    assert [done.done for done in again] == list(range(1, 9))


def without_seconds(row):
    scores = None if row.scores is None else dataclasses.replace(row.scores, planning_seconds=0.0)
    return dataclasses.replace(row, seconds=0.0, scores=scores)


def test_means_are_over_seeds_and_seconds_a_median(goals):
    settings = Settings(("counting",), (5,), 3)
    rows = [done.row for done in compare([goals], settings)]
    (point,) = summarise(rows, {"small": 6})
    nats = np.array([row.scores.nats for row in rows])
    half = 4.302652729911275 * nats.std(ddof=1) / 3**0.5  # Student's t with two degrees of freedom
    assert point.measures["nats"].mean == pytest.approx(nats.mean())
    assert point.measures["nats"].high == pytest.approx(nats.mean() + half)
    (same,) = summarise(rows, {"small": 5})
    assert (same.measures["nats"].mean, same.measures["nats"].high) == (point.measures["nats"].mean, None)
    assert point.measures["seconds"].mean == pytest.approx(np.median([row.measure("seconds") for row in rows]))


def test_settings_that_cannot_be_are_named():
    with pytest.raises(InvalidInput, match="no method 'clone': choose of counting, logit") as error:
        Settings(("clone",), (0, 3), 0)
    assert len(error.value.problems) == 3


def test_rows_survive_being_written(goals):
    (row,) = rows_of(goals, "counting", size=3)
    assert Row.from_data(row.as_data()) == row
    lost = dataclasses.replace(row, scores=None, status="STALLED", reason="no answer")
    assert Row.from_data(lost.as_data()) == lost
    assert isinstance(Counting().learn(goals, goals.train, 0), Learnt)
    assert isinstance(goals.time, ToGoal)
