"""Weights that drift: a Gaussian random walk as their prior."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.prior import GaussianPrior, Scalars
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class RandomWalkPrior:
    """θ_{k,j} ~ N(θ_{k,j−1}, step_scale_k²), independent between the maps k; θ_{k,0} free or with a prior of its own.

    Attributes:
        step_scale: standard deviation of a step of each weight, in units of θ, (K,); small is smooth.
        start: prior of the first weights, or None.
    """

    step_scale: Float[np.ndarray, " K"]
    start: GaussianPrior | None = None

    def __post_init__(self) -> None:
        scale = np.asarray(self.step_scale, float)
        problems = [
            f"step_scale is {s} for weight {k}: expected a finite number > 0 (for weights that stay, use fit)"
            for k, s in enumerate(scale.ravel())
            if not 0 < s < np.inf
        ]
        if self.start is not None and self.start.scale.shape != scale.shape:
            problems.append(
                f"the prior of the first weights has {len(self.start.scale)} entries, step_scale {len(scale)}"
            )
        if problems:
            raise InvalidInput(problems)

    @staticmethod
    def of(names: Sequence[str], *, step_scale: Scalars, start: GaussianPrior | None = None) -> RandomWalkPrior:
        """One step scale for all weights, or one by name (every name given).

        Raises:
            InvalidInput: scales that are not positive, unknown names, or names left out.
        """
        scales = GaussianPrior.of(names, scale=step_scale).scale
        return RandomWalkPrior(scales, start)

    def scaled(self, factor: float) -> RandomWalkPrior:
        """The same with steps ``factor`` times as large."""
        return RandomWalkPrior(self.step_scale * factor, self.start)

    @property
    def precision(self) -> Float[np.ndarray, " K"]:
        """1/step_scale²."""
        return self.step_scale**-2.0

    def log_density(self, weights: Float[np.ndarray, "J K"]) -> float:
        """−½ Σ_j Σ_k ((θ_kj − θ_k,j−1)/step_scale_k)² and the first weights' own, in nats, without constants."""
        steps = -0.5 * float(np.sum((np.diff(weights, axis=0) / self.step_scale) ** 2))
        return steps + (0.0 if self.start is None else self.start.log_density(weights[0]))

    def gradient(self, weights: Float[np.ndarray, "J K"]) -> Float[np.ndarray, "J K"]:
        """∂ log density/∂θ, (J, K)."""
        pull = np.diff(weights, axis=0) * self.precision
        found = np.zeros_like(weights)
        found[:-1] += pull
        found[1:] -= pull
        if self.start is not None:
            found[0] += self.start.gradient(weights[0])
        return found

    def diagonal(self, count: int) -> Float[np.ndarray, "J K"]:
        """Diagonal of the precision of J steps of weights, (J, K)."""
        links = np.zeros(count)
        links[:-1] += 1
        links[1:] += 1
        found = links[:, None] * self.precision
        if self.start is not None:
            found[0] += self.start.precision
        return found
