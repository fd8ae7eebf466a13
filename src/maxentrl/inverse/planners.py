"""How an objective plans for all its trajectories at once: which solution, and at which time, each one enters.

A trajectory of L decisions under a stationary reward is the end of a longer sweep: it enters at time T − L. So one
sweep serves every length exactly and nothing is padded. Goals need one solution each.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Int

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, Time, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.exponential import LinkPattern
from maxentrl.planning.linear_system import LinearSystem, is_linear, total_visits
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import InvalidInput

Pose: TypeAlias = Callable[[RewardTable, Time], SoftProblem]
"""The planning problem at a reward table, for one horizon, discount or set of goals."""


@dataclasses.dataclass(frozen=True)
class Episodes:
    """What planning needs to know of M demonstrated episodes.

    Attributes:
        names: one each, for messages.
        horizons: decisions each could take: its own length, or the problem's horizon, (M,).
        goals: the goal of each, -1 where it has none, (M,).
    """

    names: tuple[str, ...]
    horizons: Int[np.ndarray, " M"]
    goals: Int[np.ndarray, " M"]


class AbstractPlanner(abc.ABC):
    """Solves every planning problem that the episodes pose at one reward table.

    Attributes:
        group: which of the solutions each episode follows, (M,).
        entry: at which time it enters that solution; 0 for stationary ones, (M,).
    """

    group: Int[np.ndarray, " M"]
    entry: Int[np.ndarray, " M"]

    @abc.abstractmethod
    def solve(self, pose: Pose, table: RewardTable) -> list[SoftSolution]:
        """One solution a group."""

    @abc.abstractmethod
    def visits(self, solutions: list[SoftSolution], sources: list[np.ndarray], table: RewardTable) -> RewardTable:
        """Visits of each group's source under its solution, summed; of the reward table's shapes."""


@dataclasses.dataclass(frozen=True, eq=False)
class StationaryRewardPlanner(AbstractPlanner):
    """Finite horizons of any lengths under one stationary reward: a single sweep."""

    group: Int[np.ndarray, " M"]
    entry: Int[np.ndarray, " M"]
    time: Finite

    @staticmethod
    def of(episodes: Episodes, time: Finite) -> StationaryRewardPlanner:
        """One sweep as long as the longest horizon."""
        horizon = int(episodes.horizons.max())
        time = dataclasses.replace(time, horizon=horizon)
        return StationaryRewardPlanner(np.zeros_like(episodes.horizons), horizon - episodes.horizons, time)

    def solve(self, pose: Pose, table: RewardTable) -> list[SoftSolution]:
        return [solve(pose(table, self.time))]

    def visits(self, solutions: list[SoftSolution], sources: list[np.ndarray], table: RewardTable) -> RewardTable:
        return solutions[0].occupancy(sources[0]).visits


@dataclasses.dataclass(frozen=True, eq=False)
class SteppedRewardPlanner(AbstractPlanner):
    """Finite horizons under a reward for each step: one sweep for each distinct length, all from time 0."""

    group: Int[np.ndarray, " M"]
    entry: Int[np.ndarray, " M"]
    lengths: Int[np.ndarray, " G"]

    @staticmethod
    def of(episodes: Episodes) -> SteppedRewardPlanner:
        """One sweep a distinct horizon."""
        lengths, group = np.unique(episodes.horizons, return_inverse=True)
        return SteppedRewardPlanner(group, np.zeros_like(group), lengths)

    def solve(self, pose: Pose, table: RewardTable) -> list[SoftSolution]:
        steps = len(table.pair)
        if self.lengths[-1] > steps:
            raise InvalidInput(f"the reward covers {steps} steps, a trajectory has {self.lengths[-1]} decisions")
        return [
            solve(pose(dataclasses.replace(table, pair=table.pair[:length]), Finite(int(length))))
            for length in self.lengths
        ]

    def visits(self, solutions: list[SoftSolution], sources: list[np.ndarray], table: RewardTable) -> RewardTable:
        each = [solution.occupancy(source).visits for solution, source in zip(solutions, sources, strict=True)]
        outcomes = [v.outcome for v in each if v.outcome is not None]
        pair = np.zeros(table.pair.shape)
        for visits in each:
            pair[: len(visits.pair)] += visits.pair
        return RewardTable(
            pair, np.sum([v.terminal for v in each], axis=0), np.sum(outcomes, axis=0) if outcomes else None
        )


@dataclasses.dataclass(frozen=True, eq=False)
class DiscountedPlanner(AbstractPlanner):
    """One stationary solution for all."""

    group: Int[np.ndarray, " M"]
    entry: Int[np.ndarray, " M"]
    time: Discounted

    def solve(self, pose: Pose, table: RewardTable) -> list[SoftSolution]:
        return [solve(pose(table, self.time))]

    def visits(self, solutions: list[SoftSolution], sources: list[np.ndarray], table: RewardTable) -> RewardTable:
        return solutions[0].occupancy(sources[0]).visits


@dataclasses.dataclass(frozen=True, eq=False)
class GoalPlanner(AbstractPlanner):
    """One solution for each set of goals; they share a factorisation where the range of costs allows."""

    group: Int[np.ndarray, " M"]
    entry: Int[np.ndarray, " M"]
    goals: tuple[tuple[int, ...], ...]
    pattern: LinkPattern

    @staticmethod
    def of(episodes: Episodes, time: ToGoal, mdp: MDP) -> GoalPlanner:
        """Each episode's own goal, or the problem's goals for those without one.

        Raises:
            InvalidInput: an episode without a goal, where the problem names none.
        """
        lost = [n for n, g in zip(episodes.names, episodes.goals, strict=True) if g < 0 and time.goals is None]
        if lost:
            raise InvalidInput(
                f"trajectories without a goal: {', '.join(lost[:8])}{' …' if len(lost) > 8 else ''}; "
                "give each its goal, or name common ones: ToGoal(goals)"
            )
        own = [time.goals if g < 0 else (int(g),) for g in episodes.goals]
        goals = tuple(sorted({g for g in own if g is not None}))
        number = {g: i for i, g in enumerate(goals)}
        group = np.array([number[g] for g in own if g is not None])
        return GoalPlanner(group, np.zeros_like(group), goals, LinkPattern.of(mdp.transitions))

    def solve(self, pose: Pose, table: RewardTable) -> list[SoftSolution]:
        problems = [pose(table, ToGoal(goals)) for goals in self.goals]
        if is_linear(problems[0]):
            return LinearSystem(self.pattern).solve_goals(problems[0], self.goals)
        return [solve(problem) for problem in problems]

    def visits(self, solutions: list[SoftSolution], sources: list[np.ndarray], table: RewardTable) -> RewardTable:
        return total_visits(solutions, sources)


def planner_of(episodes: Episodes, mdp: MDP, time: Time, *, per_step: bool) -> AbstractPlanner:
    """The planner for a kind of time."""
    if isinstance(time, Finite):
        return SteppedRewardPlanner.of(episodes) if per_step else StationaryRewardPlanner.of(episodes, time)
    if isinstance(time, Discounted):
        zeros = np.zeros(len(episodes.names), np.int64)
        return DiscountedPlanner(zeros, zeros, time)
    return GoalPlanner.of(episodes, time, mdp)
