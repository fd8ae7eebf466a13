"""Grid worlds: map layers, walls and moves → states, transitions and features, without a loop over cells."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.transitions import AbstractTransitions, DeterministicTransitions, SparseTransitions
from maxentrl.mdp.world import GridGeometry, World
from maxentrl.status import InvalidInput

DISTANCE = "distance"
"""Name of the built-in pair feature: length of the intended move in metres."""


@dataclasses.dataclass(frozen=True)
class Moves:
    """Moves of a grid, in the order of the actions.

    Attributes:
        names: one name a move.
        offsets: (rows down, columns right) of each; (0, 0) stays.
    """

    names: tuple[str, ...]
    offsets: tuple[tuple[int, int], ...]

    def with_stay(self) -> Moves:
        """The same moves and, last, one that stays."""
        return Moves((*self.names, "stay"), (*self.offsets, (0, 0)))


FOUR_MOVES = Moves(("up", "right", "down", "left"), ((-1, 0), (0, 1), (1, 0), (0, -1)))
"""Row and column moves, clockwise from up."""

EIGHT_MOVES = Moves(
    ("up", "up-right", "right", "down-right", "down", "down-left", "left", "up-left"),
    ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)),
)
"""Row, column and diagonal moves, clockwise from up."""


class Blocked(enum.Enum):
    """What becomes of a move into a wall or off the map."""

    UNAVAILABLE = "unavailable"
    STAYS = "stay"


def grid_world(
    layers: Mapping[str, np.ndarray],
    *,
    walls: np.ndarray | None = None,
    moves: Moves = EIGHT_MOVES,
    stay: bool = False,
    blocked: Blocked = Blocked.UNAVAILABLE,
    slip: float = 0.0,
    cell_size: float | None = None,
    pool: int = 1,
    terminal: Sequence[tuple[int, int]] = (),
    origin: tuple[float, float] = (0.0, 0.0),
) -> World:
    """A world whose states are the open cells of a map, in row-major order, and whose features are its layers.

    With slip ε the move made is the one intended with probability 1 − ε, and with probability ε one drawn uniformly
    from all moves, the intended (and staying, where it is a move) included:
    ``P(m | a) = (1 − ε) 1[m = a] + ε / A``. Where a blocked move stays, so does a slip into a wall; where it is
    unavailable, slips are drawn from the moves that are available in the cell.

    A diagonal move is blocked if its cell is a wall, or if both cells beside it are (no squeezing between two corners).

    Args:
        layers: named maps of equal size (rows, columns); finite on open cells.
        walls: where nobody walks, (rows, columns); nonzero is a wall.
        moves: ``FOUR_MOVES``, ``EIGHT_MOVES`` or any others.
        stay: whether a move that stays is added, as the last action.
        blocked: whether a blocked move is unavailable or stays.
        slip: ε, 0 to 1.
        cell_size: metres a cell, after pooling; None where not known: lengths are then in cells.
        pool: pixels a cell on each side; a cell's features are the mean of its pixels (at the right and lower edge, of
            those that there are; a wall pixel that holds no number does not count), and it is a wall if at least half
            of its pixels are.
        terminal: (row, column) of cells, after pooling, that end the episode.
        origin: (x, y) in metres of the map's upper left corner.

    Returns:
        World with the layers as state features and, unless a layer has this name, the pair feature ``distance``: the
        length of the intended move in metres (in cells, where their size is not known), 0 for staying.

    Raises:
        InvalidInput: layers of different size or rank, NaN on an open cell, no open cell, terminal cells that are walls
            or off the map, slip, cell size or pool out of range.
    """
    size = 1.0 if cell_size is None else float(cell_size)
    _check_settings(slip, size, pool)
    pixels = _checked_layers(layers, walls)
    wall_pixels = np.zeros(pixels, bool) if walls is None else np.asarray(walls) != 0
    closed = _pooled(wall_pixels.astype(float), pool) >= 0.5 if pool > 1 else wall_pixels
    if closed.all():
        raise InvalidInput("the map has no open cell: every cell is a wall (is the wall layer inverted?)")
    geometry = GridGeometry(_number_cells(closed), size, origin, "cells" if cell_size is None else "m")
    features = _columns(layers, wall_pixels, closed, pool)
    if stay and (0, 0) not in moves.offsets:
        moves = moves.with_stay()
    targets, reached = _targets(closed, geometry.state_of_cell, moves)
    transitions = _transitions(targets, reached, slip, blocked)
    mdp = MDP(transitions, _terminal(geometry, terminal), action_names=moves.names)
    lengths = np.array([math.hypot(*offset) * size for offset in moves.offsets])
    distance = {} if DISTANCE in features else {DISTANCE: np.broadcast_to(lengths[:, None], targets.shape)}
    return World(mdp, features, distance, geometry)


def common_shape(layers: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Rows and columns that all layers share.

    Raises:
        InvalidInput: no layer, one that is not two-dimensional, or different sizes; each layer named with its size.
    """
    problems = [
        f"layer '{name}' has shape {np.shape(layer)}: expected two dimensions, (rows, columns)"
        for name, layer in layers.items()
        if np.ndim(layer) != 2
    ]
    sizes = {name: np.shape(layer) for name, layer in layers.items() if np.ndim(layer) == 2}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"'{name}' is {rows} x {columns}" for name, (rows, columns) in list(sizes.items())[:20])
        problems.append(f"layers differ in size (rows x columns): {listed}; crop or resample them to one size")
    if not layers:
        problems.append("a grid world needs at least one layer, or walls: they give its size")
    if problems:
        raise InvalidInput(problems)
    rows, columns = next(iter(sizes.values()))
    return rows, columns


