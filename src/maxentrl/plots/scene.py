"""Map pictures: visits over the scene, the reward, and the demonstrations, each with a scale bar."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from maxentrl.mdp.world import GridGeometry
from maxentrl.plots.figure import (
    FAINT,
    GREY,
    INK,
    LABEL,
    MUTED,
    PALETTE,
    SMALL,
    Axes,
    finish,
    halo,
    new_axes,
    quiet_legend,
)
from maxentrl.plots.goal_labels import goal_labels, place_labels
from maxentrl.status import InvalidInput

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


class Scale(enum.Enum):
    """How visits become colour."""

    SQUARE_ROOT = "square root"
    LOGARITHM = "logarithm"


@dataclasses.dataclass(frozen=True, eq=False)
class VisitPicture:
    """Expected visits with what was seen and what then happened.

    Attributes:
        scene: the ground.
        visits: expected visits or a probability of each state, (S,).
        observed: positions seen, (t, 2) in metres, or None.
        future: what then happened, (n, 2) in metres, or None.
        goals: candidate goals as states, (G,), or None.
        goal_probability: p(g), (G,): the size of the goals' marks; None draws them alike.
        goal_labels: a short name of each goal; None numbers them.
        true_goal: the state that the walk was heading for, or None.
        scale: square root, or logarithm over ``decades``.
        decades: powers of ten below the greatest visits that a logarithmic scale shows.
        title: above the picture.
        measure: what the colour means.
    """

    scene: Scene
    visits: Float[np.ndarray, " S"]
    observed: Float[np.ndarray, "t 2"] | None = None
    future: Float[np.ndarray, "n 2"] | None = None
    goals: Int[np.ndarray, " G"] | None = None
    goal_probability: Float[np.ndarray, " G"] | None = None
    goal_labels: tuple[str, ...] | None = None
    true_goal: int | None = None
    scale: Scale = Scale.SQUARE_ROOT
    decades: float = 4.0
    title: str = "Where the walker goes next"
    measure: str = "expected visits"


def visit_map(result: VisitPicture, *, ax: Axes | None = None) -> Axes:
    """Visits in colour over the scene, transparent where there are none; observed and true path; goals.

    Raises:
        InvalidInput: no visits at all, or negative ones.
        MissingExtra: matplotlib is not installed.
    """
    visits = np.asarray(result.visits, float)
    if not (visits >= 0).all() or not 0 < visits.max() < np.inf:
        raise InvalidInput("visits must be finite, not negative, and positive somewhere")
    ax = ax or _map_axes(result.scene)
    _ground(ax, result.scene)
    norm = _norm(result, _top(visits))
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    colours = LinearSegmentedColormap.from_list("visits", _HEAT)
    laid = np.ma.masked_less_equal(result.scene.geometry.to_map(visits, 0.0), 0.0)
    drawn = ax.imshow(
        laid, cmap=colours, norm=norm, extent=result.scene.extent, interpolation="nearest", zorder=2, label="visits"
    )
    _colour_bar(ax, drawn, result.measure, "max" if _top(visits) < visits.max() else "neither")
    if result.goals is not None:
        _goals(ax, result)
    _paths(ax, result)
    _scale_bar(ax, result.scene)
    _legend_below(ax, result.scene)
    return finish(ax, result.title)


_HEAT = (
    (0.0, (1.0, 0.93, 0.55, 0.0)),
    (0.06, (1.0, 0.90, 0.45, 0.45)),
    (0.35, (0.99, 0.62, 0.22, 0.85)),
    (0.65, (0.86, 0.25, 0.22, 0.92)),
    (1.0, (0.35, 0.03, 0.30, 0.97)),
)


def _top(visits: Float[np.ndarray, " S"]) -> float:
    """Full colour: all but the few greatest cells, so that one cell full of waiting does not pale the rest."""
    return float(np.quantile(visits[visits > 1e-3 * visits.max()], 0.99))


def _norm(result: VisitPicture, top: float) -> Any:
    from matplotlib.colors import LogNorm, PowerNorm  # noqa: PLC0415

    if result.scale is Scale.LOGARITHM:
        return LogNorm(top * 10.0**-result.decades, top, clip=False)
    return PowerNorm(0.5, vmin=0.0, vmax=top)


@dataclasses.dataclass(frozen=True, eq=False)
class RewardPicture:
    """A reward, or any other number of each state, on the map.

    Attributes:
        scene: the ground.
        reward: one number a state, (S,).
        title: above the picture.
        measure: what the colour means.
    """

    scene: Scene
    reward: Float[np.ndarray, " S"]
    title: str = "Learnt reward"
    measure: str = "reward per step"


def reward_map(result: RewardPicture, *, ax: Axes | None = None) -> Axes:
    """The reward of each cell, bright where walkers like to be; cells without a finite reward stay grey."""
    ax = ax or _map_axes(result.scene)
    _ground(ax, Scene(result.scene.geometry))
    laid = np.ma.masked_invalid(result.scene.geometry.to_map(np.asarray(result.reward, float)))
    drawn = ax.imshow(
        laid, cmap="cividis", extent=result.scene.extent, interpolation="nearest", zorder=2, label="reward"
    )
    _colour_bar(ax, drawn, result.measure)
    _scale_bar(ax, result.scene)
    return finish(ax, result.title)


@dataclasses.dataclass(frozen=True, eq=False)
class DemonstrationPicture:
    """Recorded walks on the map.

    Attributes:
        scene: the ground.
        walks: positions of each walk used for learning, (n, 2) in metres.
        held_out: positions of walks kept for scoring.
        title: above the picture.
    """

    scene: Scene
    walks: tuple[Float[np.ndarray, "_ 2"], ...]
    held_out: tuple[Float[np.ndarray, "_ 2"], ...] = ()
    title: str = "Demonstrations"


def demonstration_map(result: DemonstrationPicture, *, ax: Axes | None = None) -> Axes:
    """Every walk as a thin line, with a dot where it starts and a square where it ends."""
    ax = ax or _map_axes(result.scene)
    _ground(ax, result.scene)
    groups = (("learnt from", result.walks, PALETTE[0]), ("held out", result.held_out, PALETTE[5]))
    for name, walks, colour in groups:
        opacity = float(np.clip(8.0 / max(len(walks), 1), 0.12, 0.9))
        for number, walk in enumerate(walks):
            label = f"{name} ({len(walks)})" if number == 0 else None
            ax.plot(*walk.T, color=colour, lw=1.3, alpha=max(opacity, 0.2), zorder=3, solid_capstyle="round")
            if label:
                ax.plot([], [], color=colour, lw=2.5, label=label)
        if walks:
            first, last = (np.stack([walk[end] for walk in walks]) for end in (0, -1))
            ax.scatter(*first.T, s=20, color=colour, edgecolor="white", lw=0.6, zorder=4)
            ax.scatter(*last.T, s=26, color=colour, edgecolor="white", lw=0.6, marker="s", zorder=4)
    ax.scatter([], [], s=26, color=MUTED, label="start")
    ax.scatter([], [], s=30, color=MUTED, marker="s", label="end")
    _scale_bar(ax, result.scene)
    _legend_below(ax, result.scene)
    return finish(ax, result.title)


def _map_axes(scene: Scene) -> Axes:
    rows, columns = scene.geometry.shape
    width = 9.0
    return new_axes(width, float(np.clip(width * 0.86 * rows / columns + 0.9, 3.0, 12.0)))


def _ground(ax: Axes, scene: Scene) -> None:
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


def _paths(ax: Axes, result: VisitPicture) -> None:
    if result.future is not None and len(result.future):
        joined = result.future if result.observed is None else np.vstack([result.observed[-1:], result.future])
        style: dict[str, Any] = {"lw": 2.4, "dashes": (2.6, 1.4), "path_effects": halo(4.4)}
        ax.plot(*joined.T, color=PALETTE[0], label="what then happened", zorder=5, **style)
    if result.observed is not None and len(result.observed):
        ax.plot(*result.observed.T, color=INK, lw=2.6, label="observed", zorder=6, path_effects=halo(4.6))
        ax.scatter(*result.observed[-1], s=70, color=INK, edgecolor="white", lw=1.6, zorder=7, label="now")


def _goals(ax: Axes, result: VisitPicture) -> None:
    assert result.goals is not None
    position = result.scene.geometry.position[result.goals]
    probability = result.goal_probability
    size = np.full(len(position), 70.0) if probability is None else 30.0 + 330.0 * np.asarray(probability)
    likely = np.ones(len(position), bool) if probability is None else np.asarray(probability) >= 0.01
    edge = np.where(likely, PALETTE[2], GREY)
    ax.scatter(
        *position.T, s=size, facecolor="#ffffffd0", edgecolor=edge, lw=np.where(likely, 2.0, 1.2), zorder=4,
        clip_on=False,
    )  # fmt: skip
    ax.scatter([], [], s=70, facecolor="#ffffffd0", edgecolor=PALETTE[2], lw=2.0, label="goals")
    if result.true_goal is not None:
        place = result.scene.geometry.position[result.true_goal]
        ax.scatter(*place, s=170, marker="*", color=PALETTE[2], edgecolor="white", lw=1.0, zorder=8, label="true goal",
                   clip_on=False)  # fmt: skip
    labels = goal_labels(position, result.goal_labels, probability, result.scene.geometry.cell_size)
    for label in place_labels(ax, labels):
        ax.annotate(
            label.text, label.position, label.shift, textcoords="offset points", ha=label.across, va="center",
            fontsize=SMALL, color=INK, fontweight="bold", zorder=9, path_effects=halo(3.0), annotation_clip=True,
        )  # fmt: skip


def _scale_bar(ax: Axes, scene: Scene) -> None:
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


def _colour_bar(ax: Axes, drawn: Any, measure: str, extend: str = "neither") -> None:
    bar = ax.figure.colorbar(drawn, cax=ax.inset_axes((1.015, 0.0, 0.022, 1.0)), extend=extend, extendfrac=0.02)
    bar.outline.set_visible(False)
    bar.set_label(measure, color=MUTED, fontsize=LABEL)
    bar.ax.minorticks_off()
    finish(bar.ax, "")
    for spine in bar.ax.spines.values():
        spine.set_visible(False)


def _legend_below(ax: Axes, scene: Scene) -> None:
    rows, columns = scene.geometry.shape
    wide = 5 if columns >= rows else 2
    quiet_legend(ax, loc="upper left", bbox_to_anchor=(0.0, -0.01), ncols=wide, columnspacing=1.3)
