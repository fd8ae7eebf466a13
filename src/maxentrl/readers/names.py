"""From the names of states and actions in a file to their numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from maxentrl.demos.trajectories import UNKNOWN
from maxentrl.mdp.mdp import MDP
from maxentrl.readers.csv_columns import CsvColumns
from maxentrl.readers.files import nearest


def states_in(columns: CsvColumns, name: str, mdp: MDP, *, blank_allowed: bool = False) -> Int[np.ndarray, " N"]:
    """A column as states; blanks, where allowed, as ``UNKNOWN``.

    Raises:
        InvalidInput: names that no state has, by row, with the most similar one.
    """
    return _numbers(columns, name, mdp.state_names, mdp.n_states, "state", blank_allowed)


def actions_in(columns: CsvColumns, name: str, mdp: MDP) -> Int[np.ndarray, " N"]:
    """A column as actions, by name or number; blanks as ``UNKNOWN``. Raises like :func:`states_in`."""
    return _numbers(columns, name, mdp.action_names, mdp.n_actions, "action", True)


def _numbers(
    columns: CsvColumns, name: str, names: Sequence[str] | None, size: int, kind: str, blank_allowed: bool
) -> np.ndarray:
    index = {} if names is None else {word: i for i, word in enumerate(names)}
    by_number = names is None or (kind == "action" and not any(word.isdigit() for word in names))

    def find(word: str) -> int:
        if word in index:
            return index[word]
        return _whole(word, size) if by_number else UNKNOWN

    codes, words = columns.codes(name)
    found = np.array([find(word) for word in words], np.int64)
    blank = np.array([blank_allowed and word == "" for word in words])
    wrong = ((found == UNKNOWN) & ~blank)[codes]
    expected = f"there is no {kind} of this name"
    if names is None:
        expected += f", {kind}s are 0 to {size - 1}"
    columns.refuse(name, wrong, expected, lambda word: nearest(word, index))
    return found[codes]


def _whole(word: str, size: int) -> int:
    """A number below ``size``, written as 17 or 17.0."""
    try:
        value = float(word)
    except ValueError:
        return UNKNOWN
    return int(value) if value == value // 1 and 0 <= value < size else UNKNOWN
