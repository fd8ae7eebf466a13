"""What every reward is: named parameters and a differentiable map from them to a reward table."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from maxentrl.numerics.reward_table import RewardTable


class AbstractReward(abc.ABC):
    """Parameters θ (K,) → :class:`RewardTable`, written in JAX so that learning can pull visits back through it."""

    names: tuple[str, ...]
    """One name a parameter, in order."""

    @abc.abstractmethod
    def table(self, parameters: Float[Array, " K"]) -> RewardTable:
        """The rewards at these parameters."""


@dataclasses.dataclass(frozen=True, eq=False)
class FunctionReward(AbstractReward):
    """Any differentiable function of a parameter vector.

    Attributes:
        names: one name a parameter.
        function: θ (K,) → :class:`RewardTable`, in ``jax.numpy``.
    """

    names: tuple[str, ...]
    function: Callable[[Float[Array, " K"]], RewardTable]

    def table(self, parameters: Float[Array, " K"]) -> RewardTable:
        return self.function(parameters)


def pull_back(
    reward: AbstractReward, parameters: Float[np.ndarray, " K"], visits: Callable[[RewardTable], RewardTable]
) -> tuple[RewardTable, Float[Array, " K"]]:
    """The table at θ and the gradient Σ visits · ∂table/∂θ, with visits computed from the table in between."""
    table, pullback = jax.vjp(reward.table, jnp.asarray(parameters))
    (gradient,) = pullback(visits(table))
    return table, gradient
