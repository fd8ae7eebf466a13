"""Rewards of momentum worlds against the linear reward with the same features written out state by state."""

import dataclasses

import numpy as np
import pytest

from maxentrl.inverse.pullback import pull_back, reward_table
from maxentrl.mdp.grid import grid_world
from maxentrl.mdp.momentum import momentum_world
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.convolution import convolutional
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.momentum import MomentumReward
from maxentrl.rewards.outputs import AnySign, Ends
from maxentrl.rewards.sums import SumReward
from maxentrl.status import InvalidInput

GENERATOR = np.random.default_rng(3)
WALLS = np.zeros((4, 5), bool)
WALLS[2, 1] = True
LAYERS = {"grass": GENERATOR.random((4, 5)), "shade": GENERATOR.random((4, 5))}
MOMENTUM = momentum_world(LAYERS, cell_size=0.5, reach=1.0, change=0.5, walls=WALLS)


def test_it_is_the_linear_reward_of_all_states():
    """Table and gradient, with every feature written out for every state."""
    dense = {name: np.repeat(column, MOMENTUM.n_cells, axis=1) for name, column in MOMENTUM.features.items()}
    written_out = LinearReward.of(len(MOMENTUM.changes), state=dict(MOMENTUM.world.state_features), pair=dense)
    reward = MomentumReward.of(MOMENTUM)
    order = [written_out.names.index(name) for name in reward.names]
    assert sorted(order) == list(range(len(written_out.names)))
    theta = GENERATOR.normal(size=len(order))
    table, expected = reward_table(reward, theta), reward_table(written_out, theta[np.argsort(order)])
    np.testing.assert_allclose(table.pair, expected.pair, atol=1e-12)
    np.testing.assert_allclose(table.terminal, expected.terminal, atol=1e-12)
    visits = RewardTable(GENERATOR.normal(size=table.pair.shape), GENERATOR.normal(size=table.terminal.shape))
    np.testing.assert_allclose(
        pull_back(reward, theta, visits), pull_back(written_out, theta, visits)[order], rtol=1e-10, atol=1e-10
    )


def test_features_are_chosen_by_name():
    reward = MomentumReward.of(MOMENTUM, changes=["change", "steady"], cells=["shade"])
    assert reward.names == ("change", "steady", "shade")
    table = reward_table(reward, np.array([0.0, 0.0, 2.0]))
    np.testing.assert_allclose(
        table.pair, np.broadcast_to(2 * MOMENTUM.world.state_features["shade"], table.pair.shape)
    )


def test_mistakes_are_named():
    with pytest.raises(InvalidInput, match="no change feature 'turn'"):
        MomentumReward.of(MOMENTUM, changes=["turn"])
    with pytest.raises(InvalidInput, match="no cell feature 'gras'"):
        MomentumReward.of(MOMENTUM, cells=["gras"])
    with pytest.raises(InvalidInput, match="at least one feature"):
        MomentumReward.of(MOMENTUM, changes=[], cells=[])
    alike = dataclasses.replace(MOMENTUM, cells={"change": MOMENTUM.cells["grass"]})
    with pytest.raises(InvalidInput, match="change are names of changes and of layers"):
        MomentumReward.of(alike)


def test_convolutions_see_the_map_that_all_states_of_a_cell_share():
    """The same network over the plain grid of the same layers gives each cell the reward of all its states."""
    plain = convolutional(grid_world(LAYERS, walls=WALLS), output=AnySign(), ends=Ends.LIKE_STATES)
    here = convolutional(MOMENTUM.world, output=AnySign(), ends=Ends.LIKE_STATES)
    theta = np.asarray(plain.start) + GENERATOR.normal(size=len(plain.names))
    expected, found = reward_table(plain, theta), reward_table(here, theta)
    copies = len(MOMENTUM.displacements)
    np.testing.assert_allclose(found.pair[0], np.tile(np.asarray(expected.pair)[0], copies), atol=1e-10)
    np.testing.assert_allclose(found.terminal, np.tile(np.asarray(expected.terminal), copies), atol=1e-10)
    both = SumReward.of(MomentumReward.of(MOMENTUM, cells=[]), here)
    of_changes = GENERATOR.normal(size=len(MOMENTUM.features))
    summed = reward_table(both, np.concatenate([of_changes, theta])).pair
    alone = reward_table(both.parts[0], of_changes).pair
    np.testing.assert_allclose(summed, np.asarray(alone) + np.asarray(found.pair), atol=1e-10)
