"""Planning that begins where it ended for nearly the same rewards, where the solver iterates."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.planners import AbstractPlanner, DiscountedPlanner, GoalPlanner, Pose
from maxentrl.inverse.target import AbstractTarget, FitTarget
from maxentrl.mdp.time import ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import choose_solver
from maxentrl.planning.linear_system import is_linear
from maxentrl.planning.policy_iteration import SoftPolicyIteration
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution

Plans = dict[int, Float[np.ndarray, " S"]]
"""V/τ last found, by number of the problem."""


@dataclasses.dataclass(frozen=True, eq=False)
class WarmPlanner(AbstractPlanner):
    """Newton's method from the last values: two or three steps in place of six to ten.

    Only where Newton's method plans (``Discounted``, and ``ToGoal`` under stochastic dynamics): a sweep and a linear
    system are exact and have nothing to begin from. Answers agree with cold ones to the solver's tolerance.

    Attributes:
        group: as the planner's.
        entry: as the planner's.
        planner: which visits are asked from, and which says what is to be planned.
        plans: the last values, changed by each solution; shared with the planners of other scenes.
        first: number of its first problem among theirs.
    """

    group: Int[np.ndarray, " M"]
    entry: Int[np.ndarray, " M"]
    planner: DiscountedPlanner | GoalPlanner
    plans: Plans = dataclasses.field(default_factory=dict)
    first: int = 0

    def solve(self, pose: Pose, table: RewardTable) -> list[SoftSolution]:
        planner = self.planner
        times = [ToGoal(goals) for goals in planner.goals] if isinstance(planner, GoalPlanner) else [planner.time]
        problems = [pose(table, time) for time in times]
        if any(is_linear(problem) or problem.temperature == 0 for problem in problems):
            return planner.solve(pose, table)
        return [self._solve(number, problem) for number, problem in enumerate(problems, self.first)]

    def _solve(self, number: int, problem: SoftProblem) -> SoftSolution:
        solver = choose_solver(problem).solver
        if isinstance(solver, SoftPolicyIteration):
            solver = dataclasses.replace(solver, start=self.plans.get(number))
        solution = solver.solve(problem)
        self.plans[number] = solution.scaled_values
        return solution

    def visits(self, solutions: list[SoftSolution], sources: list[np.ndarray], table: RewardTable) -> RewardTable:
        return self.planner.visits(solutions, sources, table)


def warmed(target: AbstractTarget) -> tuple[AbstractTarget, Plans]:
    """The target with plans that are kept from one evaluation to the next; itself where there is nothing to keep."""
    if not isinstance(target, FitTarget):
        return target, {}
    plans: Plans = {}
    objectives, first = [], 0
    for objective in target.objectives:
        planner = getattr(objective, "planner", None)
        known = isinstance(objective, FeatureMatching | ConditionalLikelihood)
        if known and isinstance(planner, DiscountedPlanner | GoalPlanner):
            warm = WarmPlanner(planner.group, planner.entry, planner, plans, first)
            first += len(planner.goals) if isinstance(planner, GoalPlanner) else 1
            objectives.append(dataclasses.replace(objective, planner=warm))
        else:
            objectives.append(objective)
    return dataclasses.replace(target, objectives=tuple(objectives), memory={}), plans
