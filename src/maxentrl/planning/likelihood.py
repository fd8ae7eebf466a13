"""Log-likelihood of recorded decisions under a solution: of the choices, of whole paths, and of state-only paths.

The functions read flat columns, one row a decision, so trajectories of any lengths need no padding.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.transitions import AbstractTransitions
from maxentrl.numerics.precision import double_precision
from maxentrl.planning.at_time import StepReader
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import InvalidInput

MOST_NAMED = 50


@runtime_checkable
class DecisionColumns(Protocol):
    """N decisions, one row each; ``Trajectories.decisions`` has these columns."""

    @property
    def trajectory(self) -> Int[np.ndarray, " N"]:
        """Which trajectory, 0 to M−1."""
        ...

    @property
    def step(self) -> Int[np.ndarray, " N"]:
        """Which decision of it, from 0."""
        ...

    @property
    def state(self) -> Int[np.ndarray, " N"]:
        """s_t."""
        ...

    @property
    def action(self) -> Int[np.ndarray, " N"]:
        """a_t, negative where it was not observed."""
        ...

    @property
    def following(self) -> Int[np.ndarray, " N"]:
        """s_{t+1}."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class LogLikelihood:
    """Log-likelihood of each decision, in nats.

    Attributes:
        decisions: what was scored.
        each: log-probability of each decision, (N,); -inf where the model cannot make it.
    """

    decisions: DecisionColumns
    each: Float[np.ndarray, " N"]

    @property
    def total(self) -> float:
        """Sum over all decisions."""
        return float(self.each.sum())

    def by_trajectory(self, count: int | None = None) -> Float[np.ndarray, " M"]:
        """Sum over the decisions of each of ``count`` trajectories; a trajectory without decisions has 0."""
        return np.bincount(self.decisions.trajectory, weights=self.each, minlength=count or 0).astype(float)

    @property
    def impossible(self) -> Int[np.ndarray, " K"]:
        """Rows of the decisions of probability zero."""
        return np.flatnonzero(np.isneginf(self.each))

    def impossible_decisions(self, mdp: MDP) -> tuple[str, ...]:
        """One sentence a decision of probability zero, the first few dozen, with the names of states and actions."""
        columns, rows = self.decisions, self.impossible
        sentences = [
            f"trajectory {columns.trajectory[i]}, step {columns.step[i]}: from state "
            f"{mdp.state_name(int(columns.state[i]))} "
            + ("" if columns.action[i] < 0 else f"by action {mdp.action_name(int(columns.action[i]))} ")
            + f"to state {mdp.state_name(int(columns.following[i]))} has probability zero under the model"
            for i in rows[:MOST_NAMED]
        ]
        if len(rows) > MOST_NAMED:
            sentences.append(f"and {len(rows) - MOST_NAMED} more decisions of probability zero")
        return tuple(sentences)


def entry_times(solution: SoftSolution, decisions: DecisionColumns) -> Int[np.ndarray, " M"]:
    """Time at which each trajectory enters: T − L with L decisions under ``Finite(T)``, so that it ends at T; else 0.

    Raises:
        InvalidInput: a trajectory longer than the horizon.
    """
    lengths = np.bincount(decisions.trajectory)
    if not solution.finite_horizon:
        return np.zeros_like(lengths)
    horizon = len(solution.scaled_values) - 1
    too_long = np.flatnonzero(lengths > horizon)
    if len(too_long):
        raise InvalidInput(
            f"trajectory {too_long[0]} has {lengths[too_long[0]]} decisions (and {len(too_long) - 1} more are too "
            f"long) but the horizon is {horizon}: solve with Finite({lengths.max()})"
        )
    return horizon - lengths


def choice_log_likelihood(
    solution: SoftSolution, decisions: DecisionColumns, *, entry: Int[np.ndarray, " M"] | None = None
) -> LogLikelihood:
    """log π(a_t|s_t) of each decision: econometrics' choice likelihood, without the dynamics' term.

    Args:
        solution: whose policy.
        decisions: N decisions with their actions.
        entry: time at which each trajectory enters under ``Finite(T)``; :func:`entry_times` if not given. Give zeros
            for records that stop before the episode does.

    Raises:
        InvalidInput: actions that were not observed, states or actions that do not exist, times outside the horizon.

    Source: Rust (1987), equation 4.13 (partial likelihood of choices); Ziebart, Bagnell & Dey (2010).
    """
    _check(solution, decisions, needs_actions=True)

    def score(log_policy: np.ndarray, dynamics: AbstractTransitions, rows: np.ndarray) -> np.ndarray:
        return log_policy[decisions.action[rows], decisions.state[rows]]

    return _scored(solution, decisions, entry, score, posterior=False)


def path_log_likelihood(
    solution: SoftSolution, decisions: DecisionColumns, *, entry: Int[np.ndarray, " M"] | None = None
) -> LogLikelihood:
    """log π(a_t|s_t) + log P(s_{t+1}|s_t,a_t) of each decision, under the real dynamics.

    Arguments and errors as for :func:`choice_log_likelihood`.
    """
    _check(solution, decisions, needs_actions=True)
    return _scored(solution, decisions, entry, _path_score(decisions), posterior=False)


