"""How many intents: mixtures of several sizes, judged by BIC or by trajectories held out."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence

import numpy as np

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.mixture import SETTINGS, MixtureCallback, MixtureSettings, fit_mixture, quiet
from maxentrl.inverse.mixture_fit import MixtureFit
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.status import InvalidInput, Status


class AbstractCriterion(abc.ABC):
    """What a mixture is judged by; higher is better."""

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """For tables, with its unit."""

    @abc.abstractmethod
    def score(self, fit: MixtureFit) -> float:
        """The score of a mixture."""


@dataclasses.dataclass(frozen=True)
class InformationCriterion(AbstractCriterion):
    """−BIC/2 = ℓ − ½ n_free log n in nats, n the total weight of the trajectories (Schwarz 1978; Keribin 2000)."""

    @property
    def label(self) -> str:
        return "-BIC/2 in nats, n = weight of the trajectories"

    def score(self, fit: MixtureFit) -> float:
        return -fit.bic / 2


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOutLikelihood(AbstractCriterion):
    """Mean log-likelihood of trajectories that took no part in the fit, by their weights, in nats per trajectory.

    Attributes:
        trajectories: held out.
    """

    trajectories: Trajectories

    @property
    def label(self) -> str:
        return "held-out nats per trajectory"

    def score(self, fit: MixtureFit) -> float:
        return float(np.average(fit.read(self.trajectories).log_likelihood, weights=self.trajectories.weights))


@dataclasses.dataclass(frozen=True, eq=False)
class ComponentChoice:
    """Mixtures of several sizes.

    Attributes:
        fits: one a size, in the order asked for; fewer where the search was interrupted.
        scores: of each, higher is better.
        criterion: what they were judged by.
        status: CONVERGED where every fit did; INTERRUPTED where sizes are missing; else that of the first that did not.
    """

    fits: tuple[MixtureFit, ...]
    scores: tuple[float, ...]
    criterion: AbstractCriterion
    status: Status

    @property
    def best(self) -> MixtureFit:
        """The fit of the highest score; of equal ones the first."""
        return self.fits[int(np.argmax(self.scores))]

    @property
    def components(self) -> int:
        """The number chosen."""
        return len(self.best.weights)

    def __str__(self) -> str:
        rows = [
            f"{len(fit.weights)} components: {score:.4f}{'  <- chosen' if fit is self.best else ''} ({fit.status.name})"
            for fit, score in zip(self.fits, self.scores, strict=True)
        ]
        return "\n".join([self.criterion.label, *rows])


def choose_components(
    problem: InverseProblem,
    counts: Sequence[int],
    criterion: AbstractCriterion,
    *,
    space: ParameterSpace | None = None,
    prior: GaussianPrior | None = None,
    settings: MixtureSettings = SETTINGS,
    progress: MixtureCallback = quiet,
) -> ComponentChoice:
    """Fit a mixture of each size and keep the one of the best score; see :func:`fit_mixture` for the rest.

    Args:
        problem: what is to be learnt from.
        counts: numbers of components.
        criterion: ``InformationCriterion()`` or ``HeldOutLikelihood(trajectories)``.
        space: bounds, fixed and tied parameters of each component.
        prior: on each component's parameters.
        settings: of each fit.
        progress: called at each iteration of each fit.

    Raises:
        InvalidInput: no number of components, or one out of range.
    """
    if not len(counts):
        raise InvalidInput("counts is empty: name at least one number of components")
    fits: list[MixtureFit] = []
    for count in counts:
        try:
            fits.append(fit_mixture(problem, count, space=space, prior=prior, settings=settings, progress=progress))
        except KeyboardInterrupt:
            if not fits:
                raise
            break
        if fits[-1].status is Status.INTERRUPTED:
            break
    scores = tuple(criterion.score(fit) for fit in fits)
    status = Status.INTERRUPTED if len(fits) < len(counts) else Status.CONVERGED
    status = next((fit.status for fit in fits if not fit.status.successful), status)
    return ComponentChoice(tuple(fits), scores, criterion, status)
