"""A run folder: ``spec.toml``, ``run.json``, ``checkpoint.json``, ``fit.json``; written by a fit, loaded by one call."""

from __future__ import annotations

import dataclasses
import enum
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from maxentrl.inverse.fit import Fit, fit
from maxentrl.inverse.optimise import Callback, Progress, silent
from maxentrl.readers.spec import parse_spec
from maxentrl.readers.spec_model import Spec
from maxentrl.runs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from maxentrl.runs.files import make_folder, read_json, to_json, write_atomically
from maxentrl.runs.fit_record import FitRecord, fit_record
from maxentrl.runs.inputs import input_files
from maxentrl.runs.job import Job, read_job
from maxentrl.runs.lock import LOCK, exclusive
from maxentrl.runs.record import RunRecord, new_record
from maxentrl.runs.reward import make_objective, make_optimiser, make_prior, parameter_space
from maxentrl.status import InvalidInput, Status

SPEC, RECORD, CHECKPOINT, FIT = "spec.toml", "run.json", "checkpoint.json", "fit.json"
"""Names of the files in a run folder."""

CHECKPOINT_SECONDS = 0.1
"""Least time between two checkpoints: a flush to the disk takes milliseconds, an evaluation sometimes less."""


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
        spec: what was asked.
        record: what ran, when, on what.
        fit: what came out.
    """

    folder: Path
    spec: Spec
    record: RunRecord
    fit: FitRecord

    @property
    def coefficients(self) -> Mapping[str, float]:
        """The learnt weights by name."""
        return dict(zip(self.fit.names, self.fit.parameters.tolist(), strict=True))

    @cached_property
    def job(self) -> Job:
        """World, demonstrations and reward, read again from the files that the specification names."""
        return read_job(self.spec, seed=self.record.seed)


def load_run(folder: str | Path) -> Run:
    """A run from its folder.

    Raises:
        InvalidInput: no run folder, a fit that has not ended yet, or damaged files, by name.
    """
    folder = Path(folder)
    record, spec = _read_record(folder)
    if not (folder / FIT).exists():
        raise InvalidInput(f"{folder}: the fit has not ended; go on with: maxentrl fit SPEC --out {folder} --resume")
    return Run(folder, spec, record, FitRecord.from_data(read_json(folder / FIT), str(folder / FIT)))


def is_run(path: Path) -> bool:
    """Whether a path is a run folder."""
    return (path / RECORD).is_file()


def _read_record(folder: Path) -> tuple[RunRecord, Spec]:
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"{folder} is a file: expected a run folder, made by 'maxentrl fit SPEC --out DIR'")
    record = RunRecord.from_data(read_json(folder / RECORD), str(folder / RECORD))
    try:
        text = (folder / SPEC).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{folder / SPEC}: cannot be read: {error}") from None
    return record, parse_spec(text, directory=Path(record.spec_file).parent, name=str(folder / SPEC))


def fit_run(
    spec: Spec,
    spec_file: Path,
    folder: Path,
    *,
    existing: OnExisting = OnExisting.REFUSE,
    seed: int | None = None,
    progress: Callback = silent,
    job: Job | None = None,
    announce: Callable[[Stage], None] = unannounced,
) -> Run:
    """Fit what a specification describes and keep everything in a folder.

    The best parameters so far are on disk within ``CHECKPOINT_SECONDS`` of an improvement; after ``kill -9`` a resumed fit
    begins there and ends at the same optimum, because the objective has one (or, for the likelihood, climbs from there).

    Args:
        spec: what to fit.
        spec_file: where it came from, for the record.
        folder: the run folder, made if need be.
        existing: what to do with a run that is there already.
        seed: overrides the seeds of the specification.
        progress: called at every evaluation.
        job: what ``read_job`` gave, if it was called already.
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
        record = _begin(spec, spec_file, folder, existing, seed)
        job = job or read_job(spec, seed=seed)
        announce(Stage("preparing the first evaluation", job.loss))
        begun, before = time.monotonic(), _checkpoint(folder, job)
        try:
            result = _fit(job, folder, before, progress)
        except BaseException as error:
            _end(folder, record, _status_of(error), time.monotonic() - begun)
            raise
        finished = fit_record(result, job, before)
        write_atomically(folder / FIT, to_json(finished.as_data()))
        record = _end(folder, record, result.status.name, time.monotonic() - begun)
    run = Run(folder, spec, record, finished)
    vars(run)["job"] = job  # fills the cached property: the files need not be read again
    return run


