"""The ground that maps are drawn on, with its scale bar, colour bar and legend."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from maxentrl.mdp.world import GridGeometry
from maxentrl.plots.figure import FAINT, INK, LABEL, MUTED, SMALL, Axes, finish, new_axes, quiet_legend, text_font

Image = Float[np.ndarray, "H W *C"] | UInt8[np.ndarray, "H W *C"]


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """The ground that maps are drawn on.

    Attributes:
        geometry: where states lie.
        image: picture of the same area as the grid, in any resolution, (H, W), (H, W, 3) or (H, W, 4), bytes or shares
            of one; None draws the walls in grey.
    """

    geometry: GridGeometry
    image: Image | None = None

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top in metres; rows grow downwards."""
        rows, columns = self.geometry.shape
        (x, y), size = self.geometry.origin, self.geometry.cell_size
        return x, x + columns * size, y + rows * size, y


def map_axes(scene: Scene) -> Axes:
    """Axes of a fresh figure with the proportions of the scene."""
    rows, columns = scene.geometry.shape
    width = 9.0
    return new_axes(width, float(np.clip(width * 0.86 * rows / columns + 0.9, 3.0, 12.0)))


def new_row(scene: Scene, heading: str, count: int) -> tuple[Axes, ...]:
    """Axes side by side in one fresh figure, each with the proportions of the scene, under a line of text."""
    rows, columns = scene.geometry.shape
    width = 4.6
    first = new_axes(count * width, float(np.clip(width * 0.9 * rows / columns + 0.8, 2.4, 7.0)))
    figure = first.get_figure(root=True)
    assert figure is not None
    first.remove()
    if heading:
        figure.suptitle(heading, x=0.003, ha="left", fontsize=LABEL, color=MUTED, fontfamily=text_font())
    return tuple(figure.subplots(1, count))


def draw_ground(ax: Axes, scene: Scene) -> None:
    """The scene, pale and grey so that colour is left for the data."""
    left, right, bottom, top = scene.extent
    walls = scene.geometry.state_of_cell < 0
    ground = np.repeat(np.where(walls, 0.70, 0.965)[..., None], 3, axis=2)
    if scene.image is not None:
        image = np.asarray(scene.image, float) / (255.0 if scene.image.dtype == np.uint8 else 1.0)
        colour = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image[..., :3]
        grey = (colour @ np.array([0.299, 0.587, 0.114]))[..., None]
        ground = np.clip(0.35 + 0.65 * (0.45 * colour + 0.55 * grey), 0, 1)
    ax.imshow(ground, extent=scene.extent, interpolation="nearest", zorder=1, label="scene")
    ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], aspect="equal")
    ax.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color=FAINT, lw=1, zorder=1.5)


def scale_bar(ax: Axes, scene: Scene) -> None:
    """A bar of round length below the map at the right, clear of everything drawn on it."""
    left, right, *_ = scene.extent
    length = nice_length((right - left) / 6)
    below = ax.get_xaxis_transform()
    ax.plot([right - length, right], [-0.025, -0.025], color=INK, lw=3, solid_capstyle="butt", transform=below,
            clip_on=False)  # fmt: skip
    ax.text(
        right - 1.08 * length, -0.025, f"{length:g} {scene.geometry.unit}", ha="right", va="center", fontsize=SMALL, color=INK,
        fontweight="bold", transform=below,
    )  # fmt: skip


def nice_length(most: float) -> float:
    """The greatest of 1, 2, 5 × 10ᵏ that is not above ``most``."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9)))


def colour_bar(ax: Axes, drawn: Any, measure: str, extend: str = "neither") -> None:
    """A slim bar at the right of the map that says what its colours mean."""
    bar = ax.figure.colorbar(drawn, cax=ax.inset_axes((1.015, 0.0, 0.022, 1.0)), extend=extend, extendfrac=0.02)
    bar.outline.set_visible(False)
    bar.set_label(measure, color=MUTED, fontsize=LABEL)
    bar.ax.minorticks_off()
    finish(bar.ax, "")
    for spine in bar.ax.spines.values():
        spine.set_visible(False)


def legend_below(ax: Axes, scene: Scene) -> None:
    """The legend below the map at the left."""
    rows, columns = scene.geometry.shape
    wide = 5 if columns >= rows else 2
    quiet_legend(ax, loc="upper left", bbox_to_anchor=(0.0, -0.01), ncols=wide, columnspacing=1.3)


_HEAT = (
    (0.0, (1.0, 0.93, 0.55, 0.0)),
    (0.06, (1.0, 0.90, 0.45, 0.45)),
    (0.35, (0.99, 0.62, 0.22, 0.85)),
    (0.65, (0.86, 0.25, 0.22, 0.92)),
    (1.0, (0.35, 0.03, 0.30, 0.97)),
)


def heat_colours() -> Any:
    """The colour map of visits: transparent where there are none, dark where there are many."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    return LinearSegmentedColormap.from_list("visits", _HEAT)


def full_colour(visits: Float[np.ndarray, ...]) -> float:
    """Visits that get full colour: all but the few greatest, so that one cell full of waiting does not pale the rest."""
    return float(np.quantile(visits[visits > 1e-3 * visits.max()], 0.99))
