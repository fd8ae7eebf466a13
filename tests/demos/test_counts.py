import numpy as np
import pytest

from maxentrl.demos.counts import FeatureCounts, feature_counts
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import InvalidInput


@pytest.fixture
def walks():
    generator = np.random.default_rng(3)
    lengths = [0, 1, 5, 2]
    return Trajectories.of(
        [generator.integers(0, 4, n + 1) for n in lengths],
        [generator.integers(0, 2, n) for n in lengths],
        weights=[1, 2, 0.5, 3],
        goals=[0, 1, 2, 3],
    )


def test_counts_are_the_sum_along_each_walk(walks):
    generator = np.random.default_rng(4)
    reward = LinearReward.of(
        2, state={"s": generator.random(4)}, pair={"p": generator.random((2, 4))}, terminal={"t": generator.random(4)}
    )
    counts = feature_counts(walks, reward.names, reward.features())
    for i in range(len(walks)):
        expected = {"s": 0.0, "p": 0.0, "t": reward.terminal[2][walks.ends[i]]}
        for s, a in zip(walks.states_of(i)[:-1], walks.actions_of(i), strict=True):
            expected["s"] += reward.state[0][s]
            expected["p"] += reward.pair[1][a, s]
        np.testing.assert_allclose(counts.counts[i], [expected[name] for name in counts.names])
    np.testing.assert_array_equal(counts.horizons, walks.lengths)
    np.testing.assert_array_equal(counts.goals, walks.goals)
    np.testing.assert_allclose(counts.total, sum(w * c for w, c in zip(walks.weights, counts.counts, strict=True)))


def test_unobserved_actions_are_fine_until_a_feature_depends_on_them():
    walks = Trajectories.of([[0, 1, 2]], [[UNKNOWN, UNKNOWN]], names=["w"])
    by_state = LinearReward.of(2, state={"s": np.array([1.0, 2, 4])})
    assert feature_counts(walks, ["s"], by_state.features()).counts.tolist() == [[7.0]]
    pair = np.zeros((2, 3))
    pair[1, 1] = 1.0
    with pytest.raises(InvalidInput, match="trajectory w, step 1: feature 'p' depends on the action"):
        feature_counts(walks, ["p"], LinearReward.of(2, pair={"p": pair}).features())


def test_shapes_are_checked(walks):
    with pytest.raises(InvalidInput, match="one row for each name"):
        feature_counts(walks, ["a", "b"], RewardTable(np.zeros((1, 2, 4)), np.zeros((1, 4))))
    whole = np.zeros(2, int)
    with pytest.raises(InvalidInput, match="are not finite"):
        FeatureCounts(("a",), np.array([[0.0], [np.nan]]), whole, whole, whole, np.ones(2))
    with pytest.raises(InvalidInput, match="weights must be finite"):
        FeatureCounts(("a",), np.zeros((2, 1)), whole, whole, whole, np.array([1.0, -1.0]))
