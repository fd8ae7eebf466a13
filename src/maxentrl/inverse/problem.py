"""What is to be learnt: demonstrations in a decision process, and the reward whose parameters explain them."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from maxentrl.demos.counts import FeatureCounts
from maxentrl.demos.trajectories import Trajectories
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Time
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.problem import Causal, Entropy, SoftProblem
from maxentrl.rewards.reward import AbstractReward
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class InverseProblem:
    """Find θ such that the soft policy of ``reward.table(θ)`` explains the demonstrations.

    The scale of θ and the temperature are not separately identified: the temperature is fixed here, and θ is in its
    units.

    Attributes:
        mdp: the decision process.
        reward: the map from θ to rewards.
        demonstrations: trajectories, or feature counts with start, goal and horizon (enough for feature matching).
        time: ``Finite()`` gives each trajectory its own length as horizon; ``Finite(T)`` also sets the horizon of those
            that are censored or end in a terminal state. ``ToGoal()`` takes each trajectory's own goal.
        temperature: τ > 0.
        log_reference: log q(a|s), (A, S), or None.
        entropy: causal, or of whole trajectories.
    """

    mdp: MDP
    reward: AbstractReward
    demonstrations: Trajectories | FeatureCounts
    time: Time
    temperature: float = 1.0
    log_reference: Float[np.ndarray, "A S"] | None = None
    entropy: Entropy = Causal()

    def __post_init__(self) -> None:
        if not 0 < self.temperature < np.inf:
            raise InvalidInput(f"temperature = {self.temperature}: a fit needs 0 < τ < ∞ (1 is the usual choice)")

    @property
    def discount(self) -> float:
        """γ, one where the problem is undiscounted."""
        return self.time.discount if isinstance(self.time, Discounted) else 1.0

    def forward(self, table: RewardTable, time: Time) -> SoftProblem:
        """The planning problem at a reward table, for one horizon or goal."""
        return SoftProblem(self.mdp, table, time, self.temperature, self.log_reference, self.entropy)

    def forward_hard(self, table: RewardTable, time: Time) -> SoftProblem:
        """The same at temperature 0: the greatest expected return."""
        return dataclasses.replace(self.forward(table, time), temperature=0.0)
