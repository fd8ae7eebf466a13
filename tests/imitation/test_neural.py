"""The cloned network: it learns what a logit cannot, stops early, and says what it cannot do."""

import dataclasses
import sys

import jax
import numpy as np
import pytest

from imitation.walks import N_ACTIONS, N_STATES, loose, small_mdp
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.choice_features import action_constants, interacted_features, pair_features
from maxentrl.imitation.clone_file import clone_from_bytes, clone_to_bytes
from maxentrl.imitation.logistic import clone_by_logit
from maxentrl.imitation.neural import Training, clone_by_network
from maxentrl.imitation.scores import score_choices
from maxentrl.imitation.tabular import clone_by_counting
from maxentrl.rewards.tensor_file import pack, unpack
from maxentrl.status import InvalidInput, MissingExtra, Status

QUICK = Training(width=16, depth=1, max_epochs=60, patience=15, batch=4, learning_rate=1e-2)
SCALAR = pair_features({"x": np.random.default_rng(0).uniform(-2, 2, size=(N_ACTIONS, N_STATES))})


def curved_walks(mdp, count, seed):
    """Moves chosen with odds exp(3 − 3 x²): no multiple of x has these."""
    x = SCALAR.at(np.arange(N_STATES), np.zeros(N_STATES, int))[0]
    score = np.where(mdp.available, 3 - 3 * x**2, -np.inf)
    policy = np.exp(score - np.logaddexp.reduce(score, axis=0))
    rng, successor, states, actions = np.random.default_rng(seed), np.asarray(mdp.transitions.successor), [], []
    for _ in range(count):
        path, moves = [int(rng.integers(N_STATES))], []
        for _ in range(6):
            moves.append(int(rng.choice(N_ACTIONS, p=policy[:, path[-1]])))
            path.append(int(successor[moves[-1], path[-1]]))
        states.append(path)
        actions.append(moves)
    return Trajectories.of(states, actions), policy


def test_a_network_learns_what_a_logit_cannot():
    mdp = small_mdp(deterministic=True)
    walks, policy = curved_walks(mdp, 300, 0)
    fresh, _ = curved_walks(mdp, 300, 1)
    network = clone_by_network(mdp, walks, SCALAR, dataclasses.replace(QUICK, max_epochs=300, patience=50))
    logit = clone_by_logit(mdp, walks, SCALAR)
    assert network.status in (Status.EARLY_STOPPED, Status.MAXIMUM_ITERATIONS)
    assert score_choices(network, fresh).mean > score_choices(logit, fresh).mean + 0.05
    counted = clone_by_counting(mdp, walks, smoothing=1.0)
    assert score_choices(network, fresh).mean == pytest.approx(score_choices(counted, fresh).mean, abs=0.02)
    np.testing.assert_allclose(np.exp(network.log_policy()), policy, atol=0.1)
    np.testing.assert_allclose(np.exp(network.log_policy()).sum(0), 1.0, atol=1e-12)


def test_training_stops_where_held_out_likelihood_does():
    mdp = small_mdp(deterministic=True)
    features = interacted_features(mdp, {f"at {s}": (np.arange(5) == s).astype(float) for s in range(5)})
    walks = loose(mdp, count=8)
    clone = clone_by_network(mdp, walks, features, dataclasses.replace(QUICK, max_epochs=400, patience=10))
    assert clone.status is Status.EARLY_STOPPED
    assert len(clone.held_out) == clone.best_epoch + 10 + 1
    assert clone.held_out[clone.best_epoch] == clone.held_out.max()
    again = clone_by_network(mdp, walks, features, dataclasses.replace(QUICK, max_epochs=400, patience=10))
    np.testing.assert_array_equal(clone.log_policy(), again.log_policy())
    other = clone_by_network(mdp, walks, features, dataclasses.replace(QUICK, seed=1))
    assert np.abs(np.exp(other.log_policy()) - np.exp(clone.log_policy())).max() > 1e-6
    assert not jax.config.jax_enable_x64


