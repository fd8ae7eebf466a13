"""Forecasts as weighted points, and the probability that they give to the cell in which a walker then stood."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from maxentrl.status import InvalidInput

FAR = 5.0
"""Bandwidths beyond which a point lends a cell nothing: less than 1e-6 of its weight."""


@dataclasses.dataclass(frozen=True, eq=False)
class Points:
    """Where W walkers may be at one step: N points, each with a share of its walker.

    Attributes:
        walker: whose, (N,).
        position: (x, y) in metres, (N, 2).
        weight: share of the walker, (N,); sums to one over a walker's points.
    """

    walker: Int[np.ndarray, " N"]
    position: Float[np.ndarray, "N 2"]
    weight: Float[np.ndarray, " N"]

    def mean(self, walkers: int) -> Float[np.ndarray, "W 2"]:
        """The expected position of each of ``walkers`` walkers."""
        sums = [np.bincount(self.walker, self.weight * column, minlength=walkers) for column in self.position.T]
        return np.stack(sums, axis=1)


def sampled_points(paths: Float[np.ndarray, "K W n 2"]) -> tuple[Points, ...]:
    """K sampled paths of each walker as points of equal weight, one :class:`Points` a step."""
    count, walkers, steps, _ = paths.shape
    walker, weight = np.tile(np.arange(walkers), count), np.full(count * walkers, 1.0 / count)
    return tuple(Points(walker, paths[:, :, t].reshape(-1, 2), weight) for t in range(steps))


def mixed_points(parts: Sequence[Points], shares: Sequence[float]) -> Points:
    """A mixture of forecasts of the same walkers at one step; the shares sum to one.

    Raises:
        InvalidInput: other than one share a part, or shares that are no probabilities.
    """
    if len(parts) != len(shares) or min(shares, default=-1.0) < 0 or abs(sum(shares) - 1.0) > 1e-9:
        raise InvalidInput(f"shares = {list(shares)} of {len(parts)} parts: expected one each, summing to one")
    return Points(
        np.concatenate([part.walker for part in parts]),
        np.concatenate([part.position for part in parts]),
        np.concatenate([part.weight * share for part, share in zip(parts, shares, strict=True)]),
    )


@dataclasses.dataclass(frozen=True)
class Tiling:
    """The plane cut into square cells.

    Attributes:
        origin: a corner, (x, y) in metres.
        size: metres a side.
    """

    origin: tuple[float, float]
    size: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.origin).all() and 0 < self.size < np.inf):
            raise InvalidInput(
                f"origin = {self.origin}, size = {self.size}: expected finite metres, and a size above 0"
            )

    def corner(self, position: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "N 2"]:
        """The lower corner of the cell that holds each position."""
        origin = np.asarray(self.origin)
        return np.floor((position - origin) / self.size) * self.size + origin


def occupied_probability(
    points: Sequence[Points],
    truth: Float[np.ndarray, "W n 2"],
    tiling: Tiling,
    bandwidths: Float[np.ndarray, " B"] | Float[np.ndarray, "B W n"],
) -> Float[np.ndarray, "B W n"]:
    """Probability of the cell in which each walker stood at each step, with every point blurred by a Gaussian.

        p_t(cell) = Σ_i w_i Π_{axis} (Φ((high − x_i)/σ) − Φ((low − x_i)/σ))

    Args:
        points: one a step.
        truth: where the walkers then were, in metres.
        tiling: the cells.
        bandwidths: several σ in metres for all, (B,), or one for each walker and step, (B, W, n).

    Raises:
        InvalidInput: other than one ``Points`` a step, or bandwidths that are not positive.
    """
    truth = np.asarray(truth, float)
    walkers, steps, _ = truth.shape
    sigma = np.asarray(bandwidths, float)
    sigma = np.broadcast_to(sigma[:, None, None], (len(sigma), walkers, steps)) if sigma.ndim == 1 else sigma
    if len(points) != steps or sigma.shape[1:] != (walkers, steps) or not (sigma > 0).all():
        raise InvalidInput(
            f"{len(points)} steps of points for {steps} of truth, bandwidths of shape {sigma.shape}: expected one Points a "
            "step, and positive bandwidths, (B,) or (B, walkers, steps)"
        )
    found = np.empty(sigma.shape)
    for t, here in enumerate(points):
        corner = tiling.corner(truth[:, t])
        low = corner[here.walker] - here.position
        away = np.abs(low + tiling.size / 2).max(1) - tiling.size / 2
        for b, by_walker in enumerate(sigma[:, :, t]):
            near = away < FAR * by_walker[here.walker]
            scale = by_walker[here.walker[near], None]
            inside = ndtr((low[near] + tiling.size) / scale) - ndtr(low[near] / scale)
            mass = here.weight[near] * inside.prod(1)
            found[b, :, t] = np.bincount(here.walker[near], mass, minlength=walkers)
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class Smoothing:
    """How points become a distribution over cells: a bandwidth for each step and class of speed, and a floor.

        p = (1 − floor) · p_blurred + floor / cells

    Attributes:
        speeds: bounds between the classes, in metres a recorded frame, ascending, (G − 1,).
        bandwidth: σ in metres, (G, n).
        floor: share of each class that is spread over all cells alike, (G,).
    """

    speeds: Float[np.ndarray, " bounds"]
    bandwidth: Float[np.ndarray, "G n"]
    floor: Float[np.ndarray, " G"]

    def of(self, speed: Float[np.ndarray, " W"]) -> Float[np.ndarray, "W n"]:
        """The bandwidth of each walker and step."""
        return self.bandwidth[np.digitize(speed, self.speeds)]

    def losses(
        self,
        points: Sequence[Points],
        truth: Float[np.ndarray, "W n 2"],
        tiling: Tiling,
        speed: Float[np.ndarray, " W"],
        cells: int,
    ) -> Float[np.ndarray, "W n"]:
        """−log p of the cell in which each walker stood at each step, in nats.

        Args:
            points: one a step.
            truth: where the walkers then were.
            tiling: the cells.
            speed: of each walker when last seen, in metres a recorded frame.
            cells: how many cells the floor is spread over.
        """
        probability = occupied_probability(points, truth, tiling, self.of(speed)[None])[0]
        return blurred_losses(probability, self.floor[np.digitize(speed, self.speeds)][:, None], cells)


def blurred_losses(
    probability: Float[np.ndarray, "*n"], floor: Float[np.ndarray, "*m"] | float, cells: int | Float[np.ndarray, "*k"]
) -> Float[np.ndarray, "*n"]:
    """−log((1 − floor) p + floor / cells)."""
    return -np.log((1.0 - floor) * probability + floor / cells)


BANDWIDTHS = np.geomspace(0.02, 1.6, 12)
"""Candidates, in metres."""
FLOORS = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""Candidates for the share that is spread over all cells."""
SPEEDS = np.array([0.03, 0.15, 0.35])
"""Bounds between standing, strolling and walking, in metres a recorded frame (of .4 s)."""


