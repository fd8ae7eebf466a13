"""The reference of SPEC files, written from the models themselves."""

from __future__ import annotations

import json
import math
import re
import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from maxentrl.readers.spec_model import SceneList, Spec

HEAD = """# SPEC files

A SPEC is a small TOML file that says what is to be learnt from what. Paths in it start from its own folder. Keys that are
not listed here are refused, with their line and the nearest valid key; values are never converted (`"4"` is no number).

This page is written from the code by `python -m maxentrl.readers.spec_reference > docs/spec.md`.

    [world]
    kind = "grid"
    layers = { grass = "grass.png", path = "path.png", building = "building.png" }
    walls = { layer = "building" }
    cell_size = 0.5

    [demonstrations]
    files = "walks.csv"
    held_out = 0.2

    [reward]
    pair_features = ["distance"]

    [time]
    kind = "to-goal"
"""


TABLE_HEAD = ("| key | value | default | meaning |", "|---|---|---|---|")

SEVERAL = """## Several scenes

Scenes of any size that share a reward: each has a file of its own, with `[world]`, `[demonstrations]` and, where it is not
that of all, `[time]`; a file that lists them has the other tables and these keys before its first table.

    scenes = "scenes/*.toml"
    held_out = "scenes/zara2.toml"

    [time]
    kind = "to-goal"
"""


def reference() -> str:
    """The page, in Markdown."""
    keys = [_row(name, SceneList.model_fields[name]) for name in ("scenes", "held_out")]
    parts = [HEAD, SEVERAL, *TABLE_HEAD, *keys, ""]
    for name, field in Spec.model_fields.items():
        needed = "needed" if field.is_required() else "may be left out"
        models = _models(field.annotation)
        parts.append(f"## `[{name}]`\n\n{'One of these kinds; ' if len(models) > 1 else ''}{needed}.\n")
        for model in models:
            parts.append(_section(name, model, alone=len(models) == 1))
    return "\n".join(parts)


def _section(table: str, model: type[BaseModel], *, alone: bool) -> str:
    lines = [] if alone else [f'### `[{table}]` with `kind = "{_kind_of(model)}"`\n']
    lines += [f"{_joined(model.__doc__)}\n", *TABLE_HEAD]
    nested = []
    for name, field in model.model_fields.items():
        lines.append(_row(name, field))
        nested += [(name, inner) for inner in _models(field.annotation)]
    lines.append("")
    for name, inner in nested:
        chosen = f' with `kind = "{_kind_of(inner)}"`' if _kind_of(inner) else ""
        lines.append(f"`{table}.{name}`{chosen}: " + _section(f"{table}.{name}", inner, alone=True))
    return "\n".join(lines)


def _row(name: str, field: FieldInfo) -> str:
    default = "–" if field.default is None else "needed" if field.is_required() else f"`{_value(field.default)}`"
    kinds = _kind(field.annotation, field.metadata).replace("|", "\\|")
    return f"| `{name}` | {kinds} | {default} | {_joined(field.description).replace('|', chr(92) + '|')} |"


def _kind_of(model: type[BaseModel]) -> str:
    return get_args(model.model_fields["kind"].annotation)[0] if "kind" in model.model_fields else ""


def _joined(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()


def _value(value: Any) -> str:
    if value == () or isinstance(value, tuple):
        return json.dumps(list(value))
    if isinstance(value, dict):
        return "{}" if not value else json.dumps(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isinf(value):
        return "inf"
    return "" if value is PydanticUndefined else json.dumps(value, ensure_ascii=False)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return [model for member in get_args(annotation) for model in _models(member)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def _kind(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """A type in words."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _kind(inner, more)
    if origin is Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in get_args(annotation))
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return ", or ".join(dict.fromkeys(_kind(member) for member in members))
    if origin is tuple:
        return _kind_of_list(get_args(annotation))
    if origin is dict:
        return f"table of {_kind(get_args(annotation)[1])}"
    names = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Any: "anything"}
    return names.get(annotation, "table, see below") + _limits(metadata)


def _kind_of_list(members: tuple[Any, ...]) -> str:
    if Ellipsis in members:
        return f"list of {_kind(members[0])}"
    return f"[{', '.join(_kind(member) for member in members)}]"


def _limits(metadata: Sequence[Any]) -> str:
    told = []
    for item in [inner for outer in metadata for inner in getattr(outer, "metadata", [outer])]:
        for sign, name in (("≥", "ge"), (">", "gt"), ("≤", "le"), ("<", "lt")):
            limit = getattr(item, name, None)
            if limit is not None:
                told.append(f"{sign} {limit}")
    return f" {', '.join(told)}" if told else ""


if __name__ == "__main__":
    print(reference(), end="")
