"""95 % intervals cover the truth 92 to 98 % of the time over 200 simulated data sets."""

import dataclasses

import numpy as np
import pytest

from inverse.small_fits import simulated
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.fit import fit
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.uncertainty import ErrorKind

REPLICATIONS = 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "time", "deterministic", "errors", "walks"),
    [
        (FeatureMatching, "finite", True, ErrorKind.CLASSICAL, 150),
        (FeatureMatching, "finite", False, ErrorKind.CLUSTERED, 150),
        (ConditionalLikelihood, "finite", False, ErrorKind.ROBUST, 150),
        (ConditionalLikelihood, "discounted", False, ErrorKind.CLUSTERED, 150),
        (FeatureMatching, "to-goal", True, ErrorKind.CLUSTERED, 150),
        (FeatureMatching, "to-goal", False, ErrorKind.CLUSTERED, 600),
    ],
)
def test_intervals_cover(kind, time, deterministic, errors, walks):
    whole, truth = simulated(time, deterministic=deterministic, count=REPLICATIONS * walks, seed=1, temperature=1.6)
    covered = np.zeros((REPLICATIONS, len(truth)))
    owner = np.arange(len(whole.demonstrations)) * REPLICATIONS // len(whole.demonstrations)
    for replication in range(REPLICATIONS):
        problem = dataclasses.replace(whole, demonstrations=whole.demonstrations.select(owner == replication))
        result = fit(problem, objective=kind.of(problem), optimiser=Newton(gradient_tolerance=1e-6), start=truth)
        for k, row in enumerate(result.table(errors)):
            assert row.low is not None
            assert row.high is not None
            covered[replication, k] = row.low <= truth[k] <= row.high
    # Pooled over parameters; at 95 % the standard deviation of 200 draws is 1.5 %, so one in 20 000 strays this far.
    assert 0.92 <= covered.mean() <= 0.98
    assert (covered.mean(0) > 0.89).all()