def _check_settings(slip: float, cell_size: float, pool: int) -> None:
    problems = []
    if not 0.0 <= slip <= 1.0:
        problems.append(f"slip = {slip}: expected a probability, 0 ≤ slip ≤ 1")
    if not (math.isfinite(cell_size) and cell_size > 0):
        problems.append(f"cell_size = {cell_size}: expected metres a cell, above 0")
    if pool < 1 or pool != int(pool):
        problems.append(f"pool = {pool}: expected a whole number of pixels a cell, at least 1")
    if problems:
        raise InvalidInput(problems)


def _checked_layers(layers: Mapping[str, np.ndarray], walls: np.ndarray | None) -> tuple[int, int]:
    shape = common_shape({**layers, **({} if walls is None else {"walls": walls})})
    if 0 in shape:
        raise InvalidInput(f"the layers have {shape[0]} rows and {shape[1]} columns: expected at least one of each")
    open_pixels = np.ones(shape, bool) if walls is None else np.asarray(walls) == 0
    problems = []
    for name, layer in layers.items():
        values = np.asarray(layer)
        if values.dtype.kind not in "biuf":
            problems.append(f"layer '{name}' holds {values.dtype}: expected numbers")
            continue
        bad = ~np.isfinite(values) & open_pixels
        if bad.any():
            row, column = np.argwhere(bad)[0]
            problems.append(
                f"layer '{name}' is {values[row, column]} at row {row}, column {column} and {int(bad.sum()) - 1} other "
                "open pixels: fill them, or make them walls"
            )
    if problems:
        raise InvalidInput(problems)
    return shape


def _pooled(values: Float[np.ndarray, "H W"], pool: int, weight: np.ndarray | None = None) -> np.ndarray:
    """Mean over blocks of pool × pixels, the last ones cut at the edge; weighted, plain where all weights are 0."""
    rows, columns = (np.arange(0, size, pool) for size in values.shape)

    def total(entries: np.ndarray) -> np.ndarray:
        return np.add.reduceat(np.add.reduceat(entries, rows, axis=0), columns, axis=1)

    if weight is None:
        return total(values) / total(np.ones_like(values))
    mass = total(weight.astype(float))
    return total(np.where(weight, values, 0.0)) / np.where(mass > 0, mass, 1.0)


