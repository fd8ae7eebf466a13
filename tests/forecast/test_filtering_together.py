"""One matrix for all goals moves mass as each goal's policy does."""

import numpy as np
import pytest

from forecast.small_worlds import round_outcomes, small
from maxentrl.forecast import filtering
from maxentrl.forecast.filtering import LocalMoves


@pytest.fixture(scope="module")
def world():
    return small(round_outcomes(0.0), (11, 5, 3))


@pytest.mark.parametrize("support", [[0], [4, 5, 6], [1, 3, 7, 11], list(range(12))])
def test_mass_moves_by_the_dense_chain_of_each_goal(world, support):
    support = np.array(support)
    mass = np.random.default_rng(len(support)).dirichlet(np.ones(3 * len(support))).reshape(3, -1)
    moves = LocalMoves.of(world.forecaster, support)
    expected = np.stack([row @ step[support] for row, step in zip(mass, world.step, strict=True)])
    arriving = moves.push(mass)
    np.testing.assert_allclose(arriving, expected[:, moves.following], atol=1e-13)
    assert arriving.sum() == pytest.approx(1.0)


def test_beyond_the_range_of_exponentials_policies_are_used(world, monkeypatch):
    support = np.arange(12)
    mass = np.full((3, 12), 1 / 36)
    moves = LocalMoves.of(world.forecaster, support)
    together = moves.push(mass)
    monkeypatch.setattr(filtering, "RANGE", 0.01)
    assert moves._push_together(mass) is None
    np.testing.assert_allclose(moves.push(mass), together, atol=1e-13)
