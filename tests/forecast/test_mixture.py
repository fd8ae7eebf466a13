"""Goals moved together are the goals moved one by one, by dense matrices of each goal."""

import numpy as np
import pytest

from forecast.small_worlds import round_outcomes, small
from maxentrl.forecast.visits import visits_ahead

STEPS = 9


@pytest.fixture(scope="module")
def world():
    """Deterministic moves with loops: goals lie on the way to each other."""
    return small(round_outcomes(0.0), (11, 5, 3))


def dense_steps(world, mass):
    rows = [mass]
    for _ in range(STEPS):
        rows.append(np.stack([now @ step for now, step in zip(rows[-1], world.step, strict=True)]))
    return np.stack(rows)  # (times, G, S)


def check(world, mass):
    expected = dense_steps(world, mass)
    ahead = visits_ahead(world.forecaster, mass, STEPS, negligible=0.0)
    np.testing.assert_allclose(ahead.distribution, expected.sum(1), atol=1e-13)
    arrived = expected[:, np.arange(3), np.array(world.goals)]
    np.testing.assert_allclose(ahead.arrived, arrived, atol=1e-13)
    visits = expected.sum((0, 1))
    for goal, state in enumerate(world.goals):
        visits[state] += arrived[-1, goal] - arrived[:, goal].sum()
    np.testing.assert_allclose(ahead.visits, visits, atol=1e-12)


@pytest.mark.parametrize("state", range(12))
def test_from_one_cell_goals_share_a_chain_until_the_first_arrives(world, state):
    assert world.forecaster.mdp.transitions.deterministic
    mass = np.zeros((3, 12))
    mass[:, state] = [0.5, 0.3, 0.2]
    check(world, mass)


def test_from_any_mass_each_goal_moves_by_itself(world):
    mass = np.random.default_rng(1).dirichlet(np.ones(36)).reshape(3, 12)
    mass[0, :6] = 0.0
    check(world, mass / mass.sum())


def test_mass_that_cannot_reach_its_goal_stays(one_way):
    mass = np.zeros((3, 12))
    mass[:, 11] = [0.5, 0.25, 0.25]  # only the first goal is the cell itself; from there no other can be reached
    ahead = visits_ahead(one_way.forecaster, mass, 3)
    assert ahead.distribution[:, 11] == pytest.approx(1.0)
