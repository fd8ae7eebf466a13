"""SPEC files: TOML in, a validated :class:`Spec` out, or every mistake with its line and the nearest valid key."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
import types
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from maxentrl.readers.spec_lines import line_of
from maxentrl.readers.spec_model import Spec
from maxentrl.status import InvalidInput

Place = tuple[str | int, ...]

KINDED = ("world", "demonstrations", "time")
"""Tables whose other keys depend on their ``kind``."""

DEFAULT_DEMONSTRATIONS = "files"


def read_spec(path: str | Path) -> Spec:
    """The specification in a TOML file; relative paths in it start from its folder.

    Raises:
        InvalidInput: no such file, not UTF-8, not TOML, or keys and values that are not valid: each with file, line,
            what was expected and the nearest valid key.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InvalidInput(f"{path}: there is no such file{_similar_file(path)}") from None
    except IsADirectoryError:
        raise InvalidInput(f"{path} is a folder: expected a SPEC file in TOML") from None
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}, byte {error.start}: not UTF-8 text; save the file as UTF-8") from None
    return parse_spec(text, directory=path.parent.absolute(), name=str(path))


def parse_spec(text: str, *, directory: Path, name: str = "SPEC") -> Spec:
    """The specification in a text; ``name`` is what messages call it. Raises like :func:`read_spec`."""
    text = text.replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(_syntax_problem(name, str(error))) from None
    try:
        # Through JSON, because strict validation of Python data refuses lists where tuples are meant.
        spec = Spec.model_validate_json(json.dumps(_with_default_kind(document), default=str))
    except ValidationError as error:
        raise InvalidInput(_problems(error, document, name, text)) from None
    spec._directory, spec._text = directory, text
    return spec


def _with_default_kind(document: dict[str, Any]) -> dict[str, Any]:
    demonstrations = document.get("demonstrations")
    if isinstance(demonstrations, dict) and "kind" not in demonstrations:
        return {**document, "demonstrations": {"kind": DEFAULT_DEMONSTRATIONS, **demonstrations}}
    return document


def _similar_file(path: Path) -> str:
    candidates = [p.name for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, candidates, 1)
    return f"; did you mean {path.parent / near[0]}?" if near else "; expected a SPEC file in TOML"


def _syntax_problem(name: str, message: str) -> str:
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    where = f", line {found[1]}, column {found[2]}" if found else ", at its end"
    reason = re.sub(r" \(at .*\)$", "", message)
    return f"{name}{where}: not valid TOML: {reason[:1].lower()}{reason[1:]}"


def _problems(error: ValidationError, document: dict[str, Any], name: str, text: str) -> list[str]:
    """One sentence for each place in the document that is wrong, in the order of the lines."""
    grouped: dict[Place, list[dict[str, Any]]] = {}
    for item in error.errors(include_url=False):
        place = _place(item["loc"], document)
        if item["type"] == "union_tag_not_found" and "kind" not in place:
            place = (*place, "kind")
        grouped.setdefault(place, []).append(dict(item))
    innermost = [place for place in grouped if not any(place == p[: len(place)] != p for p in grouped)]
    described = [(line_of(text, place), _describe(place, grouped[place], document)) for place in innermost]
    described.sort(key=lambda pair: pair[0] or 0)
    return [f"{name}{f', line {line}' if line else ''}: {sentence}" for line, sentence in described]


def _place(location: Place, document: Any) -> Place:
    """A pydantic location without the names of union members, which are no part of the document."""
    if location and location[0] in KINDED:
        location = (location[0], *location[2:])
    place: list[str | int] = []
    node: Any = document
    for depth, part in enumerate(location):
        if _holds(node, part):
            node = node[part]
        elif depth != len(location) - 1 or not isinstance(node, dict) or not _is_key(part):
            continue
        place.append(part)
    return tuple(place)


def _holds(node: Any, part: str | int) -> bool:
    return (
        part in node
        if isinstance(node, dict)
        else isinstance(node, list) and isinstance(part, int) and part < len(node)
    )


def _is_key(part: str | int) -> bool:
    return isinstance(part, str) and re.fullmatch(r"[a-z_]+", part) is not None and part not in ("str", "int", "float")


