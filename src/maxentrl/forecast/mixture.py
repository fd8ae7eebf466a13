"""The steps ahead of walkers to many goals at once, under deterministic dynamics: one chain serves all goals."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.special import logsumexp

from maxentrl.forecast.goals import GoalForecaster

TOGETHER = 8
"""Goals moved by one product of the chain with a block of columns: more fall out of the processor's cache."""


@dataclasses.dataclass(frozen=True, eq=False)
class SharedChain:
    """What all goals have in common: walkers to g move by W(s, s') z_g(s')/z_g(s) with one W and z_g = exp(V_g/τ).

    With the potential h = Σ_g a_g z_g and shares r_g = a_g z_g/h ≤ 1, the probability of (g, s) is p_k(g, s) = r_g(s) y_k(s)
    where y moves by the chain W(s, s') h(s')/h(s), the same for each goal but for the mass that has arrived at g, which is
    taken out there. So goals share one y until the first mass arrives at one of them. Nothing is cut.

    Attributes:
        chain: the transposed chain of y, (S, S).
        goals: states of the goals, (G,).
        log_share: log r_g(s), (G, S); -inf where g cannot be reached.
    """

    chain: sp.csr_array
    goals: Int[np.ndarray, " G"]
    log_share: Float[np.ndarray, "G S"]

    @staticmethod
    def of(forecaster: GoalForecaster, kept: Int[np.ndarray, " G"], mass: Float[np.ndarray, "G S"]) -> SharedChain:
        """For the goals ``kept``, weighted so that the shares are those of their mass where the walker is."""
        values = forecaster.scaled_values[kept]
        held = np.nonzero(mass.sum(0))[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(mass[:, held] > 0, np.log(mass[:, held]) - values[:, held], -np.inf)
        log_weight = np.asarray(logsumexp(weight, axis=1))
        log_joint = log_weight[:, None] + values
        potential = np.asarray(logsumexp(log_joint, axis=0))
        finite = np.where(np.isneginf(potential), 0.0, potential)
        policy = np.empty_like(forecaster.weight)
        for action in range(len(policy)):
            following, _ = forecaster.mdp.transitions.successors_of(
                np.full(len(potential), action), np.arange(len(potential))
            )
            policy[action] = np.exp(forecaster.weight[action] + potential[following[0]] - finite)
        policy[:, np.isneginf(potential)] = 0.0
        chain = sp.csr_array(sp.csr_array(forecaster.mdp.transitions.chain(policy)).T)
        return SharedChain(chain, forecaster.goals[kept], log_joint - finite)


@dataclasses.dataclass(frozen=True, eq=False)
class _Column:
    """y of one goal (by its place in ``goals``) from a step on."""

    goal: int
    step: int
    y: Float[np.ndarray, " S"]


def steps_together(
    forecaster: GoalForecaster, kept: Int[np.ndarray, " G"], mass: Float[np.ndarray, "G S"], steps: int
) -> tuple[Float[np.ndarray, "times S"], Float[np.ndarray, "times G"]]:
    """Probability of each state for walkers still under way, summed over goals, (n+1, S), and of having arrived, (n+1, G).

    Args:
        forecaster: walks to each goal, under deterministic dynamics.
        kept: numbers of the goals that count, (G,).
        mass: p(g, s) now of these goals, (G, S).
        steps: n.
    """
    shared = SharedChain.of(forecaster, kept, mass)
    moving = np.zeros((steps + 1, mass.shape[1]))
    arrived = np.zeros((steps + 1, len(kept)))
    held = np.nonzero(mass.sum(0))[0]
    if len(held) == 1:
        columns = _until_first_arrivals(shared, mass, int(held[0]), moving)
    else:
        columns = [_Column(g, 0, _start(shared, mass[g], g)) for g in range(len(kept))]
    columns.sort(key=lambda column: column.step)
    for first in range(0, len(columns), TOGETHER):
        _move(shared, columns[first : first + TOGETHER], moving, arrived)
    return moving, np.cumsum(arrived, axis=0)


def _start(shared: SharedChain, mass: Float[np.ndarray, " S"], goal: int) -> Float[np.ndarray, " S"]:
    y = np.zeros_like(mass)
    held = np.nonzero(mass)[0]
    y[held] = np.exp(np.log(mass[held]) - shared.log_share[goal, held])
    return y


def _until_first_arrivals(
    shared: SharedChain, mass: Float[np.ndarray, "G S"], state: int, moving: Float[np.ndarray, "times S"]
) -> list[_Column]:
    """Move all goals' common y, and part with each goal at the step at which mass first arrives there."""
    y = np.zeros(mass.shape[1])
    y[state] = mass[:, state].sum()
    apart, columns = np.zeros(len(shared.goals), bool), []
    share = np.exp(shared.log_share).sum(0)
    for step in range(len(moving)):
        reached = ~apart & (y[shared.goals] > 0)
        if reached.any():
            columns += [_Column(int(goal), step, y.copy()) for goal in np.nonzero(reached)[0]]
            apart |= reached
            if apart.all():
                break
            share = np.exp(shared.log_share[~apart]).sum(0)
        moving[step] += share * y
        y = shared.chain @ y
    return columns


def _move(
    shared: SharedChain,
    columns: list[_Column],
    moving: Float[np.ndarray, "times S"],
    arrived: Float[np.ndarray, "times G"],
) -> None:
    """Add what a few goals' walkers do to both tables; ``arrived`` takes what arrives at each step."""
    number = np.array([column.goal for column in columns])
    place, block = shared.goals[number], np.arange(len(columns))
    share = np.exp(shared.log_share[number]).T.copy()
    y = np.zeros(share.shape)
    for step in range(columns[0].step, len(moving)):
        for k, column in enumerate(columns):
            if column.step == step:
                y[:, k] = column.y
        arrived[step, number] = share[place, block] * y[place, block]
        y[place, block] = 0.0
        moving[step] += np.einsum("sg,sg->s", share, y)
        y = shared.chain @ y
