"""The embedded demo: a plaza whose walkers' reward is known."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from maxentrl.readers.spec import Study, parse_study
from maxentrl.runs.run import SPEC, is_run
from maxentrl.status import InvalidInput


def demo_study() -> Study:
    """The specification of the demo; it names no files."""
    text = files("maxentrl.runs").joinpath("demo.toml").read_text(encoding="utf-8")
    return parse_study(text, directory=Path(), name="demo.toml")


def refuse_other_runs(folder: Path, study: Study) -> None:
    """Leave runs of anything else alone.

    Raises:
        InvalidInput: the folder holds a run of another specification.
    """
    if not is_run(folder):
        return
    try:
        text = (folder / SPEC).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    if text.partition("\n")[0] != study.text.partition("\n")[0]:
        raise InvalidInput(f"{folder} holds a run of something else: choose another folder by --out")
