"""Grid worlds against a plain reading of the rules, one cell, action and outcome at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from maxentrl.mdp.checks import check_mdp
from maxentrl.mdp.grid import EIGHT_MOVES, FOUR_MOVES, Blocked, Moves, grid_world
from maxentrl.mdp.transitions import DeterministicTransitions, SparseTransitions
from maxentrl.status import InvalidInput


def by_hand(closed, moves, slip, blocked):
    """P[a, s, s'] by the rules as a user reads them."""
    rows, columns = closed.shape
    cells = [(r, c) for r in range(rows) for c in range(columns) if not closed[r, c]]
    number = {cell: i for i, cell in enumerate(cells)}
    size, count = len(cells), len(moves.offsets)

    def outcome(cell, move):
        r, c = cell
        dr, dc = moves.offsets[move]
        target = (r + dr, c + dc)
        if target not in number:
            return None
        if dr and dc and (r + dr, c) not in number and (r, c + dc) not in number:
            return None
        return target

    dense = np.zeros((count, size, size))
    for s, cell in enumerate(cells):
        ends = [outcome(cell, m) for m in range(count)]
        choices = [m for m in range(count) if blocked is Blocked.STAYS or ends[m] is not None]
        for a in choices:
            for m in choices:
                chance = (1 - slip) * (m == a) + slip / len(choices)
                dense[a, s, number[ends[m] or cell]] += chance
    return dense


@settings(max_examples=60, deadline=None)
@given(
    closed=st.integers(1, 4).flatmap(
        lambda r: st.integers(1, 4).flatmap(
            lambda c: st.lists(st.booleans(), min_size=r * c, max_size=r * c).map(
                lambda bits: np.array(bits).reshape(r, c)
            )
        )
    ),
    moves=st.sampled_from([FOUR_MOVES, EIGHT_MOVES]),
    stay=st.booleans(),
    blocked=st.sampled_from(list(Blocked)),
    slip=st.sampled_from([0.0, 0.2, 1.0]),
)
def test_transitions_follow_the_rules(closed, moves, stay, blocked, slip):
    layers = {"height": np.arange(closed.size, dtype=float).reshape(closed.shape)}
    if closed.all():
        with pytest.raises(InvalidInput, match="no open cell"):
            grid_world(layers, walls=closed)
        return
    world = grid_world(layers, walls=closed, moves=moves, stay=stay, blocked=blocked, slip=slip)
    expected = by_hand(closed, moves.with_stay() if stay else moves, slip, blocked)
    np.testing.assert_allclose(world.mdp.transitions.as_dense(), expected, atol=1e-15)
    np.testing.assert_array_equal(world.mdp.available, expected.sum(axis=2) > 0)
    np.testing.assert_array_equal(world.state_features["height"], layers["height"][~closed])
    stuck = (~world.mdp.available.any(axis=0)).sum()
    assert len(check_mdp(world.mdp)) == stuck
    assert isinstance(world.mdp.transitions, DeterministicTransitions if slip == 0 else SparseTransitions)


def test_successors_are_distinct_where_they_can_be_reached():
    world = grid_world({"a": np.zeros((3, 4))}, stay=True, blocked=Blocked.STAYS, slip=0.3)
    transitions = world.mdp.transitions
    for s in range(world.mdp.n_states):
        reached = transitions.successors[:, s][(transitions.probability[:, :, s] > 0).any(axis=0)]
        assert len(set(reached.tolist())) == len(reached)


def test_slip_without_blocked_or_staying_moves_has_no_slot_for_staying():
    world = grid_world({"a": np.zeros((3, 3))}, slip=0.5)
    assert world.mdp.transitions.successors.shape == (8, 9)


def test_geometry_distance_and_terminal_cells():
    walls = np.array([[0, 1, 0], [0, 0, 0]])
    world = grid_world(
        {"a": np.zeros((2, 3))}, walls=walls, cell_size=0.5, stay=True, terminal=[(1, 2)], origin=(10.0, 20.0)
    )
    assert world.mdp.n_states == 5
    np.testing.assert_array_equal(world.geometry.state_of_cell, [[0, -1, 1], [2, 3, 4]])
    np.testing.assert_allclose(world.geometry.position[4], [10 + 2.5 * 0.5, 20 + 1.5 * 0.5])
    assert world.mdp.terminal.tolist() == [False] * 4 + [True]
    lengths = dict(zip(world.mdp.action_names, world.pair_features["distance"][:, 0], strict=True))
    assert lengths["right"] == 0.5
    assert lengths["up-left"] == pytest.approx(math.sqrt(0.5))
    assert lengths["stay"] == 0.0


def test_a_layer_called_distance_replaces_the_built_in_one():
    world = grid_world({"distance": np.ones((2, 2))})
    assert "distance" in world.state_features
    assert "distance" not in world.pair_features


def test_pooling_takes_the_mean_and_half_a_cell_of_walls_closes_it():
    pixels = np.arange(35, dtype=float).reshape(5, 7)
    walls = np.zeros((5, 7))
    walls[0:2, 0] = 1
    walls[2, 2:5] = 1
    walls[4, 6] = 1
    world = grid_world({"a": pixels}, walls=walls, pool=2)
    closed = np.zeros((3, 4), bool)
    expected = np.zeros((3, 4))
    for r in range(3):
        for c in range(4):
            block = slice(2 * r, 2 * r + 2), slice(2 * c, 2 * c + 2)
            expected[r, c] = pixels[block].mean()
            closed[r, c] = walls[block].mean() >= 0.5
    np.testing.assert_array_equal(world.geometry.state_of_cell >= 0, ~closed)
    np.testing.assert_allclose(world.state_features["a"], expected[~closed])


def test_a_wall_pixel_without_a_number_does_not_spoil_its_cell():
    pixels = np.array([[1.0, np.nan], [3.0, 5.0]])
    world = grid_world({"a": pixels}, walls=np.isnan(pixels), pool=2)
    np.testing.assert_allclose(world.state_features["a"], [3.0])


def test_own_moves():
    knight = Moves(("jump", "back"), ((2, 1), (-2, -1)))
    world = grid_world({"a": np.zeros((3, 2))}, moves=knight)
    assert world.mdp.transitions.as_dense()[0, 0, 5] == 1.0
    assert world.mdp.available.sum() == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"slip": 1.5}, "slip = 1.5"),
        ({"slip": math.nan}, "slip = nan"),
        ({"cell_size": 0.0}, "cell_size = 0.0"),
        ({"pool": 0}, "pool = 0"),
        ({"terminal": [(0, 9)]}, r"\(0, 9\) is off the map"),
        ({"terminal": [(1, 1)]}, r"\(1, 1\) is a wall"),
        ({"walls": np.zeros((2, 2))}, "'walls' is 2 x 2"),
        ({"layers": {}, "walls": None}, "at least one layer"),
        ({"layers": {"a": np.zeros((2, 3)), "b": np.zeros((3, 2))}}, "'a' is 2 x 3, 'b' is 3 x 2"),
        ({"layers": {"a": np.zeros(3)}}, r"'a' has shape \(3,\)"),
        ({"layers": {"a": np.zeros((0, 3))}, "walls": None}, "0 rows"),
        ({"layers": {"a": np.array([["x", "y", "z"]] * 2)}}, "expected numbers"),
        ({"layers": {"a": np.array([[0, 0, np.nan], [0, 0, 0]])}}, "'a' is nan at row 0, column 2"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    walls = np.zeros((2, 3))
    walls[1, 1] = 1
    given = {"layers": {"a": np.zeros((2, 3))}, "walls": walls, **arguments}
    with pytest.raises(InvalidInput, match=message):
        grid_world(given.pop("layers"), **given)


def test_a_large_map_with_slip_is_a_distribution_everywhere():
    world = grid_world({"a": np.zeros((300, 300))}, slip=0.1)
    assert world.mdp.transitions.probability.shape == (8, 8, 90_000)
    np.testing.assert_allclose(np.asarray(world.mdp.transitions.probability).sum(axis=1)[world.mdp.available], 1.0)
