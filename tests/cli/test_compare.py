"""``maxentrl compare`` on a small world: what is shown, kept and drawn; interruption and killing."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from maxentrl.runs import compare_files

CHEAP = ("--methods", "counting", "logit", "--demonstrations", "2", "6", "--seeds", "2")


@pytest.fixture(scope="module")
def folder(spec):
    return spec.parent / "a <b>comparison"


@pytest.fixture(scope="module")
def made(spec, folder):
    code = subprocess.run(
        [sys.executable, "-W", "error", "-m", "maxentrl", "compare", spec, *CHEAP, "--out", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert code.returncode == 0, code.stderr
    return code.stdout


def figures(rows):
    """Rows without what a clock says."""
    kept = []
    for row in rows:
        scores = {key: value for key, value in row["scores"].items() if key != "planning_seconds"}
        kept.append({**row, "seconds": 0, "scores": scores})
    return kept


def test_every_row_is_told_and_tables_are_shown(made):
    assert "1 of 8, small, counting, 2 walks, seed 0:" in made
    assert "8 of 8, small, logit, 6 walks, seed 1:" in made
    for words in ("small: −log π of a held-out decision", "cloning, counts", "cloning, logit", "all moves alike", "±"):
        assert words in made
    assert "regret" not in made  # nobody knows the true reward


def test_files_are_kept_and_the_page_needs_nothing_else(made, folder):
    names = {path.name for path in folder.iterdir()}
    assert {"compare.json", "compare.csv", "compare.html", "rows.jsonl", "small_nats.png", "small_seconds.png"} <= names
    assert "small_regret.png" not in names
    page = (folder / "compare.html").read_text()
    assert "<b>comparison" not in page
    assert "&lt;b&gt;comparison" in page
    assert 'src="data:image/png' in page
    assert not [word for word in ('src="http', "<script", "url(", "<link") if word in page]
    assert "held-out walks are likeliest under" in page


def test_a_comparison_is_one_json_object(made, spec, folder, command):
    code, found, _ = command("compare", spec, *CHEAP, "--out", folder, "--resume", "--json")
    assert code == 0
    assert found["exit_code"] == 0
    assert len(found["rows"]) == 8
    assert [point["walks"] for point in found["points"]] == [2, 2, 6, 6]
    assert found["references"]["small"]["uniform"]["nats"] > found["points"][-1]["measures"]["nats"]["mean"]


def test_what_is_wrong_is_named(spec, tmp_path, command):
    code, _, error = command("compare", spec, "--methods", "cloning", "--out", tmp_path / "a")
    assert code == 2
    assert "there is no method 'cloning': choose of counting, logit, network, matching" in error
    code, _, error = command("compare", spec, "--demonstrations", "0", "--out", tmp_path / "a")
    assert code == 2
    assert "demonstrations 0: expected at least 1" in error
    code, _, error = command("compare", spec, *CHEAP, "--out", spec)
    assert code == 2
    assert "is a file" in error


def test_ctrl_c_says_how_to_go_on(spec, tmp_path, command, monkeypatch):
    monkeypatch.setattr(compare_files, "_append", stop)
    code, _, error = command("compare", spec, *CHEAP, "--out", tmp_path / "b", "--json")
    assert code == 130
    assert "--resume" in error


def stop(path, row):
    raise KeyboardInterrupt


def test_a_killed_comparison_goes_on_to_the_same_rows(made, spec, folder, tmp_path, command):
    target = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "maxentrl", "compare", spec, *CHEAP, "--out", target],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        limit = time.monotonic() + 120
        while not (target / "rows.jsonl").exists() or not (target / "rows.jsonl").read_text().count("\n"):
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    code, found, _ = command("compare", spec, *CHEAP, "--out", target, "--resume", "--json")
    assert code == 0
    assert figures(found["rows"]) == figures(json.loads((folder / "compare.json").read_text())["rows"])


def test_of_several_scenes_one_is_compared_on(spec, tmp_path, command):
    world, _, rest = spec.read_text().partition("[reward]")
    (tmp_path / "east.toml").write_text(world.replace('"my maps/', f'"{spec.parent}/my maps/').replace(
        '"walks.csv"', f'"{spec.parent}/walks.csv"'))  # fmt: skip
    several = tmp_path / "several.toml"
    several.write_text('scenes = ["east.toml"]\n[reward]' + rest)
    cheap = ("--methods", "counting", "--demonstrations", "2", "--seeds", "1")
    code, _, error = command("compare", several, *cheap, "--out", tmp_path / "a")
    assert code == 2
    assert "choose it by --scene: east" in error
    code, found, _ = command("compare", several, *cheap, "--scene", "east", "--out", tmp_path / "a", "--json")
    assert code == 0
    assert [problem["name"] for problem in found["problems"]] == ["east"]
