"""Leave-one-out on disk: scores as JSON for people and programs, maps as arrays for the report."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import numpy as np

from maxentrl.forecast.scores import Score
from maxentrl.runs.files import as_float, read_json, to_json, write_atomically
from maxentrl.runs.leave_one_out import Fold, LeaveOneOut, WalkMap
from maxentrl.status import InvalidInput, Status

SCORES, MAPS = "leave_one_out.json", "leave_one_out.npz"
"""Names of the files in a run folder."""
FORMAT = 2
"""Raised whenever the meaning of the files changes."""


def save_leave_one_out(folder: Path, found: LeaveOneOut) -> None:
    """Write scores and maps into a run folder.

    Raises:
        CannotWrite: full disk, read-only folder.
    """
    write_atomically(folder / SCORES, to_json({"format": FORMAT, **found.as_data()}))
    arrays: dict[str, np.ndarray] = {
        "walk": np.array([one.walk for one in found.maps]),
        "observed": np.array([one.observed for one in found.maps]),
        "moves": np.array([one.moves for one in found.maps]),
    }
    for i, one in enumerate(found.maps):
        arrays |= {
            f"states {i}": one.states,
            f"goals {i}": one.goals,
            f"probability {i}": one.probability,
            f"visits {i}": one.visits.astype(np.float32),
        }
    for fold in found.folds:
        arrays[f"history {fold.walk}"] = found.histories[fold.walk].astype(np.float32)
    content = io.BytesIO()
    np.savez_compressed(content, **cast(Any, arrays))
    write_atomically(folder / MAPS, content.getvalue())


def load_leave_one_out(folder: Path) -> LeaveOneOut | None:
    """What :func:`save_leave_one_out` wrote; None where there is nothing.

    Raises:
        InvalidInput: damaged files, or of another version, by name.
    """
    if not (folder / SCORES).exists():
        return None
    data = read_json(folder / SCORES)
    if data.get("format") != FORMAT:
        raise InvalidInput(f"{folder / SCORES}: made by another version; run 'maxentrl evaluate --leave-one-out' again")
    try:
        folds = tuple(_fold(row) for row in data["folds"])
        scores = {source: tuple(_score(row) for row in rows) for source, rows in data["scores"].items()}
        with np.load(folder / MAPS, allow_pickle=False) as arrays:
            maps = tuple(_map(arrays, i) for i in range(len(arrays["walk"])))
            histories = {fold.walk: arrays[f"history {fold.walk}"].astype(float) for fold in folds}
        lasting = None if data["lasting"] is None else as_float(data["lasting"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"{folder / SCORES}: damaged: {error!r}; run 'maxentrl evaluate --leave-one-out' again"
        ) from None
    return LeaveOneOut(folds, scores, maps, histories, lasting)


def _fold(row: dict[str, Any]) -> Fold:
    numbers = {"nats_per_decision", "uniform_nats", "clutter", "ignored", "fit_seconds", "forecast_seconds"}
    read = {key: as_float(value) if key in numbers and value is not None else value for key, value in row.items()}
    deviation = None if row["deviation"] is None else tuple(map(as_float, row["deviation"]))
    parameters = np.array([as_float(value) for value in row["parameters"]])
    return Fold(**{**read, "status": Status[row["status"]], "parameters": parameters, "deviation": deviation})


def _score(row: dict[str, Any]) -> Score:
    words = {"walk", "observed", "method", "steps", "impossible"}
    read: dict[str, Any] = {k: v if k in words or v is None else as_float(v) for k, v in row.items()}
    return Score(**read)


def _map(arrays: Any, index: int) -> WalkMap:
    return WalkMap(
        walk=str(arrays["walk"][index]),
        observed=str(arrays["observed"][index]),
        states=arrays[f"states {index}"],
        moves=int(arrays["moves"][index]),
        goals=arrays[f"goals {index}"],
        probability=arrays[f"probability {index}"],
        visits=arrays[f"visits {index}"].astype(float),
    )
