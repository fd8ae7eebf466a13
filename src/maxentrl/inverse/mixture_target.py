"""The likelihood of a mixture, with its exact gradient and Hessian in all parameters and mixing weights together.

    ℓ = Σ_i w_i log Σ_c π_c exp L_ic,   L_ic = log-likelihood of trajectory i under component c,   r_ic = posterior of c

    score of trajectory i:   r_ic ∂L_ic/∂θ_c   and   r_ic − π_c in the log-odds
    Hessian:                 Σ_i w_i { E_r[complete Hessian + complete score²] − score score' }        (Louis 1982)

The first term is each component's own Hessian with weights w_i r_ic, so the core's exact derivatives serve here too.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
import scipy.linalg
from jaxtyping import Bool, Float

from maxentrl.inverse.columns import MAXIMUM_PARAMETERS
from maxentrl.inverse.derivatives import objective_hessian, objective_scores
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.mixture_likelihood import ComponentPlan
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.target import AbstractTarget, FitTarget, Point, recalled, worth_a_hessian
from maxentrl.status import Failure, Status


@dataclasses.dataclass(frozen=True, eq=False)
class MixturePoint:
    """A mixture at its parameters.

    Attributes:
        plans: one a component.
        log_weights: log π_c, (C,).
        log_likelihood: of each trajectory under the mixture, in nats, (M,).
        responsibilities: posterior of each component given each trajectory, (M, C).
    """

    plans: tuple[ComponentPlan, ...]
    log_weights: Float[np.ndarray, " C"]
    log_likelihood: Float[np.ndarray, " M"]
    responsibilities: Float[np.ndarray, "M C"]

    @staticmethod
    def of(plans: tuple[ComponentPlan, ...], log_weights: Float[np.ndarray, " C"]) -> MixturePoint:
        """Read the plans of the components: the E step."""
        joint = np.stack([plan.log_likelihood for plan in plans], axis=1) + log_weights
        total = np.logaddexp.reduce(joint, axis=1)
        return MixturePoint(plans, log_weights, total, np.exp(joint - total[:, None]))

    @property
    def parameters(self) -> Float[np.ndarray, "C K"]:
        """θ of each component."""
        return np.stack([plan.parameters for plan in self.plans])

    @property
    def weights(self) -> Float[np.ndarray, " C"]:
        """π_c."""
        return np.exp(self.log_weights)


def joint_space(space: ParameterSpace, count: int) -> ParameterSpace:
    """The free parameters of ``count`` components one after the other, then the log-odds against the last component."""
    odds = [f"log-odds of component {c + 1} against {count}" for c in range(count - 1)]

    def named(names: tuple[str, ...]) -> tuple[str, ...]:
        return (*(f"{name} of component {c + 1}" for c in range(count) for name in names), *odds)

    def repeated(row: np.ndarray, rest: float) -> np.ndarray:
        return np.concatenate([np.tile(row, count), np.full(count - 1, rest)])

    selection = None
    if space.selection is not None:
        selection = np.asarray(scipy.linalg.block_diag(*[space.selection] * count, np.eye(count - 1)))
    return ParameterSpace(
        named(space.names),
        named(space.free_names),
        selection,
        repeated(space.offset, 0.0),
        repeated(space.lower, -np.inf),
        repeated(space.upper, np.inf),
        repeated(space.start, 0.0),
    )


def _whole(space: ParameterSpace) -> Float[np.ndarray, "K F"]:
    """∂θ/∂(free parameters)."""
    return space.directions(np.ones(len(space.free_names), bool))


@dataclasses.dataclass(frozen=True, eq=False)
class MixtureTarget(AbstractTarget):
    """ℓ(θ_1, …, θ_C, log-odds) + Σ_c log prior(θ_c), to be maximised.

    Attributes:
        objective: the likelihood of all trajectories, with their own weights.
        component_space: which parameters of a component are free.
        count: C.
        prior: of each component's parameters, or None.
        space: of the whole vector (see :func:`joint_space`).
        memory: the last points evaluated, with what was planned for them.
    """

    objective: ConditionalLikelihood
    component_space: ParameterSpace
    count: int
    prior: GaussianPrior | None
    space: ParameterSpace
    memory: dict[bytes, tuple[Point, MixturePoint]] = dataclasses.field(default_factory=dict, repr=False)

    @staticmethod
    def of(
        objective: ConditionalLikelihood, space: ParameterSpace, count: int, prior: GaussianPrior | None
    ) -> MixtureTarget:
        """The target of ``count`` components."""
        return MixtureTarget(objective, space, count, prior, joint_space(space, count))

    @property
    def total_weight(self) -> float:
        return self.objective.total_weight

    def free_of(self, parameters: Float[np.ndarray, "C K"], weights: Float[np.ndarray, " C"]) -> np.ndarray:
        """The free vector of components and mixing weights."""
        components = [self.component_space.free_of(row) for row in parameters]
        log_weights = np.log(np.maximum(weights, np.finfo(float).tiny))
        return np.concatenate([*components, log_weights[:-1] - log_weights[-1]])

    def split(self, free: Float[np.ndarray, " F"]) -> tuple[Float[np.ndarray, "C K"], Float[np.ndarray, " C"]]:
        """θ of each component and log π of a free vector."""
        size = len(self.component_space.free_names)
        own = free[: size * self.count].reshape(self.count, size)
        odds = np.append(free[size * self.count :], 0.0)
        return np.stack([self.component_space.parameters(row) for row in own]), odds - np.logaddexp.reduce(odds)

    def evaluate(self, free: Float[np.ndarray, " F"]) -> Point:
        return self._known(free)[0]

    def point(self, free: Float[np.ndarray, " F"]) -> MixturePoint:
        """The mixture at a free vector, with its responsibilities."""
        return self._known(free)[1]

    def value(self, point: MixturePoint) -> float:
        """ℓ plus log prior."""
        prior = 0.0 if self.prior is None else sum(self.prior.log_density(row) for row in point.parameters)
        return float(self.objective.trajectories.weights @ point.log_likelihood) + prior

    def _known(self, free: Float[np.ndarray, " F"]) -> tuple[Point, MixturePoint]:
        return recalled(self.memory, np.array(free, float), self._evaluate)

    def _evaluate(self, free: Float[np.ndarray, " F"]) -> tuple[Point, MixturePoint]:
        parameters, log_weights = self.split(free)
        plans = tuple(ComponentPlan.of(self.objective, row) for row in parameters)
        point = MixturePoint.of(plans, log_weights)
        base, gradients = self.objective.trajectories.weights, []
        for plan, share in zip(plans, point.responsibilities.T, strict=True):
            gradient = plan.gradient(plan.evaluation(base * share))
            if self.prior is not None:
                gradient = gradient + self.prior.gradient(plan.parameters)
            gradients.append(self.component_space.pull_back(gradient))
        odds = base @ (point.responsibilities - point.weights)
        value, gradient = self.value(point), np.concatenate([*gradients, odds[:-1]])
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise Failure(Status.NON_FINITE, f"value {value} of the mixture")
        return Point(free, value, gradient), point

    def hessian(self, free: Float[np.ndarray, " F"], which: Bool[np.ndarray, " F"]) -> Float[np.ndarray, "k k"]:
        point, base = self.point(free), self.objective.trajectories.weights
        size, total = len(self.component_space.free_names), np.zeros((len(free), len(free)))
        known, mean = self.component_scores(point), np.zeros((len(base), len(free)))
        for c, (plan, share) in enumerate(zip(point.plans, point.responsibilities.T, strict=True)):
            block, mass = slice(c * size, (c + 1) * size), base * share
            total[block, block] += self._component_hessian(plan, mass)
            scores = self._complete(known, point, c)
            total += (scores * mass[:, None]).T @ scores
            mean += share[:, None] * scores
        weights, odds = point.weights[:-1], slice(self.count * size, None)
        total[odds, odds] -= base.sum() * (np.diag(weights) - np.outer(weights, weights))
        total -= (mean * base[:, None]).T @ mean
        return total[np.ix_(which, which)]

    def _component_hessian(self, plan: ComponentPlan, mass: Float[np.ndarray, " M"]) -> Float[np.ndarray, "F F"]:
        matrix, reward = _whole(self.component_space), self.objective.problem.reward
        solved = plan.solved(mass)
        found = objective_hessian(solved, reward, plan.parameters, matrix, solved.evaluate(plan.table))
        if self.prior is not None:
            found = found - matrix.T @ (self.prior.precision[:, None] * matrix)
        return found

    def component_scores(self, point: MixturePoint) -> list[Float[np.ndarray, "M F"]]:
        """∂L_ic/∂free parameters of c, unweighted, for each component."""
        ones, reward = np.ones(len(self.objective.trajectories)), self.objective.problem.reward
        found = []
        for plan in point.plans:
            solved = plan.solved(ones)
            evaluation = solved.evaluate(plan.table)
            matrix = _whole(self.component_space)
            found.append(objective_scores(solved, reward, plan.parameters, matrix, evaluation).episode)
        return found

    def _complete(self, scores: list[np.ndarray], point: MixturePoint, c: int) -> Float[np.ndarray, "M F"]:
        """Score of each trajectory were it known to be of component c."""
        parts = [own if k == c else np.zeros_like(own) for k, own in enumerate(scores)]
        odds = (np.arange(self.count) == c) - point.weights
        return np.hstack([*parts, np.broadcast_to(odds[:-1], (len(parts[0]), self.count - 1))])

    def scores(self, point: MixturePoint) -> Float[np.ndarray, "M F"]:
        """Score of each trajectory in the free vector, unweighted and without the prior: Σ_i w_i score_i = gradient."""
        parts = [
            r[:, None] * own for r, own in zip(point.responsibilities.T, self.component_scores(point), strict=True)
        ]
        return np.hstack([*parts, (point.responsibilities - point.weights)[:, :-1]])

    @cached_property
    def single(self) -> FitTarget:
        """The fit of one component to all trajectories."""
        return FitTarget((self.objective,), self.component_space, self.prior)

    @property
    def has_hessian(self) -> bool:
        """Whether second derivatives are formed: not for the weights of a network, nor for very many parameters."""
        return len(self.space.free_names) <= MAXIMUM_PARAMETERS and worth_a_hessian(self.single)

    def scales(self, free: Float[np.ndarray, " F"]) -> Float[np.ndarray, " F"]:
        return np.concatenate(
            [np.tile(self.single.scales(self.component_space.start), self.count), np.ones(self.count - 1)]
        )
