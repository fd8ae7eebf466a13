"""Weight decay of networks, as the prior that it is."""

from __future__ import annotations

import numpy as np

from maxentrl.inverse.prior import GaussianPrior
from maxentrl.rewards.reward import AbstractReward, coefficient_mask
from maxentrl.status import InvalidInput


def weight_decay(reward: AbstractReward, strength: float) -> GaussianPrior:
    """−½ λ Σ w² in nats on the weights of a network, λ = ``strength``: the prior N(0, 1/√λ) on each; coefficients have none.

    λ belongs to the whole data, so that its part grows smaller with more walks, as a prior's does; a decay δ a step of
    plain gradient descent a unit weight is λ = δ · total weight (see ``gradient_steps``).

    Raises:
        InvalidInput: a strength that is not positive, or a reward without weights.
    """
    if not 0 < strength < np.inf:
        raise InvalidInput(f"strength = {strength}: expected a number > 0")
    coefficients = coefficient_mask(reward)
    if coefficients.all():
        raise InvalidInput("every parameter is a coefficient: shrink them by GaussianPrior.of(names, scale=…)")
    return GaussianPrior(np.zeros(len(coefficients)), np.where(coefficients, np.inf, strength**-0.5))
