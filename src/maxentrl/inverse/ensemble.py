"""Several fits of one problem from different first weights: what they agree on, and where they do not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import jax
import numpy as np

from maxentrl.inverse.fit import Fit, fit
from maxentrl.inverse.optimise import AbstractOptimiser
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.reward import AbstractReward
from maxentrl.status import InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """Fits that differ by their seed alone.

    Disagreement is what the data and the architecture leave open between starts, not a standard error: rewards are known
    only up to shaping, and all members see the same walks.

    Attributes:
        seeds: of each member.
        fits: one a seed.
    """

    seeds: tuple[int, ...]
    fits: tuple[Fit, ...]

    @property
    def statuses(self) -> tuple[Status, ...]:
        """How each ended."""
        return tuple(member.status for member in self.fits)

    def tables(self) -> RewardTable:
        """The members' rewards with a leading axis for them."""
        return jax.tree.map(lambda *parts: np.stack(parts), *(member.reward_table() for member in self.fits))

    def mean_table(self) -> RewardTable:
        """The mean reward of each entry."""
        return jax.tree.map(lambda part: part.mean(0), self.tables())

    def disagreement(self) -> RewardTable:
        """The standard deviation between members of each entry (n − 1 in its denominator)."""
        return jax.tree.map(lambda part: part.std(0, ddof=1), self.tables())


def fit_ensemble(
    problem: InverseProblem,
    reward_of: Callable[[int], AbstractReward],
    seeds: Sequence[int],
    *,
    optimiser_of: Callable[[int], AbstractOptimiser],
    prior: GaussianPrior | None = None,
) -> Ensemble:
    """Fit a reward from several seeds.

    Args:
        problem: what to learn from; its reward is replaced.
        reward_of: the reward that begins from a seed, such as ``lambda seed: perceptron(world, seed=seed)``.
        seeds: at least two, all different.
        optimiser_of: the optimiser of a seed.
        prior: of all members.

    Raises:
        InvalidInput: fewer than two seeds, one twice, and as :func:`fit` does.
    """
    if len(seeds) < 2 or len(set(seeds)) < len(seeds):
        raise InvalidInput(f"seeds = {list(seeds)}: an ensemble needs at least two, all different")
    fits = [
        fit(dataclasses.replace(problem, reward=reward_of(seed)), prior=prior, optimiser=optimiser_of(seed))
        for seed in seeds
    ]
    return Ensemble(tuple(seeds), tuple(fits))
