"""Which goals of a map are labelled, and where the labels stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.plots.figure import SMALL, Axes

LEAST_PROBABILITY = 0.03
"""Goals of smaller probability are not labelled."""
COUNTED = 0.01
"""Goals of smaller probability add to the label of a near one without being counted there."""
MOST_LABELS = 6
"""Labels on a map."""
TOGETHER = 3.0
"""Goals at most this many cells apart share a label."""
WIDTH, HEIGHT = 0.62, 1.5
"""Of a letter and of a line, in font sizes."""
GAP = 12.0
"""Points between a goal and its label."""


@dataclasses.dataclass(frozen=True)
class GoalLabel:
    """A label and where it stands.

    Attributes:
        text: the goal's name, how many goals near it are meant too, and their probability together.
        position: of the goal, (x, y) in the map's unit.
        shift: of the label from there, in points, to the right and upwards.
        across: side of the text that stands there, as matplotlib calls it.
    """

    text: str
    position: tuple[float, float]
    shift: tuple[float, float] = (GAP, 0.0)
    across: str = "left"


def goal_labels(
    position: Float[np.ndarray, "G 2"],
    names: Sequence[str] | None,
    probability: Float[np.ndarray, " G"] | None,
    cell_size: float,
) -> tuple[GoalLabel, ...]:
    """Labels of the most probable goals; those within ``TOGETHER`` cells of a more probable one are counted with it."""
    weight = np.ones(len(position)) if probability is None else np.asarray(probability, float)
    groups: list[list[int]] = []
    for goal in np.argsort(-weight, kind="stable").tolist():
        apart = [np.hypot(*(position[goal] - position[group[0]])) for group in groups]
        near = [k for k, distance in enumerate(apart) if distance <= TOGETHER * cell_size]
        if near:
            groups[min(near, key=apart.__getitem__)].append(goal)
        else:
            groups.append([goal])
    groups.sort(key=lambda group: -weight[group].sum())
    if probability is not None:
        groups = [group for group in groups if weight[group].sum() >= LEAST_PROBABILITY]
    labels = []
    for first, *others in groups[:MOST_LABELS]:
        name = str(first + 1) if names is None else names[first]
        counted = sum(weight[goal] >= COUNTED for goal in others)
        more = f" +{counted}" if counted else ""
        share = "" if probability is None else f"  {100 * weight[[first, *others]].sum():.0f} %"
        x, y = position[first].tolist()
        labels.append(GoalLabel(f"{name}{more}{share}", (x, y)))
    return tuple(labels)


def place_labels(ax: Axes, labels: Sequence[GoalLabel]) -> tuple[GoalLabel, ...]:
    """The labels beside, above or below their goals, where they cover one another and leave the map least."""
    ax.apply_aspect()
    points = 72.0 / ax.figure.dpi
    frame = ax.get_window_extent().bounds
    inside = np.array([frame[0], frame[1], frame[0] + frame[2], frame[1] + frame[3]]) * points
    taken: list[np.ndarray] = []
    placed = []
    for label in labels:
        x, y = ax.transData.transform(label.position) * points
        choices = [
            (dataclasses.replace(label, shift=shift, across=across), _box(x, y, label.text, shift, across))
            for shift, across in _PLACES
        ]
        cost = [sum(_common(box, other) for other in taken) + 2 * _outside(box, inside) for _, box in choices]
        best, box = choices[int(np.argmin(cost))]
        taken.append(box)
        placed.append(best)
    return tuple(placed)


_LINE = HEIGHT * SMALL
_PLACES = tuple(
    (((GAP if across == "left" else -GAP), up), across)
    for up in sorted(_LINE / 2 * np.arange(-12, 13), key=abs)
    for across in ("left", "right")
)


def _box(x: float, y: float, text: str, shift: tuple[float, float], across: str) -> Float[np.ndarray, " corners"]:
    """Left, bottom, right, top of a text, in points."""
    width = WIDTH * SMALL * len(text)
    left = x + shift[0] - (width if across == "right" else 0.0)
    middle = y + shift[1]
    return np.array([left, middle - _LINE / 2, left + width, middle + _LINE / 2])


def _common(one: np.ndarray, other: np.ndarray) -> float:
    """Area that two boxes share."""
    size = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return float(np.prod(np.maximum(size, 0.0)))


def _outside(box: np.ndarray, frame: np.ndarray) -> float:
    """Area of a box that lies beyond the frame."""
    return float(np.prod(box[2:] - box[:2])) - _common(box, frame)
