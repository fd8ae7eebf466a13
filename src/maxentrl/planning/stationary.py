"""Discounted and to-goal problems: one policy for all times, so visits are one transposed linear solve."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from maxentrl.mdp.transitions import AbstractTransitions
from maxentrl.numerics.linear import AbstractFactorisation, AbstractLinearSolver
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike, Rows
from maxentrl.planning.backup import Backup


@jax.jit
def policy_rows(backup: Backup, values: Float[ArrayLike, " S"]) -> Float[ArrayLike, "A S"]:
    """log π of the stationary values u."""
    return jnp.stack(list(backup.log_policy(values, backup.weight)))


@jax.jit
def summed_pairs(
    backup: Backup, values: Float[ArrayLike, "G S"], mass: Float[ArrayLike, "G S"]
) -> Float[ArrayLike, "A S"]:
    """Σ_g mass_g · π_g, visits of pairs under G exact solutions of the same moves."""

    def add(total: Rows, each: tuple[ArrayLike, ArrayLike]) -> tuple[Rows, None]:
        u, d = each
        level = jnp.where(jnp.isneginf(u), 0.0, u)
        rows = backup.action_values(u, backup.weight)
        return [
            old + jnp.where(d == 0, 0.0, d * jnp.exp(jnp.where(d == 0, 0.0, row - level)))
            for old, row in zip(total, rows, strict=True)
        ], None

    nothing = [jnp.zeros_like(jnp.asarray(values)[0]) for _ in backup.weight]
    return jnp.stack(list(jax.lax.scan(add, nothing, (values, mass))[0]))


@jax.jit
def action_rows(backup: Backup, values: Float[ArrayLike, " S"]) -> Float[ArrayLike, "A S"]:
    """Q/τ of the stationary values u."""
    return jnp.stack(list(backup.action_values(values, backup.weight)))


@jax.jit
def backup_values(backup: Backup, values: Float[ArrayLike, " S"]) -> Float[ArrayLike, " S"]:
    """One application of the Bellman operator."""
    return backup.values(values, backup.weight)


@jax.jit
def posterior(backup: Backup, values: Float[ArrayLike, " S"]) -> AbstractTransitions:
    """The dynamics under which visits are counted."""
    return backup.dynamics(values)


@dataclasses.dataclass(frozen=True, eq=False)
class PolicyChain:
    """The Markov chain of a stationary policy, factorised once for values and visits.

    Attributes:
        policy: π(a|s), (A, S), zero where the episode ends or nothing can be chosen.
        transitions: the dynamics followed (the posterior ones for the trajectory-level form).
        discount: γ.
        factors: I − γ P_π, factorised.
    """

    policy: Float[np.ndarray, "A S"]
    transitions: AbstractTransitions
    discount: float
    factors: AbstractFactorisation

    def visits(self, source: Float[np.ndarray, " S"], *, outcomes: bool = False) -> RewardTable:
        """Expected (discounted) visits of mass that enters as ``source`` (signed): d = (I − γ P_πᵀ)⁻¹ source."""
        mass = self.factors.solve_transposed(source)
        pair = mass * self.policy
        outcome = np.asarray(self.transitions.outcome_visits(list(pair))) if outcomes else None
        ended = np.where(self.policy.sum(0) > 0, 0.0, mass)
        return RewardTable(pair, ended, outcome)

    def evaluate(self, reward: Float[np.ndarray, "S ..."], end_value: Float[np.ndarray, "S ..."]) -> np.ndarray:
        """v = (I − γ P_π)⁻¹ b with b = reward where a move is chosen and ``end_value`` where the episode ends."""
        chosen = self.policy.sum(0) > 0
        mask = chosen if reward.ndim == 1 else chosen[:, None]
        return self.factors.solve(np.where(mask, reward, end_value))


@double_precision
def policy_chain(
    backup: Backup, values: Float[np.ndarray, " S"], solver: AbstractLinearSolver | AbstractFactorisation
) -> PolicyChain:
    """The chain of the soft policy of values u, factorised by a solver, or with the factors of I − γP_π at hand."""
    policy = np.exp(np.asarray(policy_rows(backup, values)))
    transitions = jax.tree.map(np.asarray, posterior(backup, values))
    if isinstance(solver, AbstractFactorisation):
        return PolicyChain(policy, transitions, float(backup.discount), solver)
    return chain_of(policy, transitions, float(backup.discount), solver)


def chain_of(
    policy: Float[np.ndarray, "A S"], transitions: AbstractTransitions, discount: float, solver: AbstractLinearSolver
) -> PolicyChain:
    """The chain of any stationary policy."""
    n_states = policy.shape[1]
    matrix = sp.eye_array(n_states, format="csr") - discount * transitions.chain(policy)
    return PolicyChain(policy, transitions, discount, solver.factorise(matrix))
