"""Scores of several scenes that share a reward, and of each when the others alone were learnt from."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from maxentrl.forecast.scores import summarise
from maxentrl.rewards.reward import AbstractReward
from maxentrl.runs.evaluate import Evaluation, evaluate
from maxentrl.runs.job import Job
from maxentrl.runs.learning import learn, make_learning
from maxentrl.runs.reward import make_reward, reward_in
from maxentrl.status import InvalidInput, Status

SCENES_LEFT_OUT = "scenes_left_out.json"
"""What leaving each scene out gave, in a run folder."""


def evaluate_scenes(
    jobs: Mapping[str, Job],
    parameters: Float[np.ndarray, " K"],
    *,
    held_out: tuple[str, ...] = (),
    seed: int = 0,
) -> dict[str, Evaluation]:
    """The scores of each scene; of those held out all walks count.

    Raises:
        InvalidInput: a scene without walks to score.
        Failure: the weights have no soft values.
    """
    found = {}
    for name, job in jobs.items():
        if name in held_out:
            found[name] = dataclasses.replace(evaluate(whole(job), parameters, seed=seed), held_out=True)
        else:
            found[name] = evaluate(job, parameters, seed=seed)
    return found


def pooled(evaluations: Mapping[str, Evaluation]) -> Evaluation:
    """All scenes together: decisions count alike wherever they were made, and forecasts are averaged over walks."""
    each = list(evaluations.values())
    decisions = np.array([one.decisions for one in each])
    scores = tuple(score for one in each for score in one.scores)
    return Evaluation(
        held_out=all(one.held_out for one in each),
        walks=sum(one.walks for one in each),
        decisions=int(decisions.sum()),
        nats_per_decision=float(np.average([one.nats_per_decision for one in each], weights=decisions)),
        uniform_nats=float(np.average([one.uniform_nats for one in each], weights=decisions)),
        scores=scores,
        summaries=tuple(summarise(scores)) if scores else (),
        unforecast=sum(one.unforecast for one in each),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class SceneFold:
    """A scene left out.

    Attributes:
        scene: its name.
        status: how the fit of the others ended.
        parameters: θ without it, (K,).
        evaluation: of all its walks.
        fit_seconds: taken by the fit.
    """

    scene: str
    status: Status
    parameters: Float[np.ndarray, " K"]
    evaluation: Evaluation
    fit_seconds: float

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        kept = {"scene": self.scene, "status": self.status.name, "fit_seconds": self.fit_seconds}
        return {**kept, **self.evaluation.as_data()}


def unobserved(fold: SceneFold) -> None:
    """Say nothing."""


def leave_one_scene_out(
    jobs: Mapping[str, Job], *, seed: int = 0, progress: Callable[[SceneFold], None] = unobserved
) -> tuple[SceneFold, ...]:
    """Fit without each scene in turn, on all walks of the others, and score all walks of the one left out.

    A network begins anew in each fit, one member of an ensemble, and scales its inputs as in the first of the scenes learnt
    from.

    Raises:
        InvalidInput: fewer than two scenes.
        Failure: as ``fit``.
    """
    if len(jobs) < 2:
        raise InvalidInput('leaving one scene out needs two scenes or more: list them under scenes = "…"')
    folds = []
    for left_out in jobs:
        begun = time.perf_counter()
        others = [whole(job) for name, job in jobs.items() if name != left_out]
        first = make_reward(others[0].spec, others[0].scene.place)
        others = [dataclasses.replace(others[0], reward=first), *(_sharing(job, first) for job in others[1:])]
        found = learn(make_learning(others))
        seconds = time.perf_counter() - begun
        scored = evaluate(_sharing(whole(jobs[left_out]), first), found.parameters, seed=seed)
        scored = dataclasses.replace(scored, held_out=True)
        folds.append(SceneFold(left_out, found.status, found.parameters, scored, seconds))
        progress(folds[-1])
    return tuple(folds)


def whole(job: Job) -> Job:
    """The job with all its walks together, none of them held out."""
    found = job.demonstrations
    if found is None or found.held_out is None:
        return job
    return dataclasses.replace(job, demonstrations=found.together)


def _sharing(job: Job, first: AbstractReward) -> Job:
    return dataclasses.replace(job, reward=reward_in(job.spec, job.scene.place, first))
