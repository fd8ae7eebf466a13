"""Map pictures: visits over the scene, and the demonstrations, each with a scale bar."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from maxentrl.plots.figure import GREY, INK, MUTED, PALETTE, SMALL, Axes, finish, halo
from maxentrl.plots.goal_labels import goal_labels, place_labels
from maxentrl.plots.ground import (
    Scene as Scene,
    colour_bar,
    draw_ground,
    full_colour,
    heat_colours,
    legend_below,
    map_axes,
    nice_length as nice_length,
    scale_bar,
)
from maxentrl.plots.reward_map import RewardPicture as RewardPicture, reward_map as reward_map
from maxentrl.status import InvalidInput


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
    ax = ax or map_axes(result.scene)
    draw_ground(ax, result.scene)
    norm = _norm(result, full_colour(visits))
    laid = np.ma.masked_less_equal(result.scene.geometry.to_map(visits, 0.0), 0.0)
    drawn = ax.imshow(
        laid,
        cmap=heat_colours(),
        norm=norm,
        extent=result.scene.extent,
        interpolation="nearest",
        zorder=2,
        label="visits",
    )
    colour_bar(ax, drawn, result.measure, "max" if full_colour(visits) < visits.max() else "neither")
    if result.goals is not None:
        _goals(ax, result)
    _paths(ax, result)
    scale_bar(ax, result.scene)
    legend_below(ax, result.scene)
    return finish(ax, result.title)


def _norm(result: VisitPicture, top: float) -> Any:
    from matplotlib.colors import LogNorm, PowerNorm  # noqa: PLC0415

    if result.scale is Scale.LOGARITHM:
        return LogNorm(top * 10.0**-result.decades, top, clip=False)
    return PowerNorm(0.5, vmin=0.0, vmax=top)


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
    ax = ax or map_axes(result.scene)
    draw_ground(ax, result.scene)
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
    scale_bar(ax, result.scene)
    legend_below(ax, result.scene)
    return finish(ax, result.title)


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
