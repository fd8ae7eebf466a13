import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from maxentrl.forecast.metrics import Interval
from maxentrl.forecast.scores import MEASURES, Summary
from maxentrl.plots.fits import (
    Calibration,
    Coefficients,
    Convergence,
    ScoreChart,
    calibration_curve,
    coefficient_plot,
    convergence_curve,
    score_chart,
)
from maxentrl.plots.goals import GoalHistory, goal_bars
from maxentrl.status import InvalidInput


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def heights(container):
    return [bar.get_height() for bar in container]


def test_goal_bars_stack_to_one_with_the_reached_goal_below():
    probability = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    ax = goal_bars(GoalHistory(probability, ("gate", "steps", "lane"), seconds_per_step=0.5, true_goal=2))
    FigureCanvasAgg(ax.figure).draw()
    assert [c.get_label() for c in ax.containers] == ["lane (reached)", "gate", "steps"]
    np.testing.assert_allclose(heights(ax.containers[0]), [0.3, 0.1])
    assert [bar.get_y() for bar in ax.containers[0]] == [0, 0]
    top = [bar.get_y() + bar.get_height() for bar in ax.containers[-1]]
    np.testing.assert_allclose(top, 1.0)
    np.testing.assert_allclose([bar.get_x() + bar.get_width() / 2 for bar in ax.containers[0]], [0.0, 0.5])
    assert ax.get_xlabel() == "seconds observed"


def test_many_goals_become_one_band():
    probability = np.full((4, 20), 0.05)
    ax = goal_bars(GoalHistory(probability, tuple(map(str, range(20)))))
    assert len(ax.containers) == 8
    assert ax.containers[-1].get_label() == "13 others"
    np.testing.assert_allclose(heights(ax.containers[-1]), 13 * 0.05)
    assert ax.get_xlabel() == "observed steps"


def test_labels_must_fit_the_goals():
    with pytest.raises(InvalidInput, match="one label a goal"):
        GoalHistory(np.ones((2, 3)) / 3, ("a", "b"))


def test_coefficient_plot_shows_estimate_interval_and_truth():
    estimate = np.array([-1.0, 0.5])
    low, high = np.array([-1.2, np.nan]), np.array([-0.8, np.nan])
    ax = coefficient_plot(Coefficients(("distance", "shade <b>"), estimate, low, high, np.array([-1.1, 0.4])))
    FigureCanvasAgg(ax.figure).draw()
    by_label = {c.get_label(): c for c in ax.collections}
    np.testing.assert_allclose(by_label["estimate"].get_offsets(), [[-1.0, 0], [0.5, 1]])
    np.testing.assert_allclose(by_label["truth"].get_offsets(), [[-1.1, 0], [0.4, 1]])
    (segment,) = by_label["95 % interval"].get_segments()  # none where there is no interval
    np.testing.assert_allclose(segment, [[-1.2, 0], [-0.8, 0]])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["distance", "shade <b>"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first name on top


def test_coefficients_need_a_name_each():
    with pytest.raises(InvalidInput, match="1 names for 2 estimates"):
        coefficient_plot(Coefficients(("a",), np.zeros(2)))


def test_convergence_is_drawn_on_a_logarithmic_axis():
    ax = convergence_curve(Convergence(np.array([-9.0, -5.0, -4.0]), np.array([3.0, 1.0, 0.0]), tolerance=1e-4))
    FigureCanvasAgg(ax.figure).draw()
    lines = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert lines["objective below its best"] == [[0, 5], [1, 1]]
    assert lines["gradient norm"] == [[0, 3], [1, 1]]  # zero has no logarithm
    assert "tolerance 0.0001" in lines
    assert ax.get_yscale() == "log"


def test_calibration_bins_forecasts():
    probability = np.array([0.05, 0.05, 0.95, 1.0])
    ax = calibration_curve(Calibration(probability, np.array([0.0, 1.0, 1.0, 1.0])))
    points = next(c for c in ax.collections if c.get_label() == "forecasts").get_offsets()
    np.testing.assert_allclose(points, [[0.05, 0.5], [0.975, 1.0]])


def summary(observed, method, mean, low=None, high=None):
    measures = dict.fromkeys(MEASURES) | {"ade_mean": Interval(mean, low, high, 3)}
    return Summary(observed, method, 3, measures, dict.fromkeys(MEASURES), 0)


def test_score_chart_shows_each_method_with_its_interval():
    rows = [
        summary("10 %", "maximum entropy", 1.0, 0.5, 1.5),
        summary("10 %", "shortest path", 2.0, 1.0, 3.0),
        summary("50 %", "maximum entropy", 0.5),
    ]
    ax = score_chart(ScoreChart(rows, "ade_mean", "metres"))
    assert legend(ax) == ["maximum entropy", "shortest path"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10 % seen", "50 % seen"]
    points = next(c for c in ax.collections if c.get_label() == "maximum entropy").get_offsets()
    np.testing.assert_allclose(points[:, 1], [1.0, 0.5])


def test_a_measure_that_no_method_has_is_named():
    with pytest.raises(InvalidInput, match="nll_next"):
        score_chart(ScoreChart([summary("10 %", "shortest path", 1.0)], "nll_next", "nats"))
