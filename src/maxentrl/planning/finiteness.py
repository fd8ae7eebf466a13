"""Whether a to-goal problem has a finite partition function: decided by bounds that hold, not by waiting.

Let T₀ be the Bellman operator with the goals forbidden (u = -inf there). It adds constants, T₀(u + c) = T₀(u) + c, and
is monotone, so that for any finite u

    T₀ⁿ(u) ≤ u + n·c with c < 0       no way of never arriving gains anything: all values are finite,
    T₀ⁿ(u) ≥ u on some set, -inf off  staying in that set loses nothing: values there are infinite.

For deterministic dynamics and for the trajectory-level form T₀ is the matrix M of exp(r/τ) in logarithms and the growth
per step is log ρ(M); the bounds are those of Collatz and Wielandt, and finiteness is ρ(M) < 1. For the causal form it
is the greatest average reward plus entropy per step of a policy that never arrives (Neu, Jonsson & Gómez 2017): where
every policy arrives, because moves slip, values are finite whatever the rewards are, and may be astronomical.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Float

from maxentrl.numerics.iteration import ROUNDING, iterate
from maxentrl.numerics.precision import double_precision
from maxentrl.planning.arrival import Arrival
from maxentrl.planning.backup import Backup
from maxentrl.planning.stationary import backup_values
from maxentrl.status import Failure, Status

WINDOWS = (1, 4, 16, 64, 256, 1024, 1024, 1024, 1024)
"""Backups between two bounds; growing, so that periodic moves (a grid without a stay) average out."""
CLEAR_GAIN = 1e-9
"""Reward a step above which hard planning has no best path; a cycle of reward zero is no gain."""


@dataclasses.dataclass(frozen=True)
class Growth:
    """Bounds on the growth per step, in units of the temperature, of walks that never arrive.

    Attributes:
        lower: the growth is at least this; -inf where nothing is certified.
        upper: the growth is at most this; -inf where no walk can go on for ever.
        linear: whether exp(growth) is the spectral radius of the transition matrix of the exponentials.
    """

    lower: float
    upper: float
    linear: bool

    @property
    def infinite(self) -> bool:
        """Whether values are certified to be infinite."""
        return self.lower > -math.inf

    @property
    def detail(self) -> str:
        """The figures, for a message."""
        if self.linear:
            low, high = math.exp(max(self.lower, -700.0)), math.exp(min(self.upper, 700.0))
            return f"The spectral radius is between {low:.6g} and {high:.6g}; it must be below 1"
        return (
            f"A walk that never arrives gains between {self.lower:.4g} and {self.upper:.4g} a step (reward and "
            "entropy, in units of the temperature); it must lose"
        )


@double_precision
def growth(backup: Backup, arrival: Arrival) -> Growth:
    """Bounds on the growth, tightened until its sign is certain or the windows are used up."""
    hard = backup.form == "hard"
    linear = not hard and (backup.form == "optimistic" or backup.transitions.deterministic)
    endless = dataclasses.replace(backup, end_value=np.full(backup.ends.shape, -np.inf))
    values = np.where(arrival.states & ~np.asarray(backup.ends), 0.0, -np.inf)
    upper = math.inf
    for window in WINDOWS:
        new = _advance(endless, values, window)
        finite = np.isfinite(new)
        if not finite.any():
            return Growth(-math.inf, -math.inf, linear)
        gain = np.where(finite, new, 0.0) - np.where(finite, values, 0.0)
        upper = min(upper, float(gain[finite].max()) / window)
        margin = CLEAR_GAIN * window if hard else -ROUNDING * (1.0 + np.abs(new[finite]).max())
        if upper * window < margin:
            break
        lower = _certified(endless, np.where(finite & (gain >= margin), new, -np.inf), window, margin)
        if lower > -math.inf:
            return Growth(lower, upper, linear)
        values = new
    return Growth(-math.inf, upper, linear)


def _advance(backup: Backup, values: Float[np.ndarray, " S"], steps: int) -> Float[np.ndarray, " S"]:
    return iterate(backup_values, values, backup, max_iterations=steps, absolute=-1.0).value


def _certified(backup: Backup, values: Float[np.ndarray, " S"], window: int, margin: float) -> float:
    """Growth a step on a set that is found to grow by staying in itself; -inf when none is found."""
    for _ in range(4):
        inside = np.isfinite(values)
        if not inside.any():
            return -math.inf
        gain = np.where(inside, _advance(backup, values, window), 0.0) - np.where(inside, values, 0.0)
        if gain[inside].min() >= margin:
            return float(gain[inside].min()) / window
        values = np.where(inside & (gain >= margin), values, -np.inf)
    return -math.inf


def refuse_infinite(backup: Backup, arrival: Arrival) -> None:
    """Raise where values are certified to be infinite.

    Raises:
        Failure: INFINITE_PARTITION with the bounds on the growth.
    """
    found = growth(backup, arrival)
    if found.infinite:
        raise Failure(Status.INFINITE_PARTITION, found.detail)


@double_precision
def error_bound(backup: Backup, values: Float[np.ndarray, " S"], steps: Float[np.ndarray, " S"]) -> float:
    """Largest error of to-goal values u, from a certificate U = u + ε·steps with U ≥ T(U); inf when that fails.

    ``steps`` is h with h ≥ ½ + P_π h. T is convex with derivative P_π, so T(u + εh) ≤ u + residual + ε(h − ½) + O(ε²),
    and ε = 4·residual suffices near the solution; the inequality is then checked, not assumed.
    """
    finite = np.isfinite(values)
    residual = np.asarray(backup_values(backup, values))[finite] - values[finite]
    rounding = 4 * ROUNDING * (1.0 + np.abs(values[finite]).max(initial=0.0))
    slack = max(4.0 * float(np.abs(residual).max(initial=0.0)), rounding)
    above = values + slack * steps
    excess = np.asarray(backup_values(backup, above))[finite] - above[finite]
    certified = bool(np.all(excess <= 0))
    return slack * float(steps.max(initial=0.0)) if certified else math.inf
