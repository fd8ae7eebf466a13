"""Tracker output, one file a walk without a header: columns ``t x y`` and, where there are detections, ``xobs yobs``."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.demos.checks import REFUSE, check_moves
from maxentrl.demos.report import DropTrajectory, MendNearest, Refuse, Report, refuse
from maxentrl.demos.trajectories import Trajectories
from maxentrl.mdp.world import GridGeometry, World
from maxentrl.readers.files import read_text
from maxentrl.readers.positions import EVERY_ROW, Sampling, walks_from_positions
from maxentrl.status import InvalidInput


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


def read_tracks(
    paths: Sequence[str | Path],
    world: World,
    *,
    impossible: Refuse | DropTrajectory | MendNearest = REFUSE,
    sampling: Sampling = EVERY_ROW,
) -> tuple[Trajectories, Report]:
    """The walks of some files, named after them.

    Raises:
        InvalidInput: what :func:`read_track` refuses, a world without a map, positions far from any open cell and what
            ``impossible`` refuses.
    """
    tracks = [read_track(path) for path in paths]
    names = [track.name for track in tracks]
    if not tracks:
        raise InvalidInput("there is no track")
    owner = np.repeat(np.arange(len(tracks)), [len(track.t) for track in tracks])
    t = np.concatenate([track.t for track in tracks])
    x, y = np.concatenate([track.position for track in tracks]).T
    walks = walks_from_positions(world, owner, t, x, y, names, sampling)
    if isinstance(impossible, Refuse):
        refuse(tuple(names), walks.reasons, 'correct these files, or have such walks dropped: impossible = "drop"')
    offsets = np.concatenate([[0], np.cumsum(walks.lengths + 1)])
    kept = [i for i in range(len(tracks)) if i not in walks.reasons]
    dropped = tuple((names[i], reason) for i, reason in sorted(walks.reasons.items()))
    if not kept:
        raise InvalidInput(
            ["no trajectory is left; they were dropped because:", *(f"{n}: {why}" for n, why in dropped)]
        )
    found = Trajectories.of([walks.states[offsets[i] : offsets[i + 1]] for i in kept], names=[names[i] for i in kept])
    checked, report = check_moves(world.mdp, found, impossible)
    return checked, Report(len(found), dropped, tuple(walks.warnings)).then(report)
