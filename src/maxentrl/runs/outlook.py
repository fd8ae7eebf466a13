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
WITHIN = 400.0
"""Cost, over the temperature, up to which goals are solved for together: exp(V/τ) has to be in double precision."""
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
    seconds = job.spec.seconds_per_step
    return GoalForecaster.of(problem, chosen, goal_values(problem, chosen, pattern), seconds_per_step=seconds)


def link_pattern(job: Job) -> LinkPattern:
    """The elimination order of the world's moves, found once for many sets of weights."""
    return LinkPattern.of(job.scene.world.mdp.transitions)


def goal_values(
    problem: SoftProblem, goals: Sequence[int], pattern: LinkPattern | None = None
) -> Float[np.ndarray, "G S"]:
    """V_g(s) of each goal, (G, S): one factorisation for many goals where the problem is linear, else one solve each."""
    goals = [int(goal) for goal in goals]
    if not is_linear(problem):
        return np.stack([solve(dataclasses.replace(problem, time=ToGoal((goal,)))).values for goal in goals])
    system = LinearSystem(pattern)
    if len(goals) == 1 or not problem.mdp.transitions.deterministic or problem.reward.outcome is not None:
        return _solved(system, problem, goals)
    values, left = np.empty((len(goals), problem.mdp.n_states)), np.arange(len(goals))
    while len(left):
        centre = system.solve(dataclasses.replace(problem, time=ToGoal((goals[left[0]],)))).values
        values[left[0]] = centre
        costs = -centre[[goals[k] for k in left]] / problem.temperature
        near = left[(costs < WITHIN) & (left != left[0])]
        if -centre.min() / problem.temperature < WITHIN or not np.isfinite(centre).all():
            near = left[1:]
            values[near] = _solved(system, problem, [goals[k] for k in near])
        elif len(near):
            values[near] = _solved_near(system, problem, [goals[k] for k in near], centre)
        left = np.setdiff1d(left[1:], near)
    return values


def _solved(system: LinearSystem, problem: SoftProblem, goals: Sequence[int]) -> Float[np.ndarray, "G S"]:
    values = np.empty((len(goals), problem.mdp.n_states))
    for first in range(0, len(goals), GOALS_AT_ONCE):
        chunk = tuple((goal,) for goal in goals[first : first + GOALS_AT_ONCE])
        for k, solution in enumerate(system.solve_goals(problem, chunk)):
            values[first + k] = solution.values
    return values


def _solved_near(
    system: LinearSystem, problem: SoftProblem, goals: Sequence[int], centre: Float[np.ndarray, " S"]
) -> Float[np.ndarray, "G S"]:
    """Goals near one that is solved: with the reward shaped by its values, r + Φ(s') − Φ(s), costs are small everywhere,
    and exp(V/τ) of all of them is in range for one factorisation; V_g = V'_g + Φ − Φ(g).
    """
    n_states = problem.mdp.n_states
    states, pair = np.arange(n_states), np.array(problem.reward.pair, float)
    for action in range(problem.mdp.n_actions):
        following, _ = problem.mdp.transitions.successors_of(np.full(n_states, action), states)
        pair[action] += centre[following[0]] - centre
    shaped = dataclasses.replace(problem, reward=dataclasses.replace(problem.reward, pair=pair))
    return _solved(system, shaped, goals) + centre - centre[list(goals)][:, None]
