"""The packages of the extra ``deep``, imported where they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from maxentrl.status import MissingExtra

QUIET = 0.1


def load_deep(package: str) -> Any:
    """One of the packages of the extra ``deep``: equinox, optax or safetensors.

    Raises:
        MissingExtra: with the command that installs it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtra(package.split(".", maxsplit=1)[0], "deep") from error


def quiet(layer: Any) -> Any:
    """A last layer with a tenth of its first weights and no bias.

    Rewards then begin nearly the same everywhere, so that the first plans are feasible where a typical reward is.
    """
    return load_deep("equinox").tree_at(
        lambda part: (part.weight, part.bias), layer, (QUIET * layer.weight, 0.0 * layer.bias)
    )
