"""Many rewards or many goals at once: one compiled sweep over a leading axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from maxentrl.mdp.time import Finite
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.numerics.types import ArrayLike
from maxentrl.planning.backup import Backup, make_backup
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.planning.sweeps import sweep_values
from maxentrl.status import InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class RewardSolutions:
    """Soft values of one finite-horizon problem under G rewards.

    Attributes:
        problems: the problem under each reward.
        scaled_values: V/τ, (G, T+1, S).
    """

    problems: tuple[SoftProblem, ...]
    scaled_values: Float[np.ndarray, "G times S"]

    def __len__(self) -> int:
        return len(self.problems)

    def __getitem__(self, index: int) -> SoftSolution:
        """The solution under one reward, with its policy and visits."""
        values = self.scaled_values[index]
        return SoftSolution(self.problems[index], values, Status.EXACT, "solve_rewards", len(values) - 1, 0.0)


@dataclasses.dataclass(frozen=True, eq=False)
class GoalValues:
    """Soft values of walks to each of G goals within a horizon.

    Attributes:
        problem: what the walks are made of.
        goals: the goals, in order.
        scaled_values: V/τ at time 0, (G, S): the logarithm of the sum over walks from s that end at the goal within T
            decisions; -inf where there is none.
    """

    problem: SoftProblem
    goals: tuple[int, ...]
    scaled_values: Float[np.ndarray, "G S"]


@double_precision
def solve_rewards(problem: SoftProblem, tables: Sequence[RewardTable]) -> RewardSolutions:
    """Values of a finite-horizon problem under G rewards in one vectorised sweep; equal to solving them one by one.

    Args:
        problem: decision process, ``Finite(T)``, temperature, reference and form; its own reward is not read.
        tables: G rewards, alike in having or not having one table a step and an ``outcome``.

    Raises:
        InvalidInput: a time that is not ``Finite(T)``, no reward, rewards of different kinds, or one that the problem
            refuses.
    """
    horizon = _horizon(problem, "solve_rewards")
    kinds = {(table.per_step, table.outcome is not None) for table in tables}
    if len(kinds) != 1:
        raise InvalidInput(
            f"{len(tables)} rewards of {len(kinds)} kinds: expected at least one, and all or none with a table for each "
            "step, all or none with an outcome part"
        )
    problems = tuple(dataclasses.replace(problem, reward=table) for table in tables)
    backups = [make_backup(one) for one in problems]
    shared = dataclasses.replace(backups[0], outcome=None)
    outcome = None if backups[0].outcome is None else np.stack([np.asarray(b.outcome) for b in backups])
    weight, end_value = (np.stack([getattr(b, name) for b in backups]) for name in ("weight", "end_value"))
    return RewardSolutions(problems, np.asarray(_sweep_rewards(shared, weight, end_value, outcome, horizon)))


@double_precision
def solve_goals_within_horizon(problem: SoftProblem, goals: Sequence[int]) -> GoalValues:
    """Values of walking to each goal within T decisions, all goals in one sweep.

        V_t(goal) = terminal(goal),   V_T(s) = -inf elsewhere,   V_t = τ log Σ_a q exp((r + E[V_{t+1}])/τ)

    A walk ends when it enters the goal and must do so within the horizon: :func:`goal_problem` poses the same for one
    goal. Without a horizon, use the solver of ``ToGoal`` problems for all goals.

    Args:
        problem: decision process, reward, ``Finite(T)``, temperature.
        goals: G states.

    Raises:
        InvalidInput: a time that is not ``Finite(T)``, no goal, or a goal that is not a state.
    """
    horizon = _horizon(problem, "solve_goals_within_horizon")
    _check_goals(problem, goals)
    at_goal = np.zeros((len(goals), problem.mdp.n_states), bool)
    at_goal[np.arange(len(goals)), list(goals)] = True
    values = _sweep_goals(make_backup(problem), at_goal, horizon)
    return GoalValues(problem, tuple(int(goal) for goal in goals), np.asarray(values))


def goal_problem(problem: SoftProblem, goal: int) -> SoftProblem:
    """The finite-horizon problem of walking to one goal: the goal is terminal, and ending anywhere else forbidden.

    Raises:
        InvalidInput: a time that is not ``Finite(T)``, or a goal that is not a state.
    """
    _horizon(problem, "goal_problem")
    _check_goals(problem, [goal])
    at_goal = np.arange(problem.mdp.n_states) == goal
    mdp = dataclasses.replace(problem.mdp, terminal=problem.mdp.terminal | at_goal)
    terminal = np.where(at_goal, np.asarray(problem.reward.terminal), -np.inf)
    return dataclasses.replace(problem, mdp=mdp, reward=dataclasses.replace(problem.reward, terminal=terminal))


def _horizon(problem: SoftProblem, name: str) -> int:
    if not isinstance(problem.time, Finite) or problem.time.horizon is None:
        raise InvalidInput(f"{name} needs Finite(horizon), not {problem.time}; see choose_solver")
    return problem.time.horizon


def _check_goals(problem: SoftProblem, goals: Sequence[int]) -> None:
    n_states = problem.mdp.n_states
    problems = [] if len(goals) else ["goals is empty: name at least one state"]
    problems += [
        f"goal {goal} is not a state: states are 0 to {n_states - 1}" for goal in goals if not 0 <= goal < n_states
    ]
    if problems:
        raise InvalidInput(problems[:50])


@partial(jax.jit, static_argnames="horizon")
def _sweep_rewards(
    shared: Backup,
    weight: Float[ArrayLike, "G ..."],
    end_value: Float[ArrayLike, "G S"],
    outcome: Float[ArrayLike, "G A B S"] | None,
    horizon: int,
) -> ArrayLike:
    def one(weight: ArrayLike, end_value: ArrayLike, outcome: ArrayLike | None) -> ArrayLike:
        backup = dataclasses.replace(shared, weight=weight, end_value=end_value, outcome=outcome)
        return sweep_values(backup, horizon, horizon + 1)

    return jax.vmap(one)(weight, end_value, outcome)


@partial(jax.jit, static_argnames="horizon")
def _sweep_goals(backup: Backup, at_goal: Bool[ArrayLike, "G S"], horizon: int) -> ArrayLike:
    ends = backup.ends | at_goal
    last = jnp.where(at_goal, backup.end_value, -jnp.inf)

    def values(ends: ArrayLike, last: ArrayLike, following: ArrayLike, weight: ArrayLike) -> ArrayLike:
        return dataclasses.replace(backup, ends=ends, end_value=last).values(following, weight)

    def step(following: ArrayLike, weight: ArrayLike | None) -> tuple[ArrayLike, None]:
        weight = jnp.asarray(backup.weight) if weight is None else weight
        return jax.vmap(values, (0, 0, 0, None))(ends, last, following, weight), None

    per_step = jnp.asarray(backup.weight) if backup.weight.ndim == 3 else None
    first, _ = jax.lax.scan(step, last, per_step, length=horizon, reverse=True)
    return first
