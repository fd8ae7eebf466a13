"""What comes out of fitting a mixture: components, responsibilities, every start, and standard errors."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.mixture_em import EMPTY, Restart
from maxentrl.inverse.mixture_likelihood import ComponentPlan
from maxentrl.inverse.mixture_target import MixturePoint, MixtureTarget, joint_space
from maxentrl.inverse.mixture_uncertainty import mixture_uncertainty
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.summary import coefficient_table
from maxentrl.inverse.uncertainty import Coefficient, ErrorKind, Uncertainty
from maxentrl.mdp.time import Time
from maxentrl.planning.problem import SoftProblem
from maxentrl.status import Status


@dataclasses.dataclass(frozen=True, eq=False)
class StartReport:
    """How one start went.

    Attributes:
        number: of the start, from 0; with the seed it draws the start.
        value: log-likelihood plus log prior at its end, in nats.
        weights: mixing weights at its end, falling, (C,).
        em_values: log-likelihood plus log prior after each iteration of EM, the start first.
        evaluations: of the mixture's likelihood after EM.
        gradient_norm: projected gradient over total weight at its end; None where it was interrupted before.
        status: CONVERGED where that norm met the tolerance; MAXIMUM_ITERATIONS, STALLED or INTERRUPTED.
        restarts: of empty components.
    """

    number: int
    value: float
    weights: Float[np.ndarray, " C"]
    em_values: tuple[float, ...]
    evaluations: int
    gradient_norm: float | None
    status: Status
    restarts: tuple[Restart, ...]

    def __str__(self) -> str:
        weights = ", ".join(f"{weight:.3f}" for weight in self.weights)
        again = "".join(f"\n  {restart}" for restart in self.restarts)
        return (
            f"start {self.number}: {self.value:.4f} nats, weights {weights}, {len(self.em_values) - 1} iterations of EM, "
            f"{self.evaluations} evaluations, {self.status.name}{again}"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class MixtureFit:
    """Learnt components, in the order of falling weight.

    Attributes:
        problem: what was learnt from.
        space: which parameters of a component were free.
        prior: on each component's parameters, or None.
        parameters: θ of each component, (C, K).
        weights: mixing weights, (C,).
        responsibilities: posterior of each component given each trajectory, (M, C).
        walk_log_likelihood: log-likelihood of each trajectory under the mixture, in nats, unweighted, (M,).
        value: log-likelihood (weighted) plus log prior, in nats.
        status: how it ended; CONVERGED only where the gradient of the mixture's objective met the tolerance.
        gradient_norm: projected gradient over total weight; None where the fit was interrupted before it was known.
        kept: the start that was kept, an index of ``starts``.
        starts: every start, in order.
        uncertainty: covariances of the whole mixture, components and log-odds; None without a maximum.
        remarks: what else is to be said.
        seconds: taken.
    """

    problem: InverseProblem
    space: ParameterSpace
    prior: GaussianPrior | None
    parameters: Float[np.ndarray, "C K"]
    weights: Float[np.ndarray, " C"]
    responsibilities: Float[np.ndarray, "M C"]
    walk_log_likelihood: Float[np.ndarray, " M"]
    value: float
    status: Status
    gradient_norm: float | None
    kept: int
    starts: tuple[StartReport, ...]
    uncertainty: Uncertainty | None
    remarks: tuple[str, ...]
    seconds: float

    @property
    def log_likelihood(self) -> float:
        """Σ_i w_i log p(trajectory i), in nats."""
        return float(self.problem.demonstrations.weights @ self.walk_log_likelihood)

    @property
    def n_free(self) -> int:
        """Free parameters: C times those of a component, and C − 1 mixing weights."""
        return len(self.weights) * len(self.space.free_names) + len(self.weights) - 1

    @property
    def bic(self) -> float:
        """−2 ℓ + n_free · log n, lower is better; n is the total weight of the trajectories, not of decisions.

        Source: Schwarz (1978); for the number of components, Keribin (2000). Not a Bayes factor where there is a prior.
        """
        return -2 * self.log_likelihood + self.n_free * math.log(float(self.problem.demonstrations.weights.sum()))

    @property
    def weight_errors(self) -> Float[np.ndarray, " C"] | None:
        """Standard errors of the mixing weights, by the delta method; None where there are none."""
        if self.uncertainty is None:
            return None
        count = len(self.weights)
        jacobian = np.diag(self.weights) - np.outer(self.weights, self.weights)
        size = count * len(self.space.names)
        covariance = self.uncertainty.covariance()[size:, size:]
        return np.sqrt(np.maximum(np.diag(jacobian[:, :-1] @ covariance @ jacobian[:, :-1].T), 0.0))

    def planning(self, component: int, time: Time) -> SoftProblem:
        """The planning problem under one component's reward, ready for ``solve``."""
        return self.problem.forward(reward_table(self.problem.reward, self.parameters[component]), time)

    def read(self, trajectories: Trajectories) -> MixturePoint:
        """Other trajectories under the mixture: their log-likelihoods and responsibilities.

        Raises:
            InvalidInput: trajectories that the process does not allow.
        """
        objective = ConditionalLikelihood.of(dataclasses.replace(self.problem, demonstrations=trajectories))
        plans = tuple(ComponentPlan.of(objective, row) for row in self.parameters)
        with np.errstate(divide="ignore"):
            return MixturePoint.of(plans, np.log(self.weights))

    def table(self, kind: ErrorKind | None = None) -> tuple[Coefficient, ...]:
        """One row a parameter of each component, then the log-odds; numbers that are not known are None."""
        names = joint_space(self.space, len(self.weights)).names
        odds = np.log(np.maximum(self.weights, np.finfo(float).tiny))
        values = np.concatenate([self.parameters.ravel(), odds[:-1] - odds[-1]])
        if self.uncertainty is not None:
            return self.uncertainty.coefficients(names, values, kind)
        rows = zip(names, values.tolist(), strict=True)
        return tuple(
            Coefficient(name, value, None, None, None, None, None, "no standard error") for name, value in rows
        )

    def summary(self, kind: ErrorKind | None = None) -> str:
        """Weights, coefficient table, every start and remarks as text."""
        errors = self.weight_errors
        weights = [
            f"{weight:.4f}" + ("" if errors is None else f" ± {errors[c]:.4f}") for c, weight in enumerate(self.weights)
        ]
        head = [
            f"Mixture of {len(self.weights)}: {self.value:.6f} nats, BIC {self.bic:.2f} with n = "
            f"{self.problem.demonstrations.weights.sum():g} trajectories",
            f"mixing weights {', '.join(weights)}",
            self.status.value,
        ]
        return "\n".join([*head, coefficient_table(self.table(kind)), *map(str, self.starts), *self.remarks])


