"""Pictures of a comparison: one curve a method over the number of demonstrations, with intervals over seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from maxentrl.plots.figure import MUTED, SMALL, Axes, colour_of, finish, new_axes, quiet_legend
from maxentrl.status import InvalidInput

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""So that curves stay apart without colours."""
BESIDE = 0.005
"""Share of the axis between the bars of two curves."""


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """One method.

    Attributes:
        label: its name.
        colour: its place in the palette, the same in every picture of a comparison.
        x: demonstrations, horizons, or whatever is along the axis, (n,).
        mean: over seeds, (n,).
        low: lower ends of the intervals, (n,), NaN where there is none.
        high: upper ends, (n,), likewise.
    """

    label: str
    colour: int
    x: Float[np.ndarray, " n"]
    mean: Float[np.ndarray, " n"]
    low: Float[np.ndarray, " n"]
    high: Float[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True, eq=False)
class Curves:
    """What a picture shows.

    Attributes:
        title: above it.
        horizontal: what is along the axis, with its unit.
        vertical: what is measured, with its unit.
        curves: one a method.
        levels: height of a dashed line by its label, for what does not learn.
        slopes: power of x by label, drawn from the first point of the curve of that number: theory's rates.
        logarithmic: whether heights are on a logarithmic scale; values that are not positive are then left out.
    """

    title: str
    horizontal: str
    vertical: str
    curves: tuple[Curve, ...]
    levels: Mapping[str, float] = dataclasses.field(default_factory=dict)
    slopes: Mapping[str, tuple[int, float]] = dataclasses.field(default_factory=dict)
    logarithmic: bool = False


def curves_plot(result: Curves, *, ax: Axes | None = None) -> Axes:
    """Means as lines with markers, intervals as bars, x on a logarithmic scale; bars far longer than the picture are cut.

    Raises:
        InvalidInput: no curve.
        MissingExtra: matplotlib is not installed.
    """
    if not result.curves:
        raise InvalidInput("there is no curve to draw: no method has this score")
    ax = ax or new_axes(8.4, 4.8)
    count = max(curve.colour for curve in result.curves) + 1
    every = sorted({float(x) for curve in result.curves for x in curve.x})
    for number, curve in enumerate(result.curves):
        aside = (number - (len(result.curves) - 1) / 2) * BESIDE * np.log(every[-1] / every[0])
        _draw(ax, curve, colour_of(curve.colour, count), np.exp(aside), result.logarithmic)
    for label, height in result.levels.items():
        if height > 0 or not result.logarithmic:
            ax.axhline(height, color=MUTED, lw=1.2, ls=(0, (4, 3)), zorder=1)
            ax.annotate(label, (1.0, height), xycoords=("axes fraction", "data"), xytext=(4, 0), va="center",
                        textcoords="offset points", fontsize=SMALL, color=MUTED, annotation_clip=False)  # fmt: skip
    for label, (number, power) in result.slopes.items():
        curve = result.curves[number]
        ax.plot(curve.x, curve.mean[0] * (curve.x / curve.x[0]) ** power, color=MUTED, lw=1.2, ls=":", zorder=1)
        end = curve.mean[0] * (curve.x[-1] / curve.x[0]) ** power
        ax.annotate(label, (curve.x[-1], end), xytext=(6, 0), textcoords="offset points", va="center",
                    fontsize=SMALL, color=MUTED, annotation_clip=False)  # fmt: skip
    ax.set_xscale("log")
    if result.logarithmic:
        ax.set_yscale("log")
    ax.set_ylim(*_heights(result))
    ax.set_xticks(every, [f"{x:g}" for x in every])
    ax.minorticks_off()
    ax.set(xlabel=result.horizontal, ylabel=result.vertical)
    ax.grid(axis="y", color="#eceff2", lw=0.8)
    ax.set_axisbelow(True)
    quiet_legend(ax, loc="upper left", bbox_to_anchor=(1.14, 1.0))
    return finish(ax, result.title)


def _draw(ax: Axes, curve: Curve, colour: str, aside: float, logarithmic: bool) -> None:
    seen = np.isfinite(curve.mean) & ((curve.mean > 0) | (not logarithmic))
    marker, x = MARKERS[curve.colour % len(MARKERS)], curve.x * aside
    ax.plot(x[seen], curve.mean[seen], color=colour, lw=1.8, marker=marker, ms=6, mec="white", mew=0.8,
            label=curve.label, zorder=3)  # fmt: skip
    known = seen & np.isfinite(curve.low) & np.isfinite(curve.high)
    low = np.where(logarithmic & (curve.low <= 0), np.finfo(float).tiny, curve.low)
    ax.vlines(x[known], low[known], curve.high[known], color=colour, lw=2.4, alpha=0.4, zorder=2)


def _heights(result: Curves) -> tuple[float, float]:
    """Room for the means and levels, and for intervals unless they are far longer: few seeds make some very long."""
    means = np.concatenate([curve.mean for curve in result.curves] + [np.array(list(result.levels.values()), float)])
    ends = np.concatenate([np.r_[curve.low, curve.high] for curve in result.curves])
    if result.logarithmic:
        means, ends = np.log(means[means > 0]), np.log(ends[ends > 0])
    means, ends = means[np.isfinite(means)], ends[np.isfinite(ends)]
    if not len(means):
        raise InvalidInput("there is nothing to draw: no value is finite, or none is positive on a logarithmic scale")
    low, high = float(means.min()), float(means.max())
    room = 0.35 * (high - low) or 0.1 * abs(high) or 1.0
    near = ends[(ends > low - room) & (ends < high + room)]
    low, high = min([low, *near]) - 0.15 * room, max([high, *near]) + 0.15 * room
    return (float(np.exp(low)), float(np.exp(high))) if result.logarithmic else (low, high)
