"""What is compared on: one world, walks to learn from, walks to be scored on, and the truth where it is known."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.function_classes import FunctionClass, feature_ball
from maxentrl.imitation.starts import StartGroup, start_groups
from maxentrl.inverse.optimise import AbstractOptimiser
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.momentum import MomentumWorld
from maxentrl.mdp.time import Finite, Time, ToGoal
from maxentrl.mdp.world import World
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.problem import Causal, Entropy
from maxentrl.readers.spec_model import CrowdDemonstrations
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.momentum import MomentumReward
from maxentrl.rewards.reward import AbstractReward
from maxentrl.runs.compare_momentum import written_out
from maxentrl.runs.demonstrations import split
from maxentrl.runs.job import Job
from maxentrl.runs.learning import make_optimiser
from maxentrl.runs.reward import linear_reward, make_prior, parameter_space
from maxentrl.status import InvalidInput

HELD_OUT = 0.3
"""Share of the walks that is scored where the specification holds none out."""
WEAK = 10.0
"""Standard deviation of the prior on a weight whose feature has root mean square one, where the specification has no
prior: with one walk most maxima would lie at infinity without it, with a hundred it no longer tells."""


@dataclasses.dataclass(frozen=True, eq=False)
class ComparisonProblem:
    """One world on which methods are compared.

    Attributes:
        name: of the specification.
        world: states, moves, features.
        time: the kind of time, with a horizon where it is finite.
        temperature: of MaxEnt's policies, and of the truth.
        reward: the linear reward of the specification; its features are what all methods see.
        space: its free parameters and bounds.
        prior: on its weights; the specification's, or a weak one.
        optimiser: for linear rewards.
        train: walks to draw subsets from.
        held_out: walks that are scored.
        truth: the reward that made the walks; None where nobody knows.
        network: the specification's reward where that is no linear one; None for the usual perceptron.
        momentum: displacements and changes, where walkers have momentum; else None.
        notes: what a reader should know of the split.
    """

    name: str
    world: World
    time: Time
    temperature: float
    reward: LinearReward
    space: ParameterSpace
    prior: GaussianPrior
    optimiser: AbstractOptimiser
    train: Trajectories
    held_out: Trajectories
    truth: RewardTable | None
    network: AbstractReward | None = None
    momentum: MomentumWorld | None = None
    notes: tuple[str, ...] = ()

    @property
    def mdp(self) -> MDP:
        """The decision process."""
        return self.world.mdp

    @property
    def own_goals(self) -> bool:
        """Whether each walk has a goal of its own."""
        return isinstance(self.time, ToGoal) and bool((self.train.goals >= 0).all())

    @property
    def deterministic(self) -> bool:
        """Whether chance has no part in the moves: both forms of the entropy then agree."""
        return self.mdp.transitions.deterministic

    @cached_property
    def scale(self) -> Float[np.ndarray, " K"]:
        """Root mean square of each feature where moves can be chosen, one for a feature that is zero, (K,)."""
        return feature_scale(self.reward, self.mdp)

    @cached_property
    def functions(self) -> FunctionClass:
        """Linear functions of the features, scaled alike."""
        return feature_ball(self.reward).scaled(self.scale)

    @cached_property
    def starts(self) -> tuple[StartGroup, ...]:
        """Where the held-out walks begin, and their goals."""
        return start_groups(self.mdp, self.held_out, self.time)

    def inverse(self, walks: Trajectories, entropy: Entropy | None = None) -> InverseProblem:
        """What a fit of the linear reward to some walks solves."""
        return InverseProblem(
            self.mdp, self.reward, walks, self.time, self.temperature, entropy=Causal() if entropy is None else entropy
        )


def feature_scale(reward: LinearReward, mdp: MDP) -> Float[np.ndarray, " K"]:
    """Root mean square of each feature over the moves that can be chosen, one where that is zero, (K,)."""
    pair = np.asarray(reward.features().pair, float)[:, mdp.available & ~mdp.terminal]
    found = np.sqrt(np.mean(pair**2, axis=1))
    return np.where(found > 0, found, 1.0)


def comparison_problem(job: Job, name: str) -> ComparisonProblem:
    """What a specification describes, ready to be compared on.

    The linear reward is the specification's. Where that asks for a network, the features beside it, or all features of the
    world where there are none, take its place, and the deep method learns the network. Where no walks are held out,
    ``HELD_OUT`` of them are drawn with seed 0, the same in every comparison. A finite time without a horizon takes the
    length of the walks, if it is one for all.

    Raises:
        InvalidInput: no walks, fewer than two, a finite time without a common horizon, or features too large to be
            written out.
    """
    demonstrations = job.demonstrations
    if demonstrations is None or not isinstance(demonstrations.train, Trajectories):
        raise InvalidInput(f"{name}: a comparison needs walks: the table [demonstrations] with files, or simulated")
    train, held_out, notes = demonstrations.train, demonstrations.held_out, []
    if held_out is None:
        if len(train) < 2:
            raise InvalidInput(f"{name}: one walk cannot be learnt from and scored on: add walks")
        train, held_out = split(train, max(HELD_OUT, 1.0 / len(train)), 0)
        notes.append(f"{100 * HELD_OUT:.0f} % of the walks were held out at random (seed 0)")
    assert held_out is not None
    time, notes = _with_horizon(job.time, train, held_out, name), [*notes, *_of_crowds(job)]
    reward, world, settings = _linear(job, name), job.scene.world, job.spec.reward
    own = isinstance(job.reward, LinearReward | MomentumReward)
    scale = dict(zip(reward.names, (WEAK / feature_scale(reward, world.mdp)).tolist(), strict=True))
    planted = job.weights if own else None
    given = make_prior(settings, reward) if own else None
    return ComparisonProblem(
        name=name,
        world=world,
        time=time,
        temperature=job.spec.fit.temperature,
        reward=reward,
        space=parameter_space(settings, reward) if own else ParameterSpace.of(reward.names),
        prior=given or GaussianPrior.of(reward.names, scale=scale),
        optimiser=make_optimiser(job.spec.fit, reward),
        train=_with_goals(train, time),
        held_out=_with_goals(held_out, time),
        truth=None if planted is None else reward_table(reward, planted),
        network=None if own else job.reward,
        momentum=job.scene.momentum,
        notes=tuple(notes),
    )


def _linear(job: Job, name: str) -> LinearReward:
    """The linear reward, or the linear part of a sum, or all features of the world; written out state by state."""
    world, found = job.scene.world, job.reward
    if not isinstance(found, LinearReward | MomentumReward):
        found = linear_reward(job.spec.reward, job.scene.place)
    if found is None:
        found = LinearReward.of(world.mdp.n_actions, state=world.state_features, pair=world.pair_features, terminal={})
    return written_out(found, name) if isinstance(found, MomentumReward) else found


def _with_horizon(time: Time, train: Trajectories, held_out: Trajectories, name: str) -> Time:
    """The time with one horizon for all walks, where it is finite."""
    if not isinstance(time, Finite) or time.horizon is not None:
        return time
    lengths = np.unique(np.concatenate([train.lengths, held_out.lengths]))
    if len(lengths) > 1 or lengths[0] < 1:
        raise InvalidInput(
            f"{name}: cloning and matching need one horizon for all walks, and these have {lengths[0]} to {lengths[-1]} "
            "decisions: set horizon under [time], or leave this specification out"
        )
    return Finite(int(lengths[0]))


def _of_crowds(job: Job) -> tuple[str, ...]:
    """What is to be known of windows that are cut from recordings."""
    return job.report.warnings if isinstance(job.spec.demonstrations, CrowdDemonstrations) else ()


def _with_goals(walks: Trajectories, time: Time) -> Trajectories:
    """Every walk with the goal by which its policy is asked for."""
    if not isinstance(time, ToGoal):
        return dataclasses.replace(walks, goals=np.full(len(walks), UNKNOWN))
    if time.goals is None:
        return dataclasses.replace(walks, goals=np.where(walks.goals < 0, walks.ends, walks.goals))
    common = time.goals[0] if len(time.goals) == 1 else UNKNOWN
    return dataclasses.replace(walks, goals=np.full(len(walks), common))
