"""Labels of goals: which, with what probability, and that none covers another."""

import itertools

import numpy as np
import pytest

from maxentrl.plots.figure import SMALL
from maxentrl.plots.goal_labels import goal_labels, place_labels


def test_improbable_goals_are_not_labelled_and_near_ones_share_a_label():
    position = np.array([[0.0, 0], [1, 1], [20, 0], [40, 0], [60, 0]])
    found = goal_labels(position, ("a", "b", "c", "d", "e"), np.array([0.3, 0.4, 0.25, 0.03, 0.02]), 0.5)
    assert [label.text for label in found] == ["b +1  70 %", "c  25 %", "d  3 %"]
    assert found[0].position == (1.0, 1.0)
    apart = goal_labels(position[:2], None, np.array([0.3, 0.7]), 0.4)
    assert [label.text for label in apart] == ["2  70 %", "1  30 %"]


def test_at_most_six_labels():
    position = np.stack([10.0 * np.arange(20), np.zeros(20)], axis=1)
    assert len(goal_labels(position, None, np.full(20, 0.05), 1.0)) == 6
    assert len(goal_labels(position, None, None, 1.0)) == 6


@pytest.mark.parametrize("corner", [0.0, 90.0])
def test_drawn_labels_do_not_cover_one_another(corner):
    figure = pytest.importorskip("matplotlib.figure")
    ax = figure.Figure(figsize=(9, 9)).add_subplot()
    ax.set(xlim=(0, 100), ylim=(100, 0), aspect="equal")
    position = corner + np.array([[0.0, 0], [3.2, 0], [6.4, 0], [0, 3.2], [3.2, 3.2], [6.4, 3.2]])
    names = tuple(f"entrance {k}" for k in range(6))
    drawn = [
        ax.annotate(
            label.text, label.position, label.shift, textcoords="offset points", ha=label.across, va="center",
            fontsize=SMALL, fontweight="bold",
        )
        for label in place_labels(ax, goal_labels(position, names, np.full(6, 1 / 6), 1.0))
    ]  # fmt: skip
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in drawn]
    assert len(boxes) == 6
    for one, other in itertools.combinations(boxes, 2):
        shared = np.minimum([one.x1, one.y1], [other.x1, other.y1]) - np.maximum([one.x0, one.y0], [other.x0, other.y0])
        assert min(shared) < 1.0
    frame = ax.get_window_extent()
    assert all(frame.x0 - 2 <= box.x0 and box.x1 <= frame.x1 + 2 for box in boxes)
