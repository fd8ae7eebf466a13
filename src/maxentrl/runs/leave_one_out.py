"""Leave-one-out: each walk forecast by weights that were learnt from the others."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import Trajectories
from maxentrl.forecast.detection_errors import DetectionErrors
from maxentrl.forecast.evaluation import EvaluationSettings, Fraction, HeldOutWalk, Outlook, forecast_walks
from maxentrl.forecast.goals import GoalForecaster
from maxentrl.forecast.scores import Score, Summary, summarise
from maxentrl.inverse.columns import MAXIMUM_PARAMETERS
from maxentrl.inverse.feasible import feasible_start
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.target import FitTarget
from maxentrl.mdp.time import ToGoal
from maxentrl.planning.linear_system import is_linear
from maxentrl.rewards.reward import coefficient_mask
from maxentrl.runs.demonstrations import Demonstrations, goal_states
from maxentrl.runs.detections import SeenWalk, errors_without, hidden, lasting_share, read_detections
from maxentrl.runs.evaluate import decision_nats, uniform_nats
from maxentrl.runs.job import Job
from maxentrl.runs.learning import learn, make_learning, make_optimiser
from maxentrl.runs.outlook import candidates, forecaster_with, goal_problem, link_pattern, listed
from maxentrl.runs.reward import make_objective, make_prior, parameter_space
from maxentrl.status import InvalidInput, Status

TRUE, DETECTED = "true positions", "tracked positions"
"""What the observed part of a walk was seen by."""
NEGLIGIBLE = 1e-8
"""Goals less probable than this after the observed part are left out of the steps ahead."""
REFIT_TOLERANCE = 1e-4
"""Gradient, per walk, at which a fit without one walk ends, unless the specification asks for less: begun next to its
optimum, Newton's method is then within a millionth of a nat of it."""
BACKGROUND = 1e-3
"""Share of every likelihood that is spread over all cells where walks are seen by detections: a tracker can be wrong about a
whole walk, and one cell that the filter thought impossible would make the mean infinite."""
FAINT = 1e-7
"""Expected visits below this are not kept for the maps."""


@dataclasses.dataclass(frozen=True, eq=False)
class Fold:
    """One walk left out.

    Attributes:
        walk: its name.
        status: how the search for the weights of the others ended; whether they have a maximum is not proven anew.
        parameters: θ without it, (K,).
        nats_per_decision: −log π of its decisions, its goal told.
        uniform_nats: the same where all moves are alike.
        candidates: goals that it may have been going to.
        goal_known: whether its own goal is among them, because another walk ends there.
        deviation: standard deviation of detections in x and y in cells, from the other walks; None without detections.
        clutter: share of detections that lie anywhere, from the other walks; None likewise.
        ignored: greatest probability, over its forecasts, of the goals left out as negligible.
        fit_seconds: taken by the fit.
        forecast_seconds: taken by the forecasts.
    """

    walk: str
    status: Status
    parameters: Float[np.ndarray, " K"]
    nats_per_decision: float
    uniform_nats: float
    candidates: int
    goal_known: bool
    deviation: tuple[float, float] | None
    clutter: float | None
    ignored: float
    fit_seconds: float
    forecast_seconds: float


@dataclasses.dataclass(frozen=True, eq=False)
class WalkMap:
    """What one forecast looked like.

    Attributes:
        walk: name of the walk.
        observed: how much was seen, as a label.
        states: of the whole walk, (L+1,).
        moves: of these, how many were seen.
        goals: candidates, (G,).
        probability: p(g) after the observed part, (G,).
        visits: expected visits of each state over as many steps as the walk then took, (S,).
    """

    walk: str
    observed: str
    states: Int[np.ndarray, " times"]
    moves: int
    goals: Int[np.ndarray, " G"]
    probability: Float[np.ndarray, " G"]
    visits: Float[np.ndarray, " S"]


