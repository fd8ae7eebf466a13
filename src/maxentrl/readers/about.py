"""Columns that say something of a whole trajectory: weight, goal, split and whether it is censored."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.demos.trajectories import UNKNOWN
from maxentrl.mdp.mdp import MDP
from maxentrl.readers.csv_columns import CsvColumns
from maxentrl.readers.names import states_in

ABOUT = ("weight", "goal", "split", "censored")
"""Columns of which a trajectory has one value, the same in all of its rows or empty in some."""
TRUE, FALSE = ("true", "1", "yes", "t", "y"), ("false", "0", "no", "f", "n", "")


@dataclasses.dataclass(frozen=True, eq=False)
class About:
    """What is said of each of M trajectories, and which say two things at once."""

    weights: Float[np.ndarray, " M"]
    goals: Int[np.ndarray, " M"]
    censored: Bool[np.ndarray, " M"]
    split: tuple[str, ...]
    conflicts: dict[int, str]


def about_trajectories(table: CsvColumns, trajectory: Int[np.ndarray, " N"], count: int, mdp: MDP) -> About:
    """One value a trajectory from each column that is there.

    Raises:
        InvalidInput: weights that are negative, unknown goals, words for ``censored`` that are neither yes nor no.
    """
    conflicts: dict[int, str] = {}

    def per_trajectory(name: str, values: np.ndarray, default: float | int | str) -> np.ndarray:
        cells = table.text[name]
        given = np.flatnonzero(np.fromiter(map(bool, cells), bool, len(cells)))
        which, first = np.unique(trajectory[given], return_index=True)
        filled = np.full(count, default, dtype=values.dtype if len(values) else object)
        filled[which] = values[given[first]]
        for k in given[values[given] != filled[trajectory[given]]][::-1].tolist():
            conflicts[int(trajectory[k])] = f"column {name} has two values, the second in row {table.rows[k]}"
        return filled

    weights, goals, censored = np.ones(count), np.full(count, UNKNOWN), np.zeros(count, bool)
    split = np.full(count, "train", object)
    if "weight" in table:
        values = table.numbers("weight", 1.0)
        table.refuse("weight", values < 0, "expected a weight ≥ 0")
        weights = per_trajectory("weight", values, 1.0)
    if "goal" in table:
        goals = per_trajectory("goal", states_in(table, "goal", mdp, blank_allowed=True), UNKNOWN)
    if "censored" in table:
        lower = [cell.lower() for cell in table.text["censored"]]
        table.refuse("censored", np.array([w not in TRUE and w not in FALSE for w in lower]), "expected true or false")
        censored = per_trajectory("censored", np.array([word in TRUE for word in lower]), False)
    if "split" in table:
        split = per_trajectory("split", np.array(table.text["split"], object), "train")
    return About(weights, goals, censored, tuple(split.tolist()), conflicts)
