"""A checkpoint gives back the very numbers, or says why not."""

import json

import numpy as np
import pytest

from maxentrl.runs.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from maxentrl.status import InvalidInput

NAMES = ("grass", "step <cost>")


@pytest.fixture
def path(tmp_path):
    theta = np.random.default_rng(0).normal(size=2) * 1e-7
    save_checkpoint(tmp_path / "c.json", Checkpoint(NAMES, theta, -12.5, np.inf, 7, 0.25))
    return tmp_path / "c.json"


def test_round_trip_is_exact(path):
    found = load_checkpoint(path, NAMES)
    assert found.parameters.tobytes() == (np.random.default_rng(0).normal(size=2) * 1e-7).tobytes()
    assert (found.value, found.gradient_norm, found.evaluations, found.seconds) == (-12.5, np.inf, 7, 0.25)


def test_other_parameters_are_refused_by_name(path):
    with pytest.raises(InvalidInput, match="for the parameters grass, step <cost>; this fit has grass"):
        load_checkpoint(path, ("grass",))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 99}, "format 99"),
        ({"parameters": [1.0]}, "2 finite parameters"),
        ({"parameters": [1.0, "NaN"]}, "2 finite parameters"),
        ({"parameters": [1.0, "x"]}, "not a checkpoint"),
        ({"value": None}, "not a checkpoint"),
    ],
)
def test_damage_is_named(path, change, says):
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InvalidInput, match=says):
        load_checkpoint(path, NAMES)
