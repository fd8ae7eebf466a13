"""Cloning, matching and MaxEnt on the same walks, by the same scores: one row a problem, method, size and seed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from maxentrl.forecast.metrics import Interval, interval
from maxentrl.runs.compare_methods import METHODS, AbstractMethod
from maxentrl.runs.compare_problem import ComparisonProblem
from maxentrl.runs.compare_scores import Judge, Scores, expert, sizes_of, uniform
from maxentrl.runs.files import as_float
from maxentrl.status import Failure, InvalidInput, MaxentrlError, Status

SIZES = (1, 3, 10, 30, 100, 300, 1000)
"""Numbers of demonstrations, unless asked otherwise."""
SEEDS = 5
"""Subsets drawn of each size, unless asked otherwise."""
MEASURES = {
    "nats": "held-out nats a decision",
    "regret": "regret, share of chance's",
    "lost_return": "lost return",
    "feature_gap": "feature gap",
    "seconds": "seconds",
}
"""What is compared, and what it is called."""
UNIFORM, EXPERT = "uniform", "expert"
"""References that learn nothing: all moves alike, and the true reward's own policy."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is compared.

    Attributes:
        methods: names of methods; empty for all, less those that are another's double on a problem.
        sizes: numbers of demonstrations; those beyond the walks there are become all of them.
        seeds: subsets of each size, numbered from 0; smaller subsets of a seed lie within larger ones.
    """

    methods: tuple[str, ...] = ()
    sizes: tuple[int, ...] = SIZES
    seeds: int = SEEDS

    def __post_init__(self) -> None:
        known = [method.name for method in METHODS]
        problems = [
            f"there is no method '{name}': choose of {', '.join(known)}" for name in self.methods if name not in known
        ]
        problems += [f"demonstrations {size}: expected at least 1" for size in self.sizes if size < 1]
        if not self.sizes:
            problems.append("no number of demonstrations: give at least one")
        if self.seeds < 1:
            problems.append(f"seeds = {self.seeds}: expected at least 1")
        if problems:
            raise InvalidInput(problems)


@dataclasses.dataclass(frozen=True)
class Row:
    """One method that learnt from one subset.

    Attributes:
        problem: name of the problem.
        method: name of the method.
        walks: demonstrations learnt from.
        seed: of the subset, and of the method where it draws numbers.
        status: name of the status by which learning ended.
        reason: what belongs to it; why there are no scores where there are none.
        seconds: taken to learn; the first use of a method includes its compilation.
        scores: None where the method failed.
    """

    problem: str
    method: str
    walks: int
    seed: int
    status: str
    reason: str
    seconds: float
    scores: Scores | None

    @property
    def key(self) -> tuple[str, str, int, int]:
        """By which rows are told apart."""
        return self.problem, self.method, self.walks, self.seed

    @property
    def finished(self) -> bool:
        """Whether there are scores, of an answer that is what was asked for."""
        return self.scores is not None and Status[self.status].successful

    def measure(self, name: str) -> float | None:
        """One of ``MEASURES``."""
        if self.scores is None:
            return None
        return self.seconds + self.scores.planning_seconds if name == "seconds" else getattr(self.scores, name)

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Row:
        """From the plain data; raises KeyError, TypeError or ValueError where they are damaged."""
        scores: Scores | None = None
        if data["scores"] is not None:
            read: dict[str, Any] = {
                key: value if value is None or key == "remark" else as_float(value)
                for key, value in data["scores"].items()
            }
            scores = Scores(**read)
        return Row(**{**data, "scores": scores, "seconds": as_float(data["seconds"])})


@dataclasses.dataclass(frozen=True)
class Task:
    """A row that is to be made."""

    problem: ComparisonProblem
    method: AbstractMethod
    walks: int
    seed: int

    @property
    def key(self) -> tuple[str, str, int, int]:
        """As of its row."""
        return self.problem.name, self.method.name, self.walks, self.seed


@dataclasses.dataclass(frozen=True)
class RowDone:
    """Progress: a row is made, or was there already."""

    done: int
    total: int
    row: Row


def methods_of(problem: ComparisonProblem, names: Sequence[str]) -> tuple[AbstractMethod, ...]:
    """The methods asked for; by default all, but MaxEnt of whole trajectories where it is causal MaxEnt."""
    if names:
        return tuple(method for method in METHODS if method.name in names)
    return tuple(method for method in METHODS if method.name != "maxent" or not problem.deterministic)


def tasks(problems: Sequence[ComparisonProblem], settings: Settings) -> list[Task]:
    """All rows, few demonstrations first, so that an interrupted comparison has something to show."""
    return [
        Task(problem, method, size, seed)
        for problem in problems
        for size in sizes_of(problem.train, settings.sizes)
        for seed in range(settings.seeds)
        for method in methods_of(problem, settings.methods)
    ]


def subset(problem: ComparisonProblem, size: int, seed: int) -> Int[np.ndarray, " n"]:
    """The first ``size`` walks of the seed's own order, so that a larger subset holds the smaller ones."""
    return np.random.default_rng([seed, 17]).permutation(len(problem.train))[:size]