def _columns(
    layers: Mapping[str, np.ndarray], wall_pixels: np.ndarray, closed: Bool[np.ndarray, "R C"], pool: int
) -> dict[str, np.ndarray]:
    columns = {}
    for name, layer in layers.items():
        values = np.asarray(layer, float)
        if pool > 1:
            numbers = np.isfinite(values) | ~wall_pixels
            values = _pooled(values, pool, None if numbers.all() else numbers)
        columns[name] = values[~closed]
    return columns


def _number_cells(closed: Bool[np.ndarray, "R C"]) -> Int[np.ndarray, "R C"]:
    numbers = np.full(closed.shape, -1, np.int32)
    numbers[~closed] = np.arange(np.count_nonzero(~closed), dtype=np.int32)
    return numbers


def _terminal(geometry: GridGeometry, cells: Sequence[tuple[int, int]]) -> Bool[np.ndarray, " S"]:
    terminal = np.zeros(int(geometry.state_of_cell.max()) + 1, bool)
    rows, columns = geometry.shape
    problems = []
    for row, column in cells:
        if not (0 <= row < rows and 0 <= column < columns):
            problems.append(f"terminal cell ({row}, {column}) is off the map of {rows} rows and {columns} columns")
        elif geometry.state_of_cell[row, column] < 0:
            problems.append(f"terminal cell ({row}, {column}) is a wall: expected an open cell")
        else:
            terminal[geometry.state_of_cell[row, column]] = True
    if problems:
        raise InvalidInput(problems)
    return terminal


def _targets(closed: np.ndarray, number: np.ndarray, moves: Moves) -> tuple[np.ndarray, np.ndarray]:
    """State that each move leads to, its own where blocked, and whether it gets there, both (A, S)."""
    rows, columns = closed.shape
    margin = max(max(abs(down), abs(right)) for down, right in moves.offsets)
    padded_closed = np.pad(closed, margin, constant_values=True)
    padded_number = np.pad(number, margin, constant_values=-1)

    def shifted(padded: np.ndarray, down: int, right: int) -> np.ndarray:
        return padded[margin + down : margin + down + rows, margin + right : margin + right + columns]

    own = number[~closed]
    targets = np.empty((len(moves.offsets), len(own)), np.int32)
    reached = np.empty(targets.shape, bool)
    for a, (down, right) in enumerate(moves.offsets):
        stopped = shifted(padded_closed, down, right)
        if down and right:
            stopped = stopped | (shifted(padded_closed, down, 0) & shifted(padded_closed, 0, right))
        reached[a] = ~stopped[~closed]
        targets[a] = np.where(reached[a], shifted(padded_number, down, right)[~closed], own)
    return targets, reached


def _transitions(targets: np.ndarray, reached: np.ndarray, slip: float, blocked: Blocked) -> AbstractTransitions:
    available = np.ones_like(reached) if blocked is Blocked.STAYS else reached
    if slip == 0.0:
        return DeterministicTransitions(targets, available)
    n_actions, n_states = targets.shape
    own = np.arange(n_states, dtype=np.int32)
    moved = reached & (targets != own)
    choices = available.sum(axis=0)
    share = slip / np.maximum(choices, 1)
    staying = available & ~moved
    stays_somewhere = bool(staying.any())
    probability = np.zeros((n_actions, n_actions + stays_somewhere, n_states))
    for a in range(n_actions):
        for m in range(n_actions):
            probability[a, m] = np.where(moved[m] & available[a], share + (1.0 - slip) * (a == m), 0.0)
        if stays_somewhere:
            lost = share * staying.sum(axis=0) + (1.0 - slip) * staying[a]
            probability[a, -1] = np.where(available[a], lost, 0.0)
    successors = np.concatenate([targets, own[None]]) if stays_somewhere else targets
    return _without_empty_slots(SparseTransitions(successors, probability, available))


def _without_empty_slots(transitions: SparseTransitions) -> SparseTransitions:
    """Slots that no state uses (the one of a move that stays) are left out."""
    used = np.array([np.any(transitions.probability[:, b]) for b in range(len(transitions.successors))])
    if used.all() or not used.any():
        return transitions
    successors, probability = np.asarray(transitions.successors)[used], np.asarray(transitions.probability)[:, used]
    return SparseTransitions(successors, probability, transitions.available)
