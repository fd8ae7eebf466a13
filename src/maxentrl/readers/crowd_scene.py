"""The ground of a recorded crowd: which cells the camera saw, which are walkable, and how near the next obstacle is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy.ndimage import distance_transform_edt

from maxentrl.readers.homography import Ground, Homography, on_ground
from maxentrl.status import InvalidInput

BORDER_REACH = 1.0
"""Metres in which the feature ``border`` falls to 1/e."""
OBSTACLE_REACH = 0.5
"""Metres in which the feature ``near_blocked`` falls to 1/e."""


@dataclasses.dataclass(frozen=True, eq=False)
class CrowdGround:
    """Map layers of a crowd's ground, in metres.

    Attributes:
        ground: the rectangle of cells.
        layers: ``outside`` (1 where the camera did not see), ``border`` (exp(−distance to there / 1 m)), ``blocked`` (share
            of a cell that is not walkable) and ``near_blocked`` (exp(−distance to an obstacle / 0.5 m)), each (rows, columns).
        walls: cells farther than the margin from what is seen and walkable, (rows, columns).
    """

    ground: Ground
    layers: Mapping[str, Float[np.ndarray, "rows columns"]]
    walls: Bool[np.ndarray, "rows columns"]

    @property
    def area(self) -> float:
        """Square metres of open cells."""
        return float(np.count_nonzero(~self.walls)) * self.ground.cell_size**2


def crowd_ground(
    walkable: Float[np.ndarray, "*pixels"] | UInt8[np.ndarray, "*pixels"],
    homography: Homography,
    *,
    cell_size: float,
    margin: float = 1.0,
) -> CrowdGround:
    """The ground under a camera's picture of what is walkable.

    Annotated walkers do step on obstacles and beyond the picture by a little: up to ``margin`` metres remain open, and a
    feature tells them apart.

    Args:
        walkable: above 0 where people can walk, 0 elsewhere, (height, width) pixels.
        homography: from pixels to metres.
        cell_size: metres a cell.
        margin: metres.

    Raises:
        InvalidInput: nothing walkable, or sizes that are not positive.
    """
    walkable = np.asarray(walkable, float)
    if walkable.ndim != 2 or not (walkable > 0).any():
        raise InvalidInput(
            f"walkable has shape {walkable.shape} and nothing in it is walkable: expected 1 where people walk"
        )
    if not (0 < cell_size < np.inf and 0 <= margin < np.inf):
        raise InvalidInput(f"cell_size = {cell_size}, margin = {margin}: expected metres, a cell size above 0")
    height, width = walkable.shape
    corners = homography.metres(np.array([[0, 0], [width, 0], [width, height], [0, height]], float))
    ground = Ground.around(corners, cell_size, margin)
    seen = on_ground(np.ones_like(walkable), homography, ground, 0.0)
    free = on_ground((walkable > 0).astype(float), homography, ground, 0.0)
    outside = seen < 0.5
    blocked = np.where(outside, 0.0, 1.0 - free / np.maximum(seen, 1e-9))
    solid = blocked >= 0.5
    if not (~outside & ~solid).any():
        raise InvalidInput(
            "no cell is seen and walkable: are the cells too large, or does the homography map elsewhere?"
        )
    layers = {
        "outside": outside.astype(float),
        "border": np.where(outside, 0.0, _nearness(outside, cell_size, BORDER_REACH)),
        "blocked": blocked,
        "near_blocked": np.where(solid, 0.0, _nearness(solid, cell_size, OBSTACLE_REACH)),
    }
    away = np.asarray(distance_transform_edt(outside | solid)) * cell_size
    return CrowdGround(ground, layers, away > margin + cell_size)


def _nearness(
    mask: Bool[np.ndarray, "rows columns"], cell_size: float, reach: float
) -> Float[np.ndarray, "rows columns"]:
    """exp(−distance/reach) from the edge of the masked cells; 0 where there are none."""
    if not mask.any():
        return np.zeros(mask.shape)
    metres = np.asarray(distance_transform_edt(~mask)) * cell_size - cell_size / 2
    return np.exp(-np.maximum(metres, 0.0) / reach)
