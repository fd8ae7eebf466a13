"""Each command on a small world: what it prints, what it leaves, how it ends."""

import json

import numpy as np
import pytest

from maxentrl.cli.terminal import Terminal
from maxentrl.runs.run import load_run


def test_check_says_what_was_read(spec, command):
    code, found, _ = command("check", spec, "--json")
    assert code == 0
    assert found["counts"]["states"] == 42
    assert (found["counts"]["walks fitted"], found["counts"]["walks held out"]) == (18, 6)
    assert {feature["name"] for feature in found["features"]} == {"grass", "mud", "distance"}
    grass = np.load(spec.parent / "my maps" / "grass.npy")
    (line,) = [feature for feature in found["features"] if feature["name"] == "grass"]
    assert (line["minimum"], line["maximum"]) == (grass.min(), grass.max())
    code, text, _ = command("check", spec)
    assert "ready to fit" in text


def test_fit_leaves_a_run_that_is_loaded_back(run_folder):
    run = load_run(run_folder)
    data = json.loads((run_folder / "fit.json").read_text())
    assert run.fit.status.successful
    assert run.fit.parameters.tolist() == data["parameters"]
    assert list(run.coefficients) == ["grass", "mud", "distance"]
    assert run.record.status == "CONVERGED"
    assert run.record.spec_sha256
    assert {"python", "jax", "numpy"} <= set(run.record.versions)
    assert len(run.record.inputs) == 3
    assert run.job.counts["walks fitted"] == 18


def test_a_second_fit_is_refused(spec, run_folder, command):
    before = (run_folder / "fit.json").read_bytes()
    code, found, errors = command("fit", spec, "--out", run_folder, "--json")
    assert code == 2
    assert "holds a run already: go on with it by --resume" in errors
    assert found["error"] == "InvalidInput"
    assert (run_folder / "fit.json").read_bytes() == before


def test_evaluate_a_run(run_folder, command):
    code, found, _ = command("evaluate", run_folder, "--json")
    assert code == 0
    assert found["held_out"] is True
    assert found["walks"] == 6
    assert found["decisions"] == 36
    methods = {row["method"] for row in found["forecasts"]}
    assert methods == {"maximum entropy", "random walk", "shortest path", "constant velocity"}


def test_evaluate_weights_of_a_file(spec, run_folder, command, tmp_path):
    parameters = load_run(run_folder).fit.parameters.tolist()
    scores = {}
    (tmp_path / "numbers.txt").write_text("\n".join(map(repr, parameters)))
    (tmp_path / "names.json").write_text(json.dumps(dict(zip(["grass", "mud", "distance"], parameters, strict=True))))
    for file in (tmp_path / "numbers.txt", tmp_path / "names.json", run_folder / "fit.json"):
        _, scores[file.name], _ = command("evaluate", spec, "--weights", file, "--json")
    assert scores["numbers.txt"] == scores["names.json"] == scores["fit.json"]
    worse = tmp_path / "worse.txt"
    worse.write_text("0 0 -9")
    _, found, _ = command("evaluate", spec, "--weights", worse, "--json")
    assert found["nats_per_decision"] > scores["fit.json"]["nats_per_decision"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("1 2", "holds 2 numbers: expected 3"),
        ("1 2 x", "expected numbers"),
        ("1 2 nan", "weight 2 is not a finite number"),
        ('{"grass": 1, "mud": 2}', "lacks a weight for 'distance'"),
        ('{"grass": 1, "mud": 2, "distance": 1, "mood": 1}', "'mood' is no feature"),
        ("{", "expected a JSON object"),
    ],
)
def test_weights_that_do_not_fit_are_refused(spec, command, tmp_path, content, says):
    (tmp_path / "w").write_text(content)
    code, _, errors = command("evaluate", spec, "--weights", tmp_path / "w")
    assert code == 2
    assert says in errors


def test_a_spec_alone_has_no_weights(spec, command):
    code, _, errors = command("evaluate", spec)
    assert code == 2
    assert "give a file with --weights" in errors


