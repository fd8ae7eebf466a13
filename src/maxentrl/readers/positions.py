"""Recorded positions → walks on the cells of a grid, one move a step; gaps, jumps and snaps are reported."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import distance_transform_edt

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.world import GridGeometry, World
from maxentrl.status import InvalidInput

GAP = 2.5
"""A wait between two positions of more than this many times the usual one is reported as a gap."""
JUMP_SPEED = 5.0
"""Positions further apart than this many times the usual speed allows, and than two cells, are reported as a jump."""


class Unit(enum.Enum):
    """What x and y are measured in."""

    METRES = "metres"
    """Metres from the origin of the map's geometry; x to the right, y downwards."""
    CELLS = "cells"
    """Column and row of cells; a whole number is the centre of the cell."""
    PIXELS = "pixels"
    """Column and row of pixels before pooling; a whole number is the centre of the pixel."""


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How positions become moves.

    Attributes:
        unit: what x and y are measured in.
        pixels_per_cell: pixels a side that were pooled into a cell, for ``Unit.PIXELS``.
        interval: seconds a step: positions are interpolated at t₀, t₀ + interval, … and the last. Without it every row
            is a step. A good interval is the time in which walkers cross a cell.
        snap_limit: cells that a position may lie away from the nearest open cell.
    """

    unit: Unit = Unit.METRES
    pixels_per_cell: int = 1
    interval: float | None = None
    snap_limit: float = 2.0

    def __post_init__(self) -> None:
        problems = []
        if self.interval is not None and not (np.isfinite(self.interval) and self.interval > 0):
            problems.append(f"interval = {self.interval}: expected seconds a step, above 0")
        if self.pixels_per_cell < 1:
            problems.append(f"pixels_per_cell = {self.pixels_per_cell}: expected at least 1")
        if not self.snap_limit >= 0:
            problems.append(f"snap_limit = {self.snap_limit}: expected a number of cells ≥ 0")
        if problems:
            raise InvalidInput(problems)


EVERY_ROW = Sampling()
"""Metres, every row a step."""


@dataclasses.dataclass(frozen=True, eq=False)
class Walks:
    """States of M walks in a row, and what was found on the way.

    Attributes:
        states: all states, (Σ lengths + M,).
        lengths: moves of each walk, (M,).
        step_of_row: step of its walk at which each position is reached, (N,), for ``interval = None``; else -1.
        reasons: walks that cannot be used, and why.
        warnings: gaps, jumps and snaps.
    """

    states: Int[np.ndarray, " states"]
    lengths: Int[np.ndarray, " M"]
    step_of_row: Int[np.ndarray, " N"]
    reasons: dict[int, str]
    warnings: list[str]


def walks_from_positions(
    world: World,
    walk: Int[np.ndarray, " N"],
    t: Float[np.ndarray, " N"],
    x: Float[np.ndarray, " N"],
    y: Float[np.ndarray, " N"],
    names: Sequence[str],
    sampling: Sampling = EVERY_ROW,
) -> Walks:
    """Walks in which consecutive states are neighbours, or equal where the world lets walkers stay.

    Positions are resampled to the interval, snapped to the nearest open cell, and joined by straight lines of cells
    where they are more than one move apart. A cell that repeats is one state where nobody can stay. Whether a line
    crosses a wall is left to :func:`maxentrl.demos.checks.check_moves`.

    Raises:
        InvalidInput: the world has no map.
    """
    if world.geometry is None:
        raise InvalidInput("positions x, y need a world with a map: this world's states have no place; name states")
    grid = Snapper(world.geometry)
    diagonal, stay = moves_offered(world.mdp, world.geometry)
    column, row = _in_cells(x, y, world.geometry, sampling)
    order = np.lexsort((t, walk))
    reasons: dict[int, str] = {}
    warnings = _unordered(walk, t)
    warnings += _gaps_and_jumps(walk[order], t[order], column[order], row[order], names)
    bounds = np.searchsorted(walk[order], np.arange(len(names) + 1))
    states: list[np.ndarray] = []
    step_of_row = np.full(len(t), -1)
    for i, name in enumerate(names):
        rows, reason = _one_a_time(t, column, row, order[bounds[i] : bounds[i + 1]])
        times, points = _resampled(t[rows], np.stack([row[rows], column[rows]], axis=1), sampling.interval)
        cells, away = grid.snap(points)
        path, steps = lattice_path(cells, diagonal, stay, grid)
        if away.max() > sampling.snap_limit:
            k = int(np.argmax(away > sampling.snap_limit))
            reason = reason or f"at t = {times[k]:g} it is {away[k]:.1f} cells from the nearest open cell"
        elif away.max() > 0:
            warnings.append(f"trajectory {name}: {int((away > 0).sum())} positions in walls or off the map were moved")
        if reason:
            reasons[i] = reason
        if sampling.interval is None:
            step_of_row[rows] = steps
        states.append(path)
    lengths = np.array([len(path) - 1 for path in states])
    if sampling.interval is None and not stay:
        warnings += _repeats(walk, t, column, row, order, int(lengths.sum()))
    warnings += _size_of_cells(world.geometry, sampling)
    return Walks(np.concatenate(states), lengths, step_of_row, reasons, warnings)


def in_metres(points: Float[np.ndarray, "N 2"], geometry: GridGeometry, sampling: Sampling) -> Float[np.ndarray, "N 2"]:
    """Positions (x, y) in metres of the map."""
    cells = np.stack(_in_cells(points[:, 0], points[:, 1], geometry, sampling), axis=1)
    return cells * geometry.cell_size + np.asarray(geometry.origin)


@dataclasses.dataclass(frozen=True, eq=False)
class Snapper:
    """The nearest open cell of any point of a map."""

    geometry: GridGeometry

    @cached_property
    def nearest_open(self) -> Int[np.ndarray, "2 rows columns"]:
        """Row and column of the open cell nearest to each cell."""
        found = distance_transform_edt(self.geometry.state_of_cell < 0, return_distances=False, return_indices=True)
        return np.asarray(found)

    def snap(self, points: Float[np.ndarray, "N 2"]) -> tuple[Int[np.ndarray, "N 2"], Float[np.ndarray, " N"]]:
        """Cells (row, column), and how far from the point they begin, in cells; 0 where the point is in its cell."""
        inside = np.clip(np.floor(points).astype(np.int64), 0, np.array(self.geometry.shape) - 1)
        cells = np.stack([index[tuple(inside.T)] for index in self.nearest_open], axis=1)
        beyond = np.maximum(np.abs(points - (cells + 0.5)) - 0.5, 0.0)
        return cells, np.hypot(beyond[:, 0], beyond[:, 1])

    def states(self, cells: Int[np.ndarray, "N 2"]) -> Int[np.ndarray, " N"]:
        """States of cells, -1 for walls."""
        return self.geometry.state_of_cell[cells[:, 0], cells[:, 1]].astype(np.int64)


def moves_offered(mdp: MDP, geometry: GridGeometry) -> tuple[bool, bool]:
    """Whether some move of a map is diagonal, and whether every state can follow itself (of ten thousand looked at)."""
    state = np.unique(np.linspace(0, mdp.n_states - 1, 10_000).astype(np.int64))
    state = state[~mdp.terminal[state]]
    cell = geometry.cell_of_state
    diagonal, stays = False, np.zeros(len(state), bool)
    for a in range(mdp.n_actions):
        chosen = mdp.available[a][state]
        successor, probability = mdp.transitions.successors_of(np.full(len(state), a), state)
        moved = np.abs(cell[successor] - cell[state]).min(axis=-1) > 0
        diagonal |= bool((moved & (probability > 0) & chosen).any())
        stays |= ((successor == state) & (probability > 0) & chosen).any(axis=0)
    return diagonal, bool(stays.all())


def lattice_path(
    cells: Int[np.ndarray, "N 2"], diagonal: bool, stay: bool, grid: Snapper
) -> tuple[Int[np.ndarray, " visited"], Int[np.ndarray, " N"]]:
    """States along straight lines of cells through the given ones, and where on the way each of them is.

    A cell that repeats is left out unless walkers can stay. Cells of a line that are walls are left out.
    """
    moved = (np.diff(cells, axis=0) != 0).any(axis=1)
    keep = np.append(True, moved | stay)
    step = np.cumsum(keep) - 1
    corners = cells[keep]
    line, place = _line_of_cells(corners)
    if not diagonal:
        line, places = _without_diagonals(line, grid)
        place = places[place]
    states = grid.states(line)
    is_open = states >= 0
    return states[is_open], (np.cumsum(is_open) - 1)[place[step]]


def _line_of_cells(corners: Int[np.ndarray, "N 2"]) -> tuple[Int[np.ndarray, "L 2"], Int[np.ndarray, " N"]]:
    """Cells one row, column or diagonal apart through the corners, and where each corner is among them."""
    difference = np.diff(corners, axis=0)
    count = np.maximum(np.abs(difference).max(axis=1), 1) if len(difference) else np.zeros(0, np.int64)
    place = np.concatenate([[0], np.cumsum(count)])
    which = np.repeat(np.arange(len(count)), count)
    share = (np.arange(len(which)) - place[which]) / count[which]
    between = corners[which] + np.rint(difference[which] * share[:, None]).astype(np.int64)
    return np.concatenate([between, corners[-1:]]), place


def _without_diagonals(line: np.ndarray, grid: Snapper) -> tuple[np.ndarray, np.ndarray]:
    """The line with a cell beside each diagonal step, an open one where there is one, and where its cells went."""
    diagonal = (np.diff(line, axis=0) != 0).all(axis=1)
    before = np.flatnonzero(diagonal)
    by_row = np.stack([line[before + 1, 0], line[before, 1]], axis=1)
    by_column = np.stack([line[before, 0], line[before + 1, 1]], axis=1)
    beside = np.where(grid.states(by_row)[:, None] >= 0, by_row, by_column)
    places = np.arange(len(line)) + np.concatenate([[0], np.cumsum(diagonal)])
    return np.insert(line, before + 1, beside, axis=0), places


def _size_of_cells(geometry: GridGeometry, sampling: Sampling) -> list[str]:
    if sampling.unit is not Unit.METRES or geometry.unit != "cells":
        return []
    return [
        "x and y are read as metres but nobody said how large a cell is: each was taken to be 1 m wide; "
        'set cell_size, or units = "cells"'
    ]


def _in_cells(
    x: np.ndarray, y: np.ndarray, geometry: GridGeometry, sampling: Sampling
) -> tuple[np.ndarray, np.ndarray]:
    """Column and row as real numbers, the centre of the first cell at ½."""
    if sampling.unit is Unit.CELLS:
        return x + 0.5, y + 0.5
    if sampling.unit is Unit.PIXELS:
        return (x + 0.5) / sampling.pixels_per_cell, (y + 0.5) / sampling.pixels_per_cell
    left, top = geometry.origin
    return (x - left) / geometry.cell_size, (y - top) / geometry.cell_size


def _one_a_time(t: np.ndarray, column: np.ndarray, row: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, str]:
    """Rows without those that repeat the one before, and what is wrong if two places have one time."""
    again = np.append(False, np.diff(t[rows]) == 0)
    elsewhere = again & np.append(False, (np.diff(column[rows]) != 0) | (np.diff(row[rows]) != 0))
    reason = f"it is in two places at t = {t[rows][np.argmax(elsewhere)]:g}" if elsewhere.any() else ""
    return rows[~again], reason


def _resampled(
    t: np.ndarray, points: Float[np.ndarray, "N 2"], interval: float | None
) -> tuple[np.ndarray, np.ndarray]:
    if interval is None:
        return t, points
    steps = int(np.ceil((t[-1] - t[0]) / interval - 1e-9))  # the last position counts, however short the last step is
    times = np.minimum(t[0] + interval * np.arange(steps + 1), t[-1])
    return times, np.stack([np.interp(times, t, coordinate) for coordinate in points.T], axis=1)


def _unordered(walk: np.ndarray, t: np.ndarray) -> list[str]:
    together = np.diff(walk) == 0
    found = []
    if (np.diff(t)[together] < 0).any():
        found.append("rows that were out of order were sorted by time")
    return found


def _gaps_and_jumps(
    walk: np.ndarray, t: np.ndarray, column: np.ndarray, row: np.ndarray, names: Sequence[str]
) -> list[str]:
    """One sentence for the longest gap and the longest jump of each walk that has some."""
    together = np.diff(walk) == 0
    wait, length = np.diff(t), np.hypot(np.diff(column), np.diff(row))
    if not (together & (wait > 0)).any():
        return []
    usual = np.median(wait[together & (wait > 0)])
    moving = together & (wait > 0) & (length > 0)
    speed = np.median(length[moving] / wait[moving]) if moving.any() else 0.0
    gap = together & (wait > GAP * usual)
    jump = together & (length > np.maximum(2.0, JUMP_SPEED * speed * wait))
    found = []
    for kind, rows, size, unit in (("gap", gap, wait, "seconds"), ("jump", jump, length, "cells")):
        for i in np.unique(walk[:-1][rows]).tolist():
            mine = np.flatnonzero(rows & (walk[:-1] == i))
            worst = mine[np.argmax(size[mine])]
            found.append(
                f"trajectory {names[i]}: {len(mine)} {kind}s, the largest of {size[worst]:.3g} {unit} after "
                f"t = {t[worst]:g}; bridged by a straight line"
            )
    return found


def _repeats(
    walk: np.ndarray, t: np.ndarray, column: np.ndarray, row: np.ndarray, order: np.ndarray, moves: int
) -> list[str]:
    together = np.diff(walk[order]) == 0
    if moves >= 0.5 * together.sum():
        return []
    length = np.hypot(np.diff(column[order]), np.diff(row[order]))[together]
    wait = np.diff(t[order])[together]
    hint = f" near {wait.sum() / length.sum():.2g}" if length.sum() > 0 else ""
    return [
        "more than half of the positions repeat the cell of the one before; straight walks then become staircases: set "
        f"an interval{hint} seconds, in which walkers cross about one cell"
    ]
