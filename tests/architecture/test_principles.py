"""The tests that the page of principles names are there."""

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "developer" / "principles.md"
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_exists():
    assert len(NAMED) > 50
    missing = [f"{path}::{name}" for path, name in NAMED if name not in functions_of(path)]
    assert not missing


def test_every_row_of_the_tables_names_a_test():
    page = PAGE.read_text(encoding="utf-8")
    tables = [line for line in page[page.index("## What holds it") :].splitlines() if line.startswith("| ")]
    rows = [line for line in tables if not line.endswith("| test |")]
    assert all(re.search(r"`[\w/]+\.py::test_\w+` \|$", line) for line in rows)
    assert len(rows) == len(NAMED)