def compare(
    problems: Sequence[ComparisonProblem],
    settings: Settings,
    *,
    known: Mapping[tuple[str, str, int, int], Row] | None = None,
) -> Iterator[RowDone]:
    """Make the rows one by one; those in ``known`` are passed on as they are.

    A method that refuses the walks or finds no answer is a row with its reason.

    Raises:
        KeyboardInterrupt: as soon as it is asked for; the row that was being made is not handed on.
    """
    known = known or {}
    every = tasks(problems, settings)
    judges: dict[str, Judge] = {}
    for number, task in enumerate(every, 1):
        row = known.get(task.key)
        if row is None:
            name = task.problem.name
            if name not in judges:
                judges[name] = Judge(task.problem)
            row = make_row(task, judges[name])
        yield RowDone(number, len(every), row)


def make_row(task: Task, judge: Judge) -> Row:
    """Learn and score once."""
    walks = task.problem.train.select(subset(task.problem, task.walks, task.seed))
    begun = time.perf_counter()
    try:
        learnt = task.method.learn(task.problem, walks, task.seed)
        seconds = time.perf_counter() - begun
        scores = judge.score(learnt.policy)
    except (MaxentrlError, MemoryError) as error:
        seconds = time.perf_counter() - begun
        status = error.status.name if isinstance(error, Failure) else type(error).__name__
        return Row(*task.key, status, str(error) or "not enough memory", seconds, None)
    return Row(*task.key, learnt.status.name, learnt.detail, seconds, scores)


def references(problem: ComparisonProblem) -> dict[str, Scores]:
    """Scores of what learns nothing."""
    judge = Judge(problem)
    found = {UNIFORM: judge.score(uniform(problem.mdp))}
    if problem.truth is not None:
        found[EXPERT] = judge.score(expert(problem))
    return found


@dataclasses.dataclass(frozen=True)
class Point:
    """One method with one number of demonstrations on one problem, over the seeds.

    Attributes:
        problem: name.
        method: name.
        walks: demonstrations.
        measures: t intervals over the seeds that have a number, of ``seconds`` the median; None where none has. An interval
            has no ends where all seeds learnt from the same walks.
        scored: seeds with scores.
        finished: of these, those whose learning ended as it should.
        seeds: all.
        reasons: why the others have no scores, each once.
    """

    problem: str
    method: str
    walks: int
    measures: Mapping[str, Interval | None]
    scored: int
    finished: int
    seeds: int
    reasons: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dataclasses.asdict(self)


def summarise(rows: Sequence[Row], available: Mapping[str, int]) -> tuple[Point, ...]:
    """Means over seeds, in the order of the rows.

    Args:
        rows: of any problems, methods, sizes and seeds.
        available: walks to draw from by problem; a subset that is all of them is the same for every seed, so its mean has
            no interval.
    """
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault(row.key[:3], []).append(row)
    return tuple(_point(*key, group, drawn=key[2] < available[key[0]]) for key, group in groups.items())


def _point(problem: str, method: str, walks: int, rows: Sequence[Row], *, drawn: bool) -> Point:
    measures: dict[str, Interval | None] = {}
    for name in MEASURES:
        values = [value for row in rows if (value := row.measure(name)) is not None]
        if not values:
            measures[name] = None
        elif name == "seconds":  # the first use of a method compiles: a mean would be of that
            measures[name] = Interval(float(np.median(values)), None, None, len(values))
        else:
            found = interval(np.array(values))
            measures[name] = found if drawn else Interval(found.mean, None, None, found.count)
    return Point(
        problem,
        method,
        walks,
        measures,
        sum(row.scores is not None for row in rows),
        sum(row.finished for row in rows),
        len(rows),
        tuple(dict.fromkeys(row.reason for row in rows if row.scores is None)),
    )
