"""The Jacobian of a reward table in its parameters: for a linear reward, the features."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from maxentrl.mdp.transitions import AbstractTransitions
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.reward import AbstractReward

MAXIMUM_PARAMETERS = 2000
"""Most parameters for which Jacobians and Hessians are formed."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Columns:
    """∂table/∂θ, one leading axis for the parameters.

    Attributes:
        pair: ∂r(s, a)/∂θ, (K, A, S), or (K, T, A, S) where each step has its own; (K, 1, S) where no action makes a
            difference.
        terminal: (K, S).
        outcome: (K, A, B, S), or None.
    """

    pair: Float[ArrayLike, "K *T A S"]
    terminal: Float[ArrayLike, "K S"]
    outcome: Float[ArrayLike, "K A B S"] | None = None

    @property
    def per_step(self) -> bool:
        """Whether each step has its own columns."""
        return self.pair.ndim == 4

    @property
    def by_state(self) -> bool:
        """Whether rewards depend on the state alone."""
        return self.pair.shape[-2] == 1 and self.outcome is None and not self.per_step

    def along(self, directions: Float[np.ndarray, "K F"]) -> Columns:
        """Derivatives along F directions of θ, one a column."""
        outcome = None if self.outcome is None else np.tensordot(directions, self.outcome, (0, 0))
        return Columns(
            np.tensordot(directions, self.pair, (0, 0)), np.tensordot(directions, self.terminal, (0, 0)), outcome
        )

    def row(self, action: int) -> Float[ArrayLike, "K S"]:
        """φ(·, action), (K, S)."""
        return self.pair[:, action if self.pair.shape[1] > 1 else 0]

    def over(self, temperature: float) -> Columns:
        """In units of the temperature."""
        outcome = None if self.outcome is None else self.outcome / temperature
        return Columns(self.pair / temperature, self.terminal / temperature, outcome)

    @double_precision
    def averaged(self, transitions: AbstractTransitions) -> Columns:
        """With r(s, a, s') replaced by its mean under the transitions, as the causal form sees it."""
        if self.outcome is None:
            return self
        mean = np.stack([np.stack([np.asarray(row) for row in transitions.expect_outcome(c)]) for c in self.outcome])
        return Columns(self.pair + (mean[:, None] if self.per_step else mean), self.terminal)


@double_precision
def table_columns(reward: AbstractReward, parameters: Float[np.ndarray, " K"]) -> Columns:
    """∂table/∂θ at θ, by forward differentiation; the features themselves for a linear reward."""
    if isinstance(reward, LinearReward):
        state = np.asarray(reward.state)[:, None]
        return Columns(state if reward.pair is None else state + reward.pair, reward.terminal)

    return columns_along(reward, parameters, np.eye(len(parameters)))


@double_precision
def columns_along(
    reward: AbstractReward, parameters: Float[np.ndarray, " K"], directions: Float[np.ndarray, "K F"]
) -> Columns:
    """Derivatives of the table along F directions of θ, one a column, without forming those along all others."""
    if isinstance(reward, LinearReward):
        return table_columns(reward, parameters).along(directions)
    jacobian = _jacobian(reward, np.asarray(parameters, float), np.asarray(directions, float))
    pair, terminal, outcome = (None if part is None else np.moveaxis(np.asarray(part), -1, 0) for part in jacobian)
    return Columns(np.asarray(pair), np.asarray(terminal), outcome)


@double_precision
def table_curvature(
    reward: AbstractReward,
    parameters: Float[np.ndarray, " K"],
    visits: RewardTable,
    directions: Float[np.ndarray, "K F"],
) -> Float[np.ndarray, "F F"]:
    """Dᵀ (Σ visits · ∂²table/∂θ²) D: what a reward that is not linear in θ adds to a Hessian along F directions."""
    return np.asarray(_curvature(reward, np.asarray(parameters, float), np.asarray(directions, float), visits))


@jax.jit
def _jacobian(reward: AbstractReward, parameters: Float[Array, " K"], directions: Float[Array, "K F"]) -> tuple:
    def parts(step: Float[Array, " F"]) -> tuple[ArrayLike, ArrayLike, ArrayLike | None]:
        table = reward.table(parameters + directions @ step)
        return table.pair, table.terminal, table.outcome

    return jax.jacfwd(parts)(jnp.zeros(directions.shape[1]))


@jax.jit
def _curvature(
    reward: AbstractReward, parameters: Float[Array, " K"], directions: Float[Array, "K F"], visits: RewardTable
) -> Float[Array, "F F"]:
    def total(step: Float[Array, " F"]) -> Float[Array, ""]:
        return jnp.asarray(reward.table(parameters + directions @ step).inner(visits))

    return jax.hessian(total)(jnp.zeros(directions.shape[1]))
