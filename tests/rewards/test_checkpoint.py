import json
import os

import numpy as np
import pytest

from maxentrl.rewards import tensor_file
from maxentrl.rewards.checkpoint import reward_from_bytes, reward_to_bytes
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.outputs import Cost
from maxentrl.rewards.perceptron import perceptron
from maxentrl.rewards.sums import EachStep, SumReward
from maxentrl.rewards.tensor_file import unpack
from maxentrl.runs.files import CannotWrite
from maxentrl.runs.training_files import load_reward, save_reward
from maxentrl.status import InvalidInput
from rewards.small_scenes import small_world


def make(world, *, width=3, output=None):
    linear = LinearReward.of(4, pair={"distance": world.pair_features["distance"]}, terminal={})
    deep = perceptron(world, width=width, depth=1, **({} if output is None else {"output": output}))
    return SumReward.of(linear, EachStep.of(deep, 2))


def test_parameters_come_back_to_the_last_bit(tmp_path):
    reward = make(small_world())
    theta = np.random.default_rng(0).normal(size=len(reward.names)) * 1e-7
    save_reward(tmp_path / "a file", reward, theta)
    assert load_reward(tmp_path / "a file", make(small_world())).tobytes() == theta.tobytes()
    assert os.listdir(tmp_path) == ["a file"]
    data = (tmp_path / "a file").read_bytes()
    manifest = json.loads(json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]["maxentrl"])
    assert manifest["format"] == 1
    assert manifest["shapes"]["part 1: parameters"] == [2 * 13]
    assert "perceptron.layers[0].weight" in manifest["architecture"]["parts"][1]["reward"]["parameters"]


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (lambda: make(small_world(), width=4), r"weight \[0\] is 3 in the file and 4 here"),
        (lambda: make(small_world(), output=Cost()), r"output is AnySign\(\) in the file"),
        (lambda: make(small_world(seed=1)), "mean"),
        (lambda: perceptron(small_world(), width=3, depth=1), "kind is sum in the file and network here"),
        (lambda: LinearReward.of(4, state={"shade": np.ones(12)}), "kind is sum in the file and LinearReward here"),
    ],
)
def test_a_file_for_another_architecture_is_refused_by_what_differs(other, match):
    reward = make(small_world())
    data = reward_to_bytes(reward, np.zeros(len(reward.names)))
    with pytest.raises(InvalidInput, match=f"old: made for another reward: .*{match}"):
        reward_from_bytes(other(), data, source="old")


def test_other_linear_names_and_sizes_are_refused():
    one, two = (LinearReward.of(4, state={name: np.ones(12)}) for name in ("shade", "sun"))
    data = reward_to_bytes(one, np.ones(1))
    with pytest.raises(InvalidInput, match=r"names \[0\] is shade in the file and sun here"):
        reward_from_bytes(two, data, source="x")
    with pytest.raises(InvalidInput, match=r"\(2,\) parameters for a reward of 1"):
        reward_to_bytes(one, np.ones(2))


def test_damaged_files_are_refused_and_never_run(tmp_path, monkeypatch):
    reward = perceptron(small_world(), width=2)
    data = reward_to_bytes(reward, np.zeros(len(reward.names)))
    for broken in (b"", data[:5], data[:40], data[:-3], b"\x80\x04" + data, b"{}"):
        with pytest.raises(InvalidInput, match="file: not a checkpoint"):
            reward_from_bytes(reward, broken, source="file")
    with pytest.raises(InvalidInput, match="holds a reward, expected a training state"):
        unpack("training state", data, source="file")
    monkeypatch.setattr(tensor_file, "FORMAT", 2)
    with pytest.raises(InvalidInput, match="format 1; this version reads format 2"):
        unpack("reward", data, source="file")
    monkeypatch.undo()
    with pytest.raises(InvalidInput, match="not finite"):
        reward_from_bytes(reward, reward_to_bytes(reward, np.full(len(reward.names), np.nan)), source="file")
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_reward(tmp_path / "none", reward)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    reward = perceptron(small_world(), width=2)
    path, theta = tmp_path / "weights", np.ones(len(reward.names))
    save_reward(path, reward, theta)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CannotWrite):
        save_reward(path, reward, 2 * theta)
    monkeypatch.undo()
    assert load_reward(path, reward).tolist() == theta.tolist()
    assert os.listdir(tmp_path) == ["weights"]
