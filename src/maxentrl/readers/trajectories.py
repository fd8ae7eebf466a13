"""Demonstrations from CSV, as states and actions or as positions, and back."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int

from maxentrl.demos.checks import REFUSE, check_moves
from maxentrl.demos.report import DropTrajectory, MendNearest, Refuse, Report, refuse
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.world import World
from maxentrl.readers.about import ABOUT, About, about_trajectories
from maxentrl.readers.csv_columns import NO_RENAMING, CsvColumns, read_columns, read_header
from maxentrl.readers.names import actions_in, states_in
from maxentrl.readers.positions import EVERY_ROW, Sampling, walks_from_positions
from maxentrl.status import InvalidInput

ROWS_CURE = 'correct these rows, or have such walks dropped: impossible = "drop"'


def read_trajectories_csv(
    path: str | Path,
    world: World,
    *,
    impossible: Refuse | DropTrajectory | MendNearest = REFUSE,
    sampling: Sampling = EVERY_ROW,
    columns: Mapping[str, str] = NO_RENAMING,
) -> tuple[Trajectories, Report]:
    """Trajectories from a file in one of two forms; rows of a trajectory need not be together or in order.

    ``trajectory, step, state, action``: one row a state, with the action taken there. The action may be empty, or the
    column missing, where it was not observed; under deterministic moves it is inferred where one only explains the
    move. The last row of a trajectory has no action; where it has one, the state that it leads to is added under
    deterministic moves, and else the action is dropped and reported.

    ``trajectory, t, x, y``: positions, snapped to cells of the grid and resampled as ``sampling`` says
    (:func:`maxentrl.readers.positions.walks_from_positions`).

    Both may have columns ``weight``, ``goal`` (a state), ``split`` (a word) and ``censored`` (true or false), the same
    in all rows of a trajectory or filled in on one of them.

    Args:
        path: the file.
        world: its states and moves.
        impossible: whether trajectories with impossible moves, or rows that are missing or repeated, are refused,
            dropped or mended.
        sampling: how positions become moves.
        columns: from our name of a column to the file's.

    Raises:
        InvalidInput: what :func:`maxentrl.readers.csv_columns.read_columns` refuses; unknown states and actions, by row
            with the most similar name; what ``impossible`` refuses; no trajectory left.
    """
    kept, report = read_recorded_csv(path, world, impossible=impossible, sampling=sampling, columns=columns)
    kept, moves = check_moves(world.mdp, kept, impossible)
    return kept, report.then(moves)


def read_recorded_csv(
    path: str | Path,
    world: World,
    *,
    impossible: Refuse | DropTrajectory | MendNearest = REFUSE,
    sampling: Sampling = EVERY_ROW,
    columns: Mapping[str, str] = NO_RENAMING,
) -> tuple[Trajectories, Report]:
    """The same as recorded: whether the world offers the moves is not looked at, and no action is inferred."""
    header = read_header(path, ("state", "x", "y"), columns)
    has_positions = "state" not in header and "x" in header and "y" in header
    required = ("trajectory", "t", "x", "y") if has_positions else ("trajectory", "step", "state")
    table = read_columns(path, required, ABOUT if has_positions else ("action", *ABOUT), columns)
    trajectory, names = table.codes("trajectory")
    about = about_trajectories(table, trajectory, len(names), world.mdp)
    if has_positions:
        t, x, y = (table.numbers(name) for name in ("t", "x", "y"))
        walks = walks_from_positions(world, trajectory, t, x, y, names, sampling)
        states, lengths, reasons, warnings = walks.states, walks.lengths, walks.reasons, walks.warnings
        actions = np.full(int(lengths.sum()), UNKNOWN)
    else:
        states, actions, lengths, reasons, warnings = _rows_as_walks(table, trajectory, world.mdp, impossible)
    reasons = {**about.conflicts, **reasons}
    if isinstance(impossible, Refuse):
        refuse(tuple(names), reasons, ROWS_CURE)
    found = _trajectories(states, actions, lengths, names, about)
    return _without(found, reasons, Report(len(found), (), (*table.warnings, *warnings)))


def _trajectories(
    states: np.ndarray, actions: np.ndarray, lengths: np.ndarray, names: list[str], about: About
) -> Trajectories:
    return Trajectories(states, actions, lengths, about.weights, about.goals, about.censored, tuple(names), about.split)


def _without(found: Trajectories, reasons: Mapping[int, str], report: Report) -> tuple[Trajectories, Report]:
    if not reasons:
        return found, report
    dropped = tuple((found.names[i], reasons[i]) for i in sorted(reasons))
    keep = np.array([i not in reasons for i in range(len(found))])
    if not keep.any():
        listed = [f"trajectory {name}: {reason}" for name, reason in dropped[:20]]
        raise InvalidInput(["no trajectory is left; they were dropped because:", *listed])
    return found.select(keep), Report(int(keep.sum()), dropped, report.warnings)


def _rows_as_walks(
    table: CsvColumns, trajectory: Int[np.ndarray, " N"], mdp: MDP, impossible: Refuse | DropTrajectory | MendNearest
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, str], list[str]]:
    """States, actions, lengths, what is wrong with which trajectory, and warnings."""
    step = table.whole_numbers("step")
    state = states_in(table, "state", mdp)
    action = actions_in(table, "action", mdp) if "action" in table else np.full(len(table), UNKNOWN)
    order = np.lexsort((step, trajectory))
    warnings = []
    together = np.flatnonzero(np.diff(trajectory) == 0)
    if (np.diff(step)[together] < 0).any():
        warnings.append(f"{table.path}: rows that were out of order were sorted by step")
    trajectory, step, state, action = trajectory[order], step[order], state[order], action[order]
    same = np.append(np.diff(trajectory) == 0, False)
    gap = np.append(np.diff(step), 0)
    again = same & (gap == 0) & (state == np.roll(state, -1)) & (action == np.roll(action, -1))
    if isinstance(impossible, MendNearest) and again.any():
        warnings.append(f"{table.path}: {int(again.sum())} rows that repeat another were left out")
        trajectory, step, state, action = (column[~again] for column in (trajectory, step, state, action))
        same = np.append(np.diff(trajectory) == 0, False)
        gap = np.append(np.diff(step), 0)
    reasons = {}
    for k in np.flatnonzero(same & (gap != 1))[::-1].tolist():
        if gap[k] == 0 or not isinstance(impossible, MendNearest):
            text = "is there twice" if gap[k] == 0 else f"is followed by step {step[k + 1]}"
            reasons[int(trajectory[k])] = f"step {step[k]} {text}"
    states, actions, lengths, more = _close(trajectory, state, action, ~same, mdp)
    return states, actions, lengths, reasons, warnings + more


def _close(
    trajectory: np.ndarray, state: np.ndarray, action: np.ndarray, last: np.ndarray, mdp: MDP
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Give trajectories whose last row has an action the state that it leads to, where there is one only."""
    acting = np.flatnonzero(last & (action != UNKNOWN))
    certain = acting[mdp.available[action[acting], state[acting]]] if mdp.transitions.deterministic else acting[:0]
    lost = len(acting) - len(certain)
    warnings = []
    if len(certain):
        warnings.append(f"{len(certain)} trajectories end with an action: the state that it leads to was added")
    if lost:
        warnings.append(
            f"{lost} trajectories end with an action whose next state is not known: the action is not counted; add a "
            "row with the state that followed"
        )
    ends_open = np.zeros(len(state), bool)
    ends_open[certain] = True
    final = mdp.transitions.successors_of(action[certain], state[certain])[0][0] if len(certain) else state[:0]
    counted = ~last | ends_open
    states = np.insert(state, certain + 1, final)
    lengths = np.bincount(trajectory, weights=counted, minlength=int(trajectory.max()) + 1).astype(np.int64)
    return states, action[counted], lengths, warnings


def write_trajectories_csv(path: str | Path, trajectories: Trajectories, mdp: MDP) -> None:
    """Write ``trajectory, step, state, action, weight, goal, split, censored``, which the reader gives back equal.

    The file is written beside the old one and put in its place when it is complete.

    Raises:
        InvalidInput: the file cannot be written (read-only folder, full disk); the old one is left as it was.
    """
    path = Path(path)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trajectory", "step", "state", "action", *ABOUT])
    for i, name in enumerate(trajectories.names):
        goal = int(trajectories.goals[i])
        about = {
            "weight": repr(float(trajectories.weights[i])),
            "goal": "" if goal == UNKNOWN else mdp.state_name(goal),
            "split": trajectories.split[i],
            "censored": str(bool(trajectories.censored[i])).lower(),
        }
        moves = ["" if a == UNKNOWN else mdp.action_name(a) for a in trajectories.actions_of(i).tolist()]
        for step, (state, move) in enumerate(zip(trajectories.states_of(i).tolist(), [*moves, ""], strict=True)):
            writer.writerow([name, step, mdp.state_name(state), move, *(about[key] for key in ABOUT)])
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text.getvalue())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise InvalidInput(f"{path} cannot be written: {error.strerror or error}; what was there is intact") from error