@dataclasses.dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """All walks, each left out once.

    Attributes:
        folds: one a walk.
        scores: for each way of seeing the observed part, one row a forecast, distances in cells.
        maps: one a walk and observed part, seen by true positions.
        histories: p(g) after each step of each walk, (L+1, G), by its name.
        lasting: share of the squared errors of detections that each walk's mean error explains; None without detections.
    """

    folds: tuple[Fold, ...]
    scores: Mapping[str, tuple[Score, ...]]
    maps: tuple[WalkMap, ...] = ()
    histories: Mapping[str, Float[np.ndarray, "times G"]] = dataclasses.field(default_factory=dict)
    lasting: float | None = None

    @property
    def summaries(self) -> dict[str, list[Summary]]:
        """Means over walks with t intervals, for each way of seeing."""
        return {source: summarise(rows) for source, rows in self.scores.items()}

    @property
    def nats_per_decision(self) -> tuple[float, float]:
        """Mean over walks of −log π of the decisions with the goal told, and where all moves are alike."""
        pairs = np.array([(fold.nats_per_decision, fold.uniform_nats) for fold in self.folds])
        ours, uniform = pairs.mean(0)
        return float(ours), float(uniform)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What belongs to the tables."""
        ignored = max(fold.ignored for fold in self.folds)
        told = [f"goals left out of the steps ahead as negligible held at most {ignored:.1e} of the probability"]
        told.append("candidates: " + _range([fold.candidates for fold in self.folds]) + " goals a walk")
        unknown = sum(not fold.goal_known for fold in self.folds)
        told.append(
            f"{unknown} of {len(self.folds)} walks end where no other walk does: their goal is no candidate and has no p(goal)"
        )
        told += self._on_detections()
        odd = [fold for fold in self.folds if not fold.status.successful]
        told += [f"the fit without {fold.walk} did not finish: {fold.status.value}" for fold in odd]
        return tuple(told)

    def _on_detections(self) -> list[str]:
        known = [fold for fold in self.folds if fold.deviation is not None]
        if not known:
            return []
        x, y = (_range([fold.deviation[k] for fold in known if fold.deviation]) for k in (0, 1))
        clutter = _range([100 * (fold.clutter or 0.0) for fold in known])
        told = [
            f"errors of detections, from the other walks: standard deviation {x} cells across, {y} down; {clutter} % "
            "lie anywhere",
            f"with tracked positions {BACKGROUND:g} of every likelihood is spread over all cells, for all methods",
        ]
        if self.lasting is not None:
            told.append(
                f"{100 * self.lasting:.0f} % of the squared errors of detections last for a whole walk; the filter takes "
                "errors as independent from step to step, and is the surer of the wrong cell"
            )
        told += [
            f"{part}: {count} of {len(self.folds)} walks had a detection by then"
            for part, count in self._counts(DETECTED).items()
            if count < len(self.folds)
        ]
        return told

    def _counts(self, source: str) -> dict[str, int]:
        return {row.observed: row.walks for row in self.summaries.get(source, [])}

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON, maps left out."""
        ours, uniform = self.nats_per_decision
        return {
            "nats_per_decision": ours,
            "uniform_nats": uniform,
            "lasting": self.lasting,
            "remarks": self.remarks,
            "forecasts": {source: [dataclasses.asdict(row) for row in rows] for source, rows in self.summaries.items()},
            "folds": [{**dataclasses.asdict(fold), "status": fold.status.name} for fold in self.folds],
            "scores": {source: [dataclasses.asdict(row) for row in rows] for source, rows in self.scores.items()},
        }