def _describe(place: Place, items: list[dict[str, Any]], document: dict[str, Any]) -> str:
    table, key = _dotted(place[:-1]), str(place[-1]) if place else ""
    kinds = {item["type"] for item in items}
    owner = f"[{table}]" if table else "the file"
    if "extra_forbidden" in kinds:
        return f"'{key}' is not a key of {owner}{_hint(key, valid_keys(place[:-1], document))}"
    if "missing" in kinds:
        what = f"table [{key}]" if not table else f"key '{key}'"
        return f"{owner} lacks the {what}{_meaning(place, document)}"
    if kinds & {"union_tag_invalid", "union_tag_not_found"}:
        return _describe_kind(place, items[0], document)
    value = json.dumps(_value(place, document), default=str)
    return f"{_dotted(place)} = {value}: expected {_expectation(items)}"


def _describe_kind(place: Place, item: dict[str, Any], document: dict[str, Any]) -> str:
    table = place[:-1] if place and place[-1] == "kind" else place
    kinds = sorted(kind for kind in _members(_annotation(table)) if kind)
    given = _value((*table, "kind"), document)
    listed = ", ".join(f'"{kind}"' for kind in kinds)
    if given is None:
        return f"[{_dotted(table)}] lacks the key 'kind': one of {listed}"
    near = difflib.get_close_matches(str(given), kinds, 1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f"{_dotted(table)}.kind = {json.dumps(given, default=str)}: expected one of {listed}{hint}"


def _expectation(items: list[dict[str, Any]]) -> str:
    parts = []
    for item in items:
        message = re.sub(r"^(Input|Value|Tuple) should (be|have) ", "", item["msg"])
        message = re.sub(r"^a valid (string|integer|number|boolean|tuple|dictionary|array)", r"a \1", message)
        message = message.replace("a tuple", "a list").replace("a array", "a list").replace("a integer", "an integer")
        message = (
            message.replace("a dictionary", "a table")
            .replace("an object", "a table")
            .replace("a valid array", "a list")
        )
        message = re.sub(r"^a boolean.*", "true or false", message)
        parts.append(message.replace("'", '"'))
    return " or ".join(dict.fromkeys(parts))


def _hint(key: str, valid: list[str]) -> str:
    near = difflib.get_close_matches(key, valid, 1, cutoff=0.5)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; its keys are {', '.join(valid)}" if valid else ""


def _meaning(place: Place, document: dict[str, Any]) -> str:
    model = _model_at(place[:-1], document)
    if model is None or place[-1] not in model.model_fields:
        return ""
    description = model.model_fields[str(place[-1])].description
    return f": {' '.join(description.split()).rstrip('.')}" if description else ""


def _dotted(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _value(place: Place, document: Any) -> Any:
    for part in place:
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and isinstance(part, int):
            document = document[part]
        else:
            return None
    return document


def valid_keys(place: Place, document: dict[str, Any]) -> list[str]:
    """Keys that the table at a place may hold, given the kinds that the document chose."""
    model = _model_at(place, document)
    return list(model.model_fields) if model is not None else []


def _model_at(place: Place, document: dict[str, Any]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = Spec
    for depth, part in enumerate(place):
        if model is None or part not in model.model_fields:
            return None
        members = _members(model.model_fields[str(part)].annotation)
        if not members:
            return None
        kind = _value((*place[: depth + 1], "kind"), document) or (
            DEFAULT_DEMONSTRATIONS if part == "demonstrations" else None
        )
        named = members.get(kind) if isinstance(kind, str) else None
        model = named or (next(iter(members.values())) if len(members) == 1 else None)
    return model


def _annotation(place: Place) -> Any:
    field = Spec.model_fields.get(str(place[0])) if place else None
    return field.annotation if field else None


def _members(annotation: Any) -> dict[str | None, type[BaseModel]]:
    """The models in a type, by their kind (None for a table without one)."""
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return {kind: model for member in get_args(annotation) for kind, model in _members(member).items()}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        return {get_args(kind.annotation)[0] if kind else None: annotation}
    return {}
