"""Recordings of crowds, and the ground under a camera."""

import json

import numpy as np
import pytest

from maxentrl.readers.crowds import read_crowd_text, read_trajnet
from maxentrl.readers.homography import Ground, Homography, on_ground, read_homography
from maxentrl.status import InvalidInput


def test_text_is_sorted_by_person_and_frame(tmp_path):
    path = tmp_path / "plaza.txt"
    path.write_text("# frame person x y\n20\t7.0\t1.5\t2\n10 7 1 2\n10 3 0 0\r\n")
    crowd = read_crowd_text(path)
    assert crowd.name == "plaza"
    assert crowd.persons == ("3", "7")
    assert crowd.person.tolist() == [0, 1, 1]
    assert crowd.frame.tolist() == [10, 10, 20]
    assert crowd.position.tolist() == [[0, 0], [1, 2], [1.5, 2]]
    assert np.allclose(crowd.t, [0.4, 0.4, 0.8])
    assert crowd.frames.tolist() == [10, 20]


def test_trajnet_lines_give_the_same_and_leave_predictions_out(tmp_path):
    rows = [(20, 7, 1.5, 2.0), (10, 7, 1.0, 2.0), (10, 3, 0.0, 0.0)]
    lines = [{"scene": {"id": 0, "p": 7, "s": 10, "e": 20, "fps": 2.5}}]
    lines += [{"track": dict(zip("fpxy", row, strict=True))} for row in rows]
    lines.append({"track": {"f": 30, "p": 7, "x": 9.0, "y": 9.0, "prediction_number": 0, "scene_id": 0}})
    path = tmp_path / "plaza.ndjson"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    crowd = read_trajnet(path)
    text = tmp_path / "plaza.txt"
    text.write_text("\n".join(" ".join(map(str, row)) for row in rows))
    same = read_crowd_text(text)
    assert crowd.persons == same.persons
    assert np.array_equal(crowd.position, same.position)
    assert np.array_equal(crowd.frame, same.frame)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", "holds no row"),
        ("10 1 2\n", "line 1: expected 'frame person x y'"),
        ("10 1 2 3\n10 1.5 2 3\n", "line 2: expected"),
        ("10 1 nan 3\n", "line 1: expected"),
        ("10 1 2 3\n10 1 2 4\n", "person 1 is listed twice in frame 10"),
    ],
)
def test_bad_text_is_named(tmp_path, content, found):
    path = tmp_path / "crowd.txt"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=found):
        read_crowd_text(path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{not json}", "line 1: expected"),
        ('{"tracks": 1}', "line 1: expected"),
        ('{"track": 3}', "line 1: expected"),
        ('{"track": {"f": 1, "p": 2, "x": "left", "y": 0}}', "must be whole and x and y finite"),
        ('{"scene": {}}', "holds no row"),
    ],
)
def test_bad_trajnet_is_named(tmp_path, content, found):
    path = tmp_path / "crowd.ndjson"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=found):
        read_trajnet(path)


def tilted():
    return Homography(np.array([[0.02, 0.001, -1.0], [-0.002, 0.03, 0.5], [1e-5, 2e-4, 1.0]]))


def test_metres_and_pixels_are_inverse():
    pixels = np.random.default_rng(0).random((50, 2)) * 500
    assert np.allclose(tilted().pixels(tilted().metres(pixels)), pixels, atol=1e-8)


def test_a_homography_is_read_and_bad_ones_are_named(tmp_path):
    path = tmp_path / "H.txt"
    path.write_text("\n".join(" ".join(map(repr, row)) for row in tilted().matrix.tolist()) + "\n\n")
    assert np.array_equal(read_homography(path).matrix, tilted().matrix)
    for content, found in [
        ("1 2\n3 4\n", "three rows"),
        ("a b c\n", "three rows"),
        ("1 0 0\n0 0 0\n0 0 1\n", "no inverse"),
    ]:
        path.write_text(content)
        with pytest.raises(InvalidInput, match=found):
            read_homography(path)


def test_a_layer_lies_on_the_ground_where_the_camera_sees_it():
    """A camera straight above, ten pixels a metre: a white square of one metre covers the cells of that metre."""
    above = Homography(np.diag([0.1, 0.1, 1.0]))
    layer = np.zeros((40, 60))
    layer[10:20, 30:40] = 1.0
    found = on_ground(layer, above, Ground((0.05 - 0.1, -0.05), 0.5, (8, 14)), outside=-1.0)
    expected = np.zeros((8, 14))
    expected[2:4, 6:8] = 1.0
    expected[:, 12:] = -1.0
    assert np.array_equal(found, expected)


def test_the_ground_holds_all_positions():
    positions = np.array([[0.3, -2.0], [4.1, 7.7]])
    ground = Ground.around(positions, 0.5, margin=1.0)
    cell = (positions - ground.origin) / ground.cell_size
    assert (cell >= 0).all()
    assert (cell[:, ::-1] <= ground.shape).all()
    assert ground.shape == (24, 12)
    with pytest.raises(InvalidInput, match="nothing to hold"):
        Ground.around(np.zeros((0, 2)), 0.5)
