"""Pictures of comparisons, read off their axes."""

import numpy as np
import pytest

from maxentrl.plots.compare import Curve, Curves, curves_plot
from maxentrl.status import InvalidInput

X = np.array([1.0, 10.0, 100.0])


def curve(label, mean, half, colour=0):
    mean = np.array(mean)
    return Curve(label, colour, X, mean, mean - half, mean + half)


def curves(*each, levels=None, slopes=None, logarithmic=False):
    return Curves("t", "demonstrations", "nats", each, levels or {}, slopes or {}, logarithmic)


def line_of(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line


def test_means_are_where_they_belong_and_intervals_do_not_hide_one_another():
    first, second = curve("cloning", [2.0, 1.5, 1.0], 0.1), curve("MaxEnt", [1.2, 1.0, 0.9], 0.1, 1)
    ax = curves_plot(curves(first, second, levels={"truth": 0.8}))
    np.testing.assert_allclose(line_of(ax, "cloning").get_ydata(), first.mean)
    xs = [np.asarray(line_of(ax, label).get_xdata()) for label in ("cloning", "MaxEnt")]
    assert (np.abs(np.log(xs[0] / xs[1])) > 0.01).all()
    np.testing.assert_allclose(xs[0], X, rtol=0.1)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "10", "100"]
    low, high = ax.get_ylim()
    assert low < 0.8
    assert high > 2.1
    assert "truth" in {text.get_text() for text in ax.texts}


def test_bars_far_longer_than_the_picture_are_cut():
    ax = curves_plot(curves(curve("cloning", [2.0, 1.5, 1.0], np.array([50.0, 0.1, 0.1]))))
    low, high = ax.get_ylim()
    assert (low, high) == pytest.approx((0.85, 2.15), abs=0.3)


def test_what_is_not_positive_has_no_place_on_a_logarithmic_scale():
    ax = curves_plot(curves(curve("matching", [0.1, 0.01, -0.01], 0.05), logarithmic=True))
    np.testing.assert_allclose(line_of(ax, "matching").get_ydata(), [0.1, 0.01])
    assert ax.get_yscale() == "log"
    assert ax.get_ylim()[0] > 0


def test_theory_s_rates_begin_at_the_first_point():
    ax = curves_plot(curves(curve("cloning", [0.01, 1.0, 90.0], 0.0), slopes={"T²": (0, 2.0)}, logarithmic=True))
    (rate,) = [line for line in ax.lines if line.get_linestyle() == ":"]
    np.testing.assert_allclose(rate.get_ydata(), 0.01 * X**2)


def test_nothing_to_draw_is_named():
    with pytest.raises(InvalidInput, match="there is no curve to draw"):
        curves_plot(curves())
    with pytest.raises(InvalidInput, match="there is nothing to draw"):
        curves_plot(curves(curve("a", [-1.0, -2.0, np.nan], 0.1), logarithmic=True))
