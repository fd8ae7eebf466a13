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
from maxentrl.readers.spec import Study
from maxentrl.readers.spec_learning import Training
from maxentrl.readers.spec_model import SimulatedDemonstrations, Spec
from maxentrl.rewards.reward import AbstractReward, coefficient_names
from maxentrl.runs.demonstrations import Demonstrations, read_demonstrations
from maxentrl.runs.reward import make_reward, reward_in
from maxentrl.runs.states import make_time
from maxentrl.runs.world import Scene, read_scene
from maxentrl.status import InvalidInput


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
    reward: AbstractReward
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
            return {name: planted.parameters.get(name, 0.0) for name in self.coefficients}
        return {name: value for name, value in self.scene.truth.items() if name in self.coefficients}

    @property
    def coefficients(self) -> tuple[str, ...]:
        """Names of the parameters that have a meaning of their own: weights of features, not of a network."""
        return coefficient_names(self.reward)

    @property
    def weights(self) -> Float[np.ndarray, " K"] | None:
        """The truth as a vector, where every parameter has one or is known to weigh nothing; else None."""
        truth = self.truth
        if len(self.coefficients) < len(self.reward.names):
            return None
        return np.array([truth.get(name, 0.0) for name in self.reward.names], float) if truth else None

    @property
    def counts(self) -> dict[str, int | float | str]:
        """The size of the problem in figures."""
        mdp = self.scene.world.mdp
        found: dict[str, int | float | str] = {
            "states": mdp.n_states,
            "actions": mdp.n_actions,
            "features": len(self.coefficients),
        }
        if len(self.coefficients) < len(self.reward.names):
            found["weights of the network"] = len(self.reward.names) - len(self.coefficients)
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


def read_job(spec: Spec, *, seed: int | None = None, like: AbstractReward | None = None) -> Job:
    """Read everything that a specification names.

    Args:
        spec: of one scene.
        seed: overrides its seeds.
        like: the reward of another scene, whose parameters this one shares.

    Raises:
        InvalidInput: anything that cannot be used, by name.
    """
    spec = seeded(spec, seed)
    scene = read_scene(spec)
    time = make_time(spec.time, scene.world)
    reward = make_reward(spec, scene.place) if like is None else reward_in(spec, scene.place, like)
    demonstrations = None
    if spec.demonstrations is not None:
        demonstrations = read_demonstrations(spec, scene, time, reward, seed=seed)
    return Job(spec, scene, time, reward, demonstrations)


def seeded(spec: Spec, seed: int | None) -> Spec:
    """The specification with this seed for the first weights of a network and for its training; as it is without one."""
    if seed is None:
        return spec
    reward, fit = spec.reward, spec.fit
    if fit.training is None and (reward.network is not None or fit.optimiser == "adam"):
        fit = fit.model_copy(update={"training": Training()})
    if reward.network is not None:
        reward = reward.model_copy(update={"network": reward.network.model_copy(update={"seed": seed})})
    if fit.training is not None:
        fit = fit.model_copy(update={"training": fit.training.model_copy(update={"seed": seed})})
    return spec.model_copy(update={"reward": reward, "fit": fit})


def read_jobs(study: Study, *, seed: int | None = None) -> dict[str, Job]:
    """Read every scene of a study, by name; their rewards share the parameters of the first.

    Raises:
        InvalidInput: anything that cannot be used, by scene and name.
    """
    jobs: dict[str, Job] = {}
    problems: list[str] = []
    like: AbstractReward | None = None
    for name, spec in study.scenes.items():
        try:
            jobs[name] = read_job(spec, seed=seed, like=like)
        except InvalidInput as error:
            problems += (
                [f"scene '{name}': {problem}" for problem in error.problems] if study.several else error.problems
            )
            continue
        like = jobs[name].reward
    if problems:
        raise InvalidInput(problems)
    check_units(jobs)
    return jobs


def check_units(jobs: Mapping[str, Job]) -> None:
    """Refuse scenes that one weight cannot be shared by, because lengths are metres in some and cells in others.

    Raises:
        InvalidInput: with the scenes of each.
    """
    found: dict[str, list[str]] = {}
    for name, job in jobs.items():
        if job.scene.world.geometry is not None:
            found.setdefault(job.scene.world.geometry.unit, []).append(name)
    if len(found) > 1:
        told = "; ".join(f"lengths are in {unit} in {', '.join(names)}" for unit, names in found.items())
        raise InvalidInput(f"{told}: set world.cell_size in all scenes or in none")


def chosen(jobs: Mapping[str, Job], scene: str | None) -> Job:
    """The job of a scene; of the only one unless named.

    Raises:
        InvalidInput: no such scene, or several and no name.
    """
    if scene is None:
        return only(jobs)
    if scene not in jobs:
        raise InvalidInput(f"there is no scene '{scene}'; there are {', '.join(jobs)}")
    return jobs[scene]


def only(jobs: Mapping[str, Job]) -> Job:
    """The job of the only scene.

    Raises:
        InvalidInput: there are several.
    """
    if len(jobs) > 1:
        raise InvalidInput(f"there are {len(jobs)} scenes, and this is of one: name it by --scene: {', '.join(jobs)}")
    return next(iter(jobs.values()))
