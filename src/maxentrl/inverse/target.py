"""The function that a fit maximises: objective, reward, free parameters and prior put together."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.inverse.columns import MAXIMUM_PARAMETERS, columns_along
from maxentrl.inverse.derivatives import Scores, joined_scores, objective_hessian, objective_scores
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.objectives import AbstractObjective, Evaluation, evaluate_at
from maxentrl.inverse.parameters import ParameterSpace, unit_columns
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.reward import coefficient_mask
from maxentrl.status import Failure, InvalidInput, Status

REMEMBERED = 2
"""Points whose plans are kept: the best and the one on trial."""
Found = TypeVar("Found")


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


def recalled(
    memory: dict[bytes, Found], free: Float[np.ndarray, " F"], evaluate: Callable[[Float[np.ndarray, " F"]], Found]
) -> Found:
    """What was found at a point, from memory where it is one of the last ``REMEMBERED``; memory is changed in place."""
    known = memory.pop(free.tobytes(), None) or evaluate(free)
    while len(memory) >= REMEMBERED:
        memory.pop(next(iter(memory)))
    memory[free.tobytes()] = known
    return known


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
    """Σ over scenes of objective(reward(θ)), + log prior(θ), with θ = offset + matrix · free.

    Attributes:
        objectives: the dual or the likelihood of the demonstrations of each scene; one for most fits.
        space: which parameters are free.
        prior: a Gaussian prior, or None.
        memory: the last points evaluated, which optimisers ask for again, with what was planned for them.
    """

    objectives: tuple[AbstractObjective, ...]
    space: ParameterSpace
    prior: GaussianPrior | None = None
    memory: dict[bytes, tuple[Point, tuple[Evaluation, ...]]] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def total_weight(self) -> float:
        return float(sum(objective.total_weight for objective in self.objectives))

    @property
    def n_decisions(self) -> int:
        """Demonstrated decisions (0 where only counts are known)."""
        return sum(objective.n_decisions for objective in self.objectives)

    @property
    def problems(self) -> tuple[InverseProblem, ...]:
        """What is learnt from, one a scene."""
        return tuple(objective.problem for objective in self.objectives)

    @property
    def temperature(self) -> float:
        """τ, the same in all scenes."""
        return self.objectives[0].problem.temperature

    @property
    def linear(self) -> bool:
        """Whether the rewards of all scenes are linear in θ."""
        return all(isinstance(problem.reward, LinearReward) for problem in self.problems)

    @property
    def matching(self) -> bool:
        """Whether it is the dual of feature matching in all scenes."""
        return all(isinstance(objective, FeatureMatching) for objective in self.objectives)

    def residual(self, parameters: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """∂objective/∂θ without the prior: (data − model features)/τ."""
        return np.sum([evaluate_at(one, one.problem.reward, parameters)[1] for one in self.objectives], axis=0)

    def evaluate(self, free: Float[np.ndarray, " F"]) -> Point:
        return self._known(free)[0]

    def visits(self, free: Float[np.ndarray, " F"]) -> tuple[RewardTable, ...]:
        """∂objective/∂reward of each scene: (data − model visits)/τ."""
        return tuple(evaluation.visits for evaluation in self._known(free)[1])

    def _known(self, free: Float[np.ndarray, " F"]) -> tuple[Point, tuple[Evaluation, ...]]:
        """A point with its evaluations, planned anew only where it is none of the last."""
        return recalled(self.memory, np.array(free, float), self._evaluate)

    def _evaluate(self, free: Float[np.ndarray, " F"]) -> tuple[Point, tuple[Evaluation, ...]]:
        parameters = self.space.parameters(free)
        found = [evaluate_at(objective, objective.problem.reward, parameters) for objective in self.objectives]
        value = sum(one for one, _, _ in found)
        gradient = np.sum([one for _, one, _ in found], axis=0)
        if self.prior is not None:
            value += self.prior.log_density(parameters)
            gradient = gradient + self.prior.gradient(parameters)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            worst = int(np.argmax(~np.isfinite(gradient)))
            raise Failure(Status.NON_FINITE, f"value {value}, gradient in '{self.space.names[worst]}'")
        return Point(free, value, self.space.pull_back(gradient)), tuple(one for _, _, one in found)

    def hessian(self, free: Float[np.ndarray, " F"], which: Bool[np.ndarray, " F"]) -> Float[np.ndarray, "k k"]:
        directions = self.space.directions(which)
        found = self.curvature(free, directions)
        if self.prior is not None:
            found = found - directions.T @ (self.prior.precision[:, None] * directions)
        return found

    def curvature(
        self, free: Float[np.ndarray, " F"], directions: Float[np.ndarray, "K D"]
    ) -> Float[np.ndarray, "D D"]:
        """The Hessian along directions of θ, without the prior."""
        parameters, evaluations = self.space.parameters(free), self._known(free)[1]
        each = zip(self.objectives, evaluations, strict=True)
        parts = [objective_hessian(one, one.problem.reward, parameters, directions, known) for one, known in each]
        return np.sum(parts, axis=0)

    def scores(self, free: Float[np.ndarray, " F"], which: Bool[np.ndarray, " F"]) -> Scores:
        """Scores of decisions and episodes in the free parameters marked, without the prior."""
        parameters, evaluations = self.space.parameters(free), self._known(free)[1]
        directions, each = self.space.directions(which), zip(self.objectives, evaluations, strict=True)
        return joined_scores(
            [objective_scores(one, one.problem.reward, parameters, directions, known) for one, known in each]
        )

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
        found = self.space.leading(coefficient_mask(self.problems[0].reward))
        return found if found.sum() <= MAXIMUM_PARAMETERS else np.zeros_like(found)

    def _curvature_guess(self, which: Bool[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        start, directions = self.space.parameters(self.space.start), unit_columns(which)
        shares = [objective.total_weight / self.total_weight for objective in self.objectives]
        each = zip(shares, self.problems, strict=True)
        moment = np.sum([share * _moment(problem, start, directions) for share, problem in each], axis=0)
        _refuse_empty([name for name, used in zip(self.space.names, which, strict=True) if used], moment)
        curvature = np.zeros(len(which))
        curvature[which] = moment / self.temperature**2
        if self.prior is not None:
            curvature = curvature + self.prior.precision / self.total_weight
        return curvature


def _moment(
    problem: InverseProblem, parameters: Float[np.ndarray, " K"], directions: Float[np.ndarray, "K k"]
) -> Float[np.ndarray, " k"]:
    """Mean square of ∂r/∂θ over the pairs that can be chosen, plus that over ends and outcomes."""
    columns = columns_along(problem.reward, parameters, directions)
    subscripts = "ktas,ktas,as->k" if columns.per_step else "kas,kas,as->k"
    share = problem.mdp.available / max(problem.mdp.available.sum(), 1)
    share = share.sum(0, keepdims=True) if columns.by_state else share
    moment = np.einsum(subscripts, columns.pair, columns.pair, share) + np.square(columns.terminal).mean(1)
    return moment if columns.outcome is None else moment + np.square(columns.outcome).mean((1, 2, 3))


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
