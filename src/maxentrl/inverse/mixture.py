"""Mixtures of intents: several rewards of the same form, and which of them each trajectory followed.

Each trajectory is drawn by one of C soft policies, chosen with probability π_c (a finite mixture; for rewards, Babeş-Vroman
et al. 2011). EM finds the neighbourhood of a maximum, Newton's method on the mixture's own likelihood the maximum.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import cached_property
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.fit import space_of
from maxentrl.inverse.identification import identify
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.mixture_em import ExpectationMaximisation, Iteration, Restart
from maxentrl.inverse.mixture_fit import MixtureFit, StartReport, mixture_fit
from maxentrl.inverse.mixture_start import directions, starting_responsibilities
from maxentrl.inverse.mixture_target import MixturePoint, MixtureTarget
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.optimise import AbstractOptimiser, Optimum, Progress
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.ray import start_of
from maxentrl.status import InvalidInput, Status

SINGLE = 200
"""Most evaluations of the common fit that starts are made from."""


@dataclasses.dataclass(frozen=True)
class MixtureSettings:
    """How a mixture is fitted.

    Attributes:
        starts: seeded starts; the best is kept and all are reported.
        seed: the same seed gives the same result.
        em_iterations: most iterations of EM from each start.
        em_tolerance: EM gives way to Newton's method when an iteration gains less than this many nats per trajectory.
        m_evaluations: evaluations of an M step, its beginning (which is known) counted.
        evaluations: most evaluations of the mixture's likelihood after EM; 1 only measures its gradient.
        gradient_tolerance: what CONVERGED means: the Euclidean norm of the projected gradient of the mixture's
            log-likelihood plus log prior, in all parameters and log-odds, divided by the weight of all trajectories.
    """

    starts: int = 5
    seed: int = 0
    em_iterations: int = 50
    em_tolerance: float = 1e-4
    m_evaluations: int = 3
    evaluations: int = 100
    gradient_tolerance: float = 1e-6

    def __post_init__(self) -> None:
        least = {"starts": 1, "seed": 0, "em_iterations": 0, "m_evaluations": 2, "evaluations": 1}
        problems = [
            f"{name} = {getattr(self, name)}: expected at least {low}"
            for name, low in least.items()
            if getattr(self, name) < low
        ]
        problems += [
            f"{name} = {getattr(self, name)}: expected a number > 0"
            for name in ("em_tolerance", "gradient_tolerance")
            if not getattr(self, name) > 0
        ]
        if problems:
            raise InvalidInput(problems)


@dataclasses.dataclass(frozen=True, eq=False)
class MixtureProgress:
    """One iteration of EM, or one evaluation after it.

    Attributes:
        start: which start, from 0.
        step: "EM", or "Newton" (quasi-Newton steps where Hessians are not formed) after it.
        number: of the iteration or evaluation.
        value: log-likelihood plus log prior, in nats; -inf where a partition function is infinite.
        weights: mixing weights, (C,).
        parameters: of each component, (C, K).
        seconds: since the fit began.
    """

    start: int
    step: str
    number: int
    value: float
    weights: Float[np.ndarray, " C"]
    parameters: Float[np.ndarray, "C K"]
    seconds: float


MixtureCallback: TypeAlias = Callable[[MixtureProgress], None]
SETTINGS = MixtureSettings()


def quiet(progress: MixtureProgress) -> None:
    """The callback that does nothing."""


def fit_mixture(
    problem: InverseProblem,
    components: int,
    *,
    space: ParameterSpace | None = None,
    prior: GaussianPrior | None = None,
    settings: MixtureSettings = SETTINGS,
    start: Float[np.ndarray, "C K"] | None = None,
    progress: MixtureCallback = quiet,
) -> MixtureFit:
    """Learn C rewards and their mixing weights: maximise Σ_i w_i log Σ_c π_c exp L_ic + Σ_c log prior(θ_c).

    L_ic is the conditional log-likelihood of the whole trajectory, Σ_t log π_c(a_t|s_t), with unseen actions summed out.
    (The dual of feature matching is no likelihood under chance, so it is not offered.) Ctrl-C ends the fit with the best
    found so far and ``INTERRUPTED`` (before the first iteration there is nothing to return, and it is raised).

    Args:
        problem: decision process, reward and trajectories.
        components: C.
        space: bounds, fixed and tied parameters of each component; all free by default.
        prior: a Gaussian prior on each component's parameters.
        settings: starts, seed, iterations and tolerances.
        start: θ of each component for the first start, (C, K), with equal weights; feasible for a to-goal problem.
        progress: called at each iteration.

    Returns:
        The best of all starts, components by falling weight (ties by parameters); ``status`` says whether its gradient
        vanishes. A maximum of a mixture's likelihood is a local one: ``starts`` tells how often it was found.

    Raises:
        InvalidInput: components below 1 or more than trajectories, feature counts in place of trajectories, or
            trajectories, bounds or a start that cannot be used.
        Failure: UNREACHABLE_GOAL where a demonstration cannot arrive; INFINITE_PARTITION for an infeasible ``start``.
    """
    space = space_of(problem.reward) if space is None else space
    objective = ConditionalLikelihood.of(problem)
    _check(objective, components, start)
    target = MixtureTarget.of(objective, space, components, prior)
    search = _Search(target, _common(target), settings, progress, time.perf_counter())
    status = search.run(start)
    return mixture_fit(target, search.best.point, search.best.number, search.reports, status, search.seconds)


def _check(objective: ConditionalLikelihood, components: int, start: np.ndarray | None) -> None:
    count = int((objective.trajectories.weights > 0).sum())
    problems = []
    if not 1 <= components <= count:
        problems.append(f"components = {components}: expected 1 to {count}, the number of trajectories with weight")
    expected = (components, len(objective.problem.reward.names))
    if start is not None and (np.shape(start) != expected or not np.isfinite(start).all()):
        problems.append(f"start has shape {np.shape(start)}: expected finite parameters of each component, {expected}")
    if problems:
        raise InvalidInput(problems)


def _common(target: MixtureTarget) -> Float[np.ndarray, " K"]:
    """θ of the fit of a single component."""
    single, space = target.single, target.component_space
    optimum = LBFGSB(max_evaluations=SINGLE).maximise(single, start_of(single))
    if optimum.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    return space.parameters(optimum.point.free)


def _curved(target: MixtureTarget, common: Float[np.ndarray, " K"]) -> bool:
    """Whether Newton's method may be used: Hessians are formed, and the data tell all parameters apart."""
    if not target.has_hessian:
        return False
    free = target.component_space.free_of(common)
    inside = ~target.component_space.at_bound(free)
    names = tuple(np.array(target.component_space.free_names, object)[inside])
    information, scales = -target.single.hessian(free, inside), target.single.scales(free)[inside]
    return not len(identify(names, information, scales, float(target.objective.n_decisions)).null)


