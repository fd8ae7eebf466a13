"""The conditional likelihood Σ log π(a_t | s_t): econometrics' choice likelihood, the default under a discount."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.episodes import episodes_of, uses_steps
from maxentrl.inverse.objectives import AbstractObjective, Evaluation, difference
from maxentrl.inverse.planners import AbstractPlanner, planner_of
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.rows import DecisionRows, decision_rows
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import Failure, InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class ConditionalLikelihood(AbstractObjective):
    """ℓ(θ) = Σ_i w_i Σ_t log π_t(a_t | s_t), in nats; where only states are seen, log Σ_a π(a|s_t) P(s_{t+1}|s_t, a).

    Its derivative in r is (data pairs − occupancy of the signed source b)/τ with b = Σ_t δ(s_t) at time t minus
    γ P(·|s_t, a_t) at time t+1. It needs no complete walks, so censored trajectories are used as they are; it is not
    concave in general. Source: Rust (1987) eq. 4.13; Ziebart (2010) section 6.2; Hotz & Miller (1993).
    """

    problem: InverseProblem
    linear_term: Float[np.ndarray, " K"]
    total_weight: float
    n_decisions: int
    trajectories: Trajectories
    planner: AbstractPlanner
    rows: DecisionRows

    @staticmethod
    def of(problem: InverseProblem) -> ConditionalLikelihood:
        """The likelihood of a problem's trajectories.

        Raises:
            InvalidInput: feature counts in place of trajectories, or trajectories that the process does not allow.
        """
        trajectories = problem.demonstrations
        if not isinstance(trajectories, Trajectories):
            raise InvalidInput("a likelihood needs trajectories; feature counts are enough for FeatureMatching only")
        episodes = episodes_of(problem)
        return ConditionalLikelihood(
            problem=problem,
            linear_term=np.zeros(len(problem.reward.names)),
            total_weight=float(trajectories.weights.sum()),
            n_decisions=int(trajectories.lengths.sum()),
            trajectories=trajectories,
            planner=planner_of(episodes, problem.mdp, problem.time, per_step=uses_steps(problem.reward)),
            rows=decision_rows(problem.mdp, trajectories),
        )

    def evaluate(self, table: RewardTable) -> Evaluation:
        solutions = self.planner.solve(self.problem.forward, table)
        readings = self.read(solutions)
        data = table.zeros()
        for reading in readings:
            reading.add_visits(data)
        model = self.planner.visits(solutions, [reading.source for reading in readings], table)
        value = sum(reading.value for reading in readings)
        return Evaluation(value, difference(data, model, self.problem.temperature), tuple(solutions))

    def read(self, solutions: Sequence[SoftSolution]) -> list[RowReading]:
        """Each solution at the decisions of its group."""
        group = self.planner.group[self.rows.trajectory[self.rows.decision]]
        return [RowReading.of(self, solution, np.flatnonzero(group == g)) for g, solution in enumerate(solutions)]

    def hard_value(self, table: RewardTable) -> float:
        """Σ over decisions of the hard-optimal V(s_t): what :meth:`data_value` cannot exceed."""
        return self._hard(table)[0]

    def data_value(self, table: RewardTable, parameters: Float[np.ndarray, " K"]) -> float:
        """Σ over decisions of the hard-optimal Q(s_t, a_t), the best supposed action where it was not seen."""
        return self._hard(table)[1]

    def _hard(self, table: RewardTable) -> tuple[float, float]:
        values = advantages = 0.0
        for reading in self.read(self.planner.solve(self.problem.forward_hard, table)):
            values += float(reading.weights @ reading.now[reading.first])
            advantages += float(reading.weights @ np.maximum.reduceat(reading.action_value, reading.first))
        return values, advantages


@dataclasses.dataclass(frozen=True, eq=False)
class RowReading:
    """A solution read at demonstrated decisions: their likelihood, data visits and signed source.

    Attributes:
        rows: the rows read, (R,).
        time: at which time of the solution each is read (0 for stationary ones), (R,).
        later: the time of its successors, (R,).
        chance: probabilities of the successors, the posterior ones for the trajectory-level form, (B, R).
        first: the first of each decision's rows, (N,).
        weights: weight of each decision, (N,).
        now: V/τ at each row, (R,).
        action_value: Q/τ at each row, (R,).
        index: (action, state) of each row, with its time before them where the reward has steps, three or two (R,).
        share: probability of each row given what was seen, (R,).
        mass: weight of each row: of its decision, times its probability given what was seen, (R,).
        value: weighted log-likelihood, in nats.
        source: b, shaped like the solution's values.
    """

    rows: np.ndarray
    time: np.ndarray
    later: np.ndarray
    chance: Float[np.ndarray, "B R"]
    first: np.ndarray
    weights: Float[np.ndarray, " N"]
    now: Float[np.ndarray, " R"]
    action_value: Float[np.ndarray, " R"]
    index: tuple[np.ndarray, ...]
    share: Float[np.ndarray, " R"]
    mass: Float[np.ndarray, " R"]
    value: float
    source: Float[np.ndarray, "*T S"]

    @staticmethod
    def of(objective: ConditionalLikelihood, solution: SoftSolution, rows: np.ndarray) -> RowReading:
        """Read the rows of one group."""
        all_rows, planner = objective.rows, objective.planner
        decision = all_rows.decision[rows]
        _, first, of_decision = np.unique(decision, return_index=True, return_inverse=True)
        trajectory = all_rows.trajectory[decision]
        time = planner.entry[trajectory] + all_rows.step[decision] if solution.finite_horizon else np.zeros_like(rows)
        values = np.atleast_2d(solution.scaled_values)
        later = np.minimum(time + 1, len(values) - 1)
        state, action = all_rows.state[rows], all_rows.action[rows]
        now, weight = values[time, state], _at(np.asarray(solution.backup.weight), time, action, state)
        ahead, chance = _look_ahead(solution, all_rows, rows, values[later, all_rows.successors[:, rows]])
        action_value = weight + ahead
        _check_possible(objective, rows, now, action_value)
        with np.errstate(invalid="ignore"):
            log_row = np.where(np.isneginf(action_value), -np.inf, action_value - now) + all_rows.log_dynamics[rows]
        log_decision = np.logaddexp.reduceat(log_row, first) if len(rows) else np.zeros(0)
        share = np.exp(log_row - log_decision[of_decision])
        weights = objective.trajectories.weights[trajectory[first]]
        mass = share * weights[of_decision]
        source = np.zeros_like(values)
        np.add.at(source, (time[first], state[first]), weights)
        np.subtract.at(source, (later, all_rows.successors[:, rows]), objective.problem.discount * mass * chance)
        return RowReading(
            rows=rows,
            time=time,
            later=later,
            first=first,
            weights=weights,
            now=now,
            action_value=action_value,
            index=(time, action, state) if solution.problem.reward.per_step else (action, state),
            share=share,
            mass=mass,
            chance=chance,
            value=float(weights @ log_decision),
            source=source if solution.finite_horizon else source[0],
        )

    def add_visits(self, total: RewardTable) -> None:
        """Add the demonstrated pairs (expected ones where the action was not seen) to a table, in place."""
        np.add.at(np.asarray(total.pair), self.index, self.mass)
        if total.outcome is not None:
            action, state = self.index[-2:]
            by_successor = np.moveaxis(np.asarray(total.outcome), 1, 2)
            np.add.at(by_successor, (action, state), (self.mass * self.chance).T)


def _at(table: np.ndarray, time: np.ndarray, action: np.ndarray, state: np.ndarray) -> np.ndarray:
    return table[time, action, state] if table.ndim == 3 else table[action, state]


def _look_ahead(
    solution: SoftSolution, rows: DecisionRows, index: np.ndarray, following: Float[np.ndarray, "B R"]
) -> tuple[Float[np.ndarray, " R"], Float[np.ndarray, "B R"]]:
    """What lies ahead of each row in Q/τ, and the probabilities of successors under which visits are counted."""
    chance = rows.probability[:, index]
    if solution.backup.form != "optimistic":
        with np.errstate(invalid="ignore"):
            ahead = np.where(chance > 0, chance * following, 0.0).sum(0)
        discount = float(solution.backup.discount)
        return (discount * ahead if discount else np.zeros_like(ahead)), chance
    with np.errstate(divide="ignore"):
        terms = np.log(chance) + following
    if solution.backup.outcome is not None:
        terms = terms + np.asarray(solution.backup.outcome)[rows.action[index], :, rows.state[index]].T
    ahead = np.logaddexp.reduce(terms, axis=0)
    return ahead, np.exp(terms - ahead)


def _check_possible(
    objective: ConditionalLikelihood, rows: np.ndarray, now: np.ndarray, action_value: np.ndarray
) -> None:
    decision = objective.rows.decision[rows]
    possible = np.zeros(len(objective.rows.first), bool)
    possible[decision[~np.isneginf(action_value) & ~np.isneginf(now)]] = True
    impossible = np.setdiff1d(decision, np.flatnonzero(possible))
    if not len(impossible):
        return
    trajectory = objective.rows.trajectory[impossible[0]]
    state = objective.problem.mdp.state_name(int(objective.rows.state[objective.rows.first[impossible[0]]]))
    raise Failure(
        Status.UNREACHABLE_GOAL,
        f"trajectory {objective.trajectories.names[trajectory]}, step {objective.rows.step[impossible[0]]}: from state "
        f"{state} the move taken has probability zero ({len(impossible)} such decisions)",
    )
