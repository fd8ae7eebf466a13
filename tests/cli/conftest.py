"""A small world and its walks, and a fit of it that the commands share."""

import json
from pathlib import Path

import numpy as np
import pytest

from maxentrl.cli.main import main

SPEC = """
[world]
kind = "grid"
layers = { grass = "my maps/grass.npy", mud = "my maps/mud.npy" }
cell_size = 0.5

[demonstrations]
files = "walks.csv"
units = "cells"

[reward]
pair_features = ["distance"]
terminal = "none"

[time]
kind = "to-goal"

[forecast]
seconds = [1, 3]
samples = 5
observed = [0.5]
"""


def write_world(folder: Path) -> Path:
    """A map of 6 × 7 cells and 24 walks, every fourth of which is held out."""
    (folder / "my maps").mkdir()
    rng = np.random.default_rng(0)
    np.save(folder / "my maps" / "grass.npy", rng.random((6, 7)).round(1))
    np.save(folder / "my maps" / "mud.npy", rng.random((6, 7)).round(1))
    rows = ["trajectory,t,x,y,split"]
    for walk in range(24):
        y, x = rng.integers(0, 6), 0
        split = "test" if walk % 4 == 0 else "train"
        for t in range(7):
            rows.append(f"<b>{walk}</b>,{t},{x},{y},{split}")
            y, x = int(np.clip(y + rng.integers(-1, 2), 0, 5)), x + 1
    (folder / "walks.csv").write_text("\n".join(rows) + "\n")
    (folder / "small.toml").write_text(SPEC)
    return folder / "small.toml"


@pytest.fixture(scope="session")
def spec(tmp_path_factory):
    return write_world(tmp_path_factory.mktemp("a world"))


@pytest.fixture(scope="session")
def run_folder(spec):
    folder = spec.parent / "a run"
    assert main(["fit", str(spec), "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def command(capsys):
    """Run a command; exit code, standard output as JSON (or text), standard error."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        output = json.loads(captured.out) if "--json" in arguments else captured.out
        return code, output, captured.err

    return run
