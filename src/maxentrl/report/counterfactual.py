"""Counterfactuals in a report: what was changed, what follows, and the maps before and after."""

from __future__ import annotations

from maxentrl.plots.counterfactual import CounterfactualPicture, counterfactual_maps
from maxentrl.plots.figure import Axes
from maxentrl.plots.ground import Scene as Ground
from maxentrl.report.page import Counterfactual as Section, Grid, Picture
from maxentrl.report.pictures import picture_bytes
from maxentrl.runs.counterfactual import Imagined, fingerprint
from maxentrl.runs.counterfactual_files import load_counterfactuals
from maxentrl.runs.job import Job
from maxentrl.runs.run import Run
from maxentrl.status import InvalidInput

RESOLUTION = 150
"""Dots an inch: three maps lie side by side."""
SHOWN = 3
"""Cells that gain, and that lose, listed."""
MOST = 140
"""Letters of a line above them."""


def counterfactual_sections(run: Run) -> tuple[Section, ...]:
    """One section for each counterfactual kept in the run folder; of one made with other weights only that it is old.

    Raises:
        InvalidInput: damaged files, by name.
        MissingExtra: matplotlib is not installed.
    """
    kept = load_counterfactuals(run.folder)
    if not kept:
        return ()
    now, sections = fingerprint(run.parameters), []
    for name, found in kept.items():
        title = f"{found.scene}: {told(found)}" if len(run.jobs) > 1 else told(found)
        job = run.jobs.get(found.scene)
        if found.weights != now or job is None:
            again = "It was made with an earlier fit: run 'maxentrl counterfactual' again."
            sections.append(Section(name, title, None, (), (again,)))
            continue
        png = counterfactual_png(job, found, "")
        picture = Picture(title, _caption(found), png, f"counterfactual-{name}.png")
        notes = [f"{note[:1].upper()}{note[1:]}." for note in found.notes]
        sections.append(Section(name, title, picture, (_figures(found), _places(found)), tuple(notes)))
    return tuple(sections)


def counterfactual_png(job: Job, found: Imagined, heading: str) -> bytes:
    """The three maps as a PNG, under a line of text.

    Raises:
        InvalidInput: a map of another size than the run's.
        MissingExtra: matplotlib is not installed.
    """
    geometry = job.scene.world.geometry
    if geometry is None or geometry.shape != found.walls_after.shape:
        raise InvalidInput("the counterfactual was made on another map than the run's: make it again")
    picture = CounterfactualPicture(
        Ground(geometry, job.scene.picture),
        found.result.before.visits,
        found.result.after.visits,
        found.walls_after,
        changed=_short(heading),
    )
    return picture_bytes(_first, picture, RESOLUTION)


def _first(picture: CounterfactualPicture) -> Axes:
    return counterfactual_maps(picture)[0]


def told(found: Imagined) -> str:
    """What was changed, in a sentence without its full stop."""
    told = "; ".join(found.changes)
    return f"{told[:1].upper()}{told[1:]}"


def _short(text: str) -> str:
    return text if len(text) <= MOST else f"{text[: MOST - 2].rstrip()} …"


def _caption(found: Imagined) -> str:
    return (
        "Expected visits of a walk as it is and after the change, on one scale, and their difference (red: more, blue: "
        f"fewer). The same {found.walks:g} walks, by their starts and goals; new walls are black, removed ones dashed."
    )


def _figures(found: Imagined) -> Grid:
    result, unit = found.result, found.result.before.unit
    rows = tuple(
        (name, before, after, after - before)
        for name, before, after in (
            ("decisions of a walk", result.before.decisions, result.after.decisions),
            (f"length of a walk, {unit}", result.before.length, result.after.length),
            ("reward of a walk", result.before.reward, result.after.reward),
        )
    )
    share = result.rerouted
    other = "" if share is None else f" Walks that must go another way, cell by cell: {_percent(share.mean)}"
    if share is not None and share.high is not None:
        other += f" ± {100 * (share.high - share.mean):.1f} (95 % interval, {share.count} walks drawn)"
    note = f"Means over walks. Visits made elsewhere: {_percent(result.displaced)}.{other + '.' if other else ''}"
    return Grid(("mean", "before", "after", "change"), rows, note=note)


def _places(found: Imagined) -> Grid:
    rows = tuple(
        (place.name, place.before, place.after, place.after - place.before)
        for place in (*found.gaining[:SHOWN], *found.losing[:SHOWN])
    )
    note = "Expected visits of a walk in the cells that gain and lose most, at least four cells apart."
    return Grid(("cell", "before", "after", "change"), rows, note=note)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
