"""SPEC files: TOML in, a validated :class:`Spec` out, or every mistake with its line and the nearest valid key."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from maxentrl.readers.files import matching_files
from maxentrl.readers.spec_mistakes import DEFAULT_KINDS, Mistakes
from maxentrl.readers.spec_model import Scene, SceneList, Spec, resolved
from maxentrl.readers.spec_table import Table
from maxentrl.status import InvalidInput

SCENES = "scenes"
"""The key by which a file says that it is of several scenes."""

M = TypeVar("M", bound=Table)


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """What a SPEC file asks for: one scene, or several that share a reward.

    Attributes:
        scenes: what is asked of each scene, by name: the stem of its file.
        text: of the SPEC file, as it was written.
        files: of the scenes; none where the SPEC is of one.
        held_out: names of the scenes that take no part in the fit; they come last.
    """

    scenes: Mapping[str, Spec]
    text: str
    files: tuple[Path, ...] = ()
    held_out: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """Whether scenes have files of their own."""
        return bool(self.files)

    @property
    def first(self) -> Spec:
        """The first scene; what it says of reward and fit holds for all."""
        return next(iter(self.scenes.values()))


def read_study(path: str | Path) -> Study:
    """What a TOML file asks for; relative paths in it and in the files of its scenes start from their own folders.

    Raises:
        InvalidInput: no such file, not UTF-8, not TOML, or keys and values that are not valid: each with file, line,
            what was expected and the nearest valid key.
    """
    path = Path(path)
    return parse_study(_read(path), directory=path.parent.absolute(), name=str(path))


def read_spec(path: str | Path) -> Spec:
    """The specification of one scene in a TOML file; raises like :func:`read_study`."""
    path = Path(path)
    return parse_spec(_read(path), directory=path.parent.absolute(), name=str(path))


def parse_study(text: str, *, directory: Path, name: str = "SPEC") -> Study:
    """What a text asks for; ``name`` is what messages call it. Raises like :func:`read_study`."""
    text = text.replace("\r\n", "\n")
    document = _document(text, name)
    if SCENES not in document:
        return Study({Path(name).stem: parse_spec(text, directory=directory, name=name)}, text)
    shared = _validated(SceneList, document, text, name)
    fitted, held_out = _scene_files(shared, directory, name)
    files, problems = (*fitted, *held_out), []
    scenes: dict[str, Spec] = {}
    for file in files:
        try:
            scenes[file.stem] = _scene(file, shared, directory, name)
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(problems)
    return Study(scenes, text, files, tuple(file.stem for file in held_out))


def parse_spec(text: str, *, directory: Path, name: str = "SPEC") -> Spec:
    """The specification of one scene in a text; ``name`` is what messages call it. Raises like :func:`read_study`."""
    text = text.replace("\r\n", "\n")
    document = _document(text, name)
    if SCENES in document:
        raise InvalidInput(f"{name} is of several scenes: expected the file of one, with [world]")
    return _validated(Spec, document, text, name).placed(directory, text)


def _scene_files(shared: SceneList, directory: Path, name: str) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The files of the scenes to fit and of those held out, patterns filled in.

    Raises:
        InvalidInput: a pattern that no file has, two files of one name, or nothing left to fit.
    """
    listed = _named(shared.scenes, "scenes", directory, {})
    held_out = _named(shared.held_out, "held_out", directory, {file.stem: file for file in listed})
    fitted = tuple(file for file in listed if file not in held_out)
    twice = [stem for stem, count in Counter(file.stem for file in (*fitted, *held_out)).items() if count > 1]
    if twice:
        raise InvalidInput(f"{name}: two of the scenes are called '{twice[0]}': give their files different names")
    if not fitted:
        raise InvalidInput(f"{name}: scenes leaves nothing to fit: name a file that is not held out")
    return fitted, held_out


def _named(patterns: str | tuple[str, ...], key: str, directory: Path, known: Mapping[str, Path]) -> tuple[Path, ...]:
    """The files that patterns, folders, or names of scenes that are known mean, each once."""
    found: list[Path] = []
    for pattern in (patterns,) if isinstance(patterns, str) else patterns:
        path = resolved(pattern, directory)
        if pattern in known and not path.exists():
            found.append(known[pattern])
        else:
            found += matching_files(path / "*.toml" if path.is_dir() else path, key)
    return tuple(dict.fromkeys(Path(os.path.normpath(file)) for file in found))


def _scene(file: Path, shared: SceneList, directory: Path, name: str) -> Spec:
    text = _read(file).replace("\r\n", "\n")
    document = _document(text, str(file))
    if SCENES in document:
        raise InvalidInput(f"{file} is itself a list of scenes: let {name} name the files of scenes only")
    shared_tables = [f"[{key}]" for key in ("reward", "fit", "forecast") if key in document]
    if shared_tables:
        told = " and ".join(shared_tables)
        raise InvalidInput(f"{file}: {told}: what scenes share stands in {name}, which lists them; move it there")
    scene = _validated(Scene, document, text, str(file))
    time = scene.time or shared.time
    if time is None:
        raise InvalidInput(f"{file} lacks the table [time], and so does {name}: one of them needs it")
    spec = Spec(
        world=scene.world,
        demonstrations=scene.demonstrations,
        reward=shared.reward,
        time=time,
        fit=shared.fit,
        forecast=shared.forecast,
    )
    return spec.placed(file.parent.absolute(), text, directory)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InvalidInput(f"{path}: there is no such file{_similar_file(path)}") from None
    except IsADirectoryError:
        raise InvalidInput(f"{path} is a folder: expected a SPEC file in TOML") from None
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}, byte {error.start}: not UTF-8 text; save the file as UTF-8") from None


def _document(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(_syntax_problem(name, str(error))) from None


def _validated(model: type[M], document: dict[str, Any], text: str, name: str) -> M:
    try:
        # Through JSON, because strict validation of Python data refuses lists where tuples are meant.
        return model.model_validate_json(json.dumps(_with_default_kind(document), default=str))
    except ValidationError as error:
        raise InvalidInput(Mistakes(model, document, name, text).of(error)) from None


def _with_default_kind(document: dict[str, Any]) -> dict[str, Any]:
    filled = dict(document)
    for table, kind in DEFAULT_KINDS.items():
        found = document.get(table)
        if isinstance(found, dict) and "kind" not in found:
            filled[table] = {"kind": kind, **found}
    return filled


def _similar_file(path: Path) -> str:
    candidates = [p.name for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, candidates, 1)
    return f"; did you mean {path.parent / near[0]}?" if near else "; expected a SPEC file in TOML"


def _syntax_problem(name: str, message: str) -> str:
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    where = f", line {found[1]}, column {found[2]}" if found else ", at its end"
    reason = re.sub(r" \(at .*\)$", "", message)
    return f"{name}{where}: not valid TOML: {reason[:1].lower()}{reason[1:]}"
