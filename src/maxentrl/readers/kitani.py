"""Walks and noisy detections as Kitani et al. (Activity Forecasting, ECCV 2012) publish them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.demos.checks import REFUSE, check_moves
from maxentrl.demos.report import DropTrajectory, MendNearest, Refuse, Report, refuse
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.world import GridGeometry, World
from maxentrl.readers.positions import Sampling, Unit, walks_from_positions
from maxentrl.readers.tracks import read_track
from maxentrl.readers.trajectories import ROWS_CURE
from maxentrl.status import InvalidInput

SUFFIX = "_tracker_output"


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


def read_kitani(
    paths: Sequence[str | Path],
    world: World,
    *,
    pixels_per_cell: int = 1,
    impossible: Refuse | DropTrajectory | MendNearest = REFUSE,
) -> tuple[Trajectories, tuple[Detections, ...], Report]:
    """Walks and noisy detections from files ``*_tracker_output.txt`` of rows ``t x y xobs yobs`` without a header.

    x and y are the column and row of a pixel; a detection at 0 0 is a missed one. Each walk's goal is its last state,
    its name that of the file without ``_tracker_output``. Where pixels are pooled, steps within a cell are one state
    unless walkers can stay.

    Args:
        paths: one file a walk.
        world: a grid with a map.
        pixels_per_cell: pixels a side that its cells pool.
        impossible: what is done with walks that the world's moves do not allow.

    Returns:
        The walks, the detections of each, and the report.

    Raises:
        InvalidInput: no file, what :func:`maxentrl.readers.tracks.read_track` refuses, pixels off the map, impossible
            moves that are refused, a world without a map.
    """
    if world.geometry is None:
        raise InvalidInput("tracks need a world with a map: this world's states have no place")
    if not paths:
        raise InvalidInput("there are no files of tracks: check the pattern of their names")
    tracks = [read_track(path) for path in paths]
    names = tuple(track.name.removesuffix(SUFFIX) for track in tracks)
    if len(set(names)) < len(names):
        raise InvalidInput(f"two files of tracks have one name: {sorted(names)}")
    walk = np.repeat(np.arange(len(tracks)), [len(track.t) for track in tracks])
    t = np.concatenate([track.t for track in tracks])
    x, y = np.concatenate([track.position for track in tracks]).T
    walks = walks_from_positions(world, walk, t, x, y, names, Sampling(Unit.PIXELS, pixels_per_cell, None, 0.0))
    if isinstance(impossible, Refuse):
        refuse(names, walks.reasons, ROWS_CURE)
    offsets = np.concatenate([[0], np.cumsum(walks.lengths + 1)])
    found = Trajectories(
        states=walks.states,
        actions=np.full(int(walks.lengths.sum()), UNKNOWN),
        lengths=walks.lengths,
        weights=np.ones(len(names)),
        goals=walks.states[offsets[1:] - 1],
        censored=np.zeros(len(names), bool),
        names=names,
        split=("train",) * len(names),
    )
    used = [i for i in range(len(names)) if i not in walks.reasons]
    dropped = tuple((names[i], reason) for i, reason in sorted(walks.reasons.items()))
    kept, moves = check_moves(world.mdp, found.select(np.array(used, np.int64)), impossible)
    detections = []
    for k, name in enumerate(kept.names):
        i = names.index(name)
        step = _steps_after_mending(found.states_of(i), kept.states_of(k), walks.step_of_row[walk == i])
        track = tracks[i]
        pixel = np.where(track.detected[:, None], track.detection, track.position)
        there = step >= 0
        position = _metres(world.geometry, pixel, pixels_per_cell)
        detections.append(Detections(step[there], position[there], track.detected[there]))
    return kept, tuple(detections), Report(len(used), dropped, tuple(walks.warnings)).then(moves)


def _metres(geometry: GridGeometry, pixel: Float[np.ndarray, "N 2"], pixels_per_cell: int) -> Float[np.ndarray, "N 2"]:
    return (pixel + 0.5) / pixels_per_cell * geometry.cell_size + np.asarray(geometry.origin)


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
