"""Which part of a reward is to blame for a number that is not finite."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.network import NetworkReward
from maxentrl.rewards.reward import AbstractReward
from maxentrl.rewards.sums import SumReward


@double_precision
def culprit(reward: AbstractReward, parameters: Float[np.ndarray, " K"]) -> str:
    """One sentence: the reward or layer, and where it first gives NaN or +inf."""
    bad = np.flatnonzero(~np.isfinite(parameters))
    if len(bad):
        return f"parameter '{reward.names[bad[0]]}' is {parameters[bad[0]]} (and {len(bad) - 1} more)"
    for part, own in _parts(reward, parameters):
        table = jax.tree.map(np.asarray, part.table(jnp.asarray(own)))
        if where := _where(table):
            return f"{_name(part)} {where}, although its parameters are finite{_largest(part, own)}"
    return "the parts of a sum cancel to no number"


def _parts(
    reward: AbstractReward, parameters: Float[np.ndarray, " K"]
) -> Iterator[tuple[AbstractReward, Float[np.ndarray, " k"]]]:
    if not isinstance(reward, SumReward):
        yield reward, parameters
        return
    for part, own in zip(reward.parts, reward.split(parameters), strict=True):
        yield from _parts(part, np.asarray(own))


def _name(reward: AbstractReward) -> str:
    if isinstance(reward, NetworkReward):
        return f"the network of reward '{reward.name}'"
    return f"the reward of {', '.join(reward.names[:5])}{' …' if len(reward.names) > 5 else ''}"


def _where(table: RewardTable) -> str:
    for what, part in (("pair", table.pair), ("end", table.terminal), ("outcome", table.outcome)):
        bad = np.argwhere(~(np.asarray(part) < np.inf)) if part is not None else []
        if len(bad):
            return f"is {np.asarray(part)[tuple(bad[0])]} at state {bad[0][-1]} ({what}; {len(bad) - 1} more entries)"
    return ""


def _largest(reward: AbstractReward, parameters: Float[np.ndarray, " k"]) -> str:
    if not isinstance(reward, NetworkReward):
        return ""
    worst = int(np.argmax(np.abs(parameters)))
    largest = f"{reward.names[worst]} = {parameters[worst]:.3g}"
    return f"; the largest is {largest} (a shorter step, or weight decay, keeps them small)"
