"""Ensembles of a run: the rewards of their members, and where they disagree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.forecast.disagreement import policy_disagreement
from maxentrl.inverse.pullback import reward_table
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.runs.crowds import crowd_of, walkers_of
from maxentrl.runs.fitting import member_file, member_jobs
from maxentrl.runs.job import Job
from maxentrl.runs.run import Run
from maxentrl.runs.training_files import load_reward
from maxentrl.status import InvalidInput


def member_tables(run: Run) -> Mapping[str, list[RewardTable]]:
    """The rewards of each member of an ensemble in each scene; none for a run without one.

    Raises:
        InvalidInput: a member's file is missing or damaged, by name.
    """
    jobs = list(run.jobs.values())
    found: dict[str, list[RewardTable]] = {name: [] for name in run.jobs}
    for number in range(len(run.fit.members)):
        own = member_jobs(jobs, number)
        parameters = load_reward(run.folder / member_file(number), own[0].reward)
        for name, job in zip(run.jobs, own, strict=True):
            found[name].append(reward_table(job.reward, parameters))
    return found


def ensemble_disagreement(job: Job, tables: Sequence[RewardTable]) -> Float[np.ndarray, " S"]:
    """Share of next moves on which two members of an ensemble differ, over the goals of a job's walks, (S,).

    Args:
        job: a world with a map, and walks.
        tables: the reward of each member.

    Raises:
        InvalidInput: no map, no walks, or fewer than two members.
        Failure: as planning does.
    """
    geometry = job.scene.world.geometry
    if geometry is None:
        raise InvalidInput("this world has no map: there is nowhere to draw a disagreement")
    crowds = [crowd_of(walkers_of(job, table), geometry) for table in tables]
    weights = np.array([source.sum() for source in crowds[0].sources]) if crowds else np.zeros(0)
    return policy_disagreement([crowd.solutions for crowd in crowds], weights)