def posterior_path_log_likelihood(
    solution: SoftSolution, decisions: DecisionColumns, *, entry: Int[np.ndarray, " M"] | None = None
) -> LogLikelihood:
    """log π(a_t|s_t) + log P̃(s_{t+1}|s_t,a_t) with the posterior dynamics P̃ ∝ P exp((r + V)/τ) of the solution.

    Summed over a trajectory that ends at the horizon or in an end state it is
    log [Π P exp(r/τ)] − log β(s_0), the posterior over trajectories of Ziebart et al. (2008), equation 4. Equal to
    :func:`path_log_likelihood` for the causal form. Arguments and errors as for :func:`choice_log_likelihood`.
    """
    _check(solution, decisions, needs_actions=True)
    return _scored(solution, decisions, entry, _path_score(decisions), posterior=True)


def state_path_log_likelihood(
    solution: SoftSolution, decisions: DecisionColumns, *, entry: Int[np.ndarray, " M"] | None = None
) -> LogLikelihood:
    """log Σ_a π(a|s_t) P(s_{t+1}|s_t,a) of each decision: only states were seen, the action is summed out.

    Actions in ``decisions`` are not read. Arguments and errors as for :func:`choice_log_likelihood`.
    """
    _check(solution, decisions, needs_actions=False)

    def score(log_policy: np.ndarray, dynamics: AbstractTransitions, rows: np.ndarray) -> np.ndarray:
        state, following = decisions.state[rows], decisions.following[rows]
        total = np.zeros(len(rows))
        for action, row in enumerate(log_policy):
            chosen = np.full(len(rows), action)
            total += np.exp(row[state]) * transition_probability(dynamics, chosen, state, following)
        return _log(total)

    return _scored(solution, decisions, entry, score, posterior=False)


def transition_probability(
    transitions: AbstractTransitions,
    action: Int[np.ndarray, " N"],
    state: Int[np.ndarray, " N"],
    following: Int[np.ndarray, " N"],
) -> Float[np.ndarray, " N"]:
    """P(s'|s,a) of N moves, zero for moves that cannot be made."""
    successors, probability = transitions.successors_of(action, state)
    return np.where(successors == following, probability, 0.0).sum(0)


def _path_score(decisions: DecisionColumns) -> Callable[[np.ndarray, AbstractTransitions, np.ndarray], np.ndarray]:
    def score(log_policy: np.ndarray, dynamics: AbstractTransitions, rows: np.ndarray) -> np.ndarray:
        action, state = decisions.action[rows], decisions.state[rows]
        return log_policy[action, state] + _log(
            transition_probability(dynamics, action, state, decisions.following[rows])
        )

    return score


def _log(probability: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(probability)


@double_precision
def _scored(
    solution: SoftSolution,
    decisions: DecisionColumns,
    entry: np.ndarray | None,
    score: Callable[[np.ndarray, AbstractTransitions, np.ndarray], np.ndarray],
    *,
    posterior: bool,
) -> LogLikelihood:
    each = np.zeros(len(decisions.state))
    if not len(each):
        return LogLikelihood(decisions, each)
    reader, real = StepReader(solution), solution.problem.mdp.transitions
    for time, rows in _rows_by_time(solution, decisions, entry):
        dynamics = reader.posterior_dynamics(time) if posterior else real
        each[rows] = score(reader.log_policy(time), dynamics, rows)
    return LogLikelihood(decisions, each)


def _rows_by_time(
    solution: SoftSolution, decisions: DecisionColumns, entry: np.ndarray | None
) -> list[tuple[int, np.ndarray]]:
    if not solution.finite_horizon:
        return [(0, np.arange(len(decisions.state)))]
    entry = entry_times(solution, decisions) if entry is None else np.asarray(entry)
    time = entry[decisions.trajectory] + decisions.step
    horizon = len(solution.scaled_values) - 1
    outside = np.flatnonzero((time < 0) | (time >= horizon))
    if len(outside):
        row = outside[0]
        raise InvalidInput(
            f"trajectory {decisions.trajectory[row]}, step {decisions.step[row]} is at time {time[row]}: decisions "
            f"are taken at times 0 to {horizon - 1}; give entry times that fit, or a longer horizon"
        )
    order = np.argsort(time, kind="stable")
    distinct, first = np.unique(time[order], return_index=True)
    return list(zip(distinct.tolist(), np.split(order, first[1:]), strict=True))


def _check(solution: SoftSolution, decisions: DecisionColumns, *, needs_actions: bool) -> None:
    mdp, problems = solution.problem.mdp, []
    columns = [("state", decisions.state, mdp.n_states), ("next state", decisions.following, mdp.n_states)]
    if needs_actions:
        columns.append(("action", decisions.action, mdp.n_actions))
    for name, column, count in columns:
        bad = np.flatnonzero((column < 0) | (column >= count))
        if not len(bad):
            continue
        where = f"trajectory {decisions.trajectory[bad[0]]}, step {decisions.step[bad[0]]}"
        if name == "action" and column[bad[0]] < 0:
            problems.append(
                f"{where}: the action was not observed (and {len(bad) - 1} more); use state_path_log_likelihood, "
                "which sums it out"
            )
        else:
            problems.append(
                f"{where}: {name} {column[bad[0]]} does not exist (and {len(bad) - 1} more); expected 0 to {count - 1}"
            )
    if problems:
        raise InvalidInput(problems)
