"""The likelihood of trajectories under weights that drift, for the two ways in which an agent can plan with them."""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.derivatives import objective_hessian
from maxentrl.inverse.drift_curvature import AbstractInformation, BlockInformation, DenseInformation
from maxentrl.inverse.drift_lookahead import AlignedPlanner, lookahead_information
from maxentrl.inverse.drift_plans import StepPlans
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.mixture_likelihood import trajectory_log_likelihood, with_solutions
from maxentrl.inverse.objectives import Evaluation, difference
from maxentrl.inverse.pullback import pull_back, reward_table
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.linear import LinearReward


@dataclasses.dataclass(frozen=True, eq=False)
class DriftEvaluation:
    """The likelihood at one schedule of weights.

    Attributes:
        value: weighted log-likelihood, in nats.
        gradient: ∂value/∂weights, (J, K).
        evaluations: what it was read from: one for each step that has decisions, or one for all.
    """

    value: float
    gradient: Float[np.ndarray, "J K"]
    evaluations: tuple[Evaluation, ...]


class AbstractDriftObjective(abc.ABC):
    """Σ_i w_i log p(trajectory i) as a function of the weights θ_j of the maps, one row a step of the schedule.

    Attributes:
        reward: the maps.
        count: J, steps of the schedule that the trajectories reach.
        total_weight: of all trajectories.
        n_decisions: demonstrated.
    """

    reward: LinearReward
    count: int
    total_weight: float
    n_decisions: int

    @abc.abstractmethod
    def evaluate(self, weights: Float[np.ndarray, "J K"]) -> DriftEvaluation:
        """Value and exact gradient.

        Raises:
            Failure: INFINITE_PARTITION where some step's partition function is infinite.
        """

    @abc.abstractmethod
    def information(self, weights: Float[np.ndarray, "J K"], evaluation: DriftEvaluation) -> AbstractInformation:
        """Minus the exact Hessian."""

    @abc.abstractmethod
    def walk_log_likelihood(self, evaluation: DriftEvaluation) -> Float[np.ndarray, " M"]:
        """Log-likelihood of each trajectory, in nats, unweighted, (M,)."""

    @property
    @abc.abstractmethod
    def constant(self) -> ConditionalLikelihood:
        """The likelihood under weights that do not drift."""


@dataclasses.dataclass(frozen=True, eq=False)
class PersistentObjective(AbstractDriftObjective):
    """Each step's decisions under a plan that takes that step's weights for lasting.

    Attributes:
        steps: the steps that have decisions, (D,).
        parts: the likelihood of each one's decisions.
        owners: the trajectory of each decision, one array a part.
        plans: what the parts are read from.
        whole: the likelihood of all decisions under one set of weights.
        walks: M.
    """

    reward: LinearReward
    count: int
    total_weight: float
    n_decisions: int
    steps: Int[np.ndarray, " D"]
    parts: tuple[ConditionalLikelihood, ...]
    owners: tuple[np.ndarray, ...]
    plans: StepPlans
    whole: ConditionalLikelihood
    walks: int

    def evaluate(self, weights: Float[np.ndarray, "J K"]) -> DriftEvaluation:
        total, gradient, evaluations = 0.0, np.zeros_like(weights), []
        tables = [reward_table(self.reward, weights[step]) for step in self.steps]
        solved = self.plans.solve(tables)
        for step, part, table, solutions in zip(self.steps, self.parts, tables, solved, strict=True):
            evaluation = with_solutions(part, solutions).evaluate(table)
            gradient[step] = pull_back(self.reward, weights[step], evaluation.visits)
            total += evaluation.value
            evaluations.append(evaluation)
        return DriftEvaluation(total, gradient, tuple(evaluations))

    def information(self, weights: Float[np.ndarray, "J K"], evaluation: DriftEvaluation) -> AbstractInformation:
        size = weights.shape[1]
        blocks = np.zeros((self.count, size, size))
        for step, part, found in zip(self.steps, self.parts, evaluation.evaluations, strict=True):
            blocks[step] = -objective_hessian(part, self.reward, weights[step], np.eye(size), found)
        return BlockInformation(blocks)

    def walk_log_likelihood(self, evaluation: DriftEvaluation) -> Float[np.ndarray, " M"]:
        total = np.zeros(self.walks)
        for part, owner, found in zip(self.parts, self.owners, evaluation.evaluations, strict=True):
            np.add.at(total, owner, trajectory_log_likelihood(part, found.solutions))
        return total

    @property
    def constant(self) -> ConditionalLikelihood:
        return self.whole


