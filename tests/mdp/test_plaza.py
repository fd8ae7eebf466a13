import numpy as np
import pytest

from maxentrl.mdp.checks import can_reach, check_mdp, feature_report
from maxentrl.mdp.plaza import draw_trips, plaza
from maxentrl.status import InvalidInput


@pytest.mark.parametrize("seed", [0, 1, 7, 42])
def test_the_plaza_is_sound_and_every_entrance_can_be_reached(seed):
    scene = plaza(seed)
    mdp = scene.world.mdp
    assert check_mdp(mdp) == []
    assert 6 <= len(scene.entrances) <= 8
    assert min(scene.entrances.values()) >= 0
    for goal in scene.entrances.values():
        assert can_reach(mdp, [goal])[list(scene.entrances.values())].all()
    report = feature_report(scene.world)
    assert set(report.names) == set(scene.true_parameters)
    assert not report.warnings
    assert not report.problems
    assert np.abs(report.correlation - np.eye(5)).max() < 0.8


def test_long_walks_are_rare_enough_for_a_finite_partition_function():
    scene = plaza(0)
    reward = sum(
        weight * (scene.world.pair_features[name] if name == "distance" else scene.world.state_features[name])
        for name, weight in scene.true_parameters.items()
    )
    mass = np.where(scene.world.mdp.available, np.exp(reward), 0.0).sum(axis=0)
    assert mass.max() < 1.0
    assert max(scene.true_parameters.values()) < 0


def test_the_seed_decides():
    first, again, other = plaza(3), plaza(3), plaza(4)
    np.testing.assert_array_equal(first.image, again.image)
    assert first.image.shape == (384, 512, 3)
    assert (first.image != other.image).any()
    np.testing.assert_array_equal(first.world.state_features["near_wall"], again.world.state_features["near_wall"])
    with pytest.raises(InvalidInput, match="seed = -1"):
        plaza(-1)


def test_trips_are_drawn_by_their_frequency():
    scene = plaza(0)
    assert scene.trips.weights.sum() == pytest.approx(1.0)
    assert (scene.trips.starts != scene.trips.goals).all()
    drawn = draw_trips(scene, 20_000, seed=1)
    pairs = {(s, g): w for s, g, w in zip(scene.trips.starts, scene.trips.goals, scene.trips.weights, strict=True)}
    counts = dict.fromkeys(pairs, 0)
    for pair in zip(drawn.starts.tolist(), drawn.goals.tolist(), strict=True):
        counts[pair] += 1
    for pair, weight in pairs.items():
        spread = np.sqrt(20_000 * weight * (1 - weight))
        assert abs(counts[pair] - 20_000 * weight) < 5 * spread
    np.testing.assert_array_equal(draw_trips(scene, 5, 2).starts, draw_trips(scene, 5, 2).starts)
    with pytest.raises(InvalidInput, match="count = 0"):
        draw_trips(scene, 0, 0)