@dataclasses.dataclass(eq=False)
class _Run:
    """One start, as far as it has come: its best point, and the values of all iterations."""

    number: int
    point: MixturePoint
    value: float
    values: list[float] = dataclasses.field(default_factory=list)
    restarts: list[Restart] = dataclasses.field(default_factory=list)
    optimum: Optimum | None = None

    def report(self, status: Status) -> StartReport:
        evaluations = 0 if self.optimum is None else self.optimum.evaluations
        norm = None if self.optimum is None else self.optimum.gradient_norm
        weights = np.sort(self.point.weights)[::-1]
        return StartReport(
            self.number, self.value, weights, tuple(self.values), evaluations, norm, status, tuple(self.restarts)
        )


@dataclasses.dataclass(eq=False)
class _Search:
    """All starts, the best of them kept."""

    target: MixtureTarget
    common: Float[np.ndarray, " K"]
    settings: MixtureSettings
    progress: MixtureCallback
    clock: float
    runs: list[_Run] = dataclasses.field(default_factory=list)
    reports: list[StartReport] = dataclasses.field(default_factory=list)

    @cached_property
    def curved(self) -> bool:
        """Whether Newton's method may be used."""
        return _curved(self.target, self.common)

    def optimiser(self, evaluations: int, tolerance: float) -> AbstractOptimiser:
        """Newton's method where it may be used, else a quasi-Newton method, which stays put in flat directions."""
        if self.curved:
            return Newton(gradient_tolerance=tolerance, max_evaluations=evaluations)
        return LBFGSB(gradient_tolerance=tolerance, max_evaluations=evaluations, polish=0)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.clock

    @property
    def best(self) -> _Run:
        """The run of the greatest value; of equal ones the first."""
        return max(self.runs, key=lambda run: run.value)

    def run(self, start: np.ndarray | None) -> Status:
        """Every start; the status of the best, or INTERRUPTED."""
        points = directions(self.target, self.common)
        try:
            for number in range(1 if self.target.count == 1 else self.settings.starts):
                given = start if number == 0 else None
                self.reports.append(self._one(number, points, given))
        except KeyboardInterrupt:
            if not self.runs:
                raise
            if len(self.runs) > len(self.reports):
                self.reports.append(self.runs[-1].report(Status.INTERRUPTED))
            return Status.INTERRUPTED
        return self.reports[self.runs.index(self.best)].status

    def _one(self, number: int, points: np.ndarray, given: np.ndarray | None) -> StartReport:
        generator = np.random.default_rng([self.settings.seed, number])
        inner = self.optimiser(self.settings.m_evaluations, 1e-9)
        em = ExpectationMaximisation(self.target, self.common, inner, generator)

        def first() -> MixturePoint:
            if given is not None:
                return em.from_components(np.asarray(given, float), np.ones(self.target.count))
            return em.from_responsibilities(starting_responsibilities(points, self.target.count, generator))

        for step in em.run(first, self.settings.em_iterations):
            if self._record(number, step):
                break
        return self._finish(self.runs[-1])

    def _record(self, number: int, step: Iteration) -> bool:
        """Keep an iteration; whether EM has become slow."""
        if step.number == 0:
            self.runs.append(_Run(number, step.point, step.value, [step.value]))
            gain = np.inf
        else:
            gain = step.value - self.runs[-1].values[-1]
            self.runs[-1].values.append(step.value)
        run = self.runs[-1]
        if step.value >= run.value:
            run.point, run.value = step.point, step.value
        run.restarts += step.restarts
        self._tell(number, "EM", step.number, step.value, step.point.weights, step.point.parameters)
        slow = gain < self.settings.em_tolerance * self.target.total_weight
        return slow and not step.restarts

    def _finish(self, run: _Run) -> StartReport:
        """Newton's method on the mixture's likelihood, from where EM came to."""
        optimiser = self.optimiser(self.settings.evaluations, self.settings.gradient_tolerance)

        def tell(step: Progress) -> None:
            size = self.target.count * len(self.target.component_space.names)
            odds = np.exp(np.append(step.parameters[size:], 0.0))
            parameters = step.parameters[:size].reshape(self.target.count, -1)
            self._tell(run.number, "Newton", step.evaluation, step.value, odds / odds.sum(), parameters)

        free = self.target.free_of(run.point.parameters, run.point.weights)
        optimum = optimiser.maximise(self.target, free, tell)
        point = self.target.point(optimum.point.free)
        run.optimum = optimum
        run.point, run.value = point, optimum.point.value
        if optimum.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        return run.report(optimum.status)

    def _tell(
        self, start: int, step: str, number: int, value: float, weights: np.ndarray, parameters: np.ndarray
    ) -> None:
        self.progress(MixtureProgress(start, step, number, value, weights, parameters, self.seconds))
