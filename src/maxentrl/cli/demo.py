"""``maxentrl demo``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maxentrl.cli.terminal import Terminal


@dataclasses.dataclass(frozen=True)
class Demo:
    """Run the main job on an embedded scene: learn what walkers on a plaza want, forecast others, write a report."""

    out: Path = Path("runs/demo")
    """Run folder; a demo that is there already is replaced."""
    json: bool = False
    """Print one JSON object."""
    seed: int | None = None
    """Override the seeds of the walks."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.cli.progress import fit_progress
        from maxentrl.cli.show import show_evaluation, show_fit
        from maxentrl.report.build import write_report
        from maxentrl.runs.demo import demo_study, refuse_other_runs
        from maxentrl.runs.evaluate import evaluate
        from maxentrl.runs.run import OnExisting, fit_run

        study = demo_study()
        refuse_other_runs(self.out, study)
        terminal.say("People walk between the entrances of a plaza. What do they want, and where do they go next?")
        with fit_progress(terminal, study.first.fit.tolerance) as progress:
            run = fit_run(
                study, self.out / "spec.toml", self.out, existing=OnExisting.REPLACE, seed=self.seed, progress=progress
            )
        show_fit(terminal, run.fit)
        if not run.fit.status.successful:
            terminal.emit({"run": str(self.out), **run.fit.as_data(), "exit_code": 1})
            return 1
        terminal.say("forecasting held-out walks …")
        evaluation = evaluate(run.job, run.parameters, seed=self.seed or 0)
        show_evaluation(terminal, evaluation)
        page = write_report(run, evaluation)
        terminal.say(f"report: {page}")
        terminal.emit(
            {
                "run": str(self.out),
                "report": str(page),
                **run.fit.as_data(),
                "evaluation": evaluation.as_data(),
                "exit_code": 0,
            }
        )
        return 0
