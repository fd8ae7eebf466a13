"""The function that a fit maximises: objective, reward, free parameters and prior put together."""

from __future__ import annotations

import abc
import dataclasses
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.inverse.columns import MAXIMUM_PARAMETERS, columns_along
from maxentrl.inverse.derivatives import Scores, objective_hessian, objective_scores
from maxentrl.inverse.objectives import AbstractObjective, Evaluation, evaluate_at
from maxentrl.inverse.parameters import ParameterSpace, unit_columns
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.reward import AbstractReward, coefficient_mask
from maxentrl.status import Failure, InvalidInput, Status

REMEMBERED = 2
"""Points whose plans are kept: the best and the one on trial."""


@dataclasses.dataclass(frozen=True, eq=False)
class Point:
    """The target at one free vector.

    Attributes:
        free: the free parameters, (F,).
        value: objective plus log prior, in nats.
        gradient: ∂value/∂free, (F,).
    """

    free: Float[np.ndarray, " F"]
    value: float
    gradient: Float[np.ndarray, " F"]


class AbstractTarget(abc.ABC):
    """A function of free parameters under bounds, to be maximised."""

    space: ParameterSpace

    @property
    @abc.abstractmethod
    def total_weight(self) -> float:
        """What gradient norms are divided by: the weight of all demonstrations."""

    @abc.abstractmethod
    def evaluate(self, free: Float[np.ndarray, " F"]) -> Point:
        """Value and gradient.

        Raises:
            Failure: INFINITE_PARTITION where the value is -inf.
        """

    @abc.abstractmethod
    def hessian(self, free: Float[np.ndarray, " F"], which: Bool[np.ndarray, " F"]) -> Float[np.ndarray, "k k"]:
        """∂²value/∂free² in the parameters marked, exact."""

    @abc.abstractmethod
    def scales(self, free: Float[np.ndarray, " F"]) -> Float[np.ndarray, " F"]:
        """A typical size of each free parameter, (F,), positive: optimisers work in units of these."""

    def gradient_norm(self, point: Point) -> float:
        """Euclidean norm of the projected gradient over the total weight: the quantity that tolerances bound."""
        return float(np.linalg.norm(self.space.projected(point.free, point.gradient)) / self.total_weight)


