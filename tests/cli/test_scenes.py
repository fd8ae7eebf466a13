"""Several scenes and networks on the command line."""

import subprocess
import sys

import numpy as np
import pytest

from maxentrl.runs.run import load_run
from runs.scenes_on_disk import write_scenes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="module")
def linear(folder):
    from maxentrl.cli.main import main  # noqa: PLC0415

    assert main(["fit", str(folder / "linear.toml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_each_scene_is_checked(folder, command):
    code, found, _ = command("check", folder / "linear.toml", "--json")
    assert code == 0
    assert set(found["scenes"]) == {"garden", "park", "yard"}
    code, out, _ = command("check", folder / "linear.toml")
    assert out.count("World and demonstrations") == 3


def test_scenes_are_scored_one_by_one_and_together(linear, command):
    code, found, _ = command("evaluate", linear, "--json")
    assert code == 0
    assert found["decisions"] == sum(one["decisions"] for one in found["scenes"].values())
    _, out, _ = command("evaluate", linear)
    assert "Scenes" in out
    assert "garden" in out
    assert "12 held-out walks" in out


def test_a_scene_left_out_in_one_command(linear, command):
    code, found, _ = command("evaluate", linear, "--leave-one-scene-out", "--json")
    assert code == 0
    assert [fold["scene"] for fold in found["folds"]] == ["garden", "park", "yard"]
    assert all(fold["walks"] == 24 for fold in found["folds"])
    assert (linear / "scenes_left_out.json").exists()


def test_commands_of_one_scene_ask_which(linear, folder, command):
    code, _, err = command("plan", linear, "--start", "0", "--goal", "3")
    assert code == 2
    assert "name it by --scene: garden, park, yard" in err
    code, _, err = command("plan", linear, "--scene", "prak", "--start", "0", "--goal", "3")
    assert code == 2
    code, found, _ = command("plan", linear, "--scene", "park", "--start", "0", "--goal", "3", "--json")
    assert code == 0
    part = folder / "part.csv"
    part.write_text("trajectory,step,state\na,0,0\na,1,5\n")
    code, found, _ = command("forecast", linear, "--scene", "park", "--given", part, "--json")
    assert code == 0
    assert found["walks"][0]["moves"] == 1


KILLED = """
import sys, time
from pathlib import Path
import maxentrl.runs.run as runs
from maxentrl.readers.spec import read_study

def slowly(progress):
    print(progress.evaluation, flush=True)
    time.sleep(0.15)

spec = Path(sys.argv[1])
runs.fit_run(read_study(spec), spec, Path(sys.argv[2]), progress=slowly)
"""


def test_training_that_is_killed_goes_on_to_the_same_parameters(folder, tmp_path, command):
    spec = folder / "network.toml"
    assert command("fit", spec, "--out", tmp_path / "whole")[0] == 0
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, spec, tmp_path / "killed"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 6:
            break
    process.kill()
    process.wait()
    assert not (tmp_path / "killed" / "fit.json").exists()
    code, _, _ = command("fit", spec, "--out", tmp_path / "killed", "--resume", "--json")
    assert code == 0
    whole, killed = load_run(tmp_path / "whole"), load_run(tmp_path / "killed")
    np.testing.assert_array_equal(killed.parameters, whole.parameters)
    assert killed.record.resumed == 1
