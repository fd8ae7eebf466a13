"""Forecasts of held-out walks by the model and the baselines, each scored by what then happened."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import Trajectories
from maxentrl.forecast.baselines import ConstantVelocity, RandomWalk, ShortestPath
from maxentrl.forecast.filtering import GaussianDetections, HiddenWalk, filter_walk
from maxentrl.forecast.goals import Belief, GoalForecaster
from maxentrl.forecast.metrics import (
    average_displacement,
    best_of,
    final_displacement,
    log_loss,
    modified_hausdorff,
)
from maxentrl.forecast.paths import sample_paths
from maxentrl.forecast.scores import CONSTANT, DISTANCES, MODEL, RANDOM, SHORTEST, Score
from maxentrl.forecast.visits import VisitsAhead, visits_ahead
from maxentrl.mdp.world import GridGeometry
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True)
class Fraction:
    """Observe this share of each walk's moves, at least one."""

    share: float

    def moves(self, length: int) -> int:
        """Observed moves of a walk of ``length`` moves."""
        return min(length, max(1, round(self.share * length)))

    @property
    def label(self) -> str:
        """For tables: '25 %'."""
        return f"{100 * self.share:g} %"


@dataclasses.dataclass(frozen=True)
class Steps:
    """Observe this many moves of each walk."""

    count: int

    def moves(self, length: int) -> int:
        """Observed moves of a walk of ``length`` moves."""
        return min(length, self.count)

    @property
    def label(self) -> str:
        """For tables: '8 steps'."""
        return f"{self.count} steps"


Observed: TypeAlias = Fraction | Steps


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluationSettings:
    """How held-out walks are scored.

    Attributes:
        observed: how much of each walk is seen before the forecast; each gives rows of its own.
        samples: paths drawn for each forecast.
        best_of: number of paths that best-of-K chooses from, at most ``samples``.
        horizon: most future steps scored, or None for the whole rest of the walk.
        background: share of a uniform distribution over all states mixed into each likelihood, for model and random
            walk alike; 0 scores what they say, and one impossible event is then an infinite loss.
        negligible: goals less probable than this after the observed part are left out of the visits ahead.
        seed: of the drawn paths.
        constant_velocity: the baseline's averaging window.
    """

    observed: tuple[Observed, ...] = (Fraction(0.1), Fraction(0.25), Fraction(0.5))
    samples: int = 20
    best_of: int = 20
    horizon: int | None = None
    background: float = 0.0
    negligible: float = 1e-9
    seed: int = 0
    constant_velocity: ConstantVelocity = ConstantVelocity()

    def __post_init__(self) -> None:
        problems = []
        if not 1 <= self.best_of <= self.samples:
            problems.append(f"best_of = {self.best_of}: expected between 1 and samples = {self.samples}")
        if not 0 <= self.background < 1:
            problems.append(f"background = {self.background}: expected a share between 0 and 1")
        if self.horizon is not None and self.horizon < 1:
            problems.append(f"horizon = {self.horizon}: expected at least one future step")
        if problems:
            raise InvalidInput(problems)


@dataclasses.dataclass(frozen=True, eq=False)
class HeldOutWalk:
    """A walk to be forecast.

    Attributes:
        name: for the rows.
        states: what happened, (L+1,).
        goal: where it was going, or None.
        detections: noisy positions seen in place of the states, (L+1) steps, or None where states were seen. The first
            detection is where the walk begins for the filter, every cell being alike before it.
        excluded: candidate goals (as states) ruled out for this walk, such as its own end.
    """

    name: str
    states: Int[np.ndarray, " times"]
    goal: int | None = None
    detections: GaussianDetections | None = None
    excluded: tuple[int, ...] = ()


def held_out(walks: Trajectories) -> list[HeldOutWalk]:
    """Trajectories as walks to be forecast, seen by their states."""
    goals = [int(goal) if goal >= 0 else None for goal in walks.goals]
    return [HeldOutWalk(name, walks.states_of(i), goals[i]) for i, name in enumerate(walks.names)]


@dataclasses.dataclass(frozen=True, eq=False)
class Outlook:
    """What the model said of one walk after one observed part.

    Attributes:
        walk: the walk.
        observed: how much was seen, as a label.
        moves: observed moves.
        goals: p(g) of the forecaster's goals, (G,).
        ahead: the distribution over states at each later step.
    """

    walk: HeldOutWalk
    observed: str
    moves: int
    goals: Float[np.ndarray, " G"]
    ahead: VisitsAhead


def unwatched(outlook: Outlook) -> None:
    """Keep nothing of what the model said."""


