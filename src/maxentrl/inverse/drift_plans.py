"""The plans of every step of a schedule, each as though its own weights were to stay; under a discount all at once.

Soft values of J rewards are iterated together in one compiled loop, begun at the values of the last schedule: ten times
faster for small worlds than solving step by step. Where the discount needs too many backups for that, and for every other
kind of time, each step is solved by itself.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.mdp.time import Discounted
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.planning.backup import Backup, make_backup
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import Status

TOLERANCE = 1e-11
"""Error allowed of V/τ, relative to 1 + max |V/τ|."""
MOST_BACKUPS = 1000
"""Backups beyond which steps are solved one by one, by Newton's method."""


@dataclasses.dataclass(eq=False)
class StepPlans:
    """Plans for the decisions of each step, remembering the last values as a start for the next.

    Attributes:
        parts: the likelihood of each step's decisions.
        values: V/τ of the last schedule, (D, S), or None.
    """

    parts: Sequence[ConditionalLikelihood]
    values: Float[np.ndarray, "D S"] | None = None

    def solve(self, tables: Sequence[RewardTable]) -> list[tuple[SoftSolution, ...]]:
        """The solutions that each step's decisions are read from.

        Raises:
            Failure: as the solver does.
        """
        together = self._together(tables)
        if together is not None:
            return [(solution,) for solution in together]
        return [
            tuple(part.planner.solve(part.problem.forward, table))
            for part, table in zip(self.parts, tables, strict=True)
        ]

    def _together(self, tables: Sequence[RewardTable]) -> list[SoftSolution] | None:
        problem = self.parts[0].problem
        if not isinstance(problem.time, Discounted) or not 0 < problem.time.discount < 1:
            return None
        discount = problem.time.discount
        needed = math.ceil(math.log(TOLERANCE * (1 - discount)) / math.log(discount))
        if needed > MOST_BACKUPS:
            return None
        posed = [problem.forward(table, problem.time) for table in tables]
        backups = [make_backup(one) for one in posed]
        weight, ends = (np.stack([getattr(b, name) for b in backups]) for name in ("weight", "end_value"))
        start = np.zeros_like(ends) if self.values is None else self.values
        values, residual, count = _fixed_points(backups[0], weight, ends, start, 2 * needed)
        if not residual <= TOLERANCE * (1 - discount):
            return None
        self.values = np.where(np.isfinite(values), values, 0.0)
        bound = residual * (1 + float(np.abs(self.values).max())) / (1 - discount)
        return [
            SoftSolution(one, row, Status.CONVERGED, "StepPlans", count, residual, error_bound=bound)
            for one, row in zip(posed, values, strict=True)
        ]


@double_precision
def _fixed_points(
    backup: Backup,
    weight: Float[np.ndarray, "D A S"],
    ends: Float[np.ndarray, "D S"],
    start: Float[np.ndarray, "D S"],
    most: int,
) -> tuple[Float[np.ndarray, "D S"], float, int]:
    values, residual, count = _iterate(backup, weight, ends, start, np.asarray(most), 1 - np.asarray(backup.discount))
    return np.asarray(values), float(residual), int(count)


@jax.jit
def _iterate(
    backup: Backup, weight: ArrayLike, ends: ArrayLike, start: ArrayLike, most: ArrayLike, margin: ArrayLike
) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
    """Backups of all steps until the greatest change, relative to 1 + max |V/τ|, meets the tolerance."""

    def one(values: ArrayLike, weight: ArrayLike, end_value: ArrayLike) -> ArrayLike:
        return dataclasses.replace(backup, end_value=end_value).values(values, weight)

    def again(state: tuple) -> ArrayLike:
        return (state[1] > TOLERANCE * margin) & (state[2] < most)

    def step(state: tuple) -> tuple:
        values = state[0]
        new = jax.vmap(one)(values, weight, ends)
        change = jnp.max(jnp.where(new == values, 0.0, jnp.abs(new - values)))
        largest = jnp.max(jnp.where(jnp.isfinite(new), jnp.abs(new), 0.0))
        return new, change / (1.0 + largest), state[2] + 1

    return jax.lax.while_loop(again, step, (jnp.asarray(start), jnp.asarray(jnp.inf), jnp.asarray(0)))
