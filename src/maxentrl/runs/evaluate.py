"""How good weights are on walks that they were not learnt from: likelihood of each step, and forecasts."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.forecast.baselines import RandomWalk
from maxentrl.forecast.evaluation import EvaluationSettings, Fraction, HeldOutWalk, forecast_walks
from maxentrl.forecast.scores import Score, Summary, summarise
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import ToGoal
from maxentrl.readers.files import read_text
from maxentrl.runs.files import as_float
from maxentrl.runs.job import Job
from maxentrl.runs.outlook import OF_WALKS, candidate_goals, make_forecaster
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of one set of weights.

    Attributes:
        held_out: whether the walks scored were kept out of the fit; else they are those that were fitted.
        walks: how many.
        decisions: how many.
        nats_per_decision: −log π(a|s) (or of the next state, where actions were not seen), mean over decisions.
        uniform_nats: the same of a walker to whom all moves are alike.
        scores: one row a forecast; empty unless time is to a goal.
        summaries: means of the scores with intervals.
        unforecast: walks that were not forecast, because no goal but their own is known.
    """

    held_out: bool
    walks: int
    decisions: int
    nats_per_decision: float
    uniform_nats: float
    scores: tuple[Score, ...]
    summaries: tuple[Summary, ...]
    unforecast: int = 0

    @property
    def unit(self) -> str:
        """Of distances: ``"m"``, or ``"cells"`` where nobody said how large a cell is."""
        return "m" if any(score.cell_size is not None for score in self.scores) else "cells"

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON, the single rows left out."""
        kept = {name: getattr(self, name) for name in ("held_out", "walks", "decisions")}
        likelihood = {"nats_per_decision": self.nats_per_decision, "uniform_nats": self.uniform_nats}
        return {
            **kept,
            **likelihood,
            "unit": self.unit,
            "forecasts": [dataclasses.asdict(row) for row in self.summaries],
        }


def evaluate_decisions(job: Job, parameters: Float[np.ndarray, " K"]) -> Evaluation:
    """The likelihood of each decision, without forecasts; walks and errors as for :func:`evaluate`."""
    walks, held_out = scored_walks(job)
    nats, decisions = decision_nats(job, parameters, walks)
    return Evaluation(held_out, len(walks), decisions, nats, uniform_nats(job, walks), (), ())


def evaluate(job: Job, parameters: Float[np.ndarray, " K"], *, seed: int = 0) -> Evaluation:
    """Score weights on the held-out walks, or on all walks where none is held out.

    A walk's own end is never a candidate of its own forecast unless another walk ends there, or the specification lists
    it.

    Raises:
        InvalidInput: no walks to score.
        Failure: the weights have no soft values.
    """
    found = evaluate_decisions(job, parameters)
    if not isinstance(job.time, ToGoal):
        return found
    walks = scored_walks(job)[0]
    ahead = held_out_walks(job, walks)
    scores = _forecasts(job, parameters, ahead, seed=seed) if ahead else []
    summaries = tuple(summarise(scores)) if scores else ()
    return dataclasses.replace(found, scores=tuple(scores), summaries=summaries, unforecast=len(walks) - len(ahead))


def scored_walks(job: Job) -> tuple[Trajectories, bool]:
    """The walks to be scored, and whether they were held out."""
    found = job.demonstrations
    if found is None:
        raise InvalidInput("the SPEC lacks the table [demonstrations]: there are no walks to score")
    if found.held_out is not None:
        return found.held_out, True
    if not isinstance(found.train, Trajectories):
        raise InvalidInput("feature counts cannot be scored: evaluation needs walks")
    return found.train, False


def decision_nats(job: Job, parameters: Float[np.ndarray, " K"], walks: Trajectories) -> tuple[float, int]:
    """Mean −log-likelihood of the decisions of walks, and their number."""
    problem = InverseProblem(
        job.scene.world.mdp, job.reward, walks, job.time, job.spec.fit.temperature, entropy=job.entropy
    )
    objective = ConditionalLikelihood.of(problem)
    value = objective.evaluate(reward_table(job.reward, np.asarray(parameters, float))).value
    weight = float(np.repeat(walks.weights, walks.lengths).sum())
    return -value / weight, int(walks.lengths.sum())


def uniform_nats(job: Job, walks: Trajectories) -> float:
    """The same of a walker to whom all available moves are alike."""
    mdp, rows = job.scene.world.mdp, walks.decisions
    nats = np.log(np.maximum(mdp.available.sum(0), 1))[rows.state].astype(float)
    hidden = np.flatnonzero(rows.action == UNKNOWN)
    if len(hidden):
        chain = RandomWalk(mdp).chain
        with np.errstate(divide="ignore"):
            nats[hidden] = -np.log(np.asarray(chain[rows.following[hidden], rows.state[hidden]]))
    return float(np.average(nats, weights=np.repeat(walks.weights, walks.lengths)))


def _forecasts(job: Job, parameters: Float[np.ndarray, " K"], ahead: list[HeldOutWalk], *, seed: int) -> list[Score]:
    settings = job.spec.forecast
    forecaster = make_forecaster(job, parameters)
    asked = EvaluationSettings(
        observed=tuple(Fraction(share) for share in settings.observed),
        samples=settings.samples,
        best_of=settings.samples,
        seed=seed,
    )
    return forecast_walks(forecaster, ahead, geometry=job.scene.world.geometry, settings=asked)


def held_out_walks(job: Job, walks: Trajectories) -> list[HeldOutWalk]:
    """Walks to be forecast, each without its own end among the candidates where only it ends there.

    Walks that have no candidate but that are left out.
    """
    ends = np.where(walks.goals < 0, walks.ends, walks.goals)
    own_ends_count = job.spec.forecast.goals in OF_WALKS and not scored_walks(job)[1]
    candidates = set(candidate_goals(job))
    found = []
    for i, name in enumerate(walks.names):
        goal = int(ends[i])
        alone = own_ends_count and int((ends == goal).sum()) == 1
        if alone and candidates <= {goal}:
            continue
        known = goal if goal in candidates and not alone else None
        found.append(HeldOutWalk(name, walks.states_of(i), known, excluded=(goal,) if alone else ()))
    return found


def read_weights(path: Path, names: tuple[str, ...], layers: tuple[str, ...] = ()) -> Float[np.ndarray, " K"]:
    """Weights from a file: ``fit.json``, a JSON object by feature, or numbers in the order of the features.

    Numbers for every layer of the world, more than the reward has features, are taken in the order of the layers; those
    of layers that the reward leaves out do not count (see :func:`unused_weights`).

    Raises:
        InvalidInput: names that are missing or unknown, another number of values, or no numbers, by file.
    """
    text = read_text(path)[0]
    if text.lstrip().startswith("{"):
        return _weights_by_name(path, text, names)
    try:
        values = np.array([float(word) for word in re.split(r"[\s,]+", text.strip())])
    except ValueError as error:
        raise InvalidInput(f"{path}: expected numbers, or a JSON object by feature: {error}") from None
    if len(values) != len(names) and len(values) == len(layers) and set(names) < set(layers):
        values = values[[layers.index(name) for name in names]]
    if len(values) != len(names):
        every = f", or {len(layers)}, one for each layer of the world" if set(names) < set(layers) else ""
        raise InvalidInput(f"{path} holds {len(values)} numbers: expected {len(names)}, for {', '.join(names)}{every}")
    return _finite(path, values)


def unused_weights(path: Path, names: tuple[str, ...], layers: tuple[str, ...]) -> tuple[str, ...]:
    """Layers whose numbers in a file of weights do not count, because the reward leaves them out."""
    text = read_text(path)[0].strip()
    if text.startswith("{") or len(re.split(r"[\s,]+", text)) == len(names):
        return ()
    return tuple(name for name in layers if name not in names)


def _weights_by_name(path: Path, text: str, names: tuple[str, ...]) -> Float[np.ndarray, " K"]:
    try:
        data = json.loads(text)
        if "parameters" in data and "names" in data:
            data = dict(zip(data["names"], data["parameters"], strict=True))
        values = {str(name): as_float(value) for name, value in data.items()}
    except (json.JSONDecodeError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path}: expected a JSON object from feature to number: {error}") from None
    problems = [f"{path} lacks a weight for '{name}'" for name in names if name not in values]
    problems += [f"{path}: '{name}' is no feature of the reward" for name in values if name not in names]
    if problems:
        raise InvalidInput(problems[:50])
    return _finite(path, np.array([values[name] for name in names]))


def _finite(path: Path, values: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    if not np.isfinite(values).all():
        raise InvalidInput(f"{path}: weight {int(np.argmin(np.isfinite(values)))} is not a finite number")
    return values
