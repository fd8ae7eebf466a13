"""The pictures of a run of one scene or of several."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from maxentrl.report.page import Picture
from maxentrl.report.pictures import draw_pictures, unfolding_pictures
from maxentrl.report.reward_map import disagreement_pictures, reward_pictures
from maxentrl.runs.ensembles import ensemble_disagreement, member_tables
from maxentrl.runs.job import Job
from maxentrl.runs.run import Run
from maxentrl.runs.scenes import whole

MOST_SCENES = 8
"""Scenes that a report draws, the first of the specification."""


def reward_section(run: Run) -> tuple[Picture, ...]:
    """The learnt reward of each scene and, of an ensemble, where its members disagree.

    Raises:
        InvalidInput: a member's file is missing or damaged.
        MissingExtra: matplotlib is not installed.
        Failure: as planning does under a member's reward.
    """
    members, found = member_tables(run), []
    for number, (name, job) in enumerate(_drawn(run)):
        found += _of_scene(reward_pictures(job, run.parameters), name, number, run)
        own = members[name]
        if len(own) > 1 and job.scene.world.geometry is not None and job.demonstrations is not None:
            found += _of_scene(disagreement_pictures(job, ensemble_disagreement(job, own), len(own)), name, number, run)
    return tuple(found)


def scene_pictures(run: Run, *, unfolding: bool) -> tuple[Picture, ...]:
    """The walks of each scene and, where asked for, one forecast as it unfolds: in a held-out scene where there is one.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    found = []
    if unfolding:
        name = next((each for each in run.jobs if each in run.study.held_out), next(iter(run.jobs)))
        job = whole(run.jobs[name]) if name in run.study.held_out else run.jobs[name]
        found += _of_scene(unfolding_pictures(job, run.parameters), name, list(run.jobs).index(name), run)
    for number, (name, job) in enumerate(_drawn(run)):
        found += _of_scene(draw_pictures(job), name, number, run)
    return tuple(found)


def _drawn(run: Run) -> list[tuple[str, Job]]:
    return list(run.jobs.items())[:MOST_SCENES]


def _of_scene(pictures: Iterable[Picture], name: str, number: int, run: Run) -> list[Picture]:
    """With the scene in titles and names of files, where there are several."""
    if len(run.jobs) == 1:
        return list(pictures)
    more = len(run.jobs) - MOST_SCENES
    told = f" {more} more {'scene is' if more == 1 else 'scenes are'} not drawn."
    rest = told if more > 0 and number == MOST_SCENES - 1 else ""
    return [
        dataclasses.replace(
            p, title=f"{name}: {p.title}", caption=p.caption + rest, file=f"scene-{number + 1}-{p.file}"
        )
        for p in pictures
    ]
