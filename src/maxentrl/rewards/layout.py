"""Any tree of arrays (an equinox module, a dictionary of weights) as the one vector θ that learning wants, and back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from maxentrl.numerics.types import ArrayLike
from maxentrl.status import InvalidInput

Shape: TypeAlias = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A leaf that holds parameters."""

    shape: Shape


@dataclasses.dataclass(frozen=True)
class Constant:
    """A leaf that holds numbers which are not learnt: whole numbers, truth values, random keys."""


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A leaf that is no array: a function, a size, a word."""

    value: Hashable


Leaf: TypeAlias = Parameter | Constant | Fixed


@dataclasses.dataclass(frozen=True)
class Layout:
    """How θ fills a tree; hashable, so that it is part of what is compiled and never of what is handed over.

    Attributes:
        structure: the tree without its leaves.
        leaves: what each leaf is, in order.
    """

    structure: Any
    leaves: tuple[Leaf, ...]

    @property
    def size(self) -> int:
        """K, the number of parameters."""
        return sum(math.prod(leaf.shape) for leaf in self.leaves if isinstance(leaf, Parameter))

    def fill(self, parameters: Float[ArrayLike, " K"], constants: tuple[ArrayLike, ...]) -> Any:
        """The tree that holds these parameters."""
        leaves, first, rest = [], 0, iter(constants)
        for leaf in self.leaves:
            if isinstance(leaf, Parameter):
                count = math.prod(leaf.shape)
                leaves.append(jnp.reshape(parameters[first : first + count], leaf.shape))
                first += count
            else:
                leaves.append(leaf.value if isinstance(leaf, Fixed) else next(rest))
        return jax.tree.unflatten(self.structure, leaves)


@dataclasses.dataclass(frozen=True)
class Flattened:
    """A tree taken apart.

    Attributes:
        layout: how to put it together again.
        parameters: θ, (K,), in double precision.
        constants: arrays that are not learnt.
        blocks: path and shape of each leaf with parameters, in the order of θ.
    """

    layout: Layout
    parameters: Float[np.ndarray, " K"]
    constants: tuple[ArrayLike, ...]
    blocks: tuple[tuple[str, Shape], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """One a parameter: the leaf's path and, for an array, the index in it."""
        return tuple(name for path, shape in self.blocks for name in _entries(path, shape))


def flatten(tree: Any, name: str) -> Flattened:
    """Take a tree apart: every leaf that is an array of real numbers is learnt.

    Args:
        tree: an equinox module or any other tree that JAX knows.
        name: begins the names of the parameters.

    Raises:
        InvalidInput: no array of real numbers in it, complex or non-finite ones (by their path), or a leaf that can be no
            part of a compiled function.
    """
    pairs, structure = jax.tree_util.tree_flatten_with_path(tree)
    leaves, parts, constants, blocks, problems = [], [], [], [], []
    for path, leaf in pairs:
        value = np.asarray(leaf) if isinstance(leaf, np.generic) else leaf
        where = name + "".join(map(_step, path))
        if not isinstance(value, jax.Array | np.ndarray):
            leaves.append(Fixed(value))
            problems += _unhashable(where, value)
        elif not jnp.issubdtype(value.dtype, jnp.inexact):
            leaves.append(Constant())
            constants.append(value)
        else:
            problems += _bad_numbers(where, value)
            leaves.append(Parameter(tuple(value.shape)))
            parts.append(np.real(np.asarray(value)).astype(float).ravel())
            blocks.append((where, tuple(value.shape)))
    if not sum(len(part) for part in parts) and not problems:
        problems = [
            f"reward '{name}': {type(tree).__name__} has no parameters, so there is nothing to learn; give it an array of "
            "real numbers, or use its values as a feature of a LinearReward"
        ]
    if problems:
        raise InvalidInput(problems)
    return Flattened(Layout(structure, tuple(leaves)), np.concatenate(parts), tuple(constants), tuple(blocks))


def _step(key: Any) -> str:
    """One step of a path as people write it: ``.weight``, ``[0]``."""
    if isinstance(key, jax.tree_util.DictKey):
        return f".{key.key}" if isinstance(key.key, str) else f"[{key.key!r}]"
    return str(key)


def _entries(path: str, shape: Shape) -> list[str]:
    return [path + (f"[{','.join(map(str, index))}]" if index else "") for index in np.ndindex(*shape)]


def _unhashable(where: str, value: object) -> list[str]:
    try:
        hash(value)
    except TypeError:
        return [
            f"{where} is a {type(value).__name__}, which no compiled function can hold: make it an array or a tuple"
        ]
    return []


def _bad_numbers(where: str, value: ArrayLike) -> list[str]:
    if jnp.issubdtype(value.dtype, jnp.complexfloating):
        return [f"{where} holds complex numbers: parameters are real"]
    if not np.isfinite(np.asarray(value, float)).all():
        return [f"{where} holds numbers that are not finite: begin from finite weights"]
    return []


def architecture(layout: Layout, blocks: tuple[tuple[str, Shape], ...]) -> dict[str, Any]:
    """What a file of parameters must agree with, as plain JSON: paths and shapes, and what is fixed beside them."""
    fixed = [_word(leaf.value) for leaf in layout.leaves if isinstance(leaf, Fixed)]
    return {"parameters": {path: list(shape) for path, shape in blocks}, "fixed": fixed}


def _word(value: object) -> str:
    """A function by its name, anything else as it prints: never an address in memory."""
    return str(getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or _printed(value))


def _printed(value: object) -> str:
    shown = repr(value)
    return type(value).__name__ if " at 0x" in shown else shown
