"""Files that are either the old ones or the new ones, whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from maxentrl.status import InvalidInput, MaxentrlError

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space and go on with --resume",
    errno.EDQUOT: "your disk quota is used up; free some space and go on with --resume",
    errno.EROFS: "the file system is read-only; choose another folder with --out",
    errno.EACCES: "permission denied; choose another folder with --out",
    errno.EPERM: "permission denied; choose another folder with --out",
    errno.ENOTDIR: "a part of the path is a file; choose another folder with --out",
    errno.EEXIST: "there is a file of that name; choose another folder with --out",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one with --out",
}


class CannotWrite(MaxentrlError, OSError):
    """A file that could not be written, why, and how to mend it; what stood there before is intact."""

    def __init__(self, path: Path, cause: OSError) -> None:
        reason = _REMEDIES.get(cause.errno or 0, cause.strerror or str(cause))
        super().__init__(f"cannot write {path}: {reason}")


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises:
        CannotWrite: by name, with the reason.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(path, error) from error


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write beside the file, flush to the disk, then rename over it: readers and crashes see the old file or the new.

    Raises:
        CannotWrite: by name, with the reason; the old file is intact and nothing is left beside it.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise CannotWrite(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some file systems offer no fsync of folders; the rename is then durable by itself or never
        pass
    finally:
        os.close(descriptor)


def to_json(data: Mapping[str, Any], *, indent: int | None = 2) -> str:
    """Valid JSON: floats by their shortest exact form, arrays as lists, infinities and NaN as the words below."""
    return json.dumps(_plain(data), indent=indent, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value) if isinstance(value, Path) else value


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file written by :func:`to_json`; numbers through :func:`as_float` where they may be infinite.

    Raises:
        InvalidInput: no such file, or not such JSON, by name.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidInput(f"{path}: there is no such file; a run folder is made by 'maxentrl fit'") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidInput(f"{path}: cannot be read as JSON: {error}") from None
    if not isinstance(data, dict):
        raise InvalidInput(f"{path}: expected a JSON object")
    return data


def as_float(value: Any) -> float:
    """A number of a JSON file, the words ``Infinity``, ``-Infinity`` and ``NaN`` included."""
    return float(value)
