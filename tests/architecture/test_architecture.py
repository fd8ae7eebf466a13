"""The shape of the code: who may import whom, how long things may be, what may happen at import."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "maxentrl"
FILES = sorted(SOURCE.rglob("*.py"))

LAYERS = {
    "status": set(),
    "numerics": set(),
    "mdp": {"numerics"},
    "rewards": {"mdp", "numerics"},
    "planning": {"mdp", "numerics"},
    "demos": {"mdp", "numerics"},
    "inverse": {"planning", "rewards", "demos", "mdp", "numerics"},
    "imitation": {"inverse", "planning", "rewards", "demos", "mdp", "numerics"},
    "forecast": {"planning", "demos", "mdp", "numerics"},
    "readers": {"demos", "mdp"},
    "plots": {"forecast", "planning", "inverse", "demos", "mdp"},
    "runs": {"readers", "imitation", "inverse", "forecast", "planning", "rewards", "demos", "mdp", "numerics"},
    "report": {"runs", "plots", "forecast", "planning", "inverse", "demos", "mdp"},
    "cli": {"report", "plots", "runs", "readers", "inverse", "forecast", "planning", "rewards", "demos", "mdp"},
}
"""What each package may import, besides itself and ``status``."""

START = {"__init__.py", "__main__.py"}
"""Files of the package itself: the curated names, and ``python -m maxentrl``."""

FILE_LINES = 500
FUNCTION_LINES = 60
FUNCTION_BUDGET = 0.05
"""Share of functions that may be longer than 40 lines (without docstring)."""

OPTIONAL = {"matplotlib", "PIL", "jinja2", "gymnasium", "equinox", "optax", "pyarrow", "safetensors", "cvxpy"}
"""Packages that the base installation lacks."""


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(node: ast.AST) -> list[str]:
    found = []
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            found += [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            found += [f"{child.module}.{alias.name}" for alias in child.names]
    return found


def in_functions(tree: ast.Module) -> list[str]:
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [name for function in functions for name in imports(function)]


def layer_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_follow_the_arrows(path):
    if path.relative_to(SOURCE).name in START and path.parent == SOURCE:
        return
    layer = layer_of(name_of(path))
    assert layer in LAYERS, f"{layer} is a new layer: give it its arrows here and in docs/developer/principles.md"
    allowed = LAYERS[layer] | {layer, "status"}
    wrong = [name for name in imports(parsed(path)) if name.startswith("maxentrl.") and layer_of(name) not in allowed]
    assert not wrong, f"{path.name} of {layer} imports {wrong}"


def test_the_arrows_themselves_have_no_cycle():
    done: set[str] = set()
    while len(done) < len(LAYERS):
        ready = {layer for layer, below in LAYERS.items() if below <= done} - done
        assert ready, f"cycle among {sorted(set(LAYERS) - done)}"
        done |= ready


def test_modules_have_no_cycle():
    names = {name_of(path) for path in FILES}

    def target(name: str) -> str:
        return name if name in names else name.rsplit(".", 1)[0]

    graph = {name_of(path): {target(n) for n in imports(parsed(path)) if n.startswith("maxentrl")} for path in FILES}
    graph["maxentrl"] = set()  # its names are loaded on demand
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert state.get(name) != 1, f"cycle: {' → '.join([*trail[trail.index(name) :], name])}"
        if name not in state:
            state[name] = 1
            for below in sorted(graph.get(name, set()) - {name}):
                visit(below, (*trail, name))
            state[name] = 2

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_import_is_deferred_without_a_reason(path):
    """Only the command line (for its start) and optional packages are imported inside functions."""
    deferred = in_functions(parsed(path))
    if path.parent.name == "cli" or path == SOURCE / "__init__.py":
        return
    wrong = [name for name in deferred if name.split(".")[0] not in OPTIONAL]
    assert not wrong, f"{path.name} imports {wrong} inside a function"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_optional_packages_are_never_needed_at_import(path):
    body = [n for n in parsed(path).body if not _type_checking(n)]
    top = [name for n in body if isinstance(n, ast.Import | ast.ImportFrom) for name in imports(n)]
    assert not [name for name in top if name.split(".")[0] in OPTIONAL]


def _type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_are_short_and_say_what_they_are_for(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < FILE_LINES
    assert ast.get_docstring(parsed(path)), f"{path.name} lacks a docstring"


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_functions_are_short():
    functions = [
        (body_lines(node), f"{path.relative_to(SOURCE)}:{node.name}")
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert not [where for lines, where in functions if lines > FUNCTION_LINES]
    long = [where for lines, where in functions if lines > 40]
    assert len(long) <= FUNCTION_BUDGET * len(functions), long


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_jax_is_configured_nowhere(path):
    """Double precision is switched on in scopes (numerics/precision.py), never for the whole process."""
    calls = [ast.unparse(node) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
    assert not [call for call in calls if call.startswith(("jax.config.update(", "config.update('jax"))]
    top = [ast.unparse(n) for n in parsed(path).body if isinstance(n, ast.Expr | ast.With | ast.Assign)]
    assert not [line for line in top if "enable_x64" in line or "JAX_" in line]


def test_importing_the_package_does_nothing():
    code = "import sys, maxentrl; print([m for m in ('jax', 'numpy', 'scipy', 'pydantic') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_importing_everything_leaves_jax_in_single_precision():
    modules = [name_of(path) for path in FILES if path.name != "__main__.py"]
    code = (
        f"import importlib, jax\nfor m in {modules!r}: importlib.import_module(m)\nassert not jax.config.jax_enable_x64"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


ADAPTERS = {"wrapper", "quiet_legend", "_factors"}
"""Functions that hand keywords to a foreign function on purpose; everything else names its parameters."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_takes_arbitrary_keywords(path):
    functions = [n for n in ast.walk(parsed(path)) if isinstance(n, ast.FunctionDef)]
    passing = [f.name for f in functions if f.args.kwarg is not None and f.name not in ADAPTERS]
    assert not passing, f"{path.name}: {passing} take **keywords"


def test_abstract_or_final():
    """A class is abstract or has no subclasses of our own."""
    classes = {
        node.name: [ast.unparse(base).split("[")[0] for base in node.bases]
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
    }
    exempt = {"MaxentrlError", "Table"}
    concrete = {name for name in classes if not name.startswith("Abstract")} - exempt
    wrong = [(name, base) for name, bases in classes.items() for base in bases if base in concrete]
    assert not wrong
