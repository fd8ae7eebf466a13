"""How an agent plans when its rewards drift: with the schedule in view, or as though the present were to last."""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.drift_lookahead import AlignedPlanner
from maxentrl.inverse.drift_objective import (
    AbstractDriftObjective,
    LookaheadObjective,
    PersistentObjective,
    single_decisions,
)
from maxentrl.inverse.drift_plans import StepPlans
from maxentrl.inverse.episodes import episodes_of
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import Finite
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.problem import SoftProblem, TrajectoryLevel
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import InvalidInput


class AbstractAgent(abc.ABC):
    """How the weights θ_t of a schedule become a policy π_t."""

    @abc.abstractmethod
    def objective(self, problem: InverseProblem, clock: Int[np.ndarray, " M"], every: int) -> AbstractDriftObjective:
        """The likelihood of a problem's trajectories as a function of the schedule.

        Args:
            problem: decision process, maps and trajectories.
            clock: tick at which each trajectory begins, (M,).
            every: ticks a step of the schedule.

        Raises:
            InvalidInput: a kind of time, entropy or trajectories that the agent cannot have.
        """

    @abc.abstractmethod
    def planning(self, problem: InverseProblem, weights: Float[np.ndarray, "T K"], tick: int) -> SoftProblem:
        """What the agent solves at a tick, given the weights of each tick."""


@dataclasses.dataclass(frozen=True)
class PersistentAgent(AbstractAgent):
    """At each tick t it plans as though θ_t were to stay, and follows that plan for one decision.

        π_t(a|s) = exp((Q*(s, a; θ_t) − V*(s; θ_t))/τ),   Q* and V* the soft values of the stationary reward θ_t · φ

    This is the agent of dynamic inverse reinforcement learning: Ashwood, Jha & Pillow (2022), whose code iterates soft
    values with a discount for the reward of each time by itself. Here its kind of time is the problem's:
    ``Discounted(γ)`` as there, ``ToGoal()``, or ``Finite(H)``, which looks H decisions ahead from every tick.

    Given the weights the steps are independent, so the Hessian is block-tridiagonal: a Newton step is O(J K³) on top of
    one planning a step of the schedule.
    """

    def objective(self, problem: InverseProblem, clock: Int[np.ndarray, " M"], every: int) -> AbstractDriftObjective:
        reward, trajectories = _maps(problem), _checked(problem, clock, every)
        if isinstance(problem.time, Finite) and problem.time.horizon is None:
            raise InvalidInput("PersistentAgent looks a fixed number of decisions ahead: give it, Finite(H)")
        rows = trajectories.decisions
        counted = trajectories.weights[rows.trajectory] > 0
        step = (clock[rows.trajectory] + rows.step) // every
        steps, parts, owners = np.unique(step[counted]), [], []
        for j in steps:
            chosen = np.flatnonzero(counted & (step == j))
            part = dataclasses.replace(problem, demonstrations=single_decisions(trajectories, chosen))
            parts.append(ConditionalLikelihood.of(part))
            owners.append(rows.trajectory[chosen])
        every_one = single_decisions(trajectories, np.flatnonzero(counted))
        return PersistentObjective(
            reward=reward,
            count=int(step.max()) + 1,
            total_weight=float(trajectories.weights.sum()),
            n_decisions=int(counted.sum()),
            steps=steps,
            parts=tuple(parts),
            owners=tuple(owners),
            plans=StepPlans(tuple(parts)),
            whole=ConditionalLikelihood.of(dataclasses.replace(problem, demonstrations=every_one)),
            walks=len(trajectories),
        )

    def planning(self, problem: InverseProblem, weights: Float[np.ndarray, "T K"], tick: int) -> SoftProblem:
        return problem.forward(reward_table(problem.reward, weights[tick]), problem.time)


@dataclasses.dataclass(frozen=True)
class LookaheadAgent(AbstractAgent):
    """It knows the whole schedule and plans through it: r_t = θ_t · φ, exactly, for ``Finite`` time.

        Q_t(s, a) = θ_t · φ(s, a) + E[V_{t+1}(s')],   V_t = τ log Σ_a exp(Q_t/τ)

    It waits for weights that are about to rise, as :class:`PersistentAgent` never does; the two are told apart by their
    held-out likelihood. Choices depend on all later weights, so the Hessian is dense in J·K.
    """

    def objective(self, problem: InverseProblem, clock: Int[np.ndarray, " M"], every: int) -> AbstractDriftObjective:
        reward = _maps(problem)
        _checked(problem, clock, every)
        if not isinstance(problem.time, Finite):
            raise InvalidInput(f"LookaheadAgent plans through a schedule, which needs Finite, not {problem.time}")
        if isinstance(problem.entropy, TrajectoryLevel) and not problem.mdp.transitions.deterministic:
            raise InvalidInput("drifting weights under stochastic dynamics need the Causal entropy")
        whole = ConditionalLikelihood.of(problem)
        horizons = episodes_of(problem).horizons
        first, last = int((clock + horizons).min()), int((clock + horizons).max())
        if first < last and np.asarray(reward.terminal).any():
            raise InvalidInput(
                "end features are paid with the weights of the last tick, and trajectories end at ticks "
                f"{first} to {last}: build the reward with terminal={{}}"
            )
        planner = AlignedPlanner.of(clock, horizons)
        return LookaheadObjective(
            reward=reward,
            count=(last - 1) // every + 1,
            total_weight=whole.total_weight,
            n_decisions=whole.n_decisions,
            every=every,
            ticks=last,
            planner=planner,
            likelihood=dataclasses.replace(whole, planner=planner),
            whole=whole,
        )

    def planning(self, problem: InverseProblem, weights: Float[np.ndarray, "T K"], tick: int) -> SoftProblem:
        tables = [reward_table(problem.reward, row) for row in weights[tick:]]
        table = RewardTable(np.stack([t.pair for t in tables]), tables[-1].terminal)
        return problem.forward(table, Finite(len(tables)))


def _maps(problem: InverseProblem) -> LinearReward:
    if not isinstance(problem.reward, LinearReward):
        raise InvalidInput(
            f"weights that drift weigh known maps: expected a LinearReward, not {type(problem.reward).__name__}"
        )
    return problem.reward


def _checked(problem: InverseProblem, clock: Int[np.ndarray, " M"], every: int) -> Trajectories:
    trajectories = problem.demonstrations
    if not isinstance(trajectories, Trajectories):
        raise InvalidInput("weights that drift need trajectories; feature counts do not say when things were done")
    problems = []
    if clock.shape != (len(trajectories),) or (clock < 0).any():
        problems.append(
            f"clock has shape {clock.shape}: expected the tick at which each of {len(trajectories)} trajectories begins, "
            "whole numbers from 0"
        )
    if every < 1:
        problems.append(f"every = {every}: expected at least one tick a step of the schedule")
    if not (trajectories.weights @ trajectories.lengths) > 0:
        problems.append("no decision has weight: nothing can be learnt")
    if problems:
        raise InvalidInput(problems)
    return trajectories
