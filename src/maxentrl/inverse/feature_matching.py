"""The dual of feature matching: ⟨r, data visits⟩ − value."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.counts import FeatureCounts
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.episodes import episodes_of, uses_steps
from maxentrl.inverse.objectives import AbstractObjective, Evaluation, difference
from maxentrl.inverse.planners import AbstractPlanner, planner_of
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.rows import DecisionRows, decision_rows
from maxentrl.mdp.time import Discounted
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.solution import SoftSolution
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.shapes import shapes_of
from maxentrl.status import Failure, InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureMatching(AbstractObjective):
    """D(θ) = (⟨r, data visits⟩ − Σ_i w_i V(s_i0))/τ, in nats; concave for linear rewards.

    The gradient is data visits − model visits, pulled back through the reward.

    Each episode is conditioned on its observed start, horizon and goal. With the causal entropy this is maximum causal
    entropy IRL (Ziebart, Bagnell & Dey 2010); with the trajectory-level one, MaxEnt IRL (Ziebart et al. 2008).

    Attributes:
        data: visits of the demonstrations, of the table's shapes; None where only feature counts are known.
        supposed: the decisions, where some could have been more than one action; else None.
        starts: first state of each episode, (M,).
        weights: weight of each episode, (M,).
    """

    problem: InverseProblem
    linear_term: Float[np.ndarray, " K"]
    total_weight: float
    n_decisions: int
    planner: AbstractPlanner
    data: RewardTable | None
    supposed: DecisionRows | None
    starts: Int[np.ndarray, " M"]
    weights: Float[np.ndarray, " M"]

    @staticmethod
    def of(problem: InverseProblem) -> FeatureMatching:
        """The dual of a problem's trajectories or feature counts.

        Raises:
            InvalidInput: censored trajectories; under a discount, walks that do not end in a terminal state (they carry
                mass (1 − γᵀ)/(1 − γ), the model 1/(1 − γ)); feature counts for a reward that is not linear.
        """
        demonstrations = problem.demonstrations
        planner = planner_of(episodes_of(problem), problem.mdp, problem.time, per_step=uses_steps(problem.reward))
        names = len(problem.reward.names)
        if isinstance(demonstrations, FeatureCounts):
            linear, data, supposed, decisions = _counts_term(problem, demonstrations), None, None, 0
        else:
            _check_complete(problem, demonstrations)
            rows = decision_rows(problem.mdp, demonstrations)
            linear, data = np.zeros(names), data_visits(problem, demonstrations, rows)
            supposed, decisions = rows if rows.ambiguous else None, int(demonstrations.lengths.sum())
        weights, starts = demonstrations.weights, demonstrations.starts
        return FeatureMatching(
            problem, linear, float(weights.sum()), decisions, planner, data, supposed, starts, weights
        )

    def evaluate(self, table: RewardTable) -> Evaluation:
        if self.supposed is not None:
            _check_same_reward(self.problem, self.supposed, table)
        solutions = self.planner.solve(self.problem.forward, table)
        sources = [self.source(g, solution) for g, solution in enumerate(solutions)]
        model = self.planner.visits(solutions, sources, table)
        value = -sum(solution.value(source) for solution, source in zip(solutions, sources, strict=True))
        data = self.data or table.zeros()
        value += _inner(table, data)
        visits = difference(data, model, self.problem.temperature)
        return Evaluation(value / self.problem.temperature, visits, tuple(solutions))

    def source(self, group: int, solution: SoftSolution) -> Float[np.ndarray, "*T S"]:
        """Weighted starts of one group's episodes, at the times they enter."""
        mine = self.planner.group == group
        source = np.zeros_like(solution.scaled_values)
        where = (self.planner.entry[mine], self.starts[mine]) if solution.finite_horizon else self.starts[mine]
        np.add.at(source, where, self.weights[mine])
        unreachable = np.flatnonzero(mine)[np.isneginf(solution.scaled_values[where])]
        if len(unreachable):
            start = self.problem.mdp.state_name(int(self.starts[unreachable[0]]))
            raise Failure(Status.UNREACHABLE_GOAL, f"demonstration {unreachable[0] + 1} starts in state {start}")
        return source

    def hard_value(self, table: RewardTable) -> float:
        return sum(
            s.value(self.source(g, s)) for g, s in enumerate(self.planner.solve(self.problem.forward_hard, table))
        )

    def data_value(self, table: RewardTable, parameters: Float[np.ndarray, " K"]) -> float:
        from_counts = self.problem.temperature * float(self.linear_term @ parameters)
        return from_counts + (_inner(table, self.data) if self.data is not None else 0.0)


