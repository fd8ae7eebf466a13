import itertools

import numpy as np
import pytest
from scipy import stats

from forecast.small_worlds import DAG_GOALS, enumerated, padded
from maxentrl.forecast.paths import most_likely_path, most_likely_path_of_length, sample_paths
from maxentrl.forecast.visits import visits_ahead
from maxentrl.status import Failure, Status


@pytest.mark.parametrize("seen", [(0,), (0, 1), (0, 4), (0, 1, 2, 3)])
def test_the_most_likely_path_is_the_best_of_all_listed(one_way, seen):
    listed = enumerated(one_way, 0, seen)
    goal, states, probability = max(listed, key=lambda row: row[-1])
    found = most_likely_path(one_way.forecaster.watch(seen)[-1], negligible=0.0)
    assert tuple(found.states) == states[len(seen) - 1 :]
    assert found.goal == DAG_GOALS[goal]
    assert found.log_probability == pytest.approx(np.log(probability), abs=1e-10)


@pytest.mark.parametrize("steps", [2, 3, 4, 5])
def test_the_most_likely_path_of_a_length_is_the_best_of_all_listed(one_way, steps):
    listed = [row for row in enumerated(one_way, 0) if len(row[1]) <= steps + 1]
    goal, states, probability = max(listed, key=lambda row: row[-1])
    found = most_likely_path_of_length(one_way.forecaster.start(0), steps, negligible=0.0)
    assert tuple(found.states) == padded(states, steps + 1)
    assert found.goal == DAG_GOALS[goal]
    assert found.log_probability == pytest.approx(np.log(probability), abs=1e-10)


def test_viterbi_under_slip_is_the_best_of_all_paths(slippery):
    belief, steps = slippery.forecaster.start(5), 3
    best = max(
        slippery.step[goal][list((5, *path)[:-1]), list(path)].prod() * belief.goals[goal]
        for goal, path in itertools.product(range(3), itertools.product(range(12), repeat=steps))
    )
    found = most_likely_path_of_length(belief, steps, arrive=False)
    assert np.exp(found.log_probability) == pytest.approx(best, rel=1e-10)
    goal = slippery.goals.index(found.goal)
    own = slippery.step[goal][found.states[:-1], found.states[1:]].prod() * belief.goals[goal]
    assert own == pytest.approx(best, rel=1e-10)


def test_too_few_steps_to_arrive_is_named(one_way):
    with pytest.raises(Failure) as failure:
        most_likely_path_of_length(one_way.forecaster.start(0), 1)
    assert failure.value.status is Status.UNREACHABLE_GOAL


def test_samples_follow_the_visits(slippery):
    """Chi-square of the cells of 20 000 samples at steps 2 and 6; fails by chance once in 10⁵ runs of new seeds."""
    mass, count = slippery.forecaster.start(5).mass, 20_000
    ahead = visits_ahead(slippery.forecaster, mass, 6, negligible=0.0)
    drawn = sample_paths(slippery.forecaster, mass, 6, count, seed=3)
    for step in (2, 6):
        expected = ahead.distribution[step] * count
        seen = np.bincount(drawn.states[:, step], minlength=12)
        possible = expected > 5
        assert seen[expected == 0].sum() == 0
        statistic = ((seen - expected)[possible] ** 2 / expected[possible]).sum()
        assert statistic < stats.chi2.ppf(1 - 1e-5, possible.sum())


def test_samples_take_only_possible_steps_and_stay_at_their_goal(slippery):
    drawn = sample_paths(slippery.forecaster, slippery.forecaster.start(5).mass, 30, 200, seed=0)
    for goal, states in zip(drawn.goals, drawn.states, strict=True):
        step = slippery.step[slippery.goals.index(goal)]
        assert (step[states[:-1], states[1:]] > 0).all()
        arrived = np.nonzero(states == goal)[0]
        assert not len(arrived) or (states[arrived[0] :] == goal).all()


def test_the_seed_decides_the_samples(slippery):
    mass = slippery.forecaster.start(5).mass
    first, again, other = (sample_paths(slippery.forecaster, mass, 9, 20, seed=seed).states for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
