"""Tracker output: rows, detections, walks."""

import numpy as np
import pytest

from maxentrl.demos.report import DropTrajectory
from maxentrl.mdp.grid import grid_world
from maxentrl.readers.positions import Sampling, Unit
from maxentrl.readers.tracks import read_track, read_tracks
from maxentrl.status import InvalidInput

CELLS = Sampling(Unit.CELLS)


@pytest.fixture
def world():
    walls = np.zeros((4, 5))
    walls[2, 1:5] = 1
    return grid_world({"a": np.arange(20.0).reshape(4, 5)}, walls=walls)


def test_walks_are_named_after_their_files(world, tmp_path):
    (tmp_path / "one.txt").write_text("0\t0\t0\t0\t0\n1\t1\t1\t1.5\t1\n\n2\t2\t1\t0\t0\n")
    (tmp_path / "two.txt").write_text("# t x y\n0, 4, 1\n1, 3, 0\n")
    walks, report = read_tracks([tmp_path / "one.txt", tmp_path / "two.txt"], world, sampling=CELLS)
    assert walks.names == ("one", "two")
    assert walks.states_of(0).tolist() == [0, 6, 7]
    assert walks.states_of(1).tolist() == [9, 3]
    assert report.used == 2


def test_missed_detections(tmp_path):
    (tmp_path / "t.txt").write_text("0 0 0 0 0\n1 1 1 1.5 1\n")
    track = read_track(tmp_path / "t.txt")
    assert track.detected.tolist() == [False, True]
    assert track.detection[1].tolist() == [1.5, 1.0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("0 1\n", "line 1: expected 't x y'"),
        ("0 0 0\n1 x 0\n", "line 2"),
        ("", "holds no row"),
        ("0 0 inf\n", "line 1"),
    ],
)
def test_bad_rows_are_named(tmp_path, content, says):
    (tmp_path / "t.txt").write_text(content)
    with pytest.raises(InvalidInput, match=says):
        read_track(tmp_path / "t.txt")


def test_a_walk_through_a_wall_is_refused_or_dropped(world, tmp_path):
    (tmp_path / "good.txt").write_text("0 0 0\n1 0 1\n")
    (tmp_path / "bad.txt").write_text("0 3 1\n1 3 3\n")
    files = [tmp_path / "good.txt", tmp_path / "bad.txt"]
    with pytest.raises(InvalidInput, match="bad"):
        read_tracks(files, world, sampling=CELLS)
    walks, report = read_tracks(files, world, impossible=DropTrajectory(), sampling=CELLS)
    assert walks.names == ("good",)
    assert [name for name, _ in report.dropped] == ["bad"]
