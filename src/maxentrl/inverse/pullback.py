"""θ → reward table, and visits → gradient: the only two things that learning asks of a reward."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.rewards.blocks import Block, BlockedReward
from maxentrl.rewards.culprit import culprit
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.reward import AbstractReward
from maxentrl.status import Failure, Status


def reward_table(reward: AbstractReward, parameters: Float[np.ndarray, " K"]) -> RewardTable:
    """The table of a reward at θ, as NumPy arrays.

    Raises:
        Failure: NON_FINITE where a reward that is not linear gives NaN or +inf, with its name and where.
    """
    if isinstance(reward, LinearReward):
        return _linear_table(reward, np.asarray(parameters, float))
    if isinstance(reward, BlockedReward):
        return _blocked_table(reward, np.asarray(parameters, float))
    return _compiled_table(reward, parameters)


def pull_back(
    reward: AbstractReward, parameters: Float[np.ndarray, " K"], visits: RewardTable
) -> Float[np.ndarray, " K"]:
    """Σ visits · ∂table/∂θ at θ."""
    if isinstance(reward, LinearReward):
        return _linear_pull_back(reward, visits)
    if isinstance(reward, BlockedReward):
        return _blocked_pull_back(reward, np.asarray(parameters, float), visits)
    return _compiled_pull_back(reward, parameters, visits)


def _linear_table(reward: LinearReward, parameters: Float[np.ndarray, " K"]) -> RewardTable:
    """Products with the feature matrices: ten times quicker than handing small ones to a compiled function."""
    by_state = parameters @ np.asarray(reward.state)
    pair = np.broadcast_to(by_state, (reward.n_actions, len(by_state)))
    if reward.pair is not None:
        pair = pair + np.tensordot(parameters, np.asarray(reward.pair), 1)
    return RewardTable(pair, parameters @ np.asarray(reward.terminal))


def _linear_pull_back(reward: LinearReward, visits: RewardTable) -> Float[np.ndarray, " K"]:
    pair = np.asarray(visits.pair)
    found = np.asarray(reward.state) @ pair.sum(0) + np.asarray(reward.terminal) @ np.asarray(visits.terminal)
    if reward.pair is not None:
        found = found + np.asarray(reward.pair).reshape(len(found), -1) @ pair.ravel()
    return found


def _blocked_table(reward: BlockedReward, parameters: Float[np.ndarray, " K"]) -> RewardTable:
    table = reward.shape.zeros()
    for block in reward.blocks:
        found = _block_table(reward, block, parameters)
        for whole, part in ((table.pair, found.pair), (table.terminal, found.terminal), (table.outcome, found.outcome)):
            if whole is not None and part is not None:
                np.asarray(whole)[..., block.states] += np.asarray(part)[..., block.places]
    return table


def _block_table(reward: BlockedReward, block: Block, parameters: Float[np.ndarray, " K"]) -> RewardTable:
    own = np.asarray(block.own(parameters))
    if block.whole:
        return reward_table(block.reward, own)
    found = _numbers(block.reward, own)
    seen = jax.tree.map(lambda part: part[..., block.places], found)
    if not all(np.all(part < np.inf) for part in jax.tree.leaves(seen)):
        raise Failure(Status.NON_FINITE, culprit(reward.reward, parameters))
    return found


def _blocked_pull_back(
    reward: BlockedReward, parameters: Float[np.ndarray, " K"], visits: RewardTable
) -> Float[np.ndarray, " K"]:
    gradient = np.zeros(len(parameters))
    for block in reward.blocks:
        own = np.asarray(block.own(parameters))
        gradient[block.first : block.first + len(own)] += pull_back(block.reward, own, block.cut(visits))
    return gradient


@double_precision
def _numbers(reward: AbstractReward, parameters: Float[np.ndarray, " K"]) -> RewardTable:
    return jax.tree.map(np.asarray, _table(reward, np.asarray(parameters, float)))


@double_precision
def _compiled_table(reward: AbstractReward, parameters: Float[np.ndarray, " K"]) -> RewardTable:
    table = _numbers(reward, parameters)
    if not all(np.all(part < np.inf) for part in jax.tree.leaves(table)):
        raise Failure(Status.NON_FINITE, culprit(reward, np.asarray(parameters, float)))
    return table


@double_precision
def _compiled_pull_back(
    reward: AbstractReward, parameters: Float[np.ndarray, " K"], visits: RewardTable
) -> Float[np.ndarray, " K"]:
    return np.asarray(_vector_jacobian(reward, np.asarray(parameters, float), visits), float)


@jax.jit
def _table(reward: AbstractReward, parameters: Float[ArrayLike, " K"]) -> RewardTable:
    return reward.table(parameters)


@jax.jit
def _vector_jacobian(
    reward: AbstractReward, parameters: Float[ArrayLike, " K"], visits: RewardTable
) -> Float[Array, " K"]:
    table, pull = jax.vjp(reward.table, parameters)
    return pull(jax.tree.map(lambda visit, entry: jnp.asarray(visit, jnp.result_type(entry)), visits, table))[0]
