"""A RUN or a SPEC on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from maxentrl.runs.job import Job


class Source(NamedTuple):
    """What a RUN or a SPEC holds: its scenes by name, those held out, and the weights."""

    jobs: Mapping[str, Job]
    held_out: tuple[str, ...]
    parameters: np.ndarray

    def scene(self, name: str | None) -> Job:
        """The job of a scene; of the only one unless named.

        Raises:
            InvalidInput: several scenes and no name, or a name that none has.
        """
        from maxentrl.runs.job import chosen

        return chosen(self.jobs, name)


def read_source(path: Path, weights: Path | None, seed: int | None) -> Source:
    """The jobs of a run folder or SPEC file, and weights: from a file, else those of the run.

    Raises:
        InvalidInput: a SPEC without weights, and whatever reading refuses.
    """
    from maxentrl.runs.run import load_run
    from maxentrl.status import InvalidInput

    if path.is_dir():
        run = load_run(path)  # its own seed says which walks were held out
        parameters = run.parameters if weights is None else _from_file(weights, run.jobs)
        return Source(run.jobs, run.study.held_out, parameters)
    jobs, held_out = read_scenes(path, seed)
    if weights is not None:
        return Source(jobs, held_out, _from_file(weights, jobs))
    planted = next(iter(jobs.values())).weights
    if planted is None:
        raise InvalidInput(f"{path} has no weights: give a file with --weights, or a run folder in its place")
    return Source(jobs, held_out, planted)


def read_scenes(path: Path, seed: int | None) -> tuple[Mapping[str, Job], tuple[str, ...]]:
    """The jobs of a run folder or SPEC file by scene, and the names of the scenes that are held out."""
    from maxentrl.readers.spec import read_study
    from maxentrl.runs.job import read_jobs
    from maxentrl.runs.run import load_run

    if path.is_dir():
        run = load_run(path)
        return run.jobs, run.study.held_out
    study = read_study(path)
    return read_jobs(study, seed=seed), study.held_out


def _from_file(weights: Path, jobs: Mapping[str, Job]) -> np.ndarray:
    from maxentrl.runs.evaluate import read_weights
    from maxentrl.runs.training_files import load_reward

    job = next(iter(jobs.values()))
    if weights.suffix == ".safetensors":
        return load_reward(weights, job.reward)
    return read_weights(weights, job.reward.names, layers_of(job))


def layers_of(job: Job) -> tuple[str, ...]:
    """Names of the world's layers, in the order of its files."""
    return tuple(job.scene.world.state_features)
