"""Rewards of walkers with momentum: linear in features of a change of displacement and in features of a cell."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from maxentrl.mdp.momentum import MomentumWorld
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.rewards.reward import AbstractReward
from maxentrl.rewards.scaling import chosen
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class MomentumReward(AbstractReward):
    """r(c, d, a) = Σ_k θ_k (ψ_k(a, d) + φ_k(c)), terminal Σ_k θ_k φ_k(c_T).

    The same as a :class:`LinearReward` of S = D · C states, kept as two small tables: K A D + K C numbers in place of
    K A D C.

    Attributes:
        names: the features, in the order of θ.
        change: ψ, (K, A, D); zeros for features of cells.
        cell: φ, (K, C), paid at each decision taken in a cell and where the walk ends; zeros for features of changes.
        coefficients: which parameters are given standard errors; None for all.
    """

    names: tuple[str, ...]
    change: Float[ArrayLike, "K A D"]
    cell: Float[ArrayLike, "K C"]
    coefficients: Bool[ArrayLike, " K"] | None = None

    @staticmethod
    def of(
        momentum: MomentumWorld, *, changes: Sequence[str] | None = None, cells: Sequence[str] | None = None
    ) -> MomentumReward:
        """A weight for each named feature of changes and each named layer; all of both by default.

        Raises:
            InvalidInput: unknown names, a name in both, or none at all.
        """
        by_change = tuple(momentum.features) if changes is None else tuple(changes)
        by_cell = tuple(momentum.cells) if cells is None else tuple(cells)
        both = sorted(set(by_change) & set(by_cell))
        if both or not by_change + by_cell:
            raise InvalidInput(
                f"{', '.join(both)} are names of changes and of layers: rename the layers"
                if both
                else "a reward needs at least one feature"
            )
        change = chosen(momentum.features, by_change, "change")
        cell = chosen(momentum.cells, by_cell, "cell")
        shape = (len(momentum.changes), len(momentum.displacements))
        return MomentumReward(
            by_change + by_cell,
            np.stack([*change, *(np.zeros(shape) for _ in by_cell)]),
            np.stack([*(np.zeros(momentum.n_cells) for _ in by_change), *cell]),
        )

    def table(self, parameters: Float[ArrayLike, " K"]) -> RewardTable:
        parameters = jnp.asarray(parameters)
        by_change = jnp.tensordot(parameters, jnp.asarray(self.change), 1)
        by_cell = parameters @ jnp.asarray(self.cell)
        pair = by_change[:, :, None] + by_cell
        return RewardTable(pair.reshape(len(pair), -1), jnp.tile(by_cell, by_change.shape[1]))


jax.tree_util.register_dataclass(MomentumReward, data_fields=["change", "cell", "coefficients"], meta_fields=["names"])
