"""Planning under known weights."""

from __future__ import annotations

import dataclasses
import difflib
import io
from pathlib import Path
from typing import Any

import numpy as np

from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import Finite, Time, ToGoal
from maxentrl.mdp.world import World
from maxentrl.planning.choose_solver import choose_solver
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import Occupancy, SoftSolution
from maxentrl.runs.files import write_atomically
from maxentrl.runs.job import Job
from maxentrl.runs.states import state_number
from maxentrl.status import InvalidInput

SHOWN = 8
"""States listed by their visits."""


@dataclasses.dataclass(frozen=True, eq=False)
class PlanResult:
    """A solved planning problem.

    Attributes:
        solver: which solver was chosen.
        reason: why.
        figures: what a person wants to know.
        most_visited: states and their expected decisions.
        solution: values and policy.
        occupancy: expected visits from the start.
    """

    solver: str
    reason: str
    figures: dict[str, float | str]
    most_visited: tuple[tuple[str, float], ...]
    solution: SoftSolution
    occupancy: Occupancy

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON; tables of numbers go to a file, see :func:`save_plan`."""
        return {
            "solver": self.solver,
            "reason": self.reason,
            **self.figures,
            "most_visited": [{"state": state, "decisions": visits} for state, visits in self.most_visited],
        }


def make_plan(job: Job, parameters: np.ndarray, *, start: str | None = None, goal: str | None = None) -> PlanResult:
    """Solve the problem of a job under weights.

    Raises:
        InvalidInput: a start or goal that is no state, or a horizon or goal that nobody gave.
        Failure: the problem has no solution.
    """
    world = job.scene.world
    time = _time(job, goal)
    table = reward_table(job.reward, np.asarray(parameters, float))
    problem = SoftProblem(world.mdp, table, time, job.spec.fit.temperature, entropy=job.entropy)
    choice = choose_solver(problem)
    solution = choice.solver.solve(problem)
    begin = _start(job, solution, start)
    occupancy = solution.occupancy(begin)
    return PlanResult(
        solver=type(choice.solver).__name__,
        reason=choice.reason,
        figures={
            "value": solution.value(begin),
            "expected decisions": occupancy.decisions,
            "iterations": float(solution.iterations),
            "residual": float(solution.residual),
            "status": solution.status.value,
        },
        most_visited=tuple(
            (job.scene.state_name(int(s)), float(occupancy.state[s]))
            for s in np.argsort(-occupancy.state, kind="stable")[:SHOWN]
        ),
        solution=solution,
        occupancy=occupancy,
    )


def _time(job: Job, goal: str | None) -> Time:
    time = job.time
    if goal is not None and not isinstance(time, ToGoal):
        kind = "a finite horizon" if isinstance(time, Finite) else "a discount"
        raise InvalidInput(
            f'--goal ends a walk, and under {kind} nothing does: leave it out, or set [time] kind = "to-goal"'
        )
    if isinstance(time, Finite) and time.horizon is None:
        raise InvalidInput("[time] lacks the key 'horizon': a plan needs to know how many decisions there are")
    if isinstance(time, ToGoal) and (goal is not None or time.goals is None):
        if goal is None:
            raise InvalidInput("a plan to a goal needs one: name it under time.goals, or by --goal")
        return ToGoal((named_state(job, goal, "--goal"),))
    return time


def _start(job: Job, solution: SoftSolution, start: str | None) -> int | np.ndarray:
    if start is not None:
        return named_state(job, start, "--start")
    first = solution.scaled_values[0] if solution.finite_horizon else solution.scaled_values
    possible = ~np.isneginf(first) & ~solution.problem.ends
    if not possible.any():
        raise InvalidInput("no state can begin a walk here: every state is an end, or cannot reach one")
    return possible / possible.sum()


def named_state(job: Job, label: str, place: str) -> int:
    """A state given on the command line: an entrance, a name, a number, or a cell: ``0,40``, ``[0, 40]``."""
    entrances = job.scene.entrances
    if label in entrances:
        return entrances[label]
    try:
        return _named(job.scene.world, label, place)
    except InvalidInput:
        near = difflib.get_close_matches(label, entrances, 1)
        if near:
            raise InvalidInput(f"{place}: '{label}' is not a state; did you mean '{near[0]}'?") from None
        raise


def _named(world: World, label: str, place: str) -> int:
    if world.mdp.state_names is None and label.isdigit():
        return state_number(world, int(label), place)
    return state_number(world, label, place)


def save_plan(plan: PlanResult, path: Path) -> None:
    """Values, log_policy and visits as an npz file, whole or not at all."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        values=plan.solution.values,
        log_policy=plan.solution.log_policy,
        visits=plan.occupancy.pair,
        terminal=plan.occupancy.terminal,
    )
    write_atomically(path, content.getvalue())
