"""Everything that a specification describes, read and checked: the scene, the demonstrations, the reward."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from maxentrl.demos.report import Report
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.time import Time
from maxentrl.planning.problem import Causal, Entropy, TrajectoryLevel
from maxentrl.readers.spec_model import SimulatedDemonstrations, Spec
from maxentrl.rewards.linear import LinearReward
from maxentrl.runs.demonstrations import Demonstrations, read_demonstrations
from maxentrl.runs.reward import make_reward
from maxentrl.runs.states import make_time
from maxentrl.runs.world import Scene, read_scene


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """A specification with all that it names.

    Attributes:
        spec: what was asked.
        scene: where.
        time: the kind of time.
        reward: what is to be learnt.
        demonstrations: from what; None where the specification has none (it can still be planned with).
    """

    spec: Spec
    scene: Scene
    time: Time
    reward: LinearReward
    demonstrations: Demonstrations | None

    @property
    def entropy(self) -> Entropy:
        """Whose entropy counts."""
        return TrajectoryLevel() if self.spec.fit.entropy == "trajectory-level" else Causal()

    @property
    def report(self) -> Report:
        """What was used and what was left out."""
        return Report(0) if self.demonstrations is None else self.demonstrations.report

    @property
    def loss(self) -> str:
        """That many walks were left out and mostly why; empty where few were."""
        return "" if self.demonstrations is None else self.demonstrations.loss

    @property
    def truth(self) -> Mapping[str, float]:
        """The weights that made the data, where known."""
        settings, planted = self.spec.reward.truth, self.spec.demonstrations
        if settings:
            return settings
        if isinstance(planted, SimulatedDemonstrations) and planted.parameters is not None:
            return {name: planted.parameters.get(name, 0.0) for name in self.reward.names}
        return {name: value for name, value in self.scene.truth.items() if name in self.reward.names}

    @property
    def weights(self) -> Float[np.ndarray, " K"] | None:
        """The truth as a vector, where every feature has one or is known to weigh nothing; else None."""
        truth = self.truth
        return np.array([truth.get(name, 0.0) for name in self.reward.names], float) if truth else None

    @property
    def counts(self) -> dict[str, int | float | str]:
        """The size of the problem in figures."""
        mdp = self.scene.world.mdp
        found: dict[str, int | float | str] = {
            "states": mdp.n_states,
            "actions": mdp.n_actions,
            "features": len(self.reward.names),
        }
        if self.demonstrations is not None:
            train, held_out = self.demonstrations.train, self.demonstrations.held_out
            found["walks fitted"] = len(train)
            found["walks held out"] = 0 if held_out is None else len(held_out)
            found["walks dropped"] = len(self.report.dropped)
            if isinstance(train, Trajectories):
                found["decisions fitted"] = int(train.lengths.sum())
        return found

    def problem(self) -> InverseProblem:
        """What a fit solves.

        Raises:
            InvalidInput: no demonstrations.
        """
        demonstrations = self.demonstrations or read_demonstrations(
            self.spec, self.scene, self.time, self.reward, seed=None
        )
        return InverseProblem(
            mdp=self.scene.world.mdp,
            reward=self.reward,
            demonstrations=demonstrations.train,
            time=self.time,
            temperature=self.spec.fit.temperature,
            entropy=self.entropy,
        )


def read_job(spec: Spec, *, seed: int | None = None) -> Job:
    """Read everything that a specification names; ``seed`` overrides its seeds.

    Raises:
        InvalidInput: anything that cannot be used, by name.
    """
    scene = read_scene(spec)
    time = make_time(spec.time, scene.world)
    reward = make_reward(spec.reward, scene.world)
    demonstrations = None
    if spec.demonstrations is not None:
        demonstrations = read_demonstrations(spec, scene, time, reward, seed=seed)
    return Job(spec, scene, time, reward, demonstrations)
