"""What every reward is: named parameters and a differentiable map from them to a reward table."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Bool, Float

from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike


class AbstractReward(abc.ABC):
    """Parameters θ (K,) → :class:`RewardTable`, written in JAX so that learning can pull visits back through it.

    A reward is a pytree (``jax.tree_util.register_dataclass``, or an equinox module): it is handed to compiled functions,
    its arrays as inputs and everything else as part of what is compiled.
    """

    names: tuple[str, ...]
    """One name a parameter, in order."""
    start: Float[ArrayLike, " K"] | None = None
    """θ at which learning begins; None for zeros. The weights of a network cannot begin at zero, where none matters."""
    coefficients: Bool[ArrayLike, " K"] | None = None
    """Which parameters have a meaning, and so a standard error, of their own; None for all. Weights of a network have not."""

    @abc.abstractmethod
    def table(self, parameters: Float[ArrayLike, " K"]) -> RewardTable:
        """The rewards at these parameters."""


def starting_parameters(reward: AbstractReward) -> Float[np.ndarray, " K"]:
    """θ at which learning begins: the reward's own start, or zeros."""
    return np.zeros(len(reward.names)) if reward.start is None else np.array(reward.start, float)


def coefficient_mask(reward: AbstractReward) -> Bool[np.ndarray, " K"]:
    """Which parameters have standard errors of their own."""
    return np.ones(len(reward.names), bool) if reward.coefficients is None else np.array(reward.coefficients, bool)


def coefficient_names(reward: AbstractReward) -> tuple[str, ...]:
    """Names of the parameters that have a meaning of their own, in order."""
    return tuple(name for name, own in zip(reward.names, coefficient_mask(reward), strict=True) if own)


@dataclasses.dataclass(frozen=True, eq=False)
class FunctionReward(AbstractReward):
    """Any differentiable function of a parameter vector.

    Attributes:
        names: one name a parameter.
        function: θ (K,) → :class:`RewardTable`, in ``jax.numpy``.
    """

    names: tuple[str, ...]
    function: Callable[[Float[ArrayLike, " K"]], RewardTable]

    def table(self, parameters: Float[ArrayLike, " K"]) -> RewardTable:
        return self.function(parameters)


jax.tree_util.register_dataclass(FunctionReward, data_fields=[], meta_fields=["names", "function"])
