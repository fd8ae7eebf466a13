"""The demonstrated walks as a crowd: planned for with their own starts, goals and lengths."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from maxentrl.forecast.counterfactual import PlannedWalkers
from maxentrl.inverse.episodes import episodes_of
from maxentrl.inverse.planners import Episodes, planner_of
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.world import GridGeometry
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.runs.job import Job
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class Walkers:
    """Walks to be planned for.

    Attributes:
        problem: where they take place, with the kind of time; its demonstrations are not read.
        table: what they want.
        episodes: horizons and goals.
        starts: first state of each, (M,).
        weights: how often each counts, (M,).
    """

    problem: InverseProblem
    table: RewardTable
    episodes: Episodes
    starts: Int[np.ndarray, " M"]
    weights: Float[np.ndarray, " M"]


def walkers_of(job: Job, table: RewardTable) -> Walkers:
    """The walks that a job learns from, under a reward.

    Raises:
        InvalidInput: no walks.
    """
    if job.demonstrations is None:
        raise InvalidInput("the SPEC lacks the table [demonstrations]: their starts and goals say who walks")
    walks, world, settings = job.demonstrations.train, job.scene.world, job.spec.fit
    problem = InverseProblem(world.mdp, job.reward, walks, job.time, settings.temperature, entropy=job.entropy)
    return Walkers(problem, table, episodes_of(problem), np.asarray(walks.starts), np.asarray(walks.weights, float))


def crowd_of(walkers: Walkers, geometry: GridGeometry) -> PlannedWalkers:
    """Solutions for all walks, one a goal or horizon they share, and where each enters.

    Raises:
        Failure: as planning does.
    """
    problem = walkers.problem
    planner = planner_of(walkers.episodes, problem.mdp, problem.time, per_step=walkers.table.per_step)
    solutions = planner.solve(problem.forward, walkers.table)
    sources = []
    for group, solution in enumerate(solutions):
        mine = planner.group == group
        source = np.zeros_like(solution.scaled_values)
        where = (planner.entry[mine], walkers.starts[mine]) if solution.finite_horizon else walkers.starts[mine]
        np.add.at(source, where, walkers.weights[mine])
        sources.append(source)
    return PlannedWalkers(tuple(solutions), tuple(sources), geometry)
