"""The best parameters so far, kept on disk at each improvement."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Float

from maxentrl.runs.files import as_float, read_json, to_json, write_atomically
from maxentrl.status import InvalidInput

FORMAT = 1
"""Raised whenever the meaning of the file changes."""


@dataclasses.dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a fit can go on.

    Attributes:
        names: the parameters' names.
        parameters: θ, (K,), exact to the last bit.
        value: the objective there, in nats.
        gradient_norm: of the projected gradient there.
        evaluations: taken so far, over all resumptions.
        seconds: taken so far, over all resumptions.
    """

    names: tuple[str, ...]
    parameters: Float[np.ndarray, " K"]
    value: float
    gradient_norm: float
    evaluations: int
    seconds: float


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint as a whole; raises ``CannotWrite`` with the old one intact."""
    write_atomically(path, to_json({"format": FORMAT, **vars(checkpoint)}))


def load_checkpoint(path: Path, names: tuple[str, ...]) -> Checkpoint:
    """The checkpoint of a fit with these parameters.

    Raises:
        InvalidInput: unreadable, of another format, or of a fit with other parameters, by name.
    """
    data = read_json(path)
    if data.get("format") != FORMAT:
        raise InvalidInput(f"{path}: checkpoint format {data.get('format')!r}; this version reads format {FORMAT}")
    try:
        found = tuple(str(name) for name in data["names"])
        checkpoint = Checkpoint(
            found,
            np.array([as_float(x) for x in data["parameters"]], float),
            as_float(data["value"]),
            as_float(data["gradient_norm"]),
            int(data["evaluations"]),
            as_float(data["seconds"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path}: not a checkpoint: {error!r}") from None
    if found != names:
        raise InvalidInput(
            f"{path}: a checkpoint for the parameters {', '.join(found)}; this fit has {', '.join(names)}"
        )
    if len(checkpoint.parameters) != len(names) or not np.isfinite(checkpoint.parameters).all():
        raise InvalidInput(f"{path}: expected {len(names)} finite parameters; delete the file to begin anew")
    return checkpoint
