"""A fit that is interrupted, killed, or stopped by a full disk loses nothing; a changed one is not resumed."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from maxentrl.readers.spec import read_study
from maxentrl.runs.checkpoint import load_checkpoint
from maxentrl.runs.lock import exclusive
from maxentrl.runs.run import OnExisting, fit_run, load_run
from maxentrl.status import Status

NAMES = ("grass", "mud", "distance")


class Stop:
    """Raises at the given evaluation."""

    def __init__(self, evaluation, error):
        self.evaluation, self.error, self.seen = evaluation, error, []

    def __call__(self, progress):
        self.seen.append(progress.evaluation)
        if progress.evaluation == self.evaluation:
            raise self.error


@pytest.fixture
def optimum(run_folder):
    return load_run(run_folder).fit.parameters


@pytest.mark.parametrize("evaluation", [2, 5])
def test_ctrl_c_then_resume_is_the_same_optimum(spec, optimum, tmp_path, evaluation, command):
    stop = Stop(evaluation, KeyboardInterrupt())
    run = fit_run(read_study(spec), spec, tmp_path, progress=stop)
    assert run.fit.status is Status.INTERRUPTED
    assert stop.seen[-1] == evaluation
    kept = load_checkpoint(tmp_path / "checkpoint.json", NAMES)
    assert kept.parameters.tobytes() == run.fit.parameters.tobytes()
    code, found, _ = command("fit", spec, "--out", tmp_path, "--resume", "--json")
    assert code == 0
    assert found["parameters"] == pytest.approx(optimum.tolist(), abs=1e-4)
    assert found["evaluations"] > evaluation
    assert load_run(tmp_path).record.resumed == 1


KILLED = """
import sys, time
from pathlib import Path
import maxentrl.runs.run as runs
from maxentrl.readers.spec import read_study

def slowly(progress):
    print(progress.evaluation, flush=True)
    time.sleep(0.15)

spec = Path(sys.argv[1])
runs.fit_run(read_study(spec), spec, Path(sys.argv[2]), existing=runs.OnExisting(sys.argv[3]), progress=slowly)
"""


def begin(spec: Path, folder: Path, existing: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", KILLED, spec, folder, existing], stdout=subprocess.PIPE, text=True)


def wait_for_evaluation(process: subprocess.Popen, evaluation: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= evaluation:
            return
    pytest.fail("the fit ended before it could be killed")


def test_kill_9_and_a_second_process(spec, optimum, tmp_path, command):
    process = begin(spec, tmp_path, "refuse")
    wait_for_evaluation(process, 3)
    code, found, errors = command("fit", spec, "--out", tmp_path, "--resume", "--json")
    assert code == 2
    assert found["error"] == "RunInUse"
    assert f"in use by process {process.pid} on " in errors
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "RUNNING"
    load_checkpoint(tmp_path / "checkpoint.json", NAMES)
    code, _, errors = command("report", tmp_path)
    assert (code, "the fit has not ended; go on with" in errors) == (2, True)
    code, found, _ = command("fit", spec, "--out", tmp_path, "--resume", "--json")
    assert code == 0
    assert found["parameters"] == pytest.approx(optimum.tolist(), abs=1e-4)


def test_full_disk_keeps_the_last_checkpoint(spec, optimum, tmp_path, monkeypatch, command):
    fit_run(read_study(spec), spec, tmp_path, progress=Stop(3, KeyboardInterrupt()))
    before = (tmp_path / "checkpoint.json").read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    real = os.replace

    def replace(source, target):
        return full() if Path(target).name == "checkpoint.json" else real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        code, found, errors = command("fit", spec, "--out", tmp_path, "--resume", "--json")
    assert code == 2
    assert found["error"] == "CannotWrite"
    assert "checkpoint.json: the disk is full; free some space and go on with --resume" in errors
    assert (tmp_path / "checkpoint.json").read_bytes() == before
    code, found, _ = command("fit", spec, "--out", tmp_path, "--resume", "--json")
    assert found["parameters"] == pytest.approx(optimum.tolist(), abs=1e-4)


def test_changed_inputs_are_not_resumed(spec, tmp_path, command):
    world = tmp_path / "world"
    shutil.copytree(spec.parent, world, ignore=shutil.ignore_patterns("a run"))
    changed, out = world / "small.toml", tmp_path / "out"
    fit_run(read_study(changed), changed, out, progress=Stop(3, KeyboardInterrupt()))
    checkpoint = (out / "checkpoint.json").read_bytes()
    np.save(world / "my maps" / "mud.npy", np.load(world / "my maps" / "mud.npy") * 2)
    changed.write_text(changed.read_text() + "\n")
    code, _, errors = command("fit", changed, "--out", out, "--resume", "--seed", "3")
    assert code == 2
    assert "mud.npy has changed since" in errors
    assert "small.toml has changed since" in errors
    assert "the run was begun with --seed None, not 3" in errors
    assert (out / "checkpoint.json").read_bytes() == checkpoint


def test_replacing_begins_anew(spec, tmp_path):
    fit_run(read_study(spec), spec, tmp_path, progress=Stop(3, KeyboardInterrupt()))
    run = fit_run(read_study(spec), spec, tmp_path, existing=OnExisting.REPLACE, progress=Stop(2, KeyboardInterrupt()))
    assert run.fit.evaluations == 2
    assert run.record.resumed == 0


def test_an_error_in_a_fit_is_in_the_record_and_frees_the_folder(spec, tmp_path):
    with pytest.raises(ZeroDivisionError):
        fit_run(read_study(spec), spec, tmp_path, progress=Stop(2, ZeroDivisionError()))
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "ZeroDivisionError"
    with exclusive(tmp_path):
        pass


def test_checkpoints_cost_little(spec, tmp_path, monkeypatch):
    """Improvements that follow at once share a flush to the disk, and the last one is there at the end."""
    flushed = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (flushed.append(time.monotonic()), real(descriptor)))
    monkeypatch.setattr("maxentrl.runs.fitting.CHECKPOINT_SECONDS", np.inf)
    run = fit_run(read_study(spec), spec, tmp_path)
    kept = load_checkpoint(tmp_path / "checkpoint.json", NAMES)
    assert kept.parameters.tobytes() == run.fit.parameters.tobytes()
    files = ("spec.toml", "run.json", "checkpoint.json", "checkpoint.json", "fit.json", "run.json")
    assert len(flushed) == 2 * len(files)  # each file, and its folder


def test_ctrl_c_is_code_130_and_says_how_to_go_on(spec, tmp_path, monkeypatch, command):
    stop = Stop(3, KeyboardInterrupt())
    monkeypatch.setattr("maxentrl.cli.progress.fit_progress", lambda *_: contextlib.nullcontext(stop))
    code, found, errors = command("fit", spec, "--out", tmp_path, "--json")
    assert (code, found["status"], found["exit_code"]) == (130, "INTERRUPTED", 130)
    assert f"go on with: maxentrl fit {spec} --out {tmp_path} --resume" in errors.replace("\n", "")


def test_ctrl_c_before_the_first_evaluation(spec, tmp_path, monkeypatch, command):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("maxentrl.runs.run.read_jobs", stop)
    code, found, errors = command("fit", spec, "--out", tmp_path, "--json")
    assert (code, found["error"]) == (130, "INTERRUPTED")
    assert "a fit goes on with --resume" in errors
    monkeypatch.undo()
    assert command("fit", spec, "--out", tmp_path, "--resume", "--json")[0] == 0
