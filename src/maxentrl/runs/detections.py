"""What a tracker saw of the walks of a specification, step by step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.demos.trajectories import Trajectories
from maxentrl.forecast.detection_errors import DetectionErrors, estimate_errors
from maxentrl.forecast.filtering import GaussianDetections
from maxentrl.readers.spec_model import FileDemonstrations
from maxentrl.readers.tracks import Detections, read_tracks
from maxentrl.runs.demonstrations import make_sampling
from maxentrl.runs.inputs import IMPOSSIBLE, demonstration_files
from maxentrl.runs.job import Job

CLUTTERED = 5.0
"""Detections further off than this many standard deviations count as clutter."""


class SeenWalk:
    """One walk and what a tracker saw of it.

    Attributes:
        position: detected (x, y) at each step, in metres, (L+1, 2); the last of a step that has several.
        detected: which steps have a detection, (L+1,).
        errors: detected less true position at those, (N, 2).
    """

    def __init__(self, found: Detections, truth: Float[np.ndarray, "times 2"]) -> None:
        self.position: Float[np.ndarray, "times 2"] = np.zeros_like(truth)
        self.detected: Bool[np.ndarray, " times"] = np.zeros(len(truth), bool)
        rows = found.seen & (found.step < len(truth))
        self.position[found.step[rows]] = found.position[rows]
        self.detected[found.step[rows]] = True
        self.errors: Float[np.ndarray, "N 2"] = (self.position - truth)[self.detected]


def read_detections(job: Job, walks: Trajectories) -> dict[str, SeenWalk]:
    """The detections of each walk that has any, by its name; only tracks of which every row is a step have some."""
    table, geometry = job.spec.demonstrations, job.scene.world.geometry
    if not isinstance(table, FileDemonstrations) or table.format != "tracks" or geometry is None:
        return {}
    read, detections, _ = read_tracks(
        demonstration_files(job.spec),
        job.scene.world,
        impossible=IMPOSSIBLE[table.impossible],
        sampling=make_sampling(job.spec, table),
    )
    by_name = dict(zip(read.names, detections, strict=True))
    found = {}
    for i, name in enumerate(walks.names):
        seen = by_name.get(name)
        if seen is not None and seen.seen.any():
            found[name] = SeenWalk(seen, geometry.position[walks.states_of(i)])
    return found


def errors_without(job: Job, seen: Mapping[str, SeenWalk], name: str) -> DetectionErrors | None:
    """How wrong detections are, from the walks other than the one named; None where no other has any."""
    geometry = job.scene.world.geometry
    others = [walk.errors for other, walk in seen.items() if other != name and len(walk.errors)]
    if geometry is None or not others:
        return None
    size = geometry.cell_size
    return estimate_errors(np.concatenate(others), area=job.scene.world.mdp.n_states * size**2, cell_size=size)


def lasting_share(seen: Mapping[str, SeenWalk], errors: DetectionErrors) -> float:
    """Share of the squared errors (clutter left out) that the mean error of each walk explains.

    The filter takes errors as independent from step to step: then it is about one over the steps of a walk. What is more
    makes the filter too sure of where the walker is.
    """
    inverse = np.linalg.inv(errors.covariance)
    lasting = total = 0.0
    for walk in seen.values():
        distance = np.einsum("ni,ij,nj->n", walk.errors, inverse, walk.errors)
        near = walk.errors[distance < CLUTTERED**2]
        if len(near):
            mean = near.mean(0)
            lasting += len(near) * float(mean @ inverse @ mean)
            total += float(distance[distance < CLUTTERED**2].sum())
    return lasting / total if total else 0.0


def hidden(job: Job, seen: SeenWalk, errors: DetectionErrors) -> GaussianDetections:
    """The detections of a walk as the filter takes them."""
    assert job.scene.world.geometry is not None
    return GaussianDetections(
        job.scene.world.geometry.position,
        seen.position,
        errors.covariance,
        seen.detected,
        clutter=errors.clutter,
        area=errors.area,
    )
