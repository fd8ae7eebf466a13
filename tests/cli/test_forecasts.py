"""What a forecast takes, what it refuses, and the unit that lengths are given in."""

import pytest

SO_FAR = "trajectory,t,x,y\nw,0,0,2\nw,1,1,2\nw,2,2,2\n"


@pytest.mark.parametrize("kind", ['kind = "finite"', 'kind = "discounted"\ndiscount = 0.9'])
def test_a_forecast_without_goals_is_refused(spec, command, tmp_path, kind):
    text = spec.read_text().replace('kind = "to-goal"', kind)
    other = spec.parent / f"{kind.split()[2].strip(chr(34))}.toml"
    other.write_text(text)
    (tmp_path / "w.txt").write_text("0 0 -6")
    (tmp_path / "so far.csv").write_text(SO_FAR)
    code, _, errors = command("forecast", other, "--weights", tmp_path / "w.txt", "--given", tmp_path / "so far.csv")
    assert code == 2
    assert 'it needs [time] kind = "to-goal"' in errors


@pytest.fixture(scope="module")
def unsized(spec):
    """The small world with nothing said of how large a cell is."""
    path = spec.parent / "unsized.toml"
    path.write_text(spec.read_text().replace("cell_size = 0.5\n", ""))
    return path


def test_lengths_are_in_metres_only_where_the_size_of_a_cell_is_known(spec, unsized, command, tmp_path):
    (tmp_path / "w.txt").write_text("0 0 -6")
    (tmp_path / "v.txt").write_text("0 0 -3")  # the same for cells of one in place of half a metre
    (tmp_path / "so far.csv").write_text(SO_FAR)
    found = {}
    for source, weights, unit in ((spec, "w.txt", "m"), (unsized, "v.txt", "cells")):
        arguments = (source, "--weights", tmp_path / weights)
        code, text, _ = command("evaluate", *arguments)
        assert code == 0
        assert f"distances in {unit}" in " ".join(text.split())
        found[unit] = command("evaluate", *arguments, "--json")[1]
        assert found[unit]["unit"] == unit
        _, text, _ = command("forecast", *arguments, "--given", tmp_path / "so far.csv")
        assert f" {unit}, y = " in text
        assert (" m, y = " in text) == (unit == "m")
    for metres, cells in zip(found["m"]["forecasts"], found["cells"]["forecasts"], strict=True):
        assert metres["measures"]["ade_mean"]["mean"] == pytest.approx(0.5 * cells["measures"]["ade_mean"]["mean"])


def test_the_report_and_its_bars_are_in_cells(unsized, command):
    folder = unsized.parent / "an unsized run"
    assert command("fit", unsized, "--out", folder)[0] == 0
    assert command("report", folder)[0] == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "ADE, cells" in page
    assert "ADE, m" not in page


def test_a_track_so_far_is_read_as_the_tracks_of_the_run(spec, command, tmp_path):
    text = spec.read_text().replace('files = "walks.csv"', 'files = "tracks/*.txt"\nformat = "tracks"')
    (spec.parent / "tracks").mkdir()
    for walk in range(3):
        rows = [f"{t} {t} {walk} {t + 0.5} {walk}" for t in range(7)]
        (spec.parent / "tracks" / f"{walk}_tracker_output.txt").write_text("\n".join(rows))
    tracked = spec.parent / "tracked.toml"
    tracked.write_text(text)
    (tmp_path / "w.txt").write_text("0 0 -6")
    (tmp_path / "now_tracker_output.txt").write_text("0 0 2\n1 1 2\n2 2 2\n")
    (tmp_path / "so far.csv").write_text(SO_FAR)
    weights = ("--weights", tmp_path / "w.txt", "--given")
    code, found, errors = command("forecast", tracked, *weights, tmp_path / "now_tracker_output.txt", "--json")
    assert code == 0, errors
    (walk,) = found["walks"]
    assert (walk["name"], walk["moves"], walk["now"]) == ("now", 2, "cell [2, 2]")
    # The same positions of the same world, read from a CSV, are the same walk.
    comma = spec.parent / "comma.toml"
    comma.write_text(spec.read_text().replace("[forecast]", "[forecast]\ngoals = [[0, 6], [1, 6], [2, 6]]"))
    same = command("forecast", comma, *weights, tmp_path / "so far.csv", "--json")[1]["walks"][0]
    assert {goal["name"]: goal["probability"] for goal in walk["goals"]} == pytest.approx(
        {goal["name"]: goal["probability"] for goal in same["goals"]}
    )
