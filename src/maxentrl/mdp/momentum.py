"""Worlds of walkers with momentum: a state is a cell and the displacement that led there."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.mdp.grid import common_shape
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.transitions import DeterministicTransitions
from maxentrl.mdp.world import GridGeometry, World
from maxentrl.status import InvalidInput

LARGEST = 200_000_000
"""Most pairs of a state and a change for which tables are made."""


@dataclasses.dataclass(frozen=True, eq=False)
class MomentumWorld:
    """A map on which walkers keep their displacement unless they change it.

    State ``s = d · C + c`` stands in the c-th of C open cells (row by row) after the d-th of D displacements. A decision
    is a change a of the displacement: d′ = d + a, and the walker moves to the cell c + d′.

    Attributes:
        world: S = D · C states; its state features are the map's layers, its geometry has D states a cell.
        displacements: (rows down, columns right) in cells a decision, (D, 2).
        changes: the actions, (rows down, columns right), (A, 2).
        features: what a change is judged by, whatever the place, each (A, D); see :func:`change_features`.
        cells: the map's layers on open cells, each (C,).
    """

    world: World
    displacements: Int[np.ndarray, "D 2"]
    changes: Int[np.ndarray, "A 2"]
    features: Mapping[str, Float[np.ndarray, "A D"]]
    cells: Mapping[str, Float[np.ndarray, " C"]]

    @property
    def geometry(self) -> GridGeometry:
        """Where the states lie."""
        assert self.world.geometry is not None
        return self.world.geometry

    @property
    def transitions(self) -> DeterministicTransitions:
        """Where changes lead."""
        assert isinstance(self.world.mdp.transitions, DeterministicTransitions)
        return self.world.mdp.transitions

    @property
    def n_cells(self) -> int:
        """C, the number of open cells."""
        return self.world.mdp.n_states // len(self.displacements)

    def displacement_number(self, displacement: Int[np.ndarray, "N 2"]) -> Int[np.ndarray, " N"]:
        """The number of each displacement, (N,); of the nearest one where it is beyond reach."""
        return _nearest(self.displacements, displacement)

    def change_number(self, change: Int[np.ndarray, "N 2"]) -> Int[np.ndarray, " N"]:
        """The action of each change of displacement, (N,); -1 where there is none."""
        number = _nearest(self.changes, change)
        return np.where((self.changes[number] == change).all(1), number, -1)


def momentum_world(
    layers: Mapping[str, np.ndarray],
    *,
    cell_size: float,
    reach: float,
    change: float,
    walls: np.ndarray | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
) -> MomentumWorld:
    """Walkers with momentum on a map: displacements and changes of displacement within discs.

    A decision is available if the new displacement is within reach and its end is an open cell; what lies between is
    not looked at. A walker so fast that every end is closed stops: its one decision, no change, leads to rest in its cell.

    Args:
        layers: named maps of equal size (rows, columns), finite on open cells.
        cell_size: metres a cell.
        reach: length of the longest displacement, in metres a decision.
        change: length of the longest change of displacement, in metres a decision.
        walls: where nobody stands, (rows, columns); nonzero is a wall.
        origin: (x, y) in metres of the corner of the first cell.

    Raises:
        InvalidInput: layers of different size, NaN on an open cell, no open cell, sizes that are not positive, a reach or
            change shorter than a cell, or tables that would be too large (with their size).
    """
    reach_cells, change_cells = _checked_sizes(cell_size, reach, change)
    closed = _closed(layers, walls)
    number = np.full(closed.shape, -1, np.int32)
    number[~closed] = np.arange(np.count_nonzero(~closed), dtype=np.int32)
    pairs = np.count_nonzero(~closed) * math.pi**2 * (reach_cells * change_cells) ** 2
    if pairs > LARGEST:
        raise InvalidInput(
            f"{np.count_nonzero(~closed)} open cells, displacements of {reach_cells:.3g} cells and changes of "
            f"{change_cells:.3g} make about {pairs:.2g} pairs, more than {LARGEST:.2g}: use larger cells, a shorter reach, or "
            "a smaller map"
        )
    displacements, changes = disc(reach_cells), disc(change_cells)
    transitions = _transitions(number, displacements, changes)
    columns = {name: np.asarray(layer, float)[~closed] for name, layer in layers.items()}
    states = len(displacements)
    geometry = GridGeometry(number, cell_size, origin, states_per_cell=states)
    features = {name: np.tile(column, states) for name, column in columns.items()}
    names = tuple(f"change ({down}, {right})" for down, right in changes.tolist())
    mdp = MDP(transitions, np.zeros(transitions.n_states, bool), action_names=names)
    by_change = change_features(displacements, changes, cell_size)
    return MomentumWorld(World(mdp, features, geometry=geometry), displacements, changes, by_change, columns)


def disc(radius: float) -> Int[np.ndarray, "N 2"]:
    """Whole (row, column) offsets no longer than ``radius``, shortest first, (N, 2)."""
    side = np.arange(-math.floor(radius), math.floor(radius) + 1)
    offsets = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    square = np.square(offsets).sum(1)
    inside = square <= radius**2 + 1e-9
    return offsets[inside][np.argsort(square[inside], kind="stable")]


def change_features(
    displacements: Int[np.ndarray, "D 2"], changes: Int[np.ndarray, "A 2"], cell_size: float
) -> dict[str, Float[np.ndarray, "A D"]]:
    """What a change a of the displacement d is judged by, lengths in metres a decision.

    steady            1[a = 0]
    change            |a|
    change_log        log(1 + |a|²/cell²), whose exponential has heavy tails
    across            |d × a| / |d|, the change across the direction of walking
    faster            |d + a| − |d|
    speed             |d + a|
    resting           1[d + a = 0]
    rests_on          1[d = 0, a = 0]
    steady_by_speed   1[a = 0] |d|
    change_by_speed   |a| |d|
    across_by_speed   |d × a|
    change_from_rest  1[d = 0] |a|
    """
    before = displacements[None] * cell_size
    change = changes[:, None] * cell_size
    after = before + change
    length, speed, new_speed = (np.linalg.norm(v, axis=-1) for v in (change, before, after))
    cross = np.abs(before[..., 0] * change[..., 1] - before[..., 1] * change[..., 0])
    steady, still = (length == 0).astype(float), (speed == 0).astype(float)
    found = {
        "steady": steady,
        "change": length,
        "change_log": np.log1p(np.square(length / cell_size)),
        "across": cross / np.where(speed > 0, speed, 1.0),
        "faster": new_speed - speed,
        "speed": new_speed,
        "resting": new_speed == 0,
        "rests_on": steady * still,
        "steady_by_speed": steady * speed,
        "change_by_speed": length * speed,
        "across_by_speed": cross,
        "change_from_rest": still * length,
    }
    shape = (len(changes), len(displacements))
    return {name: np.array(np.broadcast_to(column, shape), float) for name, column in found.items()}


def _nearest(table: Int[np.ndarray, "D 2"], wanted: Int[np.ndarray, "N 2"]) -> Int[np.ndarray, " N"]:
    rows, inverse = np.unique(wanted, axis=0, return_inverse=True)
    nearest = np.argmin(np.square(table[None] - rows[:, None]).sum(-1), axis=1)
    return nearest[inverse.ravel()]


def _checked_sizes(cell_size: float, reach: float, change: float) -> tuple[float, float]:
    sizes = {"cell_size": cell_size, "reach": reach, "change": change}
    problems = [
        f"{name} = {value}: expected metres, above 0"
        for name, value in sizes.items()
        if not (math.isfinite(value) and value > 0)
    ]
    if not problems:
        problems = [
            f"{name} = {sizes[name]} is shorter than a cell of {cell_size}: nobody could move"
            for name in ("reach", "change")
            if sizes[name] < cell_size
        ]
    if problems:
        raise InvalidInput(problems)
    return reach / cell_size, change / cell_size


def _closed(layers: Mapping[str, np.ndarray], walls: np.ndarray | None) -> Bool[np.ndarray, "rows columns"]:
    shape = common_shape({**layers, **({} if walls is None else {"walls": walls})})
    closed = np.zeros(shape, bool) if walls is None else np.asarray(walls) != 0
    problems = [] if (~closed).any() else ["the map has no open cell: every cell is a wall (is the layer inverted?)"]
    for name, layer in layers.items():
        bad = ~np.isfinite(np.asarray(layer, float)) & ~closed
        if bad.any():
            row, column = np.argwhere(bad)[0]
            problems.append(
                f"layer '{name}' is {np.asarray(layer)[row, column]} at row {row}, column {column}: fill it"
            )
    if problems:
        raise InvalidInput(problems)
    return closed


def _transitions(
    number: Int[np.ndarray, "rows columns"], displacements: Int[np.ndarray, "D 2"], changes: Int[np.ndarray, "A 2"]
) -> DeterministicTransitions:
    cells = np.argwhere(number >= 0)
    n_cells, margin = len(cells), int(np.abs(displacements).max())
    padded = np.pad(number, margin, constant_values=-1)
    side = 2 * margin + 1
    numbers = np.full((3 * side, 3 * side), -1)
    numbers[tuple((displacements + side).T)] = np.arange(len(displacements))
    ends = np.stack([padded[tuple((cells + margin + step).T)] for step in displacements])
    successor = np.empty((len(changes), len(displacements), n_cells), np.int32)
    available = np.empty(successor.shape, bool)
    own = np.arange(n_cells)
    for a, change in enumerate(changes):
        after = displacements + change
        inside = (np.abs(after) <= margin).all(1)
        new = np.where(inside, numbers[tuple((np.clip(after, -side, side) + side).T)], -1)
        for d in range(len(displacements)):
            end = ends[new[d]] if new[d] >= 0 else np.full(n_cells, -1)
            available[a, d] = end >= 0
            successor[a, d] = np.where(end >= 0, new[d] * n_cells + end, d * n_cells + own)
    stuck = ~available.any(0)
    available[0] |= stuck  # the first change is none, the first displacement rest
    successor[0] = np.where(stuck, own, successor[0])
    shape = (len(changes), -1)
    return DeterministicTransitions(successor.reshape(shape), available.reshape(shape))
