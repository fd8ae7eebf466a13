"""Entropy of behaviour in nats: of the actions alone, and of whole trajectories."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Float

from maxentrl.mdp.transitions import AbstractTransitions
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.types import ArrayLike
from maxentrl.planning.at_time import known_log_policy
from maxentrl.planning.backup import Backup
from maxentrl.planning.solution import SoftSolution, Start
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True)
class PathEntropy:
    """Entropy of the paths of a policy from a start, split by where it comes from; nats, the start's own not counted.

    Sums over decisions are weighted like visits: by γᵗ under a discount, by one elsewhere.

    Attributes:
        actions: causal entropy, Σ_s d(s) H(π(·|s)).
        dynamics: Σ_{s,a} μ(s,a) H(P(·|s,a)), zero for deterministic dynamics.
        decisions: Σ μ, the expected number of decisions.
    """

    actions: float
    dynamics: float
    decisions: float

    @property
    def trajectory(self) -> float:
        """Entropy of the distribution over paths: ``actions + dynamics``."""
        return self.actions + self.dynamics

    @property
    def actions_per_decision(self) -> float:
        """Causal entropy averaged over the occupancy: ``actions / decisions``."""
        return self._average(self.actions)

    @property
    def trajectory_per_decision(self) -> float:
        """``trajectory / decisions``."""
        return self._average(self.trajectory)

    def _average(self, total: float) -> float:
        if not self.decisions > 0:
            raise InvalidInput("entropy per decision does not exist: no decision is taken from this start")
        return total / self.decisions


@double_precision
def path_entropy(solution: SoftSolution, start: Start) -> PathEntropy:
    """Entropy of a solution's policy from a start, by action choices and by chance.

        H(trajectory) = Σ_s d(s) H(π(·|s)) + Σ_{s,a} μ(s,a) H(P(·|s,a)) = causal entropy + entropy of the dynamics

    For the trajectory-level form under stochastic dynamics, d, μ and P are those of the posterior over trajectories.
    Entropy is counted without the reference policy.

    Args:
        solution: whose policy.
        start: a state, a distribution (S,), or mass at each time (T+1, S).

    Raises:
        Failure: UNREACHABLE_GOAL when mass starts where no path leads to an end.

    Source: Ziebart, Bagnell & Dey (2010), section 2 (causally conditioned entropy and the chain rule).
    """
    if solution.finite_horizon:
        source = solution.source(start)
        solution.check_reachable(source)
        totals = _sweep_entropy(solution.backup, solution.scaled_values, source)
    else:
        pair = solution.occupancy(start).pair
        totals = _totals(pair, solution.log_policy, _outcome_entropy(solution.chain.transitions))
    return PathEntropy(*(float(total) for total in totals))


def causal_entropy(solution: SoftSolution, start: Start) -> float:
    """Σ_s d(s) H(π(·|s)) in nats; see :func:`path_entropy`."""
    return path_entropy(solution, start).actions


def trajectory_entropy(solution: SoftSolution, start: Start) -> float:
    """−Σ_ξ p(ξ) log p(ξ) over paths ξ from the start, in nats; see :func:`path_entropy`.

    Under a discount it is the sum over steps weighted by γᵗ, which is not the entropy of any one distribution.
    """
    return path_entropy(solution, start).trajectory


def _outcome_entropy(transitions: AbstractTransitions) -> Float[ArrayLike, "A S"]:
    """H(P(·|s,a)) = −Σ_{s'} P log P, (A, S)."""
    ones = [jnp.ones(transitions.n_states)] * transitions.n_actions
    return jax.scipy.special.entr(transitions.outcome_visits(ones)).sum(1)


def _totals(
    pairs: Float[ArrayLike, "A S"], log_policy: Float[ArrayLike, "A S"], chance: Float[ArrayLike, "A S"]
) -> Float[ArrayLike, 3]:
    """Entropy of actions, entropy of the dynamics, and number of decisions of the visits of pairs."""
    surprise = jnp.where(jnp.isneginf(log_policy), 0.0, -log_policy)
    return jnp.stack([jnp.vdot(pairs, surprise), jnp.vdot(pairs, chance), jnp.sum(pairs)])


@jax.jit
def _sweep_entropy(backup: Backup, values: ArrayLike, source: ArrayLike) -> Float[ArrayLike, 3]:
    real = _outcome_entropy(backup.transitions)

    def step(carry: tuple, inputs: tuple) -> tuple:
        arriving, totals = carry
        entering, now, following, weight = inputs
        weight = backup.weight if weight is None else weight
        mass = jnp.where(backup.ends, 0.0, arriving + entering)
        log_policy = known_log_policy(backup, now, following, weight)
        pairs, dynamics = mass * jnp.exp(log_policy), backup.dynamics(following)
        chance = _outcome_entropy(dynamics) if backup.form == "optimistic" else real
        return (dynamics.push(list(pairs)), totals + _totals(pairs, log_policy, chance)), None

    nothing = jnp.zeros_like(values[0])
    weights = backup.weight if backup.weight.ndim == 3 else None
    inputs = (source[:-1], values[:-1], values[1:], weights)
    (_, totals), _ = jax.lax.scan(step, (nothing, jnp.zeros(3, nothing.dtype)), inputs)
    return totals
