import itertools

import numpy as np
import pytest
import scipy.sparse as sp

from forecast.small_worlds import PRIOR, enumerated, padded
from maxentrl.forecast.visits import Arrival, chain_steps, expected_steps, visits_ahead, visits_until_arrival
from maxentrl.status import Failure, InvalidInput


@pytest.mark.parametrize("seen", [(0,), (0, 1), (0, 4, 5)])
def test_visits_ahead_are_those_of_all_listed_walks(one_way, seen):
    steps, listed = 6, enumerated(one_way, 0, seen)
    distribution, visits, arrival = np.zeros((steps + 1, 12)), np.zeros(12), np.zeros(steps + 1)
    for _, states, probability in listed:
        rest = states[len(seen) - 1 :]
        for step, state in enumerate(padded(rest, steps + 1)):
            distribution[step, state] += probability
        np.add.at(visits, list(rest), probability)
        arrival[len(rest) - 1] += probability
    mass = one_way.forecaster.watch(seen)[-1].mass
    ahead = visits_ahead(one_way.forecaster, mass, steps, negligible=0.0)
    np.testing.assert_allclose(ahead.distribution, distribution, atol=1e-12)
    np.testing.assert_allclose(ahead.visits, visits, atol=1e-12)
    np.testing.assert_allclose(ahead.arrival.probability, arrival, atol=1e-12)
    np.testing.assert_allclose(visits_until_arrival(one_way.forecaster, mass, negligible=0.0), visits, atol=1e-12)
    mean = arrival @ np.arange(steps + 1)
    assert expected_steps(one_way.forecaster, mass, negligible=0.0) == pytest.approx(mean, abs=1e-12)


def test_visits_under_slip_are_sums_over_all_paths(slippery):
    steps, start = 3, 5
    expected = np.zeros((steps + 1, 12))
    for goal, path in itertools.product(range(3), itertools.product(range(12), repeat=steps)):
        probability = PRIOR[goal]
        for here, there in itertools.pairwise((start, *path)):
            probability *= slippery.step[goal, here, there]
        expected[np.arange(steps + 1), (start, *path)] += probability
    ahead = visits_ahead(slippery.forecaster, slippery.forecaster.start(start).mass, steps, negligible=0.0)
    np.testing.assert_allclose(ahead.distribution, expected, atol=1e-12)


def test_visits_until_arrival_are_the_limit_of_long_sweeps(slippery):
    mass = slippery.forecaster.start(5).mass
    ahead = visits_ahead(slippery.forecaster, mass, 400)
    np.testing.assert_allclose(visits_until_arrival(slippery.forecaster, mass), ahead.visits, atol=1e-9)
    mean = ahead.arrival.probability @ np.arange(401)
    assert expected_steps(slippery.forecaster, mass) == pytest.approx(mean, abs=1e-7)


def test_leaving_goals_out_is_reported(one_way):
    mass = one_way.forecaster.start(0).mass
    ahead = visits_ahead(one_way.forecaster, mass, 3, negligible=0.25)
    assert ahead.ignored == pytest.approx(0.2)
    np.testing.assert_allclose(ahead.distribution.sum(1), 1.0)
    assert ahead.arrived[:, 2].sum() == 0


def test_arrival_in_steps_and_seconds():
    arrival = Arrival(np.array([0.0, 0.25, 0.25, 0.3]), seconds_per_step=0.5)
    assert [arrival.quantile(level) for level in (0.25, 0.5, 0.6, 0.9)] == [1, 2, 3, None]
    assert arrival.later == pytest.approx(0.2)
    np.testing.assert_allclose(arrival.seconds, [0, 0.5, 1.0, 1.5])
    with pytest.raises(InvalidInput, match="seconds_per_step"):
        _ = Arrival(np.array([1.0])).seconds


def test_a_corridor_of_mass_moves_like_the_whole_chain():
    rng = np.random.default_rng(0)
    size, width = 900, 30
    target = np.clip(np.arange(size) + rng.choice([1, -1, width, -width], (6, size)), 0, size - 1)
    weight = rng.dirichlet(np.ones(6), size).T
    chain = sp.csc_array((weight.ravel(), (target.ravel(), np.tile(np.arange(size), 6))), shape=(size, size))
    mass = np.zeros(size)
    mass[450] = 0.4
    expected = mass
    for step, now in enumerate(chain_steps(chain, mass, 12)):
        np.testing.assert_allclose(now, expected, rtol=1e-10, err_msg=str(step))
        expected = chain.toarray() @ expected
    *_, cut = chain_steps(chain, mass, 11, negligible_cell=1e-5)
    *_, whole = chain_steps(chain, mass, 11)
    assert (cut == 0).sum() > (whole == 0).sum()
    assert cut.sum() == pytest.approx(0.4)
    assert abs(cut - whole).max() < 1e-3


def test_wrong_mass_is_refused(one_way):
    with pytest.raises(InvalidInput, match="mass has shape"):
        visits_ahead(one_way.forecaster, np.ones((2, 12)), 3)
    with pytest.raises(InvalidInput, match="sum to one"):
        visits_ahead(one_way.forecaster, np.ones((3, 12)), 3)
    with pytest.raises(InvalidInput, match="steps"):
        visits_ahead(one_way.forecaster, one_way.forecaster.start(0).mass, -1)
    lost = np.zeros((3, 12))
    lost[2, 3] = 1.0
    with pytest.raises(Failure, match="from state 3"):
        visits_until_arrival(one_way.forecaster, lost)