def _range(values: list[int] | list[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


@dataclasses.dataclass(frozen=True)
class FoldDone:
    """Progress: a walk is done."""

    done: int
    total: int
    fold: Fold


def unobserved(done: FoldDone) -> None:
    """Say nothing."""


def leave_one_out(
    job: Job,
    parameters: Float[np.ndarray, " K"],
    *,
    seed: int = 0,
    progress: Callable[[FoldDone], None] = unobserved,
) -> LeaveOneOut:
    """Fit without each walk in turn, from ``parameters`` on, and forecast it with its goal unknown.

    Candidate goals are those of the specification with the ends of the other walks; the walk's own goal is one only where
    another walk ends there, or where the specification lists it. The observed part is seen by the true positions and,
    where there are any, by a tracker's detections, whose errors are estimated from the other walks.

    Args:
        job: what was fitted.
        parameters: where each fit begins.
        seed: of the paths drawn.
        progress: called after each walk.

    Raises:
        InvalidInput: fewer than two walks, feature counts, time that is not to a goal.
        Failure: as ``fit``.
    """
    walks = _all_walks(job)
    if not isinstance(job.time, ToGoal):
        raise InvalidInput('leave-one-out forecasts goals: it needs [time] kind = "to-goal"')
    seen = read_detections(job, walks)
    run = _Runner(job, walks, np.asarray(parameters, float), seen, seed)
    folds: list[Fold] = []
    for index in range(len(walks)):
        folds.append(run.fold(index))
        progress(FoldDone(index + 1, len(walks), folds[-1]))
    scores = {source: tuple(rows) for source, rows in run.scores.items() if rows}
    errors = errors_without(job, seen, "")
    lasting = None if errors is None else lasting_share(seen, errors)
    return LeaveOneOut(tuple(folds), scores, tuple(run.maps), run.histories, lasting)


def _in_cells(job: Job, lengths: tuple[float, float]) -> tuple[float, float]:
    geometry = job.scene.world.geometry
    size = 1.0 if geometry is None else geometry.cell_size
    return lengths[0] / size, lengths[1] / size


def _all_walks(job: Job) -> Trajectories:
    found = job.demonstrations
    if found is None or not isinstance(found.train, Trajectories):
        raise InvalidInput("leave-one-out needs walks: the SPEC has none")
    walks = found.together.train
    assert isinstance(walks, Trajectories)
    if len(walks) < 2:
        raise InvalidInput("leave-one-out needs two walks or more")
    return walks


class _Runner:
    """The folds of one job; keeps scores, maps and histories as they come."""

    def __init__(
        self,
        job: Job,
        walks: Trajectories,
        parameters: Float[np.ndarray, " K"],
        seen: Mapping[str, SeenWalk],
        seed: int,
    ) -> None:
        self.job, self.walks, self.parameters, self.seen = job, walks, parameters, seen
        self.pattern = link_pattern(job) if is_linear(goal_problem(job, parameters, (0,))) else None
        self.scores: dict[str, list[Score]] = {TRUE: [], DETECTED: []}
        self.maps: list[WalkMap] = []
        self.histories: dict[str, np.ndarray] = {}
        self.ignored = 0.0
        forecast = job.spec.forecast
        self.settings = EvaluationSettings(
            observed=tuple(Fraction(share) for share in forecast.observed),
            samples=forecast.samples,
            best_of=forecast.samples,
            negligible=NEGLIGIBLE,
            seed=seed,
        )

    def fold(self, index: int) -> Fold:
        """Fit without one walk and forecast it."""
        job, name = self.job, self.walks.names[index]
        others = self.walks.select(np.arange(len(self.walks)) != index)
        begun = time.perf_counter()
        status, parameters = self._fit(others)
        fitted = time.perf_counter()
        one = self.walks.select(np.array([index]))
        own = goal_states(job.time, one)[-1]
        ends = goal_states(job.time, others)
        goals = [goal for goal in candidates(job, ends) if goal != own or goal in ends or listed(job, goal)]
        forecaster = forecaster_with(job, parameters, goals, self.pattern)
        errors = errors_without(job, self.seen, name)
        self.ignored = 0.0
        self._forecast(one, own if own in goals else None, forecaster, errors)
        nats, _ = decision_nats(job, parameters, one)
        return Fold(
            walk=name,
            status=status,
            parameters=parameters,
            nats_per_decision=nats,
            uniform_nats=uniform_nats(job, one),
            candidates=len(goals),
            goal_known=own in goals,
            deviation=None if errors is None else _in_cells(job, errors.standard_deviation),
            clutter=None if errors is None else errors.clutter,
            ignored=self.ignored,
            fit_seconds=fitted - begun,
            forecast_seconds=time.perf_counter() - fitted,
        )

    def _fit(self, others: Trajectories) -> tuple[Status, Float[np.ndarray, " K"]]:
        job = self.job
        problem = InverseProblem(
            job.scene.world.mdp, job.reward, others, job.time, job.spec.fit.temperature, entropy=job.entropy
        )
        if not coefficient_mask(job.reward).all():
            found = learn(
                make_learning([dataclasses.replace(job, demonstrations=Demonstrations(others, None, job.report))])
            )
            return found.status, found.parameters
        target = FitTarget(
            (make_objective(job.spec.fit, problem),),
            parameter_space(job.spec.reward, job.reward),
            make_prior(job.spec.reward, job.reward),
        )
        tolerance = max(job.spec.fit.tolerance, REFIT_TOLERANCE)
        newton = Newton(tolerance, job.spec.fit.max_evaluations)
        optimiser = newton if len(job.reward.names) <= MAXIMUM_PARAMETERS else make_optimiser(job.spec.fit, job.reward)
        optimum = optimiser.maximise(target, feasible_start(target, target.space.free_of(self.parameters)))
        return optimum.status, target.space.parameters(optimum.point.free)

    def _forecast(
        self, one: Trajectories, goal: int | None, forecaster: GoalForecaster, errors: DetectionErrors | None
    ) -> None:
        name, states, geometry = one.names[0], one.states, self.job.scene.world.geometry
        true = HeldOutWalk(name, states, goal)

        def keep(outlook: Outlook) -> None:
            self.ignored = max(self.ignored, outlook.ahead.ignored)
            if outlook.walk is true and geometry is not None:
                visits = np.where(outlook.ahead.visits > FAINT, outlook.ahead.visits, 0.0)
                self.maps.append(
                    WalkMap(name, outlook.observed, states, outlook.moves, forecaster.goals, outlook.goals, visits)
                )

        cases = {TRUE: (true, self.settings)}
        seen = self.seen.get(name)
        if seen is not None and errors is not None:
            tracked = dataclasses.replace(true, detections=hidden(self.job, seen, errors))
            cases[DETECTED] = tracked, dataclasses.replace(self.settings, background=BACKGROUND)
        for source, (walk, settings) in cases.items():
            rows = forecast_walks(forecaster, [walk], geometry=geometry, settings=settings, watch=keep)
            self.scores[source] += [row.in_cells for row in rows]
        self.histories[name] = np.stack([belief.goals for belief in forecaster.watch(states)])
