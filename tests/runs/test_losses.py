"""Walks that are left out: how many, why, and when nothing is left; folders and goals that are refused."""

import json

import numpy as np
import pytest

from maxentrl.cli.main import main
from maxentrl.demos.report import Report
from maxentrl.runs.demonstrations import loss_of

SPEC = """
[world]
kind = "grid"
layers = { grass = "grass.npy" }
[demonstrations]
files = "walks.csv"
units = "cells"
[reward]
constant = true
[time]
"""


def write(folder, time, walks):
    """A corridor of 8 cells and walks along it."""
    np.save(folder / "grass.npy", np.linspace(0, 1, 8)[None])
    rows = [f"w{i},{t},{x},0" for i, walk in enumerate(walks) for t, x in enumerate(walk)]
    (folder / "walks.csv").write_text("\n".join(["trajectory,t,x,y", *rows]) + "\n")
    (folder / "s.toml").write_text(SPEC + time)
    return folder / "s.toml"


GATES = 'kind = "to-goal"\ngoals = [[0, 0], [0, 7]]\n'
BETWEEN = [list(range(8)), list(range(7, -1, -1))] * 4
INSIDE = [[3, 4, 5, 6, 7], [4, 3, 2, 1, 0]]


def test_walks_that_start_in_a_goal_are_counted_first_and_the_cure_is_told(tmp_path, capsys):
    spec = write(tmp_path, GATES, BETWEEN + INSIDE)
    assert main(["check", str(spec)]) == 0
    first = capsys.readouterr().out.strip().splitlines()[0]
    assert first.startswith("WARNING: 8 of 10 walks were left out: each starts in a goal, where nothing is left")
    assert "leave `goals` out" in first
    assert main(["fit", str(spec), "--out", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out.startswith("WARNING: 8 of 10 walks were left out")


@pytest.mark.parametrize("walks", [BETWEEN, BETWEEN + INSIDE[:1]])
def test_fewer_than_two_walks_left_are_refused(tmp_path, capsys, walks):
    assert main(["check", str(write(tmp_path, GATES, walks))]) == 2
    assert "starts in a goal" in capsys.readouterr().err


def test_walks_that_miss_the_goals_bias_the_rest(tmp_path, capsys):
    spec = write(tmp_path, GATES, [[2, 3, 4], [3, 4, 5], *INSIDE])
    assert main(["check", str(spec), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["loss"].startswith("2 of 4 walks were left out: each never reaches its goal")
    assert "no fair sample" in found["loss"]
    assert "censored" in found["warnings"][0]


def test_few_losses_are_no_alarm_and_the_most_frequent_reason_is_named():
    assert not loss_of(Report(8, (("a", "x"), ("b", "x"))))
    dropped = (("a", "never reaches its goal (3)"), ("b", "y"), ("c", "never reaches its goal (4)"))
    assert "2 of them never reaches its goal (3)" in loss_of(Report(8, dropped))


@pytest.mark.parametrize(
    ("time", "kind"),
    [('kind = "discounted"\ndiscount = 0.9\n', "discount"), ('kind = "finite"\nhorizon = 4\n', "finite")],
)
def test_a_goal_where_nothing_ends_is_refused(tmp_path, capsys, time, kind):
    spec = write(tmp_path, time, INSIDE)
    (tmp_path / "w.txt").write_text("1 -1")
    arguments = ["plan", str(spec), "--weights", str(tmp_path / "w.txt")]
    assert main(arguments) == 0
    assert main([*arguments, "--goal", "3"]) == 2
    errors = capsys.readouterr().err
    assert "--goal ends a walk" in errors
    assert kind in errors


def test_a_folder_with_other_files_is_left_alone(tmp_path, capsys):
    spec = write(tmp_path, 'kind = "to-goal"\n', [*BETWEEN, [0, 1, 0, 1, 2, 3], [6, 5, 6, 7]])
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "spec.toml").write_text("my own")
    assert main(["fit", str(spec), "--out", str(folder)]) == 2
    assert "choose an empty or new folder" in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("spec.toml", "my own")]
    (tmp_path / "empty").mkdir()
    assert main(["fit", str(spec), "--out", str(tmp_path / "empty")]) == 0
