"""Features as a specification names them: by name or by pattern."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from maxentrl.status import InvalidInput

Value = TypeVar("Value")


def matching_names(
    patterns: Iterable[str], names: Iterable[str], key: str, kind: str = "feature of this world"
) -> tuple[str, ...]:
    """The names that some patterns mean, in the order of the patterns and each once.

    Raises:
        InvalidInput: a pattern that means none, with the nearest name; ``key`` is where it stands.
    """
    return tuple(dict.fromkeys(name for pattern in patterns for name in _matching(pattern, names, key, kind)))


def by_name(table: Mapping[str, Value], names: Sequence[str], key: str) -> dict[str, Value]:
    """A table by pattern as one by name: exact names override patterns, later patterns earlier ones.

    Raises:
        InvalidInput: as :func:`matching_names`.
    """
    expanded: dict[str, Value] = {}
    for pattern, value in sorted(table.items(), key=lambda item: item[0] in names):
        expanded |= dict.fromkeys(_matching(pattern, names, key, "feature of this reward"), value)
    return expanded


def _matching(pattern: str, names: Iterable[str], key: str, kind: str) -> list[str]:
    names = list(names)
    found = [pattern] if pattern in names else fnmatch.filter(names, pattern)
    if found:
        return found
    near = difflib.get_close_matches(pattern, names, 1, 0.5)
    listed = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(names) or 'none'}"
    raise InvalidInput(f"{key}: '{pattern}' is no {kind}; {listed}")
