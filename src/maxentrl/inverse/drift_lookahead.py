"""Plans through a schedule for walks that end at different ticks, and the exact Hessian in the weights of all steps.

A walk that ends at tick e follows a sweep of its own, since the end is in all its values. The sweeps are aligned at their
ends, with ticks that nobody enters before them, so that all are of one length and compiled once.

    ∇Q_t(s, a) = φ(s, a) in the rows of t's own step + E[∇V_{t+1}(s')],   ∇V_t = Σ_a π_t(a|s) ∇Q_t
    minus Hessian = Σ_t Σ_s d_t(s) Cov_π(∇Q_t(s, ·)) − what unseen actions leave open

with d the visits of the likelihood's signed source and everything in units of the temperature. A map pays in the rows of
one step only, so no (J·K, T, A, S) table is formed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from maxentrl.inverse.curvature import action_covariance
from maxentrl.inverse.likelihood import ConditionalLikelihood, RowReading
from maxentrl.inverse.planners import AbstractPlanner, Pose
from maxentrl.mdp.time import Finite
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.planning.backup import Backup
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.solution import SoftSolution
from maxentrl.rewards.linear import LinearReward


@dataclasses.dataclass(frozen=True, eq=False)
class AlignedPlanner(AbstractPlanner):
    """One sweep of T ticks for each distinct end e, in which the schedule's tick t is at time T − e + t.

    Attributes:
        group: which of the sweeps each walk follows, (M,).
        entry: at which time it enters that sweep, (M,).
        shifts: T − e of each sweep, (G,).
    """

    group: Int[np.ndarray, " M"]
    entry: Int[np.ndarray, " M"]
    shifts: Int[np.ndarray, " G"]

    @staticmethod
    def of(clock: Int[np.ndarray, " M"], horizons: Int[np.ndarray, " M"]) -> AlignedPlanner:
        """Walks that begin at ticks of a clock and could take so many decisions."""
        ends, group = np.unique(clock + horizons, return_inverse=True)
        shifts = ends[-1] - ends
        return AlignedPlanner(group, shifts[group] + clock, shifts)

    def solve(self, pose: Pose, table: RewardTable) -> list[SoftSolution]:
        ticks, found = len(table.pair), []
        for shift in self.shifts:
            pair = np.concatenate([np.zeros_like(table.pair[:shift]), table.pair[: ticks - shift]])
            found.append(solve(pose(dataclasses.replace(table, pair=pair), Finite(ticks))))
        return found

    def visits(self, solutions: list[SoftSolution], sources: list[np.ndarray], table: RewardTable) -> RewardTable:
        found = [solution.occupancy(source).visits for solution, source in zip(solutions, sources, strict=True)]
        return self.on_schedule(found)

    def on_schedule(self, tables: Sequence[RewardTable]) -> RewardTable:
        """Visits at the times of each sweep, added up at the ticks of the schedule."""
        pair = np.zeros(tables[0].pair.shape)
        for shift, table in zip(self.shifts, tables, strict=True):
            pair[: len(pair) - shift] += np.asarray(table.pair)[shift:]
        return RewardTable(pair, np.sum([table.terminal for table in tables], axis=0))


@jax.jit
def _tick(
    backup: Backup,
    following: Float[ArrayLike, " S"],
    weight: Float[ArrayLike, "A S"],
    mass: Float[ArrayLike, " S"],
    ahead: Float[ArrayLike, "N S"],
    maps: Float[ArrayLike, "K A S"],
    first: Int[ArrayLike, ""],
) -> tuple[Float[Array, "N S"], Float[Array, "N N"], list[Float[Array, "N S"]]]:
    """∇V one tick earlier without the ends, Σ_s mass Cov_π(∇Q), and ∇Q for each action."""
    gradients = []
    for a, row in enumerate(jax.vmap(backup.transitions.expect)(ahead)):
        own = jax.lax.dynamic_slice_in_dim(row, first, maps.shape[0])
        gradients.append(jax.lax.dynamic_update_slice_in_dim(row, own + maps[:, a], first, 0))
    policy = [jnp.exp(row) for row in backup.log_policy(following, weight)]
    mean, covariance = action_covariance(policy, gradients, jnp.asarray(mass))
    return mean, covariance, gradients


@double_precision
def lookahead_information(
    objective: ConditionalLikelihood,
    planner: AlignedPlanner,
    reward: LinearReward,
    solutions: Sequence[SoftSolution],
    step_of_tick: Int[np.ndarray, " T"],
    count: int,
) -> Float[np.ndarray, "N N"]:
    """Minus the Hessian of the likelihood in J × K weights, (J·K, J·K), steps in the outer order."""
    temperature, size = objective.problem.temperature, len(reward.names)
    features = reward.features()
    maps, terminal = np.asarray(features.pair) / temperature, np.asarray(features.terminal) / temperature
    total = np.zeros((count * size, count * size))
    for shift, solution, reading in zip(planner.shifts, solutions, objective.read(solutions), strict=True):
        ends = np.asarray(solution.backup.ends)
        last = np.zeros((count * size, terminal.shape[1]))
        last[step_of_tick[len(step_of_tick) - 1 - shift] * size :][:size] = terminal
        mass, ahead = solution.occupancy_per_step(reading.source).pair.sum(1), last
        for tick in reversed(range(shift, len(mass))):
            mean, covariance, gradients = _tick(
                solution.backup,
                solution.scaled_values[tick + 1],
                np.asarray(solution.backup.weight)[tick],
                mass[tick],
                ahead,
                maps,
                np.asarray(step_of_tick[tick - shift] * size),
            )
            total += np.asarray(covariance) - _left_open(reading, tick, gradients, mean)
            ahead = jnp.where(ends, last, mean)
    return total


def _left_open(reading: RowReading, tick: int, gradients: list[Array], mean: Array) -> Float[np.ndarray, "N N"] | float:
    """Covariance of ∇Q over the supposed actions of the decisions at one tick; zero where every action was seen."""
    rows = np.flatnonzero(reading.time == tick)
    if len(reading.rows) == len(reading.first) or not len(rows):
        return 0.0
    action, state = reading.index[-2:]
    each = np.stack([np.asarray(g) for g in gradients])[action[rows], :, state[rows]].T
    each = each - np.asarray(mean)[:, state[rows]]
    decision = np.searchsorted(reading.first, rows, side="right")
    _, first, of_decision = np.unique(decision, return_index=True, return_inverse=True)
    average = np.add.reduceat(each * reading.share[rows], first, axis=1)
    centred = each - average[:, of_decision]
    return (centred * reading.mass[rows]) @ centred.T
