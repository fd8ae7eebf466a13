"""Named arrays with a manifest as the bytes of a safetensors file: plain numbers, nothing that could be run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from maxentrl.rewards.extras import load_deep
from maxentrl.status import InvalidInput

FORMAT = 1
"""Raised whenever the meaning of a file changes."""
MANIFEST = "maxentrl"


def pack(kind: str, tensors: Mapping[str, np.ndarray], manifest: Mapping[str, Any]) -> bytes:
    """The bytes of a file.

    Args:
        kind: what the file holds; asked for again when it is read.
        tensors: arrays by name.
        manifest: plain JSON about them; names, shapes and the format's version are added.

    Raises:
        MissingExtra: safetensors is not installed.
    """
    library = load_deep("safetensors.numpy")
    arrays = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in tensors.items()}
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    about = {**manifest, "format": FORMAT, "kind": kind, "shapes": shapes}
    return library.save(arrays, {MANIFEST: json.dumps(about, ensure_ascii=False)})


def unpack(kind: str, data: bytes, *, source: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and manifest of a file's bytes.

    Args:
        kind: what the file must hold.
        data: the bytes.
        source: named in messages.

    Raises:
        InvalidInput: no such file, of another kind or format, or damaged.
        MissingExtra: safetensors is not installed.
    """
    library, broken = load_deep("safetensors.numpy"), load_deep("safetensors").SafetensorError
    try:
        length = int.from_bytes(data[:8], "little")
        about = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][MANIFEST])
        tensors = library.load(data)
    except (broken, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{source}: not a checkpoint of maxentrl: {error!r}") from None
    if about.get("kind") != kind:
        raise InvalidInput(f"{source}: holds a {about.get('kind')}, expected a {kind}")
    if about.get("format") != FORMAT:
        raise InvalidInput(f"{source}: format {about.get('format')!r}; this version reads format {FORMAT}")
    shapes = {name: list(array.shape) for name, array in tensors.items()}
    if shapes != about.get("shapes"):
        raise InvalidInput(f"{source}: its arrays are not those of its manifest; the file is damaged")
    return tensors, about
