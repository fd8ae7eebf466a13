"""Where a walker may be going, and a forecaster for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import Trajectories
from maxentrl.forecast.goals import GoalForecaster
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import ToGoal
from maxentrl.mdp.world import World
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.exponential import LinkPattern
from maxentrl.planning.linear_system import LinearSystem, is_linear
from maxentrl.planning.problem import SoftProblem
from maxentrl.runs.demonstrations import goal_states
from maxentrl.runs.job import Job
from maxentrl.runs.states import state_numbers
from maxentrl.status import InvalidInput

GOALS_AT_ONCE = 256
"""Goals solved for together; more would only take memory."""
OF_WALKS = ("ends", "ends-and-border")
"""Settings that make the ends of walks candidates."""


def candidate_goals(job: Job) -> tuple[int, ...]:
    """The goals that ``[forecast] goals`` asks for, distinct and in order of number.

    Raises:
        InvalidInput: ends without walks, a border without a map, entrances of a world that has none.
    """
    ends = _ends(job) if job.spec.forecast.goals in OF_WALKS else ()
    return candidates(job, ends)


def candidates(job: Job, ends: Sequence[int]) -> tuple[int, ...]:
    """The same where these are the ends of the walks that count."""
    asked = job.spec.forecast.goals
    if not isinstance(asked, str):
        return tuple(dict.fromkeys(state_numbers(job.scene.world, asked, "forecast.goals")))
    if asked == "entrances":
        if not job.scene.entrances:
            raise InvalidInput('forecast.goals = "entrances": this world has none; use "ends", "border" or a list')
        return tuple(job.scene.entrances.values())
    found = set(ends) if asked in OF_WALKS else set()
    if asked in ("border", "ends-and-border"):
        found |= set(border_states(job.scene.world)[:: job.spec.forecast.border_every])
    return tuple(sorted(found))


def listed(job: Job, goal: int) -> bool:
    """Whether a goal is a candidate whoever walks there: the specification lists it, or it is an entrance."""
    asked = job.spec.forecast.goals
    return (not isinstance(asked, str) or asked == "entrances") and goal in candidates(job, ())


def _ends(job: Job) -> tuple[int, ...]:
    if job.demonstrations is None or not isinstance(job.demonstrations.train, Trajectories):
        raise InvalidInput('forecast.goals = "ends" needs walks; list the goals, or use "border"')
    return goal_states(job.time, job.demonstrations.train)


def border_states(world: World) -> tuple[int, ...]:
    """Open cells on the border of the map, clockwise from the upper left corner.

    Raises:
        InvalidInput: a world without a map.
    """
    if world.geometry is None:
        raise InvalidInput('forecast.goals = "border": this world has no map; use "ends" or a list')
    cells = world.geometry.state_of_cell
    around = np.concatenate([cells[0], cells[1:, -1], cells[-1, -2::-1], cells[-2:0:-1, 0]])
    return tuple(dict.fromkeys(around[around >= 0].tolist()))


def goal_problem(job: Job, parameters: Float[np.ndarray, " K"], goals: tuple[int, ...]) -> SoftProblem:
    """The problem of walking to goals under learnt weights."""
    table = reward_table(job.reward, np.asarray(parameters, float))
    mdp, temperature = job.scene.world.mdp, job.spec.fit.temperature
    return SoftProblem(mdp, table, ToGoal(goals), temperature, entropy=job.entropy)


def make_forecaster(
    job: Job, parameters: Float[np.ndarray, " K"], goals: Sequence[int] | None = None
) -> GoalForecaster:
    """A forecaster of walks to the goals given, or to those of the specification.

    Raises:
        InvalidInput: no goal.
        Failure: the weights have no soft values (INFINITE_PARTITION), with how to mend it.
    """
    chosen = candidate_goals(job) if goals is None else goals
    return forecaster_with(job, parameters, chosen, None)


def forecaster_with(
    job: Job, parameters: Float[np.ndarray, " K"], goals: Sequence[int], pattern: LinkPattern | None
) -> GoalForecaster:
    """A forecaster of walks to these goals; ``pattern`` saves finding the elimination order again."""
    chosen = tuple(int(goal) for goal in goals)
    if not chosen:
        raise InvalidInput("there is no candidate goal: name some under forecast.goals")
    problem = goal_problem(job, parameters, (chosen[0],))
    seconds = job.spec.forecast.seconds_per_step
    return GoalForecaster.of(problem, chosen, goal_values(problem, chosen, pattern), seconds_per_step=seconds)


def link_pattern(job: Job) -> LinkPattern:
    """The elimination order of the world's moves, found once for many sets of weights."""
    return LinkPattern.of(job.scene.world.mdp.transitions)


def goal_values(
    problem: SoftProblem, goals: Sequence[int], pattern: LinkPattern | None = None
) -> Float[np.ndarray, "G S"]:
    """V_g(s) of each goal, (G, S): one factorisation for many goals where the problem is linear, else one solve each."""
    values = np.empty((len(goals), problem.mdp.n_states))
    if not is_linear(problem):
        for row, goal in zip(values, goals, strict=True):
            row[:] = solve(dataclasses.replace(problem, time=ToGoal((int(goal),)))).values
        return values
    for first in range(0, len(goals), GOALS_AT_ONCE):
        chunk = tuple((int(goal),) for goal in goals[first : first + GOALS_AT_ONCE])
        for k, solution in enumerate(LinearSystem(pattern).solve_goals(problem, chunk)):
            values[first + k] = solution.values
    return values
