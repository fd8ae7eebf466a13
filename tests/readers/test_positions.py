"""Positions → walks: snapped, joined and resampled, with gaps, jumps and walls reported."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from maxentrl.demos.checks import possible_moves
from maxentrl.demos.report import DropTrajectory, MendNearest
from maxentrl.mdp.grid import EIGHT_MOVES, FOUR_MOVES, Moves, grid_world
from maxentrl.readers.positions import Sampling, Snapper, Unit, lattice_path, moves_offered
from maxentrl.readers.trajectories import read_trajectories_csv
from maxentrl.status import InvalidInput


def read(folder, rows, world, **settings):
    path = folder / "walks.csv"
    path.write_text("trajectory,t,x,y\n" + "".join(f"{name},{t!r},{x!r},{y!r}\n" for name, t, x, y in rows))
    return read_trajectories_csv(path, world, **settings)


def room(rows=4, columns=6, walls=(), **settings):
    closed = np.zeros((rows, columns))
    for cell in walls:
        closed[cell] = 1
    return grid_world({"a": np.zeros((rows, columns))}, walls=closed, **settings)


def cells(world, walks, i=0):
    return [tuple(cell) for cell in world.geometry.cell_of_state[walks.states_of(i)].tolist()]


def test_metres_are_snapped_to_cells_of_the_map(tmp_path):
    world = room(cell_size=0.5, origin=(10.0, -1.0))
    rows = [("w", 0.0, 10.1, -0.9), ("w", 1.0, 10.6, -0.4), ("w", 2.0, 11.4, -0.4)]
    walks, report = read(tmp_path, rows, world)
    assert cells(world, walks) == [(0, 0), (1, 1), (1, 2)]
    assert [world.mdp.action_names[a] for a in walks.actions] == ["down-right", "right"]
    assert report.dropped == ()


def test_cells_and_pixels(tmp_path):
    world = room()
    rows = [("w", 0.0, 0.0, 0.0), ("w", 1.0, 1.4, 0.6)]
    walks, _ = read(tmp_path, rows, world, sampling=Sampling(unit=Unit.CELLS))
    assert cells(world, walks) == [(0, 0), (1, 1)]
    rows = [("w", 0.0, 3.0, 0.0), ("w", 1.0, 4.0, 7.0)]
    walks, _ = read(tmp_path, rows, world, sampling=Sampling(unit=Unit.PIXELS, pixels_per_cell=4))
    assert cells(world, walks) == [(0, 0), (1, 1)]


def test_a_repeated_cell_is_one_state_unless_walkers_can_stay(tmp_path):
    rows = [("w", 0.0, 0.5, 0.5), ("w", 1.0, 0.6, 0.5), ("w", 2.0, 1.5, 0.5)]
    walks, _ = read(tmp_path, rows, room())
    assert walks.lengths.tolist() == [1]
    staying = room(stay=True)
    walks, _ = read(tmp_path, rows, staying)
    assert [staying.mdp.action_names[a] for a in walks.actions] == ["stay", "right"]


@pytest.mark.parametrize("moves", [FOUR_MOVES, EIGHT_MOVES])
def test_far_positions_are_joined_by_neighbours(tmp_path, moves):
    world = room(moves=moves)
    walks, _ = read(tmp_path, [("w", 0.0, 0.5, 0.5), ("w", 1.0, 5.5, 2.5)], world)
    path = cells(world, walks)
    assert (path[0], path[-1]) == ((0, 0), (2, 5))
    assert walks.lengths[0] == (7 if moves is FOUR_MOVES else 5)
    assert possible_moves(world.mdp, walks).all()


@settings(max_examples=50)
@given(st.data())
def test_walks_of_an_open_room_are_always_possible_and_visit_every_cell_recorded(tmp_path, data):
    world = room(moves=data.draw(st.sampled_from([FOUR_MOVES, EIGHT_MOVES])), stay=data.draw(st.booleans()))
    inside = st.tuples(st.floats(0.01, 5.99), st.floats(0.01, 3.99))
    points = data.draw(st.lists(inside, min_size=1, max_size=8))
    walks, report = read(tmp_path, [("w", float(k), x, y) for k, (x, y) in enumerate(points)], world)
    assert possible_moves(world.mdp, walks).all()
    walked = iter(cells(world, walks))
    visited = [(int(y), int(x)) for x, y in points]
    distinct = [cell for k, cell in enumerate(visited) if k == 0 or cell != visited[k - 1]]
    assert all(any(cell == met for met in walked) for cell in distinct)
    assert not report.dropped


def test_an_interval_resamples_in_time(tmp_path):
    world = room(1, 12, stay=True)
    rows = [("w", 0.1 * k, 0.5 + 0.1 * k, 0.5) for k in range(101)]
    walks, _ = read(tmp_path, rows, world, sampling=Sampling(interval=1.0))
    assert walks.lengths.tolist() == [10]
    assert cells(world, walks) == [(0, k) for k in range(11)]
    wait = [("w", 0.0, 0.5, 0.5), ("w", 3.0, 0.5, 0.5), ("w", 4.0, 1.5, 0.5)]
    walks, _ = read(tmp_path, wait, world, sampling=Sampling(interval=1.0))
    assert cells(world, walks) == [(0, 0)] * 4 + [(0, 1)]


def test_gaps_and_jumps_are_reported_by_walk_and_time(tmp_path):
    world = room(1, 40)
    rows = [("late", float(k), k + 0.5, 0.5) for k in range(10)] + [("late", 15.0, 11.5, 0.5)]
    rows += [("far", float(k), k + 0.5, 0.5) for k in range(10)] + [("far", 10.0, 30.5, 0.5)]
    walks, report = read(tmp_path, rows, world)
    assert len(walks) == 2
    assert any("trajectory late: 1 gaps, the largest of 6 seconds after t = 9" in w for w in report.warnings)
    assert any("trajectory far: 1 jumps, the largest of 21 cells after t = 9" in w for w in report.warnings)
    assert not any("far: 1 gaps" in w or "late: 1 jumps" in w for w in report.warnings)


def test_rows_out_of_order_and_repeated(tmp_path):
    world = room()
    rows = [("w", 1.0, 1.5, 0.5), ("w", 0.0, 0.5, 0.5), ("w", 1.0, 1.5, 0.5)]
    walks, report = read(tmp_path, rows, world)
    assert cells(world, walks) == [(0, 0), (0, 1)]
    assert "out of order" in report.warnings[0]
    with pytest.raises(InvalidInput, match="trajectory w: it is in two places at t = 1"):
        read(tmp_path, [*rows, ("w", 1.0, 3.5, 0.5)], world)


def test_positions_in_walls_are_moved_a_little_and_refused_beyond(tmp_path):
    world = room(walls=[(0, 1)])
    near = [("w", 0.0, 0.5, 0.5), ("w", 1.0, 1.1, 0.5), ("w", 2.0, 0.5, 1.5)]
    walks, report = read(tmp_path, near, world)
    assert cells(world, walks) == [(0, 0), (1, 0)]
    assert "1 positions in walls or off the map were moved" in report.warnings[0]
    away = [("w", 0.0, 0.5, 0.5), ("w", 1.0, 1.5, 9.5), ("v", 0.0, 0.5, 0.5), ("v", 1.0, 0.5, 1.5)]
    with pytest.raises(InvalidInput, match=r"trajectory w: at t = 1 it is 5.5 cells from the nearest open cell"):
        read(tmp_path, away, world)
    walks, report = read(tmp_path, away, world, impossible=DropTrajectory())
    assert walks.names == ("v",)
    assert report.dropped[0][0] == "w"


def test_a_line_through_a_wall_is_refused_dropped_or_led_round(tmp_path):
    world = room(3, 3, walls=[(0, 1), (1, 1)])
    rows = [("w", 0.0, 0.5, 0.5), ("w", 1.0, 2.5, 0.5)]
    with pytest.raises(InvalidInput, match="no move leads from state 0 to state 1"):
        read(tmp_path, rows, world)
    walks, report = read(tmp_path, rows, world, impossible=MendNearest())
    assert possible_moves(world.mdp, walks).all()
    assert cells(world, walks)[-1] == (0, 2)
    assert walks.lengths.tolist() == [4]
    assert "1 impossible moves were replaced" in report.warnings[-1]


def test_dense_rows_suggest_an_interval(tmp_path):
    rows = [("w", 0.04 * k, 0.5 + 0.05 * k, 0.5) for k in range(100)]
    _, report = read(tmp_path, rows, room())
    assert "interval near 0.8 seconds" in report.warnings[0]


def test_a_walk_of_one_position(tmp_path):
    walks, _ = read(tmp_path, [("w", 0.0, 0.5, 0.5)], room(), sampling=Sampling(interval=0.5))
    assert walks.lengths.tolist() == [0]


def test_what_moves_a_world_offers():
    for moves, stay in ((FOUR_MOVES, False), (FOUR_MOVES, True), (EIGHT_MOVES, False), (EIGHT_MOVES, True)):
        for slip in (0.0, 0.2):
            world = room(moves=moves, stay=stay, slip=slip)
            assert moves_offered(world.mdp, world.geometry) == (moves is EIGHT_MOVES, stay)
    world = room(moves=Moves(("east",), ((0, 1),)), stay=True)
    assert moves_offered(world.mdp, world.geometry) == (False, True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"interval": 0.0}, "interval = 0.0"),
        ({"interval": float("nan")}, "interval = nan"),
        ({"pixels_per_cell": 0}, "pixels_per_cell = 0"),
        ({"snap_limit": -1.0}, "snap_limit = -1.0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InvalidInput, match=message):
        Sampling(**settings)


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("stay", [True, False])
def test_each_recorded_cell_is_found_where_the_path_says(diagonal, stay):
    world = room(5, 5)
    recorded = np.array([[0, 0], [1, 1], [1, 1], [4, 3], [3, 2], [3, 2], [0, 2]])
    states, step = lattice_path(recorded, diagonal, stay, Snapper(world.geometry))
    path = world.geometry.cell_of_state[states]
    np.testing.assert_array_equal(path[step], recorded)
    assert (np.diff(step) >= 0).all()
    strides = np.abs(np.diff(path, axis=0))
    assert strides.max() == 1
    assert (strides.sum(axis=1).max() == 2) == diagonal
    assert bool((strides.sum(axis=1) == 0).any()) == stay


def test_metres_on_a_map_without_a_scale_are_said(tmp_path):
    rows = [("w", 0.0, 0.5, 0.5), ("w", 1.0, 1.5, 0.5)]
    _, report = read(tmp_path, rows, room())
    assert "set cell_size" in report.warnings[-1]
    for world, sampling in [(room(cell_size=1.0), Sampling()), (room(), Sampling(Unit.CELLS))]:
        _, report = read(tmp_path, rows, world, sampling=sampling)
        assert not any("cell_size" in warning for warning in report.warnings)
