"""Finite horizons of deterministic worlds by products: the sweeps of values and visits without exponentials.

Without chance the soft backup is linear in z = exp(V/τ): z_t(s) = Σ_a w(a, s) z_{t+1}(s'_a) with w = q exp(r/τ), which is
formed once. Each z is held as size · 2^exponent, so that no horizon overflows. Sums of products keep every digit, a sum
whose terms could not be held says so, and the caller then sweeps in log space: :func:`finite_values` and
:func:`finite_visits` choose.
"""

from __future__ import annotations

import dataclasses
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from maxentrl.mdp.transitions import DeterministicTransitions, gather
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.scaled import Scaled, exponent_of, exponential, logarithm, power_of_two
from maxentrl.numerics.types import ArrayLike
from maxentrl.planning.backup import Backup
from maxentrl.planning.sweeps import in_all_rows, sweep_values, sweep_visits

LARGEST_WEIGHT = 100.0
"""Most |r/τ + log q|, so that 2^-145 < w < 2^145 or w = 0."""
LARGEST_END = 1e8
"""Most |V_T/τ|; with it and the longest horizon every exponent is below 2^29, and differences of two fit in int32."""
LONGEST_HORIZON = 1_000_000
"""Most decisions of a sweep by products."""
RANGE = 200
"""Sizes are 0 or between 2^-RANGE and 2^RANGE."""
CLIP = 640
"""Differences of exponents are cut here.

A term w · size · 2^difference, with w and size as above, is never 0 and never infinite: its exponent is below
145 + 200 + 640 < 1022. One cut from above is at least 2^(640 - 345), beyond RANGE, so the sum is refused. One cut from below
is at most 2^(345 - 640), hence below 2^-95 of any sum that is accepted.
"""
STEEPEST = 150
"""The same for visits, from above: a move with w > 0 has w z' ≤ z, so z'/z ≤ 2^145, and both sizes are from 1 to 2."""
CHECKED = 32
"""Backups between two looks at whether all sums were held."""
TOGETHER = 4
"""Steps whose visits of pairs are added at once: the table of visits is read and written once for all of them."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ScaledBackup:
    """The backup z = Σ_a w z' of a problem without chance, discount or rewards that change over time.

    Attributes:
        transitions: where moves lead.
        factor: w = q exp(r/τ) of each pair, 0 where it cannot be chosen, (A, S).
        ends: states where the episode ends, (S,); their factors are 0.
        end_value: V/τ of those states, and of every state at the horizon, (S,).
    """

    transitions: DeterministicTransitions
    factor: Float[ArrayLike, "A S"]
    ends: Bool[ArrayLike, " S"]
    end_value: Float[ArrayLike, " S"]

    @staticmethod
    def of(backup: Backup, horizon: int) -> ScaledBackup | None:
        """The same operator on exp(V/τ), or None where it has none or where its numbers are beyond what is proved here."""
        transitions = backup.transitions
        if not isinstance(transitions, DeterministicTransitions) or backup.form != "soft" or backup.weight.ndim == 3:
            return None
        if backup.weight.dtype != np.float64 or backup.discount != 1.0 or horizon > LONGEST_HORIZON:
            return None
        factor, safe = _factors(backup.weight, backup.end_value)
        return ScaledBackup(transitions, factor, backup.ends, backup.end_value) if safe else None

    def step(self, following: Scaled, growing: Bool[ArrayLike, ""]) -> Scaled:
        """z one step earlier; NaN, for good, in a state whose sum was not held.

        A state is scaled by its own z one step later, which needs no gather: one whose result enters two results is
        written out by XLA and takes ten times as long. Where z was 0 that says nothing: while zeros are ``growing``
        into numbers, or back, those states look at their successors first.
        """
        size = following.size
        exponent = jax.lax.cond(growing, self._exponent_ahead, lambda z: jnp.asarray(z.exponent), following)
        level = exponent + exponent_of(size)
        terms = [
            factor * gather(size, to) * _ratio(gather(following.exponent, to) - level, CLIP)
            for factor, to in zip(self.factor, self.transitions.successor, strict=True)
        ]
        total = reduce(jnp.add, terms)
        held = ~jnp.isnan(size) & ((total == 0) | ((total > 2.0**-RANGE) & (total < 2.0**RANGE)))
        return Scaled(jnp.where(self.ends, size, jnp.where(held, total, jnp.nan)), level)

    def _exponent_ahead(self, following: Scaled) -> Int[Array, " S"]:
        """The exponents, in states of z = 0 that of the largest z among their successors."""
        nothing = jnp.iinfo(jnp.int32).min
        largest = jnp.full_like(following.exponent, nothing)
        for factor, to in zip(self.factor, self.transitions.successor, strict=True):
            size = gather(following.size, to)
            exponent = gather(following.exponent, to) + exponent_of(size)
            largest = jnp.maximum(largest, jnp.where((factor > 0) & (size != 0), exponent, nothing))
        return jnp.where((following.size == 0) & (largest != nothing), largest, following.exponent)


def _ratio(difference: Int[ArrayLike, "*shape"], largest: int) -> Float[Array, "*shape"]:
    return power_of_two(jnp.clip(difference, -CLIP, largest))


def _factors(
    weight: Float[ArrayLike, "A S"], end_value: Float[ArrayLike, " S"]
) -> tuple[Float[np.ndarray, "A S"], bool]:
    """exp(weight), and whether weights and ends are within the limits; on the host, where no size is compiled for."""

    def within(numbers: ArrayLike, limit: float) -> bool:
        return bool(np.all(np.isneginf(numbers) | (np.abs(numbers) <= limit)))

    with np.errstate(over="ignore"):
        factor = np.exp(np.asarray(weight))
    return factor, within(weight, LARGEST_WEIGHT) and within(end_value, LARGEST_END)


def finite_values(backup: Backup, horizon: int, rows: int | None = None) -> Float[np.ndarray, "times S"]:
    """V_t/τ for t = 0..T, (T+1, S): by products where they hold every sum, else in log space.

    They are the beginning of an array of ``rows`` rows, T + 1 unless given: horizons with the same number of rows share
    what is compiled.
    """
    rows = max(horizon + 1, rows or 0)
    scaled = ScaledBackup.of(backup, horizon)
    if scaled is not None:
        values, held = _scaled_values(scaled, horizon, rows)
        if held:
            return np.asarray(values)[: horizon + 1]
    return np.asarray(sweep_values(backup, horizon, rows))[: horizon + 1]


@partial(jax.jit, static_argnames="rows")
def _scaled_values(
    scaled: ScaledBackup, horizon: int | Array, rows: int
) -> tuple[Float[Array, "rows S"], Bool[Array, ""]]:
    """V_t/τ, zeros after the horizon, and whether every sum was held; without it the values are unfinished."""

    def step(back: int | Array, carry: tuple) -> tuple:
        values, now, growing = carry
        # The logarithm of what was carried: of what is found here, XLA would form the sum a second time.
        return values.at[horizon - back].set(logarithm(now)), scaled.step(now, growing), growing

    def steps(carry: tuple) -> tuple:
        back, values, now, growing, _ = carry
        end = jnp.minimum(back + CHECKED, horizon)
        values, earlier, _ = jax.lax.fori_loop(back, end, step, (values, now, growing))
        changed = jnp.any((earlier.size == 0) != (now.size == 0))
        return end, values, earlier, changed, ~jnp.any(jnp.isnan(earlier.size))

    last = exponential(jnp.asarray(scaled.end_value))
    values = jnp.zeros((rows, *last.size.shape))
    start = (0, values, last, jnp.any(last.size == 0), jnp.asarray(True))
    _, values, first, _, held = jax.lax.while_loop(lambda carry: (carry[0] < horizon) & carry[-1], steps, start)
    return values.at[0].set(logarithm(first)), held


def finite_visits(
    backup: Backup,
    values: Float[ArrayLike, "times S"],
    source: Float[ArrayLike, "times S"],
    *,
    per_step: bool,
    outcomes: bool,
) -> RewardTable:
    """:func:`~maxentrl.planning.sweeps.sweep_visits`, by products where sums over time are asked for and they exist."""
    horizon = len(values) - 1
    scaled = None if per_step or outcomes else ScaledBackup.of(backup, horizon)
    if not per_step and backup.weight.ndim == 2:
        values, source = in_all_rows(values, source)
    if scaled is not None and scaled.transitions.arrivals is not None:
        visits, held = _scaled_visits(scaled, values, source, horizon)
        if held:
            return visits
    return sweep_visits(backup, values, source, horizon, per_step=per_step, outcomes=outcomes)


@jax.jit
def _scaled_visits(
    scaled: ScaledBackup, values: Float[ArrayLike, "rows S"], source: Float[ArrayLike, "rows S"], horizon: int | Array
) -> tuple[RewardTable, Bool[Array, ""]]:
    """Visits summed over time, and whether they are finite: a source near the largest double may overflow on the way.

    Rows after the horizon are not read.

    In ``share`` = mass/z the policy w z'/z falls apart: share_{t+1}(s') = Σ w share_t over the moves that lead to s', and
    visits(a, s) = w Σ_t share_t(s) z_{t+1}(s'_a). Shares are held in units of 2^-exponent of their state's z. Exponents
    need no check here: between the ends of a move that may be chosen they rise by less than STEEPEST, and where they
    fall by more than CLIP a move has less than 2^-400 of the mass, before and after the cut. The map over z and the scan
    over shares are there to write them down: else XLA forms them anew for every action that reads them.
    """
    values, source = jnp.asarray(values), jnp.asarray(source)
    into = _predecessors(scaled)

    def steps(first: int | Array, count: int, carry: tuple) -> tuple:
        share, pair, terminal = carry
        z = jax.lax.map(exponential, jax.lax.dynamic_slice_in_dim(values, first, count + 1))

        def advance(share: Array, t: Array) -> tuple[Array, Array]:
            return _arriving(into, z[t], z[t + 1], share, source[first + t + 1]), share

        share, shares = jax.lax.scan(advance, share, jnp.arange(count))
        pair = [row + _leaving(z, shares, to) for row, to in zip(pair, scaled.transitions.successor, strict=True)]
        ended = reduce(jnp.add, [shares[t] * z[t].size for t in range(count)])
        return share, pair, terminal + jnp.where(scaled.ends, ended, 0.0)

    nothing, z = jnp.zeros_like(values[0]), exponential(values[0])
    carry = (jnp.where(z.size == 0, 0.0, source[0] / z.size), [nothing for _ in scaled.factor], nothing)
    blocks = horizon // TOGETHER
    if len(values) > TOGETHER:
        carry = jax.lax.fori_loop(0, blocks, lambda block, c: steps(TOGETHER * block, TOGETHER, c), carry)
    share, pair, terminal = jax.lax.fori_loop(TOGETHER * blocks, horizon, lambda t, c: steps(t, 1, c), carry)
    pair = jnp.stack([jnp.where(w > 0, w * row, 0.0) for w, row in zip(scaled.factor, pair, strict=True)])
    terminal = terminal + share * exponential(values[horizon]).size
    return RewardTable(pair, terminal), jnp.all(jnp.isfinite(pair)) & jnp.all(jnp.isfinite(terminal))


def _predecessors(scaled: ScaledBackup) -> tuple[Float[Array, "C S"], Int[Array, "C S"]]:
    """w and s of the moves (a, s) that lead to each state, from the table of arrivals; w = 0 where it is padded."""
    arrivals, factor = jnp.asarray(scaled.transitions.arrivals), jnp.asarray(scaled.factor)
    used = arrivals < factor.size
    link = jnp.where(used, arrivals, 0)
    return jnp.where(used, gather(factor.ravel(), link), 0.0), (link % factor.shape[1]).astype(jnp.int32)


def _arriving(into: tuple[Array, Array], now: Scaled, ahead: Scaled, share: Array, entering: Array) -> Array:
    """The shares one step later: those that arrive, and the mass that enters; none where z = 0."""
    terms = [
        w * gather(share, by) * _ratio(ahead.exponent - gather(now.exponent, by), STEEPEST)
        for w, by in zip(*into, strict=True)
    ]
    return jnp.where(ahead.size == 0, 0.0, reduce(jnp.add, terms) + entering / ahead.size)


def _leaving(z: Scaled, shares: Float[Array, "count S"], to: Int[ArrayLike, " S"]) -> Float[Array, " S"]:
    """Σ_t share_t(s) z_{t+1}(s') of one action, over a few steps."""
    terms = [
        share * gather(ahead.size, to) * _ratio(gather(ahead.exponent, to) - now.exponent, STEEPEST)
        for share, now, ahead in ((shares[t], z[t], z[t + 1]) for t in range(len(shares)))
    ]
    return reduce(jnp.add, terms)
