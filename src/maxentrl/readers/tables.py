"""Table worlds from CSV: transitions, and features by state or by state and action."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.report import Report
from maxentrl.demos.trajectories import UNKNOWN
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.table import table_world
from maxentrl.mdp.world import World
from maxentrl.readers.csv_columns import LISTED, CsvColumns, read_columns
from maxentrl.readers.names import actions_in, states_in
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class TransitionTable:
    """Outcomes as a file lists them, N rows.

    Attributes:
        states: name of s.
        actions: name of a.
        next_states: name of s'.
        probabilities: P(s' | s, a), (N,).
    """

    states: Sequence[str]
    actions: Sequence[str]
    next_states: Sequence[str]
    probabilities: Float[np.ndarray, " N"]


@dataclasses.dataclass(frozen=True)
class Features:
    """Named columns: ``state`` of shape (S,) and ``pair`` of shape (A, S)."""

    state: Mapping[str, Float[np.ndarray, " S"]]
    pair: Mapping[str, Float[np.ndarray, "A S"]]


def read_table_world(
    transitions: str | Path, features: str | Path | None = None, terminal: Sequence[str | int] = ()
) -> tuple[World, Report]:
    """A table world from its two files; ``terminal`` are names of states that end the episode.

    Raises:
        InvalidInput: what :func:`read_transitions_csv`, :func:`read_features_csv` and
            :func:`maxentrl.mdp.table.table_world` refuse.
    """
    table, report = read_transitions_csv(transitions)
    try:
        world = table_world(
            table.states,
            table.actions,
            table.next_states,
            table.probabilities,
            terminal=[str(state) for state in terminal],
        )
    except InvalidInput as error:
        raise InvalidInput([f"{transitions}: {problem}" for problem in error.problems]) from error
    return (world, report) if features is None else with_features(world, features, report)


def with_features(world: World, features: str | Path, report: Report) -> tuple[World, Report]:
    """A table world with the features of a file; raises like :func:`read_features_csv`."""
    columns, more = read_features_csv(features, world.mdp)
    return World(world.mdp, columns.state, columns.pair), Report(
        report.used, (*report.dropped, *more.dropped), (*report.warnings, *more.warnings)
    )


def read_transitions_csv(path: str | Path) -> tuple[TransitionTable, Report]:
    """Columns ``state, action, next_state, probability``; names may be any words.

    Raises:
        InvalidInput: what :func:`maxentrl.readers.csv_columns.read_columns` refuses, probabilities outside 0 to 1, or
            an outcome that is listed twice, each by row.
    """
    columns = read_columns(path, ("state", "action", "next_state", "probability"))
    chance = columns.numbers("probability")
    columns.refuse("probability", (chance < 0) | (chance > 1), "expected a probability, 0 to 1")
    names = ("state", "action", "next_state")
    for name in names:
        columns.refuse(name, np.array([cell == "" for cell in columns.text[name]]), "expected a name")
    _refuse_duplicates(columns, names)
    table = TransitionTable(columns.text["state"], columns.text["action"], columns.text["next_state"], chance)
    return table, Report(len(columns), (), columns.warnings)


def _refuse_duplicates(columns: CsvColumns, names: Sequence[str]) -> None:
    codes = np.stack([columns.codes(name)[0] for name in names])
    _, first, which = np.unique(codes, axis=1, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[which.reshape(-1)] != np.arange(len(columns)))
    if len(again):
        raise InvalidInput(
            [
                f"{columns.path}, row {columns.rows[i]} repeats {', '.join(names)} of row "
                f"{columns.rows[first[which.reshape(-1)[i]]]}: keep one row of each"
                for i in again[:LISTED].tolist()
            ]
        )


def read_features_csv(path: str | Path, mdp: MDP) -> tuple[Features, Report]:
    """A column ``state``, optionally ``action``, and one column a feature; by state, or by state and action.

    Raises:
        InvalidInput: unknown states or actions (with the most similar name), rows that repeat a state or pair, states
            or available pairs without a row, cells that are not finite numbers.
    """
    columns = read_columns(path, ("state",), None)
    names = [name for name in columns.text if name.lower() not in ("state", "action")]
    action_column = next((name for name in columns.text if name.lower() == "action"), None)
    if not names:
        raise InvalidInput(f"{path} has no column for a feature: expected one beside 'state' and 'action'")
    state = states_in(columns, "state", mdp)
    if action_column is None:
        _refuse_duplicates(columns, ("state",))
        _refuse_missing(columns, np.bincount(state, minlength=mdp.n_states) == 0, mdp)
        filled = {name: np.zeros(mdp.n_states) for name in names}
        for name, column in filled.items():
            column[state] = columns.numbers(name)
        return Features(filled, {}), Report(len(columns), (), columns.warnings)
    action = actions_in(columns, action_column, mdp)
    columns.refuse(action_column, action == UNKNOWN, "expected an action")
    _refuse_duplicates(columns, ("state", action_column))
    return _pair_features(columns, names, mdp, state, action)


def _pair_features(
    columns: CsvColumns, names: Sequence[str], mdp: MDP, state: Int[np.ndarray, " N"], action: Int[np.ndarray, " N"]
) -> tuple[Features, Report]:
    listed = np.zeros((mdp.n_actions, mdp.n_states), bool)
    listed[action, state] = True
    missing = np.argwhere(mdp.available & ~listed)
    if len(missing):
        pairs = [f"({mdp.state_name(int(s))}, {mdp.action_name(int(a))})" for a, s in missing[:LISTED]]
        raise InvalidInput(f"{columns.path} has no row for {len(missing)} pairs (state, action): {', '.join(pairs)}")
    filled = {name: np.zeros((mdp.n_actions, mdp.n_states)) for name in names}
    for name, column in filled.items():
        column[action, state] = columns.numbers(name)
    idle = int((~mdp.available[action, state]).sum())
    unused = (f"{columns.path}: {idle} rows are about pairs that cannot be chosen",) if idle else ()
    return Features({}, filled), Report(len(columns), (), columns.warnings + unused)


def _refuse_missing(columns: CsvColumns, missing: np.ndarray, mdp: MDP) -> None:
    if missing.any():
        listed = ", ".join(mdp.state_name(int(s)) for s in np.flatnonzero(missing)[:LISTED])
        raise InvalidInput(f"{columns.path} has no row for {int(missing.sum())} of {mdp.n_states} states: {listed}")
