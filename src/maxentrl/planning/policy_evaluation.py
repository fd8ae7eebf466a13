"""The value of any given policy, and its parts: return, entropy, divergence from another policy."""

from __future__ import annotations

import dataclasses
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jaxtyping import Array, Bool, Float

from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.numerics.linear import AbstractLinearSolver, DirectSolver
from maxentrl.numerics.precision import double_precision
from maxentrl.planning.backup import Backup, make_backup
from maxentrl.planning.problem import Causal, SoftProblem
from maxentrl.planning.solution import Occupancy, Start, start_mass
from maxentrl.planning.stationary import chain_of
from maxentrl.planning.sweeps import sweep_visits
from maxentrl.status import Failure, InvalidInput, Status

DIRECT = DirectSolver()
Policy = Float[np.ndarray, "... A S"]
"""π(a|s), (A, S), or one for each step, (T, A, S), with ``Finite(T)``; zero where nothing is chosen."""


@dataclasses.dataclass(frozen=True, eq=False)
class PolicyValue:
    """Soft values of a given policy, in reward units.

    Attributes:
        values: V^π(s), (S,), or V^π_t(s), (T+1, S); -inf where the policy may not arrive or makes no choice.
        q_values: Q^π(s, a) = E[r + γ V^π(s')], (A, S) or (T, A, S).
    """

    values: Float[np.ndarray, "*T S"]
    q_values: Float[np.ndarray, "*decisions A S"]


@double_precision
def evaluate_policy(problem: SoftProblem, policy: Policy, linear_solver: AbstractLinearSolver = DIRECT) -> PolicyValue:
    """Soft value of a policy that need not be optimal:

        V^π(s) = E_π[Σ_t γᵗ (r(s_t, a_t) − τ log π(a_t|s_t)/q(a_t|s_t)) + terminal reward | s_0 = s]

    so V^π ≤ V, with equality for the problem's own policy; ``V^π(start) = expected_return − τ · policy_kl(π, q)``.

    Source: Haarnoja et al. (2018), lemma 1 (soft policy evaluation).

    Args:
        problem: gives reward, dynamics, time, temperature and reference; its entropy is the causal one.
        policy: π, (A, S), or (T, A, S) with ``Finite(T)``.
        linear_solver: for stationary problems.

    Raises:
        InvalidInput: not a policy of this problem, infinite temperature, or the trajectory-level form under stochastic
            dynamics (which has no value of a given policy).
        Failure: INACCURATE_SOLVE.
    """
    if problem.optimistic or problem.temperature == math.inf:
        raise InvalidInput("evaluate_policy needs the Causal form and a finite temperature; see expected_return")
    backup, policy = _rewards(problem), check_policy(problem, policy)
    arguments = (backup, np.float64(problem.temperature), _log_reference(problem))
    if isinstance(problem.time, Finite):
        values, rows = _sweep(arguments, policy, int(problem.time.horizon or 0))
        return PolicyValue(np.asarray(values), np.asarray(rows))
    lost = _lost(problem, backup, policy)
    followed = np.where(lost, 0.0, policy)
    gain = np.asarray(_average(arguments, followed, np.asarray(backup.weight)))
    chain = chain_of(followed, problem.mdp.transitions, problem.discount, linear_solver)
    values = np.where(lost, -np.inf, chain.evaluate(gain, np.where(lost, 0.0, backup.end_value)))
    return PolicyValue(values, np.asarray(_rows(backup, values, np.asarray(backup.weight))))


