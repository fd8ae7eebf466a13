"""Fully convolutional rewards over map layers, for scenes of any size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from maxentrl.mdp.world import World
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.rewards.extras import load_deep, quiet
from maxentrl.rewards.network import AbstractInputs, NetworkReward
from maxentrl.rewards.outputs import AbstractOutput, Cost, Ends
from maxentrl.rewards.perceptron import ACTIVATIONS
from maxentrl.rewards.scaling import Scaling, chosen
from maxentrl.status import InvalidInput

COST = Cost()


def convolutional(
    world: World,
    *,
    layers: Sequence[str] | None = None,
    channels: Sequence[int] = (16, 16),
    kernels: Sequence[int] = (1, 3),
    activation: str = "tanh",
    output: AbstractOutput = COST,
    ends: Ends = Ends.NOTHING,
    seed: int = 0,
    name: str = "convolutional",
) -> NetworkReward:
    """r(s) = output(convolutions of the map layers about s), one reward for each open cell.

    By default the first layer mixes the features of a cell and the second looks at its eight neighbours; a last one
    adds their channels up. Walls and what lies off the map are the same to it (zero in every layer), so a scene within
    a wider wall has the same rewards, and scenes of all sizes share one θ.

    Args:
        world: a scene with a map; see ``NetworkReward.on`` for others.
        layers: state features, all of them by default; scaled as in this scene.
        channels: of each hidden layer.
        kernels: side of each hidden layer's filters in cells, odd.
        activation: ``tanh``, ``relu``, ``softplus`` or ``gelu``.
        output: ``Cost()``, or ``AnySign()`` where rewards may be positive.
        ends: whether the last state is paid too.
        seed: of the first weights.
        name: begins the names of the parameters.

    Raises:
        MissingExtra: equinox is not installed.
        InvalidInput: a scene without a map, unknown layers, or sizes that make no network.
    """
    problems = [] if len(channels) == len(kernels) else [f"{len(channels)} channels for {len(kernels)} kernels"]
    problems += [f"channels = {c}: expected at least 1" for c in channels if c < 1]
    problems += [f"kernel {k}: expected an odd number of cells" for k in kernels if k < 1 or k % 2 == 0]
    problems += [] if activation in ACTIVATIONS else [f"activation '{activation}': one of {', '.join(ACTIVATIONS)}"]
    if problems:
        raise InvalidInput(problems)
    inputs = MapInputs.of(world, layers, output, ends)
    return NetworkReward.of(
        MaskedConvolutions.of(len(inputs.layers), channels, kernels, activation, seed), inputs, name=name
    )


@dataclasses.dataclass(frozen=True, eq=False)
class MaskedConvolutions:
    """Convolutions that see zeros beyond open cells: ``module(layers, open)`` → (1, rows, columns).

    Attributes:
        layers: equinox convolutions; the last, of one cell, adds the channels up.
        activation: between them.
    """

    layers: tuple[Any, ...]
    activation: str

    @staticmethod
    @double_precision
    def of(
        inputs: int, channels: Sequence[int], kernels: Sequence[int], activation: str, seed: int
    ) -> MaskedConvolutions:
        """With equinox's first weights."""
        convolution = load_deep("equinox").nn.Conv2d
        sizes = [inputs, *channels, 1]
        keys = jax.random.split(jax.random.key(seed), len(sizes) - 1)
        layers = [
            convolution(sizes[i], sizes[i + 1], kernel, padding=kernel // 2, key=key)
            for i, (kernel, key) in enumerate(zip([*kernels, 1], keys, strict=True))
        ]
        return MaskedConvolutions((*layers[:-1], quiet(layers[-1])), activation)

    @property
    def reach(self) -> int:
        """Cells beyond which nothing changes the answer at a cell."""
        return sum(layer.weight.shape[-1] // 2 for layer in self.layers)

    def __call__(
        self, layers: Float[Array, "C rows columns"], inside: Float[Array, "rows columns"]
    ) -> Float[Array, "1 rows columns"]:
        """One number a cell."""
        shown = layers * inside
        for layer in self.layers[:-1]:
            shown = ACTIVATIONS[self.activation](convolve(layer.weight, shown) + layer.bias) * inside
        return convolve(self.layers[-1].weight, shown) + self.layers[-1].bias


jax.tree_util.register_dataclass(MaskedConvolutions, data_fields=["layers"], meta_fields=["activation"])


def convolve(
    weight: Float[Array, "out in k k"], layers: Float[Array, "in rows columns"]
) -> Float[Array, "out rows columns"]:
    """Convolution with zeros beyond the border, as one product of matrices.

    In double precision XLA's own runs as a plain loop on processors; this is three to twelve times quicker. Rows of the
    padded map lie end to end, so that a shift of the filter is a shift of a long row.
    """
    side, (_, rows, columns) = weight.shape[-1], layers.shape
    if side == 1:
        return jnp.tensordot(weight[:, :, 0, 0], layers, 1)
    margin, wide = side // 2, columns + 2 * (side // 2)
    padded = jnp.pad(layers, ((0, 0), (margin, margin + 1), (margin, margin))).reshape(len(layers), -1)
    products = jnp.transpose(weight, (2, 3, 0, 1)).reshape(-1, len(layers)) @ padded
    products = products.reshape(side, side, len(weight), -1)
    length = rows * wide
    shifted = [products[i, j, :, i * wide + j : i * wide + j + length] for i in range(side) for j in range(side)]
    return sum(shifted[1:], shifted[0]).reshape(len(weight), rows, wide)[:, :, :columns]


@dataclasses.dataclass(frozen=True, eq=False)
class MapInputs(AbstractInputs):
    """A scene's map: ``module(layers, open)`` answers with a number a cell, or one for each action and cell.

    Attributes:
        layers: scaled features, zero where there is a wall, (C, rows, columns).
        inside: 1 on open cells, 0 on walls, (rows, columns).
        cells: the place of each state in the map read row by row, (S,).
        n_actions: A.
        n_states: S.
        scaling: of the layers.
        output: the module's number as a reward.
        ends: whether the last state is paid too.
    """

    layers: Float[ArrayLike, "C rows columns"]
    inside: Float[ArrayLike, "rows columns"]
    cells: Int[ArrayLike, " S"]
    n_actions: int
    n_states: int
    scaling: Scaling
    output: AbstractOutput
    ends: Ends

    @staticmethod
    def of(
        world: World, layers: Sequence[str] | None = None, output: AbstractOutput = COST, ends: Ends = Ends.NOTHING
    ) -> MapInputs:
        """The map of a scene, its layers scaled by their values on open cells.

        Raises:
            InvalidInput: a scene without a map, or unknown layers.
        """
        names = tuple(world.state_features) if layers is None else tuple(layers)
        if not names:
            raise InvalidInput("a convolutional reward needs at least one map layer")
        scaling = Scaling.of(names, chosen(world.state_features, names, "state"))
        return MapInputs._of_scaled(world, scaling, output, ends)

    @staticmethod
    @double_precision
    def _of_scaled(world: World, scaling: Scaling, output: AbstractOutput, ends: Ends) -> MapInputs:
        geometry = world.geometry
        if geometry is None:
            raise InvalidInput("a convolutional reward needs a scene with a map (a grid); use a perceptron here")
        columns = scaling.apply(chosen(world.state_features, scaling.names, "state"))
        cells = geometry.cell_of_state
        if len(cells) != world.mdp.n_states:
            raise InvalidInput(
                f"{world.mdp.n_states - len(cells)} states lie nowhere on the map: a convolutional reward needs a cell each"
            )
        return MapInputs(
            jnp.asarray(np.stack([geometry.mean_map(column, 0.0) for column in columns])),
            jnp.asarray((geometry.state_of_cell >= 0).astype(float)),
            jnp.asarray(np.ravel_multi_index(tuple(cells.T), geometry.shape)),
            world.mdp.n_actions,
            world.mdp.n_states,
            scaling,
            output,
            ends,
        )

    def table(self, module: Callable[..., Any]) -> RewardTable:
        answer = jnp.asarray(module(self.layers, self.inside))
        answer = answer[None] if answer.ndim == 2 else answer
        if answer.shape not in ((1, *self.inside.shape), (self.n_actions, *self.inside.shape)):
            raise InvalidInput(
                f"its answer has shape {answer.shape}: expected (rows, columns) = {self.inside.shape}, with 1 or "
                f"{self.n_actions} (one an action) before them"
            )
        reward = self.output(answer.reshape(len(answer), -1)[:, self.cells])
        nothing = jnp.zeros(self.n_states, reward.dtype)
        pair = jnp.broadcast_to(reward, (self.n_actions, self.n_states))
        return RewardTable(pair, jnp.mean(reward, 0) if self.ends is Ends.LIKE_STATES else nothing)

    def on(self, world: World) -> MapInputs:
        return self._of_scaled(world, self.scaling, self.output, self.ends)

    def description(self) -> Mapping[str, Any]:
        return {
            "kind": "map",
            "scaling": dataclasses.asdict(self.scaling),
            "output": repr(self.output),
            "ends": self.ends.value,
        }


jax.tree_util.register_dataclass(
    MapInputs,
    data_fields=["layers", "inside", "cells"],
    meta_fields=["n_actions", "n_states", "scaling", "output", "ends"],
)
