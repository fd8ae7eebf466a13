"""The ``[demonstrations]`` table as trajectories: read, simulated or counted; split into those fitted and held out."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from maxentrl.demos.checks import MISSED, check_trajectories
from maxentrl.demos.counts import FeatureCounts
from maxentrl.demos.report import CutAtGoal, DropTrajectory, Refuse, Report
from maxentrl.demos.trajectories import Trajectories, concatenated
from maxentrl.mdp.time import Time, ToGoal
from maxentrl.mdp.world import World
from maxentrl.readers.counts import read_feature_counts_csv
from maxentrl.readers.positions import Sampling, Unit
from maxentrl.readers.spec_model import CountedDemonstrations, CrowdDemonstrations, FileDemonstrations, GridWorld, Spec
from maxentrl.readers.tracks import read_tracks
from maxentrl.readers.trajectories import read_trajectories_csv
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.reward import AbstractReward
from maxentrl.runs.crowd_walks import read_crowd_walks
from maxentrl.runs.inputs import IMPOSSIBLE, demonstration_files
from maxentrl.runs.simulate import simulate
from maxentrl.runs.world import Scene
from maxentrl.status import InvalidInput

TRAINING = "train"
"""The word in the column ``split`` for walks that are fitted; all others are held out."""
GOAL_PASSING = {"refuse": Refuse(), "cut": CutAtGoal(), "drop": DropTrajectory()}


TOLERATED_LOSS = 0.2
"""Share of the walks that may be left out before that is said first of all."""
BIAS = (
    "walks that never reach a goal are left out, and those that arrive are no fair sample of all: mark the others in a "
    'column `censored` and set objective = "likelihood" under [fit]'
)


@dataclasses.dataclass(frozen=True, eq=False)
class Demonstrations:
    """What a fit learns from and is scored on.

    Attributes:
        train: walks, or counts, that are fitted.
        held_out: walks that are not; None where there are none.
        report: what was used and what was left out.
        loss: that many walks were left out and mostly why, in one sentence; empty where few were.
    """

    train: Trajectories | FeatureCounts
    held_out: Trajectories | None
    report: Report
    loss: str = ""

    @property
    def together(self) -> Demonstrations:
        """The same with none held out."""
        if self.held_out is None or not isinstance(self.train, Trajectories):
            return self
        return dataclasses.replace(
            self, train=joined([self.train, self.held_out], ["fitted", "held out"]), held_out=None
        )


def read_demonstrations(
    spec: Spec, scene: Scene, time: Time, reward: AbstractReward, *, seed: int | None
) -> Demonstrations:
    """The demonstrations of a specification; ``seed`` overrides those that it names.

    Raises:
        InvalidInput: none asked for, files that cannot be used, walks that are refused.
    """
    table, world = spec.demonstrations, scene.world
    if table is None:
        raise InvalidInput("the SPEC lacks the table [demonstrations]: name the files of the walks, or simulate some")
    if isinstance(table, CountedDemonstrations):
        if not isinstance(reward, LinearReward):
            raise InvalidInput("feature counts say nothing of a network's reward: learn it from walks")
        counts, report = read_feature_counts_csv(spec.path(table.file), world.mdp, reward.names)
        return Demonstrations(counts, None, report)
    seed = table.seed if seed is None else seed
    if isinstance(table, CrowdDemonstrations):
        train, held_out, report = read_crowd_walks(spec, table, scene.momentum, seed=seed)
        return Demonstrations(train, held_out, report, loss_of(report))
    if isinstance(table, FileDemonstrations):
        walks, report = read_walks(spec, table, world, time)
    else:
        walks = simulate(spec, table, scene, time, seed=seed)
        report = Report(len(walks))
    train, held_out = split(walks, table.held_out, seed)
    missed = any(reason.startswith(MISSED) for _, reason in report.dropped)
    report = dataclasses.replace(report, warnings=(*([BIAS] if missed else []), *report.warnings))
    return Demonstrations(train, held_out, report, loss_of(report))


def loss_of(report: Report) -> str:
    """How many walks were left out and the most frequent reason, where those are more than ``TOLERATED_LOSS``."""
    lost = len(report.dropped)
    total = lost + report.used
    if lost <= TOLERATED_LOSS * total:
        return ""
    kinds = Counter(_kind(reason) for _, reason in report.dropped)
    (kind, often) = kinds.most_common(1)[0]
    example = next(reason for _, reason in report.dropped if _kind(reason) == kind)
    share = "each" if often == lost else f"{often} of them"
    bias = f"; {BIAS}" if example.startswith(MISSED) else ""
    return f"{lost} of {total} walks were left out: {share} {example}{bias}"


def _kind(reason: str) -> str:
    """A reason without the goals, steps and states of one walk."""
    return re.sub(r"\([^)]*\)|\d+", "", reason)


def _refuse_single(report: Report) -> None:
    loss = loss_of(report)
    if loss and report.used < 2:
        raise InvalidInput([loss, f"{report.used} is left: a fit needs at least two walks; mend the others"])


def read_walks(spec: Spec, table: FileDemonstrations, world: World, time: Time) -> tuple[Trajectories, Report]:
    """The walks of files, checked against world and time; raises like :func:`read_demonstrations`."""
    walks, report = _read(spec, table, world)
    walks, more = check_trajectories(
        world.mdp, walks, time, impossible=IMPOSSIBLE[table.impossible], early=GOAL_PASSING[table.goal_passing]
    )
    report = report.then(more)
    _refuse_single(report)
    return walks, report


def make_sampling(spec: Spec, table: FileDemonstrations) -> Sampling:
    """How positions become moves."""
    pooled = spec.world.cell if isinstance(spec.world, GridWorld) else 1
    return Sampling(Unit(table.units), pooled, table.interval)


def _read(spec: Spec, table: FileDemonstrations, world: World) -> tuple[Trajectories, Report]:
    sampling = make_sampling(spec, table)
    paths, impossible = demonstration_files(spec), IMPOSSIBLE[table.impossible]
    if table.format == "tracks":
        walks, _, report = read_tracks(paths, world, impossible=impossible, sampling=sampling)
        return walks, report
    read = [
        read_trajectories_csv(path, world, impossible=impossible, sampling=sampling, columns=table.columns)
        for path in paths
    ]
    if len(read) == 1:
        return read[0]
    report = Report(
        sum(one.used for _, one in read),
        tuple(entry for _, one in read for entry in one.dropped),
        tuple(dict.fromkeys(warning for _, one in read for warning in one.warnings)),
    )
    prefixes = [path.stem for path in paths]
    if len(set(prefixes)) < len(prefixes):
        prefixes = [os.path.relpath(path.with_suffix(""), spec.directory) for path in paths]
    return joined([walks for walks, _ in read], prefixes), report


def joined(parts: Sequence[Trajectories], prefixes: Sequence[str]) -> Trajectories:
    """The trajectories of several files as one; names that two files share get the file's name before them."""
    names = [name for part in parts for name in part.names]
    if len(set(names)) < len(names):
        names = [f"{prefix}:{name}" for part, prefix in zip(parts, prefixes, strict=True) for name in part.names]
    return concatenated(parts, names)


def split(walks: Trajectories, share: float, seed: int) -> tuple[Trajectories, Trajectories | None]:
    """Walks to fit and walks held out: by the column ``split`` where it says so, else this share drawn at random.

    Raises:
        InvalidInput: nothing left to fit.
    """
    training = np.array([word == TRAINING for word in walks.split])
    if training.all() and share > 0:
        count = round(share * len(walks))
        training[np.random.default_rng(seed).permutation(len(walks))[:count]] = False
    if not training.any():
        raise InvalidInput(
            f"all {len(walks)} walks are held out: lower held_out, or mark some '{TRAINING}' in the column 'split'"
        )
    return walks.select(training), None if training.all() else walks.select(~training)


def goal_states(time: Time, walks: Trajectories) -> tuple[int, ...]:
    """Distinct goals of walks, in order of number."""
    if isinstance(time, ToGoal) and time.goals is not None:
        return time.goals
    return tuple(int(goal) for goal in np.unique(np.where(walks.goals < 0, walks.ends, walks.goals)))
