"""The run record: what ran, on what, when, and how it ended."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maxentrl.status import InvalidInput

PACKAGES = ("maxentrl", "jax", "jaxlib", "numpy", "scipy")
"""Packages whose versions can change a result."""


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """What ``run.json`` holds.

    Attributes:
        spec_file: where the specification came from; its text is in ``spec.toml`` beside the record.
        spec_sha256: digest of that text.
        inputs: digest of every file that it names.
        seed: the seed given on the command line, which overrides those of the file, or None.
        versions: of Python and the packages that can change a result.
        machine: operating system, processor and number of cores.
        started: when, UTC.
        ended: when, or None while it runs or if it was killed.
        seconds: taken, over all resumptions.
        resumed: how often it went on from a checkpoint.
        status: name of the :class:`~maxentrl.Status`, or ``"RUNNING"``.
    """

    spec_file: str
    spec_sha256: str
    inputs: Mapping[str, str]
    seed: int | None
    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    started: str
    ended: str | None = None
    seconds: float = 0.0
    resumed: int = 0
    status: str = "RUNNING"

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_data(data: Mapping[str, Any], name: str) -> RunRecord:
        """From the plain data.

        Raises:
            InvalidInput: keys that are missing or unknown, by the file's name.
        """
        keys = {field.name for field in dataclasses.fields(RunRecord)}
        wrong = sorted(keys.symmetric_difference(data))
        if wrong:
            raise InvalidInput(f"{name}: not a run record of this version: keys that differ: {', '.join(wrong)}")
        return RunRecord(**data)

    def ending(self, status: str, seconds: float) -> RunRecord:
        """The record at the end of a run."""
        return dataclasses.replace(self, ended=now(), seconds=self.seconds + seconds, status=status)


def new_record(spec_file: Path, text: str, inputs: Sequence[Path], seed: int | None) -> RunRecord:
    """The record at the beginning of a run."""
    return RunRecord(
        spec_file=str(spec_file),
        spec_sha256=hashlib.sha256(text.encode()).hexdigest(),
        inputs={str(path): digest(path) for path in inputs},
        seed=seed,
        versions=versions(),
        machine={"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count() or 1},
        started=now(),
    )


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Python and the packages that can change a result."""
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}") from None
