"""Rewards from any differentiable module: equinox's, a user's own, or a plain function of a tree of weights.

The module says what a reward *is*; small classes say what it is shown of a scene and how its answer becomes a table. So
one module with one vector θ gives the rewards of every scene (:meth:`NetworkReward.on`).
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.world import World
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.rewards.layout import Layout, Shape, architecture, flatten
from maxentrl.rewards.reward import AbstractReward
from maxentrl.rewards.scaling import chosen
from maxentrl.rewards.shapes import shapes_of
from maxentrl.status import InvalidInput


class AbstractInputs(abc.ABC):
    """What a module is shown of one scene, and how its answer becomes a reward table.

    A pytree: its arrays are handed to compiled functions, everything else is part of what is compiled.
    """

    n_actions: int
    n_states: int

    @abc.abstractmethod
    def table(self, module: Callable[..., Any]) -> RewardTable:
        """The rewards that the module gives in this scene.

        Raises:
            InvalidInput: its answer has a shape that means nothing here.
        """

    @abc.abstractmethod
    def on(self, world: World) -> AbstractInputs:
        """The same of another scene.

        Raises:
            InvalidInput: the scene lacks a feature that the module is shown, by name.
        """

    @abc.abstractmethod
    def description(self) -> Mapping[str, Any]:
        """What a file of parameters must agree with: features, their scaling, and how answers are read; plain JSON."""


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkReward(AbstractReward):
    """The rewards that a differentiable module gives: r = inputs.table(module(θ)).

    Attributes:
        names: the path of each parameter in the module and its index there, after the reward's name.
        name: of this reward, in messages and files.
        layout: how θ fills the module.
        blocks: path and shape of each array of parameters.
        constants: the module's arrays that are not learnt.
        inputs: what the module is shown of the scene.
        start: the module's own first weights, (K,).
        coefficients: all False where a single weight means nothing by itself.
    """

    names: tuple[str, ...]
    name: str
    layout: Layout
    blocks: tuple[tuple[str, Shape], ...]
    constants: tuple[ArrayLike, ...]
    inputs: AbstractInputs
    start: Float[ArrayLike, " K"] | None = None
    coefficients: Bool[ArrayLike, " K"] | None = None

    @staticmethod
    @double_precision
    def of(module: Any, inputs: AbstractInputs, *, name: str = "network", coefficients: bool = False) -> NetworkReward:
        """A reward from a module that can be called, whose arrays of real numbers are learnt from their values now.

        Args:
            module: an equinox module, or any callable tree that JAX knows; see :func:`with_weights` for a plain function.
            inputs: what it is shown: ``MapInputs``, ``RowInputs`` or, for any arrays, ``CallInputs``.
            name: begins the names of its parameters; distinct within a sum.
            coefficients: whether each parameter has a meaning of its own, and so a standard error.

        Raises:
            InvalidInput: a module without parameters, that cannot be called with these inputs, or whose answer has the
                wrong shape.
        """
        if not callable(module):
            raise InvalidInput(f"reward '{name}': a {type(module).__name__} cannot be called; see with_weights")
        found = flatten(module, name)
        reward = NetworkReward(
            found.names,
            name,
            found.layout,
            found.blocks,
            found.constants,
            inputs,
            found.parameters,
            np.full(len(found.parameters), coefficients),
        )
        reward.check()
        return reward

    def table(self, parameters: Float[ArrayLike, " K"]) -> RewardTable:
        return self.inputs.table(self.layout.fill(jnp.asarray(parameters), self.constants))

    @double_precision
    def module(self, parameters: Float[ArrayLike, " K"]) -> Any:
        """The module with these parameters."""
        return self.layout.fill(jnp.asarray(parameters), self.constants)

    def on(self, world: World) -> NetworkReward:
        """The same reward, with the same θ, in another scene.

        Raises:
            InvalidInput: the scene lacks a feature that the module is shown, or the inputs are plain arrays.
        """
        return self.with_inputs(self.inputs.on(world))

    @double_precision
    def with_inputs(self, inputs: AbstractInputs) -> NetworkReward:
        """The same module shown something else."""
        reward = dataclasses.replace(self, inputs=inputs)
        reward.check()
        return reward

    @property
    def architecture(self) -> dict[str, Any]:
        """What a file of parameters for this reward must agree with, as plain JSON."""
        return {**architecture(self.layout, self.blocks), "inputs": dict(self.inputs.description())}

    def check(self) -> None:
        """Refuse, without computing anything, a module whose answer cannot be read as rewards.

        Raises:
            InvalidInput: with the name of the reward.
        """
        try:
            shapes = shapes_of(self, self.layout.size)
        except InvalidInput as error:
            raise InvalidInput([f"reward '{self.name}': {problem}" for problem in error.problems]) from None
        except (TypeError, ValueError, IndexError) as error:
            first = str(error).strip().splitlines()[0]
            raise InvalidInput(f"reward '{self.name}': its module cannot be applied to its inputs: {first}") from error
        shapes.check(self.inputs.n_actions, self.inputs.n_states, self.name)


jax.tree_util.register_dataclass(
    NetworkReward,
    data_fields=["constants", "inputs", "start", "coefficients"],
    meta_fields=["names", "name", "layout", "blocks"],
)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Weighted:
    """A plain function with the tree of weights that it takes first."""

    weights: Any
    function: Callable[..., Any] = dataclasses.field(metadata={"static": True})

    def __call__(self, *arrays: ArrayLike) -> Any:
        """The function of the weights and the inputs."""
        return self.function(self.weights, *arrays)


def with_weights(function: Callable[..., Any], weights: Any) -> Weighted:
    """``function(weights, *inputs)`` as a module whose parameters are the arrays of ``weights``, any tree of them."""
    return Weighted(weights, function)


@dataclasses.dataclass(frozen=True, eq=False)
class CallInputs(AbstractInputs):
    """Arrays as they are: ``module(*arrays)`` answers with a :class:`RewardTable`, or (S,), (A, S) or (T, A, S).

    Attributes:
        arrays: what the module is called with.
        n_actions: A.
        n_states: S.
        features: the state features that the arrays are; None for arrays of any other origin, which are of one scene.
    """

    arrays: tuple[ArrayLike, ...]
    n_actions: int
    n_states: int
    features: tuple[str, ...] | None = None

    @staticmethod
    @double_precision
    def of(mdp: MDP, *arrays: np.ndarray) -> CallInputs:
        """The arrays that a module is shown of a process."""
        return CallInputs(tuple(jnp.asarray(array) for array in arrays), mdp.n_actions, mdp.n_states)

    @staticmethod
    def of_features(world: World, *names: str) -> CallInputs:
        """State features of a scene by name, one array (S,) each, in the units that they have.

        Raises:
            InvalidInput: no name, or features that the scene does not have.
        """
        if not names:
            raise InvalidInput("name at least one state feature that the module is shown")
        inputs = CallInputs.of(world.mdp, *chosen(world.state_features, names, "state"))
        return dataclasses.replace(inputs, features=names)

    def table(self, module: Callable[..., Any]) -> RewardTable:
        answer = module(*self.arrays)
        if isinstance(answer, RewardTable):
            return answer
        return state_or_pair_table(jnp.asarray(answer), self.n_actions, self.n_states)

    def on(self, world: World) -> AbstractInputs:
        if self.features is None:
            raise InvalidInput(
                "this reward is shown plain arrays, which are of one scene: name features, CallInputs.of_features(world, …), "
                "or use with_inputs(CallInputs.of(mdp, …)) for another scene"
            )
        return CallInputs.of_features(world, *self.features)

    def description(self) -> Mapping[str, Any]:
        return {"kind": "arrays", "features": self.features}


jax.tree_util.register_dataclass(CallInputs, data_fields=["arrays"], meta_fields=["n_actions", "n_states", "features"])


def state_or_pair_table(answer: Float[Array, ...], n_actions: int, n_states: int) -> RewardTable:
    """(S,), (A, S) or (T, A, S) as a table that pays nothing at the end.

    Raises:
        InvalidInput: any other shape.
    """
    if answer.shape == (n_states,):
        answer = jnp.broadcast_to(answer, (n_actions, n_states))
    if answer.ndim not in (2, 3) or answer.shape[-2:] != (n_actions, n_states):
        raise InvalidInput(
            f"its answer has shape {answer.shape}: expected ({n_states},), one number a state, or "
            f"{(n_actions, n_states)}, one a pair, or (steps, {n_actions}, {n_states})"
        )
    return RewardTable(answer, jnp.zeros(n_states, answer.dtype))
