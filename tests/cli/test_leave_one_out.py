"""``evaluate --leave-one-out`` and the report of it, on a small world."""

import json

import numpy as np
import pytest

from maxentrl.cli.main import main
from maxentrl.runs.leave_one_out_files import load_leave_one_out

SPEC = """
[world]
kind = "grid"
layers = { grass = "grass.npy", mud = "mud.npy", unused = "unused.npy" }

[demonstrations]
files = "walks.csv"
units = "cells"

[reward]
features = ["grass", "mud"]
pair_features = ["distance"]
terminal = "none"

[time]
kind = "to-goal"

[forecast]
observed = [0.3, 0.6]
samples = 3
"""


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("left out")
    rng = np.random.default_rng(5)
    for name in ("grass", "mud", "unused"):
        np.save(folder / f"{name}.npy", 0.5 + rng.random((5, 7)).round(1))
    rows = ["trajectory,t,x,y"]
    for walk, start in enumerate((0, 1, 3, 4)):
        y = start
        for t, x in enumerate((0, 1, 2, 1, 2, 3, 4, 5, 6)):
            rows.append(f"<i>{walk}</i>,{t},{x},{y}")
            y = int(np.clip(y + rng.integers(-1, 2), 0, 4))
    (folder / "walks.csv").write_text("\n".join(rows) + "\n")
    (folder / "s.toml").write_text(SPEC)
    assert main(["fit", str(folder / "s.toml"), "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_scores_are_shown_kept_and_reported(run_folder, command):
    code, text, _ = command("evaluate", run_folder, "--leave-one-out")
    assert code == 0
    assert "walk 4 of 4" in text
    lines = text.splitlines()
    for part in ("30 %", "60 %"):
        (title,) = [i for i, line in enumerate(lines) if line.startswith(f"After {part}")]
        table = "\n".join(lines[title : title + 13])
        for method in ("maximum entropy", "random walk", "shortest path", "constant velocity"):
            assert method in table
        assert table.count("±") == 4
        assert max(map(len, table.splitlines())) <= 80
    kept = load_leave_one_out(run_folder)
    assert [fold.walk for fold in kept.folds] == [f"<i>{walk}</i>" for walk in range(4)]
    code, _, _ = command("report", run_folder, "--json")
    assert code == 0
    page = (run_folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<details") == 4
    assert "&lt;i&gt;3&lt;/i&gt;" in page
    assert "<i>3" not in page
    assert (run_folder / "walk-4-after-60.png").read_bytes().startswith(b"\x89PNG")
    assert (run_folder / "walk-4-goals.png").exists()


def test_json_holds_every_score(run_folder, command):
    code, found, errors = command("evaluate", run_folder, "--leave-one-out", "--json", "--seed", "3")
    assert code == 0
    assert "walk 1 of 4" in errors
    assert len(found["folds"]) == 4
    rows = found["forecasts"]["true positions"]
    assert {(row["observed"], row["method"]) for row in rows} >= {("30 %", "maximum entropy"), ("60 %", "random walk")}
    assert json.loads((run_folder / "leave_one_out.json").read_text())["scores"] == found["scores"]


def test_weights_for_all_layers(run_folder, command, tmp_path):
    spec = run_folder.parent / "s.toml"
    text = spec.read_text().replace('pair_features = ["distance"]\n', "constant = false\n")
    (run_folder.parent / "layers.toml").write_text(text)
    (tmp_path / "three").write_text("-3\n-4\n-7\n")
    (tmp_path / "two").write_text("-3 -4")
    (tmp_path / "four").write_text("-1 -2 -3 -4")
    layers = run_folder.parent / "layers.toml"
    code, every, errors = command("evaluate", layers, "--weights", tmp_path / "three", "--json")
    assert code == 0
    assert "numbers for layers that the reward leaves out do not count: unused" in errors
    code, two, errors = command("evaluate", layers, "--weights", tmp_path / "two", "--json")
    assert code == 0
    assert "do not count" not in errors
    assert every == two
    code, _, errors = command("evaluate", layers, "--weights", tmp_path / "four")
    assert code == 2
    assert "holds 4 numbers: expected 2, for grass, mud, or 3, one for each layer of the world" in errors
