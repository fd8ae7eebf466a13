"""Rewards that drift: time-varying weights of known maps, shared by all trajectories at the same tick of a clock.

    r_t(s, a) = Σ_k θ_{k,t} φ_k(s, a),   θ_{k,t} ~ N(θ_{k,t−1}, σ_k²)

The schedule is the maximum of the posterior; its intervals are those of the Gaussian with the same peak and curvature
(Laplace). Source: Ashwood, Jha & Pillow (2022), "Dynamic inverse reinforcement learning for characterizing animal
behavior", with known maps.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.stats
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.columns import MAXIMUM_PARAMETERS
from maxentrl.inverse.drift_agents import AbstractAgent
from maxentrl.inverse.drift_newton import DriftPoint, DriftSearch, DriftSettings
from maxentrl.inverse.drift_objective import AbstractDriftObjective, LookaheadObjective
from maxentrl.inverse.drift_prior import RandomWalkPrior
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.optimise import Callback, Progress, silent
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.ray import start_of
from maxentrl.inverse.target import FitTarget
from maxentrl.planning.problem import SoftProblem
from maxentrl.status import InvalidInput, Status

SETTINGS = DriftSettings()
CONSTANT_EVALUATIONS = 200
"""Most evaluations of the fit without drift at which the search begins."""


@dataclasses.dataclass(frozen=True, eq=False)
class DriftFit:
    """A learnt schedule of weights.

    Attributes:
        problem: what was learnt from.
        agent: how the agent plans.
        prior: the random walk.
        clock: tick at which each trajectory began, (M,).
        every: ticks a step of the schedule.
        weights: θ, (J, K), in the order of ``problem.reward.names``.
        value: log-likelihood plus log prior (without its constants), in nats.
        log_likelihood: of the trajectories, weighted, in nats.
        constant: the weights of the fit without drift at which the search began, (K,).
        status: how it ended; CONVERGED only as ``DriftSettings.tolerance`` says.
        decrement: nats that a further Newton step promised, ½ gᵀ(−H)⁻¹g; None where the fit ended before it was known.
        gradient_norm: of the log posterior over the weight of all trajectories.
        covariance: of each step's weights, (J, K, K), from the exact Hessian; None without a maximum (``remarks`` say why).
        remarks: what else is to be said.
        history: every evaluation.
        seconds: taken.
    """

    problem: InverseProblem
    agent: AbstractAgent
    prior: RandomWalkPrior
    clock: Int[np.ndarray, " M"]
    every: int
    weights: Float[np.ndarray, "J K"]
    value: float
    log_likelihood: float
    constant: Float[np.ndarray, " K"]
    status: Status
    decrement: float | None
    gradient_norm: float
    covariance: Float[np.ndarray, "J K K"] | None
    remarks: tuple[str, ...]
    history: tuple[Progress, ...]
    seconds: float

    @property
    def standard_errors(self) -> Float[np.ndarray, "J K"] | None:
        """Posterior standard deviation of each weight at each step; None where there is none."""
        if self.covariance is None:
            return None
        return np.sqrt(np.maximum(np.diagonal(self.covariance, axis1=1, axis2=2), 0.0))

    def interval(self, level: float = 0.95) -> tuple[Float[np.ndarray, "J K"], Float[np.ndarray, "J K"]] | None:
        """Pointwise interval of each weight at each step: each covers by itself, not the whole curve."""
        errors = self.standard_errors
        if errors is None:
            return None
        half = float(scipy.stats.norm.ppf(0.5 + level / 2)) * errors
        return self.weights - half, self.weights + half

    def weights_at(self, ticks: int) -> Float[np.ndarray, "T K"]:
        """The weights of ticks 0 to ``ticks`` − 1; after the schedule its last ones stay, as the random walk expects."""
        step = np.minimum(np.arange(ticks) // self.every, len(self.weights) - 1)
        return self.weights[step]

    def planning(self, tick: int, ticks: int | None = None) -> SoftProblem:
        """What the agent solves at a tick, of ``ticks`` in all (those of the schedule unless given), for ``solve``."""
        total = len(self.weights) * self.every if ticks is None else ticks
        if not 0 <= tick < total:
            raise InvalidInput(f"tick = {tick}: expected 0 to {total - 1}")
        return self.agent.planning(self.problem, self.weights_at(total), tick)

    def walk_log_likelihood(
        self, trajectories: Trajectories, clock: Int[np.ndarray, " M"] | None = None
    ) -> Float[np.ndarray, " M"]:
        """Log-likelihood of each of other trajectories under this schedule, in nats, (M,).

        Raises:
            InvalidInput: trajectories that the process or the agent does not allow.
        """
        problem = dataclasses.replace(self.problem, demonstrations=trajectories)
        objective = self.agent.objective(problem, _clock(trajectories, clock), self.every)
        step = np.minimum(np.arange(objective.count), len(self.weights) - 1)
        return objective.walk_log_likelihood(objective.evaluate(self.weights[step]))


def fit_drift(
    problem: InverseProblem,
    agent: AbstractAgent,
    prior: RandomWalkPrior,
    *,
    clock: Int[np.ndarray, " M"] | None = None,
    every: int = 1,
    settings: DriftSettings = SETTINGS,
    start: Float[np.ndarray, "J K"] | None = None,
    progress: Callback = silent,
) -> DriftFit:
    """The maximum of log-likelihood plus log prior over schedules of weights, by Newton's method.

    The likelihood is that of the choices, Σ log π_t(a_t|s_t), with unseen actions summed out. Ctrl-C ends the fit with
    the best schedule so far and ``INTERRUPTED``.

    Args:
        problem: decision process, a ``LinearReward`` of the maps, and trajectories.
        agent: ``PersistentAgent()`` or ``LookaheadAgent()``.
        prior: the random walk; see :func:`choose_smoothness`.
        clock: tick at which each trajectory begins, (M,); 0 for all by default, so that a tick is a step of the walk.
        every: ticks that share their weights: a coarser schedule for long clocks.
        settings: when the search ends.
        start: a schedule to begin at, (J, K), such as that of another smoothness; else the fit without drift.
        progress: called at every evaluation, with the weights in one row.

    Raises:
        InvalidInput: a reward that is not linear, or trajectories, clock or kind of time that the agent cannot have.
        Failure: UNREACHABLE_GOAL, or INFINITE_PARTITION where ``start`` is infeasible.
    """
    trajectories = problem.demonstrations
    ticks = _clock(trajectories, clock)
    objective = agent.objective(problem, ticks, every)
    size = len(problem.reward.names)
    problems = []
    if prior.step_scale.shape != (size,):
        problems.append(f"the prior has {len(prior.step_scale)} step scales, the reward {size} maps")
    if start is not None and (np.shape(start) != (objective.count, size) or not np.isfinite(start).all()):
        problems.append(f"start has shape {np.shape(start)}: expected finite weights, {(objective.count, size)}")
    if isinstance(objective, LookaheadObjective) and objective.count * size > MAXIMUM_PARAMETERS:
        problems.append(
            f"{objective.count} steps of {size} weights: LookaheadAgent forms a Hessian of at most {MAXIMUM_PARAMETERS}; "
            "raise every, or use PersistentAgent"
        )
    if problems:
        raise InvalidInput(problems)
    constant = _constant(objective) if start is None else np.average(start, axis=0)
    begin = np.tile(constant, (objective.count, 1)) if start is None else np.array(start, float)
    search = DriftSearch(DriftPoint.of(objective, prior, begin), settings, progress)
    status = search.run()
    return _finished(problem, agent, ticks, every, constant, search, status)


def _clock(trajectories: object, clock: np.ndarray | None) -> Int[np.ndarray, " M"]:
    if clock is not None:
        return np.asarray(clock)
    return np.zeros(len(trajectories) if isinstance(trajectories, Trajectories) else 0, np.int64)


def _constant(objective: AbstractDriftObjective) -> Float[np.ndarray, " K"]:
    """The fit without drift: feasible, and the limit of a smooth prior."""
    space = ParameterSpace.of(objective.reward.names)
    target = FitTarget((objective.constant,), space)
    optimum = LBFGSB(max_evaluations=CONSTANT_EVALUATIONS).maximise(target, start_of(target))
    if optimum.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    return space.parameters(optimum.point.free)


def _finished(
    problem: InverseProblem,
    agent: AbstractAgent,
    clock: Int[np.ndarray, " M"],
    every: int,
    constant: Float[np.ndarray, " K"],
    search: DriftSearch,
    status: Status,
) -> DriftFit:
    point = search.point
    covariance, remarks = None, ()
    if status is Status.CONVERGED:
        covariance, remarks = _covariance(point)
    elif status is Status.STALLED and point.stepped and not point.is_maximum:
        remarks = ("no intervals: the log posterior is not concave here, so this is no maximum",)
    return DriftFit(
        problem=problem,
        agent=agent,
        prior=point.prior,
        clock=clock,
        every=every,
        weights=point.weights,
        value=point.value,
        log_likelihood=point.evaluation.value,
        constant=constant,
        status=status,
        decrement=point.decrement if point.stepped else None,
        gradient_norm=point.gradient_norm,
        covariance=covariance,
        remarks=remarks,
        history=tuple(search.history),
        seconds=search.seconds,
    )


def _covariance(point: DriftPoint) -> tuple[Float[np.ndarray, "J K K"] | None, tuple[str, ...]]:
    """Posterior covariances, or None where the data and the prior leave the level of a weight open."""
    if len(point.identification.null):
        return None, tuple(f"no intervals: {message}" for message in point.identification.messages)
    return point.factor[0].covariance(), ()
