"""Weighted points as distributions over cells, against samples and against sums over all cells."""

import numpy as np
import pytest
from scipy.stats import norm

from maxentrl.forecast.points import (
    Points,
    Smoothing,
    Tiling,
    blurred_losses,
    choose_smoothing,
    mixed_points,
    occupied_probability,
    sampled_points,
)
from maxentrl.status import InvalidInput

TILING = Tiling((0.1, -0.2), 0.25)


def test_probabilities_of_all_cells_sum_to_one():
    points = (Points(np.zeros(2, int), np.array([[0.3, 0.4], [-0.2, 0.1]]), np.array([0.7, 0.3])),)
    grid = np.arange(-3, 3, 0.25) + 0.06
    cells = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 1, 2)
    total = sum(occupied_probability(points, cell[None], TILING, np.array([0.05, 0.2]))[:, 0, 0] for cell in cells)
    np.testing.assert_allclose(total, 1.0, atol=2e-6)


def test_probabilities_are_shares_of_blurred_samples():
    generator = np.random.default_rng(0)
    where, weight = generator.normal(size=(5, 2)), np.array([0.1, 0.2, 0.3, 0.15, 0.25])
    points = (Points(np.zeros(5, int), where, weight),)
    drawn = where[generator.choice(5, 200_000, p=weight)] + generator.normal(0, 0.3, (200_000, 2))
    for truth in ([0.2, 0.1], [-0.4, 0.9]):
        low = np.floor((np.array(truth) - [0.1, -0.2]) / 0.25) * 0.25 + [0.1, -0.2]
        share = ((drawn >= low) & (drawn < low + 0.25)).all(1).mean()
        found = occupied_probability(points, np.array([[truth]]), TILING, np.array([0.3]))[0, 0, 0]
        assert found == pytest.approx(share, abs=5 * np.sqrt(share / 200_000))


def test_each_walker_and_step_has_its_own_bandwidth():
    paths = np.array([[[[0.0, 0.0], [1.0, 0.0]], [[2.0, 2.0], [2.0, 3.0]]]])  # K = 1, two walkers, two steps
    truth = np.array([[[0.1, 0.05], [0.8, 0.1]], [[2.3, 2.0], [2.0, 2.9]]])
    bandwidths = np.array([[[0.1, 0.2], [0.3, 0.4]]])
    found = occupied_probability(sampled_points(paths), truth, TILING, bandwidths)[0]
    for w in range(2):
        for t in range(2):
            low = np.floor((truth[w, t] - [0.1, -0.2]) / 0.25) * 0.25 + [0.1, -0.2]
            law = norm(paths[0, w, t], bandwidths[0, w, t])
            assert found[w, t] == pytest.approx(np.prod(law.cdf(low + 0.25) - law.cdf(low)), rel=1e-6)


def test_the_mean_of_points_is_weighted():
    points = Points(np.array([0, 1, 0]), np.array([[1.0, 0.0], [5.0, 6.0], [0.0, 2.0]]), np.array([0.25, 1.0, 0.75]))
    np.testing.assert_allclose(points.mean(2), [[0.25, 1.5], [5.0, 6.0]])


def test_a_mixture_gives_the_mixed_probability():
    first, second = (sampled_points(np.full((1, 1, 1, 2), where)) for where in (0.0, 0.4))
    mixed = (mixed_points([first[0], second[0]], [0.3, 0.7]),)
    truth, sigma = np.array([[[0.2, 0.2]]]), np.array([0.25])
    one, other, both = (occupied_probability(part, truth, TILING, sigma) for part in (first, second, mixed))
    np.testing.assert_allclose(both, 0.3 * one + 0.7 * other)
    with pytest.raises(InvalidInput, match="one each, summing to one"):
        mixed_points([first[0], second[0]], [0.3, 0.6])


def test_the_planted_bandwidth_is_chosen_for_each_class_and_step():
    generator = np.random.default_rng(2)
    speed = np.repeat([0.0, 0.5], 1500)
    planted = np.where(speed[:, None] > 0.1, [0.3, 0.6], [0.05, 0.05])
    truth = generator.normal(size=(3000, 2, 2)) * planted[..., None]
    points = sampled_points(np.zeros((1, 3000, 2, 2)))
    candidates = np.array([0.05, 0.15, 0.3, 0.6, 1.2])
    tiling = Tiling((-0.1, -0.1), 0.2)
    probability = occupied_probability(points, truth, tiling, candidates)
    smoothing, loss = choose_smoothing(
        probability, speed, np.ones(3000), np.full(3000, 1e4), bandwidths=candidates, speeds=np.array([0.1])
    )
    np.testing.assert_allclose(smoothing.bandwidth, [[0.05, 0.05], [0.3, 0.6]])
    losses = smoothing.losses(points, truth, tiling, speed, 10_000)
    assert losses.mean() == pytest.approx(loss, rel=1e-9)
    np.testing.assert_allclose(smoothing.of(np.array([0.0, 2.0])), [[0.05, 0.05], [0.3, 0.6]])


def test_a_class_that_nobody_was_in_takes_what_suits_all():
    truth = np.random.default_rng(1).normal(0, 0.3, (400, 1, 2))
    points, candidates = sampled_points(np.zeros((1, 400, 1, 2))), np.array([0.1, 0.3, 0.9])
    probability = occupied_probability(points, truth, TILING, candidates)
    smoothing, _ = choose_smoothing(
        probability, np.zeros(400), np.ones(400), np.full(400, 1e3), bandwidths=candidates, speeds=np.array([0.1])
    )
    np.testing.assert_allclose(smoothing.bandwidth, 0.3)


def test_the_floor_keeps_every_loss_finite():
    points = sampled_points(np.zeros((1, 1, 1, 2)))
    smoothing = Smoothing(np.array([0.1]), np.full((2, 1), 0.1), np.array([0.01, 0.02]))
    losses = smoothing.losses(points, np.full((1, 1, 2), 50.0), TILING, np.array([0.5]), 400)
    assert losses[0, 0] == pytest.approx(-np.log(0.02 / 400))
    assert blurred_losses(np.array([0.5]), 0.1, 10)[0] == pytest.approx(-np.log(0.9 * 0.5 + 0.01))


def test_mistakes_are_named():
    points = sampled_points(np.zeros((1, 1, 2, 2)))
    with pytest.raises(InvalidInput, match="2 steps of points for 3 of truth"):
        occupied_probability(points, np.zeros((1, 3, 2)), TILING, np.array([0.1]))
    with pytest.raises(InvalidInput, match="positive bandwidths"):
        occupied_probability(points, np.zeros((1, 2, 2)), TILING, np.array([0.0]))
    with pytest.raises(InvalidInput, match="a size above 0"):
        Tiling((0.0, 0.0), 0.0)