def _inner(table: RewardTable, visits: RewardTable) -> float:
    used = visits.pair != 0
    total = float(np.sum(table.pair[used] * visits.pair[used]))
    ended = visits.terminal != 0
    total += float(np.sum(table.terminal[ended] * visits.terminal[ended]))
    return total + (0.0 if visits.outcome is None else float(np.vdot(table.outcome, visits.outcome)))


def data_visits(problem: InverseProblem, trajectories: Trajectories, rows: DecisionRows) -> RewardTable:
    """Weighted visits of the demonstrations (discounted by their step), of the reward table's shapes.

    A decision whose action was not seen is shared by the actions that explain it; that is exact where these have the
    same reward, which :meth:`FeatureMatching.evaluate` insists on.
    """
    visits = shapes_of(problem.reward, len(problem.reward.names)).zeros()
    dynamics = np.exp(rows.log_dynamics)
    share = dynamics / np.add.reduceat(dynamics, rows.first)[rows.decision]
    step = rows.step[rows.decision]
    mass = share * trajectories.weights[rows.trajectory[rows.decision]] * problem.discount**step
    np.add.at(
        np.asarray(visits.pair), (step, rows.action, rows.state) if visits.per_step else (rows.action, rows.state), mass
    )
    np.add.at(
        np.asarray(visits.terminal), trajectories.ends, trajectories.weights * problem.discount**trajectories.lengths
    )
    if visits.outcome is not None:
        np.add.at(np.asarray(visits.outcome), (rows.action, rows.slot, rows.state), mass)
    return visits


def _check_same_reward(problem: InverseProblem, rows: DecisionRows, table: RewardTable) -> None:
    if table.outcome is None and table.pair.ndim == 2:
        reward = table.pair[rows.action, rows.state]
        highest, lowest = np.maximum.reduceat(reward, rows.first), np.minimum.reduceat(reward, rows.first)
        if np.allclose(highest, lowest, rtol=1e-9, atol=1e-12):
            return
        state = problem.mdp.state_name(int(rows.state[rows.first[np.argmax(highest - lowest)]]))
        where = f"in state {state} they differ"
    else:
        where = "this reward depends on the step or on the next state"
    raise InvalidInput(
        "some actions were not observed, and feature matching can leave them open only where the actions that explain a "
        f"move have the same reward; {where}. Use the likelihood, which sums unseen actions out"
    )


def _check_complete(problem: InverseProblem, trajectories: Trajectories) -> None:
    censored = [n for n, c in zip(trajectories.names, trajectories.censored, strict=True) if c]
    if censored:
        raise InvalidInput(
            f"feature matching needs complete walks, and {len(censored)} are censored ({', '.join(censored[:5])}): use the "
            "likelihood, which takes them as they are, or drop them"
        )
    if isinstance(problem.time, Discounted):
        short = np.flatnonzero(~problem.mdp.terminal[trajectories.ends])
        if len(short):
            raise InvalidInput(
                f"under a discount, feature matching needs walks that end in a terminal state; {len(short)} do not (first: "
                f"{trajectories.names[short[0]]}): a walk of T decisions carries mass (1 − γᵀ)/(1 − γ), the model 1/(1 − γ). "
                "Use the likelihood, or give feature counts of full mass"
            )


def _counts_term(problem: InverseProblem, counts: FeatureCounts) -> Float[np.ndarray, " K"]:
    names = problem.reward.names
    if not isinstance(problem.reward, LinearReward):
        raise InvalidInput("feature counts determine a linear reward only; give trajectories for any other")
    if tuple(counts.names) != tuple(names):
        raise InvalidInput(f"feature counts are of {list(counts.names)}, the reward has {list(names)}, in this order")
    if isinstance(problem.time, Discounted) and (counts.horizons >= 0).any():
        raise InvalidInput(
            "feature counts of walks with a horizon cannot be matched under a discount: they carry mass (1 − γᵀ)/(1 − γ), "
            "the model 1/(1 − γ). Give discounted counts of full mass, without a horizon, or trajectories and the likelihood"
        )
    return counts.weights @ counts.counts / problem.temperature
