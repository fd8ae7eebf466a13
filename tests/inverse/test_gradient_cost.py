"""A gradient is read from expected visits: nothing differentiates through a sweep or a solve."""

import jax
import numpy as np
import pytest

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import value_and_gradient
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import from_dense
from maxentrl.rewards.linear import LinearReward

N = 7
"""States; a size that no other test has, so that every function is traced here."""
ENDS = np.arange(N) == N - 1


@pytest.mark.parametrize("time", [Finite(), Discounted(0.8), ToGoal()], ids=str)
@pytest.mark.parametrize("kind", [FeatureMatching, ConditionalLikelihood])
def test_no_automatic_differentiation_takes_part(kind, time, monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("a gradient was differentiated automatically")

    for name in ("grad", "value_and_grad", "vjp", "linearize", "jacrev", "jacfwd", "jvp"):
        monkeypatch.setattr(jax, name, forbidden)
    on, stay = np.roll(np.eye(N), 1, axis=1), np.eye(N)
    mdp = MDP(from_dense(np.stack([0.8 * on + 0.2 * stay, 0.3 * on + 0.7 * stay])), ENDS & (time == Discounted(0.8)))
    walks = Trajectories.of([range(N), range(2, N)], [[0] * (N - 1), [1] * (N - 3)], goals=[N - 1] * 2)
    reward = LinearReward.of(2, state={"step": np.ones(N)}, pair={"slow": np.stack([np.zeros(N), np.ones(N)])})
    value, gradient = value_and_gradient(
        kind.of(InverseProblem(mdp, reward, walks, time)), reward, np.array([-2.0, 0.3])
    )
    assert np.isfinite(value)
    assert np.abs(gradient).max() > 1e-3