def forecast_walks(
    forecaster: GoalForecaster,
    walks: Iterable[HeldOutWalk],
    *,
    geometry: GridGeometry | None = None,
    settings: EvaluationSettings | None = None,
    watch: Callable[[Outlook], None] = unwatched,
) -> list[Score]:
    """Score the model, random walk, shortest path and constant velocity on each walk and observed part.

    A walk with no move left after the observed part, or with nothing detected in it, gives no row for it. For
    leave-one-out, call once a walk with the forecaster fitted without it, and join the rows.

    Args:
        forecaster: the model, with all candidate goals.
        walks: held-out walks.
        geometry: where states lie; None leaves out all distances and constant velocity.
        settings: what is observed and drawn.
        watch: is handed each forecast of the model, for pictures.
    """
    settings = settings or EvaluationSettings()
    scorer = _Scorer(forecaster, geometry, settings, watch)
    scores: list[Score] = []
    for walk in walks:
        length = len(walk.states) - 1
        parts = [(observed.label, observed.moves(length)) for observed in settings.observed]
        parts = [(label, moves) for label, moves in parts if moves < length and _seen(walk, moves)]
        hidden = scorer.filtered(walk, max((moves for _, moves in parts), default=0)) if parts else None
        for label, moves in parts:
            scores += scorer.score(walk, label, moves, hidden)
    return scores


def _seen(walk: HeldOutWalk, moves: int) -> bool:
    detected = None if walk.detections is None else walk.detections.detected
    return detected is None or bool(detected[: moves + 1].any())


@dataclasses.dataclass(frozen=True, eq=False)
class _Scorer:
    forecaster: GoalForecaster
    geometry: GridGeometry | None
    settings: EvaluationSettings
    watch: Callable[[Outlook], None]

    @cached_property
    def position(self) -> Float[np.ndarray, "S 2"] | None:
        return None if self.geometry is None else self.geometry.position

    @cached_property
    def random_walk(self) -> RandomWalk:
        return RandomWalk(self.forecaster.mdp)

    @cached_property
    def shortest_path(self) -> ShortestPath:
        return ShortestPath(self.forecaster.mdp, self.forecaster.goals, self.position)

    def filtered(self, walk: HeldOutWalk, moves: int) -> HiddenWalk | None:
        """The filter over the longest observed part; earlier steps of it are those of shorter parts."""
        if walk.detections is None:
            return None
        seen = walk.detections.part(0, moves + 1)
        return filter_walk(self._allowed(walk), seen.part(seen.first, seen.count))

    def _allowed(self, walk: HeldOutWalk) -> GoalForecaster:
        """The forecaster without the goals ruled out for a walk."""
        excluded = np.isin(self.forecaster.goals, walk.excluded)
        if not excluded.any():
            return self.forecaster
        return self.forecaster.with_prior(np.exp(self.forecaster.log_prior) * ~excluded)

    def score(self, walk: HeldOutWalk, label: str, moves: int, hidden: HiddenWalk | None) -> list[Score]:
        """One row a method."""
        horizon = self.settings.horizon or len(walk.states)
        future = walk.states[moves : moves + horizon + 1]
        seen = walk.states[: moves + 1]
        case = _Case(walk, label, seen, future, hidden)
        rows = [self._model(case), self._random(case), self._shortest(case)]
        if self.position is not None:
            rows.append(self._constant(case))
        return rows

    def _model(self, case: _Case) -> Score:
        forecaster = self._allowed(case.walk)
        nll_next, impossible = None, 0
        if case.hidden is None:
            belief = forecaster.watch(case.seen)[-1]
            mass, log_next = belief.mass, _next_log_probabilities(belief, case.future[1:])
            nll_next, impossible = self._loss(np.exp(log_next))
        else:
            mass = case.hidden_mass()
        steps = len(case.future) - 1
        ahead = visits_ahead(forecaster, mass, steps, negligible=self.settings.negligible)
        self.watch(Outlook(case.walk, case.label, len(case.seen) - 1, mass.sum(1), ahead))
        drawn = sample_paths(forecaster, mass, steps, self.settings.samples, seed=self.settings.seed).states
        row = self._probabilistic(MODEL, case, ahead.distribution, drawn)
        goal = None
        if case.walk.goal is not None and case.walk.goal in forecaster.goals[case.allowed(forecaster.goals)]:
            goal = float(mass[forecaster.goals == case.walk.goal].sum())
        return dataclasses.replace(
            row, nll_next=nll_next, goal_probability=goal, impossible=row.impossible + impossible
        )

    def _random(self, case: _Case) -> Score:
        steps = len(case.future) - 1
        if case.walk.detections is None:
            mass = np.zeros(self.forecaster.mdp.n_states)
            mass[case.seen[-1]] = 1.0
        else:
            mass = self.random_walk.filtered(case.walk.detections.part(0, len(case.seen)))
        drawn = self.random_walk.sample(mass, steps, self.settings.samples, seed=self.settings.seed)
        row = self._probabilistic(RANDOM, case, self.random_walk.distribution(mass, steps), drawn)
        if case.walk.detections is not None:
            return row
        pairs = zip(case.future[:-1], case.future[1:], strict=True)
        nll, impossible = self._loss(np.exp([self.random_walk.log_next(int(a), int(b)) for a, b in pairs]))
        return dataclasses.replace(row, nll_next=nll, impossible=row.impossible + impossible)

    def _shortest(self, case: _Case) -> Score:
        allowed = case.allowed(self.forecaster.goals)
        path = self.shortest_path.path(case.seen_states(self.position), len(case.future) - 1, candidates=allowed)
        return self._single(SHORTEST, case, None if self.position is None else self.position[path])

    def _constant(self, case: _Case) -> Score:
        steps = len(case.future) - 1
        path = self.settings.constant_velocity.path(case.seen_positions(self.position), steps)
        return self._single(CONSTANT, case, path)

    def _loss(self, probability: Float[np.ndarray, " n"]) -> tuple[float, int]:
        share = self.settings.background
        mixed = (1 - share) * probability + share / self.forecaster.mdp.n_states
        with np.errstate(divide="ignore"):
            return float(-np.log(mixed).mean()), int((mixed == 0).sum())

    def _probabilistic(self, method: str, case: _Case, distribution: np.ndarray, drawn: np.ndarray) -> Score:
        chosen = np.exp(-log_loss(distribution[1:], case.future[1:]))
        nll_ahead, impossible = self._loss(chosen)
        row = self._row(method, case)
        row = dataclasses.replace(row, nll_ahead=nll_ahead, impossible=impossible)
        if self.position is None:
            return row
        truth = self.position[case.future[1:]]
        mean, paths = distribution[1:] @ self.position, self.position[drawn[:, 1:]]
        ade, fde = average_displacement(paths, truth), final_displacement(paths, truth)
        return dataclasses.replace(
            row,
            ade_mean=float(average_displacement(mean, truth)),
            fde_mean=float(final_displacement(mean, truth)),
            ade_samples=float(ade.mean()),
            fde_samples=float(fde.mean()),
            ade_best=best_of(ade, self.settings.best_of),
            fde_best=best_of(fde, self.settings.best_of),
            hausdorff=float(np.mean([modified_hausdorff(path, truth) for path in paths])),
        )

    def _single(self, method: str, case: _Case, path: Float[np.ndarray, "times 2"] | None) -> Score:
        row = self._row(method, case)
        if path is None or self.position is None:
            return row
        truth = self.position[case.future[1:]]
        return dataclasses.replace(
            row,
            ade_mean=float(average_displacement(path[1:], truth)),
            fde_mean=float(final_displacement(path[1:], truth)),
            hausdorff=modified_hausdorff(path[1:], truth),
        )

    def _row(self, method: str, case: _Case) -> Score:
        size = None if self.geometry is None or self.geometry.unit == "cells" else self.geometry.cell_size
        nothing = dict.fromkeys(("nll_next", "nll_ahead", *DISTANCES))
        return Score(case.walk.name, case.label, method, steps=len(case.future) - 1, cell_size=size, **nothing)


