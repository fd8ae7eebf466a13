"""Feature counts from CSV, for matching features without the walks themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from maxentrl.demos.counts import FeatureCounts
from maxentrl.demos.report import Report
from maxentrl.demos.trajectories import UNKNOWN
from maxentrl.mdp.mdp import MDP
from maxentrl.readers.csv_columns import read_columns
from maxentrl.readers.files import nearest
from maxentrl.readers.names import states_in
from maxentrl.status import InvalidInput

NOT_FEATURES = ("start", "goal", "horizon", "weight", "trajectory")


def read_feature_counts_csv(
    path: str | Path, mdp: MDP, features: Sequence[str] | None = None
) -> tuple[FeatureCounts, Report]:
    """One demonstration a row: ``start``, optionally ``goal``, ``horizon``, ``weight`` and ``trajectory``, and a column
    with the total of each feature.

    Args:
        path: the file.
        mdp: gives the names of states.
        features: features that must be there, in this order; all other columns of the file where not given.

    Raises:
        InvalidInput: missing or unknown columns, unknown states, negative weights, horizons below 1, by row.
    """
    columns = read_columns(path, ("start",), None)
    found = [name for name in columns.text if name not in NOT_FEATURES]
    names = tuple(found if features is None else features)
    problems = [f"{path} has no column for feature '{n}'{nearest(n, found)}" for n in names if n not in found]
    problems += [f"{path} has an unknown column '{n}'{nearest(n, names)}" for n in found if n not in names]
    if not names:
        problems.append(f"{path} has no column for a feature")
    if problems:
        raise InvalidInput(problems)
    size = len(columns)
    unknown = np.full(size, UNKNOWN)
    horizons = columns.whole_numbers("horizon", UNKNOWN) if "horizon" in columns else unknown
    if "horizon" in columns:
        columns.refuse("horizon", (horizons < 1) & (horizons != UNKNOWN), "expected a horizon of at least 1")
    weights = columns.numbers("weight", 1.0) if "weight" in columns else np.ones(size)
    if "weight" in columns:
        columns.refuse("weight", weights < 0, "expected a weight ≥ 0")
    counts = FeatureCounts(
        names=names,
        counts=np.stack([columns.numbers(name) for name in names], axis=1),
        starts=states_in(columns, "start", mdp),
        goals=states_in(columns, "goal", mdp, blank_allowed=True) if "goal" in columns else unknown,
        horizons=horizons,
        weights=weights,
    )
    return counts, Report(size, (), columns.warnings)
