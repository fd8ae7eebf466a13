"""``maxentrl check SPEC``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from maxentrl.cli.terminal import Terminal

SHOWN = 12
"""Dropped walks and warnings listed before the rest are only counted."""


@dataclasses.dataclass(frozen=True)
class Check:
    """Read world and demonstrations, name every problem, print a summary."""

    spec: Annotated[Positional[Path], arg(metavar="SPEC")]
    """SPEC file (TOML)."""
    json: bool = False
    """Print one JSON object."""
    seed: int | None = None
    """Override the seeds of the SPEC."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.readers.spec import read_spec
        from maxentrl.runs.check import check_spec

        found = check_spec(read_spec(self.spec), seed=self.seed)
        if found.loss:
            terminal.say(f"WARNING: {found.loss}")
        terminal.table("World and demonstrations", ("", "number"), [*found.counts.items()])
        ranges = [(f.name, f.minimum, f.maximum, f.mean, f.strongest) for f in found.features]
        terminal.table("Features where moves are chosen", ("feature", "least", "most", "mean", "goes with"), ranges)
        if found.dropped:
            terminal.table(f"{len(found.dropped)} walks dropped", ("walk", "why"), found.dropped[:SHOWN])
        for warning in found.warnings[:SHOWN]:
            terminal.say(f"note: {warning}")
        if len(found.warnings) > SHOWN:
            terminal.say(f"… and {len(found.warnings) - SHOWN} more notes (all of them with --json)")
        for problem in found.problems:
            terminal.say(f"problem: {problem}")
        verdict = f"{len(found.problems)} problems to mend" if found.problems else "ready to fit"
        terminal.say(f"{self.spec}: {verdict}")
        terminal.emit({**found.as_data(), "exit_code": 2 if found.problems else 0})
        return 2 if found.problems else 0
