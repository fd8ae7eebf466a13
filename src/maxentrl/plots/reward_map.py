"""Maps of learnt rewards, and of where the members of an ensemble disagree."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.plots.figure import Axes, finish
from maxentrl.plots.ground import Scene, colour_bar, draw_ground, map_axes, scale_bar
from maxentrl.status import InvalidInput

OUTLIERS = 0.005
"""Share of cells at either end whose colour may be that of the scale's end: one odd cell does not pale the rest."""


def reward_of_states(
    pair: Float[np.ndarray, "*T A S"], available: Bool[np.ndarray, "_A _S"], *, temperature: float = 1.0
) -> Float[np.ndarray, " S"]:
    """What one decision in each state pays, the mean over its available moves, in nats, (S,).

        mean_{a available in s} r(s, a)/τ

    ``pair`` is that of a reward table, (A, S), or (T, A, S) for a reward of each step: then also the mean over steps.
    NaN where no move is available, or where one of the moves is forbidden by a reward of -inf.

    Raises:
        InvalidInput: rewards of other states or actions, or a temperature that is not positive.
    """
    if pair.shape[-2:] != available.shape:
        raise InvalidInput(f"the reward has shape {pair.shape}: expected (actions, states) {available.shape}")
    if not temperature > 0:
        raise InvalidInput(f"temperature = {temperature}: expected τ > 0, rewards are shown in units of it")
    each = pair.reshape(-1, *pair.shape[-2:]).mean(0)
    moves = available.sum(0)
    total = np.where(available, each, 0.0).sum(0)
    mean = total / np.maximum(moves, 1) / temperature
    return np.where((moves > 0) & np.isfinite(total), mean, np.nan)


@dataclasses.dataclass(frozen=True, eq=False)
class RewardPicture:
    """A reward, or any other number of each state, on the map.

    Attributes:
        scene: the ground.
        reward: one number a state, (S,); see :func:`reward_of_states`.
        title: above the picture.
        measure: what the colour means.
    """

    scene: Scene
    reward: Float[np.ndarray, " S"]
    title: str = "Learnt reward"
    measure: str = "nats a decision, mean over moves"


def reward_map(result: RewardPicture, *, ax: Axes | None = None) -> Axes:
    """The reward of each cell, bright where walkers like to be; cells without a finite reward stay grey.

    Rewards of one sign have a scale of lightness; rewards of both signs one of two colours, white at zero.

    Raises:
        InvalidInput: no finite reward anywhere.
        MissingExtra: matplotlib is not installed.
    """
    ax = ax or map_axes(result.scene)
    reward = np.asarray(result.reward, float)
    finite = reward[np.isfinite(reward)]
    if not finite.size:
        raise InvalidInput("no cell has a finite reward: there is nothing to draw")
    low, high = (float(np.quantile(finite, share)) for share in (OUTLIERS, 1.0 - OUTLIERS))
    both = low < 0 < high
    if both:
        low, high = -max(-low, high), max(-low, high)
    _drawn(ax, result.scene, reward, low, high, "PuOr" if both else "viridis", result.measure, "reward")
    return finish(ax, result.title)


@dataclasses.dataclass(frozen=True, eq=False)
class DisagreementPicture:
    """How much the members of an ensemble disagree in each state.

    Attributes:
        scene: the ground.
        disagreement: from 0 to 1, (S,); see ``forecast.disagreement.policy_disagreement``. NaN stays grey.
        members: how many there are.
        title: above the picture.
        measure: what the colour means.
    """

    scene: Scene
    disagreement: Float[np.ndarray, " S"]
    members: int
    title: str = "Where the members disagree"
    measure: str = "share of next moves that differ, %"


def disagreement_map(result: DisagreementPicture, *, ax: Axes | None = None) -> Axes:
    """The share of next moves on which two members differ, in percent of all moves, from white (none) to dark.

    Raises:
        InvalidInput: shares outside 0 to 1, or none at all.
        MissingExtra: matplotlib is not installed.
    """
    share = np.asarray(result.disagreement, float)
    finite = share[np.isfinite(share)]
    if not finite.size or finite.min() < 0 or finite.max() > 1:
        raise InvalidInput("disagreement must be shares from 0 to 1, known in one cell at least")
    ax = ax or map_axes(result.scene)
    top = max(float(np.quantile(finite, 1.0 - OUTLIERS)), 1e-4)
    _drawn(ax, result.scene, 100 * share, 0.0, 100 * top, "BuPu", result.measure, "disagreement")
    return finish(ax, f"{result.title} ({result.members} members)")


def _drawn(
    ax: Axes, scene: Scene, values: np.ndarray, low: float, high: float, colours: str, measure: str, label: str
) -> None:
    draw_ground(ax, Scene(scene.geometry))
    laid: Any = np.ma.masked_invalid(scene.geometry.mean_map(values))
    high = high if high > low else low + max(abs(low), 1.0) * 1e-6
    drawn = ax.imshow(
        laid, cmap=colours, vmin=low, vmax=high, extent=scene.extent, interpolation="nearest", zorder=2, label=label
    )
    above, below = laid.max() > high + 1e-12 * abs(high), laid.min() < low - 1e-12 * abs(low)
    colour_bar(ax, drawn, measure, {(True, True): "both", (True, False): "max", (False, True): "min"}.get(
        (bool(above), bool(below)), "neither"
    ))  # fmt: skip
    scale_bar(ax, scene)
