"""What is wrong with a SPEC file, one sentence a mistake: its line, what was expected, the nearest valid key."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import types
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from maxentrl.readers.spec_lines import line_of

Place: TypeAlias = tuple[str | int, ...]

KINDED = ("world", "demonstrations", "time")
"""Tables whose other keys depend on their ``kind``."""
DEFAULT_KINDS = {"demonstrations": "files"}
"""Their kinds where a file says none."""


@dataclasses.dataclass(frozen=True, eq=False)
class Mistakes:
    """A document that a model refuses.

    Attributes:
        model: what was expected.
        document: what was found.
        name: of the file, in messages.
        text: of the file.
    """

    model: type[BaseModel]
    document: dict[str, Any]
    name: str
    text: str

    def of(self, error: ValidationError) -> list[str]:
        """One sentence for each place in the document that is wrong, in the order of the lines."""
        grouped: dict[Place, list[dict[str, Any]]] = {}
        for item in error.errors(include_url=False):
            place = self._place(item["loc"])
            if item["type"] == "union_tag_not_found" and "kind" not in place:
                place = (*place, "kind")
            grouped.setdefault(place, []).append(dict(item))
        innermost = [place for place in grouped if not any(place == p[: len(place)] != p for p in grouped)]
        described = [(line_of(self.text, place), self._describe(place, grouped[place])) for place in innermost]
        described.sort(key=lambda pair: pair[0] or 0)
        return [f"{self.name}{f', line {line}' if line else ''}: {sentence}" for line, sentence in described]

    def _place(self, location: Place) -> Place:
        """A pydantic location without the names of union members, which are no part of the document."""
        if location and location[0] in KINDED:
            location = (location[0], *location[2:])
        place: list[str | int] = []
        node: Any = self.document
        for depth, part in enumerate(location):
            if _holds(node, part):
                node = node[part]
            elif depth != len(location) - 1 or not isinstance(node, dict) or not _is_key(part):
                continue
            place.append(part)
        return tuple(place)

    def _describe(self, place: Place, items: list[dict[str, Any]]) -> str:
        table, key = _dotted(place[:-1]), str(place[-1]) if place else ""
        kinds = {item["type"] for item in items}
        owner = f"[{table}]" if table else "the file"
        if "extra_forbidden" in kinds:
            return f"'{key}' is not a key of {owner}{_hint(key, self.valid_keys(place[:-1]))}"
        if "missing" in kinds:
            what = f"table [{key}]" if not table else f"key '{key}'"
            return f"{owner} lacks the {what}{self._meaning(place)}"
        if kinds & {"union_tag_invalid", "union_tag_not_found"}:
            return self._describe_kind(place)
        value = json.dumps(self._value(place), default=str)
        return f"{_dotted(place)} = {value}: expected {_expectation(items)}"

    def _describe_kind(self, place: Place) -> str:
        table = place[:-1] if place and place[-1] == "kind" else place
        kinds = sorted(kind for kind in self._members_at(table) if kind)
        given = self._value((*table, "kind"))
        listed = ", ".join(f'"{kind}"' for kind in kinds)
        if given is None:
            return f"[{_dotted(table)}] lacks the key 'kind': one of {listed}"
        near = difflib.get_close_matches(str(given), kinds, 1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        return f"{_dotted(table)}.kind = {json.dumps(given, default=str)}: expected one of {listed}{hint}"

    def _meaning(self, place: Place) -> str:
        model = self._model_at(place[:-1])
        if model is None or place[-1] not in model.model_fields:
            return ""
        description = model.model_fields[str(place[-1])].description
        return f": {' '.join(description.split()).rstrip('.')}" if description else ""

    def _value(self, place: Place) -> Any:
        node: Any = self.document
        for part in place:
            if isinstance(node, dict):
                node = node.get(part)
            elif isinstance(node, list) and isinstance(part, int):
                node = node[part]
            else:
                return None
        return node

    def valid_keys(self, place: Place) -> list[str]:
        """Keys that the table at a place may hold, given the kinds that the document chose."""
        model = self._model_at(place)
        return list(model.model_fields) if model is not None else []

    def _model_at(self, place: Place) -> type[BaseModel] | None:
        if not place:
            return self.model
        members = self._members_at(place)
        kind = self._value((*place, "kind")) or DEFAULT_KINDS.get(_dotted(place))
        named = members.get(kind) if isinstance(kind, str) else None
        return named or (next(iter(members.values())) if len(members) == 1 else None)

    def _members_at(self, place: Place) -> dict[str | None, type[BaseModel]]:
        """The models that the table at a place may follow, by their kind."""
        owner = self._model_at(place[:-1])
        field = None if owner is None else owner.model_fields.get(str(place[-1]))
        return {} if field is None else _members(field.annotation)


def _holds(node: Any, part: str | int) -> bool:
    return (
        part in node
        if isinstance(node, dict)
        else isinstance(node, list) and isinstance(part, int) and part < len(node)
    )


def _is_key(part: str | int) -> bool:
    return isinstance(part, str) and re.fullmatch(r"[a-z_]+", part) is not None and part not in ("str", "int", "float")


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


def _dotted(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _members(annotation: Any) -> dict[str | None, type[BaseModel]]:
    """The models in a type, by their kind (None for a table without one)."""
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return {kind: model for member in get_args(annotation) for kind, model in _members(member).items()}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        return {get_args(kind.annotation)[0] if kind else None: annotation}
    return {}
