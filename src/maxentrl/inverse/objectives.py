"""The two objectives for demonstrations: the dual of feature matching, and the conditional likelihood.

Both are in nats, summed over weighted trajectories, and maximised. Each evaluates a *reward table* and returns the
visits that are its derivative; no objective knows what kind of reward made the table. Divided by τ the dual equals the
likelihood under deterministic undiscounted dynamics with observed starts and complete walks; under stochastic dynamics
they agree only in expectation.
"""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import pull_back, reward_table
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.solution import SoftSolution
from maxentrl.rewards.reward import AbstractReward


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """An objective at one reward table.

    Attributes:
        value: the objective, in nats, without the part that is linear in θ (see ``AbstractObjective.linear_term``).
        visits: its derivative with respect to each entry of the table: (data visits − model visits)/τ.
        solutions: the planner's answers that it was read from, one a group; second derivatives reuse them.
    """

    value: float
    visits: RewardTable
    solutions: tuple[SoftSolution, ...]


class AbstractObjective(abc.ABC):
    """A number to be maximised over reward tables.

    Attributes:
        problem: what is to be learnt.
        linear_term: c (K,) in nats, to be added as cᵀθ: the feature counts of demonstrations that are known by nothing
            else; zeros where trajectories are given.
        total_weight: Σ of the trajectories' weights.
        n_decisions: demonstrated decisions (0 where only counts are known).
    """

    problem: InverseProblem
    linear_term: Float[np.ndarray, " K"]
    total_weight: float
    n_decisions: int

    @abc.abstractmethod
    def evaluate(self, table: RewardTable) -> Evaluation:
        """The objective and its derivative.

        Raises:
            Failure: INFINITE_PARTITION where log Z is infinite; UNREACHABLE_GOAL where a walk cannot arrive.
        """

    @abc.abstractmethod
    def hard_value(self, table: RewardTable) -> float:
        """Σ_i w_i · (greatest expected return of this reward from the i-th start), in reward units."""

    @abc.abstractmethod
    def data_value(self, table: RewardTable, parameters: Float[np.ndarray, " K"]) -> float:
        """Return of the demonstrations under this reward, in reward units."""


def value_and_gradient(
    objective: AbstractObjective, reward: AbstractReward, parameters: Float[np.ndarray, " K"]
) -> tuple[float, Float[np.ndarray, " K"]]:
    """The objective at θ and its gradient: the visits pulled back through the reward."""
    return evaluate_at(objective, reward, parameters)[:2]


def evaluate_at(
    objective: AbstractObjective, reward: AbstractReward, parameters: Float[np.ndarray, " K"]
) -> tuple[float, Float[np.ndarray, " K"], Evaluation]:
    """Value and gradient at θ, and the evaluation that they were read from."""
    parameters = np.asarray(parameters, float)
    evaluation = objective.evaluate(reward_table(reward, parameters))
    gradient = pull_back(reward, parameters, evaluation.visits) + objective.linear_term
    return float(evaluation.value + objective.linear_term @ parameters), gradient, evaluation


def difference(data: RewardTable, model: RewardTable, temperature: float) -> RewardTable:
    """(data − model)/τ, entry by entry."""
    outcome = None
    if model.outcome is not None:
        outcome = ((0.0 if data.outcome is None else data.outcome) - model.outcome) / temperature
    return RewardTable((data.pair - model.pair) / temperature, (data.terminal - model.terminal) / temperature, outcome)
