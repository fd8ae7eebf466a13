"""A reward computed in blocks of one size, so that scenes of all sizes share what is compiled for one block."""

from __future__ import annotations

import dataclasses
from functools import singledispatch
from itertools import product
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.rewards.convolution import MapInputs
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.network import AbstractInputs, NetworkReward
from maxentrl.rewards.perceptron import RowInputs
from maxentrl.rewards.reward import AbstractReward, coefficient_mask, starting_parameters
from maxentrl.rewards.shapes import TableShapes, shapes_of
from maxentrl.rewards.sums import EachStep, SumReward

STATES = 2048
"""States of a block of rows: what is computed in vain, half of it a scene, is little beside 10 000 cells."""
TILE = 32
"""Side in cells of a block of a map, without the cells around it that its rewards look at."""


@runtime_checkable
class LocalModule(Protocol):
    """A module of map layers whose answer at a cell depends on the cells within ``reach`` of it alone.

    It must see zeros wherever ``open`` is zero, in every layer, so that a wall and what lies off the map are the same.
    """

    @property
    def reach(self) -> int:
        """Cells, along rows and columns."""
        ...


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Block:
    """Some states of a scene, as a scene of their own for one part of a reward.

    Attributes:
        reward: of the block's places.
        states: states of the scene whose rewards it gives, (n,).
        places: where the block's table holds each of them, (n,).
        first: number of the part's first parameter in θ.
        shape: of its table.
    """

    reward: AbstractReward
    states: Int[ArrayLike, " n"]
    places: Int[ArrayLike, " n"]
    first: int = dataclasses.field(metadata={"static": True})
    shape: TableShapes = dataclasses.field(metadata={"static": True})

    @property
    def whole(self) -> bool:
        """Whether its table is that of the scene's first states, place by place, with none in vain."""
        places = np.asarray(self.places)
        return len(places) == self.shape.terminal[-1] and np.array_equal(self.states, places)

    def own(self, parameters: Float[ArrayLike, " K"]) -> Float[ArrayLike, " k"]:
        """The parameters of its part."""
        return parameters[self.first : self.first + len(self.reward.names)]

    def cut(self, visits: RewardTable) -> RewardTable:
        """The visits of its states, summed where several states share a place, and over steps where it has none."""
        pair = np.asarray(visits.pair)[..., self.states]
        pair = pair.sum(0) if pair.ndim == 3 and self.shape.steps is None else pair
        outcome = None if self.shape.outcome is None else self._placed(np.asarray(visits.outcome)[..., self.states])
        terminal = np.asarray(visits.terminal)[..., self.states]
        return RewardTable(self._placed(pair), self._placed(terminal), outcome)

    def _placed(self, rows: Float[np.ndarray, "... n"]) -> Float[np.ndarray, "... places"]:
        placed = np.zeros((*rows.shape[:-1], self.shape.terminal[-1]))
        np.add.at(placed.T, np.asarray(self.places), rows.T)
        return placed


@dataclasses.dataclass(frozen=True, eq=False)
class BlockedReward(AbstractReward):
    """A reward whose table is put together from blocks, for a scene with idle states added at its end.

    The rewards and derivatives are the reward's own to rounding; idle states are paid nothing.

    Attributes:
        names: the reward's.
        reward: of the scene as it is.
        blocks: which together give the table of every part.
        n_states: with idle ones.
        shape: of the table, with idle states.
        start: the reward's.
        coefficients: the reward's.
    """

    names: tuple[str, ...]
    reward: AbstractReward
    blocks: tuple[Block, ...]
    n_states: int
    shape: TableShapes
    start: Float[ArrayLike, " K"] | None = None
    coefficients: Bool[ArrayLike, " K"] | None = None

    @staticmethod
    @double_precision
    def of(reward: AbstractReward, n_states: int) -> BlockedReward:
        """The reward in blocks, with idle states up to ``n_states``."""
        found = shapes_of(reward, len(reward.names))
        outcome = None if found.outcome is None else (*found.outcome[:-1], n_states)
        shape = TableShapes((*found.pair[:-1], n_states), (n_states,), outcome)
        start, coefficients = starting_parameters(reward), coefficient_mask(reward)
        return BlockedReward(reward.names, reward, tuple(blocks_of(reward, 0)), n_states, shape, start, coefficients)

    def table(self, parameters: Float[ArrayLike, " K"]) -> RewardTable:
        table = self.reward.table(parameters)
        idle = self.n_states - table.terminal.shape[-1]
        return jax.tree.map(lambda part: jnp.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, idle)]), table)


