"""When training ends: at its last step, or where the likelihood of walks that were held out rises no further."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.problem import InverseProblem
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOut:
    """Stop early: keep the parameters under which walks that take no part in training are likeliest.

    Attributes:
        trajectories: the walks held out, in the same process; of several scenes one set each, in their order.
        every: steps between two looks.
        patience: looks without a new best after which training ends.
    """

    trajectories: Trajectories | tuple[Trajectories, ...]
    every: int = 10
    patience: int = 10

    def __post_init__(self) -> None:
        if self.every < 1 or self.patience < 1:
            raise InvalidInput(f"every = {self.every}, patience = {self.patience}: expected at least 1")

    def likelihoods(self, problems: Sequence[InverseProblem]) -> tuple[ConditionalLikelihood, ...]:
        """The choice likelihood of the walks held out in each scene.

        Raises:
            InvalidInput: walks that the process does not allow, by name; another number of sets than of scenes.
        """
        held_out = (self.trajectories,) if isinstance(self.trajectories, Trajectories) else self.trajectories
        if len(held_out) != len(problems):
            raise InvalidInput(f"held out are walks of {len(held_out)} scenes, the fit has {len(problems)}")
        each = zip(problems, held_out, strict=True)
        return tuple(ConditionalLikelihood.of(dataclasses.replace(p, demonstrations=walks)) for p, walks in each)


def log_likelihood(objective: ConditionalLikelihood, table: RewardTable) -> float:
    """Σ w log π(a|s) in nats at a reward table, without its derivative.

    Raises:
        Failure: INFINITE_PARTITION, or UNREACHABLE_GOAL where a walk cannot have been made.
    """
    solutions = objective.planner.solve(objective.problem.forward, table)
    return float(sum(reading.value for reading in objective.read(solutions)))


def split_walks(trajectories: Trajectories, share: float, seed: int) -> tuple[Trajectories, Trajectories]:
    """Walks to learn from, and a share of them at random to hold out.

    Raises:
        InvalidInput: a share that leaves either side without a walk.
    """
    count = round(share * len(trajectories))
    if not 0 < count < len(trajectories):
        raise InvalidInput(f"holding out {share:g} of {len(trajectories)} walks leaves one side without any")
    out = np.zeros(len(trajectories), bool)
    out[np.random.default_rng(seed).permutation(len(trajectories))[:count]] = True
    return trajectories.select(~out), trajectories.select(out)
