"""The forward message α: sums over the beginnings of trajectories, in log space."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.mdp.time import Finite
from maxentrl.numerics.linear import DirectSolver
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.types import ArrayLike
from maxentrl.planning.backup import Backup, make_backup
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.planning.stationary import policy_chain
from maxentrl.status import Failure, Status

TOLERANCE = 1e-11
"""Largest change of a log message, relative to its size or one, at which iteration for ``ToGoal`` stops."""
MAXIMUM_ITERATIONS = 100_000


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Links:
    """Every way from a state to another, sorted by where it leads.

    Attributes:
        origin: s, (L,).
        target: s', (L,).
        log_weight: log Σ_a q exp(r/τ) P(s'|s,a), (L,); with a reward for each step one row for each action,
            log P(s'|s,a) + r(s,a,s')/τ, to which the step's weight of ``action`` is added.
        action: a, (L,), or None where actions have been summed over.
    """

    origin: Int[ArrayLike, " L"]
    target: Int[ArrayLike, " L"]
    log_weight: Float[ArrayLike, " L"]
    action: Int[ArrayLike, " L"] | None

    def advance(
        self, log_mass: Float[ArrayLike, " S"], weight: Float[ArrayLike, "A S"] | None
    ) -> Float[ArrayLike, " S"]:
        """log Σ over the moves into each state of mass · q · exp(r/τ) · P; ``weight`` of this step where it varies."""
        terms = log_mass[self.origin] + self.log_weight
        if self.action is not None:
            assert weight is not None
            terms = terms + weight[self.action, self.origin]

        def into_states(reduce: Callable[..., ArrayLike], each: ArrayLike) -> ArrayLike:
            return reduce(each, jnp.asarray(self.target), num_segments=len(log_mass), indices_are_sorted=True)

        top = into_states(jax.ops.segment_max, terms)
        shift = jnp.where(jnp.isneginf(top), 0.0, top)
        return shift + jnp.log(into_states(jax.ops.segment_sum, jnp.exp(terms - shift[self.target])))


def _links(backup: Backup, within: Bool[np.ndarray, " S"]) -> _Links:
    """The links that lead to states ``within``."""
    weight = np.asarray(backup.weight)
    possible = ~np.isneginf(weight.reshape(-1, *weight.shape[-2:])).all(0)
    action, state = np.nonzero(possible)
    successors, probability = backup.transitions.successors_of(action, state)
    outcome, pair = np.nonzero((probability > 0) & within[successors])
    origin, target, action = state[pair], successors[outcome, pair], action[pair]
    log_weight = np.log(probability[outcome, pair])
    if backup.outcome is not None:
        log_weight = log_weight + np.asarray(backup.outcome)[action, outcome, origin]
    order = np.lexsort((origin, target))
    links = _Links(origin[order], target[order], log_weight[order], action[order])
    return links if weight.ndim == 3 else _summed(links, weight)


def _summed(links: _Links, weight: Float[np.ndarray, "A S"]) -> _Links:
    """One link a pair of states, summed over the actions."""
    origin, target = np.asarray(links.origin), np.asarray(links.target)
    if not len(origin):
        return dataclasses.replace(links, action=None)
    first = np.flatnonzero(np.concatenate([[True], (np.diff(origin) != 0) | (np.diff(target) != 0)]))
    log_weight = np.logaddexp.reduceat(np.asarray(links.log_weight) + weight[links.action, origin], first)
    return _Links(origin[first], target[first], log_weight, None)


def log_evidence_of(mass: Float[np.ndarray, " S"], ahead: Float[np.ndarray, " S"]) -> float:
    """log Σ_s mass(s) exp(ahead(s))."""
    with np.errstate(divide="ignore"):
        return float(np.logaddexp.reduce(np.log(mass) + ahead))


@double_precision
def forward_finite(problem: SoftProblem, mass: Float[np.ndarray, " S"]) -> Float[np.ndarray, "times S"]:
    """log α_t(s) of a finite-horizon problem, (T+1, S), from α_0 = mass."""
    assert isinstance(problem.time, Finite)
    assert problem.time.horizon is not None
    backup = make_backup(problem)
    with np.errstate(divide="ignore"):
        log_mass = np.log(mass)
    links = _links(backup, np.ones(len(mass), bool))
    weight = np.asarray(backup.weight) if backup.weight.ndim == 3 else None
    return np.asarray(_sweep(links, weight, log_mass, problem.time.horizon))


@partial(jax.jit, static_argnames="horizon")
def _sweep(links: _Links, weight: ArrayLike | None, log_mass: ArrayLike, horizon: int) -> ArrayLike:
    def step(now: ArrayLike, at_time: ArrayLike | None) -> tuple[ArrayLike, ArrayLike]:
        later = links.advance(now, at_time)
        return later, later

    _, after = jax.lax.scan(step, log_mass, weight, length=horizon)
    return jnp.concatenate([log_mass[None], after])


@double_precision
def forward_to_goal(solution: SoftSolution, mass: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """log α(s) of a to-goal problem, (S,), from its backward messages.

    A linear solve first, made safe by β: α β/p(O) = (I − P̃ᵀ)⁻¹ (d₀ β/p(O)) with the posterior chain P̃, whose rows sum
    to one. Then α = d₀ + Mᵀα is iterated in log space, which mends the states whose visits underflowed.

    Raises:
        Failure: UNREACHABLE_GOAL when no trajectory arrives; MAXIMUM_ITERATIONS.
    """
    ahead = solution.scaled_values
    log_evidence = log_evidence_of(mass, ahead)
    if np.isneginf(log_evidence):
        raise Failure(Status.UNREACHABLE_GOAL, "no trajectory from the start arrives")
    arriving = ~np.isneginf(ahead)
    with np.errstate(divide="ignore"):
        source = np.exp(np.log(mass) + ahead - log_evidence)
        visits = policy_chain(solution.backup, ahead, DirectSolver()).visits(source)
        counted = np.log(np.maximum(np.asarray(visits.pair).sum(0) + np.asarray(visits.terminal), 0.0))
        log_mass = np.where(arriving, np.log(mass), -np.inf)
    guess = np.full_like(ahead, -np.inf)
    guess[arriving] = counted[arriving] + log_evidence - ahead[arriving]
    message, change = _fixed_point(_links(solution.backup, arriving), log_mass, guess)
    if not change <= TOLERANCE:
        raise Failure(Status.MAXIMUM_ITERATIONS, f"the forward message still changes by {float(change):.1e} in log")
    return np.asarray(message)


@jax.jit
def _fixed_point(links: _Links, log_mass: ArrayLike, guess: ArrayLike) -> tuple[ArrayLike, ArrayLike]:
    def go_on(carry: tuple) -> ArrayLike:
        _, change, count = carry
        return (change > TOLERANCE) & (count < MAXIMUM_ITERATIONS)

    def step(carry: tuple) -> tuple:
        now, _, count = carry
        later = jnp.logaddexp(log_mass, links.advance(now, None))
        change = jnp.where(later == now, 0.0, jnp.abs(later - now) / (1.0 + jnp.abs(later)))
        return later, jnp.max(change), count + 1

    message, change, _ = jax.lax.while_loop(go_on, step, (guess, jnp.asarray(jnp.inf), 0))
    return message, change
