"""Tracker output, one file a walk without a header: columns ``t x y`` and, where there are detections, ``xobs yobs``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.demos.checks import REFUSE, check_moves
from maxentrl.demos.report import DropTrajectory, MendNearest, Refuse, Report, refuse
from maxentrl.demos.trajectories import Trajectories
from maxentrl.mdp.world import GridGeometry, World
from maxentrl.readers.files import read_text
from maxentrl.readers.positions import EVERY_ROW, Sampling, in_metres, walks_from_positions
from maxentrl.readers.trajectories import ROWS_CURE
from maxentrl.status import InvalidInput

SUFFIX = "_tracker_output"


@dataclasses.dataclass(frozen=True, eq=False)
class Track:
    """One tracked walk.

    Attributes:
        name: of the file, without its ending.
        t: time of each row, (N,).
        position: true position (x, y), (N, 2).
        detection: detected position, (N, 2); zeros where missed or where the file has none.
        detected: whether the tracker saw the walker, (N,).
    """

    name: str
    t: Float[np.ndarray, " N"]
    position: Float[np.ndarray, "N 2"]
    detection: Float[np.ndarray, "N 2"]
    detected: Bool[np.ndarray, " N"]


def read_track(path: str | Path) -> Track:
    """One file; numbers separated by blanks, tabs or commas.

    Raises:
        InvalidInput: no row, rows of other than 3 or 5 numbers, or cells that are not finite numbers, by line.
    """
    rows, problems = [], []
    for number, line in enumerate(read_text(path)[0].splitlines(), 1):
        cells = line.replace(",", " ").split()
        if not cells or cells[0].startswith("#"):
            continue
        try:
            row = [float(cell) for cell in cells]
        except ValueError:
            row = []
        if len(row) not in (3, 5) or not np.isfinite(row).all():
            problems.append(
                f"{path}, line {number}: expected 't x y' or 't x y xobs yobs', found '{line.strip()[:60]}'"
            )
        else:
            rows.append([*row, 0.0, 0.0][:5])
    if not rows and not problems:
        problems.append(f"{path} holds no row: expected 't x y', one line a step")
    if problems:
        raise InvalidInput(problems[:20])
    table = np.array(rows)
    return Track(Path(path).stem, table[:, 0], table[:, 1:3], table[:, 3:5], (table[:, 3:5] != 0).any(axis=1))


@dataclasses.dataclass(frozen=True, eq=False)
class Detections:
    """What a tracker saw of one walk, R rows.

    Attributes:
        step: step of the walk at which the walker was, (R,).
        position: (x, y) as detected, in metres of the map, (R, 2); the true position where nothing was seen.
        seen: whether there was a detection, (R,).
    """

    step: Int[np.ndarray, " R"]
    position: Float[np.ndarray, "R 2"]
    seen: Bool[np.ndarray, " R"]


def read_tracks(
    paths: Sequence[str | Path],
    world: World,
    *,
    impossible: Refuse | DropTrajectory | MendNearest = REFUSE,
    sampling: Sampling = EVERY_ROW,
) -> tuple[Trajectories, tuple[Detections, ...], Report]:
    """The walks of some files, named after them (without ``_tracker_output``), and the detections of each.

    The published walks of Kitani et al. (Activity Forecasting, ECCV 2012) have this form, in pixels: see
    ``Sampling(Unit.PIXELS)``. Rows of resampled walks (``sampling.interval``) belong to no step and leave no detections.

    Raises:
        InvalidInput: no file, what :func:`read_track` refuses, two files of one name, a world without a map, positions
            far from any open cell and what ``impossible`` refuses.
    """
    tracks = [read_track(path) for path in paths]
    names = tuple(track.name.removesuffix(SUFFIX) for track in tracks)
    if not tracks:
        raise InvalidInput("there are no files of tracks: check the pattern of their names")
    if len(set(names)) < len(names):
        raise InvalidInput(f"two files of tracks have one name: {sorted(names)}")
    owner = np.repeat(np.arange(len(tracks)), [len(track.t) for track in tracks])
    t = np.concatenate([track.t for track in tracks])
    x, y = np.concatenate([track.position for track in tracks]).T
    walks = walks_from_positions(world, owner, t, x, y, names, sampling)
    if isinstance(impossible, Refuse):
        refuse(names, walks.reasons, ROWS_CURE)
    offsets = np.concatenate([[0], np.cumsum(walks.lengths + 1)])
    used = [i for i in range(len(tracks)) if i not in walks.reasons]
    dropped = tuple((names[i], reason) for i, reason in sorted(walks.reasons.items()))
    if not used:
        raise InvalidInput(["no walk is left; they were dropped because:", *(f"{n}: {why}" for n, why in dropped)])
    states = [walks.states[offsets[i] : offsets[i + 1]] for i in range(len(tracks))]
    found = Trajectories.of([states[i] for i in used], names=[names[i] for i in used])
    kept, moves = check_moves(world.mdp, found, impossible)
    detections = []
    for k, name in enumerate(kept.names):
        i = names.index(name)
        step = _steps_after_mending(states[i], kept.states_of(k), walks.step_of_row[owner == i])
        detections.append(_detections(tracks[i], step, world.geometry, sampling))
    return kept, tuple(detections), Report(len(used), dropped, tuple(walks.warnings)).then(moves)


def _detections(
    track: Track, step: Int[np.ndarray, " R"], geometry: GridGeometry | None, sampling: Sampling
) -> Detections:
    if geometry is None:
        raise InvalidInput("tracks need a world with a map: this world's states have no place")
    there = step >= 0
    position = np.where(track.detected[:, None], track.detection, track.position)[there]
    return Detections(step[there], in_metres(position, geometry, sampling), track.detected[there])


def _steps_after_mending(
    before: Int[np.ndarray, " n"], after: Int[np.ndarray, " m"], step: Int[np.ndarray, " R"]
) -> Int[np.ndarray, " R"]:
    """Steps of rows in a walk to which mending has added states: each recorded state moved along to where it is now."""
    if len(before) == len(after):
        return step
    place, at = np.zeros(len(before), np.int64), 0
    for j, state in enumerate(before.tolist()):
        at += int(np.argmax(after[at:] == state))
        place[j] = at
    return np.where(step >= 0, place[np.maximum(step, 0)], step)
