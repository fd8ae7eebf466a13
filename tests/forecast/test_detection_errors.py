"""Errors of detections are found again, whatever the clutter."""

import numpy as np
import pytest
from scipy import stats

from maxentrl.forecast.detection_errors import estimate_errors
from maxentrl.forecast.filtering import GaussianDetections
from maxentrl.status import InvalidInput

COVARIANCE = np.array([[4.0, 1.5], [1.5, 2.0]])
AREA, SIDE = 10_000.0, 100.0


@pytest.mark.parametrize("share", [0.0, 0.12])
def test_planted_errors_are_found(share):
    rng = np.random.default_rng(2)
    count = 20_000
    errors = rng.multivariate_normal(np.zeros(2), COVARIANCE, count)
    clutter = rng.random(count) < share
    errors[clutter] = rng.uniform(-SIDE / 2, SIDE / 2, (int(clutter.sum()), 2))
    found = estimate_errors(errors, area=AREA, cell_size=0.3)
    # standard error of a variance is about σ²√(2/n) = 0.04, of the share √(p(1−p)/n) = 0.0023; five of each
    np.testing.assert_allclose(found.covariance, COVARIANCE + 0.09 / 12 * np.eye(2), atol=0.2)
    assert found.clutter == pytest.approx(share, abs=0.012)
    assert found.standard_deviation == pytest.approx((2.0, np.sqrt(2.0)), abs=0.05)


def test_exact_detections_have_the_width_of_a_cell():
    found = estimate_errors(np.zeros((5, 2)), area=100.0, cell_size=1.0)
    np.testing.assert_allclose(found.covariance, np.eye(2) / 12)


@pytest.mark.parametrize("errors", [np.zeros((0, 2)), np.array([[np.nan, 0.0]])])
def test_no_errors_to_learn_from(errors):
    with pytest.raises(InvalidInput, match="detection errors"):
        estimate_errors(errors, area=1.0, cell_size=1.0)


def test_clutter_bounds_what_one_detection_can_say():
    centre = np.array([[0.0, 0.0], [3.0, 0.0], [50.0, 0.0]])
    seen = GaussianDetections(centre, np.array([[1.0, 0.0]]), np.eye(2), clutter=0.1, area=AREA)
    gaussian = stats.multivariate_normal(np.zeros(2), np.eye(2))
    expected = np.log(0.9 * gaussian.pdf(np.array([1.0, 0.0]) - centre) + 0.1 / AREA)
    np.testing.assert_allclose(seen.log_emission(0, np.arange(3)), expected)
    assert seen.part(0, 1).clutter == 0.1
    with pytest.raises(InvalidInput, match="clutter"):
        GaussianDetections(centre, np.array([[1.0, 0.0]]), np.eye(2), clutter=1.0)
