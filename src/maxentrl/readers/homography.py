"""Between the pixels of a camera and metres on the ground."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Float

from maxentrl.readers.files import read_text
from maxentrl.status import InvalidInput

SAMPLES = 4
"""Points a side at which a layer of pixels is read in each cell."""


@dataclasses.dataclass(frozen=True, eq=False)
class Homography:
    """A plane seen by a camera: (x, y, 1)_metres ∝ H (column, row, 1)_pixels.

    Attributes:
        matrix: H, (3, 3).

    Raises:
        InvalidInput: another shape, numbers that are not finite, or a matrix without inverse.
    """

    matrix: Float[np.ndarray, "3 3"]

    def __post_init__(self) -> None:
        shape = np.shape(self.matrix)
        if shape != (3, 3) or not np.isfinite(self.matrix).all():
            raise InvalidInput(f"a homography is a (3, 3) matrix of finite numbers; found shape {shape}")
        if abs(np.linalg.det(self.matrix)) <= 1e-12 * np.abs(self.matrix).max() ** 3:
            raise InvalidInput("the homography has no inverse: it does not map a plane onto a plane")

    def metres(self, pixels: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
        """(column, row) of pixels → (x, y) in metres."""
        return _project(self.matrix, pixels)

    def pixels(self, metres: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
        """(x, y) in metres → (column, row) of pixels."""
        return _project(np.linalg.inv(self.matrix), metres)


def _project(matrix: Float[np.ndarray, "3 3"], points: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
    projected = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return projected[:, :2] / projected[:, 2:]


def read_homography(path: str | Path) -> Homography:
    """Three rows of three numbers, separated by blanks or commas.

    Raises:
        InvalidInput: anything else, by file; see :class:`Homography`.
    """
    try:
        rows = [
            [float(cell) for cell in line.replace(",", " ").split()] for line in read_text(Path(path))[0].splitlines()
        ]
        matrix = np.array([row for row in rows if row])
    except ValueError as error:
        raise InvalidInput(f"{path}: expected three rows of three numbers: {error}") from None
    if matrix.shape != (3, 3):
        raise InvalidInput(f"{path}: expected three rows of three numbers, found {matrix.shape}")
    return Homography(matrix)


@dataclasses.dataclass(frozen=True)
class Ground:
    """A rectangle of square cells on the ground, for :func:`on_ground` and the maps made of it.

    Attributes:
        origin: (x, y) in metres of the corner of smallest x and y.
        cell_size: metres a side.
        shape: rows (y) and columns (x).
    """

    origin: tuple[float, float]
    cell_size: float
    shape: tuple[int, int]

    @staticmethod
    def around(positions: Float[np.ndarray, "N 2"], cell_size: float, margin: float = 1.0) -> Ground:
        """The rectangle that holds the positions and ``margin`` metres around them."""
        if not (cell_size > 0 and margin >= 0 and len(positions)):
            raise InvalidInput(
                f"cell_size = {cell_size}, margin = {margin}, {len(positions)} positions: nothing to hold"
            )
        low, high = np.min(positions, axis=0) - margin, np.max(positions, axis=0) + margin
        columns, rows = np.ceil((high - low) / cell_size).astype(int).tolist()
        return Ground((float(low[0]), float(low[1])), cell_size, (rows, columns))


def on_ground(
    layer: Float[np.ndarray, "rows columns"], homography: Homography, ground: Ground, outside: float
) -> Float[np.ndarray, "ground_rows ground_columns"]:
    """A layer of pixels as seen on the ground: the mean of the pixels under points spread over each cell.

    Args:
        layer: one number a pixel, (rows, columns).
        homography: of its camera.
        ground: the cells.
        outside: what counts where the camera does not see.
    """
    rows, columns = ground.shape
    step = (np.arange(SAMPLES * columns) + 0.5) / SAMPLES, (np.arange(SAMPLES * rows) + 0.5) / SAMPLES
    x, y = np.meshgrid(*step)
    metres = np.stack([x.ravel(), y.ravel()], axis=1) * ground.cell_size + np.asarray(ground.origin)
    pixel = np.rint(homography.pixels(metres)).astype(np.int64)
    column, row = pixel.T
    seen = (row >= 0) & (column >= 0) & (row < layer.shape[0]) & (column < layer.shape[1])
    value = np.where(seen, layer[np.where(seen, row, 0), np.where(seen, column, 0)], outside)
    return value.reshape(rows, SAMPLES, columns, SAMPLES).mean((1, 3))
