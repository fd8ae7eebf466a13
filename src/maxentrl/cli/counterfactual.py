"""``maxentrl counterfactual RUN --block …``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, UseAppendAction, arg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maxentrl.cli.terminal import Terminal
    from maxentrl.runs.changes import AbstractChange
    from maxentrl.runs.counterfactual import CellChange, Imagined
    from maxentrl.runs.job import Job


@dataclasses.dataclass(frozen=True)
class Counterfactual:
    """Change the map and see where the same people walk: a path closed, a bench moved, another lawn.

    Rows and columns are those of the cells, from 0 at the upper left; rectangles are row,column:row,column with both
    corners included. Layers are replaced first, then things are moved, opened and closed.
    """

    source: Annotated[Positional[Path], arg(metavar="RUN")]
    """Run folder."""
    layer: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME=FILE")] = ()
    """A file (npz, npy, PNG) in place of a layer, or of the walls: grass=new.png. May be given several times, as may
    the next three."""
    move: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="'WHAT ROWS,COLUMNS'")] = ()
    """A layer, or the walls in a rectangle, shifted down and right: 'spray 0,8', '20,29:27,36 0,8'."""
    open: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="RECTANGLE")] = ()
    """No walls in a rectangle; its layers take the values of the nearest open cells."""
    block: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="RECTANGLE")] = ()
    """Walls on a rectangle: 14,28:15,33."""
    out: str = "counterfactual"
    """Folder within RUN for the picture, figures and maps; 'maxentrl report RUN' shows every one."""
    scene: str | None = None
    """Which scene, of a run of several."""
    json: bool = False
    """Print one JSON object."""
    seed: int = 0
    """Seed of the walks drawn to find the share that is walked otherwise."""

    def run(self, terminal: Terminal) -> int:
        """Run the command; the exit code."""
        from maxentrl.report.counterfactual import counterfactual_png, told
        from maxentrl.runs.counterfactual import imagine, scene_name
        from maxentrl.runs.counterfactual_files import PICTURE, folder_of, save_counterfactual
        from maxentrl.runs.run import load_run

        run = load_run(self.source)
        folder = folder_of(run.folder, self.out)
        name = scene_name(run, self.scene)
        job = run.jobs[name]
        found = imagine(job, run.parameters, self._changes(job), scene=name, seed=self.seed)
        save_counterfactual(folder, found, counterfactual_png(job, found, told(found)))
        _show(terminal, found)
        terminal.say(f"picture: {folder / PICTURE}")
        terminal.emit({**found.as_data(), "folder": str(folder), "exit_code": 0})
        return 0

    def _changes(self, job: Job) -> list[AbstractChange]:
        from maxentrl.runs.changes import Block, Open, Rectangle, parse_move
        from maxentrl.runs.counterfactual import read_replacement
        from maxentrl.status import InvalidInput

        changes: list[AbstractChange] = []
        for text in self.layer:
            name, equals, file = text.partition("=")
            if not (name and equals and file):
                raise InvalidInput(f"--layer: '{text}': expected NAME=FILE, such as grass=new.png")
            changes.append(read_replacement(job, name, Path(file)))
        changes += [parse_move(text) for text in self.move]
        changes += [Open(Rectangle.parse(text, "--open")) for text in self.open]
        return [*changes, *(Block(Rectangle.parse(text, "--block")) for text in self.block)]


def _show(terminal: Terminal, found: Imagined) -> None:
    result, unit = found.result, found.result.before.unit
    for change in found.changes:
        terminal.say(f"changed: {change}")
    rows = [
        ("decisions of a walk", result.before.decisions, result.after.decisions),
        (f"length of a walk, {unit}", result.before.length, result.after.length),
        ("reward of a walk", result.before.reward, result.after.reward),
    ]
    title = f"What the change does to {found.walks:g} walks, with the same starts and goals"
    terminal.table(title, ("mean", "before", "after", "change"), [(*row, row[2] - row[1]) for row in rows])
    terminal.say(f"visits made elsewhere: {100 * result.displaced:.1f} %")
    share = result.rerouted
    if share is not None:
        half = 0.0 if share.high is None else share.high - share.mean
        terminal.say(
            f"walks that must go another way, cell by cell: {100 * share.mean:.1f} % ± {100 * half:.1f} (95 %, "
            f"{share.count} walks drawn)"
        )
    _places(terminal, "Cells that gain most", found.gaining)
    _places(terminal, "Cells that lose most", found.losing)
    for note in found.notes:
        terminal.say(f"note: {note}")


def _places(terminal: Terminal, title: str, places: Sequence[CellChange]) -> None:
    if places:
        rows = [(place.name, place.before, place.after, place.after - place.before) for place in places]
        terminal.table(f"{title}: visits of a walk", ("cell", "before", "after", "change"), rows)
