"""What a specification describes, in figures, and what is wrong with it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from maxentrl.demos.trajectories import Trajectories
from maxentrl.mdp.checks import FeatureReport, can_reach, check_mdp, feature_report, reachable_from
from maxentrl.mdp.time import ToGoal
from maxentrl.readers.spec_model import Spec
from maxentrl.runs.demonstrations import goal_states
from maxentrl.runs.job import Job, read_job
from maxentrl.runs.reward import make_prior, parameter_space

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
        counts: sizes by name.
        features: ranges and correlations.
        dropped: (walk, why).
        warnings: what was changed or looks odd.
        problems: what must be mended before a fit.
    """

    counts: dict[str, int | float | str]
    features: tuple[FeatureLine, ...]
    dropped: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    problems: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)


def check_spec(spec: Spec, *, seed: int | None = None) -> Checked:
    """Read all that a specification names and look at it.

    Raises:
        InvalidInput: what cannot even be read, every problem of it.
    """
    job = read_job(spec, seed=seed)
    parameter_space(spec.reward, job.reward.names)
    make_prior(spec.reward, job.reward.names)
    world = job.scene.world
    known = {*world.state_features, *world.pair_features}
    features = feature_report(world, [name for name in job.reward.names if name in known])
    reports = (job.scene.report, job.report)
    return Checked(
        counts={**job.counts, **_reach(job)},
        features=_lines(features),
        dropped=tuple(entry for report in reports for entry in report.dropped),
        warnings=(*(w for report in reports for w in report.warnings), *features.warnings),
        problems=(*check_mdp(world.mdp), *features.problems),
    )


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