@double_precision
def policy_occupancy(
    problem: SoftProblem, policy: Policy, start: Start, linear_solver: AbstractLinearSolver = DIRECT
) -> Occupancy:
    """Expected visits of a given policy under the problem's own dynamics, from a start or a signed source.

    Pairs keep their step, (T, A, S), where the policy has one for each step.

    Raises:
        InvalidInput: not a policy of this problem, or it makes no choice in a state that it visits.
        Failure: UNREACHABLE_GOAL when a to-goal policy may never arrive from the start.
    """
    policy, ends = check_policy(problem, policy), problem.ends
    horizon = problem.time.horizon if isinstance(problem.time, Finite) else None
    source = start_mass(start, problem.mdp.n_states, horizon)
    if horizon is not None:
        with np.errstate(divide="ignore"):
            backup = dataclasses.replace(_rewards(problem), weight=np.log(policy), form="soft")
        unused = np.zeros(source.shape)
        table = sweep_visits(backup, unused, source, len(source) - 1, per_step=policy.ndim == 3, outcomes=False)
        table = jax.tree.map(np.asarray, table)
        missing = source.sum() - table.terminal.sum()
        if abs(missing) > 1e-9 * (1.0 + np.abs(source).sum()):
            raise InvalidInput(f"the policy makes no choice in states where {missing:.3g} of its mass arrives")
        return Occupancy(table)
    lost = _lost(problem, _rewards(problem), policy) if isinstance(problem.time, ToGoal) else np.zeros_like(ends)
    chain = chain_of(np.where(lost, 0.0, policy), problem.mdp.transitions, problem.discount, linear_solver)
    table = chain.visits(source)
    stuck = np.flatnonzero(~ends & (np.abs(table.terminal) > 0))
    if len(stuck):
        where = f"state {problem.mdp.state_name(int(stuck[0]))}, which the policy visits"
        if isinstance(problem.time, ToGoal):
            raise Failure(Status.UNREACHABLE_GOAL, f"the policy may never arrive from {where}")
        raise InvalidInput(f"the policy makes no choice in {where}")
    return Occupancy(table)


@double_precision
def expected_return(problem: SoftProblem, policy: Policy, start: Start) -> float:
    """E_π[Σ γᵗ r + terminal reward] = ⟨visits, r⟩ from a start, in reward units.

    Raises like :func:`policy_occupancy`; a policy that takes a move of reward -inf has return -inf.
    """
    backup = _rewards(problem)
    weight = np.asarray(backup.weight)
    if weight.ndim == 3:  # a reward for each step is met by the visits of each step
        policy = np.broadcast_to(policy, weight.shape)
    occupancy = policy_occupancy(problem, policy, start)
    return _inner(occupancy.pair, weight) + _inner(occupancy.terminal, np.asarray(backup.end_value))


def expected_entropy(problem: SoftProblem, policy: Policy, start: Start) -> float:
    """E_π[Σ γᵗ H(π(·|s_t))] = −⟨visits, log π⟩ in nats; raises like :func:`policy_occupancy`.

    Source: causal entropy, Ziebart (2010), definition 4.3; Kramer (1998).
    """
    with np.errstate(divide="ignore"):
        return -_inner(policy_occupancy(problem, policy, start).pair, np.log(policy))


def policy_kl(problem: SoftProblem, p: Policy, q: Policy, start: Start) -> float:
    """KL of the paths of policy p from those of q, in nats: Σ_{s,a} visits_p(s, a) log p(a|s)/q(a|s).

    The dynamics cancel, so only choices count (chain rule of relative entropy: Cover & Thomas 2006, theorem 2.5.3);
    under a discount steps t ahead weigh γᵗ. ``inf`` where p does what q never does. q need not be normalised: with the
    problem's reference exp(log_reference) it is the second part of :func:`evaluate_policy`.
    """
    with np.errstate(divide="ignore"):
        ahead, log_p, log_q = policy_occupancy(problem, p, start).pair, np.log(p), np.log(q)
    if log_q.ndim > ahead.ndim:
        ahead = policy_occupancy(problem, np.broadcast_to(p, q.shape), start).pair
    return _inner(ahead, log_p) - _inner(ahead, log_q)


def check_policy(problem: SoftProblem, policy: Policy) -> Policy:
    """The policy as an array, zero where the episode ends, after checking that it is one of this problem.

    Raises:
        InvalidInput: wrong shape, negative or NaN entries, probability on moves that cannot be chosen, or a sum that is
            neither one nor zero (no choice); the state is named.
    """
    policy, mdp = np.array(policy, float), problem.mdp
    shapes: list[tuple[int, ...]] = [(mdp.n_actions, mdp.n_states)]
    if isinstance(problem.time, Finite) and problem.time.horizon is not None:
        shapes.append((problem.time.horizon, *shapes[0]))
    if policy.shape not in shapes:
        raise InvalidInput(f"policy has shape {policy.shape}: expected {' or '.join(map(str, shapes))}")
    policy[..., problem.ends] = 0.0
    total = policy.sum(-2)
    wrong = [
        ("holds a negative or NaN probability", ~(policy >= 0).all(-2)),
        ("chooses a move that is not available", ((policy > 0) & ~mdp.available).any(-2)),
        ("has probabilities that sum to neither one nor zero", ~((np.abs(total - 1.0) <= 1e-8) | (total == 0))),
    ]
    problems = [
        f"policy {what} in state {mdp.state_name(int(np.argwhere(where)[0][-1]))} (and {int(where.sum()) - 1} more)"
        for what, where in wrong
        if where.any()
    ]
    if problems:
        raise InvalidInput(problems)
    return policy


