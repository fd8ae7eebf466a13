"""Checks of decision processes and features, against breadth-first search by hand and exact linear relations."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from maxentrl.mdp.checks import can_reach, check_mdp, feature_report, reachable_from, state_graph
from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.transitions import DeterministicTransitions, SparseTransitions, from_dense
from maxentrl.mdp.world import World
from maxentrl.status import InvalidInput


def sparse(probability, available=None):
    table = np.array(probability, float)
    size = table.shape[2]
    successors = np.stack([np.arange(size), np.roll(np.arange(size), -1)]).astype(np.int32)
    return SparseTransitions(successors, table, np.ones((len(table), size), bool) if available is None else available)


def test_a_sound_process_has_no_problem():
    world = grid_world({"a": np.zeros((3, 3))}, slip=0.2)
    assert check_mdp(world.mdp) == []


def test_each_problem_is_named_with_its_place():
    transitions = sparse([[[0.5, 0.4, 1.0], [0.5, 0.5, 0.0]], [[1.5, np.nan, 1.0], [-0.5, 0.0, 0.0]]])
    mdp = MDP(transitions, np.zeros(3, bool), ("x", "y", "z"), ("go", "rest"))
    text = "\n".join(check_mdp(mdp))
    assert "state y, action go: probabilities sum to 0.9: expected 1" in text
    assert "state x, action rest has probability -0.5" in text
    assert "state y, action rest has probability nan" in text


def test_sums_are_tolerated_to_a_millionth():
    assert check_mdp(MDP(sparse([[[0.5, 1.0], [0.5 + 9e-7, 0.0]]]), np.zeros(2, bool))) == []
    assert len(check_mdp(MDP(sparse([[[0.5, 1.0], [0.5 + 2e-6, 0.0]]]), np.zeros(2, bool)))) == 1


def test_successors_out_of_range_and_states_without_moves():
    transitions = DeterministicTransitions(np.array([[7, 1, 2]], np.int32), np.array([[True, False, False]]))
    problems = check_mdp(MDP(transitions, np.array([False, False, True])))
    assert any("state 0 leads to state 7" in problem for problem in problems)
    assert any("state 1 offers no move and is not terminal" in problem for problem in problems)
    assert not any("state 2" in problem and "no move" in problem for problem in problems)


def test_many_problems_are_listed_and_the_rest_counted():
    problems = check_mdp(
        MDP(DeterministicTransitions(np.zeros((1, 100), np.int32), np.zeros((1, 100), bool)), np.zeros(100, bool))
    )
    assert len(problems) == 21
    assert "80 more" in problems[-1]


def test_wrong_sizes():
    transitions = DeterministicTransitions(np.zeros((1, 2), np.int32), np.ones((1, 2), bool))
    assert "terminal has shape" in check_mdp(MDP(transitions, np.zeros(3, bool)))[0]
    assert "3 state_names were given for 2 states" in check_mdp(MDP(transitions, np.zeros(2, bool), ("a", "b", "c")))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_reachability_agrees_with_the_closure_of_the_graph(seed, deterministic):
    generator = np.random.default_rng(seed)
    size = int(generator.integers(1, 7))
    dense = generator.random((2, size, size)) * (generator.random((2, size, size)) < 0.3)
    if deterministic:
        dense = np.eye(size)[generator.integers(0, size, (2, size))] * (generator.random((2, size, 1)) < 0.7)
    total = dense.sum(axis=2, keepdims=True)
    dense = np.divide(dense, total, out=np.zeros_like(dense), where=total > 0)
    terminal = generator.random(size) < 0.2
    mdp = MDP(from_dense(dense) if dense.any() else _no_moves(size), terminal)
    step = (dense > 0).any(axis=0) & ~terminal[:, None]
    closure = np.linalg.matrix_power(np.eye(size) + step, size) > 0
    start = int(generator.integers(size))
    np.testing.assert_array_equal(state_graph(mdp).toarray() > 0, step)
    np.testing.assert_array_equal(reachable_from(mdp, [start]), closure[start])
    np.testing.assert_array_equal(can_reach(mdp, [start]), closure[:, start])
    both = [start, (start + 1) % size]
    np.testing.assert_array_equal(reachable_from(mdp, both), closure[both].any(axis=0))


def _no_moves(size):
    return DeterministicTransitions(np.zeros((2, size), np.int32), np.zeros((2, size), bool))


def test_reachability_names_what_is_not_a_state():
    mdp = grid_world({"a": np.zeros((2, 2))}).mdp
    with pytest.raises(InvalidInput, match="goal 9 is not a state"):
        can_reach(mdp, [9])
    assert not reachable_from(mdp, []).any()


def test_constant_and_distance_cannot_be_told_apart_on_four_moves():
    world = grid_world({"constant": np.ones((4, 5)), "hill": np.arange(20.0).reshape(4, 5)}, moves=FOUR_MOVES)
    report = feature_report(world)
    assert report.collinear == (("constant", "distance"),)
    assert any("constant and distance cannot be told apart" in warning for warning in report.warnings)
    assert report.constant == ("constant", "distance")
    assert feature_report(grid_world({"constant": np.ones((4, 5))})).collinear == ()


def test_classes_that_sum_to_the_constant_are_one_group_and_others_stay_out():
    generator = np.random.default_rng(0)
    kind = generator.integers(0, 3, (6, 6))
    layers = {f"class {k}": (kind == k).astype(float) for k in range(3)}
    layers |= {"one": np.full((6, 6), 5.0), "noise": generator.normal(size=(6, 6))}
    layers |= {"double noise": -2 * layers["noise"]}
    report = feature_report(grid_world(layers))
    assert set(report.collinear) == {("class 0", "class 1", "class 2", "one"), ("noise", "double noise")}


def test_relations_that_single_precision_blurs_are_still_found():
    column = np.random.default_rng(1).random((5, 5))
    report = feature_report(grid_world({"a": column, "b": (3 * column).astype(np.float32)}))
    assert report.collinear == (("a", "b"),)


def test_statistics_run_over_the_pairs_that_can_be_chosen():
    generator = np.random.default_rng(2)
    world = grid_world(
        {"a": generator.random((3, 4)), "b": generator.random((3, 4))}, walls=generator.random((3, 4)) < 0.2
    )
    report = feature_report(world)
    action, state = np.nonzero(world.mdp.available)
    columns = np.stack(
        [
            world.state_features["a"][state],
            world.state_features["b"][state],
            world.pair_features["distance"][action, state],
        ]
    )
    np.testing.assert_allclose(report.mean, columns.mean(axis=1))
    np.testing.assert_allclose(report.minimum, columns.min(axis=1))
    np.testing.assert_allclose(report.maximum, columns.max(axis=1))
    np.testing.assert_allclose(report.correlation, np.corrcoef(columns), atol=1e-12)


def test_nan_zero_and_unknown_features_are_named():
    mdp = grid_world({"a": np.zeros((1, 3))}).mdp
    world = World(mdp, {"bad": np.array([0, np.nan, 1]), "nil": np.zeros(3)})
    assert feature_report(world).problems == ("feature 'bad' is nan at state 1 and 0 more entries",)
    assert "feature 'nil' is 0 everywhere" in feature_report(world, ["nil"]).problems[0]
    assert np.isfinite(feature_report(world, ["nil"]).correlation).all()
    with pytest.raises(InvalidInput, match="no feature 'c'"):
        feature_report(world, ["c"])


def test_a_name_of_states_and_pairs_is_one_feature():
    mdp = grid_world({"a": np.zeros((1, 3))}, moves=FOUR_MOVES).mdp
    world = World(mdp, {"f": np.arange(3.0)}, {"f": np.ones((4, 3))})
    report = feature_report(world)
    assert report.names == ("f",)
    assert (report.minimum[0], report.maximum[0]) == (1.0, 3.0)
