"""Recordings of crowds: rows ``frame person x y`` (ETH/UCY text) and TrajNet++ lines of JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from maxentrl.readers.files import read_text
from maxentrl.status import InvalidInput

SECONDS_PER_FRAME = 0.04
"""ETH/UCY files number the frames of a video of 25 frames a second and keep every tenth."""
MOST_PROBLEMS = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Crowd:
    """Who was where when, sorted by person and frame.

    Attributes:
        name: of the recording.
        persons: names of the people.
        person: number of the person of each row, (N,).
        frame: frame of each row, (N,).
        position: (x, y), (N, 2), in metres unless the file counts pixels.
        seconds_per_frame: duration of a frame.
    """

    name: str
    persons: tuple[str, ...]
    person: Int[np.ndarray, " N"]
    frame: Int[np.ndarray, " N"]
    position: Float[np.ndarray, "N 2"]
    seconds_per_frame: float = SECONDS_PER_FRAME

    @property
    def t(self) -> Float[np.ndarray, " N"]:
        """Seconds, (N,)."""
        return self.frame * self.seconds_per_frame

    @property
    def frames(self) -> Int[np.ndarray, " F"]:
        """The frames in which anybody was seen."""
        return np.unique(self.frame)

    def moved(self, position: Float[np.ndarray, "N 2"]) -> Crowd:
        """The same people at other coordinates, such as pixels taken to metres by a :class:`Homography`."""
        return dataclasses.replace(self, position=position)


def read_crowd_text(path: str | Path, *, seconds_per_frame: float = SECONDS_PER_FRAME) -> Crowd:
    """ETH/UCY text: rows ``frame person x y`` separated by blanks, tabs or commas, no header.

    Source of the data: Pellegrini et al. (ICCV 2009); Lerner et al. (Eurographics 2007).

    Raises:
        InvalidInput: no row, other than four numbers in a row, frames or persons that are not whole numbers, by line; a
            person in two places in one frame, by name.
    """
    return _read(Path(path), _text_row, seconds_per_frame)


def read_trajnet(path: str | Path, *, seconds_per_frame: float = SECONDS_PER_FRAME) -> Crowd:
    """TrajNet++: one JSON object a line; those with ``track`` = ``{f, p, x, y}`` count, those with ``scene`` do not.

    Tracks with a ``prediction_number`` are some model's and are left out. Source: Kothari, Kreiss & Alahi (2021).

    Raises:
        InvalidInput: as :func:`read_crowd_text`, and lines that are no JSON.
    """
    return _read(Path(path), _trajnet_row, seconds_per_frame)


def _read(path: Path, parse: Callable[[str], list[float] | None], seconds_per_frame: float) -> Crowd:
    """The rows of all lines; ``parse`` gives None for a line that says nothing, and raises ValueError with what is wrong."""
    rows, problems = [], []
    for number, line in enumerate(read_text(path)[0].splitlines(), 1):
        try:
            row = parse(line)
        except ValueError as error:
            problems.append(f"{path}, line {number}: {error}")
        else:
            rows += [] if row is None else [row]
    return _crowd(path, rows, problems, seconds_per_frame)


def _text_row(line: str) -> list[float] | None:
    cells = line.replace(",", " ").split()
    if not cells or cells[0].startswith("#"):
        return None
    row = _numbers(cells)
    if row is None:
        raise ValueError(f"expected 'frame person x y', found '{line.strip()[:60]}'")
    return row


def _trajnet_row(line: str) -> list[float] | None:
    if not line.strip():
        return None
    try:
        track = _track(json.loads(line))
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise ValueError(f"expected '{{\"track\": {{f, p, x, y}}}}', found '{line[:60]}'") from None
    if track is None:
        return None
    row = _numbers(track)
    if row is None:
        raise ValueError(f"f and p must be whole and x and y finite numbers: '{line[:60]}'")
    return row


def _track(entry: dict[str, Any]) -> list[Any] | None:
    if "track" not in entry:
        if "scene" in entry:
            return None
        raise KeyError("track")
    track = entry["track"]
    return None if track.get("prediction_number") is not None else [track[key] for key in ("f", "p", "x", "y")]


def _numbers(cells: Iterable[Any]) -> list[float] | None:
    """Frame, person, x and y, or None where they are no such numbers."""
    try:
        row = [float(cell) for cell in cells]
    except (TypeError, ValueError):
        return None
    if len(row) != 4 or not np.isfinite(row).all() or row[0] != round(row[0]) or row[1] != round(row[1]):
        return None
    return row


def _crowd(path: Path, rows: list[list[float]], problems: list[str], seconds_per_frame: float) -> Crowd:
    if not rows and not problems:
        problems = [f"{path} holds no row: expected 'frame person x y', one line a position"]
    if not (np.isfinite(seconds_per_frame) and seconds_per_frame > 0):
        problems.append(f"seconds_per_frame = {seconds_per_frame}: expected a duration above 0")
    if problems:
        raise InvalidInput(problems[:MOST_PROBLEMS])
    table = np.array(rows)
    identity = table[:, 1].astype(np.int64)
    found, person = np.unique(identity, return_inverse=True)
    frame = table[:, 0].astype(np.int64)
    order = np.lexsort((frame, person))
    person, frame, position = person[order], frame[order], table[order, 2:]
    twice = np.flatnonzero((np.diff(person) == 0) & (np.diff(frame) == 0))
    if len(twice):
        raise InvalidInput(
            [f"{path}: person {found[person[k]]} is listed twice in frame {frame[k]}" for k in twice[:MOST_PROBLEMS]]
        )
    return Crowd(path.stem, tuple(map(str, found.tolist())), person, frame, position, seconds_per_frame)
