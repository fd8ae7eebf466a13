"""The coefficients of a reward that is part network, at their maximum given the network."""

from __future__ import annotations

import numpy as np

from maxentrl.inverse.fit import Fit, fit
from maxentrl.inverse.optimise import AbstractOptimiser
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.rewards.reward import coefficient_mask
from maxentrl.status import InvalidInput


def refit_coefficients(trained: Fit, *, optimiser: AbstractOptimiser | None = None) -> Fit:
    """The fit of the coefficients alone, the weights of the network fixed at their estimates.

    Training ends before the gradient is zero, so its coefficients have no standard errors. Given the network the problem
    is an ordinary one: its table has them, as errors *given* the network. Bounds of the first fit are kept.

    Raises:
        InvalidInput: a reward without coefficients, or without a network.
    """
    coefficients = coefficient_mask(trained.problems[0].reward)
    if coefficients.all() or not coefficients.any():
        raise InvalidInput("refit_coefficients is for sums of named coefficients and networks")
    names, values = trained.space.names, trained.parameters
    fixed = {name: float(v) for name, v, free in zip(names, values, coefficients, strict=True) if not free}
    start = {name: float(v) for name, v, free in zip(names, values, coefficients, strict=True) if free}
    whole = trained.space
    bounds = {
        name: (_bound(whole.lower[f]), _bound(whole.upper[f]))
        for f, name in enumerate(whole.free_names)
        if name in start and (np.isfinite(whole.lower[f]) or np.isfinite(whole.upper[f]))
    }
    space = ParameterSpace.of(names, fixed=fixed, start=start, bounds=bounds)
    return fit(trained.problems, objective=trained.objectives, space=space, prior=trained.prior, optimiser=optimiser)


def _bound(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
