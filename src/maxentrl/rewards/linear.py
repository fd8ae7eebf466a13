"""Rewards linear in features: r(s, a) = Σ_k θ_k (φ_k(s) + φ_k(s, a)), terminal Σ_k θ_k φ_k(s_T)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.rewards.reward import AbstractReward
from maxentrl.status import InvalidInput

Columns = Mapping[str, np.ndarray]
LARGEST, SMALLEST = 1e100, 1e-100
"""Sizes between which the greatest entry of a feature must lie, so that its square is a number."""


@dataclasses.dataclass(frozen=True, eq=False)
class LinearReward(AbstractReward):
    """A weight for each feature name; a name used for states, pairs and ends is one weight.

    Attributes:
        names: the features, in the order of θ.
        n_actions: A.
        state: φ_k(s), paid at each decision taken in s, (K, S); rows of zeros for names that are not state features.
        pair: φ_k(s, a), (K, A, S), or None where there are none.
        terminal: φ_k(s_T), paid where a trajectory ends, (K, S).
    """

    names: tuple[str, ...]
    n_actions: int
    state: Float[ArrayLike, "K S"]
    pair: Float[ArrayLike, "K A S"] | None
    terminal: Float[ArrayLike, "K S"]

    @staticmethod
    def of(
        n_actions: int, *, state: Columns | None = None, pair: Columns | None = None, terminal: Columns | None = None
    ) -> LinearReward:
        """A linear reward from named columns: state (S,), pair (A, S) and terminal (S,).

        Where ``terminal`` is not given, the state features are paid at the last state too, with the same weights; give
        ``terminal={}`` for ends that pay nothing, or other names for weights of their own.

        Raises:
            InvalidInput: no feature, columns of different length, or a feature that holds NaN (named, with its state).
        """
        state, pair = dict(state or {}), dict(pair or {})
        terminal = dict(state if terminal is None else terminal)
        names = tuple(dict.fromkeys([*state, *pair, *terminal]))
        _check(names, n_actions, state, pair, terminal)
        n_states = np.asarray(next(iter({**state, **pair, **terminal}.values()))).shape[-1]

        def rows(columns: Columns, shape: tuple[int, ...]) -> np.ndarray:
            return np.stack([np.asarray(columns.get(name, np.zeros(shape)), float) for name in names])

        pairs = rows(pair, (n_actions, n_states)) if pair else None
        return LinearReward(names, n_actions, rows(state, (n_states,)), pairs, rows(terminal, (n_states,)))

    def table(self, parameters: Float[ArrayLike, " K"]) -> RewardTable:
        parameters = jnp.asarray(parameters)
        by_state = parameters @ jnp.asarray(self.state)
        pair = jnp.broadcast_to(by_state, (self.n_actions, *by_state.shape))
        if self.pair is not None:
            pair = pair + jnp.tensordot(parameters, jnp.asarray(self.pair), 1)
        return RewardTable(pair, parameters @ jnp.asarray(self.terminal))

    def features(self) -> RewardTable:
        """φ as a reward table with a leading axis K: pair (K, A, S) and terminal (K, S)."""
        state = np.asarray(self.state)
        pair = np.broadcast_to(state[:, None], (len(self.names), self.n_actions, state.shape[1]))
        return RewardTable(pair if self.pair is None else pair + np.asarray(self.pair), np.asarray(self.terminal))


def _check(names: tuple[str, ...], n_actions: int, state: Columns, pair: Columns, terminal: Columns) -> None:
    problems = [] if names else ["a linear reward needs at least one feature"]
    columns = [("state", n, np.asarray(c), 1) for n, c in [*state.items(), *terminal.items()]]
    columns += [("state-action", n, np.asarray(c), 2) for n, c in pair.items()]
    sizes = {column.shape[-1] for _, _, column, _ in columns}
    for kind, name, column, rank in columns:
        if column.ndim != rank or (rank == 2 and len(column) != n_actions):
            problems.append(
                f"{kind} feature '{name}' has shape {column.shape}: expected {'(A, S)' if rank == 2 else '(S,)'}"
            )
        elif np.abs(column).max(initial=0.0) > LARGEST and np.isfinite(column).all():
            problems.append(
                f"feature '{name}' reaches {np.abs(column).max():g}: rescale it; squares of it must be finite"
            )
        elif column.any() and np.abs(column).max() < SMALLEST:
            problems.append(f"feature '{name}' is nowhere above {np.abs(column).max():g}: rescale it to everyday sizes")
        elif not np.isfinite(column).all():
            where = int(np.argwhere(~np.isfinite(column))[0][-1])
            problems.append(
                f"feature '{name}' is {column[..., where].flat[0]} at state {where}: expected finite numbers"
            )
    if len(sizes) > 1:
        problems.append(f"features cover different numbers of states: {sorted(sizes)}")
    if problems:
        raise InvalidInput(problems)


jax.tree_util.register_dataclass(
    LinearReward, data_fields=["state", "pair", "terminal"], meta_fields=["names", "n_actions"]
)