def mixture_fit(
    target: MixtureTarget, point: MixturePoint, kept: int, starts: list[StartReport], status: Status, seconds: float
) -> MixtureFit:
    """The result of the start that is kept, at its best point, components in their order."""
    point, problem = _ordered(point), target.objective.problem
    free = target.free_of(point.parameters, point.weights)
    uncertainty, remarks = None, _remarks(point, target, starts[kept], starts)
    if status is Status.CONVERGED:
        uncertainty, why = mixture_uncertainty(target, free)
        remarks += why
    return MixtureFit(
        problem=problem,
        space=target.component_space,
        prior=target.prior,
        parameters=point.parameters,
        weights=point.weights,
        responsibilities=point.responsibilities,
        walk_log_likelihood=point.log_likelihood,
        value=starts[kept].value,
        status=status,
        gradient_norm=starts[kept].gradient_norm,
        kept=kept,
        starts=tuple(starts),
        uncertainty=uncertainty,
        remarks=tuple(remarks),
        seconds=seconds,
    )


def _ordered(point: MixturePoint) -> MixturePoint:
    """Components by falling weight; weights that agree to nine digits, by their parameters."""
    keys = [(-round(weight, 9), *row.tolist()) for weight, row in zip(point.weights, point.parameters, strict=True)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return MixturePoint(
        tuple(point.plans[c] for c in order),
        point.log_weights[order],
        point.log_likelihood,
        point.responsibilities[:, order],
    )


def _remarks(point: MixturePoint, target: MixtureTarget, kept: StartReport, starts: list[StartReport]) -> list[str]:
    remarks = [str(restart) for restart in kept.restarts]
    held = point.responsibilities[target.objective.trajectories.weights > 0].sum(0)
    remarks += [
        f"component {c + 1} holds {held[c]:.2g} trajectories: fewer components would do"
        for c in np.flatnonzero(held < EMPTY)
    ]
    same = sum(abs(report.value - kept.value) <= 1e-4 * max(target.total_weight, 1.0) for report in starts)
    if len(starts) > 1 and same == 1:
        remarks.append(f"of {len(starts)} starts one only came to this maximum: more starts may find a better one")
    return remarks
