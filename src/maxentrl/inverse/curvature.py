"""Exact first and second derivatives of soft values in the parameters, by linear backups.

With φ = ∂r/∂θ and everything in units of the temperature:

    ∇Q(s, a) = φ(s, a) + γ E[∇V(s')],    ∇V(s) = Σ_a π(a|s) ∇Q(s, a)
    ∇²Σ source·V = Σ_s d(s) Cov_π(∇Q(s, ·)) + Σ visits · ∂²r/∂θ²,    d = visits of the (signed) source

The trajectory-level form takes the expectation over s' under its posterior dynamics and adds the covariance of
φ(s, a, s') + ∇V(s') over s'. Covariances are centred before they are summed, so that long horizons, whose ∇V are large
and nearly equal, lose no digits. Under deterministic dynamics there is a shorter way, taken where it keeps enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from maxentrl.inverse.columns import Columns
from maxentrl.mdp.transitions import AbstractTransitions, DeterministicTransitions, SparseTransitions
from maxentrl.numerics.blas import single_blas_thread
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.types import ArrayLike
from maxentrl.planning.backup import Backup
from maxentrl.planning.solution import SoftSolution

Gradients = Sequence[Float[ArrayLike, "K S"]]
"""One (K, S) array for each action."""
DIGITS = 9.0
"""Digits that the covariance of path counts must keep; with fewer, it is summed from centred terms."""
Policy = Sequence[Float[ArrayLike, " S"]]
"""π(a|s), one row for each action."""


def model_columns(columns: Columns, solution: SoftSolution) -> Columns:
    """The columns in the solution's units, with s' averaged out where its form does so."""
    scaled = columns.over(solution.problem.temperature)
    return scaled if solution.problem.optimistic else scaled.averaged(solution.problem.mdp.transitions)


def action_gradients(
    dynamics: AbstractTransitions, discount: float | ArrayLike, columns: Columns, following: Float[Array, "K S"]
) -> Gradients:
    """∇Q(s, a) for each action, (K, S), given ∇V one step later."""
    ahead = jax.vmap(dynamics.expect)(following)
    if columns.outcome is not None:
        extra = jax.vmap(dynamics.expect_outcome)(columns.outcome)
        ahead = [later + row for later, row in zip(ahead, extra, strict=True)]
    return [columns.row(a) + discount * later for a, later in enumerate(ahead)]


def _mean(policy: Policy, gradients: Gradients) -> Float[Array, "K S"]:
    first, *rest = [jnp.asarray(p * g) for p, g in zip(policy, gradients, strict=True)]
    return sum(rest, first)


def action_covariance(policy: Policy, gradients: Gradients, mass: Float[Array, " S"]) -> tuple[Array, Array]:
    """∇V (K, S), and Σ_s mass(s) Cov_π(∇Q(s, ·)), (K, K)."""
    mean = _mean(policy, gradients)
    total = jnp.zeros((mean.shape[0], mean.shape[0]), mean.dtype)
    for p, g in zip(policy, gradients, strict=True):
        centred = g - mean
        total = total + (centred * (mass * p)) @ centred.T
    return mean, total


def outcome_covariance(
    dynamics: AbstractTransitions, columns: Columns, following: Float[Array, "K S"], pairs: Float[Array, "A S"]
) -> Float[Array, "K K"]:
    """Σ_{s,a} pairs(s, a) Cov_{s'}(φ(s, a, s') + ∇V(s')), (K, K); zero where outcomes are certain."""
    n_parameters = following.shape[0]
    total = jnp.zeros((n_parameters, n_parameters), following.dtype)
    if not isinstance(dynamics, SparseTransitions):
        return total
    arriving = jnp.moveaxis(following[:, dynamics.successors], 1, 0)
    for a in range(dynamics.n_actions):
        each = arriving if columns.outcome is None else arriving + jnp.moveaxis(columns.outcome[:, a], 1, 0)
        weight = jnp.asarray(dynamics.probability)[a]
        centred = each - jnp.sum(weight[:, None] * each, axis=0)
        total = total + jnp.einsum("bks,bs,bls->kl", centred, weight * pairs[a], centred)
    return total


@jax.jit
def _sweep_mass(backup: Backup, values: Array, source: Array) -> Float[Array, "times S"]:
    def step(arriving: Array, inputs: tuple) -> tuple[Array, Array]:
        entering, now, following, weight = inputs
        mass = arriving + entering
        weight = backup.weight if weight is None else weight
        _, moved = backup.flow(jnp.where(backup.ends, 0.0, mass), now, following, weight)
        return jnp.asarray(moved), mass

    weights = backup.weight if backup.weight.ndim == 3 else None
    return jax.lax.scan(step, jnp.zeros_like(values[0]), (source[:-1], values[:-1], values[1:], weights))[1]


def _local(
    backup: Backup, following: Array, weight: ArrayLike, columns: Columns, ahead: Array
) -> tuple[Policy, Gradients, AbstractTransitions]:
    policy = [jnp.exp(row) for row in backup.log_policy(following, weight)]
    dynamics = backup.dynamics(following)
    return policy, action_gradients(dynamics, backup.discount, columns, ahead), dynamics


def _stepwise(backup: Backup, columns: Columns) -> tuple[Array | None, Array | None]:
    weights = jnp.asarray(backup.weight) if backup.weight.ndim == 3 else None
    return weights, jnp.moveaxis(jnp.asarray(columns.pair), 1, 0) if columns.per_step else None


@partial(jax.jit, static_argnames="noise")
def _sweep_information(
    backup: Backup, values: Array, columns: Columns, mass: Array, *, noise: bool
) -> tuple[Array, Array]:
    """Σ_t Σ_s mass Cov_π(∇Q), and with ``noise`` Σ visits Cov_{s'}."""

    def step(carry: tuple, inputs: tuple) -> tuple:
        ahead, choice, chance = carry
        following, weight, pair, here = inputs
        now_columns = Columns(columns.pair if pair is None else pair, columns.terminal, columns.outcome)
        weight = backup.weight if weight is None else weight
        policy, gradients, dynamics = _local(backup, following, weight, now_columns, ahead)
        mean, covariance = action_covariance(policy, gradients, here)
        if noise:
            chance = chance + outcome_covariance(dynamics, columns, ahead, here * jnp.stack(policy))
        return (jnp.where(backup.ends, columns.terminal, mean), choice + covariance, chance), None

    weights, pairs = _stepwise(backup, columns)
    nothing = jnp.zeros((columns.terminal.shape[0],) * 2)
    start = (jnp.asarray(columns.terminal), nothing, nothing)
    steps = (values[1:], weights, pairs, mass)
    return jax.lax.scan(step, start, steps, reverse=True)[0][1:]


@jax.jit
def _sweep_jacobian(backup: Backup, values: Array, columns: Columns) -> Float[Array, "times K S"]:
    def step(ahead: Array, inputs: tuple) -> tuple[Array, Array]:
        following, weight, pair = inputs
        now_columns = Columns(columns.pair if pair is None else pair, columns.terminal, columns.outcome)
        weight = backup.weight if weight is None else weight
        policy, gradients, _ = _local(backup, following, weight, now_columns, ahead)
        now = jnp.where(backup.ends, columns.terminal, _mean(policy, gradients))
        return now, now

    weights, pairs = _stepwise(backup, columns)
    last = jnp.asarray(columns.terminal)
    _, before = jax.lax.scan(step, last, (values[1:], weights, pairs), reverse=True)
    return jnp.concatenate([before, last[None]])


@partial(jax.jit, static_argnames="noise")
def _stationary_information(
    dynamics: AbstractTransitions,
    discount: Array,
    policy: Array,
    columns: Columns,
    jacobian: Array,
    mass: Array,
    *,
    noise: bool,
) -> tuple[Array, Array]:
    gradients = action_gradients(dynamics, discount, columns, jacobian)
    _, choice = action_covariance(list(policy), gradients, mass)
    if not noise:
        return choice, jnp.zeros_like(choice)
    return choice, outcome_covariance(dynamics, columns, jacobian, mass * policy)


@jax.jit
def _policy_mean(dynamics: AbstractTransitions, policy: Array, columns: Columns) -> Float[Array, "K S"]:
    none_ahead = jnp.zeros_like(jnp.asarray(columns.terminal))
    return _mean(list(policy), action_gradients(dynamics, 0.0, columns, none_ahead))


@double_precision
def value_jacobian(solution: SoftSolution, columns: Columns) -> Float[np.ndarray, "*T K S"]:
    """∇V/τ at every state, (K, S), or (T+1, K, S) for ``Finite(T)``; columns in units of the temperature.

    Raises:
        Failure: INACCURATE_SOLVE from the linear solves of a stationary problem.
    """
    if solution.finite_horizon:
        return np.asarray(_sweep_jacobian(solution.backup, solution.scaled_values, columns))
    if columns.by_state:
        factors, terminal = solution.factors or solution.chain.factors, np.asarray(columns.terminal)
        paid = np.where(solution.problem.ends, terminal, np.asarray(columns.pair)[:, 0])
        return np.ascontiguousarray(factors.solve(np.ascontiguousarray(paid.T)).T)
    chain = solution.chain
    mean = np.asarray(_policy_mean(chain.transitions, chain.policy, columns))
    return np.ascontiguousarray(chain.evaluate(mean.T, np.asarray(columns.terminal).T).T)


@double_precision
def information(
    solution: SoftSolution, columns: Columns, source: Float[np.ndarray, "*T S"], *, noise: bool = False
) -> tuple[Float[np.ndarray, "K K"], Float[np.ndarray, "K K"]]:
    """Σ d Cov_π(∇Q)/τ² and Σ μ Cov_{s'}(φ + ∇V)/τ², with d and μ the visits of a signed source.

    Args:
        solution: the planner's answer.
        columns: ∂r/∂θ in units of the temperature (see :func:`model_columns`).
        source: mass that enters, (S,), or (T+1, S) for ``Finite(T)``; signed.
        noise: whether the second sum is wanted; zero otherwise.
    """
    if solution.finite_horizon:
        mass = _sweep_mass(solution.backup, solution.scaled_values, source)
        parts = _sweep_information(solution.backup, solution.scaled_values, columns, mass, noise=noise)
        return np.asarray(parts[0]), np.asarray(parts[1])
    certain = solution.problem.mdp.transitions.deterministic and columns.outcome is None
    if certain and solution.problem.discount == 1.0:
        covariance, digits = path_covariance(solution, columns, source)
        if digits >= DIGITS:
            return covariance, np.zeros_like(covariance)
    chain = solution.chain
    parts = _stationary_information(
        chain.transitions,
        np.asarray(chain.discount),
        chain.policy,
        columns,
        value_jacobian(solution, columns),
        chain.visits(source).pair.sum(0),
        noise=noise,
    )
    return np.asarray(parts[0]), np.asarray(parts[1])


@single_blas_thread
def path_covariance(
    solution: SoftSolution, columns: Columns, source: Float[np.ndarray, " S"]
) -> tuple[Float[np.ndarray, "K K"], float]:
    """Σ source · Cov(Φ) of the feature counts Φ of whole paths, and how many digits of its variances cancelling left.

    For deterministic undiscounted dynamics, to a goal.

    There is no chance but the choices, so this equals Σ d Cov_π(∇Q); visits flow, so that ∇V ∇Vᵀ telescopes along a path
    and no table over actions is needed where φ depends on the state alone:

        Σ μ φφᵀ + C + Cᵀ + Σ ended φ_T φ_Tᵀ − Σ source ∇V∇Vᵀ,   C = Σ μ(s, a) φ(s, a) ∇V(s')ᵀ
    """
    terminal, ends = np.asarray(columns.terminal), solution.problem.ends
    factors = solution.factors or solution.chain.factors
    jacobian, mass = value_jacobian(solution, columns), factors.solve_transposed(source)
    ended, entered = np.flatnonzero(ends & (mass != 0)), np.flatnonzero(source)
    moments = (jacobian[:, entered] * source[entered]) @ jacobian[:, entered].T
    total = (terminal[:, ended] * mass[ended]) @ terminal[:, ended].T - moments
    if columns.by_state:
        features = np.asarray(columns.pair)[:, 0]
        weighted = features * np.where(ends, 0.0, mass)
        cross = weighted @ (jacobian - features).T
        total += weighted @ features.T + cross + cross.T
        return total, _digits(total, moments)
    chain = solution.chain
    assert isinstance(chain.transitions, DeterministicTransitions)
    successor = np.asarray(chain.transitions.successor)
    for action, pairs in enumerate(mass * chain.policy):
        features = np.asarray(columns.row(action))
        weighted = features * pairs
        cross = weighted @ jacobian[:, successor[action]].T
        total += weighted @ features.T + cross + cross.T
    return total, _digits(total, moments)


def _digits(covariance: Float[np.ndarray, "K K"], moments: Float[np.ndarray, "K K"]) -> float:
    """Decimal digits left in the least of the variances after subtracting means squared."""
    variance, square = np.diag(covariance), np.abs(np.diag(moments))
    alive = square > 0
    if not alive.any():
        return 16.0
    share = np.min(np.maximum(variance[alive], 0.0) / square[alive])
    return 16.0 + float(np.log10(max(share, 1e-300)))
