"""Before, after and difference: where the same walkers go in a changed world."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.plots.figure import Axes, finish
from maxentrl.plots.ground import (
    Scene,
    colour_bar,
    draw_ground,
    full_colour,
    heat_colours,
    map_axes,
    new_row,
    nice_length,
    scale_bar,
)
from maxentrl.status import InvalidInput

CLOSED, OPENED = "#2b2f36", "#f4f1ea"
"""New walls, and ground where a wall has gone."""


@dataclasses.dataclass(frozen=True, eq=False)
class CounterfactualPicture:
    """Expected visits of a walk in a world and in a changed one, as maps.

    Attributes:
        scene: the ground as it is.
        before: expected visits of each cell, (rows, columns).
        after: in the changed world, (rows, columns).
        walls_after: where nobody can walk after the change, (rows, columns).
        changed: what was changed, in a line above the maps; empty for none.
        measure: what the colours mean.
    """

    scene: Scene
    before: Float[np.ndarray, "_rows _columns"]
    after: Float[np.ndarray, "_rows _columns"]
    walls_after: Bool[np.ndarray, "_rows _columns"]
    changed: str = ""
    measure: str = "expected visits of a walk"

    def __post_init__(self) -> None:
        shapes = {self.scene.geometry.shape, *(np.shape(m) for m in (self.before, self.after, self.walls_after))}
        if len(shapes) > 1:
            raise InvalidInput(f"the maps have shapes {', '.join(map(str, sorted(shapes)))}: expected one shape")
        if min(self.before.min(), self.after.min()) < 0 or not self.before.max() > 0:
            raise InvalidInput("visits must not be negative, and be positive somewhere")

    @property
    def walls_before(self) -> Bool[np.ndarray, "rows columns"]:
        """Where nobody can walk as it is."""
        return self.scene.geometry.state_of_cell < 0


def counterfactual_maps(
    result: CounterfactualPicture, *, axes: tuple[Axes, Axes, Axes] | None = None
) -> tuple[Axes, Axes, Axes]:
    """Three maps in a row: before and after on one scale of colours, and the difference, clear where nothing changes.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    before, after, difference = axes or new_row(result.scene, result.changed, 3)
    top = full_colour(np.concatenate([result.before.ravel(), result.after.ravel()]))
    _visits(before, result, result.before, top, "As it is")
    _changed(after, result)
    drawn = _visits(after, result, result.after, top, "After the change")
    beyond = max(result.before.max(), result.after.max()) > top
    colour_bar(after, drawn, result.measure, "max" if beyond else "neither")
    difference_map(result, ax=difference)
    return before, after, difference


def difference_map(result: CounterfactualPicture, *, ax: Axes | None = None) -> Axes:
    """After less before: more visits in one colour, fewer in the other, the ground where there is no difference.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    ax = ax or map_axes(result.scene)
    draw_ground(ax, result.scene)
    _changed(ax, result)
    change = result.after - result.before
    size = np.abs(change)
    top = full_colour(size) if size.max() > 0 else float(result.before.max())
    drawn = ax.imshow(
        change, cmap=_gains_and_losses(), norm=_signed(top), extent=result.scene.extent, interpolation="nearest",
        zorder=2, label="difference",
    )  # fmt: skip
    beyond = {(True, True): "both", (True, False): "max", (False, True): "min", (False, False): "neither"}
    colour_bar(ax, drawn, "more or fewer visits of a walk", beyond[bool(change.max() > top), bool(change.min() < -top)])
    assert drawn.colorbar is not None
    drawn.colorbar.set_ticks(_ticks(top))
    scale_bar(ax, result.scene)
    return finish(ax, "Difference")


def _visits(ax: Axes, result: CounterfactualPicture, visits: np.ndarray, top: float, title: str) -> Any:
    from matplotlib.colors import PowerNorm  # noqa: PLC0415

    if not ax.images:
        draw_ground(ax, result.scene)
    laid = np.ma.masked_less_equal(visits, 0.0)
    drawn = ax.imshow(
        laid, cmap=heat_colours(), norm=PowerNorm(0.5, vmin=0.0, vmax=top), extent=result.scene.extent,
        interpolation="nearest", zorder=2, label="visits",
    )  # fmt: skip
    scale_bar(ax, result.scene)
    finish(ax, title)
    return drawn


def _changed(ax: Axes, result: CounterfactualPicture) -> None:
    """New walls dark, and pale ground where walls have gone, both outlined."""
    from matplotlib.colors import to_rgba  # noqa: PLC0415

    if not ax.images:
        draw_ground(ax, result.scene)
    closed, opened = result.walls_after & ~result.walls_before, result.walls_before & ~result.walls_after
    paint = np.zeros((*closed.shape, 4))
    paint[closed], paint[opened] = to_rgba(CLOSED), to_rgba(OPENED)
    ax.imshow(paint, extent=result.scene.extent, interpolation="nearest", zorder=1.7, label="changed cells")
    for mask, style, order in ((closed, "-", 3.0), (opened, (0, (3.0, 2.0)), 2.6)):
        for line in _outline(mask, result.scene):
            ax.plot(*line, color=CLOSED, lw=1.2, ls=style, zorder=order, solid_capstyle="butt")


def _outline(mask: Bool[np.ndarray, "rows columns"], scene: Scene) -> list[tuple[list[float], list[float]]]:
    """The edges between cells of a mask and others, as lines (x, y)."""
    padded = np.pad(mask, 1)
    (x, y), size = scene.geometry.origin, scene.geometry.cell_size
    lines = []
    for row, column in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]):
        lines.append(([x + column * size, x + (column + 1) * size], [y + row * size] * 2))
    for row, column in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]):
        lines.append(([x + column * size] * 2, [y + row * size, y + (row + 1) * size]))
    return lines


def _ticks(top: float) -> list[float]:
    """Zero, and one or two round numbers of either sign that lie apart on the scale of square roots."""
    most = nice_length(top)
    return [-most, -most / 5, 0.0, most / 5, most]


def _gains_and_losses() -> Any:
    """Blue for fewer visits, clear for none, red for more."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    fewer, more = (0.02, 0.19, 0.55), (0.65, 0.02, 0.10)
    light_blue, light_red = (0.35, 0.62, 0.90), (0.95, 0.45, 0.30)
    points = [
        (0.0, (*fewer, 0.97)),
        (0.25, (*light_blue, 0.9)),
        (0.45, (0.75, 0.87, 0.97, 0.5)),
        (0.5, (1.0, 1.0, 1.0, 0.0)),
        (0.55, (0.99, 0.86, 0.78, 0.5)),
        (0.75, (*light_red, 0.9)),
        (1.0, (*more, 0.97)),
    ]
    return LinearSegmentedColormap.from_list("gains and losses", points)


def _signed(top: float) -> Any:
    """Square roots of both signs, as for visits."""
    from matplotlib.colors import FuncNorm  # noqa: PLC0415

    def forward(values: np.ndarray) -> np.ndarray:
        return np.sign(values) * np.sqrt(np.abs(values))

    def back(values: np.ndarray) -> np.ndarray:
        return np.sign(values) * values**2

    return FuncNorm((forward, back), vmin=-top, vmax=top)
