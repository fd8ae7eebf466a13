"""Sums of rewards, and rewards with parameters of their own for each step."""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import reduce
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.rewards.reward import AbstractReward, coefficient_mask, starting_parameters
from maxentrl.rewards.shapes import shapes_of
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class SumReward(AbstractReward):
    """r = Σ parts, each with its own parameters: θ is theirs one after the other.

    Linear coefficients keep their names and their rows of the coefficient table; their standard errors are given the
    networks, whose weights are held at their estimates.

    Attributes:
        names: of all parts, in order.
        parts: the rewards that are added; a table of each step is added to one of all steps as broadcasting does.
        sizes: parameters of each part.
        start: of all parts, (K,).
        coefficients: of all parts, (K,).
    """

    names: tuple[str, ...]
    parts: tuple[AbstractReward, ...]
    sizes: tuple[int, ...]
    start: Float[ArrayLike, " K"] | None = None
    coefficients: Bool[ArrayLike, " K"] | None = None

    @staticmethod
    def of(*parts: AbstractReward) -> SumReward:
        """The sum of rewards of one process.

        Raises:
            InvalidInput: no part, a name in two parts, or tables that do not fit each other.
        """
        if not parts:
            raise InvalidInput("a sum of rewards needs at least one part")
        names = tuple(name for part in parts for name in part.names)
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise InvalidInput(
                f"parameters of two parts share a name: {', '.join(twice[:5])}; name the parts differently (name=…)"
            )
        reward = SumReward(
            names,
            parts,
            tuple(len(part.names) for part in parts),
            np.concatenate([starting_parameters(part) for part in parts]),
            np.concatenate([coefficient_mask(part) for part in parts]),
        )
        _check(reward)
        return reward

    def split(self, parameters: Float[ArrayLike, " K"]) -> tuple[Float[ArrayLike, " k"], ...]:
        """The parameters of each part."""
        bounds = np.cumsum([0, *self.sizes])
        return tuple(parameters[low:high] for low, high in pairwise(bounds))

    def table(self, parameters: Float[ArrayLike, " K"]) -> RewardTable:
        parameters = jnp.asarray(parameters)
        tables = [part.table(own) for part, own in zip(self.parts, self.split(parameters), strict=True)]
        outcomes = [table.outcome for table in tables if table.outcome is not None]
        return RewardTable(
            reduce(jnp.add, [table.pair for table in tables]),
            reduce(jnp.add, [table.terminal for table in tables]),
            reduce(jnp.add, outcomes) if outcomes else None,
        )


jax.tree_util.register_dataclass(
    SumReward, data_fields=["parts", "start", "coefficients"], meta_fields=["names", "sizes"]
)


def _check(reward: SumReward) -> None:
    tables = [shapes_of(part, size) for part, size in zip(reward.parts, reward.sizes, strict=True)]
    pairs = {table.pair[-2:] for table in tables}
    outcomes = {table.outcome for table in tables if table.outcome is not None}
    steps = {(table.steps,) for table in tables if table.steps is not None}
    for what, found in (("(actions, states)", pairs), ("(actions, successors, states)", outcomes), ("steps", steps)):
        if len(found) > 1:
            raise InvalidInput(f"parts of a sum disagree about {what}: {', '.join(map(str, sorted(found)))}")


@dataclasses.dataclass(frozen=True, eq=False)
class EachStep(AbstractReward):
    """r_t = reward(θ_t): parameters of their own for each of T steps; the last step's pay the end.

    Attributes:
        names: "step 0: …", then those of step 1, and so on.
        reward: what each step is paid by.
        steps: T.
        start: the reward's own start, for each step, (T·K,).
        coefficients: the reward's own, for each step, (T·K,).
    """

    names: tuple[str, ...]
    reward: AbstractReward
    steps: int
    start: Float[ArrayLike, " K"] | None = None
    coefficients: Bool[ArrayLike, " K"] | None = None

    @staticmethod
    def of(reward: AbstractReward, steps: int) -> EachStep:
        """A reward for each step of a finite horizon.

        Raises:
            InvalidInput: fewer than one step, or a reward that has steps already or depends on the next state by luck.
        """
        if steps < 1:
            raise InvalidInput(f"steps = {steps}: expected at least 1")
        shapes = shapes_of(reward, len(reward.names))
        if shapes.steps is not None:
            raise InvalidInput("this reward has a table for each step already")
        if shapes.outcome is not None:
            raise InvalidInput("a reward of the next state has no form for each step: planning knows one for all steps")
        names = tuple(f"step {t}: {name}" for t in range(steps) for name in reward.names)
        start, coefficients = starting_parameters(reward), coefficient_mask(reward)
        return EachStep(names, reward, steps, np.tile(start, steps), np.tile(coefficients, steps))

    def table(self, parameters: Float[ArrayLike, " K"]) -> RewardTable:
        each = jnp.reshape(jnp.asarray(parameters), (self.steps, -1))
        tables = jax.vmap(self.reward.table)(each)
        return RewardTable(tables.pair, tables.terminal[-1])


jax.tree_util.register_dataclass(
    EachStep, data_fields=["reward", "start", "coefficients"], meta_fields=["names", "steps"]
)
