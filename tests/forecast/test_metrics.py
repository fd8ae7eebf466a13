import itertools

import numpy as np
import pytest
from scipy import stats

from maxentrl.forecast.metrics import (
    average_displacement,
    best_of,
    bootstrap_interval,
    final_displacement,
    interval,
    log_loss,
    modified_hausdorff,
    paired_difference,
)
from maxentrl.status import InvalidInput

LINE = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])


def test_modified_hausdorff_by_hand():
    other = np.array([[0.0, 3.0], [2.0, 4.0]])
    forwards = (3.0 + np.sqrt(10.0) + 4.0) / 3  # (1, 0) is nearest to (0, 3)
    backwards = (3.0 + 4.0) / 2
    assert backwards > forwards
    assert modified_hausdorff(LINE, other) == pytest.approx(backwards)
    assert modified_hausdorff(other, LINE) == pytest.approx(backwards)
    far = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert modified_hausdorff(LINE, far) == pytest.approx(8.0 / 2)  # not (0 + 1 + 2)/3
    assert modified_hausdorff(LINE, LINE[::-1]) == 0.0


def test_displacements_by_hand():
    paths = np.stack([LINE + np.array([0.0, 1.0]), LINE + np.array([3.0, 4.0]), LINE * [2.0, 1.0]])
    np.testing.assert_allclose(average_displacement(paths, LINE), [1.0, 5.0, 1.0])
    np.testing.assert_allclose(final_displacement(paths, LINE), [1.0, 5.0, 2.0])
    assert average_displacement(paths[0], LINE) == 1.0


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_best_of_is_the_mean_over_all_subsets(count):
    errors = np.array([3.0, 1.0, 4.0, 1.5, 9.0])
    subsets = [min(subset) for subset in itertools.combinations(errors, count)]
    assert best_of(errors, count) == pytest.approx(np.mean(subsets))


def test_log_loss_of_what_was_called_impossible_is_infinite():
    distribution = np.array([[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]])
    np.testing.assert_allclose(log_loss(distribution, np.array([1, 0])), [np.log(2), np.log(4)])
    assert log_loss(distribution, np.array([2, 0]))[0] == np.inf


def test_the_t_interval_by_hand():
    found = interval(np.array([1.0, 2.0, 3.0, 6.0]))
    spread = np.sqrt(14 / 3)
    assert found.mean == 3.0
    assert found.high == pytest.approx(3.0 + 3.182446 * spread / 2, rel=1e-6)  # t at .975, 3 degrees of freedom
    assert found.low == pytest.approx(3.0 - 3.182446 * spread / 2, rel=1e-6)


def test_intervals_cover_as_they_say():
    """Of 400 samples of 30 normal walks, 95 % intervals miss at most as often as the binomial allows at 10⁻⁴."""
    rng = np.random.default_rng(0)
    samples = rng.normal(2.0, 1.0, (400, 30))
    lowest, highest = stats.binom.ppf([5e-5, 1 - 5e-5], 400, 0.95)
    hits = sum(1 for sample in samples if interval(sample).low <= 2.0 <= interval(sample).high)
    assert lowest <= hits <= highest


def test_bootstrap_agrees_with_t_on_many_walks():
    values = np.random.default_rng(1).normal(0.0, 1.0, 400)
    ours, student = bootstrap_interval(values, seed=0), interval(values)
    assert ours.low == pytest.approx(student.low, abs=0.03)
    assert ours.high == pytest.approx(student.high, abs=0.03)
    assert ours == bootstrap_interval(values, seed=0)


def test_paired_differences_leave_out_how_walks_differ():
    first = np.array([1.0, 10.0, 100.0])
    found = paired_difference(first, first + np.array([1.0, 1.1, 0.9]))
    assert found.mean == pytest.approx(-1.0)
    assert found.high < -0.7


def test_one_walk_or_an_infinite_score_has_no_interval():
    assert interval(np.array([2.0])).low is None
    infinite = interval(np.array([2.0, np.inf]))
    assert (infinite.mean, infinite.low, infinite.high) == (np.inf, None, None)


def test_wrong_input_is_named():
    with pytest.raises(InvalidInput, match="steps must agree"):
        average_displacement(LINE[:2], LINE)
    with pytest.raises(InvalidInput, match="best of 4"):
        best_of(np.ones(3), 4)
    with pytest.raises(InvalidInput, match="NaN"):
        interval(np.array([np.nan]))
    with pytest.raises(InvalidInput, match="paired"):
        paired_difference(np.ones(2), np.ones(3))
    with pytest.raises(InvalidInput, match="a path is"):
        modified_hausdorff(LINE, np.zeros((0, 2)))
