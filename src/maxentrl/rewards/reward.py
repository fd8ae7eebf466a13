"""What every reward is: named parameters and a differentiable map from them to a reward table."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable

import jax
from jaxtyping import Float

from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike


class AbstractReward(abc.ABC):
    """Parameters θ (K,) → :class:`RewardTable`, written in JAX so that learning can pull visits back through it.

    A reward is a pytree (``jax.tree_util.register_dataclass``, or an equinox module): it is handed to compiled functions,
    its arrays as inputs and everything else as part of what is compiled.
    """

    names: tuple[str, ...]
    """One name a parameter, in order."""

    @abc.abstractmethod
    def table(self, parameters: Float[ArrayLike, " K"]) -> RewardTable:
        """The rewards at these parameters."""


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
