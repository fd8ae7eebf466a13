"""Double precision in a scope, never switched on globally at import."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def double_precision(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run ``function`` with JAX's 64-bit types on, and leave the caller's setting as it was.

    Arrays that leave such a function must be NumPy arrays: a 64-bit JAX array used outside the scope would be cut to
    32 bits by the next operation on it.
    """

    @functools.wraps(function)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with jax.enable_x64(True):
            return function(*args, **kwargs)

    return wrapper
