"""``maxentrl evaluate RUN|SPEC``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from maxentrl.cli.source import Source
    from maxentrl.cli.terminal import Terminal


@dataclasses.dataclass(frozen=True)
class Evaluate:
    """Score weights on held-out walks, beside uniform moves, the shortest path and constant velocity."""

    source: Annotated[Positional[Path], arg(metavar="RUN|SPEC")]
    """Run folder, or SPEC file."""
    weights: Path | None = None
    """File of weights: fit.json, reward.safetensors, a JSON object by feature, or numbers in the order of the features (or
    of all layers)."""
    leave_one_out: bool = False
    """Fit again without each walk in turn, and forecast that walk; the result is kept in the run folder."""
    leave_one_scene_out: bool = False
    """Fit again without each scene in turn, and score that scene; the result is kept in the run folder."""
    json: bool = False
    """Print one JSON object."""
    seed: int | None = None
    """Seed of the paths drawn; of a SPEC, in place of those that it names."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.cli.show import show_evaluations
        from maxentrl.cli.source import layers_of, read_source
        from maxentrl.runs.evaluate import unused_weights
        from maxentrl.runs.scenes import evaluate_scenes, pooled

        if self.leave_one_scene_out:
            return self._leave_one_scene_out(terminal)
        source = read_source(self.source, self.weights, self.seed)
        first = next(iter(source.jobs.values()))
        if self.weights is not None and self.weights.suffix != ".safetensors":
            unused = unused_weights(self.weights, first.reward.names, layers_of(first))
            if unused:
                terminal.say(f"note: numbers for layers that the reward leaves out do not count: {', '.join(unused)}")
        if self.leave_one_out:
            return self._leave_one_out(terminal, source)
        found = evaluate_scenes(source.jobs, source.parameters, held_out=source.held_out, seed=self.seed or 0)
        show_evaluations(terminal, found)
        scenes = {"scenes": {name: one.as_data() for name, one in found.items()}} if len(found) > 1 else {}
        terminal.emit({**pooled(found).as_data(), **scenes, "exit_code": 0})
        return 0

    def _leave_one_out(self, terminal: Terminal, source: Source) -> int:
        from maxentrl.cli.progress import fold_progress
        from maxentrl.cli.show import show_leave_one_out
        from maxentrl.runs.leave_one_out import leave_one_out
        from maxentrl.runs.leave_one_out_files import SCORES, save_leave_one_out
        from maxentrl.status import InvalidInput

        if len(source.jobs) > 1:
            raise InvalidInput(
                "--leave-one-out is for one scene: several are left out in turn by --leave-one-scene-out"
            )
        job = source.scene(None)
        with fold_progress(terminal) as progress:
            found = leave_one_out(job, source.parameters, seed=self.seed or 0, progress=progress)
        show_leave_one_out(terminal, found)
        kept = {}
        if self._is_kept:
            save_leave_one_out(self.source, found)
            terminal.say(f"written: {self.source / SCORES}; 'maxentrl report {self.source}' draws the maps")
            kept = {"written": str(self.source / SCORES)}
        code = 0 if all(fold.status.successful for fold in found.folds) else 1
        terminal.emit({**found.as_data(), **kept, "exit_code": code})
        return code

    def _leave_one_scene_out(self, terminal: Terminal) -> int:
        from maxentrl.cli.show import show_evaluations
        from maxentrl.cli.source import read_scenes
        from maxentrl.runs.files import to_json, write_atomically
        from maxentrl.runs.scenes import SCENES_LEFT_OUT, SceneFold, leave_one_scene_out, pooled

        def told(fold: SceneFold) -> None:
            terminal.say(
                f"without '{fold.scene}': {fold.status.value}, fit {fold.fit_seconds:.1f} s; on it "
                f"{fold.evaluation.nats_per_decision:.4f} nats a decision"
            )

        jobs, held_out = read_scenes(self.source, self.seed)
        learnt = {name: job for name, job in jobs.items() if name not in held_out}
        folds = leave_one_scene_out(learnt, seed=self.seed or 0, progress=told)
        found = {fold.scene: fold.evaluation for fold in folds}
        show_evaluations(terminal, found)
        data = {**pooled(found).as_data(), "folds": [fold.as_data() for fold in folds]}
        if self._is_kept:
            write_atomically(self.source / SCENES_LEFT_OUT, to_json(data))
            terminal.say(f"written: {self.source / SCENES_LEFT_OUT}")
        code = 0 if all(fold.status.successful for fold in folds) else 1
        terminal.emit({**data, "exit_code": code})
        return code

    @property
    def _is_kept(self) -> bool:
        from maxentrl.runs.run import is_run

        return is_run(self.source) and self.weights is None
