"""The bar fills as the gradient falls."""

import math

import pytest

from maxentrl.cli.progress import share_done


@pytest.mark.parametrize(
    ("norm", "share"), [(1.0, 0.0), (1e-3, 0.5), (1e-6, 1.0), (1e-9, 1.0), (10.0, 0.0), (math.inf, 0.0)]
)
def test_share_done(norm, share):
    assert share_done(1.0, norm, 1e-6) == pytest.approx(share)


def test_a_fit_that_is_done_at_once():
    assert share_done(1e-9, 1e-9, 1e-6) == 1.0
