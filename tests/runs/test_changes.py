"""Maps are changed as asked, and what cannot be done is refused by name."""

import re

import numpy as np
import pytest

from maxentrl.mdp.grid import grid_world
from maxentrl.runs.changes import (
    Block,
    MapLayers,
    MoveLayer,
    MoveWalls,
    Open,
    Rectangle,
    ReplaceLayer,
    apply_changes,
    parse_move,
)
from maxentrl.status import InvalidInput

SPRAY = np.arange(12.0).reshape(3, 4)
WALLS = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
NAN = np.nan


@pytest.fixture
def ground():
    return MapLayers.of(grid_world({"spray": SPRAY}, walls=WALLS))


def test_a_world_becomes_layers_that_know_nothing_below_walls(ground):
    assert ground.walls.tolist() == WALLS.tolist()
    np.testing.assert_array_equal(ground.layers["spray"], np.where(WALLS, NAN, SPRAY))
    assert MapLayers.of(grid_world({"spray": SPRAY}, walls=WALLS)).known()["spray"][0, 3] == 3.0


def test_opened_cells_take_the_nearest_value(ground):
    found = apply_changes(ground, [Open(Rectangle(1, 1, 1, 1))])
    assert found.walls.sum() == 1
    assert found.known()["spray"][1, 1] in (1.0, 4.0, 9.0)
    assert np.isnan(found.known()["spray"][1, 2])  # still a wall
    assert ground.walls.sum() == 2  # the map that was given is as it was


def test_blocking_and_moving(ground):
    found = apply_changes(ground, [MoveWalls(Rectangle(1, 2, 1, 2), 1, 1), Block(Rectangle(0, 0, 0, 1))])
    assert found.walls.tolist() == [
        [True, True, False, False],
        [False, True, False, False],
        [False, False, False, True],
    ]


def test_a_shifted_layer_repeats_its_border(ground):
    whole = MapLayers({"spray": SPRAY}, np.zeros_like(WALLS))
    found = apply_changes(whole, [MoveLayer("spray", 1, -2)]).layers["spray"]
    assert found.tolist() == [[2, 3, 3, 3], [2, 3, 3, 3], [6, 7, 7, 7]]
    walls = apply_changes(ground, [MoveLayer("walls", 0, 2)]).walls
    assert walls.tolist() == [[False] * 4, [False, False, False, True], [False] * 4]
    assert np.isfinite(apply_changes(ground, [MoveLayer("spray", 0, 1)]).layers["spray"]).all()


def test_a_layer_is_replaced_on_open_cells(ground):
    values = np.where(WALLS, NAN, 7.0)
    assert np.nanmin(apply_changes(ground, [ReplaceLayer("spray", values, "f.npy")]).layers["spray"]) == 7.0
    walls = apply_changes(ground, [ReplaceLayer("walls", SPRAY, "f.npy")]).walls
    assert walls.sum() == 11


def test_what_people_write_is_read():
    assert Rectangle.parse(" 1,2 : 3,4 ", "x") == Rectangle(1, 2, 3, 4)
    assert Rectangle.parse("5,6", "x") == Rectangle(5, 6, 5, 6)
    assert parse_move("spray 0,-8") == MoveLayer("spray", 0, -8)
    assert parse_move("near wall 2,0") == MoveLayer("near wall", 2, 0)
    assert parse_move("20,29:28,37 -8,1") == MoveWalls(Rectangle(20, 29, 28, 37), -8, 1)
    assert str(parse_move("20,29:28,37 -8,1")) == "walls in rows 20–28, columns 29–37 moved 8 up and 1 right"
    assert str(Block(Rectangle(5, 6, 5, 6))) == "row 5, column 6 closed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: Rectangle.parse("1,2:3", "--block"), "--block: '1,2:3' is no rectangle"),
        (lambda: Rectangle.parse("3,3:1,4", "--open"), "--open: '3,3:1,4' ends before it begins"),
        (lambda: parse_move("spray"), "--move: 'spray': expected a layer"),
        (lambda: parse_move("spray 8"), "--move: 'spray 8'"),
        (lambda: Block(Rectangle(0, 0, 3, 0)), "rectangle 0,0:3,0: off the map of 3 rows and 4 columns"),
        (lambda: Block(Rectangle(-1, 0, 1, 0)), "off the map"),
        (lambda: Block(Rectangle(1, 1, 1, 2)), "is a wall already"),
        (lambda: Open(Rectangle(0, 0, 0, 3)), "there is no wall in it that could be opened"),
        (lambda: MoveWalls(Rectangle(0, 0, 0, 3), 1, 0), "there is no wall in it that could be moved"),
        (lambda: MoveWalls(Rectangle(1, 1, 1, 2), 0, 2), "its walls, moved 2 right, would leave the map"),
        (lambda: MoveLayer("spray", 0, 0), "'spray' is moved by 0,0"),
        (lambda: MoveLayer("spray", 3, 0), "'spray' moved 3 down leaves the map"),
        (lambda: MoveLayer("sprey", 1, 0), "'sprey' is no layer of this map; did you mean 'spray'?"),
        (lambda: ReplaceLayer("spray", np.zeros((2, 4)), "f.npy"), "f.npy: the map for 'spray' has shape (2, 4)"),
        (
            lambda: ReplaceLayer("spray", np.full((3, 4), NAN), "f.npy"),
            "f.npy: nan at row 0, column 0 and 9 other open cells",
        ),
        (
            lambda: ReplaceLayer("walls", np.where(WALLS, NAN, 0.0), "f.npy"),
            "f.npy: nan at row 1, column 1 and 1 other cells",
        ),
    ],
)
def test_what_cannot_be_done_is_named(ground, change, message):
    with pytest.raises(InvalidInput, match=re.escape(message)):
        apply_changes(ground, [change()])


def test_no_change_is_no_counterfactual(ground):
    with pytest.raises(InvalidInput, match="nothing is changed"):
        apply_changes(ground, [])