@dataclasses.dataclass(frozen=True, eq=False)
class FitTarget(AbstractTarget):
    """objective(reward(θ)) + log prior(θ) with θ = offset + matrix · free.

    Attributes:
        objective: the dual or the likelihood of the demonstrations.
        reward: θ → reward table.
        space: which parameters are free.
        prior: a Gaussian prior, or None.
        memory: the last points evaluated, which optimisers ask for again, with what was planned for them.
    """

    objective: AbstractObjective
    reward: AbstractReward
    space: ParameterSpace
    prior: GaussianPrior | None = None
    memory: dict[bytes, tuple[Point, Evaluation]] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def total_weight(self) -> float:
        return self.objective.total_weight

    def residual(self, parameters: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """∂objective/∂θ without the prior: (data − model features)/τ."""
        return evaluate_at(self.objective, self.reward, parameters)[1]

    def evaluate(self, free: Float[np.ndarray, " F"]) -> Point:
        return self._known(free)[0]

    def visits(self, free: Float[np.ndarray, " F"]) -> RewardTable:
        """∂objective/∂reward: (data − model visits)/τ."""
        return self._known(free)[1].visits

    def _known(self, free: Float[np.ndarray, " F"]) -> tuple[Point, Evaluation]:
        """A point with its evaluation, planned anew only where it is none of the last."""
        free = np.array(free, float)
        known = self.memory.pop(free.tobytes(), None) or self._evaluate(free)
        while len(self.memory) >= REMEMBERED:
            self.memory.pop(next(iter(self.memory)))
        self.memory[free.tobytes()] = known
        return known

    def _evaluate(self, free: Float[np.ndarray, " F"]) -> tuple[Point, Evaluation]:
        parameters = self.space.parameters(free)
        value, gradient, evaluation = evaluate_at(self.objective, self.reward, parameters)
        if self.prior is not None:
            value += self.prior.log_density(parameters)
            gradient = gradient + self.prior.gradient(parameters)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            worst = int(np.argmax(~np.isfinite(gradient)))
            raise Failure(Status.NON_FINITE, f"value {value}, gradient in '{self.space.names[worst]}'")
        return Point(free, value, self.space.pull_back(gradient)), evaluation

    def hessian(self, free: Float[np.ndarray, " F"], which: Bool[np.ndarray, " F"]) -> Float[np.ndarray, "k k"]:
        directions = self.space.directions(which)
        found = self.curvature(free, directions)
        if self.prior is not None:
            found = found - directions.T @ (self.prior.precision[:, None] * directions)
        return found

    def curvature(
        self, free: Float[np.ndarray, " F"], directions: Float[np.ndarray, "K D"]
    ) -> Float[np.ndarray, "D D"]:
        """The objective's Hessian along directions of θ, without the prior."""
        parameters, evaluation = self.space.parameters(free), self._known(free)[1]
        return objective_hessian(self.objective, self.reward, parameters, directions, evaluation)

    def scores(self, free: Float[np.ndarray, " F"], which: Bool[np.ndarray, " F"]) -> Scores:
        """Scores of decisions and episodes in the free parameters marked, without the prior."""
        parameters, evaluation = self.space.parameters(free), self._known(free)[1]
        return objective_scores(self.objective, self.reward, parameters, self.space.directions(which), evaluation)

    def scales(self, free: Float[np.ndarray, " F"]) -> Float[np.ndarray, " F"]:
        return self._scales

    @cached_property
    def _scales(self) -> Float[np.ndarray, " F"]:
        """1/√(total second moment of each feature over the pairs that can be chosen): a bound-free curvature guess.

        One for the weights of a network, whose first values set their scale.
        """
        scales, which = np.ones(len(self.space.free_names)), self.with_errors
        if which.any():
            scales[which] = 1.0 / np.sqrt(self.space.pull_back(self._curvature_guess(self.space.follow(which)))[which])
        return scales

    @cached_property
    def with_errors(self) -> Bool[np.ndarray, " F"]:
        """Free parameters for which second derivatives are formed: the coefficients, where they are not too many."""
        found = self.space.leading(coefficient_mask(self.reward))
        return found if found.sum() <= MAXIMUM_PARAMETERS else np.zeros_like(found)

    def _curvature_guess(self, which: Bool[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        columns = columns_along(self.reward, self.space.parameters(self.space.start), unit_columns(which))
        problem = self.objective.problem
        subscripts = "ktas,ktas,as->k" if columns.per_step else "kas,kas,as->k"
        share = problem.mdp.available / max(problem.mdp.available.sum(), 1)
        share = share.sum(0, keepdims=True) if columns.by_state else share
        moment = np.einsum(subscripts, columns.pair, columns.pair, share) + np.square(columns.terminal).mean(1)
        if columns.outcome is not None:
            moment = moment + np.square(columns.outcome).mean((1, 2, 3))
        _refuse_empty([name for name, used in zip(self.space.names, which, strict=True) if used], moment)
        curvature = np.zeros(len(which))
        curvature[which] = moment / problem.temperature**2
        if self.prior is not None:
            curvature = curvature + self.prior.precision / self.total_weight
        return curvature


def worth_a_hessian(target: AbstractTarget) -> bool:
    """Whether the Hessian in all free parameters is to be formed unasked: not for the weights of a network."""
    return bool(target.with_errors.all()) if isinstance(target, FitTarget) else True


def _refuse_empty(names: list[str], moment: Float[np.ndarray, " k"]) -> None:
    empty = [name for name, m in zip(names, moment, strict=True) if m == 0]
    if empty:
        raise InvalidInput(
            [
                f"feature '{name}' is zero wherever a move can be chosen: nothing can be learnt; drop it"
                for name in empty
            ]
        )
