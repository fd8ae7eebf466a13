"""Writing is all or nothing, and numbers survive it to the last bit."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

from maxentrl.runs.files import CannotWrite, as_float, make_folder, read_json, to_json, write_atomically
from maxentrl.status import InvalidInput


@given(st.lists(st.floats(), max_size=20))
def test_every_float_survives_json(numbers):
    text = to_json({"x": np.array(numbers)})
    read = [as_float(x) for x in json.loads(text, parse_constant=lambda c: pytest.fail(f"not valid JSON: {c}"))["x"]]
    assert np.array(read).tobytes() == np.array([np.nan if np.isnan(x) else x for x in numbers]).tobytes()


def test_names_in_json_are_kept(tmp_path):
    write_atomically(tmp_path / "a b.json", to_json({"näme": "<b>'\"\n"}))
    assert read_json(tmp_path / "a b.json") == {"näme": "<b>'\"\n"}


@pytest.mark.parametrize("stage", ["write", "fsync", "replace"])
def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, stage):
    path = tmp_path / "checkpoint.json"
    write_atomically(path, "old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    if stage == "write":
        real = os.fdopen

        def fdopen(*args):
            file = real(*args)
            monkeypatch.setattr(os, "fsync", full)
            return file

        monkeypatch.setattr(os, "fdopen", fdopen)
    else:
        monkeypatch.setattr(os, stage, full)
    with pytest.raises(CannotWrite, match=r"checkpoint\.json: the disk is full; free some space"):
        write_atomically(path, "new" * 1000)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.json"]


def test_read_only_folder_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(CannotWrite, match=r"run\.json: permission denied; choose another folder with --out"):
        write_atomically(tmp_path / "run.json", "x")


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(CannotWrite, match="there is a file of that name"):
        make_folder(tmp_path / "out")
    with pytest.raises(CannotWrite, match="a part of the path is a file"):
        make_folder(tmp_path / "out" / "deeper")


@pytest.mark.parametrize(
    ("content", "says"), [(b"{", "cannot be read as JSON"), (b"[1]", "a JSON object"), (b"\xff", "JSON")]
)
def test_broken_files_are_named(tmp_path, content, says):
    (tmp_path / "fit.json").write_bytes(content)
    with pytest.raises(InvalidInput, match=f"fit.json.*{says}"):
        read_json(tmp_path / "fit.json")


def test_missing_file_says_what_makes_it(tmp_path):
    with pytest.raises(InvalidInput, match=r"run\.json: there is no such file; .*maxentrl fit"):
        read_json(tmp_path / "run.json")


KILLED = """
import sys
from pathlib import Path
from maxentrl.runs.files import write_atomically
path = Path(sys.argv[1])
print("ready", flush=True)
n = 0
while True:
    write_atomically(path, str(n % 10) * 200_000)
    n += 1
"""


def test_kill_9_leaves_a_whole_file(tmp_path):
    path = tmp_path / "checkpoint.json"
    for delay in (0.02, 0.05, 0.11):
        process = subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(delay)
        process.kill()
        process.wait()
        process.stdout.close()
        if path.exists():
            text = path.read_text()
            assert len(text) == 200_000
            assert len(set(text)) == 1
    assert path.exists()
