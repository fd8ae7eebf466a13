"""Cloning's error grows with the square of the horizon, matching's with the horizon, on a cliff; all exact.

Good states follow one another at random; one of them, of probability EPSILON, no walk has seen. There the first action is the
expert's, the second costs its step, the third falls off the cliff for ever. The clone chooses evenly where it has seen
nothing; the matcher knows the transitions and that the data do not hold the cliff. After Ross & Bagnell (2010) and
Rajaraman, Yang, Jiao & Ramchandran (2020).
"""

import numpy as np
import pytest

from maxentrl.demos.trajectories import Trajectories
from maxentrl.imitation.function_classes import Ball, FunctionClass
from maxentrl.imitation.matching import MatchingProblem, match
from maxentrl.imitation.scores import score_return
from maxentrl.imitation.starts import start_groups
from maxentrl.imitation.tabular import clone_by_counting
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.status import Status

EPSILON, SEEN, UNSEEN, CLIFF = 1e-3, 3, 3, 4
HORIZONS = (32, 64, 128)


def cliff():
    dense = np.zeros((3, 5, 5))
    dense[:2, :CLIFF] = [*[(1 - EPSILON) / SEEN] * SEEN, EPSILON, 0.0]
    dense[2, :CLIFF, CLIFF] = dense[:, CLIFF, CLIFF] = 1.0
    return MDP(from_dense(dense), np.zeros(5, bool))


@pytest.fixture(scope="module")
def regrets():
    mdp = cliff()
    reward = RewardTable.from_pairs(np.eye(3, 1) * (np.arange(5) < CLIFF))
    pairs = np.eye(15).reshape(15, 3, 5)
    functions = FunctionClass(tuple(f"pair {k}" for k in range(15)), pairs, np.zeros((15, 5)), Ball())
    cloned, matched = [], []
    for horizon in HORIZONS:
        walks = Trajectories.of(
            [(np.arange(horizon + 1) + first) % SEEN for first in range(SEEN)], [[0] * horizon] * SEEN
        )
        starts = start_groups(mdp, walks, Finite(horizon))
        clone = clone_by_counting(mdp, walks, smoothing=0.0)
        found = match(MatchingProblem.of(mdp, walks, functions, Finite(horizon)))
        assert found.status is Status.CONVERGED
        for policy, regret in ((clone, cloned), (found.policy, matched)):
            score = score_return(policy, reward, Finite(horizon), starts)
            assert score.optimal_return == pytest.approx(horizon)
            regret.append(score.regret)
    return np.array(cloned), np.array(matched)


def test_cloning_loses_with_the_square_of_the_horizon(regrets):
    cloned, _ = regrets
    for horizon, regret in zip(HORIZONS, cloned, strict=True):
        later = np.arange(horizon) >= 1
        alive = (1 - EPSILON / 3) ** np.maximum(np.arange(horizon) - 1, 0)
        assert regret == pytest.approx(horizon - np.sum(alive * (1 - later * EPSILON * 2 / 3)), abs=1e-10)
    assert (cloned[1:] / cloned[:-1] > 3.6).all()


def test_matching_loses_with_the_horizon(regrets):
    cloned, matched = regrets
    np.testing.assert_allclose(matched[1:] / matched[:-1], 2.0, rtol=0.1)
    assert (matched <= EPSILON * np.array(HORIZONS)).all()
    assert (matched > 0.2 * EPSILON * np.array(HORIZONS)).all()
    assert cloned[-1] > 20 * matched[-1]
