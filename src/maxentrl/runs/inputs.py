"""The files that a specification names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from maxentrl.demos.report import DropTrajectory, MendNearest, Refuse
from maxentrl.readers.spec_model import CountedDemonstrations, FileDemonstrations, GridWorld, Spec, TableWorld
from maxentrl.status import InvalidInput

ESTIMATE = "estimate"
"""Transitions of a table world that come from the demonstrations."""
IMPOSSIBLE = {"refuse": Refuse(), "drop": DropTrajectory(), "nearest": MendNearest()}
"""What is done with walks that the world does not offer, as a specification says it."""


def input_files(spec: Spec) -> list[Path]:
    """Every file that a specification names, in order."""
    table, found = spec.world, []
    if isinstance(table, GridWorld):
        layers = table.layers.values() if isinstance(table.layers, Mapping) else table.layers
        found = [layers] if isinstance(layers, str) else list(layers)
        found += [name for name in (table.names, table.walls, table.picture) if isinstance(name, str)]
    elif isinstance(table, TableWorld):
        given = () if table.transitions == ESTIMATE else (table.transitions,)
        found = [*given, *([table.features] if table.features else [])]
    return [*(spec.path(name) for name in found), *demonstration_files(spec)]


def demonstration_files(spec: Spec) -> list[Path]:
    """The files that the table names, patterns filled in.

    Raises:
        InvalidInput: a pattern that no file matches.
    """
    table = spec.demonstrations
    if isinstance(table, CountedDemonstrations):
        return [spec.path(table.file)]
    if not isinstance(table, FileDemonstrations):
        return []
    patterns = (table.files,) if isinstance(table.files, str) else table.files
    return [path for pattern in patterns for path in _matching(spec.path(pattern), pattern)]


def _matching(path: Path, pattern: str) -> list[Path]:
    if path.exists() or not any(sign in pattern for sign in "*?["):
        return [path]
    found = sorted(path.parent.glob(path.name)) if path.parent.is_dir() else []
    if not found:
        raise InvalidInput(f"demonstrations.files = '{pattern}': no file in {path.parent} has such a name")
    return found
