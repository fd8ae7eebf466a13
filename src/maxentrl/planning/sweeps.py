"""Finite horizons: the backward sweep of values and the forward sweep of visits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike, Rows
from maxentrl.planning.backup import Backup


def in_all_rows(
    values: Float[ArrayLike, "times S"], source: Float[ArrayLike, "times S"]
) -> tuple[Float[ArrayLike, "rows S"], Float[ArrayLike, "rows S"]]:
    """The array that the values of a shared sweep are the beginning of, without a copy, and a source of its shape."""
    if not isinstance(values, np.ndarray) or not isinstance(values.base, np.ndarray):
        return values, source
    whole = values.base
    if whole.ndim != 2 or whole.shape[1] != values.shape[1] or whole.dtype != values.dtype:
        return values, source
    if len(whole) <= len(values) or whole.ctypes.data != values.ctypes.data or not whole.flags.c_contiguous:
        return values, source
    entering, source = np.zeros(whole.shape), np.asarray(source)
    used = np.flatnonzero(source.any(1))
    entering[used] = source[used]
    return whole, entering


@partial(jax.jit, static_argnames="rows")
def sweep_values(backup: Backup, horizon: int | Array, rows: int) -> Float[ArrayLike, "rows S"]:
    """u_t = V_t/τ for t = 0..T, zeros in rows after the horizon; only values are kept, policies are found from them."""

    last = jnp.asarray(backup.end_value)
    weights = jnp.asarray(backup.weight)

    def step(
        back: int | Array, values: Array
    ) -> Array:  # written in place: stacking T results and the last copied them all
        time = horizon - 1 - back
        now = backup.values(values[time + 1], weights[time] if weights.ndim == 3 else weights)
        return values.at[time].set(now)

    values = jnp.zeros((rows, *last.shape), last.dtype).at[horizon].set(last)
    return jax.lax.fori_loop(0, horizon, step, values)


@partial(jax.jit, static_argnames=("per_step", "outcomes"))
def sweep_visits(
    backup: Backup,
    values: Float[ArrayLike, "times S"],
    source: Float[ArrayLike, "times S"],
    horizon: int | Array,
    *,
    per_step: bool,
    outcomes: bool,
) -> RewardTable:
    """Expected visits when ``source[t]`` (signed) enters at time t and follows the policy.

    Args:
        backup: the operator.
        values: u_t, from :func:`sweep_values`.
        source: mass that enters at each time, (T+1, S). A trajectory of its own horizon L enters at time T − L.
        horizon: T; later rows are not read. Visits of each step, and weights of each step, need T + 1 rows.
        per_step: keep the visits of each step, (T, A, S), in place of their sum, (A, S).
        outcomes: also the visits of each transition, (A, B, S).
    """

    def step(carry: tuple, inputs: tuple) -> tuple:
        arriving, pair, terminal, outcome = carry
        entering, now, following, weight = inputs
        weight = backup.weight if weight is None else weight
        mass = arriving + entering
        ended = jnp.where(backup.ends, mass, 0.0)
        rows, moved = backup.flow(mass - ended, now, following, weight)
        if outcomes:
            outcome = outcome + backup.dynamics(following).outcome_visits(rows)
        stacked = jnp.stack(list(rows))
        if per_step:
            return (moved, pair, terminal + ended, outcome), stacked
        return (moved, pair + stacked, terminal + ended, outcome), None

    table = jnp.zeros(backup.weight.shape[-2:], values.dtype)
    nothing = jnp.zeros_like(values[0])
    start = (nothing, table, nothing, _no_outcomes(backup) if outcomes else None)
    source, values = jnp.asarray(source), jnp.asarray(values)
    if per_step or backup.weight.ndim == 3:
        weights = backup.weight if backup.weight.ndim == 3 else None
        end, stacked = jax.lax.scan(step, start, (source[:-1], values[:-1], values[1:], weights))
        table = stacked if per_step else end[1]
    else:

        def at(time: int | Array, carry: tuple) -> tuple:
            return step(carry, (source[time], values[time], values[time + 1], None))[0]

        end = jax.lax.fori_loop(0, horizon, at, start)
        table = end[1]
    arriving, _, terminal, outcome = end
    return RewardTable(table, terminal + arriving + source[horizon], outcome)


def _no_outcomes(backup: Backup) -> Array:
    rows = [jnp.zeros_like(row) for row in backup.weight.reshape(-1, *backup.weight.shape[-2:])[0]]
    return jnp.zeros_like(backup.transitions.outcome_visits(rows))


def _over_time(
    backup: Backup, values: Float[ArrayLike, "times S"], rows: Callable[..., Rows]
) -> Float[ArrayLike, "T A S"]:
    def step(_: None, inputs: tuple) -> tuple:
        following, weight = inputs
        return None, jnp.stack(list(rows(following, backup.weight if weight is None else weight)))

    weights = backup.weight if backup.weight.ndim == 3 else None
    return jax.lax.scan(step, None, (values[1:], weights))[1]


@jax.jit
def sweep_log_policy(backup: Backup, values: Float[ArrayLike, "times S"]) -> Float[ArrayLike, "T A S"]:
    """log π_t(a|s) at every time."""
    return _over_time(backup, values, backup.log_policy)


@jax.jit
def sweep_action_values(backup: Backup, values: Float[ArrayLike, "times S"]) -> Float[ArrayLike, "T A S"]:
    """Q_t/τ at every time."""
    return _over_time(backup, values, backup.action_values)
