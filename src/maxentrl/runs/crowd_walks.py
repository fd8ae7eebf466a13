"""Recordings of crowds as walks of decisions with momentum."""

from __future__ import annotations

import dataclasses

import numpy as np

from maxentrl.demos.report import Report
from maxentrl.demos.trajectories import Trajectories, concatenated
from maxentrl.forecast.momentum import momentum_walks
from maxentrl.forecast.windows import Windows, windows
from maxentrl.mdp.momentum import MomentumWorld
from maxentrl.readers.crowds import Crowd, read_crowd_text, read_trajnet
from maxentrl.readers.homography import read_homography
from maxentrl.readers.spec_model import CrowdDemonstrations, Spec
from maxentrl.runs.inputs import demonstration_files
from maxentrl.status import InvalidInput

OVERLAP = "windows of one person overlap, and so do those of people who walk together: standard errors are too small"


def read_crowd_walks(
    spec: Spec, table: CrowdDemonstrations, momentum: MomentumWorld | None, *, seed: int
) -> tuple[Trajectories, Trajectories | None, Report]:
    """Walks to fit, walks of other people that are held out, and what was left out.

    Raises:
        InvalidInput: a world without momentum, files that cannot be used, no window, a future of no whole decisions.
    """
    if momentum is None:
        raise InvalidInput('demonstrations.kind = "crowd" is for [world] kind = "momentum"')
    if table.future % table.frames_per_decision:
        raise InvalidInput(
            f"demonstrations.future = {table.future} is no multiple of frames_per_decision = {table.frames_per_decision}"
        )
    people, parts = [], []
    for crowd in _crowds(spec, table):
        cut = windows(
            crowd.person,
            crowd.frame,
            crowd.position,
            observed=table.observed,
            future=table.future,
            least_people=table.least_people,
        )
        walks, person = _walks(cut, crowd, momentum, table.frames_per_decision)
        parts.append(walks)
        people += person
    walks = concatenated(parts, [name for part in parts for name in part.names])
    generator = np.random.default_rng(seed)
    everyone = sorted(set(people))
    chosen = generator.permutation(len(everyone))[: round(table.held_out * len(everyone))]
    out = np.isin(people, [everyone[k] for k in chosen])
    if out.all():
        raise InvalidInput(f"all {len(everyone)} people are held out: lower demonstrations.held_out")
    train = _drawn(walks.select(~out), table, generator)
    held_out = _drawn(walks.select(out), table, generator) if out.any() else None
    return train, held_out, Report(len(train) + (0 if held_out is None else len(held_out)), warnings=(OVERLAP,))


def _crowds(spec: Spec, table: CrowdDemonstrations) -> list[Crowd]:
    read = read_crowd_text if table.format == "text" else read_trajnet
    crowds = [read(path) for path in demonstration_files(spec)]
    if table.homography is None:
        return crowds
    homography = read_homography(spec.path(table.homography))
    return [crowd.moved(homography.metres(crowd.position)) for crowd in crowds]


def _walks(cut: Windows, crowd: Crowd, momentum: MomentumWorld, frames: int) -> tuple[Trajectories, list[str]]:
    """One walk a window that stays on the map, and whose it is."""
    places = np.concatenate([cut.observed[:, -1:], cut.future[:, frames - 1 :: frames]], axis=1)
    walks = momentum_walks(momentum, places, frames * (cut.observed[:, -1] - cut.observed[:, -2]))
    kept = [int(name) for name in walks.names]
    people = [f"{crowd.name}: {crowd.persons[cut.person[k]]}" for k in kept]
    names = [f"{person} from frame {cut.frame[k]}" for person, k in zip(people, kept, strict=True)]
    return dataclasses.replace(walks, names=tuple(names)), people


def _drawn(walks: Trajectories, table: CrowdDemonstrations, generator: np.random.Generator) -> Trajectories:
    """As many windows as are wanted, together of that weight."""
    if table.at_most is None:
        return walks
    drawn = walks.select(np.sort(generator.permutation(len(walks))[: table.at_most]))
    return dataclasses.replace(drawn, weights=np.full(len(drawn), table.at_most / len(drawn)))