def _refuse_other_folder(folder: Path) -> None:
    """A folder that holds anything but a run, or a run that has only begun, is nobody's to write into."""
    if not folder.is_dir() or is_run(folder):
        return
    ours = (LOCK, SPEC, RECORD, CHECKPOINT, FIT) if (folder / LOCK).exists() else ()
    halves = tuple(f".{name}." for name in ours)
    names = sorted(path.name for path in folder.iterdir())
    foreign = [name for name in names if name not in ours and not name.startswith(halves)]
    if foreign:
        raise InvalidInput(
            f"{folder} is no run folder and holds other files ('{foreign[0]}'): choose an empty or new folder by --out"
        )


def _status_of(error: BaseException) -> str:
    status = getattr(error, "status", None)
    return status.name if isinstance(status, Status) else type(error).__name__


def _end(folder: Path, record: RunRecord, status: str, seconds: float) -> RunRecord:
    ended = record.ending(status, seconds)
    write_atomically(folder / RECORD, to_json(ended.as_data()))
    return ended


def _begin(spec: Spec, spec_file: Path, folder: Path, existing: OnExisting, seed: int | None) -> RunRecord:
    record = new_record(spec_file.absolute(), spec.text, input_files(spec), seed)
    if is_run(folder) and existing is OnExisting.REFUSE:
        raise InvalidInput(
            f"{folder} holds a run already: go on with it by --resume, or choose another folder by --out"
        )
    if is_run(folder) and existing is OnExisting.RESUME:
        before, _ = _read_record(folder)
        _refuse_changes(folder, before, record)
        record = dataclasses.replace(before, resumed=before.resumed + 1, status="RUNNING", ended=None)
    else:
        for name in (CHECKPOINT, FIT):
            (folder / name).unlink(missing_ok=True)
        write_atomically(folder / SPEC, spec.text)
    write_atomically(folder / RECORD, to_json(record.as_data()))
    return record


def _refuse_changes(folder: Path, before: RunRecord, now: RunRecord) -> None:
    problems = []
    if before.spec_sha256 != now.spec_sha256:
        problems.append(f"{now.spec_file} has changed since {folder} was begun (its copy is {folder / SPEC})")
    if before.seed != now.seed:
        problems.append(f"the run was begun with --seed {before.seed}, not {now.seed}")
    changed = [name for name in now.inputs if before.inputs.get(name) != now.inputs[name]]
    changed += [name for name in before.inputs if name not in now.inputs]
    problems += [f"{name} has changed since {folder} was begun" for name in changed]
    if problems:
        raise InvalidInput([*problems, "a changed fit cannot be resumed: choose another folder with --out"])


def _checkpoint(folder: Path, job: Job) -> Checkpoint | None:
    path = folder / CHECKPOINT
    return load_checkpoint(path, job.reward.names) if path.exists() else None


def _fit(job: Job, folder: Path, before: Checkpoint | None, progress: Callback) -> Fit:
    names = job.reward.names
    space, prior = parameter_space(job.spec.reward, names), make_prior(job.spec.reward, names)
    problem = job.problem()
    keeper = _Keeper(folder / CHECKPOINT, names, before)

    def watch(step: Progress) -> None:
        keeper.watch(step)
        progress(step)

    result = fit(
        problem,
        objective=make_objective(job.spec.fit, problem),
        space=space,
        prior=prior,
        optimiser=make_optimiser(job.spec.fit),
        start=None if before is None else before.parameters,
        progress=watch,
    )
    keeper.save()
    return result


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
