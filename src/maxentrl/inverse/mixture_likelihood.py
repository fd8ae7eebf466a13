"""The likelihood of each trajectory by itself, and a component's plan that serves any weights of the trajectories.

Planning depends on the reward alone, so one planning gives the log-likelihood of every trajectory, and the objective
and its derivatives under any weights of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import Evaluation
from maxentrl.inverse.planners import AbstractPlanner, Pose
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import pull_back, reward_table
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.solution import SoftSolution


def trajectory_log_likelihood(
    objective: ConditionalLikelihood, solutions: Sequence[SoftSolution]
) -> Float[np.ndarray, " M"]:
    """Σ_t log π_t(a_t|s_t) of each trajectory, in nats, unweighted; unseen actions are summed out."""
    rows, total = objective.rows, np.zeros(len(objective.trajectories))
    for reading in objective.read(solutions):
        if not len(reading.rows):
            continue
        with np.errstate(invalid="ignore"):
            each = reading.action_value - reading.now + rows.log_dynamics[reading.rows]
        each = np.where(np.isneginf(reading.action_value), -np.inf, each)
        decision = rows.decision[reading.rows[reading.first]]
        np.add.at(total, rows.trajectory[decision], np.logaddexp.reduceat(each, reading.first))
    return total


@dataclasses.dataclass(frozen=True, eq=False)
class SolvedPlanner(AbstractPlanner):
    """A planner at the one reward table that it has been solved for.

    Attributes:
        group: of the planner that solved it, (M,).
        entry: of the planner that solved it, (M,).
        inner: that planner.
        solutions: its answers.
    """

    group: Int[np.ndarray, " M"]
    entry: Int[np.ndarray, " M"]
    inner: AbstractPlanner
    solutions: tuple[SoftSolution, ...]

    def solve(self, pose: Pose, table: RewardTable) -> list[SoftSolution]:
        return list(self.solutions)

    def visits(self, solutions: list[SoftSolution], sources: list[np.ndarray], table: RewardTable) -> RewardTable:
        return self.inner.visits(solutions, sources, table)


def with_solutions(objective: ConditionalLikelihood, solutions: Sequence[SoftSolution]) -> ConditionalLikelihood:
    """The same likelihood, to be evaluated only at the reward table that these solutions are of."""
    inner = objective.planner
    planner = SolvedPlanner(inner.group, inner.entry, inner, tuple(solutions))
    return dataclasses.replace(objective, planner=planner)


def weighted(objective: ConditionalLikelihood, weights: Float[np.ndarray, " M"]) -> ConditionalLikelihood:
    """The same likelihood with other weights of the trajectories."""
    trajectories = dataclasses.replace(objective.trajectories, weights=weights)
    return dataclasses.replace(objective, trajectories=trajectories, total_weight=float(weights.sum()))


@dataclasses.dataclass(frozen=True, eq=False)
class ComponentPlan:
    """One component at its parameters: planned once, read under any weights.

    Attributes:
        objective: the likelihood of all trajectories.
        parameters: θ of the component, (K,).
        table: its rewards.
        solutions: the plans, one a group.
        log_likelihood: of each trajectory, in nats, (M,).
    """

    objective: ConditionalLikelihood
    parameters: Float[np.ndarray, " K"]
    table: RewardTable
    solutions: tuple[SoftSolution, ...]
    log_likelihood: Float[np.ndarray, " M"]

    @staticmethod
    def of(objective: ConditionalLikelihood, parameters: Float[np.ndarray, " K"]) -> ComponentPlan:
        """Plan at θ.

        Raises:
            Failure: as the planner does (INFINITE_PARTITION, UNREACHABLE_GOAL).
        """
        parameters = np.asarray(parameters, float)
        table = reward_table(objective.problem.reward, parameters)
        solutions = tuple(objective.planner.solve(objective.problem.forward, table))
        return ComponentPlan(objective, parameters, table, solutions, trajectory_log_likelihood(objective, solutions))

    @staticmethod
    def solved_by(
        objective: ConditionalLikelihood, parameters: Float[np.ndarray, " K"], solutions: Sequence[SoftSolution]
    ) -> ComponentPlan:
        """The plan at θ whose solutions are known already."""
        table = reward_table(objective.problem.reward, parameters)
        known = tuple(solutions)
        return ComponentPlan(objective, parameters, table, known, trajectory_log_likelihood(objective, known))

    def solved(self, weights: Float[np.ndarray, " M"]) -> ConditionalLikelihood:
        """The likelihood under these weights, which is not planned anew at these parameters."""
        return with_solutions(weighted(self.objective, weights), self.solutions)

    def evaluation(self, weights: Float[np.ndarray, " M"]) -> Evaluation:
        """Value and visits under these weights."""
        return self.solved(weights).evaluate(self.table)

    def gradient(self, evaluation: Evaluation) -> Float[np.ndarray, " K"]:
        """∂value/∂θ of an evaluation."""
        return pull_back(self.objective.problem.reward, self.parameters, evaluation.visits)


def walk_log_likelihood(problem: InverseProblem, parameters: Float[np.ndarray, " K"]) -> Float[np.ndarray, " M"]:
    """Log-likelihood of each of a problem's trajectories at θ, in nats, (M,)."""
    return ComponentPlan.of(ConditionalLikelihood.of(problem), parameters).log_likelihood
