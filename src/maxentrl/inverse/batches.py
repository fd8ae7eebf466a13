"""Minibatches of walks: targets whose mean over all batches is the target itself, value and gradient.

With the walks divided at random into B batches, batch b's estimate is

    B · Σ_{i in b} w_i ℓ_i(θ) + log prior(θ)

so that a batch drawn evenly is unbiased whatever its size, and the mean over the B batches is the target to the last
rounding error. Of several scenes each is divided by itself, so that a batch plans in one scene alone. The division is
drawn once; each pass takes the batches in a new order.
"""

from __future__ import annotations

import abc
import dataclasses
from functools import singledispatch

import numpy as np
from jaxtyping import Int

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.feature_matching import FeatureMatching, data_visits
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import AbstractObjective
from maxentrl.inverse.planners import (
    AbstractPlanner,
    DiscountedPlanner,
    GoalPlanner,
    StationaryRewardPlanner,
    SteppedRewardPlanner,
)
from maxentrl.inverse.rows import decision_rows
from maxentrl.inverse.target import AbstractTarget, FitTarget
from maxentrl.status import InvalidInput


class AbstractBatches(abc.ABC):
    """How walks are divided."""

    @abc.abstractmethod
    def divide(self, trajectories: Trajectories, generator: np.random.Generator) -> list[Int[np.ndarray, " n"]]:
        """The walks of each batch; every walk is in one."""


@dataclasses.dataclass(frozen=True)
class EveryWalk(AbstractBatches):
    """One batch of all: the exact gradient at each step."""

    def divide(self, trajectories: Trajectories, generator: np.random.Generator) -> list[Int[np.ndarray, " n"]]:
        return [np.arange(len(trajectories))]


@dataclasses.dataclass(frozen=True)
class SceneBatches(AbstractBatches):
    """One scene at a time, with all its walks."""

    def divide(self, trajectories: Trajectories, generator: np.random.Generator) -> list[Int[np.ndarray, " n"]]:
        return [np.arange(len(trajectories))]


@dataclasses.dataclass(frozen=True)
class WalkBatches(AbstractBatches):
    """Walks at random, about ``size`` a batch.

    Attributes:
        size: walks a batch, at least 1.
    """

    size: int

    def __post_init__(self) -> None:
        _at_least_one("size", self.size, "walk")

    def divide(self, trajectories: Trajectories, generator: np.random.Generator) -> list[Int[np.ndarray, " n"]]:
        return [np.sort(part) for part in _at_random(np.arange(len(trajectories)), self.size, generator)]


@dataclasses.dataclass(frozen=True)
class GoalBatches(AbstractBatches):
    """All walks to a few goals at a time, for planning costs a solution a goal and not a walk.

    Attributes:
        goals: goals a batch, at least 1.
    """

    goals: int

    def __post_init__(self) -> None:
        _at_least_one("goals", self.goals, "goal")

    def divide(self, trajectories: Trajectories, generator: np.random.Generator) -> list[Int[np.ndarray, " n"]]:
        parts = _at_random(np.unique(trajectories.goals), self.goals, generator)
        return [np.flatnonzero(np.isin(trajectories.goals, part)) for part in parts]


def _at_least_one(name: str, count: int, what: str) -> None:
    if count < 1:
        raise InvalidInput(f"{name} = {count}: expected at least one {what} a batch")


def _at_random(
    members: Int[np.ndarray, " N"], size: int, generator: np.random.Generator
) -> list[Int[np.ndarray, " n"]]:
    """The members in a random order, in even groups of at most ``size``."""
    order = generator.permutation(members)
    return np.array_split(order, -(-len(order) // size))


@singledispatch
def batch_targets(
    target: AbstractTarget, batches: AbstractBatches, generator: np.random.Generator
) -> list[AbstractTarget]:
    """The target of each batch, in the parameters of the whole.

    Raises:
        InvalidInput: demonstrations that cannot be divided.
    """
    raise InvalidInput(f"minibatches are not known for {type(target).__name__}: use EveryWalk()")


@batch_targets.register
def _(target: FitTarget, batches: AbstractBatches, generator: np.random.Generator) -> list[AbstractTarget]:
    if isinstance(batches, EveryWalk):
        return [target]
    parts = []
    for objective in target.objectives:
        walks = objective.problem.demonstrations
        if not isinstance(walks, Trajectories):
            raise InvalidInput("minibatches need trajectories; feature counts are one sum: use EveryWalk()")
        parts += [(objective, part) for part in batches.divide(walks, generator)]
    if len(parts) == 1:
        return [target]
    found = []
    for objective, part in parts:
        one = restricted(objective, part, float(len(parts)))
        one = dataclasses.replace(one, total_weight=target.total_weight)
        found.append(dataclasses.replace(target, objectives=(one,), memory={}))
    return found


def restricted(
    objective: AbstractObjective, walks: Int[np.ndarray, " n"], factor: float
) -> FeatureMatching | ConditionalLikelihood:
    """The objective of some walks, their weights multiplied by ``factor``; ``total_weight`` stays that of all walks.

    Raises:
        InvalidInput: an objective whose walks are not known.
    """
    problem = objective.problem
    assert isinstance(problem.demonstrations, Trajectories)
    part = problem.demonstrations.select(walks)
    part = dataclasses.replace(part, weights=part.weights * factor)
    problem = dataclasses.replace(problem, demonstrations=part)
    rows, decisions = decision_rows(problem.mdp, part), int(part.lengths.sum())
    if isinstance(objective, ConditionalLikelihood):
        planner = _planner_of(objective.planner, walks)
        return dataclasses.replace(
            objective, problem=problem, n_decisions=decisions, trajectories=part, planner=planner, rows=rows
        )
    if isinstance(objective, FeatureMatching):
        return dataclasses.replace(
            objective,
            problem=problem,
            n_decisions=decisions,
            planner=_planner_of(objective.planner, walks),
            data=data_visits(problem, part, rows),
            supposed=rows if rows.ambiguous else None,
            starts=part.starts,
            weights=part.weights,
        )
    raise InvalidInput(f"minibatches are not known for {type(objective).__name__}: use EveryWalk()")


def _planner_of(planner: AbstractPlanner, walks: Int[np.ndarray, " n"]) -> AbstractPlanner:
    """The same planner for some walks, which plans for no goal and no length that none of them has."""
    group, entry = planner.group[walks], planner.entry[walks]
    if isinstance(planner, GoalPlanner):
        used, group = np.unique(group, return_inverse=True)
        return dataclasses.replace(planner, group=group, entry=entry, goals=tuple(planner.goals[g] for g in used))
    if isinstance(planner, SteppedRewardPlanner):
        used, group = np.unique(group, return_inverse=True)
        return dataclasses.replace(planner, group=group, entry=entry, lengths=planner.lengths[used])
    if isinstance(planner, StationaryRewardPlanner | DiscountedPlanner):
        return dataclasses.replace(planner, group=group, entry=entry)
    raise InvalidInput(f"minibatches are not known for {type(planner).__name__}: use EveryWalk()")
