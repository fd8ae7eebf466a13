"""The table of rewards that planning reads, and (as its cotangent) the table of visits that learning writes."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from maxentrl.numerics.types import ArrayLike


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class RewardTable:
    """Rewards of a decision process as plain arrays, action-major.

    The same type holds the derivative of a number with respect to each reward, i.e. expected visits: ``pair`` visits of
    each state-action pair, ``terminal`` the mass that ends in each state, ``outcome`` visits of each transition.

    Attributes:
        pair: r(s, a), shape (A, S), or one such table for each step, shape (T, A, S).
        terminal: reward for ending in s: at the horizon, in a terminal state, or in a goal; shape (S,).
        outcome: extra reward r(s, a, s') for landing in the b-th successor of s, shape (A, B, S) aligned with
            ``SparseTransitions.probability``; None where the reward does not depend on s'.
    """

    pair: Float[ArrayLike, "... A S"]
    terminal: Float[ArrayLike, "... S"]
    outcome: Float[ArrayLike, "... A B S"] | None = None

    @staticmethod
    def from_states(state: Float[ArrayLike, " S"], n_actions: int) -> RewardTable:
        """r(s, a) = state[s] for every action, and nothing at the end."""
        pair = np.broadcast_to(np.asarray(state, float), (n_actions, len(state))).copy()
        return RewardTable(pair, np.zeros(len(state)))

    @staticmethod
    def from_pairs(pair: Float[ArrayLike, "*T A S"]) -> RewardTable:
        """r(s, a) as given, and nothing at the end."""
        pair = np.asarray(pair, float)
        return RewardTable(pair, np.zeros(pair.shape[-1]))

    @property
    def per_step(self) -> bool:
        """Whether each step has its own table."""
        return self.pair.ndim == 3

    def zeros(self) -> RewardTable:
        """A table of zeros of the same shapes, as NumPy arrays that can be added to."""
        outcome = None if self.outcome is None else np.zeros(self.outcome.shape)
        return RewardTable(np.zeros(self.pair.shape), np.zeros(self.terminal.shape), outcome)

    def inner(self, other: RewardTable) -> Float[ArrayLike, ""]:
        """⟨self, other⟩ over all entries: expected total reward when ``other`` holds visits."""
        total = jnp.vdot(self.pair, other.pair) + jnp.vdot(self.terminal, other.terminal)
        if self.outcome is not None and other.outcome is not None:
            total = total + jnp.vdot(self.outcome, other.outcome)
        return total
