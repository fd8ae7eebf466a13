"""A solution read one time step at a time, for work that must not hold a policy for every step at once."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from maxentrl.mdp.transitions import AbstractTransitions
from maxentrl.numerics.types import ArrayLike
from maxentrl.planning.backup import Backup
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import InvalidInput


@jax.jit
def known_log_policy(
    backup: Backup, now: Float[ArrayLike, " S"], following: Float[ArrayLike, " S"], weight: Float[ArrayLike, "A S"]
) -> Float[ArrayLike, "A S"]:
    """log π(a|s), (A, S), at a time whose values ``now`` are known."""
    if backup.form == "hard":
        return jnp.stack(list(backup.log_policy(following, weight)))
    # The values are known: normalising afresh made XLA sum over the actions once for each of them (40 times slower).
    action_values = jnp.stack(list(backup.action_values(following, weight)))
    return jnp.where(backup.ends | jnp.isneginf(now), -jnp.inf, action_values - now)


@jax.jit
def _posterior(backup: Backup, following: ArrayLike) -> AbstractTransitions:
    return backup.dynamics(following)


@dataclasses.dataclass(frozen=True, eq=False)
class StepReader:
    """Policy and posterior dynamics of a solution at one time; to be used within double precision.

    Attributes:
        solution: what is read.
    """

    solution: SoftSolution

    @cached_property
    def _backup(self) -> Backup:
        return jax.tree.map(jnp.asarray, self.solution.backup)

    @cached_property
    def _values(self) -> ArrayLike:
        return jnp.asarray(self.solution.scaled_values)

    def _following(self, time: int) -> ArrayLike:
        return self._values[time + 1] if self.solution.finite_horizon else self._values

    def log_policy(self, time: int) -> Float[np.ndarray, "A S"]:
        """log π_t(a|s), (A, S); the same at every time for a stationary solution."""
        if not self.solution.finite_horizon:
            return self.solution.log_policy
        backup = self._backup
        weight = backup.weight[time] if backup.weight.ndim == 3 else backup.weight
        return np.asarray(known_log_policy(backup, self._values[time], self._following(time), weight))

    def posterior_dynamics(self, time: int) -> AbstractTransitions:
        """P(s'|s,a) exp((r(s,a,s') + V_{t+1}(s'))/τ) / Σ…; P itself for the causal form. Arrays are NumPy."""
        if self.solution.backup.form != "optimistic":
            return self.solution.problem.mdp.transitions
        return jax.tree.map(np.asarray, _posterior(self._backup, self._following(time)))


def start_distribution(problem: SoftProblem, start: int | np.ndarray) -> Float[np.ndarray, " S"]:
    """A start as a distribution over states, (S,).

    Raises:
        InvalidInput: a state that does not exist, or an array that is not a distribution over the states.
    """
    n_states = problem.mdp.n_states
    if isinstance(start, int | np.integer):
        if not 0 <= start < n_states:
            raise InvalidInput(f"start {start} is not a state: states are 0 to {n_states - 1}")
        return np.eye(1, n_states, int(start))[0]
    mass = np.asarray(start, float)
    if mass.shape != (n_states,) or not (mass >= 0).all() or abs(mass.sum() - 1.0) > 1e-9:
        raise InvalidInput(
            f"start has shape {mass.shape} and sums to {mass.sum():g}: expected a state, or a distribution over the "
            f"{n_states} states with entries ≥ 0 that sum to one"
        )
    return mass
