"""Pictures of a fit: coefficients with intervals, convergence, calibration, and held-out scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.forecast.scores import Summary
from maxentrl.plots.figure import FAINT, INK, MUTED, PALETTE, SMALL, Axes, finish, new_axes, quiet_legend
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class Coefficients:
    """Estimates of a reward's parameters.

    Attributes:
        names: one a parameter.
        estimate: θ̂, (K,).
        low: lower ends of the intervals, (K,), NaN where there is none; None for no intervals.
        high: upper ends, (K,).
        truth: the parameters that made the data, (K,), or None.
        confidence: coverage of the intervals.
        title: above the picture.
    """

    names: tuple[str, ...]
    estimate: Float[np.ndarray, " K"]
    low: Float[np.ndarray, " K"] | None = None
    high: Float[np.ndarray, " K"] | None = None
    truth: Float[np.ndarray, " K"] | None = None
    confidence: float = 0.95
    title: str = "What walkers want"


def coefficient_plot(result: Coefficients, *, ax: Axes | None = None) -> Axes:
    """A row for each parameter: estimate, interval, and the truth where it is known.

    Raises:
        InvalidInput: names and estimates of different number.
        MissingExtra: matplotlib is not installed.
    """
    if len(result.names) != len(result.estimate) or not result.names:
        raise InvalidInput(f"{len(result.names)} names for {len(result.estimate)} estimates")
    ax = ax or new_axes(9.0, 1.4 + 0.42 * len(result.names))
    row = np.arange(len(result.names))
    ax.axvline(0.0, color=MUTED, lw=1.0, zorder=1)
    ax.hlines(row, *_range(result), color=FAINT, lw=0.8, zorder=0)
    if result.low is not None and result.high is not None:
        known = np.isfinite(result.low) & np.isfinite(result.high)
        label = f"{100 * result.confidence:g} % interval"
        ax.hlines(row[known], result.low[known], result.high[known], color=PALETTE[0], lw=4, alpha=0.45, label=label)
    ax.scatter(result.estimate, row, s=52, color=PALETTE[0], edgecolor="white", lw=1, zorder=4, label="estimate")
    if result.truth is not None:
        ax.scatter(result.truth, row, s=64, marker="D", facecolor="none", edgecolor=PALETTE[5], lw=1.8, zorder=5,
                   label="truth")  # fmt: skip
    ax.set(ylim=(len(row) - 0.4, -0.6), xlim=_range(result), yticks=row, xlabel="reward per unit of the feature")
    ax.set_yticklabels(result.names, color=INK)
    quiet_legend(ax, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3)
    finish(ax, result.title)
    ax.tick_params(axis="y", colors=INK)
    ax.spines["left"].set_visible(False)
    return ax


def _range(result: Coefficients) -> tuple[float, float]:
    parts = [part for part in (result.estimate, result.low, result.high, result.truth) if part is not None]
    numbers = np.concatenate([np.zeros(1), *parts])
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    margin = 0.06 * ((high - low) or 1.0)
    return low - margin, high + margin


@dataclasses.dataclass(frozen=True, eq=False)
class Convergence:
    """A fit as it ran.

    Attributes:
        objective: value at each iteration, (n,), to be maximised.
        gradient_norm: largest entry of the gradient at each iteration, (n,).
        tolerance: gradient norm at which the fit stops, or None.
        title: above the picture.
    """

    objective: Float[np.ndarray, " n"]
    gradient_norm: Float[np.ndarray, " n"]
    tolerance: float | None = None
    title: str = "How the fit converged"


def convergence_curve(result: Convergence, *, ax: Axes | None = None) -> Axes:
    """Gradient norm, and how far the objective still was from its best, by iteration, on a logarithmic axis."""
    if not len(result.objective) or len(result.objective) != len(result.gradient_norm):
        raise InvalidInput(f"{len(result.objective)} objectives and {len(result.gradient_norm)} gradient norms")
    ax = ax or new_axes(9.0, 3.8)
    step = np.arange(len(result.objective))
    short = np.max(result.objective) - result.objective
    marker = "o" if len(step) <= 60 else None
    for values, colour, name in (
        (np.asarray(result.gradient_norm), PALETTE[0], "gradient norm"),
        (short, PALETTE[1], "objective below its best"),
    ):
        positive = values > 0
        ax.plot(step[positive], values[positive], color=colour, lw=2.2, marker=marker, ms=4.5, mec="white", label=name)
    if result.tolerance is not None:
        ax.axhline(result.tolerance, color=MUTED, lw=1.2, dashes=(4, 3), label=f"tolerance {result.tolerance:g}")
    ax.set_yscale("log")
    ax.grid(axis="y", color=FAINT, lw=0.8)
    ax.set_axisbelow(True)
    ax.set_xlabel("iteration")
    quiet_legend(ax, loc="upper right")
    ax.locator_params(axis="x", integer=True)
    ax.minorticks_off()
    return finish(ax, result.title)


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """Forecast probabilities of yes-or-no events and what happened, such as "the goal is g".

    Attributes:
        probability: forecast of each event, (n,).
        happened: whether it did, (n,) of zeros and ones.
        bins: number of equally wide bins.
        title: above the picture.
    """

    probability: Float[np.ndarray, " n"]
    happened: Float[np.ndarray, " n"]
    bins: int = 10
    title: str = "Do forecast probabilities come true?"


def calibration_curve(result: Calibration, *, ax: Axes | None = None) -> Axes:
    """How often events happened against how probable they were called; the diagonal is perfect; area is the count."""
    if not len(result.probability) or len(result.probability) != len(result.happened):
        raise InvalidInput(f"{len(result.probability)} forecasts and {len(result.happened)} events")
    ax = ax or new_axes(5.2, 5.2)
    number = np.minimum((result.probability * result.bins).astype(int), result.bins - 1)
    count = np.bincount(number, minlength=result.bins)
    used = count > 0
    mean = np.bincount(number, result.probability, result.bins)[used] / count[used]
    share = np.bincount(number, result.happened, result.bins)[used] / count[used]
    half = 1.96 * np.sqrt(share * (1 - share) / count[used])
    ax.plot([0, 1], [0, 1], color=MUTED, lw=1.2, dashes=(4, 3), label="perfect")
    ax.vlines(mean, np.maximum(share - half, 0), np.minimum(share + half, 1), color=PALETTE[0], lw=2, alpha=0.45)
    size = 25 + 220 * count[used] / count.max()
    ax.scatter(mean, share, s=size, color=PALETTE[0], edgecolor="white", lw=1, zorder=4, label="forecasts")
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="forecast probability", ylabel="share that happened")
    ax.set_aspect("equal")
    quiet_legend(ax, loc="upper left")
    return finish(ax, result.title)


@dataclasses.dataclass(frozen=True, eq=False)
class ScoreChart:
    """One measure of every method and observed part.

    Attributes:
        summaries: from :func:`maxentrl.forecast.scores.summarise`.
        measure: one of ``MEASURES``.
        label: what it is, with its unit.
        title: above the picture.
    """

    summaries: Sequence[Summary]
    measure: str
    label: str
    title: str = "Held-out walks"


def score_chart(result: ScoreChart, *, ax: Axes | None = None) -> Axes:
    """Means with intervals over walks, methods side by side; a method without the measure is left out.

    Raises:
        InvalidInput: no method has the measure.
    """
    rows = [row for row in result.summaries if row.measures.get(result.measure) is not None]
    if not rows:
        raise InvalidInput(f"no method has the measure '{result.measure}'")
    ax = ax or new_axes(9.0, 3.8)
    parts = list(dict.fromkeys(row.observed for row in rows))
    methods = list(dict.fromkeys(row.method for row in rows))
    for number, method in enumerate(methods):
        shift = 0.16 * (number - (len(methods) - 1) / 2)
        own = {row.observed: row.measures[result.measure] for row in rows if row.method == method}
        points = [(parts.index(part) + shift, cell) for part, cell in own.items() if cell and np.isfinite(cell.mean)]
        place = np.array([x for x, _ in points])
        mean = np.array([cell.mean for _, cell in points])
        low = np.array([cell.mean if cell.low is None else cell.low for _, cell in points])
        high = np.array([cell.mean if cell.high is None else cell.high for _, cell in points])
        colour = (PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[3])[number % 4]
        ax.vlines(place, low, high, color=colour, lw=4, alpha=0.4)
        ax.scatter(place, mean, s=58, color=colour, edgecolor="white", lw=1, zorder=4, label=method)
    ax.set_xticks(range(len(parts)), [f"{part} seen" for part in parts])
    ax.set_xlim(-0.5, len(parts) - 0.5)
    ax.set_ylim(bottom=0)
    ax.grid(axis="y", color=FAINT, lw=0.8)
    ax.set_axisbelow(True)
    ax.set_ylabel(result.label)
    quiet_legend(ax, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(methods), columnspacing=1.2)
    finish(ax, result.title)
    ax.tick_params(axis="x", colors=INK, labelsize=SMALL)
    return ax