def choose_smoothing(
    probability: Float[np.ndarray, "B W n"],
    speed: Float[np.ndarray, " W"],
    weight: Float[np.ndarray, " W"],
    cells: Float[np.ndarray, " W"],
    *,
    bandwidths: Float[np.ndarray, " B"] = BANDWIDTHS,
    speeds: Float[np.ndarray, " bounds"] = SPEEDS,
) -> tuple[Smoothing, float]:
    """The smoothing of least loss, and that loss in nats a step.

    Each class of speed is given a bandwidth for each step and one floor. A class in which nobody was seen takes those of
    all walkers.

    Args:
        probability: of the occupied cells under each candidate, from :func:`occupied_probability`.
        speed: of each walker when last seen.
        weight: how much each walker counts.
        cells: how many cells the floor of each walker is spread over.
        bandwidths: the candidates, (B,).
        speeds: bounds between the classes.
    """
    group = np.digitize(speed, speeds)
    chosen, floor, loss = [], [], 0.0
    for g in range(len(speeds) + 1):
        mine = group == g if (group == g).any() else np.ones(len(group), bool)
        best = _best(probability[:, mine], weight[mine], cells[mine])
        chosen.append(bandwidths[best[1]])
        floor.append(best[2])
        loss += best[0] * weight[group == g].sum() / weight.sum()
    return Smoothing(np.asarray(speeds), np.stack(chosen), np.array(floor)), float(loss)


def _best(
    probability: Float[np.ndarray, "B W n"], weight: Float[np.ndarray, " W"], cells: Float[np.ndarray, " W"]
) -> tuple[float, Int[np.ndarray, " n"], float]:
    """Least loss, the candidate of each step, and the floor."""
    found = []
    for floor in FLOORS:
        losses = np.average(blurred_losses(probability, floor, cells[:, None]), axis=1, weights=weight)
        found.append((float(losses.min(0).mean()), losses.argmin(0), floor))
    return min(found, key=lambda one: one[0])
