"""How good a learnt policy is: likelihood of held-out choices, return and regret under a known reward, and visits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import Trajectories
from maxentrl.imitation.policy import AbstractPolicy
from maxentrl.imitation.starts import StartGroup
from maxentrl.inverse.rows import decision_rows
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite, Time, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.policy_evaluation import policy_occupancy
from maxentrl.status import Failure, InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class ChoiceScore:
    """Log-likelihood of recorded choices under a policy, in nats.

    Attributes:
        each: log π(a_t|s_t) of each decision, the action summed out where it was not seen, (N,).
        trajectory: the walk of each decision, (N,).
        weights: of each walk, (M,).
    """

    each: Float[np.ndarray, " N"]
    trajectory: np.ndarray
    weights: Float[np.ndarray, " M"]

    @property
    def by_walk(self) -> Float[np.ndarray, " M"]:
        """Sum over the decisions of each walk, (M,)."""
        return np.bincount(self.trajectory, self.each, len(self.weights))

    @property
    def mean(self) -> float:
        """Weighted mean over decisions; -inf where the policy never does what a walk did."""
        own = self.weights[self.trajectory]
        used = own > 0
        return float(own[used] @ self.each[used] / own.sum())

    @property
    def standard_error(self) -> float | None:
        """Of the mean, clustered by walk; None for one walk, or where the mean is not finite."""
        count, mean = int((self.weights > 0).sum()), self.mean
        if count < 2 or not np.isfinite(mean):
            return None
        own = self.weights[self.trajectory]
        deviation = np.bincount(self.trajectory, own * (np.where(own > 0, self.each, 0.0) - mean), len(self.weights))
        return float(np.sqrt(np.sum(deviation**2) * count / (count - 1)) / own.sum())


def score_choices(policy: AbstractPolicy, trajectories: Trajectories) -> ChoiceScore:
    """Likelihood of every decision under the policy for its walk's goal.

    Raises:
        InvalidInput: impossible moves, no decision, goals that the policy cannot serve, or walks longer than its tables.
    """
    rows = decision_rows(policy.mdp, trajectories)
    if not len(rows.first):
        raise InvalidInput("the walks hold no decision: there is nothing to score")
    log_row, owner = np.zeros(len(rows.decision)), rows.trajectory[rows.decision]
    for goal in np.unique(trajectories.goals):
        mine = np.flatnonzero(trajectories.goals[owner] == goal)
        if not len(mine):
            continue
        table, step = policy.log_policy(int(goal)), rows.step[rows.decision[mine]]
        if table.ndim == 3 and step.max() >= len(table):
            raise InvalidInput(f"a walk has {step.max() + 1} decisions, and the policy has {len(table)} steps")
        where = (rows.action[mine], rows.state[mine])
        log_row[mine] = (table[step, *where] if table.ndim == 3 else table[where]) + rows.log_dynamics[mine]
    return ChoiceScore(np.logaddexp.reduceat(log_row, rows.first), rows.trajectory, trajectories.weights)


@dataclasses.dataclass(frozen=True)
class ReturnScore:
    """Expected return of a policy under a known reward, and what the best policy gets.

    Attributes:
        status: EXACT, or UNREACHABLE_GOAL where the policy may never arrive; then there is no return.
        expected_return: E_π[Σ γᵗ r + terminal reward] over the starts; None where there is none.
        optimal_return: the greatest that any policy reaches.
        arrived: probability that a walk ends in a goal or terminal state (1 for complete to-goal walks).
        detail: where the policy may fail to arrive; else empty.
    """

    status: Status
    expected_return: float | None
    optimal_return: float
    arrived: float
    detail: str = ""

    @property
    def regret(self) -> float | None:
        """optimal − expected return, ≥ 0 up to rounding; None where there is no return."""
        return None if self.expected_return is None else self.optimal_return - self.expected_return


def score_return(
    policy: AbstractPolicy,
    reward: RewardTable,
    time: Time,
    starts: Sequence[StartGroup],
    *,
    longest: int | None = None,
) -> ReturnScore:
    """Return and regret by exact evaluation of the policy, from the starts and goals of ``start_groups``.

    A clone may never arrive at its goal, and then its undiscounted return does not exist. ``longest`` counts at most
    that many decisions of each walk to a goal: the return is then of walks cut there, and with rewards ≤ 0 the regret
    is at least the one given; ``arrived`` says how many were not cut.

    Args:
        policy: what is judged.
        reward: the known reward.
        time: the kind of time; ``ToGoal()`` takes the groups' goals.
        starts: where walks begin.
        longest: most decisions of a walk to a goal; None for no limit.

    Raises:
        InvalidInput: a reward or policy of the wrong shape, or ``longest`` for another kind of time.
        Failure: the best policy itself has no return.
    """
    if longest is not None and not isinstance(time, ToGoal):
        raise InvalidInput("longest cuts walks to a goal; a horizon or a discount needs no cut")
    expected = optimal = arrived = 0.0
    for group in starts:
        problem = group.problem(policy.mdp, reward, time)
        optimal += solve(problem).value(group.mass)
        if longest is not None:
            problem = dataclasses.replace(problem, mdp=_ending(problem.mdp, group), time=Finite(longest))
        table = np.exp(policy.log_policy(group.goal))
        if reward.per_step and table.ndim == 2:
            table = np.broadcast_to(table, reward.pair.shape)
        try:
            visits = policy_occupancy(problem, table, group.mass).visits
        except Failure as failure:
            if failure.status is not Status.UNREACHABLE_GOAL:
                raise
            return ReturnScore(failure.status, None, _optimal(policy.mdp, reward, time, starts), 0.0, failure.detail)
        expected += _earned(reward, visits)
        arrived += float(np.asarray(visits.terminal)[problem.ends].sum())
    return ReturnScore(Status.EXACT, expected, optimal, arrived)


def _ending(mdp: MDP, group: StartGroup) -> MDP:
    terminal = mdp.terminal.copy()
    terminal[list(group.goals)] = True
    return dataclasses.replace(mdp, terminal=terminal)


def _optimal(mdp: MDP, reward: RewardTable, time: Time, starts: Sequence[StartGroup]) -> float:
    return sum(solve(group.problem(mdp, reward, time)).value(group.mass) for group in starts)


def _earned(reward: RewardTable, visits: RewardTable) -> float:
    """⟨visits, r⟩ with 0 · (−∞) = 0."""
    if reward.outcome is not None:
        raise InvalidInput("a known reward r(s, a, s') is scored by its mean: fold reward.outcome into reward.pair")
    total = 0.0
    for seen, paid in ((visits.pair, reward.pair), (visits.terminal, reward.terminal)):
        pair = np.asarray(seen)
        pair = pair.sum(0) if pair.ndim > np.ndim(paid) else pair
        total += float(np.sum(np.where(pair != 0, pair * np.where(pair != 0, paid, 0.0), 0.0)))
    return total


def expected_visits(policy: AbstractPolicy, time: Time, starts: Sequence[StartGroup]) -> RewardTable:
    """Visits of pairs, (A, S), and ends, (S,), of a walk under the policy, by forward occupancy, over all starts.

    Raises:
        InvalidInput: not a policy of this process.
        Failure: UNREACHABLE_GOAL where walks to a goal may never arrive.
    """
    mdp = policy.mdp
    nothing = RewardTable.from_pairs(np.zeros((mdp.n_actions, mdp.n_states)))
    pair, terminal = np.zeros((mdp.n_actions, mdp.n_states)), np.zeros(mdp.n_states)
    for group in starts:
        occupancy = policy_occupancy(
            group.problem(mdp, nothing, time), np.exp(policy.log_policy(group.goal)), group.mass
        )
        pair += occupancy.pair.reshape(-1, *pair.shape).sum(0)
        terminal += occupancy.terminal
    return RewardTable(pair, terminal)
