"""``maxentrl report RUN``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from maxentrl.cli.terminal import Terminal


@dataclasses.dataclass(frozen=True)
class Report:
    """Write report.html, one page that works offline, and its pictures into the run folder."""

    source: Annotated[Positional[Path], arg(metavar="RUN")]
    """Run folder."""
    json: bool = False
    """Print one JSON object."""
    seed: int | None = None
    """Seed of the paths drawn."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.report.build import write_report
        from maxentrl.runs.evaluate import evaluate_decisions
        from maxentrl.runs.leave_one_out_files import load_leave_one_out
        from maxentrl.runs.run import load_run
        from maxentrl.runs.scenes import evaluate_scenes, pooled

        run = load_run(self.source)
        if load_leave_one_out(run.folder) is None:
            found = evaluate_scenes(run.jobs, run.parameters, held_out=run.study.held_out, seed=self.seed or 0)
            evaluation = pooled(found)
        else:  # each walk was forecast by what the others teach: forecasts of the walks learnt from would say less
            evaluation = evaluate_decisions(run.job, run.parameters)
        page = write_report(run, evaluation)
        terminal.say(f"report: {page}")
        terminal.emit({"report": str(page), "exit_code": 0})
        return 0
