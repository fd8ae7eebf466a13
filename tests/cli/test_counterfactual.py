"""``maxentrl counterfactual`` as a person drives it."""

import shutil

import numpy as np
import pytest

from maxentrl.runs.counterfactual_files import load_counterfactuals


@pytest.fixture
def run_copy(run_folder, tmp_path):
    """A run of its own, so that the shared one stays without counterfactuals."""
    return shutil.copytree(run_folder, tmp_path / "run")


def test_a_path_is_closed_a_lawn_moved_and_the_report_shows_both(run_copy, command, tmp_path):
    code, text, _ = command("counterfactual", run_copy, "--block", "2,3:3,3", "--out", "closed")
    assert code == 0
    assert "changed: rows 2–3, column 3 closed" in text
    assert "visits made elsewhere:" in text
    assert "Cells that lose most" in text
    assert "note: layers that were made from the walls" in text
    assert (run_copy / "closed" / "counterfactual.png").read_bytes()[:4] == b"\x89PNG"
    np.save(tmp_path / "flat.npy", np.full((6, 7), 0.5))
    arguments = ("--layer", f"mud={tmp_path / 'flat.npy'}", "--move", "grass 1,0", "--out", "moved", "--json")
    code, data, _ = command("counterfactual", run_copy, *arguments)
    assert code == 0
    assert data["changes"] == ["mud as in flat.npy", "grass moved 1 down"]
    assert data["notes"] == []
    assert 0 < data["displaced"] < 1
    assert 0 < data["rerouted"]["mean"] < 1
    assert data["before"]["length"] > 2.9
    kept = load_counterfactuals(run_copy)
    assert list(kept) == ["closed", "moved"]
    assert kept["moved"].result.displaced == pytest.approx(data["displaced"])
    assert kept["closed"].result.after.visits[2:4, 3].max() == 0.0
    code, _, _ = command("report", run_copy)
    page = (run_copy / "report.html").read_text(encoding="utf-8")
    assert code == 0
    assert "What if?" in page
    assert "Rows 2–3, column 3 closed" in page
    assert "Mud as in flat.npy; grass moved 1 down" in page
    assert "What each place is worth" in page
    assert page.count('class="wide"') == 2


def test_counterfactuals_of_an_earlier_fit_are_said_to_be_old(run_copy, command):
    assert command("counterfactual", run_copy, "--block", "2,3")[0] == 0
    figures = run_copy / "counterfactual" / "counterfactual.json"
    weights = load_counterfactuals(run_copy)["counterfactual"].weights
    figures.write_text(figures.read_text().replace(weights, "0" * 64))
    assert command("report", run_copy)[0] == 0
    page = (run_copy / "report.html").read_text(encoding="utf-8")
    assert "made with an earlier fit" in page
    assert 'class="wide"' not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing is changed"),
        (("--block", "0,0:9,9"), "off the map of 6 rows and 7 columns"),
        (("--block", "x"), "--block: 'x' is no rectangle"),
        (("--open", "0,0"), "there is no wall in it"),
        (("--move", "grass"), "--move: 'grass'"),
        (("--layer", "grass"), "--layer: 'grass': expected NAME=FILE"),
        (("--layer", "grass=nowhere.npy"), "nowhere.npy: there is no such file"),
        (("--block", "0,6:5,6"), "the change puts a wall on"),
        (("--block", "2,3", "--out", ".."), "--out ..: expected the name of a folder within"),
        (("--block", "2,3", "--scene", "north"), "there is no scene 'north'"),
    ],
)
def test_what_cannot_be_done_is_named(run_folder, command, arguments, message):
    code, _, error = command("counterfactual", run_folder, *arguments)
    assert code == 2
    assert message in error
    assert not (run_folder / "counterfactual").exists()
