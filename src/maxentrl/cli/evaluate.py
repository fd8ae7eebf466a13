"""``maxentrl evaluate RUN|SPEC``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from maxentrl.cli.terminal import Terminal


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Score weights on held-out walks, beside uniform moves, the shortest path and constant velocity."""

    source: Annotated[Positional[Path], arg(metavar="RUN|SPEC")]
    """Run folder, or SPEC file."""
    weights: Path | None = None
    """File of weights: fit.json, a JSON object by feature, or numbers in the order of the features."""
    json: bool = False
    """Print one JSON object."""
    seed: int | None = None
    """Override the seeds of the SPEC, and of the paths drawn."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.cli.show import show_evaluation
        from maxentrl.cli.source import read_source
        from maxentrl.runs.evaluate import evaluate

        job, parameters = read_source(self.source, self.weights, self.seed)
        evaluation = evaluate(job, parameters, seed=self.seed or 0)
        show_evaluation(terminal, evaluation)
        terminal.emit({**evaluation.as_data(), "exit_code": 0})
        return 0
