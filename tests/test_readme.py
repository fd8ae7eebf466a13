"""Every command and every Python block of the README and of the guide is run, in order, in one empty folder.

A block under the comment ``<!-- not run: why -->`` is left out. Console blocks run the lines after ``$ ``; commands that
set the project up (``make``, ``git``, ``pip``, ``cd``) are left out by name, since the suite runs in what they make.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "guide.md")
BLOCK = re.compile(r"(?P<skip><!-- not run: [^>]*-->\s*)?```(?P<language>python|console)\n(?P<body>.*?)```", re.DOTALL)
SET_UP = ("make", "git", "pip", "cd", "python3")


def blocks(page: Path) -> list[tuple[str, str]]:
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [(match["language"], match["body"]) for match in found if not match["skip"]]


def commands(body: str) -> list[str]:
    joined = body.replace("\\\n", " ")
    lines = [line[2:].strip() for line in joined.splitlines() if line.startswith("$ ")]
    return [line for line in lines if line.split()[0] not in SET_UP]


def run(command: list[str], folder: Path, name: str) -> None:
    place = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": place}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{name}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_run(page, tmp_path):
    if shutil.which("maxentrl", path=str(Path(sys.executable).parent)) is None:
        pytest.fail("the command maxentrl is not installed beside this Python")
    found = blocks(page)
    assert {language for language, _ in found} == {"python", "console"}
    for language, body in found:
        if language == "python":
            run([sys.executable, "-W", "error", "-c", body], tmp_path, body)
        else:
            for command in commands(body):
                run(["bash", "-euo", "pipefail", "-c", command], tmp_path, command)


def test_blocks_are_found_and_left_out():
    text = "<!-- not run: slow -->\n```python\na\n```\n\n```console\n$ make demo\n$ maxentrl plan \\\n    x\nout\n```\n"
    found = [(m["language"], m["body"]) for m in BLOCK.finditer(text) if not m["skip"]]
    assert [language for language, _ in found] == ["console"]
    assert [c.split() for c in commands(found[0][1])] == [["maxentrl", "plan", "x"]]
