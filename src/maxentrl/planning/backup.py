"""One Bellman backup and one step of visits, as pure functions over arrays; every solver is built from these.

Inside, everything is in units of the temperature: ``weight = r/τ + log q`` (-inf where a move cannot be chosen) and
``u = V/τ``, so that the inner loop holds no multiplication by τ. Temperature 0 keeps reward units and takes the hard
maximum; infinite temperature drops the reward. That is decided once, in :func:`make_backup`.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from maxentrl.mdp.transitions import AbstractTransitions
from maxentrl.numerics.logsumexp import log_sum_exp, maximum
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.types import ArrayLike, Rows
from maxentrl.planning.problem import SoftProblem

TIE = 1e-9
"""Relative difference below which hard planning calls two action values equal."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Backup:
    """The soft (or hard) Bellman operator of a problem, in units of its temperature.

    Attributes:
        transitions: where moves lead.
        weight: r/τ + log q for each pair, -inf where it cannot be chosen; (A, S) or (T, A, S).
        outcome: r(s, a, s')/τ of the trajectory-level form, (A, B, S); None elsewhere (it is averaged into weight).
        ends: states where the episode ends, (S,).
        end_value: u of those states, and u at the horizon of every state, (S,).
        discount: γ, a scalar array.
        form: which operator: soft, hard, or the trajectory-level one under stochastic dynamics.
    """

    transitions: AbstractTransitions
    weight: Float[ArrayLike, "*T A S"]
    outcome: Float[ArrayLike, "A B S"] | None
    ends: Bool[ArrayLike, " S"]
    end_value: Float[ArrayLike, " S"]
    discount: Float[ArrayLike, ""]
    form: Literal["soft", "hard", "optimistic"] = dataclasses.field(metadata={"static": True})

    def action_values(self, following: Float[ArrayLike, " S"], weight: Float[ArrayLike, "A S"]) -> Rows:
        """Q/τ for each action, given u of the states one step later."""
        if self.form == "optimistic":
            ahead = self.transitions.log_expect_exp(following, self.outcome)
        else:
            ahead = [self._discounted(row) for row in self.transitions.expect(following)]
        return [row + later for row, later in zip(weight, ahead, strict=True)]

    def _discounted(self, row: Float[ArrayLike, " S"]) -> Float[ArrayLike, " S"]:
        return jnp.where(self.discount == 0, 0.0, self.discount * row)

    def values(self, following: Float[ArrayLike, " S"], weight: Float[ArrayLike, "A S"]) -> Float[Array, " S"]:
        """V/τ now, given u of the states one step later."""
        rows = self.action_values(following, weight)
        chosen = maximum(rows) if self.form == "hard" else log_sum_exp(rows)
        return jnp.where(self.ends, self.end_value, chosen)

    def log_policy(self, following: Float[ArrayLike, " S"], weight: Float[ArrayLike, "A S"]) -> Rows:
        """log π(a|s) for each action; -inf everywhere in states with nothing to choose."""
        rows = self.action_values(following, weight)
        if self.form == "hard":
            top = maximum(rows)
            tied = [row >= top - TIE * (1.0 + jnp.abs(top)) for row in rows]
            count = sum(t.astype(top.dtype) for t in tied)
            rows = [jnp.where(t & ~jnp.isneginf(row), 0.0, -jnp.inf) for t, row in zip(tied, rows, strict=True)]
            normaliser = jnp.log(count)
        else:
            normaliser = log_sum_exp(rows)
        normaliser = jax.lax.optimization_barrier(jnp.where(jnp.isneginf(normaliser), 0.0, normaliser))
        return [jnp.where(self.ends, -jnp.inf, row - normaliser) for row in rows]

    def flow(
        self,
        mass: Float[ArrayLike, " S"],
        now: Float[ArrayLike, " S"],
        following: Float[ArrayLike, " S"],
        weight: Float[ArrayLike, "A S"],
    ) -> tuple[Rows, Float[ArrayLike, " S"]]:
        """Visits of pairs that leave ``mass`` under the policy, and the mass that arrives (discounted).

        ``now`` is u at the time of the decision, i.e. ``values(following, weight)`` read from memory: dividing by a sum
        found here made XLA compute that sum anew for every action.
        """
        if self.form == "hard":
            pairs = [mass * jnp.exp(row) for row in self.log_policy(following, weight)]
        else:
            moving = jnp.where(self.ends | jnp.isneginf(now), 0.0, mass)
            level = jnp.where(jnp.isneginf(now), 0.0, now)
            pairs = [moving * jnp.exp(row - level) for row in self.action_values(following, weight)]
        return pairs, self.discount * self.dynamics(following).push(pairs)

    def dynamics(self, following: Float[ArrayLike, " S"]) -> AbstractTransitions:
        """The transitions under which visits are counted: the posterior ones for the trajectory-level form."""
        return self.transitions.tilt(following, self.outcome) if self.form == "optimistic" else self.transitions


def make_backup(problem: SoftProblem) -> Backup:
    """The backup of a problem, with arrays on the host; a pytree to be passed to jitted functions."""
    return make_backup_ending(problem, problem.ends)


@double_precision
def make_backup_ending(problem: SoftProblem, ends: Bool[np.ndarray, " S"]) -> Backup:
    """The backup of a problem in which other states end the episode than its own."""
    temperature = problem.temperature
    scale = 1.0 if temperature in (0.0, math.inf) else temperature
    pair, end_value, outcome = (
        np.asarray(problem.reward.pair),
        np.asarray(problem.reward.terminal),
        problem.reward.outcome,
    )
    if outcome is not None and not problem.optimistic:
        pair = pair + np.stack([np.asarray(row) for row in problem.mdp.transitions.expect_outcome(outcome)])
        outcome = None
    if temperature == math.inf:
        pair = np.where(np.isneginf(pair), -np.inf, 0.0)
        end_value = np.where(np.isneginf(end_value), -np.inf, 0.0)
    weight = pair / scale
    if problem.log_reference is not None:
        reference = np.asarray(problem.log_reference)
        # At temperature 0 a reference only says which moves there are: the limit of τ log q.
        weight = weight + (reference if temperature > 0 else np.where(np.isneginf(reference), -np.inf, 0.0))
    allowed = np.asarray(problem.mdp.transitions.available) & ~(problem.mdp.terminal | ends)
    return Backup(
        transitions=problem.mdp.transitions.indexed,
        weight=np.where(allowed, weight, -np.inf),
        outcome=None if outcome is None else np.asarray(outcome) / scale,
        ends=ends,
        end_value=end_value / scale,
        discount=np.asarray(problem.discount),
        form="optimistic" if problem.optimistic else "hard" if temperature == 0 else "soft",
    )
