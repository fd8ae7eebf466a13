"""States, goals and kinds of time as a SPEC names them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from maxentrl.mdp.time import Discounted, Finite, Time, ToGoal
from maxentrl.mdp.world import World
from maxentrl.readers.spec_model import DiscountedTime, FiniteTime, TimeTable
from maxentrl.readers.spec_table import State
from maxentrl.status import InvalidInput

CELL = re.compile(r"\s*(?:cell\s*)?\[?\s*(\d+)\s*,\s*(\d+)\s*\]?\s*", re.IGNORECASE)
"""A cell as people write it: ``0, 40``, ``[0, 40]`` or ``cell [0, 40]``."""


def state_number(world: World, label: State, place: str) -> int:
    """The state that a name, a number or a cell [row, column] means; ``place`` is what messages call it.

    Raises:
        InvalidInput: no such state, with the nearest name.
    """
    if isinstance(label, tuple):
        return _cell(world, label, place)
    names = world.mdp.state_names
    if names is not None and str(label) in names:
        return names.index(str(label))
    if isinstance(label, int) and names is None and 0 <= label < world.mdp.n_states:
        return label
    if isinstance(label, str) and (cell := CELL.fullmatch(label)) and world.geometry is not None:
        return _cell(world, (int(cell[1]), int(cell[2])), place)
    if names is None:
        raise InvalidInput(f"{place}: {label!r} is not a state: states are 0 to {world.mdp.n_states - 1}")
    near = difflib.get_close_matches(str(label), names, 1)
    raise InvalidInput(f"{place}: {label!r} is not a state" + (f"; did you mean '{near[0]}'?" if near else ""))


def state_numbers(world: World, labels: Sequence[State], place: str) -> tuple[int, ...]:
    """The states that some labels mean; raises like :func:`state_number`."""
    return tuple(state_number(world, label, f"{place}[{i}]") for i, label in enumerate(labels))


def _cell(world: World, cell: tuple[int, int], place: str) -> int:
    if world.geometry is None:
        raise InvalidInput(f"{place}: [row, column] names a state of a grid only; this world has no map")
    rows, columns = world.geometry.shape
    row, column = cell
    if not (0 <= row < rows and 0 <= column < columns):
        raise InvalidInput(f"{place}: cell [{row}, {column}] is off the map of {rows} rows and {columns} columns")
    state = int(world.geometry.state_of_cell[row, column])
    if state < 0:
        raise InvalidInput(f"{place}: cell [{row}, {column}] is a wall")
    return state


def make_time(table: TimeTable, world: World) -> Time:
    """The kind of time that the table describes."""
    if isinstance(table, FiniteTime):
        return Finite(table.horizon)
    if isinstance(table, DiscountedTime):
        return Discounted(table.discount)
    return ToGoal(None if table.goals is None else state_numbers(world, table.goals, "time.goals"))