def _next_log_probabilities(belief: Belief, future: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """log p(next cell | walk so far) at each step; -inf from where no candidate goal can be reached any more."""
    log_next = np.full(len(future), -np.inf)
    for step, state in enumerate(future):
        log_next[step] = belief.log_next(state)
        if np.isneginf(belief.forecaster.scaled_values[:, state] + belief.forecaster.log_prior).all():
            break
        belief = belief.update(state)
    return log_next


@dataclasses.dataclass(frozen=True, eq=False)
class _Case:
    walk: HeldOutWalk
    label: str
    seen: Int[np.ndarray, " t"]
    future: Int[np.ndarray, " times"]
    hidden: HiddenWalk | None

    def hidden_mass(self) -> Float[np.ndarray, "G S"]:
        """p(g, s) after the observed part, for a walk seen through detections."""
        assert self.hidden is not None
        assert self.walk.detections is not None
        step = len(self.seen) - 1 - self.walk.detections.first
        mass = np.zeros(self.hidden.forecaster.scaled_values.shape)
        mass[:, self.hidden.support[step]] = self.hidden.joint[step]
        return mass

    def allowed(self, goals: Int[np.ndarray, " G"]) -> np.ndarray:
        return ~np.isin(goals, self.walk.excluded)

    def seen_positions(self, position: Float[np.ndarray, "S 2"] | None) -> Float[np.ndarray, "t 2"]:
        """Observed positions: of the states, or the detections themselves, the last one carried over gaps."""
        assert position is not None
        detections = self.walk.detections
        if detections is None:
            return position[self.seen]
        seen = detections.position[: len(self.seen)]
        detected = np.ones(len(seen), bool) if detections.detected is None else detections.detected[: len(seen)]
        steps = np.arange(len(seen))
        return np.stack([np.interp(steps, steps[detected], axis[detected]) for axis in seen.T], axis=1)

    def seen_states(self, position: Float[np.ndarray, "S 2"] | None) -> Int[np.ndarray, " t"]:
        """Observed states, or those nearest to the detections."""
        if self.walk.detections is None:
            return self.seen
        detected = self.seen_positions(position)
        return np.array([int(np.argmin(((self.walk.detections.centre - point) ** 2).sum(1))) for point in detected])
