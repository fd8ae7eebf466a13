"""Counterfactuals on disk: figures as JSON for people and programs, maps as arrays for the report."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from maxentrl.forecast.counterfactual import Counterfactual, CrowdVisits
from maxentrl.forecast.metrics import Interval
from maxentrl.runs.counterfactual import CellChange, Imagined
from maxentrl.runs.files import as_float, make_folder, read_json, to_json, write_atomically
from maxentrl.status import InvalidInput

FIGURES, MAPS, PICTURE = "counterfactual.json", "counterfactual.npz", "counterfactual.png"
"""Names of the files in a counterfactual's folder."""
FORMAT = 1
"""Raised whenever the meaning of the files changes."""


def folder_of(run: Path, name: str) -> Path:
    """The folder of a counterfactual within a run folder.

    Raises:
        InvalidInput: a name that leads out of the run folder, is it, or belongs to something else.
    """
    folder = run / name
    if folder.resolve().parent != run.resolve():
        raise InvalidInput(f"--out {name}: expected the name of a folder within {run}, such as 'bench-moved'")
    if folder.exists() and (not folder.is_dir() or (not (folder / FIGURES).exists() and any(folder.iterdir()))):
        raise InvalidInput(f"--out {name}: {folder} holds other files: choose another name")
    return folder


def save_counterfactual(folder: Path, found: Imagined, picture: bytes) -> None:
    """Write figures, maps and picture; a counterfactual that was there is replaced.

    Raises:
        CannotWrite: full disk, read-only folder.
    """
    make_folder(folder)
    content = io.BytesIO()
    np.savez_compressed(
        content,
        before=found.result.before.visits,
        after=found.result.after.visits,
        walls_before=found.walls_before,
        walls_after=found.walls_after,
    )
    write_atomically(folder / MAPS, content.getvalue())
    write_atomically(folder / PICTURE, picture)
    write_atomically(folder / FIGURES, to_json({"format": FORMAT, **found.as_data()}))


def load_counterfactuals(run: Path) -> dict[str, Imagined]:
    """Every counterfactual of a run folder by the name of its folder.

    Raises:
        InvalidInput: damaged files, or of another version, by name.
    """
    files = sorted(run.glob(f"*/{FIGURES}"))
    return {file.parent.name: _load(file) for file in files}


def _load(file: Path) -> Imagined:
    data, again = read_json(file), "run 'maxentrl counterfactual' again, or delete the folder"
    if data.get("format") != FORMAT:
        raise InvalidInput(f"{file}: made by another version; {again}")
    try:
        with np.load(io.BytesIO((file.parent / MAPS).read_bytes()), allow_pickle=False) as arrays:
            maps = {name: np.asarray(arrays[name]) for name in ("before", "after", "walls_before", "walls_after")}
        if len({each.shape for each in maps.values()}) > 1 or maps["before"].ndim != 2:
            raise ValueError("its maps differ in size")
        rerouted = data["rerouted"]
        result = Counterfactual(
            _side(data, "before", maps),
            _side(data, "after", maps),
            None if rerouted is None else Interval(**{name: _number(value) for name, value in rerouted.items()}),
        )
        return Imagined(
            str(data["scene"]),
            tuple(map(str, data["changes"])),
            tuple(map(str, data["notes"])),
            as_float(data["walks"]),
            str(data["weights"]),
            result,
            maps["walls_before"].astype(bool),
            maps["walls_after"].astype(bool),
            tuple(CellChange(**place) for place in data["gaining"]),
            tuple(CellChange(**place) for place in data["losing"]),
        )
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidInput(f"{file}: damaged: {error!r}; {again}") from None


def _side(data: dict[str, Any], side: str, maps: dict[str, np.ndarray]) -> CrowdVisits:
    figures = {name: as_float(data[side][name]) for name in ("decisions", "length", "reward")}
    return CrowdVisits(maps[side].astype(float), unit=str(data["unit"]), **figures)


def _number(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else as_float(value)
