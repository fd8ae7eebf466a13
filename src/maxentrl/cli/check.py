"""``maxentrl check SPEC``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from maxentrl.cli.terminal import Terminal
    from maxentrl.runs.check import Checked

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
        from maxentrl.readers.spec import read_study
        from maxentrl.runs.check import check_study

        found = check_study(read_study(self.spec), seed=self.seed)
        for name, checked in found.items():
            if len(found) > 1:
                terminal.say(f"scene '{name}'")
            _show(terminal, checked)
        problems = sum(len(checked.problems) for checked in found.values())
        verdict = f"{problems} problems to mend" if problems else "ready to fit"
        terminal.say(f"{self.spec}: {verdict}")
        code = 2 if problems else 0
        data = {name: checked.as_data() for name, checked in found.items()}
        terminal.emit({**(next(iter(data.values())) if len(data) == 1 else {"scenes": data}), "exit_code": code})
        return code


def _show(terminal: Terminal, found: Checked) -> None:
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
