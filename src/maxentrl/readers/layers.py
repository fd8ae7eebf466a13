"""Map layers from npz, npy and PNG files: nothing is unpickled, and sizes are read before anything is loaded."""

from __future__ import annotations

import importlib
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from maxentrl.demos.report import Report
from maxentrl.mdp.grid import common_shape
from maxentrl.readers.files import existing_file, nearest, read_text
from maxentrl.status import InvalidInput, MissingExtra

SIZE_LIMIT = 2**31
"""Bytes that the layers of one file may take in memory unless told otherwise."""
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif")

Layers = dict[str, Float[np.ndarray, "rows columns"]]


def read_layers(
    files: str | Path | Sequence[str | Path] | Mapping[str, str | Path],
    *,
    names: str | Path | Sequence[str] | None = None,
    size_limit: int = SIZE_LIMIT,
) -> tuple[Layers, Report]:
    """Named maps (rows, columns), in the order of the files.

    An array of two dimensions is one layer, named after its entry in an npz file or after its file. One of three
    dimensions (K, rows, columns) is a stack of K layers, which takes the next K ``names``. Images are read as grey
    values from 0 to 1.

    Args:
        files: a file, several, or a mapping from the name of a layer to the file that holds it alone.
        names: names of the layers of stacks, or a text file with one name a line (or lines ``[feature_0] name``).
            Layers of a stack that are left without a name are dropped, and reported.
        size_limit: greatest number of bytes of one file's arrays.

    Raises:
        InvalidInput: missing, truncated or too large files, arrays of objects (which would have to be unpickled), of
            other dimensions or without numbers, stacks without names, a name that comes twice, layers of different size.
        MissingExtra: an image, and pillow is not installed.
    """
    listed = _names(names)
    layers: Layers = {}
    dropped: list[tuple[str, str]] = []
    if isinstance(files, Mapping):
        layers = {name: _only_layer(existing_file(path), name, size_limit) for name, path in files.items()}
    else:
        for path in [files] if isinstance(files, str | Path) else files:
            for entry, array in _arrays(existing_file(path), size_limit).items():
                found, listed, lost = _layers_of(Path(path), entry, array, listed)
                twice = [f"{path}: there is already a layer '{name}'" for name in found if name in layers]
                if twice:
                    raise InvalidInput(twice)
                layers.update(found)
                dropped += lost
    if listed:
        raise InvalidInput(f"{len(listed)} names are left over: there is no layer for '{listed[0]}'; check the order")
    common_shape(layers)
    return layers, Report(len(layers), tuple(dropped))


def _only_layer(path: Path, name: str, size_limit: int) -> np.ndarray:
    arrays = _arrays(path, size_limit)
    chosen = arrays[name] if name in arrays else next(iter(arrays.values()))
    if (len(arrays) > 1 and name not in arrays) or chosen.ndim != 2:
        raise InvalidInput(
            f"{path}: expected one map for layer '{name}', found {', '.join(f'{k} {a.shape}' for k, a in arrays.items())}"
            f"{nearest(name, arrays)}"
        )
    return chosen


def _names(names: str | Path | Sequence[str] | None) -> list[str]:
    if names is None:
        return []
    if not isinstance(names, str | Path):
        return list(names)
    lines = [line.strip() for line in read_text(names)[0].splitlines()]
    tagged = [match.group(1) for line in lines if (match := re.match(r"\[[^\]]*\d+\]\s*(\S.*)", line))]
    return tagged or [line for line in lines if line and not line.startswith("#")]


def _layers_of(
    path: Path, entry: str, array: np.ndarray, names: list[str]
) -> tuple[Layers, list[str], list[tuple[str, str]]]:
    """Layers of one array, the names that are left, and layers that got none."""
    if array.ndim == 2:
        return {entry: array}, names, []
    if array.ndim != 3:
        raise InvalidInput(f"{path}, '{entry}' has shape {array.shape}: expected (rows, columns) or (K, rows, columns)")
    if not names:
        raise InvalidInput(
            f"{path}, '{entry}' is a stack of {len(array)} layers: give their names, one each (names = …)"
        )
    used = names[: len(array)]
    if len(set(used)) < len(used):
        twice = next(name for i, name in enumerate(used) if name in used[:i])
        raise InvalidInput(f"the name '{twice}' is given to two layers of {path}")
    lost = [(f"{entry}[{k}]", "no name was given for this layer") for k in range(len(used), len(array))]
    return dict(zip(used, array, strict=False)), names[len(array) :], lost


def _arrays(path: Path, size_limit: int) -> dict[str, np.ndarray]:
    suffix = path.suffix.lower()
    try:
        if suffix == ".npz":
            return _npz(path, size_limit)
        if suffix == ".npy":
            _refuse_size(str(path), path.stat().st_size, size_limit)
            return {path.stem: _npy(path.read_bytes(), str(path))}
        if suffix in IMAGES:
            return {path.stem: _image(path, size_limit)}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"{path} is truncated or damaged: {error}; copy it again") from error
    raise InvalidInput(f"{path}: unknown kind of file '{suffix}': expected .npz, .npy or an image such as .png")


def _npz(path: Path, size_limit: int) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
        if not entries:
            raise InvalidInput(f"{path} holds no array: expected a file made by numpy.savez")
        _refuse_size(str(path), sum(entry.file_size for entry in entries), size_limit)
        arrays = {}
        for entry in entries:
            name = entry.filename.removesuffix(".npy")
            arrays[name] = _npy(archive.read(entry), f"{path}, '{name}'")
        return arrays


def _npy(data: bytes, place: str) -> np.ndarray:
    """One array, after its header has been found to ask for no more than the file holds, and for numbers only."""
    content = io.BytesIO(data)
    version = np.lib.format.read_magic(content)
    if version not in ((1, 0), (2, 0)):
        raise InvalidInput(f"{place} is in npy format {version}: expected an array of numbers")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, kind = read_header(content)
    if kind.hasobject:
        raise InvalidInput(f"{place} holds Python objects, which are never unpickled: save it as an array of numbers")
    if kind.kind not in "biuf":
        raise InvalidInput(f"{place} holds {kind}: expected numbers")
    present = len(data) - content.tell()
    count = 1
    for extent in shape:
        count *= int(extent)
    if count * kind.itemsize > present:
        raise InvalidInput(f"{place} is truncated: {present} of {count * kind.itemsize} bytes are there; copy it again")
    content.seek(0)
    return np.asarray(np.lib.format.read_array(content, allow_pickle=False), float)


def _image(path: Path, size_limit: int) -> np.ndarray:
    module = _pillow()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", module.DecompressionBombWarning)
        try:
            with module.open(path) as image:
                _refuse_size(str(path), image.width * image.height * 8, size_limit)
                return _grey(image)
        except (module.DecompressionBombError, SyntaxError) as error:
            raise InvalidInput(f"{path} cannot be read as an image: {error}") from error


def _grey(image: Any) -> np.ndarray:
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        return np.asarray(image, float) / 65535.0
    if image.mode == "F":
        return np.asarray(image, float)
    return np.asarray(image.convert("L"), float) / 255.0


def _pillow() -> Any:
    try:
        return importlib.import_module("PIL.Image")
    except ImportError as error:
        raise MissingExtra("pillow", "report") from error


def _refuse_size(place: str, size: int, size_limit: int) -> None:
    if size > size_limit:
        raise InvalidInput(
            f"{place} would take {size / 2**20:.0f} MiB, more than the limit of {size_limit / 2**20:.0f} MiB: crop or "
            "pool it, or raise size_limit"
        )
