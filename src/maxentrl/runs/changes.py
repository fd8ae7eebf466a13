"""Changes of a map, as people say them: another layer, a layer or walls moved, a rectangle closed or opened."""

from __future__ import annotations

import abc
import dataclasses
import difflib
import re
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.ndimage import distance_transform_edt

from maxentrl.mdp.world import World
from maxentrl.status import InvalidInput

WALLS = "walls"
"""What walls are called where a layer is asked for."""
RECTANGLE = re.compile(r"\s*(-?\d+)\s*,\s*(-?\d+)\s*(?::\s*(-?\d+)\s*,\s*(-?\d+)\s*)?")
SHIFT = re.compile(r"\s*(-?\d+)\s*,\s*(-?\d+)\s*")


@dataclasses.dataclass(frozen=True, eq=False)
class MapLayers:
    """A world's map as it can be edited.

    Attributes:
        layers: state features by name, (rows, columns); NaN where nothing is known, as below walls.
        walls: where nobody walks, (rows, columns).
    """

    layers: Mapping[str, Float[np.ndarray, "rows columns"]]
    walls: Bool[np.ndarray, "rows columns"]

    @staticmethod
    def of(world: World) -> MapLayers:
        """The map of a world.

        Raises:
            InvalidInput: a world without a map.
        """
        geometry = world.geometry
        if geometry is None:
            raise InvalidInput("this world has no map: only worlds on a grid can be changed")
        layers = {name: geometry.mean_map(column) for name, column in world.state_features.items()}
        return MapLayers(layers, geometry.state_of_cell < 0)

    def known(self) -> Mapping[str, Float[np.ndarray, "rows columns"]]:
        """The layers, with the value of the nearest cell that has one wherever an open cell has none."""
        return {name: _filled(layer, self.walls) for name, layer in self.layers.items()}


@dataclasses.dataclass(frozen=True)
class Rectangle:
    """Cells from one corner to the other, both included.

    Attributes:
        top: first row.
        left: first column.
        bottom: last row.
        right: last column.
    """

    top: int
    left: int
    bottom: int
    right: int

    @staticmethod
    def parse(text: str, place: str) -> Rectangle:
        """``r0,c0:r1,c1``, or ``r,c`` for one cell; ``place`` is what messages call it.

        Raises:
            InvalidInput: anything else, or corners the wrong way round.
        """
        found = RECTANGLE.fullmatch(text)
        if found is None:
            raise InvalidInput(
                f"{place}: '{text}' is no rectangle: expected row,column:row,column, such as 20,30:22,36"
            )
        top, left = int(found[1]), int(found[2])
        bottom, right = (top, left) if found[3] is None else (int(found[3]), int(found[4]))
        if bottom < top or right < left:
            raise InvalidInput(f"{place}: '{text}' ends before it begins: expected the upper left corner first")
        return Rectangle(top, left, bottom, right)

    def mask(self, shape: tuple[int, int]) -> Bool[np.ndarray, "rows columns"]:
        """The cells on a map.

        Raises:
            InvalidInput: a corner off the map.
        """
        rows, columns = shape
        if self.top < 0 or self.left < 0 or self.bottom >= rows or self.right >= columns:
            raise InvalidInput(
                f"rectangle {self}: off the map of {rows} rows and {columns} columns (both count from 0, corners included)"
            )
        found = np.zeros(shape, bool)
        found[self.top : self.bottom + 1, self.left : self.right + 1] = True
        return found

    @property
    def described(self) -> str:
        """For people: ``rows 20–22, columns 30–36``."""
        spans = ((("row", "rows"), self.top, self.bottom), (("column", "columns"), self.left, self.right))
        return ", ".join(f"{one} {a}" if a == b else f"{more} {a}–{b}" for (one, more), a, b in spans)

    def __str__(self) -> str:
        return f"{self.top},{self.left}:{self.bottom},{self.right}"


class AbstractChange(abc.ABC):
    """One change of a map."""

    @abc.abstractmethod
    def apply(self, ground: MapLayers) -> MapLayers:
        """The changed map.

        Raises:
            InvalidInput: a change that cannot be made here, by name.
        """

    @abc.abstractmethod
    def __str__(self) -> str:
        """What is changed, for people."""


