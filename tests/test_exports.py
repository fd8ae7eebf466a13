"""The public names: sorted, complete, the same for type checkers and at run time."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import maxentrl

STUB = Path(__file__).resolve().parents[1] / "src" / "maxentrl" / "__init__.pyi"


def order(name: str) -> tuple[int, str]:
    """All capitals, then classes, then functions; each by the alphabet."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_names_are_sorted_and_distinct():
    assert list(maxentrl.__all__) == sorted(set(maxentrl.__all__), key=order)


@pytest.mark.parametrize("name", maxentrl.__all__)
def test_every_name_is_what_its_module_calls_it(name):
    value = getattr(maxentrl, name)
    if name == "__version__":
        assert isinstance(value, str)
    else:
        assert value is getattr(importlib.import_module(maxentrl._MODULES[name]), name)
        assert value.__doc__, f"{name} lacks a docstring"


def stub() -> str:
    """What type checkers read."""
    lines = [f"from {module} import {name} as {name}" for name, module in maxentrl._MODULES.items()]
    return "\n".join([*lines, "", "__version__: str", ""])


def test_type_checkers_see_the_same_names():
    assert STUB.read_text(encoding="utf-8") == stub(), "write it anew: python tests/test_exports.py"
    assert (STUB.parent / "py.typed").exists()


def test_dir_lists_the_names_and_nothing_else_is_found():
    assert set(maxentrl.__all__) <= set(dir(maxentrl))
    with pytest.raises(AttributeError, match="has no attribute 'SoftProblm'; did you mean 'SoftProblem'"):
        _ = maxentrl.SoftProblm


def test_a_name_loads_only_when_asked_for():
    code = "import sys, maxentrl; a = 'jax' in sys.modules; maxentrl.SoftProblem; print(a, 'jax' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "True"]


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
