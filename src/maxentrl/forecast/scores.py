"""Score tables: a row for each forecast of a walk, and means with intervals; what does not exist is None."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from maxentrl.forecast.metrics import Interval, interval, paired_difference

MODEL, RANDOM, SHORTEST, CONSTANT = "maximum entropy", "random walk", "shortest path", "constant velocity"
METHODS = (MODEL, RANDOM, SHORTEST, CONSTANT)
"""The methods scored, in the order of the rows."""


@dataclasses.dataclass(frozen=True)
class Score:
    """One forecast of one walk. Distances are in metres where cells have a known size, else in cells.

    Attributes:
        walk: name of the walk.
        observed: how much was seen, as a label.
        method: one of ``METHODS``.
        steps: future steps scored.
        nll_next: mean −log p(next cell | walk so far) over the future steps, each seen before the next; nats.
        nll_ahead: mean −log p(cell at that step | observed part) over the future steps; nats.
        ade_mean: ADE of the expected positions (of the one path, for methods that give one).
        fde_mean: FDE of the same.
        ade_samples: mean ADE of the drawn paths.
        fde_samples: mean FDE of the drawn paths.
        ade_best: best-of-K ADE of the drawn paths.
        fde_best: best-of-K FDE of the drawn paths.
        hausdorff: modified Hausdorff distance to the true rest, mean over drawn paths (or of the one path).
        goal_probability: p(true goal | observed), None where the walk has no goal among the candidates.
        impossible: future events (next cells and cells ahead) called impossible.
        cell_size: metres a cell, or None where not known.
    """

    walk: str
    observed: str
    method: str
    steps: int
    nll_next: float | None
    nll_ahead: float | None
    ade_mean: float | None
    fde_mean: float | None
    ade_samples: float | None
    fde_samples: float | None
    ade_best: float | None
    fde_best: float | None
    hausdorff: float | None
    goal_probability: float | None = None
    impossible: int = 0
    cell_size: float | None = None

    @property
    def in_cells(self) -> Score:
        """The same score with distances in cells."""
        if self.cell_size is None:
            return self
        scaled = {name: getattr(self, name) for name in DISTANCES}
        changed = {name: None if value is None else value / self.cell_size for name, value in scaled.items()}
        return dataclasses.replace(self, cell_size=None, **changed)


DISTANCES = ("ade_mean", "fde_mean", "ade_samples", "fde_samples", "ade_best", "fde_best", "hausdorff")
"""Fields of a score that are lengths."""
MEASURES = ("nll_next", "nll_ahead", *DISTANCES, "goal_probability")
"""Fields of a score that are averaged over walks."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """Scores of one method at one observed part, averaged over walks.

    Attributes:
        observed: how much was seen.
        method: which method.
        walks: how many.
        measures: mean with interval for each of ``MEASURES``; None where no walk has it.
        difference: interval of the model's score less this method's, walk by walk; None where either lacks it.
        impossible: events called impossible, summed.
    """

    observed: str
    method: str
    walks: int
    measures: dict[str, Interval | None]
    difference: dict[str, Interval | None]
    impossible: int


def summarise(scores: Sequence[Score], *, confidence: float = 0.95) -> list[Summary]:
    """Means over walks with t intervals, and paired differences from the model; one row for each part and method."""
    parts = list(dict.fromkeys(score.observed for score in scores))
    rows = []
    for part in parts:
        for method in METHODS:
            of_method = [s for s in scores if (s.observed, s.method) == (part, method)]
            reference = {s.walk: s for s in scores if (s.observed, s.method) == (part, MODEL)}
            if of_method:
                measures = {name: _mean(of_method, name, confidence) for name in MEASURES}
                difference = {name: _difference(of_method, reference, name, confidence) for name in MEASURES}
                impossible = sum(s.impossible for s in of_method)
                rows.append(Summary(part, method, len(of_method), measures, difference, impossible))
    return rows


def _mean(scores: Sequence[Score], name: str, confidence: float) -> Interval | None:
    values = [getattr(score, name) for score in scores]
    known = [value for value in values if value is not None]
    return interval(np.array(known), confidence=confidence) if known else None


def _difference(scores: Sequence[Score], reference: dict[str, Score], name: str, confidence: float) -> Interval | None:
    pairs = [(getattr(reference[s.walk], name), getattr(s, name)) for s in scores if s.walk in reference]
    known = [(a, b) for a, b in pairs if a is not None and b is not None and np.isfinite(a) and np.isfinite(b)]
    if not known or scores[0].method == MODEL:
        return None
    first, second = np.array(known).T
    return paired_difference(first, second, confidence=confidence)
