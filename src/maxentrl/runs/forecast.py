"""Forecasts for walks that are not over."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from maxentrl.demos.report import Report
from maxentrl.demos.trajectories import Trajectories
from maxentrl.forecast.goals import Belief, GoalForecaster
from maxentrl.forecast.paths import most_likely_path, sample_paths
from maxentrl.forecast.visits import VisitsAhead, expected_steps, visits_ahead
from maxentrl.mdp.time import ToGoal
from maxentrl.readers.spec_model import FileDemonstrations
from maxentrl.readers.tracks import read_tracks
from maxentrl.readers.trajectories import read_trajectories_csv
from maxentrl.runs.demonstrations import make_sampling
from maxentrl.runs.inputs import IMPOSSIBLE
from maxentrl.runs.job import Job
from maxentrl.runs.outlook import make_forecaster
from maxentrl.status import InvalidInput

LEAST_CHANCE = "0.0001"
"""Smaller probabilities are told to be below it."""
MOST_STEPS = 10_000
"""Steps ahead that arrival is looked for at most."""


@dataclasses.dataclass(frozen=True)
class GoalChance:
    """A candidate goal and how probable it is."""

    name: str
    state: int
    probability: float


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """Where a walker will be.

    Attributes:
        seconds: from now.
        description: for people.
        mean: expected position (x, y) in metres (in cells, where their size is not known), or None without a map.
        spread: root mean square distance from it, or None.
        states: the most probable states.
        probabilities: of these.
    """

    seconds: float
    description: str
    mean: tuple[float, float] | None
    spread: float | None
    states: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class WalkForecast:
    """The forecast of one walk.

    Attributes:
        name: of the walk.
        now: the state it is in.
        moves: seen so far.
        jumps: of these, moves that no goal explains.
        goals: candidates, the most probable first.
        expected_seconds: mean time to arrival at whichever goal, exactly; below the median where a near goal is less
            probable than far ones together.
        median: time by which it has arrived half of the time, in words; over the same walks as the mean.
        ahead: where it will be at the times asked for.
        most_likely: states of the most probable path to the most probable goal.
        samples: states of drawn paths, one row a path.
    """

    name: str
    now: str
    moves: int
    jumps: int
    goals: tuple[GoalChance, ...]
    expected_seconds: float
    median: str
    ahead: tuple[Place, ...]
    most_likely: tuple[int, ...]
    samples: tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Forecasts:
    """The forecasts of some walks, and what was changed in reading them."""

    walks: tuple[WalkForecast, ...]
    warnings: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)


def forecast_given(job: Job, parameters: Float[np.ndarray, " K"], file: Path, *, seed: int = 0) -> Forecasts:
    """Forecasts from the walks so far in a file, whose rows are read as those of the demonstrations.

    Of tracks the positions ``x y`` count; detections are not filtered here.

    Raises:
        InvalidInput: time that is not to a goal, walks that cannot be read or are impossible, by row.
        Failure: the weights have no soft values, or no goal can be reached.
    """
    if not isinstance(job.time, ToGoal):
        raise InvalidInput(
            f'a forecast is of where a walk goes: it needs [time] kind = "to-goal", not "{job.spec.time.kind}"'
        )
    walks, report = _read(job, file)
    forecaster = make_forecaster(job, parameters)
    found = tuple(_forecast(job, forecaster, walks, i, seed + i) for i in range(len(walks)))
    dropped = tuple(f"walk {name} was dropped: {why}" for name, why in report.dropped)
    return Forecasts(found, (*dropped, *report.warnings))


def _read(job: Job, file: Path) -> tuple[Trajectories, Report]:
    table = job.spec.demonstrations
    given = table if isinstance(table, FileDemonstrations) else FileDemonstrations(files=str(file))
    world, impossible, sampling = job.scene.world, IMPOSSIBLE[given.impossible], make_sampling(job.spec, given)
    if given.format == "tracks":
        walks, _, report = read_tracks([file], world, impossible=impossible, sampling=sampling)
        return walks, report
    return read_trajectories_csv(file, world, impossible=impossible, sampling=sampling, columns=given.columns)


def _forecast(job: Job, forecaster: GoalForecaster, walks: Trajectories, index: int, seed: int) -> WalkForecast:
    settings, states = job.spec.forecast, walks.states_of(index)
    belief = forecaster.watch(states.tolist())[-1]
    steps = [max(1, round(seconds / job.spec.seconds_per_step)) for seconds in settings.seconds]
    if not steps:
        raise InvalidInput("forecast.seconds is empty: name at least one time")
    mean_steps = expected_steps(forecaster, belief.mass)
    ahead = visits_ahead(forecaster, belief.mass, min(max(*steps, round(3 * mean_steps), 1), MOST_STEPS))
    drawn = sample_paths(forecaster, belief.mass, max(steps), settings.samples, seed=seed).states
    return WalkForecast(
        name=walks.names[index],
        now=job.scene.state_name(int(states[-1])),
        moves=len(states) - 1,
        jumps=len(belief.jumps),
        goals=_goals(job, belief),
        expected_seconds=mean_steps * job.spec.seconds_per_step,
        median=_median(ahead, job.spec.seconds_per_step),
        ahead=tuple(_place(job, ahead, step, step * job.spec.seconds_per_step) for step in steps),
        most_likely=tuple(most_likely_path(belief).states.tolist()),
        samples=tuple(tuple(row) for row in drawn.tolist()),
    )


def _goals(job: Job, belief: Belief) -> tuple[GoalChance, ...]:
    order = np.argsort(-belief.goals, kind="stable")
    states = belief.forecaster.goals
    return tuple(
        GoalChance(job.scene.state_name(int(states[g])), int(states[g]), float(belief.goals[g])) for g in order
    )


def _median(ahead: VisitsAhead, seconds_per_step: float) -> str:
    step = ahead.arrival.quantile(0.5)
    return (
        f"{len(ahead.distribution) * seconds_per_step:.3g} s or more"
        if step is None
        else f"{step * seconds_per_step:.3g} s"
    )


def chance_text(chance: float, digits: int = 4) -> str:
    """A probability for people, to this many significant digits."""
    return f"< {LEAST_CHANCE}" if 0 < chance < float(LEAST_CHANCE) else f"{chance:.{digits}g}"


def _place(job: Job, ahead: VisitsAhead, step: int, seconds: float) -> Place:
    chance = ahead.distribution[step]
    best = np.argsort(-chance, kind="stable")[:5]
    names = tuple(job.scene.state_name(int(state)) for state in best)
    probabilities = tuple(float(chance[state]) for state in best)
    likeliest = f"most likely {names[0]} (probability {chance_text(probabilities[0], 2)})"
    geometry = job.scene.world.geometry
    if geometry is None:
        return Place(seconds, likeliest, None, None, names, probabilities)
    position = geometry.position
    mean = chance @ position
    spread = float(np.sqrt(chance @ ((position - mean) ** 2).sum(1)))
    unit = geometry.unit
    text = f"near x = {mean[0]:.1f} {unit}, y = {mean[1]:.1f} {unit}, give or take {spread:.1f} {unit}; {likeliest}"
    return Place(seconds, text, (float(mean[0]), float(mean[1])), spread, names, probabilities)
