"""Fits that leave a trace: whatever happens, what was reached is on disk, and the fit goes on from there."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from maxentrl.inverse.fit import Fit, fit
from maxentrl.inverse.held_out import HeldOut, log_likelihood
from maxentrl.inverse.optimise import Callback, Progress
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.training_state import TrainingState
from maxentrl.rewards.reward import AbstractReward, coefficient_mask, starting_parameters
from maxentrl.runs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from maxentrl.runs.job import Job
from maxentrl.runs.learning import STANDARD_TRAINING, Learning, make_learning
from maxentrl.runs.reward import make_reward, reward_in
from maxentrl.runs.training_files import load_training, save_reward, save_training
from maxentrl.status import InvalidInput, Status

CHECKPOINT = "checkpoint.json"
"""The best coefficients so far."""
REWARD = "reward.safetensors"
"""All parameters of a reward that has a network."""
CHECKPOINT_SECONDS = 0.1
"""Least time between two checkpoints: a flush to the disk takes milliseconds, an evaluation sometimes less."""


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """A fit and what it took over all resumptions.

    Attributes:
        fit: what was learnt; of an ensemble the member that was chosen.
        evaluations: of objective and gradient.
        seconds: of the optimiser; with gradient steps of the whole run.
        members: every member of an ensemble, in order; one where there is none.
        validation: log-likelihood of the walks that each was validated on, in nats; nan where there are none.
        chosen: number of the member that is kept as the reward.
    """

    fit: Fit
    evaluations: int
    seconds: float
    members: tuple[Fit, ...]
    validation: tuple[float, ...]
    chosen: int


def training_file(member: int) -> str:
    """Where training of a member stands."""
    return f"training-{member}.safetensors"


def member_file(member: int) -> str:
    """The parameters of a member of an ensemble."""
    return f"member-{member}.safetensors"


def is_of_fitting(name: str) -> bool:
    """Whether a file of this name is written here."""
    return name in (CHECKPOINT, REWARD) or (name.endswith(".safetensors") and name.startswith(("training-", "member-")))


def fit_jobs(jobs: Mapping[str, Job], folder: Path, progress: Callback, *, seconds: float = 0.0) -> Fitted:
    """Fit the scenes of a study, and keep what is reached in a folder.

    Args:
        jobs: the scenes that are learnt from.
        folder: for checkpoints; those that it holds are gone on with.
        progress: called at every evaluation.
        seconds: taken before, over all resumptions.

    Raises:
        InvalidInput: settings or demonstrations that cannot be used, a checkpoint of another fit.
        CannotWrite: full disk, read-only folder.
        Failure: as ``fit``.
    """
    learning = make_learning(list(jobs.values()))
    if not learning.by_steps:
        return _by_search(learning, folder, progress)
    training = learning.settings.training or STANDARD_TRAINING
    fits, validation, steps = [], [], 0
    others = [make_learning(member_jobs(list(jobs.values()), member)) for member in range(1, training.members)]
    for other in others:
        _refuse_alike(learning.reward, other.reward)
    for member, own in enumerate((learning, *others)):
        found, before = _by_steps(own, folder / training_file(member), member, progress)
        steps += before + found.certificate.evaluations
        fits.append(found)
        validation.append(_validated(own, found))
        if training.members > 1:
            save_reward(folder / member_file(member), own.reward, found.parameters)
        if found.status is Status.INTERRUPTED:
            break
    scores = validation if not np.isnan(validation).any() else [one.value for one in fits]
    chosen = len(fits) - 1 if fits[-1].status is Status.INTERRUPTED else int(np.argmax(scores))
    _keep_network(folder, learning.reward, fits[chosen])
    took = seconds + sum(one.certificate.seconds for one in fits)
    return Fitted(fits[chosen], steps, took, tuple(fits), tuple(validation), chosen)


def member_jobs(jobs: list[Job], member: int) -> list[Job]:
    """The scenes with a network that begins from the seed of a member."""
    spec = jobs[0].spec
    network = spec.reward.network
    if network is None:
        return jobs
    reward = spec.reward.model_copy(update={"network": network.model_copy(update={"seed": network.seed + member})})
    spec = spec.model_copy(update={"reward": reward})
    first = make_reward(spec, jobs[0].scene.place)
    rewards = [first, *(reward_in(spec, job.scene.place, first) for job in jobs[1:])]
    return [dataclasses.replace(job, reward=own) for job, own in zip(jobs, rewards, strict=True)]


def _refuse_alike(first: AbstractReward, member: AbstractReward) -> None:
    if np.array_equal(starting_parameters(first), starting_parameters(member)):
        raise InvalidInput(
            "fit.training.members: the members begin alike, so they would say nothing of what the walks leave open; members "
            "are for a network, and a function of your own has to draw its first weights from the seed that it is given"
        )


def _by_search(learning: Learning, folder: Path, progress: Callback) -> Fitted:
    path, names = folder / CHECKPOINT, learning.reward.names
    before = load_checkpoint(path, names) if path.exists() else None
    keeper = _Keeper(path, names, before)

    def watch(step: Progress) -> None:
        keeper.watch(step)
        progress(step)

    found = fit(
        learning.problems,
        objective=learning.objectives,
        space=learning.space,
        prior=learning.prior,
        optimiser=learning.optimiser(),
        start=None if before is None else before.parameters,
        progress=watch,
    )
    keeper.save()
    _keep_network(folder, learning.reward, found)
    evaluations = found.certificate.evaluations + (before.evaluations if before else 0)
    seconds = found.certificate.seconds + (before.seconds if before else 0.0)
    return Fitted(found, evaluations, seconds, (found,), (np.nan,), 0)


def _by_steps(learning: Learning, path: Path, member: int, progress: Callback) -> tuple[Fit, int]:
    """A fit by gradient steps, and the steps taken before it was resumed."""
    before = load_training(path) if path.exists() else None
    keeper = _TrainingKeeper(path)
    try:
        found = fit(
            learning.problems,
            objective=learning.objectives,
            space=learning.space,
            prior=learning.prior,
            optimiser=learning.optimiser(keeper.keep, before, member),
            progress=progress,
        )
    finally:
        keeper.save()
    return found, 0 if before is None else before.step


def _validated(learning: Learning, found: Fit) -> float:
    if learning.validation is None:
        return np.nan
    likelihoods = HeldOut(learning.validation).likelihoods(learning.problems)
    return sum(log_likelihood(one, reward_table(one.problem.reward, found.parameters)) for one in likelihoods)


def _keep_network(folder: Path, reward: AbstractReward, found: Fit) -> None:
    if not coefficient_mask(reward).all():
        save_reward(folder / REWARD, reward, found.parameters)


class _TrainingKeeper:
    """Keeps the last state of training on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last: TrainingState | None = None
        self.saved = -np.inf

    def keep(self, state: TrainingState) -> None:
        self.last = state
        if time.monotonic() - self.saved >= CHECKPOINT_SECONDS:
            self.save()

    def save(self) -> None:
        if self.last is not None:
            save_training(self.path, self.last)
            self.last, self.saved = None, time.monotonic()


class _Keeper:
    """Keeps the best parameters of a fit on disk."""

    def __init__(self, path: Path, names: tuple[str, ...], before: Checkpoint | None) -> None:
        self.path, self.names = path, names
        self.evaluations = 0 if before is None else before.evaluations
        self.seconds = 0.0 if before is None else before.seconds
        self.best: Checkpoint | None = None
        self.saved = -np.inf

    def watch(self, step: Progress) -> None:
        if step.improved:
            self.best = Checkpoint(
                self.names,
                np.array(step.parameters, float),
                float(step.value),
                float(step.gradient_norm),
                self.evaluations + step.evaluation,
                self.seconds + step.seconds,
            )
            if time.monotonic() - self.saved >= CHECKPOINT_SECONDS:
                self.save()

    def save(self) -> None:
        if self.best is not None:
            save_checkpoint(self.path, self.best)
            self.saved = time.monotonic()