def test_weights_count_and_one_walk_is_enough():
    mdp = small_mdp(deterministic=True)
    walks = Trajectories.of([[0, 1]] * 20 + [[0, 2]] * 20, [[0]] * 20 + [[1]] * 20, weights=[9.0] * 20 + [1.0] * 20)
    clone = clone_by_network(mdp, walks, action_constants(mdp), dataclasses.replace(QUICK, max_epochs=200, patience=50))
    assert np.exp(clone.log_policy())[0, 0] == pytest.approx(0.9, abs=0.08)
    alone = Trajectories.of([[0, 1, 2, 3, 4]], [[0, 0, 0, 0]])
    assert not np.isnan(clone_by_network(mdp, alone, SCALAR, QUICK).log_policy()).any()


def test_what_a_network_cannot_be_trained_on_is_named(monkeypatch):
    mdp = small_mdp(deterministic=True)
    walks = loose(mdp)
    blind = dataclasses.replace(walks, actions=np.full(len(walks.actions), UNKNOWN))
    with pytest.raises(InvalidInput, match="some actions were not seen"):
        clone_by_network(mdp, blind, SCALAR)
    with pytest.raises(InvalidInput, match="at least two decisions"):
        clone_by_network(mdp, Trajectories.of([[0, 1]], [[0]]), SCALAR)
    with pytest.raises(InvalidInput, match=r"width = 0: expected at least 1\nheld_out = 1\.0"):
        Training(width=0, held_out=1.0)
    monkeypatch.setitem(sys.modules, "optax", None)
    with pytest.raises(MissingExtra, match=r"pip install 'maxentrl\[deep\]'"):
        clone_by_network(mdp, walks, SCALAR)


def small_clone(**changes):
    mdp = small_mdp(deterministic=True)
    training = dataclasses.replace(QUICK, max_epochs=2, width=4, **changes)
    return clone_by_network(mdp, curved_walks(mdp, 12, 3)[0], SCALAR, training), training


def test_a_clone_comes_back_from_its_file_to_the_last_bit():
    clone, training = small_clone()
    read = clone_from_bytes(clone.mdp, SCALAR, clone_to_bytes(clone), training=training, source="clone")
    assert read.log_policy().tobytes() == clone.log_policy().tobytes()
    assert (read.status, read.best_epoch) == (clone.status, clone.best_epoch)
    assert read.held_out.tobytes() == clone.held_out.tobytes()


def test_a_file_of_another_clone_is_refused_by_what_differs():
    clone, training = small_clone()
    data = clone_to_bytes(clone)
    other = pair_features({"y": np.ones((N_ACTIONS, N_STATES))})
    for features, wanted, match in (
        (other, training, r"features \[0\] is x in the file and y here"),
        (SCALAR, dataclasses.replace(training, width=5), r"weight \[0\] is 4 in the file and 5 here"),
        (SCALAR, dataclasses.replace(training, depth=2), r"layers\[1\]\.weight \[0\] is 1 in the file and 4 here"),
    ):
        with pytest.raises(InvalidInput, match=f"old: made for another clone: .*{match}"):
            clone_from_bytes(clone.mdp, features, data, training=wanted, source="old")


def test_a_damaged_file_of_a_clone_is_refused():
    clone, training = small_clone()
    data = clone_to_bytes(clone)
    for broken in (b"", data[:7], data[:50], data[:-1], b"\x80\x04" + data):
        with pytest.raises(InvalidInput, match="file: not a checkpoint"):
            clone_from_bytes(clone.mdp, SCALAR, broken, training=training, source="file")
    tensors, manifest = unpack("clone", data, source="file")
    for changed, match in (
        ({"spread": np.zeros(1)}, "spread holds numbers that cannot be"),
        ({"centre": np.zeros(2)}, "centre is missing or has no sense"),
        ({"network.layers[0].bias": np.full(4, np.nan)}, r"network\.layers\[0\]\.bias holds numbers that cannot be"),
    ):
        odd = pack("clone", {**tensors, **changed}, manifest)
        with pytest.raises(InvalidInput, match=f"file: damaged: {match}"):
            clone_from_bytes(clone.mdp, SCALAR, odd, training=training, source="file")
    odd = pack("clone", tensors, {**manifest, "status": "FINE"})
    with pytest.raises(InvalidInput, match="how training ended"):
        clone_from_bytes(clone.mdp, SCALAR, odd, training=training, source="file")
    with pytest.raises(InvalidInput, match="holds a clone, expected a reward"):
        unpack("reward", data, source="file")
