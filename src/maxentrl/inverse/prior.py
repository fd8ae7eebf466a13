"""A Gaussian prior on parameters: shrinks estimates, and makes separated or unbounded fits finite."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.parameters import nearest_name
from maxentrl.status import InvalidInput

Scalars = float | int | Mapping[str, float | int]
"""One number for all parameters, or some by name."""


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianPrior:
    """θ_k ~ N(mean_k, scale_k²), independent; an infinite scale is no prior on that parameter.

    Attributes:
        mean: (K,).
        scale: standard deviations, (K,), positive, inf for none.
    """

    mean: Float[np.ndarray, " K"]
    scale: Float[np.ndarray, " K"]

    @staticmethod
    def of(names: Sequence[str], *, scale: Scalars, mean: Scalars = 0.0) -> GaussianPrior:
        """One scale and mean for all parameters, or by name (names left out have no prior).

        Raises:
            InvalidInput: a scale that is not positive, a mean that is not finite, or unknown names.
        """
        scales = scale if isinstance(scale, Mapping) else dict.fromkeys(names, scale)
        means = mean if isinstance(mean, Mapping) else dict.fromkeys(names, mean)
        problems = [
            f"prior names '{name}', which is not a parameter: {nearest_name(name, names)}"
            for name in dict.fromkeys([*scales, *means])
            if name not in names
        ]
        problems += [f"prior scale of '{n}' is {s}: expected a number > 0" for n, s in scales.items() if not s > 0]
        problems += [
            f"prior mean of '{n}' is {m}: expected a finite number" for n, m in means.items() if not np.isfinite(m)
        ]
        if problems:
            raise InvalidInput(problems)
        return GaussianPrior(
            np.array([means.get(name, 0.0) for name in names], float),
            np.array([scales.get(name, np.inf) for name in names], float),
        )

    @property
    def precision(self) -> Float[np.ndarray, " K"]:
        """1/scale², zero where there is no prior."""
        return self.scale**-2.0

    def log_density(self, parameters: Float[np.ndarray, " K"]) -> float:
        """−½ Σ ((θ − mean)/scale)², in nats, without the constant."""
        return float(-0.5 * np.sum(((parameters - self.mean) / self.scale) ** 2))

    def gradient(self, parameters: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """∂ log density/∂θ = (mean − θ)/scale²."""
        return (self.mean - parameters) * self.precision
