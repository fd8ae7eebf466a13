"""The pictures of a run: the walks, and one walk's forecast as it unfolds."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import Trajectories
from maxentrl.forecast.evaluation import HeldOutWalk
from maxentrl.forecast.goals import Belief, GoalForecaster
from maxentrl.forecast.visits import visits_until_arrival
from maxentrl.mdp.time import ToGoal
from maxentrl.plots.goals import GoalHistory, goal_bars
from maxentrl.plots.scene import (
    DemonstrationPicture,
    Scene as Ground,
    VisitPicture,
    demonstration_map,
    visit_map,
)
from maxentrl.report.page import Picture
from maxentrl.runs.evaluate import held_out_walks, scored_walks
from maxentrl.runs.job import Job
from maxentrl.runs.outlook import make_forecaster

if TYPE_CHECKING:
    from matplotlib.axes import Axes
else:
    Axes = Any

MOST_WALKS = 300
"""Walks drawn on one map."""
RESOLUTION = 120
"""Dots an inch of the pictures."""


def draw_pictures(job: Job) -> tuple[Picture, ...]:
    """The walks of a world with a map; none in other worlds.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    geometry = job.scene.world.geometry
    if geometry is None or job.demonstrations is None:
        return ()
    ground = Ground(geometry, job.scene.picture)
    return (_walks(job, ground),) if isinstance(job.demonstrations.train, Trajectories) else ()


def _walks(job: Job, ground: Ground) -> Picture:
    position = ground.geometry.position
    assert job.demonstrations is not None
    train, held_out = job.demonstrations.train, job.demonstrations.held_out
    assert isinstance(train, Trajectories)

    def paths(walks: Trajectories | None) -> tuple[np.ndarray, ...]:
        return () if walks is None else tuple(position[walks.states_of(i)] for i in range(min(len(walks), MOST_WALKS)))

    picture = DemonstrationPicture(ground, paths(train), paths(held_out))
    caption = f"{len(train)} walks to learn from, {0 if held_out is None else len(held_out)} held out."
    if len(train) > MOST_WALKS:
        caption += f" The first {MOST_WALKS} of each are drawn."
    return Picture("Walks", caption, picture_bytes(demonstration_map, picture), "walks.png")


def unfolding_pictures(job: Job, parameters: Float[np.ndarray, " K"]) -> tuple[Picture, ...]:
    """Goal bars and visit maps of the held-out walk of median length; none without walks to goals on a map."""
    geometry, found = job.scene.world.geometry, job.demonstrations
    if geometry is None or found is None or not isinstance(job.time, ToGoal):
        return ()
    if not isinstance(found.train, Trajectories):
        return ()
    ground = Ground(geometry, job.scene.picture)
    walks, _ = scored_walks(job)
    index = int(np.argsort(walks.lengths, kind="stable")[len(walks) // 2])
    walk = held_out_walks(job, walks)[index]
    forecaster = make_forecaster(job, parameters)
    allowed = ~np.isin(forecaster.goals, walk.excluded)
    forecaster = forecaster.with_prior(np.exp(forecaster.log_prior) * allowed)
    beliefs = forecaster.watch(walk.states.tolist())
    pictures = []
    for share in job.spec.forecast.observed:
        moves = max(1, round(share * (len(walk.states) - 1)))
        if moves < len(walk.states) - 1:
            pictures.append(_visits(job, ground, walk, beliefs[moves], share))
    return (*pictures, _goal_history(job, forecaster, walk, beliefs))


def _labels(job: Job, forecaster: GoalForecaster) -> tuple[str, ...]:
    return tuple(job.scene.state_name(int(goal)) for goal in forecaster.goals)


def _goal_history(job: Job, forecaster: GoalForecaster, walk: HeldOutWalk, beliefs: tuple[Belief, ...]) -> Picture:
    reached = np.flatnonzero(forecaster.goals == walk.goal)
    history = GoalHistory(
        np.stack([belief.goals for belief in beliefs]),
        _labels(job, forecaster),
        seconds_per_step=job.spec.seconds_per_step,
        true_goal=int(reached[0]) if len(reached) else None,
    )
    caption = (
        f"What the model believes about the goal of {walk.name}, step by step; it is not told where the walk ends."
    )
    return Picture("Where is the walker going?", caption, picture_bytes(goal_bars, history), "goals.png")


def _visits(job: Job, ground: Ground, walk: HeldOutWalk, belief: Belief, share: float) -> Picture:
    position, moves = ground.geometry.position, belief.step
    picture = VisitPicture(
        ground,
        visits_until_arrival(belief.forecaster, belief.mass),
        observed=position[walk.states[: moves + 1]],
        future=position[walk.states[moves + 1 :]],
        goals=belief.forecaster.goals,
        goal_probability=belief.goals,
        goal_labels=_labels(job, belief.forecaster),
        true_goal=walk.goal,
        title=f"After {100 * share:g} % of the walk",
    )
    title = f"Where next, after {100 * share:g} %"
    caption = f"Expected visits of each cell until {walk.name} arrives, and what it then did."
    return Picture(title, caption, picture_bytes(visit_map, picture), f"visits-{100 * share:g}.png")


def picture_bytes(draw: Callable[[Any], Axes], result: Any, resolution: int = RESOLUTION) -> bytes:
    """A plot as a PNG, in dots an inch."""
    content = io.BytesIO()
    figure = draw(result).get_figure(root=True)
    assert figure is not None
    figure.savefig(content, format="png", dpi=resolution)
    return content.getvalue()
