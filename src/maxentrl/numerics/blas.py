"""One BLAS thread where more do harm."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Item = TypeVar("Item")


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


@single_blas_thread
def on_all_cores(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """``function`` of each item, in order, by one thread a core.

    For work in large arrays and sparse solves, which let other threads run. BLAS is held to one thread for all of it,
    here, because the threads that hold it there again must find the same when they let go.
    """
    items = list(items)
    cores = min(len(items), os.cpu_count() or 1)
    if cores < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(function, items))
