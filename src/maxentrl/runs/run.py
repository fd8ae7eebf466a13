"""A run folder: ``spec.toml``, ``run.json``, ``checkpoint.json``, ``fit.json``; written by a fit, loaded by one call."""

from __future__ import annotations

import dataclasses
import enum
import re
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.optimise import Callback, silent
from maxentrl.inverse.pullback import reward_table
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.readers.spec import Study, parse_study
from maxentrl.readers.spec_model import Spec
from maxentrl.rewards.reward import coefficient_mask
from maxentrl.runs.files import make_folder, read_json, to_json, write_atomically
from maxentrl.runs.fit_record import FitRecord, fit_record
from maxentrl.runs.fitting import REWARD, fit_jobs, is_of_fitting
from maxentrl.runs.inputs import study_files
from maxentrl.runs.job import Job, chosen, only, read_jobs
from maxentrl.runs.lock import LOCK, exclusive
from maxentrl.runs.record import RunRecord, digest, new_record
from maxentrl.runs.training_files import load_reward
from maxentrl.status import InvalidInput, Status

SPEC, RECORD, FIT = "spec.toml", "run.json", "fit.json"
"""Names of the files in a run folder, beside those of ``fitting``."""


class OnExisting(enum.Enum):
    """What a fit does with a folder that holds a run already."""

    REFUSE = "refuse"
    RESUME = "resume"
    REPLACE = "replace"


@dataclasses.dataclass(frozen=True)
class Stage:
    """What a fit does before its first evaluation.

    Attributes:
        doing: what begins now.
        loss: that many walks were left out and mostly why; empty where few were.
    """

    doing: str
    loss: str = ""


def unannounced(stage: Stage) -> None:
    """No one is told."""


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A finished or interrupted fit on disk.

    Attributes:
        folder: where it is.
        study: what was asked.
        record: what ran, when, on what.
        fit: what came out.
    """

    folder: Path
    study: Study
    record: RunRecord
    fit: FitRecord

    @property
    def coefficients(self) -> Mapping[str, float]:
        """The learnt weights of features by name."""
        return dict(zip(self.fit.names, self.fit.parameters.tolist(), strict=True))

    @property
    def spec(self) -> Spec:
        """What was asked of the first scene; reward and fit are those of all."""
        return self.study.first

    @cached_property
    def jobs(self) -> Mapping[str, Job]:
        """World, demonstrations and reward of each scene, read again from the files that the specification names.

        Raises:
            InvalidInput: files that have changed since the fit, by name, or that cannot be read any more.
        """
        now = {str(path): digest(path) for path in study_files(self.study)}
        changed = _changed(self.record.inputs, now)
        if changed:
            told = [f"{name} since {self.folder} was fitted" for name in changed]
            cure = "fit again; or use the old weights by evaluate, plan or forecast SPEC --weights (the fit.json there)"
            raise InvalidInput([*told, cure])
        return read_jobs(self.study, seed=self.record.seed)

    @property
    def job(self) -> Job:
        """The job of a run of one scene.

        Raises:
            InvalidInput: a run of several.
        """
        return only(self.jobs)

    @cached_property
    def parameters(self) -> Float[np.ndarray, " K"]:
        """θ of ``job.reward``: the learnt weights of features and those of the network.

        Raises:
            InvalidInput: the file of the network is missing, damaged or of another architecture.
        """
        reward = next(iter(self.jobs.values())).reward
        if coefficient_mask(reward).all():
            if reward.names != self.fit.names:
                raise InvalidInput(
                    f"{self.folder / FIT} has the parameters {', '.join(self.fit.names)}, the reward has "
                    f"{', '.join(reward.names)}: fit again"
                )
            return self.fit.parameters
        return load_reward(self.folder / REWARD, reward)

    def reward_table(self, scene: str | None = None) -> RewardTable:
        """The learnt rewards of a scene, of the only one unless named.

        Raises:
            InvalidInput: no such scene, or several and no name.
        """
        job = chosen(self.jobs, scene)
        return reward_table(job.reward, self.parameters)


def load_run(folder: str | Path) -> Run:
    """A run from its folder.

    Raises:
        InvalidInput: no run folder, a fit that has not ended yet, or damaged files, by name.
    """
    folder = Path(folder)
    record, study = _read_record(folder)
    if not (folder / FIT).exists():
        raise InvalidInput(f"{folder}: the fit has not ended; go on with: maxentrl fit SPEC --out {folder} --resume")
    return Run(folder, study, record, FitRecord.from_data(read_json(folder / FIT), str(folder / FIT)))


def is_run(path: Path) -> bool:
    """Whether a path is a run folder."""
    return (path / RECORD).is_file()


def _read_record(folder: Path) -> tuple[RunRecord, Study]:
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"{folder} is a file: expected a run folder, made by 'maxentrl fit SPEC --out DIR'")
    record = RunRecord.from_data(read_json(folder / RECORD), str(folder / RECORD))
    try:
        text = (folder / SPEC).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{folder / SPEC}: cannot be read: {error}") from None
    return record, parse_study(text, directory=Path(record.spec_file).parent, name=str(folder / SPEC))


def fit_run(
    study: Study,
    spec_file: Path,
    folder: Path,
    *,
    existing: OnExisting = OnExisting.REFUSE,
    seed: int | None = None,
    progress: Callback = silent,
    jobs: Mapping[str, Job] | None = None,
    announce: Callable[[Stage], None] = unannounced,
) -> Run:
    """Fit what a specification describes and keep everything in a folder.

    The best parameters so far are on disk within ``CHECKPOINT_SECONDS`` of an improvement; after ``kill -9`` a resumed fit
    begins there and ends at the same optimum, because the objective has one (or, for the likelihood, climbs from there).
    Gradient steps go on from the last state kept to the same parameters, bit for bit.

    Args:
        study: what to fit, from ``read_study``.
        spec_file: where it came from, for the record.
        folder: the run folder, made if need be.
        existing: what to do with a run that is there already.
        seed: overrides the seeds of the specification.
        progress: called at every evaluation.
        jobs: what ``read_jobs`` gave, if it was called already.
        announce: called as reading and preparing begin.

    Raises:
        InvalidInput: wrong input, a folder that holds another run, or a resumed one whose inputs have changed.
        RunInUse: another process works in the folder.
        CannotWrite: full disk, read-only folder.
        Failure: as ``fit``.
    """
    _refuse_other_folder(folder)
    make_folder(folder)
    announce(Stage("reading the world and the walks"))
    with exclusive(folder):
        record = _begin(study, spec_file, folder, existing, seed)
        jobs = jobs or read_jobs(study, seed=seed)
        announce(Stage("preparing the first evaluation", " ".join(job.loss for job in jobs.values() if job.loss)))
        begun = time.monotonic()
        fitted_jobs = {name: job for name, job in jobs.items() if name not in study.held_out}
        try:
            result = fit_jobs(fitted_jobs, folder, progress, seconds=record.seconds)
        except BaseException as error:
            _end(folder, record, _status_of(error), time.monotonic() - begun)
            raise
        finished = fit_record(result, jobs, study)
        write_atomically(folder / FIT, to_json(finished.as_data()))
        record = _end(folder, record, result.fit.status.name, time.monotonic() - begun)
    run = Run(folder, study, record, finished)
    vars(run)["jobs"] = jobs  # fills the cached property: the files need not be read again
    return run


def _refuse_other_folder(folder: Path) -> None:
    """A folder that holds anything but a run, or a run that has only begun, is nobody's to write into."""
    if not folder.is_dir() or is_run(folder):
        return
    names = sorted(path.name for path in folder.iterdir())
    foreign = [name for name in names if not ((folder / LOCK).exists() and _is_ours(name))]
    if foreign:
        raise InvalidInput(
            f"{folder} is no run folder and holds other files ('{foreign[0]}'): choose an empty or new folder by --out"
        )


