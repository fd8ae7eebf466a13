"""``maxentrl fit SPEC``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from maxentrl.cli.terminal import Terminal


@dataclasses.dataclass(frozen=True)
class Fit:
    """Learn the weights of the features from the walks; keep everything in a run folder.

    Ctrl-C or kill at any time loses nothing: go on with --resume.
    """

    spec: Annotated[Positional[Path], arg(metavar="SPEC")]
    """SPEC file (TOML)."""
    out: Path | None = None
    """Run folder; runs/<name of the SPEC> unless given."""
    resume: bool = False
    """Go on with the run in that folder."""
    json: bool = False
    """Print one JSON object."""
    seed: int | None = None
    """Override the seeds of the SPEC."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.cli.progress import announcer, fit_progress
        from maxentrl.cli.show import show_fit
        from maxentrl.readers.spec import read_study
        from maxentrl.runs.run import OnExisting, fit_run
        from maxentrl.status import Status

        study = read_study(self.spec)
        folder = self.out or Path("runs") / self.spec.stem
        existing = OnExisting.RESUME if self.resume else OnExisting.REFUSE
        with announcer(terminal) as announce, fit_progress(terminal, study.first.fit.tolerance) as progress:
            run = fit_run(
                study,
                self.spec,
                folder,
                existing=existing,
                seed=self.seed,
                progress=announce.until(progress),
                announce=announce,
            )
        show_fit(terminal, run.fit)
        code = 0 if run.fit.status.successful else 1
        if run.fit.status is Status.INTERRUPTED:
            code = 130
            terminal.say(f"go on with: maxentrl fit {self.spec} --out {folder} --resume")
        terminal.say(f"run folder: {folder}")
        terminal.emit({"run": str(folder), **run.fit.as_data(), "exit_code": code})
        return code
