import itertools

import numpy as np
import pytest

from forecast.small_worlds import CENTRE, PRIOR, one_way_outcomes, round_outcomes, small
from maxentrl.forecast import filtering
from maxentrl.forecast.filtering import GaussianDetections, LocalMoves, filter_walk, smooth_walk
from maxentrl.status import Failure, InvalidInput, Status

COVARIANCE = np.array([[0.3, 0.1], [0.1, 0.2]])
POSITION = np.array([[0.7, 1.2], [1.9, 0.8], [np.nan, np.nan], [2.6, 2.1]])
SEEN = np.array([True, True, False, True])


@pytest.fixture(scope="module")
def slippery():
    return small(round_outcomes(0.25), (11, 0, 3))


@pytest.fixture(scope="module")
def detections():
    return GaussianDetections(CENTRE, POSITION, COVARIANCE, SEEN)


def density(step, state):
    if not SEEN[step]:
        return 1.0
    error = CENTRE[state] - POSITION[step]
    return np.exp(-error @ np.linalg.inv(COVARIANCE) @ error / 2) / (2 * np.pi * np.sqrt(np.linalg.det(COVARIANCE)))


def enumerate_joint(world, start, steps):
    """p(goal, s_t, detections 0..steps−1) for each t, from all 3 × 12^steps hidden walks."""
    joint = np.zeros((steps, 3, 12))
    for goal, walk in itertools.product(range(3), itertools.product(range(12), repeat=steps)):
        p = PRIOR[goal] * start[walk[0]] * density(0, walk[0])
        for step, (here, there) in enumerate(itertools.pairwise(walk), 1):
            p *= world.step[goal, here, there] * density(step, there)
            if p == 0:
                break
        joint[np.arange(steps), goal, walk] += p
    return joint


def test_filter_smoother_and_goals_are_those_of_all_hidden_walks(slippery, detections):
    start = np.arange(1.0, 13.0)
    start[3] = 0
    filtered = filter_walk(slippery.forecaster, detections, start=start, negligible=0.0)
    for length in (1, 2, 3, 4):
        joint = enumerate_joint(slippery, start / start.sum(), length)
        evidence = joint[-1].sum()
        ours = np.zeros((3, 12))
        ours[:, filtered.support[length - 1]] = filtered.joint[length - 1]
        np.testing.assert_allclose(ours, joint[-1] / evidence, atol=1e-12)
        np.testing.assert_allclose(filtered.goals[length - 1], joint[-1].sum(1) / evidence, atol=1e-12)
    assert filtered.log_likelihood == pytest.approx(np.log(evidence), abs=1e-10)
    np.testing.assert_allclose(filtered.mass, ours, atol=1e-15)
    smoothed = smooth_walk(filtered, detections)
    for step in range(4):
        np.testing.assert_allclose(smoothed.cells(step), joint[step].sum(0) / evidence, atol=1e-12)
    np.testing.assert_allclose(smoothed.goals, np.tile(joint[0].sum(1) / evidence, (4, 1)), atol=1e-12)


def test_chunks_of_goals_change_nothing(slippery, detections, monkeypatch):
    whole = smooth_walk(filter_walk(slippery.forecaster, detections), detections)
    monkeypatch.setattr(filtering, "CHUNK", 1)
    pieces = smooth_walk(filter_walk(slippery.forecaster, detections), detections)
    for first, second in zip(whole.joint, pieces.joint, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-14)


def test_push_and_pull_are_adjoint(slippery):
    moves = LocalMoves.of(slippery.forecaster, np.array([0, 2, 5, 6, 11]))
    rng = np.random.default_rng(0)
    mass, values = rng.random((3, 5)), rng.random((3, len(moves.following)))
    assert (moves.push(mass) * values).sum() == pytest.approx((mass * moves.pull(values)).sum(), rel=1e-12)


def test_certain_detections_give_the_posterior_of_the_cells_seen(slippery):
    seen = (5, 6, 7, 11)
    exact = GaussianDetections(CENTRE, CENTRE[list(seen)], np.eye(2) * 1e-4)
    filtered = filter_walk(slippery.forecaster, exact)
    np.testing.assert_allclose(filtered.goals[-1], slippery.forecaster.watch(seen)[-1].goals, atol=1e-12)
    assert [len(support) for support in filtered.support] == [1, 1, 1, 1]
    np.testing.assert_allclose(filtered.mean_position(CENTRE), CENTRE[list(seen)], atol=1e-9)


def test_a_detection_far_from_everything_is_no_underflow(slippery):
    far = GaussianDetections(CENTRE, np.array([[0.5, 0.5], [900.0, 700.0]]), np.eye(2) * 0.01)
    filtered = filter_walk(slippery.forecaster, far)
    assert np.isfinite(filtered.log_likelihood)
    assert filtered.log_likelihood < -1e7
    assert filtered.mass.sum() == pytest.approx(1.0)


def test_a_small_support_reports_what_it_dropped(slippery, detections):
    full = filter_walk(slippery.forecaster, detections, negligible=0.0)
    cut = filter_walk(slippery.forecaster, detections, negligible=1e-3)
    assert full.dropped <= 1e-12
    assert 0 < cut.dropped < 12e-3
    assert min(len(support) for support in cut.support) < 12
    assert abs(cut.mass - full.mass).max() < 4 * 12e-3


def test_no_reachable_goal_and_wrong_detections_are_named(slippery, detections):
    with pytest.raises(InvalidInput, match="start must be 12"):
        filter_walk(slippery.forecaster, detections, start=np.zeros(12))
    with pytest.raises(InvalidInput, match="detection 2 is not finite"):
        GaussianDetections(CENTRE, POSITION, COVARIANCE)
    with pytest.raises(InvalidInput, match="positive definite"):
        GaussianDetections(CENTRE, POSITION[:2], np.zeros((2, 2)))
    with pytest.raises(InvalidInput, match="covariance has shape"):
        GaussianDetections(CENTRE, POSITION[:2], np.tile(np.eye(2), (3, 1, 1)))


def test_a_start_from_which_no_goal_is_reached_is_named():
    world = small(one_way_outcomes(0.0), (8,))
    start = (np.arange(12) == 3).astype(float)
    with pytest.raises(Failure) as failure:
        filter_walk(world.forecaster, GaussianDetections(CENTRE, POSITION[:2], COVARIANCE), start=start)
    assert failure.value.status is Status.UNREACHABLE_GOAL
