"""A gradient is read from expected visits: nothing differentiates through a sweep or a solve."""

import jax
import numpy as np
import pytest

from inverse.small_fits import feasible_parameters, small_problem
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import value_and_gradient


@pytest.mark.parametrize("kind", [FeatureMatching, ConditionalLikelihood])
@pytest.mark.parametrize("time", ["finite", "discounted", "to-goal"])
def test_no_automatic_differentiation_takes_part(kind, time, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a gradient was differentiated automatically")

    jax.clear_caches()
    for name in ("grad", "value_and_grad", "vjp", "linearize", "jacrev", "jacfwd", "jvp"):
        monkeypatch.setattr(jax, name, forbidden)
    problem = small_problem(time, deterministic=False)
    value, gradient = value_and_gradient(kind.of(problem), problem.reward, feasible_parameters(time))
    assert np.isfinite(value)
    assert np.abs(gradient).max() > 1e-3
