"""Leave-one-out in a report: score tables with intervals, and maps of every walk as it unfolds."""

from __future__ import annotations

import numpy as np

from maxentrl.forecast.metrics import Interval
from maxentrl.forecast.scores import MODEL, Summary
from maxentrl.plots.goals import GoalHistory, goal_bars
from maxentrl.plots.scene import Scene as Ground, VisitPicture, visit_map
from maxentrl.report.page import Cell, Grid, Picture, WalkPictures
from maxentrl.report.pictures import picture_bytes
from maxentrl.runs.job import Job
from maxentrl.runs.leave_one_out import Fold, LeaveOneOut, WalkMap

MEASURES = {
    "nll_next": "next step",
    "nll_ahead": "ahead",
    "hausdorff": "MHD",
    "ade_mean": "ADE",
    "fde_mean": "FDE",
    "ade_best": "best-of-K",
    "goal_probability": "p(goal)",
}
"""Columns of the tables."""
RESOLUTION = 80
"""Dots an inch: a report may hold a hundred of these pictures."""
LIKELY = 0.005
"""Goals less probable than this are not drawn on the maps."""


def score_grids(found: LeaveOneOut) -> tuple[Grid, ...]:
    """One table for each way of seeing the observed part."""
    return tuple(_grid(source, rows, found) for source, rows in found.summaries.items())


def _grid(source: str, rows: list[Summary], found: LeaveOneOut) -> Grid:
    names = [name for name in MEASURES if any(row.measures[name] is not None for row in rows)]
    cells: list[tuple[Cell, ...]] = [
        (row.observed, row.method, row.walks, *(_interval(row.measures[name]) for name in names)) for row in rows
    ]
    ours = tuple(i for i, row in enumerate(rows) if row.method == MODEL)
    note = (
        "Means over walks, ± half of the 95 % interval of the mean (Student's t). Next step: nats of the next cell, the goal "
        "unknown; ahead: nats of each later cell, nothing more seen. In cells: MHD, modified Hausdorff distance; ADE and FDE, "
        "error of the expected path, mean and at the end; best-of-K, ADE of the nearest path drawn."
    )
    headings = ("seen", "forecast by", "walks", *(MEASURES[name] for name in names))
    return Grid(headings, tuple(cells), ours, note, title=f"Seen by {source}")


def _interval(measure: Interval | None) -> Cell:
    if measure is None:
        return None
    half = "" if measure.high is None else f"\u00a0±\u00a0{measure.high - measure.mean:.2g}"
    return f"{measure.mean:.3g}{half}".replace("-", "−").replace("inf", "∞")


def walk_pictures(job: Job, found: LeaveOneOut) -> tuple[WalkPictures, ...]:
    """For each walk its maps, one an observed part, and its goal bars; none in a world without a map."""
    geometry = job.scene.world.geometry
    if geometry is None:
        return ()
    ground = Ground(geometry, job.scene.picture)
    return tuple(_of_walk(job, ground, fold, number, found) for number, fold in enumerate(found.folds))


def _of_walk(job: Job, ground: Ground, fold: Fold, number: int, found: LeaveOneOut) -> WalkPictures:
    maps = [one for one in found.maps if one.walk == fold.walk]
    pictures = [_map(ground, one, number) for one in maps]
    if maps:
        pictures.append(_bars(job, maps[0], found.histories[fold.walk], number))
    told = f"{fold.nats_per_decision:.3f} nats a decision with the goal told, all moves alike {fold.uniform_nats:.3f}"
    ending = "another walk ends at its goal, too" if fold.goal_known else "no other walk ends at its goal"
    return WalkPictures(fold.walk, f"{told}; {ending}.", tuple(pictures))


def _map(ground: Ground, one: WalkMap, number: int) -> Picture:
    position = ground.geometry.position
    likely = one.probability >= LIKELY
    picture = VisitPicture(
        ground,
        one.visits,
        observed=position[one.states[: one.moves + 1]],
        future=position[one.states[one.moves + 1 :]],
        goals=one.goals[likely],
        goal_probability=one.probability[likely],
        goal_labels=("",) * int(likely.sum()),
        true_goal=int(one.states[-1]),
        title=f"After {one.observed} of the walk",
    )
    caption = (
        f"Expected visits over the steps that {one.walk} then took; learnt from the other walks. Circles: candidate goals "
        f"above {100 * LIKELY:g} %; star: where the walk ended."
    )
    name = f"walk-{number + 1}-after-{one.observed.removesuffix(' %')}.png"
    return Picture(f"After {one.observed}", caption, picture_bytes(visit_map, picture, RESOLUTION), name)


def _bars(job: Job, one: WalkMap, history: np.ndarray, number: int) -> Picture:
    labels = tuple(job.scene.state_name(int(goal)) for goal in one.goals)
    reached = np.flatnonzero(one.goals == one.states[-1])
    result = GoalHistory(
        history,
        labels,
        seconds_per_step=job.spec.seconds_per_step,
        true_goal=int(reached[0]) if len(reached) else None,
        title=f"Belief about the goal of {one.walk}"[:70],
    )
    caption = "What the model, learnt from the other walks, believes about the goal after each step seen."
    return Picture(
        "Where is it going?", caption, picture_bytes(goal_bars, result, RESOLUTION), f"walk-{number + 1}-goals.png"
    )
