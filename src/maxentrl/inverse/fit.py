"""Fitting a reward to demonstrations, and what comes out of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.certificate import UNDECIDED, Certificate, certify
from maxentrl.inverse.columns import MAXIMUM_PARAMETERS
from maxentrl.inverse.common_sizes import in_common_sizes
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import AbstractObjective
from maxentrl.inverse.optimise import AbstractOptimiser, Callback, Progress, silent
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.ray import start_of
from maxentrl.inverse.summary import coefficient_table
from maxentrl.inverse.target import FitTarget
from maxentrl.inverse.uncertainty import WEIGHT, Coefficient, ErrorKind, Uncertainty, uncertainty_of
from maxentrl.mdp.time import Discounted, Time
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.problem import SoftProblem
from maxentrl.rewards.reward import AbstractReward, coefficient_mask, starting_parameters
from maxentrl.status import Failure, InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """A learnt reward, with its certificate and uncertainty.

    Attributes:
        objectives: the dual or likelihood that was maximised, one a scene; their problems are what was learnt from.
        space: which parameters were free.
        prior: the prior, or None.
        parameters: θ̂, (K,), in the order of ``reward.names``.
        value: objective plus log prior at θ̂, in nats.
        certificate: how it ended and the evidence.
        uncertainty: standard errors; None where the fit has no maximum, was interrupted, or has too many parameters.
        start: θ at which it began, (K,).
        history: every evaluation, in order; without their parameters where these are more than 2000.
    """

    objectives: tuple[AbstractObjective, ...]
    space: ParameterSpace
    prior: GaussianPrior | None
    parameters: Float[np.ndarray, " K"]
    value: float
    certificate: Certificate
    uncertainty: Uncertainty | None
    start: Float[np.ndarray, " K"]
    history: tuple[Progress, ...]

    @property
    def status(self) -> Status:
        """How the fit ended."""
        return self.certificate.status

    @property
    def problems(self) -> tuple[InverseProblem, ...]:
        """What was learnt from, one a scene."""
        return tuple(objective.problem for objective in self.objectives)

    @property
    def coefficients(self) -> Mapping[str, float]:
        """θ̂ by name."""
        return dict(zip(self.space.names, self.parameters.tolist(), strict=True))

    def reward_table(self, scene: int = 0) -> RewardTable:
        """The learnt rewards of a scene."""
        return reward_table(self.problems[scene].reward, self.parameters)

    def planning(self, time: Time, scene: int = 0) -> SoftProblem:
        """The planning problem under the learnt reward of a scene, ready for ``solve``."""
        return self.problems[scene].forward(self.reward_table(scene), time)

    def table(self, kind: ErrorKind | None = None) -> tuple[Coefficient, ...]:
        """One row a parameter: estimate, standard error, z, p, 95 % interval; None, with a note, where not known."""
        if self.uncertainty is not None:
            return self.uncertainty.coefficients(self.space.names, self.parameters, kind)
        note = "" if self.status is Status.CONVERGED else "no standard error: the fit did not converge"
        if self.status in (Status.EARLY_STOPPED, Status.STEPS_TAKEN):
            note = "no standard error: stopped before the maximum"
        weight = ~coefficient_mask(self.problems[0].reward)
        rows = zip(self.space.names, self.parameters, np.where(weight, WEIGHT, note), strict=True)
        return tuple(Coefficient(name, float(value), None, None, None, None, None, str(n)) for name, value, n in rows)

    def summary(self, kind: ErrorKind | None = None) -> str:
        """The coefficient table, certificate and remarks as text."""
        matching = all(isinstance(objective, FeatureMatching) for objective in self.objectives)
        weight = sum(objective.total_weight for objective in self.objectives)
        decisions = sum(objective.n_decisions for objective in self.objectives)
        scenes = f"{len(self.objectives)} scenes, " if len(self.objectives) > 1 else ""
        times = ", ".join(dict.fromkeys(str(problem.time) for problem in self.problems))
        used = kind or (self.uncertainty.default if self.uncertainty else None)
        head = [
            f"{'Feature matching (dual)' if matching else 'Conditional likelihood'}: {self.value:.6f} nats",
            f"{scenes}weight {weight:g}, {decisions} decisions, temperature {self.problems[0].temperature:g}, {times}",
            f"standard errors: {used.value if used else 'none'}",
        ]
        remarks = list(self.uncertainty.remarks) if self.uncertainty else []
        rows = [row for row in self.table(kind) if row.note != WEIGHT]
        weights = self.parameters[~coefficient_mask(self.problems[0].reward)]
        if len(weights):
            remarks.insert(0, f"{len(weights)} weights of a network, of norm {np.linalg.norm(weights):.4g}")
        return "\n".join([*head, *([coefficient_table(rows)] if rows else []), str(self.certificate), *remarks])


def space_of(reward: AbstractReward) -> ParameterSpace:
    """Every parameter free, from the reward's own start (the first weights of a network)."""
    start = dict(zip(reward.names, starting_parameters(reward).tolist(), strict=True))
    return ParameterSpace.of(reward.names, start=start)


def default_objective(problem: InverseProblem) -> AbstractObjective:
    """The likelihood under a discount or with censored walks, feature matching elsewhere."""
    demonstrations = problem.demonstrations
    if isinstance(demonstrations, Trajectories) and (
        isinstance(problem.time, Discounted) or demonstrations.censored.any()
    ):
        return ConditionalLikelihood.of(problem)
    return FeatureMatching.of(problem)


