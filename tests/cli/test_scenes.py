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


def test_a_seed_does_not_change_which_walks_were_held_out(folder, command):
    for name in ("garden", "park", "yard"):
        file = folder / "scenes" / f"{name}.csv"
        (folder / "drawn").mkdir(exist_ok=True)
        rows = [line.rpartition(",")[0] for line in file.read_text().splitlines()]
        (folder / "drawn" / f"{name}.csv").write_text("\n".join(rows) + "\n")
        scene = (folder / "scenes" / f"{name}.toml").read_text()
        scene = scene.replace(f'"{name}.npz"', f'"../scenes/{name}.npz"') + "held_out = 0.25\n"
        (folder / "drawn" / f"{name}.toml").write_text(scene)
    spec = folder / "drawn.toml"
    spec.write_text((folder / "linear.toml").read_text().replace("scenes/*.toml", "drawn"))
    assert command("fit", spec, "--out", folder / "drawn run")[0] == 0
    plain, other = (command("evaluate", folder / "drawn run", *seed, "--json")[1] for seed in ((), ("--seed", "5")))
    assert plain["nats_per_decision"] == other["nats_per_decision"]
    assert plain["decisions"] == other["decisions"]
    walks = load_run(folder / "drawn run").jobs["park"].demonstrations
    assert not set(walks.train.names) & set(walks.held_out.names)


def test_leaving_scenes_out_needs_no_run_and_learns_nothing_from_those_held_out(folder, command):
    spec = folder / "less.toml"
    spec.write_text(
        (folder / "linear.toml").read_text().replace('"scenes/*.toml"', '["scenes/garden.toml", "scenes/park.toml"]')
    )
    code, less, _ = command("evaluate", spec, "--leave-one-scene-out", "--json")
    assert code == 0
    spec.write_text('held_out = "yard"\n' + (folder / "linear.toml").read_text())
    code, found, _ = command("evaluate", spec, "--leave-one-scene-out", "--json")
    assert code == 0
    assert [fold["scene"] for fold in found["folds"]] == ["garden", "park"]
    for fold, other in zip(found["folds"], less["folds"], strict=True):
        assert fold["nats_per_decision"] == other["nats_per_decision"]


def test_a_scene_left_out_in_one_command(linear, command):
    code, found, _ = command("evaluate", linear, "--leave-one-scene-out", "--json")
    assert code == 0
    assert [fold["scene"] for fold in found["folds"]] == ["garden", "park", "yard"]
    assert all(fold["walks"] == 24 for fold in found["folds"])
    assert (linear / "scenes_left_out.json").exists()
    assert command("report", linear)[0] == 0
    page = (linear / "report.html").read_text()
    assert "Scenes that were not seen" in page
    assert f"{found['folds'][1]['nats_per_decision']:.4f}"[:5] in page


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
    command_line = [sys.executable, "-c", KILLED, spec, tmp_path / "killed"]
    with subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 6:
                break
        process.kill()
    assert not (tmp_path / "killed" / "fit.json").exists()
    code, _, _ = command("fit", spec, "--out", tmp_path / "killed", "--resume", "--json")
    assert code == 0
    whole, killed = load_run(tmp_path / "whole"), load_run(tmp_path / "killed")
    np.testing.assert_array_equal(killed.parameters, whole.parameters)
    assert killed.record.resumed == 1
