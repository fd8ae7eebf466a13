"""Behaviour cloning by a neural network over features of moves, stopped early on held-out choices."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.choice_features import ChoiceFeatures
from maxentrl.imitation.choices import Choices
from maxentrl.imitation.policy import AbstractPolicy, LogPolicy, log_choice
from maxentrl.mdp.mdp import MDP
from maxentrl.numerics.precision import double_precision
from maxentrl.rewards.extras import load_deep
from maxentrl.status import Failure, InvalidInput, Status

if TYPE_CHECKING:
    from collections.abc import Callable

FORBIDDEN = -1e30
"""Score of a move that is not open, in training."""


@dataclasses.dataclass(frozen=True)
class Training:
    """How the network is built and trained.

    Attributes:
        width: units of each hidden layer.
        depth: hidden layers.
        learning_rate: of Adam.
        weight_decay: of AdamW.
        batch: situations a step.
        max_epochs: most passes over the situations.
        patience: passes without a better held-out likelihood after which training stops.
        held_out: share of the walks that is held out for this; of the decisions where there is one walk only.
        seed: of the split, the first weights and the order.
    """

    width: int = 64
    depth: int = 2
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    batch: int = 256
    max_epochs: int = 500
    patience: int = 20
    held_out: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        whole = ("width", "depth", "batch", "max_epochs", "patience")
        problems = [f"{n} = {getattr(self, n)}: expected at least 1" for n in whole if getattr(self, n) < 1]
        if not self.learning_rate > 0:
            problems.append(f"learning_rate = {self.learning_rate}: expected a number > 0")
        if not 0 < self.held_out < 1:
            problems.append(f"held_out = {self.held_out}: expected a share between 0 and 1")
        if problems:
            raise InvalidInput(problems)


TRAINING = Training()


@dataclasses.dataclass(frozen=True, eq=False)
class NeuralClone(AbstractPolicy):
    """π(a|s, g) ∝ exp f(φ(s, a, g)) over the available moves, f a multilayer perceptron shared by all moves.

    Attributes:
        mdp: the decision process.
        features: φ.
        network: f, an equinox module; it takes standardised features.
        centre: mean of each feature over the moves that were open, (K,).
        spread: their standard deviation, 1 where there is none, (K,).
        status: EARLY_STOPPED where held-out likelihood rose no further, MAXIMUM_ITERATIONS where the passes ran out, STALLED
            where the likelihood became NaN later on (the best network is kept).
        best_epoch: the pass whose network is kept, from 1; 0 for the network before training.
        learnt: mean log-likelihood of the learnt decisions before each pass, in nats, (epochs,).
        held_out: the same of the held-out ones, (epochs + 1,), the first before training.
    """

    mdp: MDP
    features: ChoiceFeatures
    network: Any
    centre: Float[np.ndarray, " K"]
    spread: Float[np.ndarray, " K"]
    status: Status
    best_epoch: int
    learnt: Float[np.ndarray, " epochs"]
    held_out: Float[np.ndarray, " passes"]

    @double_precision
    def log_policy(self, goal: int = UNKNOWN) -> LogPolicy:
        states = np.arange(self.mdp.n_states)
        table = np.moveaxis(self.features.at(states, np.full(len(states), int(goal))), 0, -1)
        scores = np.asarray(_scores(self.network, jnp.asarray((table - self.centre) / self.spread)))
        return log_choice(scores, self.mdp.available)


@double_precision
def clone_by_network(
    mdp: MDP, trajectories: Trajectories, features: ChoiceFeatures, training: Training = TRAINING
) -> NeuralClone:
    """Train on minibatches of situations; the network with the best held-out likelihood is kept.

    A batch's gradient, scaled by situations/batch, is an unbiased estimate of the gradient of all: situations are drawn
    without replacement and weigh their decisions. Walks, not decisions, are held out, so that the steps of a walk do not
    appear on both sides.

    Raises:
        MissingExtra: equinox or optax is not installed.
        InvalidInput: impossible moves, actions that were not seen, walks without a goal that the features need, or
            fewer than two decisions.
        Failure: NON_FINITE where the likelihood became NaN before any pass was completed.
    """
    eqx, optax = load_deep("equinox"), load_deep("optax")
    if (trajectories.actions == UNKNOWN).any():
        raise InvalidInput(
            "some actions were not seen, and a network is trained on actions: use clone_by_counting or clone_by_logit, "
            "which sum them out"
        )
    choices = Choices.of(mdp, trajectories, features)
    data = _Data.of(mdp, choices, trajectories, training)
    network = first_network(features, training)
    optimiser = optax.adamw(training.learning_rate, weight_decay=training.weight_decay)
    state = optimiser.init(eqx.filter(network, eqx.is_array))

    @eqx.filter_jit
    def step(network: Any, state: Any, inputs: Array, open_moves: Array, counts: Array) -> tuple:
        loss, gradient = eqx.filter_value_and_grad(_loss)(network, inputs, open_moves, counts)
        updates, state = optimiser.update(gradient, state, eqx.filter(network, eqx.is_array))
        return eqx.apply_updates(network, updates), state, loss

    return _trained(mdp, features, data, network, state, step, eqx.filter_jit(_loss), training)


@double_precision
def first_network(features: ChoiceFeatures, training: Training) -> Any:
    """The equinox module before training.

    Raises:
        MissingExtra: equinox is not installed.
    """
    return load_deep("equinox").nn.MLP(
        len(features.names), "scalar", training.width, training.depth, jnp.tanh, key=jax.random.key(training.seed)
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Data:
    """Standardised features (N, A, K), open moves (N, A), and weighted decisions to learn from and held out (N, A)."""

    inputs: Float[np.ndarray, "N A K"]
    open_moves: Bool[np.ndarray, "N A"]
    learnt: Float[np.ndarray, "N A"]
    held_out: Float[np.ndarray, "N A"]
    centre: Float[np.ndarray, " K"]
    spread: Float[np.ndarray, " K"]

    @staticmethod
    def of(mdp: MDP, choices: Choices, trajectories: Trajectories, training: Training) -> _Data:
        centre, spread = choices.features.mean(0), choices.features.std(0)
        spread = np.where(spread > 1e-12 * (1.0 + np.abs(centre)), spread, 1.0)
        open_moves = mdp.available[:, choices.state].T
        inputs = np.zeros((*open_moves.shape, choices.features.shape[1]))
        inputs[open_moves] = (choices.features - centre) / spread
        apart = _held_out(choices, trajectories, training)
        tables = []
        for mine in (~apart, apart):
            weights = np.where(mine, choices.weights, 0.0)[choices.rows.decision]
            table = np.zeros(open_moves.shape)
            table[open_moves] = np.bincount(choices.option, weights, len(choices.features))
            tables.append(table)
        if not all(table.sum() > 0 for table in tables):
            raise InvalidInput(
                "early stopping needs decisions of positive weight on both sides of the split: add walks"
            )
        return _Data(inputs, open_moves, tables[0], tables[1], centre, spread)


def _held_out(choices: Choices, trajectories: Trajectories, training: Training) -> Bool[np.ndarray, " D"]:
    generator = np.random.default_rng(training.seed)
    useful = np.flatnonzero((trajectories.lengths > 0) & (trajectories.weights > 0))
    by_walk = len(useful) > 1
    pool: Int[np.ndarray, " n"] = useful if by_walk else np.arange(len(choices.weights))
    if len(pool) < 2:
        raise InvalidInput("early stopping needs at least two decisions: one to learn from, one held out")
    count = min(max(round(training.held_out * len(pool)), 1), len(pool) - 1)
    chosen = generator.permutation(pool)[:count]
    return np.isin(choices.rows.trajectory if by_walk else pool, chosen)


def _scores(network: Any, inputs: Float[Array, "... K"]) -> Float[Array, ...]:
    flat = inputs.reshape(-1, inputs.shape[-1])
    return jax.vmap(network)(flat).reshape(inputs.shape[:-1])


def _loss(
    network: Any, inputs: Float[Array, "N A K"], open_moves: Bool[Array, "N A"], counts: Float[Array, "N A"]
) -> Float[Array, ""]:
    """−Σ counts log π, in nats."""
    log_policy = jax.nn.log_softmax(jnp.where(open_moves, _scores(network, inputs), FORBIDDEN), axis=1)
    return -jnp.sum(jnp.where(counts > 0, counts * log_policy, 0.0))


def _trained(
    mdp: MDP,
    features: ChoiceFeatures,
    data: _Data,
    network: Any,
    state: Any,
    step: Callable[..., tuple],
    loss: Callable[..., Any],
    training: Training,
) -> NeuralClone:
    generator = np.random.default_rng([training.seed, 1])
    used = np.flatnonzero(data.learnt.sum(1) > 0)
    batch = min(training.batch, len(used))
    learnt_weight, held_weight = data.learnt.sum(), data.held_out.sum()
    scale = len(used) / (batch * learnt_weight)

    def held(candidate: Any) -> float:
        return -float(loss(candidate, data.inputs, data.open_moves, data.held_out)) / held_weight

    best, best_epoch, learnt, history = network, 0, [], [held(network)]
    status = Status.MAXIMUM_ITERATIONS
    for epoch in range(1, training.max_epochs + 1):
        order, total, steps = generator.permutation(used), 0.0, len(used) // batch
        for part in order[: steps * batch].reshape(steps, batch):
            counts = data.learnt[part] * scale
            network, state, value = step(network, state, data.inputs[part], data.open_moves[part], counts)
            total += float(value)
        learnt.append(-total / steps)
        history.append(held(network))
        if not np.isfinite(history[-1]):
            if best_epoch == 0:
                raise Failure(Status.NON_FINITE, f"the network's likelihood is {history[-1]} after pass {epoch}")
            history.pop()
            learnt.pop()
            status = Status.STALLED
            break
        if history[-1] > max(history[:-1]):
            best, best_epoch = network, epoch
        if epoch - best_epoch >= training.patience:
            status = Status.EARLY_STOPPED
            break
    return NeuralClone(
        mdp, features, best, data.centre, data.spread, status, best_epoch, np.array(learnt), np.array(history)
    )
