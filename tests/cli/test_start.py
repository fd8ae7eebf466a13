"""Help is quick, and says what the commands take."""

import json
import subprocess
import sys
import time

import pytest

from maxentrl.cli.main import main

COMMANDS = ["check", "fit", "evaluate", "forecast", "plan", "report", "demo"]

CODE = """
import json, sys
from maxentrl.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    loaded = [name for name in ("jax", "numpy", "scipy", "pydantic", "matplotlib") if name in sys.modules]
    sys.stderr.write(json.dumps([end.code, loaded]))
"""


@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS)], ids=lambda command: " ".join(command) or "all"
)
def test_help_loads_nothing_heavy(command):
    done = subprocess.run([sys.executable, "-c", CODE, *command, "--help"], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr) == [0, []]
    assert "usage: " in done.stdout
    if command:
        assert "--json" in done.stdout
        assert "--seed" in done.stdout
    else:
        assert all(name in done.stdout for name in COMMANDS)
        assert "130 interrupted" in done.stdout


def test_help_takes_less_than_a_second():
    """The least of five, so that a busy machine is not mistaken for a slow start."""
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "maxentrl", "fit", "--help"], capture_output=True, check=True)
        taken.append(time.perf_counter() - begun)
    assert min(taken) < 1.0


@pytest.mark.parametrize("arguments", [["fti"], ["fit"], ["fit", "a.toml", "--rseume"], ["fit", "a", "--seed", "x"]])
def test_wrong_usage_is_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "--help" in "".join(capsys.readouterr())
