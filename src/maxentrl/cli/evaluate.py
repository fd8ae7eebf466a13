"""``maxentrl evaluate RUN|SPEC``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    import numpy as np

    from maxentrl.cli.terminal import Terminal
    from maxentrl.runs.job import Job


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Score weights on held-out walks, beside uniform moves, the shortest path and constant velocity."""

    source: Annotated[Positional[Path], arg(metavar="RUN|SPEC")]
    """Run folder, or SPEC file."""
    weights: Path | None = None
    """File of weights: fit.json, a JSON object by feature, or numbers in the order of the features (or of all layers)."""
    leave_one_out: bool = False
    """Fit again without each walk in turn, and forecast that walk; the result is kept in the run folder."""
    json: bool = False
    """Print one JSON object."""
    seed: int | None = None
    """Override the seeds of the SPEC, and of the paths drawn."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.cli.show import show_evaluation
        from maxentrl.cli.source import layers_of, read_source
        from maxentrl.runs.evaluate import evaluate, unused_weights

        job, parameters = read_source(self.source, self.weights, self.seed)
        if self.weights is not None:
            unused = unused_weights(self.weights, job.reward.names, layers_of(job))
            if unused:
                terminal.say(f"note: numbers for layers that the reward leaves out do not count: {', '.join(unused)}")
        if self.leave_one_out:
            return self._leave_one_out(terminal, job, parameters)
        evaluation = evaluate(job, parameters, seed=self.seed or 0)
        show_evaluation(terminal, evaluation)
        terminal.emit({**evaluation.as_data(), "exit_code": 0})
        return 0

    def _leave_one_out(self, terminal: Terminal, job: Job, parameters: np.ndarray) -> int:
        from maxentrl.cli.progress import fold_progress
        from maxentrl.cli.show import show_leave_one_out
        from maxentrl.runs.leave_one_out import leave_one_out
        from maxentrl.runs.leave_one_out_files import SCORES, save_leave_one_out
        from maxentrl.runs.run import is_run

        with fold_progress(terminal) as progress:
            found = leave_one_out(job, parameters, seed=self.seed or 0, progress=progress)
        show_leave_one_out(terminal, found)
        kept = {}
        if is_run(self.source) and self.weights is None:
            save_leave_one_out(self.source, found)
            terminal.say(f"written: {self.source / SCORES}; 'maxentrl report {self.source}' draws the maps")
            kept = {"written": str(self.source / SCORES)}
        code = 0 if all(fold.status.successful for fold in found.folds) else 1
        terminal.emit({**found.as_data(), **kept, "exit_code": code})
        return code
