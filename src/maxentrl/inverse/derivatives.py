"""Hessian and scores of an objective in θ, put together from the derivatives of its solutions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.columns import MAXIMUM_PARAMETERS, Columns, columns_along, table_curvature
from maxentrl.inverse.curvature import information, model_columns, value_jacobian
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.likelihood import ConditionalLikelihood, RowReading
from maxentrl.inverse.objectives import AbstractObjective, Evaluation
from maxentrl.inverse.rows import decision_rows
from maxentrl.numerics.blas import on_all_cores
from maxentrl.planning.solution import SoftSolution
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.reward import AbstractReward
from maxentrl.status import InvalidInput

STORED = 2**25
"""Most numbers of ∇V held at once; parameters are taken in groups of this size."""


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """Derivatives of the objective, one row a decision or episode, in nats per unit of θ, unweighted.

    Attributes:
        decision: (N, K), or None where only feature counts are known.
        episode: their sums over each episode, (M, K).
        owner: which episode each decision belongs to, (N,).
        weights: weight of each episode, (M,).
    """

    decision: Float[np.ndarray, "N K"] | None
    episode: Float[np.ndarray, "M K"]
    owner: Int[np.ndarray, " N"]
    weights: Float[np.ndarray, " M"]


def objective_hessian(
    objective: AbstractObjective,
    reward: AbstractReward,
    parameters: Float[np.ndarray, " K"],
    directions: Float[np.ndarray, "K F"],
    evaluation: Evaluation,
) -> Float[np.ndarray, "F F"]:
    """Dᵀ ∂²objective/∂θ² D for F directions D, exact, at the parameters that were evaluated.

    −Σ d Cov_π(∇Q)/τ² + Σ visits · ∂²r/∂θ²; where outcomes are planned with, their share too.

    Raises:
        InvalidInput: more parameters than a Hessian is formed for.
    """
    if directions.shape[1] > MAXIMUM_PARAMETERS:
        raise InvalidInput(
            f"{directions.shape[1]} parameters: Hessians are formed for at most {MAXIMUM_PARAMETERS}; use LBFGSB or "
            "GradientSteps, which need none"
        )
    columns = columns_along(reward, parameters, directions)
    total = np.zeros((directions.shape[1], directions.shape[1]))
    if not isinstance(reward, LinearReward):
        total = table_curvature(reward, parameters, evaluation.visits, directions)
    objective = _known(objective)
    if isinstance(objective, FeatureMatching):
        matching = objective

        def of_group(numbered: tuple[int, SoftSolution]) -> Float[np.ndarray, "F F"]:
            g, solution = numbered
            scaled, source = _group_columns(columns, solution), matching.source(g, solution)
            return sum(information(solution, scaled, source, noise=solution.problem.optimistic), start=np.zeros(()))

        return total - np.sum(on_all_cores(of_group, enumerate(evaluation.solutions)), axis=0)
    for solution, reading in zip(evaluation.solutions, objective.read(evaluation.solutions), strict=True):
        scaled = _group_columns(columns, solution)
        choice, chance = information(solution, scaled, reading.source, noise=solution.problem.optimistic)
        total = total - choice - chance + _reading_curvature(objective, solution, reading, scaled)
    return total


def objective_scores(
    objective: AbstractObjective,
    reward: AbstractReward,
    parameters: Float[np.ndarray, " K"],
    directions: Float[np.ndarray, "K F"],
    evaluation: Evaluation,
) -> Scores:
    """The gradient along F directions, taken apart into decisions and episodes.

        likelihood: (∇Q(s_t, a_t) − ∇V(s_t))/τ        dual: (φ(s_t, a_t) + γ∇V(s_{t+1}) − ∇V(s_t))/τ

    The second uses the next state that was realised, so that its sum over a walk is (Φ_i − E[Φ])/τ.
    """
    columns = columns_along(reward, parameters, directions)
    objective, solutions = _known(objective), evaluation.solutions
    if isinstance(objective, ConditionalLikelihood):
        return _likelihood_scores(objective, solutions, columns)
    demonstrations = objective.problem.demonstrations
    if isinstance(demonstrations, Trajectories):
        return _matching_scores(objective, demonstrations, solutions, columns)
    return _count_scores(objective, demonstrations.counts @ directions, solutions, columns)


def joined_scores(parts: Sequence[Scores]) -> Scores:
    """The scores of several scenes, one after the other."""
    if len(parts) == 1:
        return parts[0]
    first = np.cumsum([0, *(len(part.weights) for part in parts)])
    known = [part.decision for part in parts if part.decision is not None]
    return Scores(
        np.concatenate(known) if len(known) == len(parts) else None,
        np.concatenate([part.episode for part in parts]),
        np.concatenate([part.owner + offset for part, offset in zip(parts, first[:-1], strict=True)]),
        np.concatenate([part.weights for part in parts]),
    )


def _known(objective: AbstractObjective) -> FeatureMatching | ConditionalLikelihood:
    if isinstance(objective, FeatureMatching | ConditionalLikelihood):
        return objective
    raise InvalidInput(f"second derivatives and scores are not known for {type(objective).__name__}")


def _cut(columns: Columns, solution: SoftSolution) -> Columns:
    if not columns.per_step:
        return columns
    return dataclasses.replace(columns, pair=columns.pair[:, : solution.problem.reward.pair.shape[0]])


def _group_columns(columns: Columns, solution: SoftSolution) -> Columns:
    return model_columns(_cut(columns, solution), solution)


def _times(
    objective: ConditionalLikelihood, solution: SoftSolution, reading: RowReading
) -> tuple[Int[np.ndarray, " R"], Int[np.ndarray, " R"]]:
    """The time at which each row reads a solution, and the time of its successors; zeros for stationary ones."""
    if not solution.finite_horizon:
        return np.zeros_like(reading.rows), np.zeros_like(reading.rows)
    decision = objective.rows.decision[reading.rows]
    time = objective.planner.entry[objective.rows.trajectory[decision]] + objective.rows.step[decision]
    return time, time + 1


def _part(columns: Columns, k: slice) -> Columns:
    outcome = None if columns.outcome is None else columns.outcome[k]
    return Columns(columns.pair[k], columns.terminal[k], outcome)


def _jacobian_parts(solution: SoftSolution, columns: Columns) -> Iterator[tuple[slice, Columns, np.ndarray]]:
    """∇V as (k, T+1 or 1, S), a few parameters at a time so that it fits in memory."""
    count = max(1, STORED // max(solution.scaled_values.size, 1))
    for first in range(0, len(columns.terminal), count):
        k = slice(first, first + count)
        part = _part(columns, k)
        jacobian = value_jacobian(solution, part)
        yield k, part, np.moveaxis(jacobian, 0, 1) if solution.finite_horizon else jacobian[:, None]


def _pair_rows(columns: Columns, time: np.ndarray, action: np.ndarray, state: np.ndarray) -> Float[np.ndarray, "K R"]:
    pair = np.asarray(columns.pair)
    if columns.per_step:
        return pair[:, time, action, state]
    return pair[:, action, state] if pair.shape[1] > 1 else pair[:, 0, state]


def _arriving(
    objective: ConditionalLikelihood, reading: RowReading, columns: Columns, following: Float[np.ndarray, "K B R"]
) -> Float[np.ndarray, "K B R"]:
    """φ(s, a, s') + ∇V(s') for each successor of each row."""
    if columns.outcome is None:
        return following
    action, state = objective.rows.action[reading.rows], objective.rows.state[reading.rows]
    return following + np.moveaxis(np.asarray(columns.outcome)[:, action, :, state], 0, 2)


def _row_gradients(
    objective: ConditionalLikelihood, solution: SoftSolution, reading: RowReading, columns: Columns
) -> Float[np.ndarray, "K R"]:
    """∇Q(s, a) − ∇V(s) at each row."""
    rows, discount = objective.rows, float(solution.backup.discount)
    state, action = rows.state[reading.rows], rows.action[reading.rows]
    time, later = _times(objective, solution, reading)
    found = np.zeros((len(columns.terminal), len(reading.rows)))
    for k, part, jacobian in _jacobian_parts(solution, columns):
        following = jacobian[:, later, rows.successors[:, reading.rows]]
        ahead = (_arriving(objective, reading, part, following) * reading.chance).sum(1)
        found[k] = _pair_rows(part, time, action, state) + discount * ahead - jacobian[:, time, state]
    return found


def _reading_curvature(
    objective: ConditionalLikelihood, solution: SoftSolution, reading: RowReading, columns: Columns
) -> Float[np.ndarray, "K K"]:
    """What demonstrated decisions add: covariance over supposed actions, and over outcomes that are planned with."""
    total = np.zeros((len(columns.terminal),) * 2)
    if len(reading.rows) > len(reading.first):
        gradients = _row_gradients(objective, solution, reading, columns)
        share, decision = _share(reading)
        mean = np.add.reduceat(gradients * share, reading.first, axis=1)
        centred = gradients - mean[:, decision]
        total += (centred * reading.mass) @ centred.T
    if solution.problem.optimistic:
        later = _times(objective, solution, reading)[1]
        parts = [
            _arriving(objective, reading, part, jacobian[:, later, objective.rows.successors[:, reading.rows]])
            for _, part, jacobian in _jacobian_parts(solution, columns)
        ]
        arriving = np.concatenate(parts)
        centred = arriving - (arriving * reading.chance).sum(1, keepdims=True)
        total += np.einsum("kbr,br,lbr->kl", centred, reading.chance * reading.mass, centred)
    return total


def _share(reading: RowReading) -> tuple[Float[np.ndarray, " R"], Int[np.ndarray, " R"]]:
    """Probability of each row given what was seen, and the decision (of this reading) that it belongs to."""
    decision = np.repeat(np.arange(len(reading.first)), np.diff(np.append(reading.first, len(reading.rows))))
    weights = reading.weights[decision]
    return np.where(weights > 0, reading.mass / np.where(weights > 0, weights, 1.0), 0.0), decision


def _likelihood_scores(objective: ConditionalLikelihood, solutions: Sequence[SoftSolution], columns: Columns) -> Scores:
    n_parameters = len(columns.terminal)
    decision = np.zeros((len(objective.rows.first), n_parameters))
    for solution, reading in zip(solutions, objective.read(solutions), strict=True):
        if not len(reading.rows):
            continue
        gradients = _row_gradients(objective, solution, reading, _group_columns(columns, solution))
        found = np.add.reduceat(gradients * _share(reading)[0], reading.first, axis=1).T
        decision[objective.rows.decision[reading.rows[reading.first]]] = found
    return _collect(decision, objective.rows.trajectory, objective.trajectories.weights)


def _collect(decision: np.ndarray, owner: np.ndarray, weights: np.ndarray) -> Scores:
    episode = np.zeros((len(weights), decision.shape[1]))
    np.add.at(episode, owner, decision)
    return Scores(decision, episode, owner, weights)


def _matching_scores(
    objective: FeatureMatching, trajectories: Trajectories, solutions: Sequence[SoftSolution], columns: Columns
) -> Scores:
    problem = objective.problem
    rows = decision_rows(problem.mdp, trajectories)
    rows_first = rows.first
    state, action, following = rows.state[rows_first], rows.action[rows_first], rows.following[rows_first]
    group, discount = objective.planner.group[rows.trajectory], problem.discount
    decision = np.zeros((len(rows_first), len(columns.terminal)))
    for g, solution in enumerate(solutions):
        mine = np.flatnonzero(group == g)
        entry = objective.planner.entry[rows.trajectory[mine]]
        time = entry + rows.step[mine] if solution.finite_horizon else np.zeros_like(mine)
        later = time + 1 if solution.finite_horizon else time
        scaled = _cut(columns, solution).over(problem.temperature)
        for k, _, jacobian in _jacobian_parts(solution, _group_columns(columns, solution)):
            part = _part(scaled, k)
            found = _pair_rows(part, time, action[mine], state[mine]) - jacobian[:, time, state[mine]]
            found = found + discount * jacobian[:, later, following[mine]]
            if part.outcome is not None:
                found = found + part.outcome[:, action[mine], rows.slot[rows_first[mine]], state[mine]]
            decision[mine, k] = found.T
    decision *= (discount**rows.step)[:, None]
    return _collect(decision, rows.trajectory, objective.weights)


def _count_scores(
    objective: FeatureMatching, counts: Float[np.ndarray, "M F"], solutions: Sequence[SoftSolution], columns: Columns
) -> Scores:
    problem, planner = objective.problem, objective.planner
    episode = counts / problem.temperature
    for g, solution in enumerate(solutions):
        mine = np.flatnonzero(planner.group == g)
        for k, _, jacobian in _jacobian_parts(solution, _group_columns(columns, solution)):
            episode[mine, k] -= jacobian[:, planner.entry[mine], objective.starts[mine]].T
    return Scores(None, episode, np.zeros(0, np.int64), objective.weights)
