"""Recordings of crowds as walks of decisions with momentum."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from maxentrl.demos.report import Report
from maxentrl.demos.trajectories import Trajectories, concatenated
from maxentrl.forecast.momentum import momentum_walks, way_off_ground, way_off_recording
from maxentrl.forecast.windows import Windows, windows
from maxentrl.mdp.momentum import MomentumWorld
from maxentrl.readers.crowds import Crowd, read_crowd_text, read_trajnet
from maxentrl.readers.homography import read_homography
from maxentrl.readers.spec_model import CrowdDemonstrations, FiniteTime, Spec
from maxentrl.runs.inputs import demonstration_files
from maxentrl.status import InvalidInput

OVERLAP = "windows of one person overlap, and so do those of people who walk together: standard errors are too small"
TOGETHER = "check that world.homography, world.walkable and the recording belong together"
NAMED = 5
"""Windows that an error names."""
OFF_GROUND = 1.0
"""Cells between a position and the nearest open cell beyond which a window is left out."""
OFF_RECORDING = 1.5
"""Cells between a walk and its recording that are tolerated however few its decisions are."""


def read_crowd_walks(
    spec: Spec, table: CrowdDemonstrations, momentum: MomentumWorld | None, *, seed: int
) -> tuple[Trajectories, Trajectories | None, Report]:
    """Walks to fit, walks of other people that are held out, and what was left out; windows not drawn count as used.

    Raises:
        InvalidInput: a world without momentum, time that is not finite, files that cannot be used, a future of no whole
            decisions, fewer than two windows on the map.
    """
    world = _checked_world(spec, table, momentum)
    people, parts, reasons = [], [], []
    for crowd in _crowds(spec, table):
        cut = windows(
            crowd.person,
            crowd.frame,
            crowd.position,
            observed=table.observed,
            future=table.future,
            least_people=table.least_people,
        )
        walks, person, why_not = _walks(cut, crowd, world, table.frames_per_decision)
        parts.append(walks)
        people += person
        reasons += why_not
    walks = concatenated(parts, [name for part in parts for name in part.names])
    dropped = tuple((name, reason) for name, reason in zip(walks.names, reasons, strict=True) if reason)
    _refuse_few(dropped, len(walks))
    kept = np.array([not reason for reason in reasons])
    walks, people = walks.select(kept), [person for person, keep in zip(people, kept, strict=True) if keep]
    generator = np.random.default_rng(seed)
    everyone = sorted(set(people))
    chosen = generator.permutation(len(everyone))[: round(table.held_out * len(everyone))]
    out = np.isin(people, [everyone[k] for k in chosen])
    if out.all():
        raise InvalidInput(f"all {len(everyone)} people are held out: lower demonstrations.held_out")
    train = _drawn(walks.select(~out), table, generator)
    held_out = _drawn(walks.select(out), table, generator) if out.any() else None
    drawn = len(train) + (0 if held_out is None else len(held_out))
    return train, held_out, Report(len(walks), dropped, (OVERLAP, *_undrawn(table, len(walks), drawn)))


def _checked_world(spec: Spec, table: CrowdDemonstrations, momentum: MomentumWorld | None) -> MomentumWorld:
    if momentum is None:
        raise InvalidInput('demonstrations.kind = "crowd" is for [world] kind = "momentum"')
    if not isinstance(spec.time, FiniteTime):
        raise InvalidInput(
            f'[time] kind = "{spec.time.kind}": demonstrations.kind = "crowd" needs kind = "finite", for its windows end '
            "after so many positions, wherever people are going"
        )
    if table.future % table.frames_per_decision:
        raise InvalidInput(
            f"demonstrations.future = {table.future} is no multiple of frames_per_decision = {table.frames_per_decision}"
        )
    return momentum


def _crowds(spec: Spec, table: CrowdDemonstrations) -> list[Crowd]:
    read = read_crowd_text if table.format == "text" else read_trajnet
    crowds = [read(path) for path in demonstration_files(spec)]
    if table.homography is None:
        return crowds
    homography = read_homography(spec.path(table.homography))
    return [crowd.moved(homography.metres(crowd.position)) for crowd in crowds]


def _walks(
    cut: Windows, crowd: Crowd, momentum: MomentumWorld, frames: int
) -> tuple[Trajectories, list[str], list[str]]:
    """One walk a window, whose it is, and why it cannot be learnt from (empty where it can)."""
    places = np.concatenate([cut.observed[:, -1:], cut.future[:, frames - 1 :: frames]], axis=1)
    displacement = frames * (cut.observed[:, -1] - cut.observed[:, -2])
    walks = momentum_walks(momentum, places, displacement)
    people = [f"{crowd.name}: {crowd.persons[person]}" for person in cut.person]
    names = tuple(f"{person} from frame {frame}" for person, frame in zip(people, cut.frame, strict=True))
    reasons = _reasons(momentum, walks, places, displacement)
    return dataclasses.replace(walks, names=names), people, reasons


def _reasons(
    momentum: MomentumWorld,
    walks: Trajectories,
    places: Float[np.ndarray, "W times 2"],
    displacement: Float[np.ndarray, "W 2"],
) -> list[str]:
    """Why each window cannot be learnt from; empty where it can.

    A walk of t decisions rounds each coordinate t times, by a variance of 1/12 square cells: four standard deviations of
    that are tolerated, and ``OFF_RECORDING`` cells in any case.
    """
    size, times = momentum.geometry.cell_size, places.shape[1]
    away = way_off_ground(momentum, places.reshape(-1, 2)).reshape(len(places), times)
    tolerated = size * np.maximum(OFF_RECORDING, 4 * np.sqrt(np.arange(times) / 12))
    error = way_off_recording(momentum, walks, places, displacement)
    reasons = []
    for place, off, miss in zip(places, away, error, strict=True):
        t, late = int(np.argmax(off)), int(np.argmax(miss - tolerated))
        where = f"(at x = {place[t, 0]:.1f}, y = {place[t, 1]:.1f} m)"
        if off[t] == np.inf:
            reasons.append(f"left the map {where}: {TOGETHER}")
        elif off[t] > OFF_GROUND * size:
            reasons.append(f"left open ground {where}: {TOGETHER}")
        elif miss[late] > tolerated[late]:
            reasons.append(
                f"went farther than the walks of this world can ({miss[late]:.1f} m off after {late} decisions): a jump of "
                "the recording, or raise world.reach and world.change"
            )
        else:
            reasons.append("")
    return reasons


def _refuse_few(dropped: tuple[tuple[str, str], ...], count: int) -> None:
    if count - len(dropped) < 2:
        first = [f"{name}: {reason}" for name, reason in dropped[:NAMED]]
        raise InvalidInput([f"{len(dropped)} of {count} windows were left out: a fit needs at least two", *first])


def _undrawn(table: CrowdDemonstrations, count: int, drawn: int) -> tuple[str, ...]:
    if drawn == count:
        return ()
    return (f"demonstrations.at_most = {table.at_most}: {count - drawn} of {count} windows were not drawn",)


def _drawn(walks: Trajectories, table: CrowdDemonstrations, generator: np.random.Generator) -> Trajectories:
    """As many windows as are wanted, together of that weight."""
    if table.at_most is None:
        return walks
    drawn = walks.select(np.sort(generator.permutation(len(walks))[: table.at_most]))
    return dataclasses.replace(drawn, weights=np.full(len(drawn), table.at_most / len(drawn)))
