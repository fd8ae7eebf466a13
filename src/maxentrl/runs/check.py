"""What a specification describes, in figures, and what is wrong with it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from maxentrl.demos.trajectories import Trajectories
from maxentrl.mdp.checks import FeatureReport, can_reach, check_mdp, feature_report, reachable_from
from maxentrl.mdp.time import ToGoal
from maxentrl.readers.spec import Study
from maxentrl.readers.spec_model import FileDemonstrations, Spec
from maxentrl.rewards.reward import AbstractReward
from maxentrl.runs.demonstrations import goal_states, read_demonstrations, read_walks
from maxentrl.runs.inputs import demonstration_files
from maxentrl.runs.job import Job, check_units, seeded
from maxentrl.runs.learning import make_learning
from maxentrl.runs.reward import make_prior, make_reward, parameter_space, reward_in
from maxentrl.runs.states import make_time
from maxentrl.runs.world import read_scene
from maxentrl.status import InvalidInput

T = TypeVar("T")

CORRELATED = 0.5
"""Correlation below which features are not said to go together."""


@dataclasses.dataclass(frozen=True)
class FeatureLine:
    """A feature over the pairs that can be chosen; ``strongest`` names the feature it is most correlated with."""

    name: str
    minimum: float
    maximum: float
    mean: float
    strongest: str


@dataclasses.dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes:
        loss: that many walks were left out and mostly why; empty where few were.
        counts: sizes by name.
        features: ranges and correlations.
        dropped: (walk, why).
        warnings: what was changed or looks odd.
        problems: what must be mended before a fit.
    """

    loss: str
    counts: dict[str, int | float | str]
    features: tuple[FeatureLine, ...]
    dropped: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    problems: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)


def check_study(study: Study, *, seed: int | None = None) -> dict[str, Checked]:
    """Read all that a specification names and look at it, scene by scene.

    Raises:
        InvalidInput: as :func:`check_spec`, the problems of all scenes together.
    """
    found: dict[str, Checked] = {}
    jobs: dict[str, Job] = {}
    problems: list[str] = []
    like: AbstractReward | None = None
    for name, spec in study.scenes.items():
        try:
            found[name], jobs[name] = _checked(seeded(spec, seed), seed, like)
            like = jobs[name].reward
        except InvalidInput as error:
            problems += (
                [f"scene '{name}': {problem}" for problem in error.problems] if study.several else error.problems
            )
    if problems:
        raise InvalidInput(problems)
    check_units(jobs)
    return found


def check_spec(spec: Spec, *, seed: int | None = None) -> Checked:
    """Read all that a specification names and look at it.

    Raises:
        InvalidInput: what cannot even be read: every problem of the world; or of time, reward and demonstrations.
    """
    return _checked(spec, seed, None)[0]


def _checked(spec: Spec, seed: int | None, like: AbstractReward | None) -> tuple[Checked, Job]:
    job = _read(spec, seed, like)
    world = job.scene.world
    known = {*world.state_features, *world.pair_features}
    features = feature_report(world, [name for name in job.reward.names if name in known])
    reports = (job.scene.report, job.report)
    checked = Checked(
        loss=job.loss,
        counts={**job.counts, **_reach(job)},
        features=_lines(features),
        dropped=tuple(entry for report in reports for entry in report.dropped),
        warnings=(*(w for report in reports for w in report.warnings), *features.warnings),
        problems=(*check_mdp(world.mdp), *features.problems),
    )
    return checked, job


def _read(spec: Spec, seed: int | None, like: AbstractReward | None) -> Job:
    """The job, or the problems of all parts together that can be read without one another."""
    problems: list[str] = []

    def attempt(part: Callable[[], T]) -> T | None:
        try:
            return part()
        except InvalidInput as error:
            problems.extend(error.problems)
            return None

    scene = attempt(lambda: read_scene(spec))
    if scene is None:
        attempt(lambda: demonstration_files(spec))
        raise InvalidInput(list(dict.fromkeys(problems)))
    time = attempt(lambda: make_time(spec.time, scene.world))
    make = make_reward if like is None else functools.partial(reward_in, reward=like)
    reward = attempt(lambda: make(spec, scene.place))
    if reward is not None:
        attempt(lambda: parameter_space(spec.reward, reward))
        attempt(lambda: make_prior(spec.reward, reward))
    found, table = None, spec.demonstrations
    if table is not None and time is not None and reward is not None:
        found = attempt(lambda: read_demonstrations(spec, scene, time, reward, seed=seed))
    elif isinstance(table, FileDemonstrations) and time is not None:
        attempt(lambda: read_walks(spec, table, scene.world, time))
    if problems or time is None or reward is None:
        raise InvalidInput(list(dict.fromkeys(problems)))
    job = Job(spec, scene, time, reward, found)
    if found is not None:
        make_learning([job])
    return job


def _reach(job: Job) -> dict[str, int | float | str]:
    """States within reach of the walks' starts, and of their goals."""
    if job.demonstrations is None:
        return {}
    mdp, train = job.scene.world.mdp, job.demonstrations.train
    reached = reachable_from(mdp, np.unique(train.starts))
    found: dict[str, int | float | str] = {"states within reach of a start": int(reached.sum())}
    if isinstance(job.time, ToGoal):
        goals = job.time.goals
        if goals is None:
            goals = goal_states(job.time, train) if isinstance(train, Trajectories) else np.unique(train.goals).tolist()
        found["goals"] = len(goals)
        found["states that can reach a goal"] = int(can_reach(mdp, np.array(goals, np.int64)).sum())
    return found


def _lines(report: FeatureReport) -> tuple[FeatureLine, ...]:
    return tuple(
        FeatureLine(
            name, float(report.minimum[k]), float(report.maximum[k]), float(report.mean[k]), _strongest(report, k)
        )
        for k, name in enumerate(report.names)
    )


def _strongest(report: FeatureReport, feature: int) -> str:
    others = np.abs(report.correlation[feature]).copy()
    others[feature] = 0.0
    other = int(np.argmax(others)) if len(others) else feature
    if not len(others) or others[other] < CORRELATED:
        return ""
    return f"{report.names[other]} ({report.correlation[feature, other]:+.2f})"
