"""The page of the keys is the models'."""

import re
from pathlib import Path

import pytest

from maxentrl.readers.spec import parse_spec
from maxentrl.readers.spec_reference import HEAD, reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "spec.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == reference(), "write it anew: see the head of docs/spec.md"


@pytest.mark.parametrize(
    "key", ["cell_size", "above", "discount", "standard_deviation", "border_every", "goal_passing"]
)
def test_keys_are_explained(key):
    rows = re.findall(rf"^\| `{key}` \|.*\|$", reference(), re.MULTILINE)
    assert rows
    assert all(cell.strip() for row in rows for cell in row.split("|")[1:-1])


def test_every_key_has_a_meaning():
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert not [row for row in rows if not row.split("|")[-2].strip()]


def test_the_example_is_a_spec():
    example = "\n".join(line[4:] for line in HEAD.splitlines() if line.startswith("    "))
    assert parse_spec(example, directory=Path()).world.kind == "grid"
