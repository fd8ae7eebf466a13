"""The files that a specification names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from maxentrl.demos.report import DropTrajectory, MendNearest, Refuse
from maxentrl.readers.files import matching_files
from maxentrl.readers.spec import Study
from maxentrl.readers.spec_learning import OwnNetwork
from maxentrl.readers.spec_model import (
    CountedDemonstrations,
    CrowdDemonstrations,
    FileDemonstrations,
    GridWorld,
    MomentumGround,
    Spec,
    TableWorld,
)

ESTIMATE = "estimate"
"""Transitions of a table world that come from the demonstrations."""
IMPOSSIBLE = {"refuse": Refuse(), "drop": DropTrajectory(), "nearest": MendNearest()}
"""What is done with walks that the world does not offer, as a specification says it."""


def study_files(study: Study) -> list[Path]:
    """The files of the scenes and every file that they and the SPEC name, each once."""
    named = [path for spec in study.scenes.values() for path in input_files(spec)]
    return list(dict.fromkeys([*study.files, *named]))


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
    elif isinstance(table, MomentumGround):
        found = [table.walkable, table.homography]
    network = spec.reward.network
    own = [spec.shared_path(network.file)] if isinstance(network, OwnNetwork) else []
    walks = spec.demonstrations
    if isinstance(walks, CrowdDemonstrations) and walks.homography is not None:
        found = [*found, walks.homography]
    return [*(spec.path(name) for name in found), *demonstration_files(spec), *own]


def demonstration_files(spec: Spec) -> list[Path]:
    """The files that the table names, patterns filled in.

    Raises:
        InvalidInput: a pattern that no file matches.
    """
    table = spec.demonstrations
    if isinstance(table, CountedDemonstrations):
        return [spec.path(table.file)]
    if not isinstance(table, FileDemonstrations | CrowdDemonstrations):
        return []
    patterns = (table.files,) if isinstance(table.files, str) else table.files
    return [path for pattern in patterns for path in matching_files(spec.path(pattern), "demonstrations.files")]
