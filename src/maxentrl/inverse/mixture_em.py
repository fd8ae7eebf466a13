"""Expectation and maximisation: responsibilities from the plans of the components, then each component's own fit.

The M step is the core's fit of one component with trajectory weights w_i r_ic, begun where the component stands; a few
steps of it are enough, since any step that raises the component's objective raises the mixture's likelihood (generalised
EM, Dempster, Laird & Rubin 1977; with one Newton step, Lange 1995). The first evaluation of each M step reuses the plan
of the E step, so an iteration plans each component once for each step taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.mixture_likelihood import ComponentPlan, weighted
from maxentrl.inverse.mixture_target import MixturePoint, MixtureTarget
from maxentrl.inverse.optimise import AbstractOptimiser
from maxentrl.inverse.target import FitTarget, Point
from maxentrl.status import Status

EMPTY = 1.0
"""A component that holds less than this many trajectories is empty."""
RESTARTS = 3
"""Times that empty components are started again in one run."""


@dataclasses.dataclass(frozen=True)
class Restart:
    """An empty component that was started again.

    Attributes:
        iteration: of EM, from 1.
        component: its number while EM ran, from 0.
        held: trajectories that it held.
        given: trajectories that it was started again from: those that the mixture explained worst.
    """

    iteration: int
    component: int
    held: float
    given: int

    def __str__(self) -> str:
        return (
            f"iteration {self.iteration}: component {self.component + 1} held {self.held:.2g} trajectories and was "
            f"started again from the {self.given} that the mixture explained worst"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Iteration:
    """The state after an iteration of EM.

    Attributes:
        number: from 0, the start.
        point: components, weights and responsibilities.
        value: log-likelihood plus log prior, in nats; never lower than before, but after a restart.
        restarts: of this iteration.
    """

    number: int
    point: MixturePoint
    value: float
    restarts: tuple[Restart, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class ExpectationMaximisation:
    """EM from given responsibilities or components.

    Attributes:
        target: the mixture's likelihood and prior.
        common: θ of the fit of a single component, where empty components begin again, (K,).
        optimiser: of the M step.
        generator: draws the trajectories that an empty component is given.
    """

    target: MixtureTarget
    common: Float[np.ndarray, " K"]
    optimiser: AbstractOptimiser
    generator: np.random.Generator

    def run(self, start: Callable[[], MixturePoint], iterations: int) -> Iterator[Iteration]:
        """The start and at most ``iterations`` iterations, for the caller to stop."""
        point, done = start(), 0
        yield Iteration(0, point, self.target.value(point))
        for number in range(1, iterations + 1):
            shares, plans, restarts = point.responsibilities, list(point.plans), ()
            if done < RESTARTS:
                shares, restarts = self._refilled(point, number)
                done += len(restarts)
            for restart in restarts:
                plans[restart.component] = ComponentPlan.of(self.target.objective, self.common)
            point = self.maximised(tuple(plans), shares)
            yield Iteration(number, point, self.target.value(point), restarts)

    def from_components(self, parameters: Float[np.ndarray, "C K"], weights: Float[np.ndarray, " C"]) -> MixturePoint:
        """The mixture of these components."""
        plans = tuple(ComponentPlan.of(self.target.objective, row) for row in parameters)
        return MixturePoint.of(plans, np.log(weights / weights.sum()))

    def from_responsibilities(self, shares: Float[np.ndarray, "M C"]) -> MixturePoint:
        """The M step from the common fit."""
        plan = ComponentPlan.of(self.target.objective, self.common)
        return self.maximised((plan,) * self.target.count, shares)

    def maximised(self, plans: tuple[ComponentPlan, ...], shares: Float[np.ndarray, "M C"]) -> MixturePoint:
        """The M step, and the E step at its answer."""
        mass = self.target.objective.trajectories.weights[:, None] * shares
        moved = tuple(self._fitted(plan, column) for plan, column in zip(plans, mass.T, strict=True))
        held = np.maximum(mass.sum(0), np.finfo(float).tiny)
        return MixturePoint.of(moved, np.log(held) - np.log(held.sum()))

    def _fitted(self, plan: ComponentPlan, mass: Float[np.ndarray, " M"]) -> ComponentPlan:
        if mass.sum() <= np.finfo(float).tiny:
            return plan
        space, prior = self.target.component_space, self.target.prior
        objective, evaluation = weighted(self.target.objective, mass), plan.evaluation(mass)
        free, gradient, value = space.free_of(plan.parameters), plan.gradient(evaluation), evaluation.value
        if prior is not None:
            value, gradient = value + prior.log_density(plan.parameters), gradient + prior.gradient(plan.parameters)
        start = Point(free, value, space.pull_back(gradient))
        fitting = FitTarget((objective,), space, prior, {free.tobytes(): (start, (evaluation,))})
        optimum = self.optimiser.maximise(fitting, free)
        if optimum.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        known = fitting.memory.get(optimum.point.free.tobytes())
        parameters = space.parameters(optimum.point.free)
        if known is None:
            return ComponentPlan.of(self.target.objective, parameters)
        return ComponentPlan.solved_by(self.target.objective, parameters, known[1][0].solutions)

    def _refilled(self, point: MixturePoint, number: int) -> tuple[Float[np.ndarray, "M C"], tuple[Restart, ...]]:
        """Responsibilities with empty components given trajectories that the mixture explains worst."""
        trajectories = self.target.objective.trajectories
        counted = trajectories.weights > 0
        held = point.responsibilities[counted].sum(0)
        empty, restarts = np.flatnonzero(held < EMPTY), []
        if self.target.count == 1 or not len(empty):
            return point.responsibilities, ()
        shares = point.responsibilities.copy()
        worst = np.argsort(point.log_likelihood / np.maximum(trajectories.lengths, 1), kind="stable")
        worst = worst[counted[worst]]
        pool = worst[: max(len(worst) // self.target.count, len(empty))]
        pool = self.generator.permutation(pool)
        for c, given in zip(empty.tolist(), np.array_split(pool, len(empty)), strict=True):
            shares[given] = np.eye(self.target.count)[c]
            restarts.append(Restart(number, c, float(held[c]), len(given)))
        return shares, tuple(restarts)
