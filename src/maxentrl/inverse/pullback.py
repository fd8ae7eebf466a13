"""θ → reward table and visits → gradient, made ready once for the many evaluations of a fit."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.reward import AbstractReward

Parts = tuple[jax.Array, jax.Array, jax.Array | None]


class AbstractPullback(abc.ABC):
    """A reward's map and its transposed derivative, NumPy in and out."""

    @abc.abstractmethod
    def table(self, parameters: Float[np.ndarray, " K"]) -> RewardTable:
        """The reward table at θ."""

    @abc.abstractmethod
    def gradient(self, parameters: Float[np.ndarray, " K"], visits: RewardTable) -> Float[np.ndarray, " K"]:
        """Σ visits · ∂table/∂θ."""


@dataclasses.dataclass(frozen=True, eq=False)
class LinearPullback(AbstractPullback):
    """Of a linear reward: two products with the feature matrix, without tracing."""

    reward: LinearReward

    def table(self, parameters: Float[np.ndarray, " K"]) -> RewardTable:
        by_state = parameters @ self.reward.state
        pair = np.broadcast_to(by_state, (self.reward.n_actions, len(by_state)))
        if self.reward.pair is not None:
            pair = pair + np.tensordot(parameters, self.reward.pair, 1)
        return RewardTable(pair, parameters @ self.reward.terminal)

    def gradient(self, parameters: Float[np.ndarray, " K"], visits: RewardTable) -> Float[np.ndarray, " K"]:
        pair = np.asarray(visits.pair)
        found = self.reward.state @ pair.sum(0) + self.reward.terminal @ np.asarray(visits.terminal)
        if self.reward.pair is not None:
            found = found + self.reward.pair.reshape(len(found), -1) @ pair.ravel()
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class CompiledPullback(AbstractPullback):
    """Of any differentiable reward: its table and its vjp, each compiled once."""

    forward: Callable[[np.ndarray], Parts]
    backward: Callable[[np.ndarray, Parts], jax.Array]

    @staticmethod
    def of(reward: AbstractReward) -> CompiledPullback:
        """Prepare a reward."""

        def parts(parameters: jax.Array) -> Parts:
            table = reward.table(parameters)
            outcome = None if table.outcome is None else jnp.asarray(table.outcome)
            return jnp.asarray(table.pair), jnp.asarray(table.terminal), outcome

        def backward(parameters: jax.Array, visits: Parts) -> jax.Array:
            return jax.vjp(parts, parameters)[1](visits)[0]

        return CompiledPullback(jax.jit(parts), jax.jit(backward))

    @double_precision
    def table(self, parameters: Float[np.ndarray, " K"]) -> RewardTable:
        pair, terminal, outcome = self.forward(np.asarray(parameters, float))
        return RewardTable(np.asarray(pair), np.asarray(terminal), None if outcome is None else np.asarray(outcome))

    @double_precision
    def gradient(self, parameters: Float[np.ndarray, " K"], visits: RewardTable) -> Float[np.ndarray, " K"]:
        like = jax.eval_shape(self.forward, np.asarray(parameters, float))
        given = (visits.pair, visits.terminal, visits.outcome)
        cotangent = jax.tree.map(lambda x, shape: jnp.asarray(x, shape.dtype), given, like)
        return np.asarray(self.backward(np.asarray(parameters, float), cotangent), float)


def pullback_of(reward: AbstractReward) -> AbstractPullback:
    """The quickest exact pullback of a reward."""
    return LinearPullback(reward) if isinstance(reward, LinearReward) else CompiledPullback.of(reward)
