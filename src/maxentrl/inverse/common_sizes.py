"""Many scenes in a few sizes: idle states are added, so that scenes of one size share what is compiled for planning.

An idle state is terminal, has no move, and nothing leads to it: no walk visits it, so that values, visits and gradients
are those of the scene as it is. The sizes are chosen for the scenes at hand, so that least is computed in vain; rewards
are computed in blocks of one size (``maxentrl.rewards.blocks``). What a fit hands back is about the scenes as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import AbstractObjective
from maxentrl.inverse.planners import (
    AbstractPlanner,
    DiscountedPlanner,
    GoalPlanner,
    StationaryRewardPlanner,
    SteppedRewardPlanner,
)
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.target import FitTarget
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.mdp.transitions import AbstractTransitions, DeterministicTransitions, SparseTransitions
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.exponential import LinkPattern
from maxentrl.rewards.blocks import with_idle_states
from maxentrl.rewards.linear import LinearReward

COMPILATIONS = 8
"""Functions compiled for one evaluation of all scenes, at most, where their moves are alike."""
KNOWN_PLANNERS = (StationaryRewardPlanner, SteppedRewardPlanner, DiscountedPlanner, GoalPlanner)
OF_A_REWARD = 2
"""Of them for a reward that is not linear: its table and its pull-back."""
FINITE, LINEAR, ITERATED = 2, 1, 4
"""Functions that planning compiles for each size: sweeps of values and visits; visits of pairs; iterations."""

Known: TypeAlias = FeatureMatching | ConditionalLikelihood


def in_common_sizes(target: FitTarget) -> FitTarget:
    """The same function of the same parameters, with its scenes in a few common sizes; itself where there is but one.

    A target whose objectives or planners are of kinds unknown here is left as it is.
    """
    objectives = (one for one in target.objectives if isinstance(one, FeatureMatching | ConditionalLikelihood))
    known = [one for one in objectives if isinstance(one.planner, KNOWN_PLANNERS)]
    if not 2 <= len(known) == len(target.objectives):
        return target
    states = np.array([objective.problem.mdp.n_states for objective in known])
    steps = np.array([_steps(objective.planner) for objective in known])
    sizes = common_sizes(states, steps.astype(float), _count(known))
    rows = {int(size): int(steps[sizes == size].max()) + 1 for size in np.unique(sizes)}
    wider = tuple(_wider(one, int(size), rows[int(size)]) for one, size in zip(known, sizes, strict=True))
    return dataclasses.replace(target, objectives=wider, memory={})


def common_sizes(states: Int[np.ndarray, " N"], work: Float[np.ndarray, " N"], most: int) -> Int[np.ndarray, " N"]:
    """The size of each scene, of at most ``most`` different ones and no smaller than its own, for the least Σ work · size.

    Sizes are those of some scenes, found by dynamic programming over the distinct numbers of states.
    """
    distinct, number = np.unique(states, return_inverse=True)
    weight = np.concatenate([[0.0], np.cumsum(np.bincount(number, weights=work))])
    count = len(distinct)
    # cost[i, j]: scenes i..j-1 (in order of size) all as large as the last of them.
    cost = np.where(
        np.arange(count + 1)[:, None] < np.arange(count + 1),
        (weight[None, :] - weight[:, None]) * np.concatenate([[0], distinct])[None, :],
        np.inf,
    )
    best, cuts = np.full(count + 1, np.inf), []
    best[0] = 0.0
    for _ in range(min(most, count)):
        total = best[:, None] + cost
        cuts.append(total.argmin(0))
        best = np.concatenate([[0.0], total.min(0)[1:]])
    chosen, end = np.empty(count, np.int64), count
    for cut in reversed(cuts):
        if end == 0:
            break
        start = int(cut[end])
        chosen[start:end] = distinct[end - 1]
        end = start
    return chosen[number]


def _steps(planner: AbstractPlanner) -> int:
    """Backups of a sweep; one where planning does not sweep."""
    return planner.time.horizon or 1 if isinstance(planner, StationaryRewardPlanner) else 1


def _count(objectives: Sequence[Known]) -> int:
    """Sizes that fit into ``COMPILATIONS``."""
    first = objectives[0].problem
    own = 0 if isinstance(first.reward, LinearReward) else OF_A_REWARD
    if isinstance(first.time, Finite):
        each = FINITE
    else:
        linear = isinstance(first.time, ToGoal) and first.mdp.transitions.deterministic
        each = LINEAR if linear else ITERATED
    return max(1, (COMPILATIONS - own) // each)


def _wider(objective: Known, n_states: int, rows: int) -> AbstractObjective:
    problem = _wider_problem(objective.problem, n_states, rows)
    planner = _wider_planner(objective.planner, problem)
    if isinstance(objective, FeatureMatching):
        data = None if objective.data is None else _wider_table(objective.data, n_states)
        return dataclasses.replace(objective, problem=problem, planner=planner, data=data)
    return dataclasses.replace(objective, problem=problem, planner=planner)


def _wider_problem(problem: InverseProblem, n_states: int, rows: int) -> InverseProblem:
    reference = problem.log_reference
    return dataclasses.replace(
        problem,
        mdp=with_idle_mdp(problem.mdp, n_states),
        reward=with_idle_states(problem.reward, n_states),
        time=dataclasses.replace(problem.time, rows=rows) if isinstance(problem.time, Finite) else problem.time,
        log_reference=None if reference is None else _wider_part(reference, n_states),
    )


def _wider_planner(planner: AbstractPlanner, problem: InverseProblem) -> AbstractPlanner:
    if isinstance(planner, StationaryRewardPlanner) and isinstance(problem.time, Finite):
        return dataclasses.replace(planner, time=dataclasses.replace(planner.time, rows=problem.time.rows))
    if isinstance(planner, GoalPlanner):
        order = planner.pattern.order
        order = np.concatenate([order, np.arange(len(order), problem.mdp.n_states)])
        return dataclasses.replace(planner, pattern=LinkPattern.of(problem.mdp.transitions, order))
    return planner


def with_idle_mdp(mdp: MDP, n_states: int) -> MDP:
    """The process with idle states added at its end: terminal, without moves, and never reached."""
    idle = n_states - mdp.n_states
    names = None if mdp.state_names is None else (*mdp.state_names, *(f"idle {i + 1}" for i in range(idle)))
    return MDP(
        _wider_moves(mdp.transitions, n_states),
        np.pad(mdp.terminal, (0, idle), constant_values=True),
        names,
        mdp.action_names,
    )


def _wider_moves(moves: AbstractTransitions, n_states: int) -> AbstractTransitions:
    available = _wider_part(np.asarray(moves.available), n_states)
    itself = np.arange(moves.n_states, n_states, dtype=np.int32)

    def leading(to: Int[np.ndarray, "B S"]) -> Int[np.ndarray, "B wider"]:
        return np.concatenate([to, np.broadcast_to(itself, (len(to), len(itself)))], axis=1).astype(to.dtype)

    if isinstance(moves, DeterministicTransitions):
        return DeterministicTransitions(leading(np.asarray(moves.successor)), available)
    assert isinstance(moves, SparseTransitions)
    probability = _wider_part(np.asarray(moves.probability), n_states)
    return SparseTransitions(leading(np.asarray(moves.successors)), probability, available)


def _wider_table(table: RewardTable, n_states: int) -> RewardTable:
    outcome = None if table.outcome is None else _wider_part(np.asarray(table.outcome), n_states)
    pair, terminal = (_wider_part(np.asarray(part), n_states) for part in (table.pair, table.terminal))
    return RewardTable(pair, terminal, outcome)


def _wider_part(part: np.ndarray, n_states: int) -> np.ndarray:
    return np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, n_states - part.shape[-1])])