def fit(
    problem: InverseProblem | Sequence[InverseProblem],
    *,
    objective: AbstractObjective | Sequence[AbstractObjective] | None = None,
    space: ParameterSpace | None = None,
    prior: GaussianPrior | None = None,
    optimiser: AbstractOptimiser | None = None,
    start: Float[np.ndarray, " K"] | None = None,
    progress: Callback = silent,
) -> Fit:
    """Learn θ: maximise the objective (plus log prior) over the free parameters.

    Args:
        problem: decision process, reward and demonstrations; or several scenes whose rewards have the same parameters.
        objective: ``FeatureMatching.of(problem)`` or ``ConditionalLikelihood.of(problem)``, one a scene; by default see
            :func:`default_objective`.
        space: bounds, fixed and tied parameters; all free by default, from the reward's own start.
        prior: a Gaussian prior; none by default.
        optimiser: ``LBFGSB()`` by default.
        start: θ to begin at, for instance a checkpoint's; by default the space's start. An infeasible one is replaced
            (see ``feasible_start``).
        progress: called at every evaluation.

    Returns:
        A fit whose ``status`` says whether it may be used; a fit without a maximum, one that stalled or one that was
        interrupted is returned too, with the best point found and no standard errors.

    Raises:
        InvalidInput: demonstrations, bounds or features that cannot be used; scenes whose parameters or temperatures
            differ, by number.
        Failure: UNREACHABLE_GOAL where a demonstration cannot arrive.
    """
    scenes = (problem,) if isinstance(problem, InverseProblem) else tuple(problem)
    _check_alike(scenes)
    space = space_of(scenes[0].reward) if space is None else space
    if objective is None:
        objective = [default_objective(scene) for scene in scenes]
    target = FitTarget((objective,) if isinstance(objective, AbstractObjective) else tuple(objective), space, prior)
    if target.problems != scenes:
        raise InvalidInput("objective: expected one objective of each problem, in their order")
    wanted = _wanted(space, scenes[0].reward) if start is None else space.free_of(start)
    asked, target = target, in_common_sizes(target)
    for scene in target.problems:  # a network that gives NaN is refused here, by name
        reward_table(scene.reward, space.parameters(wanted))
    begin = start_of(target, wanted)
    history: list[Progress] = []

    def log(step: Progress) -> None:
        small = len(step.parameters) <= MAXIMUM_PARAMETERS
        history.append(step if small else dataclasses.replace(step, parameters=np.zeros(0)))
        progress(step)

    optimum = (LBFGSB() if optimiser is None else optimiser).maximise(target, begin, log)
    uncertainty, smallest = _uncertainty(target, optimum.point.free, optimum.status)
    certificate = certify(target, begin, optimum, smallest)
    return Fit(
        objectives=asked.objectives,
        space=space,
        prior=prior,
        parameters=space.parameters(optimum.point.free),
        value=optimum.point.value,
        certificate=certificate,
        uncertainty=uncertainty if certificate.status.successful and certificate.detail != UNDECIDED else None,
        start=space.parameters(begin),
        history=tuple(history),
    )


def _check_alike(scenes: Sequence[InverseProblem]) -> None:
    if not scenes:
        raise InvalidInput("there is no problem to fit: give one, or a list of scenes")
    names, temperature = tuple(scenes[0].reward.names), scenes[0].temperature
    problems = []
    for number, scene in enumerate(scenes[1:], 1):
        other = tuple(scene.reward.names)
        if other != names:
            missing, new = [n for n in names if n not in other], [n for n in other if n not in names]
            told = f"lacks {missing}, adds {new}" if missing or new else "has them in another order"
            problems.append(f"scene {number}: its reward has other parameters than scene 0: it {told}")
        if scene.temperature != temperature:
            problems.append(f"scene {number}: temperature {scene.temperature:g}, in scene 0 {temperature:g}")
    if problems:
        raise InvalidInput(problems[:20])


def _wanted(space: ParameterSpace, reward: AbstractReward) -> Float[np.ndarray, " F"]:
    """The space's start, with the reward's own for weights of a network that it leaves at zero, where none can learn."""
    parameters = space.parameters(space.start)
    unset = (parameters == 0) & ~coefficient_mask(reward) & ~space.fixed
    if not unset.any():
        return space.start
    return space.free_of(np.where(unset, starting_parameters(reward), parameters))


def _uncertainty(target: FitTarget, free: Float[np.ndarray, " F"], status: Status) -> tuple[Uncertainty | None, float]:
    """Standard errors where the optimiser converged, and the smallest information per decision."""
    if status is not Status.CONVERGED or not target.with_errors.any():
        return None, np.inf
    try:
        uncertainty = uncertainty_of(target, free)
    except Failure:
        return None, np.inf
    scales = target.scales(free)[uncertainty.interior]
    scaled = uncertainty.identification.information * np.outer(scales, scales)
    values = np.linalg.eigvalsh(scaled / max(target.n_decisions, target.total_weight))
    ranked = np.sort(values)[len(uncertainty.identification.null) :]
    return uncertainty, float(ranked.min(initial=np.inf))
