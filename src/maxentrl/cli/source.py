"""A RUN or a SPEC on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from maxentrl.runs.job import Job


def read_source(path: Path, weights: Path | None, seed: int | None) -> tuple[Job, np.ndarray]:
    """The job of a run folder or SPEC file, and weights: from a file, else those of the run.

    Raises:
        InvalidInput: a SPEC without weights, and whatever reading refuses.
    """
    from maxentrl.readers.spec import read_spec
    from maxentrl.runs.evaluate import read_weights
    from maxentrl.runs.job import read_job
    from maxentrl.runs.run import load_run
    from maxentrl.status import InvalidInput

    if path.is_dir():
        run = load_run(path)
        job = run.job if seed is None else read_job(run.spec, seed=seed)
        return job, run.fit.parameters if weights is None else read_weights(weights, job.reward.names, layers_of(job))
    job = read_job(read_spec(path), seed=seed)
    if weights is not None:
        return job, read_weights(weights, job.reward.names, layers_of(job))
    planted = job.weights
    if planted is None:
        raise InvalidInput(f"{path} has no weights: give a file with --weights, or a run folder in its place")
    return job, planted


def layers_of(job: Job) -> tuple[str, ...]:
    """Names of the world's layers, in the order of its files."""
    return tuple(job.scene.world.state_features)
