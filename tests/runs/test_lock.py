"""Two processes, one run folder."""

import re
import subprocess
import sys

import pytest

from maxentrl.runs.files import CannotWrite
from maxentrl.runs.lock import RunInUse, exclusive

HOLDER = """
import sys, time
from pathlib import Path
from maxentrl.runs.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_process_is_refused_by_name(tmp_path, holder):
    with pytest.raises(RunInUse, match=re.escape(f"in use by process {holder.pid} on ")), exclusive(tmp_path):
        pytest.fail("both hold the lock")


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.kill()
    holder.wait()
    with exclusive(tmp_path):
        pass


def test_the_lock_ends_with_an_error_in_the_block(tmp_path):
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path):
        1 / 0  # noqa: B018
    with exclusive(tmp_path):
        pass


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(CannotWrite, match="nowhere"), exclusive(tmp_path / "nowhere"):
        pass
