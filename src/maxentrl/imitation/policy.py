"""What every imitation method returns: a policy for each goal, as logarithms over the moves that can be made."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.demos.trajectories import UNKNOWN
from maxentrl.inverse.fit import Fit
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import ToGoal
from maxentrl.planning.choose_solver import solve
from maxentrl.status import InvalidInput

LogPolicy = Float[np.ndarray, "*T A S"]
"""log π(a|s), (A, S), or log π_t(a|s), (T, A, S); -inf where a move cannot be made, never NaN."""


class AbstractPolicy(abc.ABC):
    """A policy, or one for each goal where walks have goals.

    With a table for each step, the first decision of a walk reads the first table.
    """

    mdp: MDP

    @abc.abstractmethod
    def log_policy(self, goal: int = UNKNOWN) -> LogPolicy:
        """log π for walks to a goal, (A, S) or (T, A, S); ``UNKNOWN`` for walks without one.

        Every column sums to one, except in terminal states, where nothing is chosen and all entries are -inf.

        Raises:
            InvalidInput: a goal that the policy cannot serve.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class FixedPolicy(AbstractPolicy):
    """One policy whatever the goal.

    Attributes:
        mdp: the decision process.
        table: log π, (A, S) or (T, A, S).
    """

    mdp: MDP
    table: LogPolicy

    def log_policy(self, goal: int = UNKNOWN) -> LogPolicy:
        return self.table


@dataclasses.dataclass(frozen=True, eq=False)
class GoalPolicies(AbstractPolicy):
    """A table for each goal.

    Attributes:
        mdp: the decision process.
        tables: log π by goal.
        other: log π for goals that have no table; None refuses them.
    """

    mdp: MDP
    tables: Mapping[int, LogPolicy]
    other: LogPolicy | None = None

    def log_policy(self, goal: int = UNKNOWN) -> LogPolicy:
        table = self.tables.get(int(goal), self.other)
        if table is None:
            known = ", ".join(self.mdp.state_name(g) if g != UNKNOWN else "none" for g in list(self.tables)[:8])
            named = "walks without a goal" if goal == UNKNOWN else f"goal {self.mdp.state_name(int(goal))}"
            raise InvalidInput(f"there is no policy for {named}: it was learnt for the goals {known}")
        return table


@dataclasses.dataclass(frozen=True, eq=False)
class PlannedPolicy(AbstractPolicy):
    """A policy that is planned when it is asked for, so that a fitted reward is scored like any clone.

    Attributes:
        mdp: the decision process.
        plan: goal → log π, for instance ``lambda goal: solve(fit.planning(ToGoal((goal,)))).log_policy``.
    """

    mdp: MDP
    plan: Callable[[int], LogPolicy]

    @staticmethod
    def of_fit(fit: Fit, scene: int = 0) -> PlannedPolicy:
        """The soft policy of a learnt reward, planned for each goal where walks have their own.

        With ``Finite()``, whose horizon is each walk's own length, there is no one policy: give ``plan`` a horizon.
        """
        problem = fit.problems[scene]

        def plan(goal: int) -> LogPolicy:
            own = isinstance(problem.time, ToGoal) and goal != UNKNOWN
            return solve(fit.planning(ToGoal((goal,)) if own else problem.time, scene)).log_policy

        return PlannedPolicy(problem.mdp, plan)

    def log_policy(self, goal: int = UNKNOWN) -> LogPolicy:
        return self.plan(int(goal))


def log_choice(scores: Float[np.ndarray, "*T A S"], available: Bool[np.ndarray, "A S"]) -> LogPolicy:
    """Logarithms of exp(scores), normalised over the available moves of each state; -inf elsewhere."""
    masked = np.where(available, scores, -np.inf)
    top = masked.max(axis=-2, keepdims=True)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(masked - np.where(np.isneginf(top), 0.0, top)).sum(axis=-2, keepdims=True))
    shift = np.where(np.isneginf(top), 0.0, top + np.where(np.isneginf(total), 0.0, total))
    return masked - shift
