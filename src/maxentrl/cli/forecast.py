"""``maxentrl forecast RUN --given PARTIAL_WALKS``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from maxentrl.cli.terminal import Terminal


@dataclasses.dataclass(frozen=True)
class Forecast:
    """Say where walkers are going, when they arrive, and where they will be, from the walks so far."""

    source: Annotated[Positional[Path], arg(metavar="RUN|SPEC")]
    """Run folder, or SPEC file."""
    given: Path
    """Walks so far, in the form of the demonstrations: CSV (trajectory, step, state or t, x, y) or a track."""
    weights: Path | None = None
    """File of weights in place of the run's."""
    scene: str | None = None
    """The scene, where there are several."""
    json: bool = False
    """Print one JSON object."""
    seed: int | None = None
    """Seed of the paths drawn."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.cli.source import read_source
        from maxentrl.runs.forecast import chance_text, forecast_given

        source = read_source(self.source, self.weights, None)
        job, parameters = source.scene(self.scene), source.parameters
        found = forecast_given(job, parameters, self.given, seed=self.seed or 0)
        for walk in found.walks:
            terminal.table(
                f"{walk.name}: now at {walk.now} after {walk.moves} moves",
                ("goal", "probability"),
                [(goal.name, chance_text(goal.probability).rjust(8)) for goal in walk.goals[:5]],
            )
            terminal.say(f"time to arrival, over all goals: mean {walk.expected_seconds:.3g} s, median {walk.median}")
            for place in walk.ahead:
                terminal.say(f"in {place.seconds:g} s: {place.description}")
            if walk.jumps:
                terminal.say(f"note: {walk.jumps} moves that no goal explains")
        for warning in found.warnings:
            terminal.say(f"note: {warning}")
        terminal.emit({**found.as_data(), "exit_code": 0})
        return 0