jax.tree_util.register_dataclass(
    BlockedReward,
    data_fields=["reward", "blocks", "start", "coefficients"],
    meta_fields=["names", "n_states", "shape"],
)


def with_idle_states(reward: AbstractReward, n_states: int) -> AbstractReward:
    """A reward for a scene with idle states added at its end, which are paid nothing, compiled for blocks of one size."""
    if not isinstance(reward, LinearReward):
        return BlockedReward.of(reward, n_states)
    wider = [
        None
        if part is None
        else np.pad(np.asarray(part), [(0, 0)] * (part.ndim - 1) + [(0, n_states - part.shape[-1])])
        for part in (reward.state, reward.pair, reward.terminal)
    ]
    return dataclasses.replace(reward, state=wider[0], pair=wider[1], terminal=wider[2])


@singledispatch
def blocks_of(reward: AbstractReward, first: int) -> list[Block]:
    """The blocks of a reward whose parameters begin at θ[first]; one of all states where it cannot be divided."""
    shape = shapes_of(reward, len(reward.names))
    every = np.arange(shape.terminal[-1])
    return [Block(reward, every, every, first, shape)]


@blocks_of.register
def _(reward: SumReward, first: int) -> list[Block]:
    bounds = np.cumsum([first, *reward.sizes])
    return [block for part, low in zip(reward.parts, bounds, strict=False) for block in blocks_of(part, int(low))]


@blocks_of.register
def _(reward: EachStep, first: int) -> list[Block]:
    found = [
        dataclasses.replace(block, reward=dataclasses.replace(reward, reward=block.reward))
        for block in blocks_of(reward.reward, first)
    ]
    shape = shapes_of(found[0].reward, len(reward.names))
    return [dataclasses.replace(block, shape=shape) for block in found]


@blocks_of.register
def _(reward: NetworkReward, first: int) -> list[Block]:
    module = reward.module(starting_parameters(reward))
    every = np.arange(reward.inputs.n_states)
    parts = _parts(reward.inputs, module.reach if isinstance(module, LocalModule) else None)
    found = [
        (dataclasses.replace(reward, inputs=inputs), *where)
        for inputs, *where in parts or [(reward.inputs, every, every)]
    ]
    shape = shapes_of(found[0][0], len(reward.names))
    return [Block(part, states, places, first, shape) for part, states, places in found]


Part = tuple[AbstractInputs, Int[np.ndarray, " n"], Int[np.ndarray, " n"]]


@singledispatch
def _parts(inputs: AbstractInputs, reach: int | None) -> list[Part]:
    """Inputs of one size, with the states that each shows and their places; none where they cannot be divided."""
    return []


@_parts.register
def _(inputs: RowInputs, reach: int | None) -> list[Part]:
    def rows(part: ArrayLike | None, low: int) -> ArrayLike | None:
        if part is None:
            return None
        cut = np.asarray(part)[..., low : low + STATES]
        return jnp.asarray(np.pad(cut, [(0, 0)] * (cut.ndim - 1) + [(0, STATES - cut.shape[-1])]))

    found = []
    for low in range(0, inputs.n_states, STATES):
        kept = np.arange(min(STATES, inputs.n_states - low))
        state, pair, arrival = (rows(part, low) for part in (inputs.state, inputs.pair, inputs.arrival))
        part = dataclasses.replace(inputs, state=state, pair=pair, arrival=arrival, n_states=STATES)
        found.append((part, kept + low, kept))
    return found


@_parts.register
def _(inputs: MapInputs, reach: int | None) -> list[Part]:
    if reach is None:
        return []
    rows, columns = inputs.inside.shape
    row, column = np.divmod(np.asarray(inputs.cells), columns)
    around = [(0, 0), (reach, reach + TILE), (reach, reach + TILE)]
    layers, inside = np.pad(np.asarray(inputs.layers), around), np.pad(np.asarray(inputs.inside), around[1:])
    side = TILE + 2 * reach
    y, x = np.mgrid[reach : reach + TILE, reach : reach + TILE]
    cells = jnp.asarray((y * side + x).ravel())
    found = []
    for top, left in product(range(0, rows, TILE), range(0, columns, TILE)):
        states = np.flatnonzero((row // TILE == top // TILE) & (column // TILE == left // TILE))
        if not len(states):
            continue
        tile = np.s_[..., top : top + side, left : left + side]
        places = (row[states] - top) * TILE + column[states] - left
        part = dataclasses.replace(
            inputs,
            layers=jnp.asarray(layers[tile]),
            inside=jnp.asarray(inside[tile]),
            cells=jnp.asarray(cells),
            n_states=TILE * TILE,
        )
        found.append((part, states, places))
    return found
