"""Behaviour cloning by counting: the share of each move among those made in a state, smoothed."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.policy import AbstractPolicy, FixedPolicy, GoalPolicies, LogPolicy
from maxentrl.inverse.rows import DecisionRows, decision_rows
from maxentrl.mdp.mdp import MDP
from maxentrl.status import InvalidInput, Status


@dataclasses.dataclass(frozen=True)
class Pooled:
    """One table for all walks, whatever their goal."""


@dataclasses.dataclass(frozen=True)
class PerGoal:
    """A table for each goal, counted from the walks to it alone; a goal never seen gets the prior in every state."""


@dataclasses.dataclass(frozen=True)
class PerStep:
    """A table for each decision of a walk, counted from its start.

    Attributes:
        horizon: T, the number of tables.
    """

    horizon: int

    def __post_init__(self) -> None:
        if self.horizon < 1:
            raise InvalidInput(f"horizon = {self.horizon}: expected at least one decision")


Tables: TypeAlias = Pooled | PerGoal | PerStep
POOLED = Pooled()


@dataclasses.dataclass(frozen=True, eq=False)
class TabularClone(AbstractPolicy):
    """π(a|s) = (n(s,a) + κ m(s) q(a|s)) / (n(s) + κ m(s)) with m(s) moves available in s and the prior q.

    Attributes:
        mdp: the decision process.
        tables: how walks are told apart.
        smoothing: κ, pseudo-decisions added for each available move.
        policies: the smoothed tables.
        counts: weighted decisions behind each table, (G, A, S): one row a goal, a step, or one in all.
        keys: goal or step of each row of ``counts``; ``UNKNOWN`` for walks without a goal and for pooled counts.
        status: EXACT where every action was seen; else how the summing out of unseen ones ended.
        iterations: of expectation and maximisation, 0 where every action was seen.
    """

    mdp: MDP
    tables: Tables
    smoothing: float
    policies: AbstractPolicy
    counts: Float[np.ndarray, "G A S"]
    keys: tuple[int, ...]
    status: Status
    iterations: int

    def log_policy(self, goal: int = UNKNOWN) -> LogPolicy:
        return self.policies.log_policy(goal)


def clone_by_counting(
    mdp: MDP,
    trajectories: Trajectories,
    *,
    smoothing: float = 1.0,
    tables: Tables = POOLED,
    prior: Float[np.ndarray, "A S"] | None = None,
    max_iterations: int = 1000,
    tolerance: float = 1e-10,
) -> TabularClone:
    """The most frequent moves of each state, smoothed; states never visited keep the prior.

    Each decision counts with its walk's weight, so censored walks and walks of any length are used as they are. With
    ``smoothing`` 0 this is the maximum of the likelihood of the choices. Where actions were not seen, they are summed
    out: each decision is shared by the actions that explain it in proportion to π(a|s) P(s'|s,a), and counted again,
    until the policy stays (expectation and maximisation).

    Source: Pomerleau (1989) for cloning; Laplace's rule; Dempster, Laird & Rubin (1977).

    Args:
        mdp: which moves are available; probabilities matter only where actions were not seen.
        trajectories: demonstrations.
        smoothing: κ ≥ 0, in decisions for each available move.
        tables: pooled, per goal, or per step.
        prior: q(a|s) ≥ 0 over available moves, (A, S), normalised here; even by default.
        max_iterations: of expectation and maximisation.
        tolerance: largest change of a probability at which these stop.

    Raises:
        InvalidInput: impossible moves, negative smoothing, a prior that leaves a state nothing, or walks longer than a
            table for each step.
    """
    if not (np.isfinite(smoothing) and smoothing >= 0):
        raise InvalidInput(f"smoothing = {smoothing}: expected a finite number ≥ 0")
    rows = decision_rows(mdp, trajectories)
    keys, key = _keys(trajectories, rows, tables)
    even = _prior(mdp, prior)
    weights = trajectories.weights[rows.trajectory]
    pseudo = smoothing * mdp.available.sum(0) * even
    index = (key[rows.decision], rows.action, rows.state)
    policy = np.broadcast_to(even, (len(keys), *even.shape))
    change, iterations = np.inf, 0
    counts = _counts(rows, weights, index, policy)
    while True:
        before, policy = policy, _smoothed(counts, pseudo, even)
        change = float(np.abs(policy - before).max(initial=0.0))
        if not rows.ambiguous or change <= tolerance or iterations >= max_iterations:
            break
        iterations += 1
        counts = _counts(rows, weights, index, policy)
    stopped = Status.CONVERGED if change <= tolerance else Status.MAXIMUM_ITERATIONS
    return TabularClone(
        mdp,
        tables,
        smoothing,
        _policies(mdp, tables, keys, policy, even),
        counts,
        keys,
        stopped if rows.ambiguous else Status.EXACT,
        iterations,
    )


def _keys(
    trajectories: Trajectories, rows: DecisionRows, tables: Tables
) -> tuple[tuple[int, ...], Int[np.ndarray, " N"]]:
    """The tables there are, and which one each decision is counted in."""
    if isinstance(tables, PerGoal):
        goals, of_walk = np.unique(trajectories.goals, return_inverse=True)
        return tuple(goals.tolist()), of_walk[rows.trajectory]
    if isinstance(tables, PerStep):
        longest = int(trajectories.lengths.max(initial=0))
        if longest > tables.horizon:
            name = trajectories.names[int(np.argmax(trajectories.lengths))]
            raise InvalidInput(f"trajectory {name} has {longest} decisions, more than PerStep({tables.horizon})")
        return tuple(range(tables.horizon)), rows.step
    return (UNKNOWN,), np.zeros(len(rows.first), np.int64)


def _prior(mdp: MDP, prior: Float[np.ndarray, "A S"] | None) -> Float[np.ndarray, "A S"]:
    weight = np.where(mdp.available, 1.0 if prior is None else np.asarray(prior, float), 0.0)
    total = weight.sum(0)
    bad = mdp.available.any(0) & ~((weight >= 0).all(0) & (total > 0) & np.isfinite(total))
    if bad.any():
        raise InvalidInput(
            f"the prior gives the moves of state {mdp.state_name(int(np.argmax(bad)))} no probabilities (and "
            f"{int(bad.sum()) - 1} more states): expected numbers ≥ 0, one of them positive"
        )
    return weight / np.where(total > 0, total, 1.0)


def _counts(
    rows: DecisionRows, weights: Float[np.ndarray, " N"], index: tuple[np.ndarray, ...], policy: np.ndarray
) -> Float[np.ndarray, "G A S"]:
    """Weighted decisions, those without an action shared by what explains them."""
    share = policy[index] * np.exp(rows.log_dynamics)
    total = np.add.reduceat(share, rows.first)[rows.decision] if len(share) else share
    only = np.bincount(rows.decision, minlength=len(rows.first))[rows.decision]
    share = np.where((only == 1) | (total == 0), 1.0 / only, share / np.where(total > 0, total, 1.0))
    counts = np.zeros(policy.shape)
    np.add.at(counts, index, share * weights[rows.decision])
    return counts


def _smoothed(
    counts: Float[np.ndarray, "G A S"], pseudo: Float[np.ndarray, "A S"], even: Float[np.ndarray, "A S"]
) -> Float[np.ndarray, "G A S"]:
    total = (counts + pseudo).sum(1, keepdims=True)
    return np.where(total > 0, (counts + pseudo) / np.where(total > 0, total, 1.0), even)


def _policies(
    mdp: MDP, tables: Tables, keys: tuple[int, ...], policy: Float[np.ndarray, "G A S"], even: np.ndarray
) -> AbstractPolicy:
    with np.errstate(divide="ignore"):
        table, prior = np.log(policy), np.log(even)
    if isinstance(tables, PerGoal):
        return GoalPolicies(mdp, dict(zip(keys, table, strict=True)), prior)
    return FixedPolicy(mdp, table if isinstance(tables, PerStep) else table[0])