@dataclasses.dataclass(frozen=True, eq=False)
class ReplaceLayer(AbstractChange):
    """Other values of a layer, or other walls.

    Attributes:
        name: of the layer, or ``walls``.
        values: of each cell, (rows, columns); for walls, nonzero is a wall.
        source: where they come from, for people.
    """

    name: str
    values: Float[np.ndarray, "rows columns"]
    source: str

    def apply(self, ground: MapLayers) -> MapLayers:
        if self.values.shape != ground.walls.shape:
            raise InvalidInput(
                f"{self.source}: the map for '{self.name}' has shape {self.values.shape}: expected {ground.walls.shape} cells"
            )
        name = layer_name(self.name, ground)
        if name is None:
            refuse_unknown(self.values, ~np.isfinite(self.values), self.source, "cells")
            return dataclasses.replace(ground, walls=self.values != 0)
        refuse_unknown(self.values, ~np.isfinite(self.values) & ~ground.walls, self.source, "open cells")
        return dataclasses.replace(ground, layers={**ground.layers, name: np.asarray(self.values, float)})

    def __str__(self) -> str:
        return f"{self.name} as in {self.source}"


@dataclasses.dataclass(frozen=True)
class MoveLayer(AbstractChange):
    """A whole layer shifted: what leaves the map is lost, and its border is repeated where something would be missing.

    Attributes:
        name: of the layer, or ``walls`` (beyond the border there are none).
        down: rows.
        right: columns.
    """

    name: str
    down: int
    right: int

    def apply(self, ground: MapLayers) -> MapLayers:
        name = layer_name(self.name, ground)
        rows, columns = ground.walls.shape
        _check_shift(self.down, self.right, (rows, columns), f"'{self.name}'")
        row, column = np.arange(rows) - self.down, np.arange(columns) - self.right
        if name is None:
            inside = ((row >= 0) & (row < rows))[:, None] & (column >= 0) & (column < columns)
            moved = ground.walls[np.ix_(row.clip(0, rows - 1), column.clip(0, columns - 1))] & inside
            return dataclasses.replace(ground, walls=moved)
        known = _filled(ground.layers[name], np.zeros_like(ground.walls))
        moved = known[np.ix_(row.clip(0, rows - 1), column.clip(0, columns - 1))]
        return dataclasses.replace(ground, layers={**ground.layers, name: moved})

    def __str__(self) -> str:
        return f"{self.name} moved {_shift(self.down, self.right)}"


@dataclasses.dataclass(frozen=True)
class MoveWalls(AbstractChange):
    """The walls within a rectangle (a bench, a fountain) moved; the cells that they leave are open.

    Attributes:
        rectangle: which walls.
        down: rows.
        right: columns.
    """

    rectangle: Rectangle
    down: int
    right: int

    def apply(self, ground: MapLayers) -> MapLayers:
        shape = ground.walls.shape
        taken = ground.walls & self.rectangle.mask((shape[0], shape[1]))
        _check_shift(self.down, self.right, (shape[0], shape[1]), f"rectangle {self.rectangle}")
        cells = np.argwhere(taken)
        if not len(cells):
            raise InvalidInput(f"rectangle {self.rectangle}: there is no wall in it that could be moved")
        cells += np.array([self.down, self.right])
        if (cells < 0).any() or (cells >= shape).any():
            raise InvalidInput(
                f"rectangle {self.rectangle}: its walls, moved {_shift(self.down, self.right)}, would leave the map of "
                f"{shape[0]} rows and {shape[1]} columns"
            )
        walls = ground.walls & ~taken
        walls[tuple(cells.T)] = True
        return dataclasses.replace(ground, walls=walls)

    def __str__(self) -> str:
        return f"walls in {self.rectangle.described} moved {_shift(self.down, self.right)}"


@dataclasses.dataclass(frozen=True)
class Block(AbstractChange):
    """Walls on a rectangle."""

    rectangle: Rectangle

    def apply(self, ground: MapLayers) -> MapLayers:
        mask = self.rectangle.mask(_shape(ground))
        if ground.walls[mask].all():
            raise InvalidInput(f"rectangle {self.rectangle}: every cell of it is a wall already")
        return dataclasses.replace(ground, walls=ground.walls | mask)

    def __str__(self) -> str:
        return f"{self.rectangle.described} closed"


