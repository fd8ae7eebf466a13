"""Table worlds without a table: states, actions and transition probabilities as the demonstrations have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from maxentrl.demos.estimate import estimate_transitions
from maxentrl.demos.report import DropTrajectory, MendNearest, Refuse, Report
from maxentrl.demos.trajectories import Trajectories
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.table import label_numbers, names_of
from maxentrl.mdp.transitions import DeterministicTransitions
from maxentrl.mdp.world import World
from maxentrl.readers.csv_columns import NO_RENAMING, read_columns
from maxentrl.readers.tables import with_features
from maxentrl.readers.trajectories import read_recorded_csv
from maxentrl.status import InvalidInput


def estimate_table_world(
    paths: Sequence[str | Path],
    features: str | Path | None = None,
    terminal: Sequence[str | int] = (),
    *,
    prior_count: float = 0.0,
    impossible: Refuse | DropTrajectory | MendNearest,
    columns: Mapping[str, str] = NO_RENAMING,
) -> tuple[World, Report]:
    """A table world estimated from files of demonstrations (:func:`maxentrl.demos.estimate.estimate_transitions`).

    States are those of the column ``state`` of the demonstrations and of the features, and the terminal ones; actions
    those of the column ``action``. The next state is that of the next row of the same trajectory. Every trajectory
    counts, held-out ones too. States that no trajectory leaves are terminal.

    Args:
        paths: files with columns ``trajectory, step, state, action``.
        features: file of features, as :func:`maxentrl.readers.tables.read_features_csv` takes it.
        terminal: further states that end the episode.
        prior_count: α ≥ 0 of the estimate.
        impossible: what happens to trajectories with steps missing or repeated.
        columns: from our name of a column to the file's.

    Raises:
        InvalidInput: files without these columns, rows that are refused, no decision with an action.
    """
    mdp = _names_only(paths, features, terminal, columns)
    world = World(mdp, {})
    read = [read_recorded_csv(path, world, impossible=impossible, columns=columns)[0] for path in paths]
    walks = Trajectories.of(
        [part.states_of(i) for part in read for i in range(len(part))],
        [part.actions_of(i) for part in read for i in range(len(part))],
        weights=np.concatenate([part.weights for part in read]),
    )
    transitions, report = estimate_transitions(walks, mdp.n_states, mdp.n_actions, prior_count)
    left = np.asarray(transitions.available).any(axis=0)
    estimated = World(MDP(transitions, mdp.terminal | ~left, mdp.state_names, mdp.action_names), {})
    if features is None:
        return estimated, report
    return with_features(estimated, features, report)


def _names_only(
    paths: Sequence[str | Path], features: str | Path | None, terminal: Sequence[str | int], columns: Mapping[str, str]
) -> MDP:
    """States and actions by the names in the files; no move is available yet."""
    states: dict[str, None] = {}
    actions: dict[str, None] = {}
    for path in paths:
        table = read_columns(path, ("trajectory", "step", "state", "action"), None, columns)
        states |= dict.fromkeys(table.codes("state")[1])
        actions |= dict.fromkeys(table.codes("action")[1])
    if features is not None:
        states |= dict.fromkeys(read_columns(features, ("state",), None).codes("state")[1])
    states |= dict.fromkeys(str(state) for state in terminal)
    state_order = label_numbers([name for name in states if name])
    action_order = label_numbers([name for name in actions if name])
    if not action_order:
        raise InvalidInput(
            "no row of the demonstrations has an action: transitions cannot be estimated from states alone"
        )
    shape = (len(action_order), len(state_order))
    nowhere = DeterministicTransitions(
        np.tile(np.arange(shape[1], dtype=np.int32), (shape[0], 1)), np.zeros(shape, bool)
    )
    ends = np.zeros(shape[1], bool)
    ends[[state_order[str(state)] for state in terminal]] = True
    return MDP(nowhere, ends, names_of(state_order), names_of(action_order))
