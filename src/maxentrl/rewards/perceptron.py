"""Multilayer perceptrons over named features of states, pairs and the states that moves lead to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.world import World
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.rewards.extras import load_deep, quiet
from maxentrl.rewards.network import AbstractInputs, NetworkReward
from maxentrl.rewards.outputs import AbstractOutput, AnySign, Ends
from maxentrl.rewards.scaling import Scaling, chosen
from maxentrl.status import InvalidInput

ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "softplus": jax.nn.softplus,
    "gelu": jax.nn.gelu,
}
ANY_SIGN = AnySign()


def perceptron(
    world: World,
    *,
    features: Sequence[str] | None = None,
    pair_features: Sequence[str] = (),
    arrival_features: Sequence[str] = (),
    steps: int | None = None,
    width: int = 32,
    depth: int = 2,
    activation: str = "tanh",
    output: AbstractOutput = ANY_SIGN,
    ends: Ends = Ends.NOTHING,
    seed: int = 0,
    name: str = "perceptron",
) -> NetworkReward:
    """r = output(MLP(φ(s), φ(s, a), φ(s′), t)): a perceptron with the same weights for every state, move and scene.

    Features are shifted and scaled by their mean and spread in this scene, which stay with the reward.

    Args:
        world: the scene; see ``NetworkReward.on`` for others.
        features: state features, all of them by default.
        pair_features: features of state and action.
        arrival_features: state features of s′, where the move led: the reward is then r(s, a, s′).
        steps: T, for a reward r_t that is shown the time as one more feature from −1 to 1.
        width: units of each hidden layer.
        depth: hidden layers.
        activation: ``tanh``, ``relu``, ``softplus`` or ``gelu``.
        output: ``AnySign()``, or ``Cost()`` for walks to a goal.
        ends: whether the last state is paid; for state features alone.
        seed: of the first weights.
        name: begins the names of the parameters.

    Raises:
        MissingExtra: equinox is not installed.
        InvalidInput: unknown features, none at all, or sizes below one.
    """
    if activation not in ACTIVATIONS:
        raise InvalidInput(f"activation = '{activation}': expected one of {', '.join(ACTIVATIONS)}")
    if width < 1 or depth < 0 or (steps is not None and steps < 1):
        raise InvalidInput(f"width = {width}, depth = {depth}, steps = {steps}: expected at least 1 (depth: 0)")
    state = tuple(world.state_features) if features is None else tuple(features)
    inputs = RowInputs.of(world, state, tuple(pair_features), tuple(arrival_features), steps, output, ends)
    with jax.enable_x64(True):
        equinox = load_deep("equinox")
        module = equinox.nn.MLP(
            inputs.width, "scalar", width, depth, activation=ACTIVATIONS[activation], key=jax.random.key(seed)
        )
        module = equinox.tree_at(lambda whole: whole.layers[-1], module, quiet(module.layers[-1]))
    return NetworkReward.of(module, inputs, name=name)


@dataclasses.dataclass(frozen=True, eq=False)
class RowInputs(AbstractInputs):
    """A vector of scaled features for each state, pair or transition; the module answers each with one number.

    Attributes:
        state: φ(s), (F, S).
        pair: φ(s, a), (F, A, S); None where there are none.
        arrival: φ(s′), (F, A, B, S), B = 1 under deterministic dynamics; None where there are none.
        n_actions: A.
        n_states: S.
        deterministic: whether s′ follows from s and a, so that r(s, a, s′) is a reward of the pair.
        steps: T where each step has its own rewards.
        scalings: of state, pair and arrival features.
        output: the module's number as a reward.
        ends: whether the last state is paid.
    """

    state: Float[ArrayLike, "F S"]
    pair: Float[ArrayLike, "G A S"] | None
    arrival: Float[ArrayLike, "H A B S"] | None
    n_actions: int
    n_states: int
    deterministic: bool
    steps: int | None
    scalings: tuple[Scaling, Scaling, Scaling]
    output: AbstractOutput
    ends: Ends

    @staticmethod
    def of(
        world: World,
        features: Sequence[str],
        pair_features: Sequence[str] = (),
        arrival_features: Sequence[str] = (),
        steps: int | None = None,
        output: AbstractOutput = ANY_SIGN,
        ends: Ends = Ends.NOTHING,
    ) -> RowInputs:
        """The features of a scene, scaled by themselves.

        Raises:
            InvalidInput: as :func:`perceptron`.
        """
        if not (features or pair_features or arrival_features):
            raise InvalidInput("a perceptron needs at least one feature")
        if ends is Ends.LIKE_STATES and (pair_features or arrival_features or steps):
            raise InvalidInput("ends can be paid like states only where the reward is of states alone")
        if steps is not None and arrival_features and not world.mdp.transitions.deterministic:
            raise InvalidInput("a reward of the next state has no form for each step under stochastic dynamics")
        scalings = (
            Scaling.of(features, chosen(world.state_features, features, "state")),
            Scaling.of(pair_features, chosen(world.pair_features, pair_features, "pair")),
            Scaling.of(arrival_features, chosen(world.state_features, arrival_features, "state")),
        )
        return RowInputs._of_scaled(world, scalings, steps, output, ends)

    @staticmethod
    @double_precision
    def _of_scaled(
        world: World,
        scalings: tuple[Scaling, Scaling, Scaling],
        steps: int | None,
        output: AbstractOutput,
        ends: Ends,
    ) -> RowInputs:
        states, pairs, arrivals = scalings
        mdp = world.mdp
        columns = chosen(world.state_features, states.names, "state")
        state = states.apply(columns) if columns else np.zeros((0, mdp.n_states))
        columns = chosen(world.pair_features, pairs.names, "pair")
        pair = jnp.asarray(pairs.apply(columns)) if columns else None
        columns = chosen(world.state_features, arrivals.names, "state")
        arrival = jnp.asarray(arrivals.apply(columns)[:, _successors(mdp)]) if columns else None
        return RowInputs(
            jnp.asarray(state),
            pair,
            arrival,
            mdp.n_actions,
            mdp.n_states,
            mdp.transitions.deterministic,
            steps,
            scalings,
            output,
            ends,
        )

    @property
    def width(self) -> int:
        """Entries of a vector."""
        return sum(len(scaling.names) for scaling in self.scalings) + (self.steps is not None)

    def table(self, module: Callable[..., Any]) -> RewardTable:
        parts = [self.state[:, None, None]]
        if self.pair is not None:
            parts.append(self.pair[:, :, None])
        if self.arrival is not None:
            parts.append(self.arrival)
        shape = np.broadcast_shapes(*(part.shape[1:] for part in parts))
        rows = jnp.concatenate([jnp.broadcast_to(part, (len(part), *shape)) for part in parts])
        if self.steps is not None:
            rows = jax.vmap(lambda t: jnp.concatenate([rows, jnp.full((1, *shape), t)]))(_clock(self.steps))
            rows = jnp.moveaxis(rows, 1, 0)
        answer = jax.vmap(module)(rows.reshape(len(rows), -1).T)
        if answer.shape not in ((rows[0].size,), (rows[0].size, 1)):
            raise InvalidInput(f"its answer to one vector has shape {answer.shape[1:]}: expected one number")
        return self._as_table(self.output(answer.reshape(rows.shape[1:])))

    def _as_table(self, reward: Float[Array, "*T A B S"]) -> RewardTable:
        nothing = jnp.zeros(self.n_states, reward.dtype)
        if self.arrival is not None and not self.deterministic:
            return RewardTable(jnp.zeros((self.n_actions, self.n_states), reward.dtype), nothing, reward)
        pair = jnp.broadcast_to(reward[..., 0, :], (*reward.shape[:-3], self.n_actions, self.n_states))
        return RewardTable(pair, reward[0, 0] if self.ends is Ends.LIKE_STATES else nothing)

    def on(self, world: World) -> RowInputs:
        return self._of_scaled(world, self.scalings, self.steps, self.output, self.ends)

    def description(self) -> Mapping[str, Any]:
        return {
            "kind": "rows",
            "scalings": [dataclasses.asdict(scaling) for scaling in self.scalings],
            "steps": self.steps,
            "output": repr(self.output),
            "ends": self.ends.value,
        }


jax.tree_util.register_dataclass(
    RowInputs,
    data_fields=["state", "pair", "arrival"],
    meta_fields=["n_actions", "n_states", "deterministic", "steps", "scalings", "output", "ends"],
)


def _clock(steps: int) -> Float[np.ndarray, " T"]:
    return np.linspace(-1.0, 1.0, steps)


def _successors(mdp: MDP) -> np.ndarray:
    """s′ of each action, successor and state, (A, B, S)."""
    states = np.arange(mdp.n_states)
    rows = [mdp.transitions.successors_of(np.full(mdp.n_states, a), states)[0] for a in range(mdp.n_actions)]
    return np.stack(rows)
