"""What a fit of a specification solves: the problems of its scenes, what is free, and how it is learnt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.batches import AbstractBatches, EveryWalk, GoalBatches, SceneBatches, WalkBatches
from maxentrl.inverse.fit import Fit, fit
from maxentrl.inverse.gradient_steps import GradientSteps, Keep, adam, forget
from maxentrl.inverse.held_out import HeldOut, split_walks
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.objectives import AbstractObjective
from maxentrl.inverse.optimise import AbstractOptimiser
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.textbook import TextbookGradient
from maxentrl.inverse.training_state import TrainingState
from maxentrl.readers.spec_learning import FitSettings, GoalBatchTable, Training, WalkBatchTable
from maxentrl.rewards.reward import AbstractReward, coefficient_mask
from maxentrl.runs.job import Job
from maxentrl.runs.reward import make_objective, make_prior, parameter_space
from maxentrl.status import InvalidInput

STANDARD_TRAINING = Training()


@dataclasses.dataclass(frozen=True, eq=False)
class Learning:
    """A fit that is ready to begin.

    Attributes:
        problems: what is learnt from, one a scene, without the walks to validate on.
        objectives: the dual or likelihood of each.
        space: which parameters are free.
        prior: or None.
        validation: walks on which training is stopped early, one set a scene; None where there are none.
        settings: of the fit.
    """

    problems: tuple[InverseProblem, ...]
    objectives: tuple[AbstractObjective, ...]
    space: ParameterSpace
    prior: GaussianPrior | None
    validation: tuple[Trajectories, ...] | None
    settings: FitSettings

    @property
    def reward(self) -> AbstractReward:
        """What is learnt, in the first scene."""
        return self.problems[0].reward

    @property
    def by_steps(self) -> bool:
        """Whether it is trained by gradient steps."""
        return optimiser_name(self.settings, self.reward) == "adam"

    def optimiser(self, keep: Keep = forget, resume: TrainingState | None = None, member: int = 0) -> AbstractOptimiser:
        """The optimiser asked for.

        Args:
            keep: called with the state of training after each step.
            resume: where training goes on.
            member: of the ensemble; each has a seed of its own.
        """
        if not self.by_steps:
            return make_optimiser(self.settings, self.reward)
        training = self.settings.training or STANDARD_TRAINING
        held_out = None
        if self.validation is not None:
            held_out = HeldOut(self.validation, training.every, training.patience)
        return GradientSteps(
            adam(training.learning_rate),
            steps=training.steps,
            batches=_batches(training),
            held_out=held_out,
            gradient_tolerance=self.settings.tolerance,
            seed=training.seed + member,
            keep=keep,
            resume=resume,
        )


def make_learning(jobs: Sequence[Job]) -> Learning:
    """The fit of some scenes that share a reward.

    Raises:
        InvalidInput: settings that contradict each other, no demonstrations, walks too few to validate on.
    """
    first = jobs[0].spec
    settings, reward = first.fit, jobs[0].reward
    training = _checked_training(settings, reward)
    problems, validation = [], []
    for job in jobs:
        problem = job.problem()
        if training is not None and training.validation > 0:
            problem, held_out = _divided(problem, training)
            validation.append(held_out)
        problems.append(problem)
    return Learning(
        problems=tuple(problems),
        objectives=tuple(make_objective(settings, problem) for problem in problems),
        space=parameter_space(first.reward, reward),
        prior=make_prior(first.reward, reward, 0.0 if training is None else training.weight_decay),
        validation=tuple(validation) or None,
        settings=settings,
    )


def learn(learning: Learning) -> Fit:
    """The fit, without a trace on disk; raises like ``fit``."""
    return fit(
        learning.problems,
        objective=learning.objectives,
        space=learning.space,
        prior=learning.prior,
        optimiser=learning.optimiser(),
    )


def optimiser_name(settings: FitSettings, reward: AbstractReward) -> str:
    """The optimiser asked for; Adam for a network and L-BFGS-B for coefficients where none is."""
    return settings.optimiser or ("l-bfgs-b" if coefficient_mask(reward).all() else "adam")


def make_optimiser(settings: FitSettings, reward: AbstractReward) -> AbstractOptimiser:
    """The optimiser asked for, gradient steps apart."""
    name = optimiser_name(settings, reward)
    if name == "newton":
        return Newton(settings.tolerance, settings.max_evaluations)
    if name == "textbook":
        return TextbookGradient(settings.step_size, settings.max_evaluations, settings.tolerance)
    return LBFGSB(settings.tolerance, settings.max_evaluations)


def _checked_training(settings: FitSettings, reward: AbstractReward) -> Training | None:
    """The settings of gradient steps; None where another optimiser is asked for."""
    name = optimiser_name(settings, reward)
    if name == "adam":
        return settings.training or STANDARD_TRAINING
    if settings.training is not None:
        raise InvalidInput(
            f'[fit.training] is for optimiser = "adam", and the optimiser is "{name}": leave one of them out'
        )
    return None


def _divided(problem: InverseProblem, training: Training) -> tuple[InverseProblem, Trajectories]:
    walks = problem.demonstrations
    if not isinstance(walks, Trajectories):
        raise InvalidInput("feature counts have no walks to validate on: set fit.training.validation = 0")
    if len(walks) < 2:
        raise InvalidInput(
            f"fit.training.validation needs two walks or more in each scene, not {len(walks)}: set it to 0"
        )
    share = max(training.validation, 1 / len(walks))
    train, held_out = split_walks(walks, min(share, 1 - 1 / len(walks)), training.seed)
    return dataclasses.replace(problem, demonstrations=train), held_out


def _batches(training: Training) -> AbstractBatches:
    if isinstance(training.batches, WalkBatchTable):
        return WalkBatches(training.batches.walks)
    if isinstance(training.batches, GoalBatchTable):
        return GoalBatches(training.batches.goals)
    return SceneBatches() if training.batches == "scenes" else EveryWalk()