@dataclasses.dataclass(frozen=True, eq=False)
class LookaheadObjective(AbstractDriftObjective):
    """All decisions under one plan through the whole schedule.

    Attributes:
        every: clock ticks a step of the schedule.
        ticks: T, clock ticks that the trajectories reach.
        planner: of walks that end at different ticks.
        likelihood: of the walks, read from that planner's solutions.
        whole: the likelihood of the same trajectories under one set of weights.
    """

    reward: LinearReward
    count: int
    total_weight: float
    n_decisions: int
    every: int
    ticks: int
    planner: AlignedPlanner
    likelihood: ConditionalLikelihood
    whole: ConditionalLikelihood

    @property
    def step_of_tick(self) -> Int[np.ndarray, " T"]:
        """The step of the schedule that holds at each tick."""
        return np.arange(self.ticks) // self.every

    def table(self, weights: Float[np.ndarray, "J K"]) -> RewardTable:
        """Rewards for each tick, (T, A, S); ends are paid with the weights of the last tick."""
        each = weights[self.step_of_tick]
        pair = np.repeat((each @ np.asarray(self.reward.state))[:, None], self.reward.n_actions, axis=1)
        if self.reward.pair is not None:
            pair += np.tensordot(each, np.asarray(self.reward.pair), 1)
        return RewardTable(pair, each[-1] @ np.asarray(self.reward.terminal))

    def evaluate(self, weights: Float[np.ndarray, "J K"]) -> DriftEvaluation:
        table, temperature = self.table(weights), self.likelihood.problem.temperature
        solutions = self.planner.solve(self.likelihood.problem.forward, table)
        readings, data = self.likelihood.read(solutions), []
        for reading in readings:
            data.append(table.zeros())
            reading.add_visits(data[-1])
        model = self.planner.visits(solutions, [reading.source for reading in readings], table)
        excess = difference(self.planner.on_schedule(data), model, temperature)
        evaluation = Evaluation(sum(reading.value for reading in readings), excess, tuple(solutions))
        visits = np.asarray(excess.pair)
        each = visits.sum(1) @ np.asarray(self.reward.state).T
        if self.reward.pair is not None:
            each += np.tensordot(visits, np.asarray(self.reward.pair), ((1, 2), (1, 2)))
        each[-1] += np.asarray(self.reward.terminal) @ np.asarray(excess.terminal)
        gradient = np.zeros_like(weights)
        np.add.at(gradient, self.step_of_tick, each)
        return DriftEvaluation(evaluation.value, gradient, (evaluation,))

    def information(self, weights: Float[np.ndarray, "J K"], evaluation: DriftEvaluation) -> AbstractInformation:
        solutions = evaluation.evaluations[0].solutions
        found = lookahead_information(
            self.likelihood, self.planner, self.reward, solutions, self.step_of_tick, self.count
        )
        return DenseInformation(found, weights.shape[1])

    def walk_log_likelihood(self, evaluation: DriftEvaluation) -> Float[np.ndarray, " M"]:
        return trajectory_log_likelihood(self.likelihood, evaluation.evaluations[0].solutions)

    @property
    def constant(self) -> ConditionalLikelihood:
        return self.whole


def single_decisions(trajectories: Trajectories, chosen: Int[np.ndarray, " N"]) -> Trajectories:
    """Decisions as trajectories of one decision each, censored, with the weight and goal of their own."""
    rows = trajectories.decisions
    owner, count = rows.trajectory[chosen], len(chosen)
    return Trajectories(
        states=np.stack([rows.state[chosen], rows.following[chosen]], axis=1).ravel(),
        actions=rows.action[chosen],
        lengths=np.ones(count, np.int64),
        weights=trajectories.weights[owner],
        goals=trajectories.goals[owner],
        censored=np.ones(count, bool),
        names=tuple(f"{trajectories.names[i]} (step {t})" for i, t in zip(owner, rows.step[chosen], strict=True)),
        split=("train",) * count,
    )
