"""Behaviour cloning by a multinomial logit over features of moves, with standard errors."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.choice_features import ChoiceFeatures
from maxentrl.imitation.choice_separation import find_separation
from maxentrl.imitation.choices import Choices
from maxentrl.imitation.logit import ConditionalLogit
from maxentrl.imitation.policy import AbstractPolicy, LogPolicy, log_choice
from maxentrl.inverse.identification import Identification, identify
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.optimise import AbstractOptimiser, Callback, Optimum, silent
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.summary import coefficient_table
from maxentrl.inverse.uncertainty import Coefficient, ErrorKind, Uncertainty, covariances_of
from maxentrl.mdp.mdp import MDP
from maxentrl.status import Failure, InvalidInput, Status

FAR = 30.0
"""Parameters beyond this many of their scales make a fit look for separation."""
FLAT = 1e-5
"""Information per decision, in scaled parameters, below which it does so too."""


@dataclasses.dataclass(frozen=True, eq=False)
class LogisticClone(AbstractPolicy):
    """π(a|s, g) ∝ exp(θ·φ(s, a, g)) over the available moves.

    Attributes:
        mdp: the decision process.
        features: φ.
        parameters: θ̂, (K,).
        value: log-likelihood plus log prior, in nats.
        status: how the fit ended; SEPARATION where the likelihood has no maximum.
        detail: the features that belong to the status; empty where there are none.
        gradient_norm: Euclidean norm of the gradient over the total weight of the walks.
        uncertainty: standard errors; None where the fit has no maximum or did not converge.
        n_decisions: decisions learnt from.
        evaluations: of value and gradient.
        seconds: taken by the optimiser.
    """

    mdp: MDP
    features: ChoiceFeatures
    parameters: Float[np.ndarray, " K"]
    value: float
    status: Status
    detail: str
    gradient_norm: float
    uncertainty: Uncertainty | None
    n_decisions: int
    evaluations: int
    seconds: float

    def log_policy(self, goal: int = UNKNOWN) -> LogPolicy:
        states = np.arange(self.mdp.n_states)
        table = self.features.at(states, np.full(len(states), int(goal)))
        return log_choice(np.tensordot(self.parameters, table, 1), self.mdp.available)

    def table(self, kind: ErrorKind | None = None) -> tuple[Coefficient, ...]:
        """One row a feature: estimate, standard error, z, p, 95 % interval; None, with a note, where not known."""
        if self.uncertainty is not None:
            return self.uncertainty.coefficients(self.features.names, self.parameters, kind)
        note = "no standard error: the fit has no maximum or did not converge"
        rows = zip(self.features.names, self.parameters, strict=True)
        return tuple(Coefficient(name, float(value), None, None, None, None, None, note) for name, value in rows)

    def summary(self, kind: ErrorKind | None = None) -> str:
        """The coefficient table and how the fit ended, as text."""
        used = kind or (self.uncertainty.default if self.uncertainty else None)
        lines = [
            f"Conditional logit (behaviour cloning): {self.value:.6f} nats, {self.n_decisions} decisions",
            f"standard errors: {used.value if used else 'none'}",
            coefficient_table(self.table(kind)),
            f"{self.status.value}{': ' + self.detail if self.detail else ''}",
            f"gradient norm {self.gradient_norm:.2e}, {self.evaluations} evaluations, {self.seconds:.2f} s",
        ]
        return "\n".join([*lines, *(self.uncertainty.remarks if self.uncertainty else ())])


def clone_by_logit(
    mdp: MDP,
    trajectories: Trajectories,
    features: ChoiceFeatures,
    *,
    prior: GaussianPrior | None = None,
    optimiser: AbstractOptimiser | None = None,
    progress: Callback = silent,
) -> LogisticClone:
    """Fit the choices by maximum likelihood, or by the posterior's mode under a Gaussian prior.

    Only the states that were visited enter, so the cost does not grow with the world. Each decision counts with its
    walk's weight; censored walks are used as they are; actions that were not seen are summed out.

    Args:
        mdp: which moves are available; probabilities matter only where actions were not seen.
        trajectories: demonstrations.
        features: φ; where they use the goal, each walk needs its own.
        prior: θ ~ N(mean, scale²); needed where the likelihood has no maximum, as with few walks and many features.
        optimiser: ``Newton()`` by default.
        progress: called at every evaluation.

    Raises:
        InvalidInput: impossible moves, walks without a goal that the features need, no feature, no decision, or a prior
            of other parameters.
    """
    if not features.names or not trajectories.lengths.sum() or not trajectories.weights.sum() > 0:
        raise InvalidInput("cloning needs at least one feature and one decision of positive weight")
    if prior is not None and len(prior.mean) != len(features.names):
        raise InvalidInput(f"the prior is of {len(prior.mean)} parameters, the features are {len(features.names)}")
    choices = Choices.of(mdp, trajectories, features).relative()
    space = ParameterSpace.of(features.names)
    target = ConditionalLogit(choices, space, trajectories.weights, prior)
    optimum = (Newton() if optimiser is None else optimiser).maximise(target, space.start, progress)
    found, smallest = _identification(target, optimum)
    status, detail = _judged(target, optimum, smallest)
    return LogisticClone(
        mdp=mdp,
        features=features,
        parameters=space.parameters(optimum.point.free),
        value=optimum.point.value,
        status=status,
        detail=detail,
        gradient_norm=optimum.gradient_norm,
        uncertainty=_uncertainty(target, optimum, found) if status.successful else None,
        n_decisions=int(trajectories.lengths.sum()),
        evaluations=optimum.evaluations,
        seconds=optimum.seconds,
    )


def _identification(target: ConditionalLogit, optimum: Optimum) -> tuple[Identification, float]:
    """Null directions, and the smallest information per decision of any other, in scaled parameters."""
    names, free = target.space.free_names, optimum.point.free
    information = -target.hessian(free, np.ones(len(names), bool))
    scales, count = target.scales(free), max(float(target.choices.weights.sum()), np.finfo(float).tiny)
    found = identify(names, information, scales, count)
    values = np.sort(np.linalg.eigvalsh(found.information * np.outer(scales, scales) / count))
    return found, float(values[len(found.null) :].min(initial=np.inf))


def _judged(target: ConditionalLogit, optimum: Optimum, smallest: float) -> tuple[Status, str]:
    if optimum.status is Status.INTERRUPTED or (target.prior is not None and (target.prior.precision > 0).all()):
        return optimum.status, ""
    far = float(np.max(np.abs(optimum.point.free) / target.scales(optimum.point.free), initial=0.0))
    if optimum.status is Status.CONVERGED and far <= FAR and smallest >= FLAT:
        return optimum.status, ""
    named = find_separation(target.choices, target.space.names, target.scales(optimum.point.free), target.prior)
    return (Status.SEPARATION, named) if named else (optimum.status, "")


def _uncertainty(target: ConditionalLogit, optimum: Optimum, found: Identification) -> Uncertainty | None:
    bread = found.inverse()
    try:
        covariances, remarks = covariances_of(target.scores(optimum.point.free), bread, len(bread) - len(found.null))
    except Failure:
        return None
    if target.prior is not None:
        remarks = [*remarks, "errors are of the posterior under the Gaussian prior (Laplace)"]
    if not found.concave:
        remarks = [*remarks, "the likelihood is not concave here: this is not a maximum, start elsewhere"]
    notes = tuple("" if known else "not identified" for known in found.identified)
    return Uncertainty(
        np.arange(len(bread)),
        found,
        covariances,
        target.space.matrix,
        notes,
        (*found.messages, *remarks),
        next(k for k in (ErrorKind.CLUSTERED, ErrorKind.ROBUST, ErrorKind.CLASSICAL) if k in covariances),
    )
