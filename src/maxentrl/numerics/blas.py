"""One BLAS thread where more do harm."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def single_blas_thread(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run ``function`` with one BLAS thread.

    Sparse triangular solves call BLAS on pieces so small that its threads do nothing but wait for one another: on two
    busy cores a Hessian took 94 s with two threads and 6.5 s with one.
    """

    @functools.wraps(function)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return wrapper