@dataclasses.dataclass(frozen=True)
class Open(AbstractChange):
    """No walls on a rectangle; its layers take the values of the nearest cells."""

    rectangle: Rectangle

    def apply(self, ground: MapLayers) -> MapLayers:
        mask = self.rectangle.mask(_shape(ground))
        if not ground.walls[mask].any():
            raise InvalidInput(f"rectangle {self.rectangle}: there is no wall in it that could be opened")
        return dataclasses.replace(ground, walls=ground.walls & ~mask)

    def __str__(self) -> str:
        return f"{self.rectangle.described} opened"


def parse_move(text: str, place: str = "--move") -> MoveLayer | MoveWalls:
    """``LAYER rows,columns`` shifts a layer, ``r0,c0:r1,c1 rows,columns`` the walls in a rectangle; down and right are
    positive.

    Raises:
        InvalidInput: anything else.
    """
    what, _, shift = text.strip().rpartition(" ")
    found = SHIFT.fullmatch(shift)
    if not what.strip() or found is None:
        raise InvalidInput(
            f"{place}: '{text}': expected a layer, or the corners of a rectangle, and rows,columns, such as 'spray 0,8' or "
            "'20,29:27,36 0,8'"
        )
    down, right = int(found[1]), int(found[2])
    if RECTANGLE.fullmatch(what):
        return MoveWalls(Rectangle.parse(what, place), down, right)
    return MoveLayer(what.strip(), down, right)


def apply_changes(ground: MapLayers, changes: Sequence[AbstractChange]) -> MapLayers:
    """Every change in turn.

    Raises:
        InvalidInput: no change, or one that cannot be made.
    """
    if not changes:
        raise InvalidInput("nothing is changed: give a layer, a move, or a rectangle to block or open")
    for change in changes:
        ground = change.apply(ground)
    return ground


def refuse_unknown(
    values: Float[np.ndarray, "rows columns"], bad: Bool[np.ndarray, "rows columns"], source: str, what: str
) -> None:
    """Refuse values that are no numbers.

    Raises:
        InvalidInput: the first of the bad ones and how many more there are of what, by source.
    """
    where = np.argwhere(bad)
    if len(where):
        row, column = where[0]
        raise InvalidInput(
            f"{source}: {values[row, column]} at row {row}, column {column} and {len(where) - 1} other {what}: expected "
            "finite numbers"
        )


def layer_name(name: str, ground: MapLayers) -> str | None:
    """The layer of this name; None for the walls.

    Raises:
        InvalidInput: no such layer, with the nearest.
    """
    if name in ground.layers:
        return name
    if name == WALLS:
        return None
    near = difflib.get_close_matches(name, [*ground.layers, WALLS], 1)
    hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join([*ground.layers, WALLS])}"
    raise InvalidInput(f"'{name}' is no layer of this map; {hint}")


def _shape(ground: MapLayers) -> tuple[int, int]:
    rows, columns = ground.walls.shape
    return rows, columns


def _check_shift(down: int, right: int, shape: tuple[int, int], what: str) -> None:
    if (down, right) == (0, 0):
        raise InvalidInput(f"{what} is moved by 0,0: expected another place")
    if abs(down) >= shape[0] or abs(right) >= shape[1]:
        raise InvalidInput(
            f"{what} moved {_shift(down, right)} leaves the map of {shape[0]} rows and {shape[1]} columns"
        )


def _shift(down: int, right: int) -> str:
    parts = [f"{abs(down)} {'down' if down > 0 else 'up'}"] if down else []
    parts += [f"{abs(right)} {'right' if right > 0 else 'left'}"] if right else []
    return " and ".join(parts) or "nowhere"


def _filled(layer: Float[np.ndarray, "rows columns"], walls: Bool[np.ndarray, "rows columns"]) -> np.ndarray:
    missing = ~np.isfinite(layer)
    if not (missing & ~walls).any():
        return layer
    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    assert nearest is not None
    return np.where(missing & ~walls, layer[tuple(np.asarray(nearest))], layer)
