"""A comparison on disk: nothing made is lost, nothing that does not belong together is put together."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from maxentrl.readers.spec import read_spec
from maxentrl.runs import compare_files
from maxentrl.runs.compare import Settings
from maxentrl.runs.compare_files import RESULT, ROWS, TABLE, read_rows, run_comparison
from maxentrl.runs.files import CannotWrite
from maxentrl.runs.lock import RunInUse, exclusive
from maxentrl.runs.run import OnExisting
from maxentrl.status import InvalidInput

SETTINGS = Settings(("counting",), (2, 6), 4)
ROWS_OF_SETTINGS = 8


@pytest.fixture
def spec(tmp_path):
    """A map of 6 × 7 cells, walked across 24 times; every fourth walk is held out."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "grass.npy", rng.random((6, 7)).round(1))
    rows = ["trajectory,t,x,y,split"]
    for walk in range(24):
        y = rng.integers(0, 6)
        for x in range(7):
            rows.append(f"{walk},{x},{x},{y},{'test' if walk % 4 == 0 else 'train'}")
            y = int(np.clip(y + rng.integers(-1, 2), 0, 5))
    (tmp_path / "walks.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "across.toml").write_text(
        '[world]\nkind = "grid"\nlayers = { grass = "grass.npy" }\n[demonstrations]\nfiles = "walks.csv"\nunits = "cells"\n'
        '[reward]\npair_features = ["distance"]\nterminal = "none"\n[time]\nkind = "to-goal"\n'
    )
    return tmp_path / "across.toml"


def ignore(done):
    pass


def run(spec, folder, settings=SETTINGS, *, existing=OnExisting.REFUSE, progress=ignore):
    return run_comparison([(spec.stem, read_spec(spec))], settings, folder, existing=existing, progress=progress)


def figures(rows):
    """Rows without what a clock says."""
    kept = []
    for row in rows:
        scores = None if row.scores is None else dataclasses.replace(row.scores, planning_seconds=0.0)
        kept.append(dataclasses.replace(row, seconds=0.0, scores=scores))
    return kept


def stop_after(count):
    def progress(done):
        if done.done == count:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_comparison_goes_on_to_the_same_rows(spec, tmp_path):
    whole = run(spec, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(spec, tmp_path / "halves", progress=stop_after(3))
    assert len(read_rows(tmp_path / "halves" / ROWS)) == 3
    made = []
    halves = run(spec, tmp_path / "halves", existing=OnExisting.RESUME, progress=lambda done: made.append(done.row))
    assert figures(halves.rows) == figures(whole.rows)
    assert len(made) == ROWS_OF_SETTINGS
    assert len((tmp_path / "halves" / ROWS).read_text().splitlines()) == ROWS_OF_SETTINGS


def test_a_line_cut_off_by_a_kill_is_made_again(spec, tmp_path):
    folder = tmp_path / "killed"
    whole = run(spec, folder)
    text = (folder / ROWS).read_bytes()
    (folder / ROWS).write_bytes(text[: len(text) - 40])
    again = run(spec, folder, existing=OnExisting.RESUME)
    assert figures(again.rows) == figures(whole.rows)
    assert len(read_rows(folder / ROWS)) == ROWS_OF_SETTINGS
    assert b"}{" not in (folder / ROWS).read_bytes()


def test_a_damaged_line_is_named(spec, tmp_path):
    folder = tmp_path / "damaged"
    run(spec, folder)
    lines = (folder / ROWS).read_text().splitlines()
    lines[2] = lines[2][:30]
    (folder / ROWS).write_text("\n".join(lines) + "\n")
    with pytest.raises(InvalidInput, match=r"rows\.jsonl, line 3: damaged"):
        run(spec, folder, existing=OnExisting.RESUME)


def test_more_seeds_and_sizes_can_be_asked_for_later(spec, tmp_path):
    folder = tmp_path / "grown"
    run(spec, folder)
    before = (folder / ROWS).read_text()
    more = run(spec, folder, Settings(("counting", "logit"), (2, 4, 6), 5), existing=OnExisting.RESUME)
    assert len(more.rows) == 2 * 3 * 5
    assert (folder / ROWS).read_text().startswith(before)
    fewer = run(spec, folder, Settings(("counting",), (6,), 1), existing=OnExisting.RESUME)
    assert [row.key for row in fewer.rows] == [("across", "counting", 6, 0)]


def test_a_changed_specification_or_file_is_refused(spec, tmp_path):
    folder = tmp_path / "changed"
    run(spec, folder)
    with pytest.raises(InvalidInput, match="holds a comparison already: go on with it by --resume"):
        run(spec, folder)
    text = spec.read_text()
    spec.write_text(text + "# changed\n")
    with pytest.raises(InvalidInput, match="across: specification has changed"):
        run(spec, folder, existing=OnExisting.RESUME)
    spec.write_text(text)
    walks = spec.parent / "walks.csv"
    walks.write_text(walks.read_text().replace("\n23,6,6,", "\n23,6,5,"))
    with pytest.raises(InvalidInput, match=r"walks\.csv has changed since"):
        run(spec, folder, existing=OnExisting.RESUME)


def test_other_folders_are_left_alone(spec, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InvalidInput, match=r"holds other files \('letter\.txt'\)"):
        run(spec, tmp_path / "mine")
    with pytest.raises(InvalidInput, match="is a file: choose a folder"):
        run(spec, tmp_path / "mine" / "letter.txt")
    (tmp_path / "held").mkdir()
    with exclusive(tmp_path / "held"), pytest.raises(RunInUse):
        run(spec, tmp_path / "held")


def test_a_full_disk_keeps_the_rows_before(spec, tmp_path, monkeypatch):
    folder = tmp_path / "full"
    flush = os.fsync

    def full(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").resolve().name == ROWS and (folder / ROWS).read_text().count("\n") == 3:
            raise OSError(28, "No space left on device")
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(compare_files.os, "fsync", full)
        with pytest.raises(CannotWrite, match="the disk is full"):
            run(spec, folder)
    assert len(read_rows(folder / ROWS)) == 2
    assert len(run(spec, folder, existing=OnExisting.RESUME).rows) == ROWS_OF_SETTINGS


def test_summary_and_table_hold_every_row(spec, tmp_path):
    found = run(spec, tmp_path / "kept")
    data = json.loads((tmp_path / "kept" / RESULT).read_text())
    assert len(data["rows"]) == ROWS_OF_SETTINGS
    assert data["problems"][0]["walks to learn from"] == 18
    assert data["problems"][0]["walks scored"] == 6
    table = (tmp_path / "kept" / TABLE).read_text().splitlines()
    assert len(table) == ROWS_OF_SETTINGS + 1
    assert table[0].startswith("problem,method,walks,seed,nats,regret")
    assert table[1].split(",")[4] == str(found.rows[0].scores.nats)


def test_specifications_that_cannot_be_compared_on_are_named(spec, tmp_path):
    with pytest.raises(InvalidInput, match="two specifications are called 'across'"):
        run_comparison([("across", read_spec(spec))] * 2, SETTINGS, tmp_path / "twice", progress=ignore)
    spec.write_text(spec.read_text().replace('kind = "to-goal"', 'kind = "finite"'))
    walks = spec.with_name("walks.csv")
    walks.write_text("\n".join(walks.read_text().splitlines()[:-1]) + "\n")  # the last walk ends one decision early
    with pytest.raises(
        InvalidInput, match=r"across: cloning and matching need one horizon .* set horizon under \[time\]"
    ):
        run(spec, tmp_path / "timeless")
