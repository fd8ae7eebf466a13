"""Features and states that a specification or a command line names."""

import numpy as np
import pytest

from maxentrl.cli.main import main
from maxentrl.mdp.grid import grid_world
from maxentrl.runs.states import state_number
from maxentrl.status import InvalidInput

SPEC = """
[world]
kind = "table"
transitions = "moves.csv"
{world}
[reward]
{reward}
[time]
kind = "to-goal"
"""


def write(folder, world="", reward=""):
    """Three places in a row; moves carry a feature."""
    (folder / "moves.csv").write_text(
        "state,action,next_state,probability\nharbour,on,market,1\nmarket,on,castle,1\nmarket,back,harbour,1\n"
        "castle,back,market,1\n"
    )
    (folder / "features.csv").write_text(
        "state,action,congestion\nharbour,on,1\nmarket,on,2\nmarket,back,1\ncastle,back,3\n"
    )
    (folder / "s.toml").write_text(SPEC.format(world=world, reward=reward))
    (folder / "w.txt").write_text("-1")
    return folder / "s.toml"


FEATURES = 'features = "features.csv"'


@pytest.mark.parametrize(
    ("world", "reward", "says"),
    [
        ("", "", "name a CSV of them under world.features"),
        (FEATURES, "", "choose some of 'congestion' under reward.pair_features"),
        (FEATURES, 'features = ["congestion"]', "'congestion' is a state-action feature: list it under reward.pair"),
    ],
)
def test_a_reward_without_features_says_where_they_are_named(tmp_path, capsys, world, reward, says):
    assert main(["check", str(write(tmp_path, world, reward))]) == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_name_that_is_none_gets_the_nearest(tmp_path, capsys):
    spec = write(tmp_path, FEATURES, 'pair_features = ["congestion"]')
    arguments = ["plan", str(spec), "--weights", str(tmp_path / "w.txt"), "--goal"]
    assert main([*arguments, "castle", "--start", "harbour"]) == 0
    capsys.readouterr()
    assert main([*arguments, "casle"]) == 2
    assert "--goal: 'casle' is not a state; did you mean 'castle'?" in capsys.readouterr().err
    assert main([*arguments, "castle", "--start", "harbor"]) == 2
    assert "--start: 'harbor' is not a state; did you mean 'harbour'?" in capsys.readouterr().err


@pytest.mark.parametrize("label", ["1,2", "[1, 2]", "cell [1, 2]", "Cell[1,2]", (1, 2)])
def test_a_cell_is_understood_as_people_write_it(label):
    walls = np.zeros((3, 4))
    walls[0, 0] = 1
    assert state_number(grid_world({"a": np.zeros((3, 4))}, walls=walls), label, "--start") == 5
    with pytest.raises(InvalidInput, match="off the map"):
        state_number(grid_world({"a": np.zeros((3, 4))}), "cell [3, 0]", "--start")
