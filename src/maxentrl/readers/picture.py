"""The picture of a scene."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from maxentrl.readers.files import existing_file
from maxentrl.status import InvalidInput, MissingExtra

MOST_PIXELS = 50_000_000


def read_picture(path: str | Path) -> UInt8[np.ndarray, "height width 3"]:
    """An image in red, green and blue, 0 to 255.

    Raises:
        InvalidInput: missing, damaged or very large, by name.
        MissingExtra: pillow is not installed.
    """
    path = existing_file(path)
    try:
        module = importlib.import_module("PIL.Image")
    except ImportError as error:
        raise MissingExtra("pillow", "report") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", module.DecompressionBombWarning)
        try:
            with module.open(path) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise InvalidInput(f"{path} has {image.width} x {image.height} pixels: make it smaller")
                return np.asarray(image.convert("RGB"), np.uint8)
        except (OSError, SyntaxError, ValueError, module.DecompressionBombError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(f"{path} cannot be read as an image: {error}") from error
