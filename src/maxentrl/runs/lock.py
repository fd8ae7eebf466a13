"""One process at a time in a run folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from maxentrl.runs.files import CannotWrite
from maxentrl.status import MaxentrlError

LOCK = "lock"
"""Name of the file in a run folder that says who holds it."""


class RunInUse(MaxentrlError, RuntimeError):
    """Another process is writing to the run folder."""


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the folder's lock inside the block.

    The lock is the kernel's (``flock``), so that it ends with the process that holds it, however that one ended; the
    file ``lock`` stays and says who held it last.

    Raises:
        RunInUse: a living process holds it, by its number and host.
        CannotWrite: the folder is not writable.
    """
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise CannotWrite(path, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
            raise RunInUse(
                f"{folder} is in use by {holder}: wait until it ends, or choose another folder with --out"
            ) from None
        _sign(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _sign(descriptor: int, path: Path) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    except OSError as error:
        raise CannotWrite(path, error) from error
