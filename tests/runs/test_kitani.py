"""The published walks of Kitani et al., where the data are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from maxentrl.readers.spec import read_spec
from maxentrl.runs.detections import errors_without, read_detections
from maxentrl.runs.evaluate import decision_nats, read_weights, uniform_nats, unused_weights
from maxentrl.runs.job import read_job
from maxentrl.status import InvalidInput

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("MAXENTRL_DATA", ROOT / ".." / "shared" / "data"))
FILES = ("oc_demo_walk_reward_weights", "walk_reward_params-37", "walk_reward_params", "walk_reward_params_6")


@pytest.fixture(scope="module")
def job():
    if not (DATA / "kitani_virat").is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("the data of Kitani et al. are missing: set MAXENTRL_DATA")
        pytest.skip("needs the data of Kitani et al. in MAXENTRL_DATA")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAXENTRL_DATA", str(DATA.resolve()))
        spec = read_spec(ROOT / "examples" / "kitani_virat.toml")
        yield read_job(spec)


@pytest.mark.parametrize("name", FILES)
def test_published_weights_are_read(job, name):
    path, layers = DATA / "kitani_virat" / "weights" / f"{name}.txt", tuple(job.scene.world.state_features)
    weights = read_weights(path, job.reward.names, layers)
    np.testing.assert_array_equal(weights, np.loadtxt(path).ravel()[:37])
    unused = unused_weights(path, job.reward.names, layers)
    assert len(unused) == (3 if name.endswith("_6") else 0)
    if unused:
        assert all(layer.startswith("observation") for layer in unused)
        with pytest.raises(InvalidInput, match="holds 40 numbers: expected 37"):
            read_weights(path, job.reward.names)


@pytest.mark.slow
def test_published_weights_explain_the_walks_better_than_chance(job):
    walks = job.demonstrations.train
    path = DATA / "kitani_virat" / "weights" / "walk_reward_params.txt"
    nats, decisions = decision_nats(job, read_weights(path, job.reward.names), walks)
    assert decisions == 4908
    assert nats < uniform_nats(job, walks)


def test_detections_are_those_of_the_files(job):
    walks = job.demonstrations.train
    seen = read_detections(job, walks)
    assert len(seen) == 14
    for index, name in enumerate(walks.names):
        (file,) = (DATA / "kitani_virat" / "traj").glob(f"{name.removesuffix('_tracker_output')}_tracker_output.txt")
        rows = np.loadtxt(file)
        detected = (rows[:, 3:] != 0).any(1)
        assert len(rows) == walks.lengths[index] + 1
        np.testing.assert_array_equal(seen[name].detected, detected)
        np.testing.assert_allclose(seen[name].errors, (rows[:, 3:] - rows[:, 1:3])[detected])
    errors = [errors_without(job, seen, name) for name in walks.names]
    assert all(0.5 < sd < 10 for one in errors for sd in one.standard_deviation)  # up to 288 cells off: clutter
    assert all(0 < one.clutter < 0.1 for one in errors)
