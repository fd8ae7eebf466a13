"""How far a tracker's detections lie from the walkers: Gaussian errors and a share of clutter."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from maxentrl.status import InvalidInput

SETTLED = 1e-10
"""Relative change of the covariance at which the iteration ends."""
MOST_ITERATIONS = 1000


@dataclasses.dataclass(frozen=True, eq=False)
class DetectionErrors:
    """A detection is the true position plus a Gaussian error, or clutter that lies anywhere alike.

    Attributes:
        covariance: of the error, (2, 2), in square metres.
        clutter: share of detections that are clutter.
        area: where clutter lies, in square metres.
        count: detections that this was estimated from.
    """

    covariance: Float[np.ndarray, "2 2"]
    clutter: float
    area: float
    count: int

    @property
    def standard_deviation(self) -> tuple[float, float]:
        """Of the error in x and y, in metres."""
        x, y = np.sqrt(np.diag(self.covariance))
        return float(x), float(y)


def estimate_errors(errors: Float[np.ndarray, "N 2"], *, area: float, cell_size: float) -> DetectionErrors:
    """The Gaussian and the share of clutter of greatest likelihood, by expectation maximisation.

        w_i = (1 − ε) N(e_i; 0, Σ) / ((1 − ε) N(e_i; 0, Σ) + ε/area),   Σ = Σ w_i e_i e_iᵀ / Σ w_i,   ε = 1 − mean w_i

    begun at the median absolute error of each axis. Far-off detections have w = 0, so they do not widen Σ. The mean error
    is not taken out, because the filter knows of none; a cell's own variance, size²/12, is added to both axes.

    Args:
        errors: detected less true position, (N, 2), in metres.
        area: of the map, in square metres.
        cell_size: of a cell, in metres.

    Raises:
        InvalidInput: no error, or errors that are not finite.
    """
    errors = np.asarray(errors, float)
    if errors.ndim != 2 or errors.shape[1] != 2 or not len(errors) or not np.isfinite(errors).all():
        raise InvalidInput("detection errors are (N, 2) finite numbers, at least one: no walk has detections")
    least = cell_size**2 / 12
    scale = 1.4826 * np.median(np.abs(errors), axis=0)
    covariance, clutter = np.diag(np.maximum(scale**2, least)), 0.5 / len(errors)
    for _ in range(MOST_ITERATIONS):
        before = covariance
        distance = np.einsum("ni,ij,nj->n", errors, np.linalg.inv(covariance), errors)
        density = np.exp(-0.5 * distance) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
        genuine = (1 - clutter) * density / ((1 - clutter) * density + clutter / area)
        covariance = np.einsum("n,ni,nj->ij", genuine, errors, errors) / genuine.sum() + least * np.eye(2)
        clutter = float(np.clip(1 - genuine.mean(), 0.5 / len(errors), 0.5))
        if np.abs(covariance - before).max() <= SETTLED * np.abs(covariance).max():
            break
    return DetectionErrors(covariance, clutter, float(area), len(errors))