def test_forecast_of_a_walk_that_is_not_over(run_folder, command, tmp_path):
    given = tmp_path / "so far.csv"
    given.write_text("trajectory,t,x,y\nw,0,0,2\nw,1,1,2\nw,2,2,2\n")
    code, found, _ = command("forecast", run_folder, "--given", given, "--json")
    assert code == 0
    (walk,) = found["walks"]
    assert walk["moves"] == 2
    assert sum(goal["probability"] for goal in walk["goals"]) == pytest.approx(1.0)
    assert [place["seconds"] for place in walk["ahead"]] == [1.0, 3.0]
    assert all(0 <= x <= 3.5 and 0 <= y <= 3.0 for x, y in (place["mean"] for place in walk["ahead"]))
    assert walk["most_likely"][0] == 2 * 7 + 2
    assert len(walk["samples"]) == 5
    again = command("forecast", run_folder, "--given", given, "--json")[1]
    other = command("forecast", run_folder, "--given", given, "--json", "--seed", "7")[1]
    assert again == found
    assert other["walks"][0]["samples"] != walk["samples"]
    assert other["walks"][0]["goals"] == walk["goals"]


def test_plan_to_a_goal(run_folder, command, tmp_path):
    file = tmp_path / "plan.npz"
    code, found, _ = command("plan", run_folder, "--goal", "5,6", "--start", "0,0", "--out", file, "--json")
    assert code == 0
    assert found["solver"] == "LinearSystem"
    with np.load(file) as plan:
        assert plan["values"][0] == pytest.approx(found["value"], abs=1e-12)
        assert plan["visits"].sum() == pytest.approx(found["expected decisions"])
        assert plan["terminal"][5 * 7 + 6] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [([], "a plan to a goal needs one"), (["--goal", "9,9"], "off the map"), (["--goal", "x"], "is not a state")],
)
def test_plan_without_a_goal_says_so(run_folder, command, arguments, says):
    code, _, errors = command("plan", run_folder, *arguments)
    assert code == 2
    assert says in errors


def test_an_infinite_partition_function_is_code_1(spec, command, tmp_path):
    (tmp_path / "w").write_text("1 1 1")
    code, found, errors = command("plan", spec, "--weights", tmp_path / "w", "--goal", "0", "--json")
    assert code == 1
    assert found["error"] == "INFINITE_PARTITION"
    assert "constant cost per step is the usual cure" in errors


def test_report(run_folder, command):
    code, found, _ = command("report", run_folder, "--json")
    assert code == 0
    page = (run_folder / "report.html").read_text(encoding="utf-8")
    assert found["report"] == str(run_folder / "report.html")
    assert page.count("<img ") == 4
    assert (run_folder / "reward.png").read_bytes().startswith(b"\x89PNG")
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


@pytest.mark.parametrize("name", ["check", "fit", "evaluate", "plan"])
def test_missing_files_are_named(command, tmp_path, name):
    code, _, errors = command(name, tmp_path / "no such.toml")
    assert code == 2
    assert "no such.toml: there is no such file" in errors


def test_a_folder_that_is_no_run(command, tmp_path):
    code, _, errors = command("report", tmp_path)
    assert code == 2
    assert "run.json: there is no such file; a run folder is made by 'maxentrl fit'" in errors


def test_bad_layers_and_walks_are_named(spec, command, tmp_path):
    text = spec.read_text()
    (tmp_path / "my maps").mkdir()
    np.save(tmp_path / "my maps" / "grass.npy", np.zeros((6, 7)))
    np.save(tmp_path / "my maps" / "mud.npy", np.zeros((6, 8)))
    (tmp_path / "walks.csv").write_text("trajectory,t,x,y\nw,0,0,0\n")
    (tmp_path / "s.toml").write_text(text)
    code, _, errors = command("check", tmp_path / "s.toml")
    assert code == 2
    assert "'grass' is 6 x 7, 'mud' is 6 x 8" in errors


def test_colours_and_names_do_not_mix(capsys):
    terminal = Terminal(json=False)
    terminal.say("[red]walk[/red] [0]")
    terminal.table("[bold]t", ("[x]", "n"), [("[green]a", 1.0)])
    text = capsys.readouterr().out
    assert "[red]walk[/red] [0]" in text
    assert "[green]a" in text


def test_names_cannot_command_the_terminal(capsys):
    terminal = Terminal(json=False)
    terminal.say("a\x1b[2Jb")
    terminal.table("t", ("n",), [("c\x1b]0;title\x07d",)])
    text = capsys.readouterr().out
    assert "a\ufffd[2Jb" in text
    assert "\x1b]0" not in text
    assert "\x07" not in text


def test_errors_cannot_command_the_terminal(command, tmp_path):
    code, _, errors = command("check", tmp_path / "a\x1b[2J.toml")
    assert code == 2
    assert "\x1b" not in errors
    assert "a\ufffd[2J.toml" in errors
