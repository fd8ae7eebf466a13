"""The ground of a recorded crowd, from a camera that looks straight down: a pixel is a tenth of a metre."""

import numpy as np
import pytest

from maxentrl.readers.crowd_scene import crowd_ground
from maxentrl.readers.homography import Homography
from maxentrl.status import InvalidInput

STRAIGHT_DOWN = Homography(np.array([[0.1, 0, 2.0], [0, 0.1, -1.0], [0, 0, 1.0]]))


def picture():
    """8 m wide and 6 m high, with a building of 2 m × 6 m at its right."""
    walkable = np.ones((60, 80))
    walkable[:, 60:] = 0
    return walkable


def at(found, x, y, name):
    ground = found.ground
    column, row = int((x - ground.origin[0]) / ground.cell_size), int((y - ground.origin[1]) / ground.cell_size)
    return found.layers[name][row, column]


def test_layers_are_in_metres():
    found = crowd_ground(picture(), STRAIGHT_DOWN, cell_size=0.5, margin=1.0)
    assert found.ground.origin == pytest.approx((1.0, -2.0))
    assert found.ground.shape == (16, 20)
    assert at(found, 1.2, 0.0, "outside") == 1.0
    assert at(found, 5.0, 2.0, "outside") == at(found, 5.0, 2.0, "blocked") == 0.0
    assert at(found, 9.2, 2.2, "blocked") == 1.0
    assert at(found, 2.25, 2.0, "border") == pytest.approx(
        np.exp(-0.25), rel=0.01
    )  # a quarter of a metre from the edge
    assert at(found, 7.75, 2.0, "near_blocked") == pytest.approx(np.exp(-0.25 / 0.5), rel=0.01)
    assert at(found, 9.2, 2.2, "near_blocked") == 0.0


def test_cells_beyond_the_margin_are_walls():
    found = crowd_ground(picture(), STRAIGHT_DOWN, cell_size=0.5, margin=0.5)
    inside = found.walls[3, 4:11]  # in the picture, on the pavement
    assert not inside.any()
    deep = found.walls[6, int((9.75 - found.ground.origin[0]) / 0.5)]
    assert deep
    assert found.area == pytest.approx(0.25 * (~found.walls).sum())


def test_a_scene_without_obstacles_is_near_none():
    found = crowd_ground(np.ones((40, 40)), STRAIGHT_DOWN, cell_size=0.5)
    assert not found.layers["near_blocked"].any()
    assert np.isfinite(found.layers["border"]).all()


@pytest.mark.parametrize(
    ("walkable", "size", "words"),
    [
        (np.zeros((5, 5)), 0.5, "nothing in it is walkable"),
        (np.ones(5), 0.5, r"shape \(5,\)"),
        (np.ones((5, 5)), 0.0, "cell_size = 0.0"),
        (np.ones((2, 2)), 5.0, "no cell is seen and walkable"),
    ],
)
def test_mistakes_are_named(walkable, size, words):
    with pytest.raises(InvalidInput, match=words):
        crowd_ground(walkable, STRAIGHT_DOWN, cell_size=size)
