"""A lower bound on a minimum over occupancies that no solver is trusted for."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from maxentrl.imitation.occupancies import Occupancies

SWEEPS = 400
"""Most sweeps by which the values are lowered until they fit, then raised while they do."""
ROUNDING = 1e-14
"""Relative excess that counts as fitting; it is paid for all the same."""


@dataclasses.dataclass(frozen=True, eq=False)
class Bound:
    """What any occupancy costs at least.

    Attributes:
        value: the bound.
        values: v that prove it, (R,).
        cap: λ ≥ 0, the price of a decision where their number is limited.
        slack: the largest ε by which v(s) ≤ cost + λ + γ E[v(s')] fails; the bound pays ε for every decision.
    """

    value: float
    values: Float[np.ndarray, " R"]
    cap: float
    slack: float


def lower_bound(
    flows: Occupancies, cost: Float[np.ndarray, " N"], values: Float[np.ndarray, " R"], cap: float = 0.0
) -> Bound:
    """A number that ⟨cost, μ⟩ exceeds for every occupancy μ, from any v and λ whatsoever (weak duality):

        ⟨cost, μ⟩ ≥ b·v − λ L − ε M,   ε = max(0, max_{s,a} v(s) − cost(s,a) − λ − γ E[v(s')]),   M ≥ Σ μ

    Good v come from a solver's dual variables. They are lowered to v(s) ← min(v(s), min_a cost + λ + γ E[v(s')]) until they
    fit, then raised to the right side while they do (value iteration from below), and the best bound met is kept, so that
    a solver's errors in v cost little. Nothing of the solver is trusted.

    Args:
        flows: the polytope.
        cost: of each pair, (N,).
        values: v, (R,).
        cap: λ; negative ones are taken as 0.
    """
    price = max(float(cap), 0.0) if flows.capped else 0.0
    limit = price * flows.longest if price > 0 else 0.0
    now = np.nan_to_num(np.asarray(values, float), nan=0.0, posinf=0.0, neginf=0.0)
    best = Bound(-np.inf, now, price, np.inf)
    for _ in range(SWEEPS):
        reduced = cost + price - flows.balance.T @ now
        slack = max(0.0, float(-reduced.min(initial=0.0)))
        paid = slack * flows.mass if slack > 0 else 0.0
        value = float(flows.entering @ now) - limit - paid
        fits = slack <= ROUNDING * (1.0 + float(np.abs(now).max(initial=0.0)))
        if fits and np.isfinite(best.value) and value <= best.value + ROUNDING * (1.0 + abs(best.value)):
            break
        if value > best.value:
            best = Bound(value, now, price, slack)
        room = np.full(len(now), np.inf)
        np.minimum.at(room, flows.row, reduced)
        now = now + (room if fits else np.minimum(room, 0.0))
    return best