def _is_ours(name: str) -> bool:
    """Whether a file is of a run, or the beginning of one: ``.name.`` and something random."""
    whole = re.sub(r"^\.(.*)\.[^.]*$", r"\1", name)
    return whole in (LOCK, SPEC, RECORD, FIT) or is_of_fitting(whole)


def _status_of(error: BaseException) -> str:
    status = getattr(error, "status", None)
    return status.name if isinstance(status, Status) else type(error).__name__


def _end(folder: Path, record: RunRecord, status: str, seconds: float) -> RunRecord:
    ended = record.ending(status, seconds)
    write_atomically(folder / RECORD, to_json(ended.as_data()))
    return ended


def _begin(study: Study, spec_file: Path, folder: Path, existing: OnExisting, seed: int | None) -> RunRecord:
    record = new_record(spec_file.absolute(), study.text, study_files(study), seed)
    if is_run(folder) and not _holds_work(folder):
        existing = OnExisting.REPLACE  # a fit that failed before its first evaluation left nothing to keep
    if is_run(folder) and existing is OnExisting.REFUSE:
        raise InvalidInput(
            f"{folder} holds a run already: go on with it by --resume, or choose another folder by --out"
        )
    if is_run(folder) and existing is OnExisting.RESUME:
        before, _ = _read_record(folder)
        _refuse_changes(folder, before, record)
        record = dataclasses.replace(before, resumed=before.resumed + 1, status="RUNNING", ended=None)
    else:
        for path in folder.iterdir():
            if path.name == FIT or is_of_fitting(path.name):
                path.unlink()
        write_atomically(folder / SPEC, study.text)
    write_atomically(folder / RECORD, to_json(record.as_data()))
    return record


def _holds_work(folder: Path) -> bool:
    """Whether a run has come as far as a checkpoint."""
    return any(path.name == FIT or is_of_fitting(path.name) for path in folder.iterdir())


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What became of the input files, a phrase each."""
    told = [f"{name} {'has changed' if name in before else 'is new'}" for name in now if before.get(name) != now[name]]
    return told + [f"{name} is no longer named" for name in before if name not in now]


def _refuse_changes(folder: Path, before: RunRecord, now: RunRecord) -> None:
    problems = []
    if before.spec_sha256 != now.spec_sha256:
        problems.append(f"{now.spec_file} has changed since {folder} was begun (its copy is {folder / SPEC})")
    if before.seed != now.seed:
        problems.append(f"the run was begun with --seed {before.seed}, not {now.seed}")
    problems += [f"{name} since {folder} was begun" for name in _changed(before.inputs, now.inputs)]
    if problems:
        raise InvalidInput([*problems, "a changed fit cannot be resumed: choose another folder with --out"])
