"""Tracker output: rows, detections, walks; made up and, where the data are there, published ones."""

import os
from pathlib import Path

import numpy as np
import pytest

from maxentrl.demos.report import DropTrajectory, MendNearest
from maxentrl.mdp.grid import EIGHT_MOVES, grid_world
from maxentrl.readers.layers import read_layers
from maxentrl.readers.positions import Sampling, Unit
from maxentrl.readers.tracks import read_track, read_tracks
from maxentrl.status import InvalidInput

PIXELS = Sampling(Unit.PIXELS)
ROOM = grid_world({"a": np.zeros((4, 6))}, cell_size=0.5)
ROWS = "0 0 1 0 0\n1 1 2 1 2\n2 2 2 3 3\n3 3 1 0 0\n"


def write(folder, text, name="A_2_tracker_output.txt"):
    path = folder / name
    path.write_text(text)
    return path


def published():
    folder = Path(os.environ.get("MAXENTRL_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
    if not (folder / "kitani_virat").is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("the kitani_virat data are missing: set MAXENTRL_DATA")
        pytest.skip("needs the kitani_virat data: set MAXENTRL_DATA")
    return folder / "kitani_virat"


def test_walks_are_named_after_their_files(tmp_path):
    one = write(tmp_path, "0\t0\t0\t0\t0\n1\t1\t1\t1.5\t1\n\n2\t2\t1\t0\t0\n", "one.txt")
    two = write(tmp_path, "# t x y\n0, 4, 1\n1, 3, 0\n", "two.txt")
    walks, _, report = read_tracks([one, two], ROOM, sampling=Sampling(Unit.CELLS))
    assert walks.names == ("one", "two")
    assert walks.states_of(0).tolist() == [0, 7, 8]
    assert walks.states_of(1).tolist() == [10, 3]
    assert report.used == 2


def test_missed_detections(tmp_path):
    track = read_track(write(tmp_path, "0 0 0 0 0\n1 1 1 1.5 1\n"))
    assert track.detected.tolist() == [False, True]
    assert track.detection[1].tolist() == [1.5, 1.0]


def test_moves_and_detections_of_a_walk(tmp_path):
    walks, detections, report = read_tracks([write(tmp_path, ROWS)], ROOM, sampling=PIXELS)
    assert walks.names == ("A_2",)
    assert ROOM.geometry.cell_of_state[walks.states].tolist() == [[1, 0], [2, 1], [2, 2], [1, 3]]
    assert [ROOM.mdp.action_names[a] for a in walks.actions] == ["down-right", "right", "up-right"]
    assert detections[0].seen.tolist() == [False, True, True, False]
    assert detections[0].step.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(detections[0].position[2], [1.75, 1.75])
    np.testing.assert_allclose(detections[0].position[0], ROOM.geometry.position[walks.states[0]])
    assert report.used == 1


def test_metres_stay_metres(tmp_path):
    rows = "0 0.3 0.7 0.2 0.6\n1 0.9 0.7 0 0\n"
    _, detections, _ = read_tracks([write(tmp_path, rows)], ROOM)
    np.testing.assert_allclose(detections[0].position, [[0.2, 0.6], [0.9, 0.7]])


def test_pooled_pixels_keep_the_step_of_each_row(tmp_path):
    pooled, sampling = grid_world({"a": np.zeros((4, 6))}, pool=2), Sampling(Unit.PIXELS, 2)
    walks, detections, _ = read_tracks([write(tmp_path, ROWS)], pooled, sampling=sampling)
    assert pooled.geometry.cell_of_state[walks.states].tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert detections[0].step.tolist() == [0, 1, 2, 3]
    slow = "".join(f"{k} {k} 0 {k} 0\n" for k in range(6))
    walks, detections, _ = read_tracks([write(tmp_path, slow)], pooled, sampling=sampling)
    assert walks.lengths.tolist() == [2]
    assert detections[0].step.tolist() == [0, 0, 1, 1, 2, 2]


def test_mended_walks_keep_the_step_of_each_row(tmp_path):
    walls = np.zeros((3, 3))
    walls[:2, 1] = 1
    world = grid_world({"a": np.zeros((3, 3))}, walls=walls)
    path = write(tmp_path, "0 0 0 0 0\n1 2 0 2 0\n2 2 1 2 1\n")
    walks, detections, report = read_tracks([path], world, impossible=MendNearest(), sampling=PIXELS)
    cells = world.geometry.cell_of_state[walks.states]
    assert cells[detections[0].step].tolist() == [[0, 0], [0, 2], [1, 2]]
    assert report.warnings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row"),
        ("0 1\n", "line 1: expected 't x y'"),
        ("0 0 0\n1 x 0\n", "line 2"),
        ("0 1 1 0\n", "line 1"),
        ("0 1 nan 0 0\n", "line 1"),
        ("0 0 inf\n", "line 1"),
        ("0 1 1 0 0\n1 9 1 0 0\n", "at t = 1 it is 3.5 cells from the nearest open cell"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message):
    with pytest.raises(InvalidInput, match=message):
        read_tracks([write(tmp_path, text)], ROOM, sampling=PIXELS)


def test_no_files_and_two_of_one_name(tmp_path):
    with pytest.raises(InvalidInput, match="no files"):
        read_tracks([], ROOM)
    path = write(tmp_path, ROWS)
    with pytest.raises(InvalidInput, match="one name"):
        read_tracks([path, path], ROOM)


def test_a_walk_off_the_map_is_dropped_with_its_detections(tmp_path):
    files = [write(tmp_path, "0 1 1 0 0\n1 9 1 0 0\n", "B_tracker_output.txt"), write(tmp_path, ROWS)]
    walks, detections, report = read_tracks(files, ROOM, impossible=DropTrajectory(), sampling=PIXELS)
    assert walks.names == ("A_2",)
    assert len(detections) == 1
    assert detections[0].seen.tolist() == [False, True, True, False]
    assert [name for name, _ in report.dropped] == ["B"]
    with pytest.raises(InvalidInput, match="no walk is left"):
        read_tracks(files[:1], ROOM, impossible=DropTrajectory(), sampling=PIXELS)


def test_a_walk_through_a_wall_is_refused_or_dropped(tmp_path):
    walls = np.zeros((4, 5))
    walls[2, 1:5] = 1
    world = grid_world({"a": np.arange(20.0).reshape(4, 5)}, walls=walls)
    files = [write(tmp_path, "0 0 0\n1 0 1\n", "good.txt"), write(tmp_path, "0 3 1\n1 3 3\n", "bad.txt")]
    with pytest.raises(InvalidInput, match="bad"):
        read_tracks(files, world, sampling=PIXELS)
    walks, detections, report = read_tracks(files, world, impossible=DropTrajectory(), sampling=PIXELS)
    assert walks.names == ("good",)
    assert len(detections) == 1
    assert [name for name, _ in report.dropped] == ["bad"]


def test_published_walks_and_features():
    folder = published()
    layers, report = read_layers(folder / "oc_demo_features.npz", names=folder / "feature_list.txt")
    assert len(layers) == 40
    assert list(layers)[:2] == ["constant", "pavement"]
    assert report.dropped == ()
    world = grid_world(layers, moves=EIGHT_MOVES)
    assert world.mdp.n_states == 216 * 384
    files = sorted((folder / "traj").glob("*_tracker_output.txt"))
    walks, detections, report = read_tracks(files, world, sampling=Sampling(Unit.PIXELS, snap_limit=0.0))
    assert len(walks) == 14
    assert walks.lengths.sum() + 14 == sum(len(d.step) for d in detections)
    assert (walks.actions >= 0).all()
    assert report.warnings == ()
    for i, path in enumerate(files):
        rows = np.loadtxt(path)
        np.testing.assert_array_equal(world.geometry.cell_of_state[walks.states_of(i)], rows[:, [2, 1]])
        np.testing.assert_array_equal(detections[i].seen, (rows[:, 3:] != 0).any(axis=1))