def _rewards(problem: SoftProblem) -> Backup:
    """r(s, a) as the weight, in reward units, -inf where a move cannot be chosen."""
    return make_backup(dataclasses.replace(problem, temperature=0.0, log_reference=None, entropy=Causal()))


def _log_reference(problem: SoftProblem) -> np.ndarray:
    shape = (problem.mdp.n_actions, problem.mdp.n_states)
    return np.zeros(shape) if problem.log_reference is None else np.asarray(problem.log_reference)


def _inner(visits: np.ndarray, numbers: np.ndarray) -> float:
    return float(np.sum(np.where(visits != 0, visits * np.where(visits != 0, numbers, 0.0), 0.0)))


def _lost(problem: SoftProblem, backup: Backup, policy: Policy) -> Bool[np.ndarray, " S"]:
    """States from which the policy may never arrive, or may meet a state without a choice or a reward of -inf."""
    follows = problem.mdp.transitions.chain(policy)
    forbidden = (policy > 0) & np.isneginf(np.asarray(backup.weight) + _log_reference(problem))
    lost = ~problem.ends & ((policy.sum(0) == 0) | forbidden.any(0))
    lost |= problem.ends & np.isneginf(np.asarray(backup.end_value))
    if isinstance(problem.time, ToGoal):
        lost |= ~_leads_to(follows, problem.ends)
    return _leads_to(follows, lost)


def _leads_to(follows: sp.csr_array, target: Bool[np.ndarray, " S"]) -> Bool[np.ndarray, " S"]:
    while True:
        wider = target | (follows @ target.astype(float) > 0)
        if np.array_equal(wider, target):
            return target
        target = wider


@jax.jit
def _rows(backup: Backup, following: Float[Array, " S"], weight: Float[Array, "A S"]) -> Float[Array, "A S"]:
    return jnp.stack(list(backup.action_values(following, weight)))


@jax.jit
def _average(arguments: tuple, policy: Float[Array, "A S"], rows: Float[Array, "A S"]) -> Float[Array, " S"]:
    """Σ_a π (row − τ log π/q), zero where nothing is chosen."""
    _, temperature, log_reference = arguments
    chosen = policy > 0
    ratio = jnp.log(jnp.where(chosen, policy, 1.0)) - jnp.where(chosen, log_reference, 0.0)
    penalty = jnp.where(temperature > 0, temperature * ratio, 0.0)
    return jnp.sum(jnp.where(chosen, policy * (rows - penalty), 0.0), axis=0)


@partial(jax.jit, static_argnames="horizon")
def _sweep(arguments: tuple, policy: Float[Array, "*T A S"], horizon: int) -> tuple[Array, Array]:
    """V^π_t for t = 0..T and Q^π_t for t = 0..T−1."""
    backup = arguments[0]

    def step(following: Array, inputs: tuple) -> tuple:
        choice, weight = inputs
        choice = policy if choice is None else choice
        rows = _rows(backup, following, backup.weight if weight is None else weight)
        now = jnp.where(jnp.sum(choice, axis=0) > 0, _average(arguments, choice, rows), -jnp.inf)
        now = jnp.where(backup.ends, backup.end_value, now)
        return now, (now, rows)

    last = jnp.asarray(backup.end_value)
    each = (policy if policy.ndim == 3 else None, backup.weight if backup.weight.ndim == 3 else None)
    _, (values, rows) = jax.lax.scan(step, last, each, length=horizon, reverse=True)
    return jnp.concatenate([values, last[None]]), rows
