"""``maxentrl plan SPEC``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from maxentrl.cli.terminal import Terminal


@dataclasses.dataclass(frozen=True)
class Plan:
    """Solve the planning problem under known weights: values, policy and expected visits."""

    source: Annotated[Positional[Path], arg(metavar="RUN|SPEC")]
    """SPEC file, or run folder."""
    weights: Path | None = None
    """File of weights; those of the run, or the truth of the SPEC, unless given."""
    start: str | None = None
    """State to begin in, by name or number; all states alike unless given."""
    goal: str | None = None
    """State to end in, where time is to a goal and the SPEC names none."""
    out: Path | None = None
    """Write values, log_policy and visits to this npz file."""
    scene: str | None = None
    """The scene, where there are several."""
    json: bool = False
    """Print one JSON object."""
    seed: int | None = None
    """In place of the seeds that a SPEC names."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.cli.source import read_source
        from maxentrl.runs.plan import make_plan, save_plan

        source = read_source(self.source, self.weights, self.seed)
        job, parameters = source.scene(self.scene), source.parameters
        plan = make_plan(job, parameters, start=self.start, goal=self.goal)
        terminal.say(f"solver: {plan.solver}: {plan.reason}")
        terminal.table("Plan", ("", "figure"), list(plan.figures.items()))
        terminal.table("Most visited states", ("state", "expected decisions"), plan.most_visited)
        if self.out is not None:
            save_plan(plan, self.out)
            terminal.say(f"written: {self.out}")
        terminal.emit({**plan.as_data(), "exit_code": 0})
        return 0
