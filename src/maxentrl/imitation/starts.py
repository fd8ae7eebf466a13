"""Where walks begin and which goal they have: the mass that a learnt policy is followed from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite, Time, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.problem import SoftProblem
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class StartGroup:
    """Walks with one set of goals; over all groups the mass sums to one.

    Attributes:
        goals: states that end the walk; empty where walks have no goal.
        mass: share of the walks that begin in each state, (S,).
    """

    goals: tuple[int, ...]
    mass: Float[np.ndarray, " S"]

    @property
    def share(self) -> float:
        """Share of all walks that belong to this group."""
        return float(self.mass.sum())

    @property
    def goal(self) -> int:
        """The goal by which a policy is asked for; ``UNKNOWN`` where there is none, or where any of several will do."""
        return self.goals[0] if len(self.goals) == 1 else UNKNOWN

    def time(self, time: Time) -> Time:
        """The kind of time of this group's walks."""
        return ToGoal(self.goals) if isinstance(time, ToGoal) else time

    def problem(self, mdp: MDP, reward: RewardTable, time: Time, temperature: float = 0.0) -> SoftProblem:
        """The planning problem of this group's walks."""
        return SoftProblem(mdp, reward, self.time(time), temperature)


def start_groups(mdp: MDP, trajectories: Trajectories, time: Time) -> tuple[StartGroup, ...]:
    """The weighted starts of trajectories, one group for each goal with ``ToGoal``, else one.

    Raises:
        InvalidInput: ``Finite()`` without a horizon, a walk without a goal where the time names none, states that do not
            exist, or weights that sum to nothing.
    """
    if isinstance(time, Finite) and time.horizon is None:
        raise InvalidInput("imitation needs one horizon for all walks: Finite(horizon)")
    if not trajectories.weights.sum() > 0:
        raise InvalidInput("the weights of the demonstrations sum to 0: nothing can be learnt from them")
    outside = np.flatnonzero((trajectories.states < 0) | (trajectories.states >= mdp.n_states))
    if len(outside):
        raise InvalidInput(
            f"state {trajectories.states[outside[0]]} does not exist; states are 0 to {mdp.n_states - 1}"
        )
    share = trajectories.weights / trajectories.weights.sum()
    if not isinstance(time, ToGoal):
        return (StartGroup((), np.bincount(trajectories.starts, share, mdp.n_states)),)
    own = _own_goals(trajectories, time)
    return tuple(_group(mdp, trajectories, share, own, goals) for goals in sorted(set(own)))


def _own_goals(trajectories: Trajectories, time: ToGoal) -> list[tuple[int, ...]]:
    lost = [n for n, g in zip(trajectories.names, trajectories.goals, strict=True) if g < 0 and time.goals is None]
    if lost:
        raise InvalidInput(
            f"trajectories without a goal: {', '.join(lost[:8])}{' …' if len(lost) > 8 else ''}; give each its goal, or "
            "name common ones: ToGoal(goals)"
        )
    return [(int(g),) if g >= 0 else tuple(time.goals or ()) for g in trajectories.goals]


def _group(
    mdp: MDP,
    trajectories: Trajectories,
    share: Float[np.ndarray, " M"],
    own: Sequence[tuple[int, ...]],
    goals: tuple[int, ...],
) -> StartGroup:
    mine: Bool[np.ndarray, " M"] = np.array([g == goals for g in own])
    return StartGroup(goals, np.bincount(trajectories.starts[mine], share[mine], mdp.n_states))
