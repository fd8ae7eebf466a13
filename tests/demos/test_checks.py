"""Whether trajectories are walks of a process: moves, goals, and what is done with those that are wrong."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from maxentrl.demos.checks import check_moves, check_trajectories, infer_actions, possible_moves
from maxentrl.demos.report import CutAtGoal, DropTrajectory, MendNearest, Refuse
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.grid import FOUR_MOVES, Blocked, grid_world
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.status import InvalidInput

UP, RIGHT, DOWN, LEFT = range(4)


def corridor(length=6, walls=(), **settings):
    closed = np.zeros((1, length))
    closed[0, list(walls)] = 1
    return grid_world({"a": np.zeros((1, length))}, walls=closed, moves=FOUR_MOVES, **settings).mdp


def test_sound_walks_are_kept_as_they_are():
    mdp = corridor()
    walks = Trajectories.of([[0, 1, 2], [3, 2]], [[RIGHT, RIGHT], [LEFT]])
    kept, report = check_moves(mdp, walks)
    assert kept is walks
    assert (report.used, report.dropped, report.warnings) == (2, (), ())


@pytest.mark.parametrize("policy", [Refuse(), DropTrajectory()])
@pytest.mark.parametrize(
    ("states", "actions", "message"),
    [
        ([0, 1, 3], [RIGHT, RIGHT], "step 1: action right cannot be chosen or never leads from state 1 to state 3"),
        ([0, 1, 2], [RIGHT, LEFT], "step 1: action left cannot"),
        ([0, 1, 3], [RIGHT, UNKNOWN], "step 1: no move leads from state 1 to state 3"),
        ([0, 0], [UP], "step 0: action up"),
        ([0, 9], [RIGHT], "step 1: state 9 does not exist"),
        ([0, 1], [7], "step 0: action 7 does not exist"),
        ([4, 5, 4], [RIGHT, LEFT], "step 1: goes on after state 5, which ends the episode"),
    ],
)
def test_impossible_moves_are_named_by_walk_and_step(policy, states, actions, message):
    mdp = corridor(terminal=[(0, 5)])
    walks = Trajectories.of([[0, 1], states], [[RIGHT], actions], names=["good", "bad"])
    if isinstance(policy, Refuse):
        with pytest.raises(InvalidInput) as caught:
            check_moves(mdp, walks, policy)
        assert f"trajectory bad: {message}" in str(caught.value)
        assert "good" not in str(caught.value)
    else:
        kept, report = check_moves(mdp, walks, policy)
        assert kept.names == ("good",)
        assert report.dropped[0][0] == "bad"
        assert message in report.dropped[0][1]


def test_a_walk_with_an_unknown_state_does_not_hide_the_impossible_move_of_another():
    walks = Trajectories.of([[0, 99], [0, 3], [0, 1]], names=["a", "b", "c"])
    kept, report = check_moves(corridor(), walks, DropTrajectory())
    assert kept.names == ("c",)
    assert {name for name, _ in report.dropped} == {"a", "b"}
    assert report.used == 1


def test_nothing_left_is_an_error_with_the_reasons():
    with pytest.raises(InvalidInput, match="no trajectory is left") as caught:
        check_moves(corridor(), Trajectories.of([[0, 5]]), DropTrajectory())
    assert "step 0" in str(caught.value)


def test_mending_inserts_the_nearest_moves_and_says_so():
    walks = Trajectories.of(
        [[0, 3, 4], [4, 3]], [[RIGHT, RIGHT], [RIGHT]], names=["jump", "wrong action"], weights=[2, 3]
    )
    kept, report = check_moves(corridor(), walks, MendNearest())
    assert kept.states_of(0).tolist() == [0, 1, 2, 3, 4]
    assert kept.actions_of(0).tolist() == [RIGHT] * 4
    assert kept.actions_of(1).tolist() == [LEFT]
    assert kept.weights.tolist() == [2.0, 3.0]
    assert len(report.warnings) == 2
    assert "trajectory jump: 1 impossible moves" in report.warnings[0]


def test_mending_gives_up_beyond_its_reach():
    walks = Trajectories.of([[0, 5], [0, 1], [0, 2]], names=["far", "fine", "walled"])
    kept, report = check_moves(corridor(), walks, MendNearest(longest=4))
    assert kept.names == ("fine", "walled")
    assert "no 4 available moves lead from state 0 to state 5" in report.dropped[0][1]
    cut_off = corridor(7, walls=[3])
    kept, report = check_moves(cut_off, Trajectories.of([[0, 3], [0, 1]]), MendNearest())
    assert report.dropped[0][0] == "0"


def test_mending_drops_a_wait_where_nobody_can_wait_and_keeps_it_where_walls_hold():
    walks = Trajectories.of([[0, 0, 1]])
    assert check_moves(corridor(), walks, MendNearest())[0].states_of(0).tolist() == [0, 1]
    held, report = check_moves(corridor(blocked=Blocked.STAYS), walks)
    assert held.states_of(0).tolist() == [0, 0, 1]
    assert not report.warnings


@settings(max_examples=40)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=12), st.booleans())
def test_whatever_is_mended_is_possible_and_passes_all_recorded_states(states, slippery):
    world = grid_world({"a": np.zeros((3, 3))}, moves=FOUR_MOVES, slip=0.2 * slippery)
    kept, _ = check_moves(world.mdp, Trajectories.of([states]), MendNearest())
    assert possible_moves(world.mdp, kept).all()
    walked = iter(kept.states_of(0).tolist())
    distinct = [s for i, s in enumerate(states) if i == 0 or s != states[i - 1]]
    assert all(any(state == met for met in walked) for state in distinct)


def test_actions_are_inferred_only_where_one_explains_the_move():
    mdp = corridor(blocked=Blocked.STAYS)
    walks = Trajectories.of([[0, 1, 1, 0]])
    inferred = infer_actions(mdp, walks)
    assert inferred.actions.tolist() == [RIGHT, UNKNOWN, LEFT]
    slippery = corridor(slip=0.1)
    assert infer_actions(slippery, walks).actions.tolist() == [UNKNOWN] * 3


def test_goals_are_filled_reached_cut_and_missed():
    mdp = corridor(7, walls=[6])
    walks = Trajectories.of(
        [[0, 1, 2], [0, 1, 2, 3], [0, 1, 2], [3, 4], [2], [0, 1]],
        goals=[UNKNOWN, 2, 5, 3, 2, 5],
        names=["unnamed", "passes", "misses", "starts there", "one state", "censored"],
        censored=[False] * 5 + [True],
    )
    kept, report = check_trajectories(mdp, walks, ToGoal())
    assert kept.names == ("unnamed", "passes", "censored")
    assert kept.goals.tolist() == [2, 2, 5]
    assert kept.states_of(1).tolist() == [0, 1, 2]
    assert kept.actions_of(1).tolist() == [RIGHT, RIGHT]
    reasons = dict(report.dropped)
    assert reasons["misses"] == "never reaches its goal (5)"
    assert "one state" in reasons["one state"]
    assert "one state" in reasons["starts there"]
    assert report.used == 3
    assert any("passes passes its goal at step 2 and goes on for 1 more: cut there" in w for w in report.warnings)
    assert any("1 trajectories name no goal" in w for w in report.warnings)


def test_an_unreachable_goal_is_said():
    mdp = corridor(7, walls=[3])
    walks = Trajectories.of([[0, 1], [0, 1]], goals=[5, 1])
    _, report = check_trajectories(mdp, walks, ToGoal())
    assert report.dropped == (("0", "never reaches its goal (5), which cannot be reached from its start"),)


def test_early_goals_can_be_dropped_or_refused():
    walks = Trajectories.of([[0, 1, 2, 3], [0, 1, 2]], goals=[2, 2])
    kept, report = check_trajectories(corridor(), walks, ToGoal(), early=DropTrajectory())
    assert kept.names == ("1",)
    assert "passes its goal at step 2" in report.dropped[0][1]
    with pytest.raises(InvalidInput, match="trajectory 0: passes its goal"):
        check_trajectories(corridor(), walks, ToGoal(), early=Refuse())


def test_goals_of_the_problem_stand_for_walks_without_their_own():
    walks = Trajectories.of([[0, 1, 2, 3], [4, 3], [0, 1]])
    kept, report = check_trajectories(corridor(), walks, ToGoal((2, 3)), early=CutAtGoal())
    assert [kept.states_of(i).tolist() for i in range(2)] == [[0, 1, 2], [4, 3]]
    assert report.dropped == (("2", "never reaches its goal (any of 2, 3)"),)


def test_other_kinds_of_time():
    walks = Trajectories.of([[0, 1, 2], [0, 1], [4]], names=["long", "short", "single"])
    kept, report = check_trajectories(corridor(), walks, Finite(1))
    assert kept.names == ("short",)
    assert dict(report.dropped)["long"] == "has 2 decisions, the horizon is 1"
    assert check_trajectories(corridor(), walks, Finite())[0].names == ("long", "short")
    assert check_trajectories(corridor(), walks, Discounted(0.9))[0].names == ("long", "short")


def test_a_censored_walk_without_a_goal_is_dropped():
    walks = Trajectories.of([[0, 1], [0, 1]], censored=[True, False])
    _, report = check_trajectories(corridor(), walks, ToGoal())
    assert report.dropped == (("0", "is censored and names no goal"),)


def test_possible_moves_agree_with_the_dense_table():
    generator = np.random.default_rng(0)
    world = grid_world({"a": np.zeros((3, 4))}, slip=0.3, walls=generator.random((3, 4)) < 0.2)
    dense = world.mdp.transitions.as_dense()
    states = [generator.integers(0, world.mdp.n_states, 6) for _ in range(300)]
    actions = [generator.integers(UNKNOWN, 8, 5) for _ in range(300)]
    walks = Trajectories.of(states, actions)
    rows = walks.decisions
    expected = [
        (dense[:, s, n] > 0).any() if a == UNKNOWN else dense[a, s, n] > 0
        for s, a, n in zip(rows.state, rows.action, rows.following, strict=True)
    ]
    np.testing.assert_array_equal(possible_moves(world.mdp, walks), expected)
    assert 0 < np.sum(expected) < len(expected)


def test_names_of_states_and_actions_appear_in_messages():
    mdp = corridor(3)
    named = MDP(mdp.transitions, mdp.terminal, ("door", "hall", "garden"), mdp.action_names)
    with pytest.raises(InvalidInput, match="from state door to state garden"):
        check_moves(named, Trajectories.of([[0, 2]]))
