"""Gymnasium's tables, outcome for outcome, and one rule for the end of an episode."""

import importlib.util
from collections import defaultdict
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest

from maxentrl.mdp import gymnasium as under_test
from maxentrl.mdp.checks import check_mdp, reachable_from
from maxentrl.mdp.gymnasium import gymnasium_world
from maxentrl.status import InvalidInput, MissingExtra

ENVIRONMENTS = [
    ("FrozenLake-v1", {}),
    ("FrozenLake-v1", {"map_name": "8x8", "is_slippery": True}),
    ("FrozenLake-v1", {"is_slippery": False}),
    ("CliffWalking-v1", {}),
    ("CliffWalking-v1", {"is_slippery": True}),
    ("Taxi-v4", {}),
]


@pytest.mark.parametrize(("identifier", "options"), ENVIRONMENTS)
def test_every_probability_and_reward_is_the_environments_own(identifier, options):
    world = gymnasium_world(identifier, options)
    table = gymnasium.make(identifier, **options).unwrapped.P
    assert check_mdp(world.mdp) == []
    assert world.mdp.n_states == len(table)
    for state, moves in table.items():
        if world.mdp.terminal[state]:
            continue
        for action, outcomes in moves.items():
            expected = defaultdict(float)
            for chance, following, _, done in outcomes:
                expected[following] += chance
                assert bool(done) == bool(world.mdp.terminal[following]) or _never_met(world, state, following, done)
            successor, probability = world.mdp.transitions.successors_of(np.array([action]), np.array([state]))
            found = defaultdict(float)
            for s, p in zip(successor[:, 0], probability[:, 0], strict=True):
                found[int(s)] += p
            assert {s: p for s, p in found.items() if p} == pytest.approx(dict(expected))
            reward = sum(chance * paid for chance, _, paid, _ in outcomes)
            assert world.pair_features["reward"][action, state] == pytest.approx(reward)


def _never_met(world, state, following, done):
    """Taxi lists moves between states with the passenger delivered, where no episode goes on."""
    return (
        world.mdp.n_states == 500 and state % 4 == (state // 4) % 5 and not done and bool(world.mdp.terminal[following])
    )


def test_where_episodes_end():
    lake = gymnasium_world("FrozenLake-v1")
    assert np.flatnonzero(lake.mdp.terminal).tolist() == [5, 7, 11, 12, 15]
    assert lake.geometry.shape == (4, 4)
    np.testing.assert_array_equal(lake.mdp.terminal, lake.state_features["tile=H"] + lake.state_features["tile=G"] > 0)
    cliff = gymnasium_world("CliffWalking-v1")
    assert np.flatnonzero(cliff.mdp.terminal).tolist() == [47]
    assert not cliff.mdp.available[:, 47].any()
    taxi = gymnasium_world("Taxi-v4")
    assert np.flatnonzero(taxi.mdp.terminal).tolist() == [0, 85, 410, 475]
    starts = np.flatnonzero(gymnasium.make("Taxi-v4").unwrapped.initial_state_distrib)
    assert reachable_from(taxi.mdp, starts).sum() == 404


@pytest.mark.parametrize(("identifier", "options"), ENVIRONMENTS)
def test_the_reward_is_the_sum_of_its_values(identifier, options):
    world = gymnasium_world(identifier, options)
    parts = {name: column for name, column in world.pair_features.items() if "=" in name}
    total = sum(float(name.split("=")[1]) * column for name, column in parts.items())
    np.testing.assert_allclose(total, world.pair_features["reward"])
    np.testing.assert_allclose(sum(parts.values())[world.mdp.available], 1.0)


def environment(table, start=None):
    inner = SimpleNamespace(P=table) if start is None else SimpleNamespace(P=table, initial_state_distrib=start)
    return SimpleNamespace(unwrapped=inner)


def test_a_state_entered_both_ways_gives_an_added_terminal_state():
    table = {0: {0: [(0.5, 1, 1.0, True), (0.5, 1, 0.0, False)]}, 1: {0: [(1.0, 0, 0.0, False)]}}
    world = gymnasium_world(environment(table))
    assert world.mdp.state_names == ("0", "1", "ended")
    assert world.mdp.terminal.tolist() == [False, False, True]
    np.testing.assert_array_equal(world.mdp.transitions.as_dense()[0], [[0, 0.5, 0.5], [1, 0, 0], [0, 0, 0]])
    assert world.pair_features["reward"][0].tolist() == [0.5, 0.0, 0.0]


def test_a_start_is_never_made_terminal_by_moves_that_no_episode_makes():
    table = {0: {0: [(1.0, 1, 0.0, True)]}, 1: {0: [(1.0, 0, 0.0, True)]}}
    world = gymnasium_world(environment(table, [1.0, 0.0]))
    assert world.mdp.terminal.tolist() == [False, True]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (environment({0: {0: [(0.4, 0, 0.0, False)]}}), r"P\[0\]\[0\]: probabilities sum to 0.4"),
        (environment({0: {0: [(-1.0, 0, 0.0, False), (2.0, 0, 0.0, False)]}}), "negative"),
        (environment({}), "no transition table"),
        (SimpleNamespace(unwrapped=SimpleNamespace()), "no transition table"),
    ],
)
def test_bad_tables_are_named(made, message):
    with pytest.raises(InvalidInput, match=message):
        gymnasium_world(made)


def test_bad_ids_and_options_are_named():
    with pytest.raises(InvalidInput, match="FrozenLak-v1"):
        gymnasium_world("FrozenLak-v1")
    with pytest.raises(InvalidInput, match="slippery"):
        gymnasium_world("FrozenLake-v1", {"slippery": True})
    with pytest.raises(InvalidInput, match="no transition table"):
        gymnasium_world("CartPole-v1")
    with pytest.raises(InvalidInput, match="already made"):
        gymnasium_world(environment({0: {0: [(1.0, 0, 0.0, False)]}}), {"a": 1})


def test_without_gymnasium_the_message_installs_it(monkeypatch):
    def absent(name):
        raise ImportError(name)

    assert importlib.util.find_spec("gymnasium") is not None
    monkeypatch.setattr(under_test.importlib, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"maxentrl\[gymnasium\]"):
        gymnasium_world("FrozenLake-v1")
