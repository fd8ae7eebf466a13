"""A world as a reader delivers it: decision process, named features, and where the states lie on a map."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from maxentrl.mdp.mdp import MDP


@dataclasses.dataclass(frozen=True, eq=False)
class GridGeometry:
    """Where the states of a grid world lie.

    Rows grow downwards (y), columns to the right (x), as in an image; the centre of cell (row, column) is at
    ``((column + ½), (row + ½)) · cell_size`` plus ``origin``.

    Attributes:
        state_of_cell: state number of each cell, (rows, columns), -1 for walls.
        cell_size: side of a cell in ``unit``.
        origin: (x, y) in ``unit`` of the map's upper left corner.
        unit: of lengths, ``"m"``; ``"cells"`` where nobody said how large a cell is.
        states_per_cell: D; with more than one, state ``d · C + state_of_cell`` stands in the cell for each d below D, of C
            open cells.
    """

    state_of_cell: Int[np.ndarray, "rows columns"]
    cell_size: float = 1.0
    origin: tuple[float, float] = (0.0, 0.0)
    unit: Literal["m", "cells"] = "m"
    states_per_cell: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.state_of_cell.shape
        return rows, columns

    @property
    def cell_of_state(self) -> Int[np.ndarray, "S 2"]:
        """(row, column) of each state; several states may share a cell."""
        cells = np.argwhere(self.state_of_cell >= 0)
        return np.tile(cells[np.argsort(self.state_of_cell[tuple(cells.T)])], (self.states_per_cell, 1))

    @property
    def position(self) -> Float[np.ndarray, "S 2"]:
        """(x, y) of the centre of each state's cell, in ``unit``."""
        return (self.cell_of_state[:, ::-1] + 0.5) * self.cell_size + np.asarray(self.origin)

    def to_map(self, values: np.ndarray, outside: float = np.nan) -> Float[np.ndarray, "rows columns"]:
        """Values (S,) laid out on the map, summed over the states of a cell, ``outside`` where there is a wall.

        Sums are what visits and probabilities want; for what all states of a cell share, see :meth:`mean_map`.
        """
        laid = np.full(self.shape, outside, float)
        inside = self.state_of_cell >= 0
        laid[inside] = self.by_cell(values)[self.state_of_cell[inside]]
        return laid

    def mean_map(self, values: np.ndarray, outside: float = np.nan) -> Float[np.ndarray, "rows columns"]:
        """Values (S,) such as features or rewards laid out on the map, their mean over the states of a cell."""
        return self.to_map(np.asarray(values, float) / self.states_per_cell, outside)

    def by_cell(self, values: np.ndarray) -> Float[np.ndarray, "*n C"]:
        """Sums of values (S,) over the states of each cell, (C,); a matrix of (…, S) likewise."""
        values = np.asarray(values, float)
        if self.states_per_cell == 1:
            return values
        return values.reshape(*values.shape[:-1], self.states_per_cell, -1).sum(-2)


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """What demonstrations are walks in.

    Attributes:
        mdp: states, moves and ends.
        state_features: named columns of shape (S,).
        pair_features: named columns of shape (A, S).
        geometry: where states lie on a map; None for worlds without one.
    """

    mdp: MDP
    state_features: Mapping[str, Float[np.ndarray, " S"]]
    pair_features: Mapping[str, Float[np.ndarray, "A S"]] = dataclasses.field(default_factory=dict)
    geometry: GridGeometry | None = None
