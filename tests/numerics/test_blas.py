"""Work by several threads gives what one gives, and leaves the process as it was."""

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from maxentrl.numerics.blas import on_all_cores, single_blas_thread


def threads_of_blas():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_results_come_in_order_and_blas_is_as_before():
    np.ones((2, 2)) @ np.ones((2, 2))
    before, seen = threads_of_blas(), []

    @single_blas_thread
    def slow_first(item):
        time.sleep(0.02 * (3 - item))
        seen.append((threading.get_ident(), threads_of_blas()))
        return item**2

    assert on_all_cores(slow_first, range(4)) == [0, 1, 4, 9]
    assert all(threads == [1] * len(before) for _, threads in seen)
    assert threads_of_blas() == before


def test_what_one_thread_raises_is_raised_and_blas_is_as_before():
    before = threads_of_blas()

    @single_blas_thread
    def fails_at_two(item):
        if item == 2:
            raise ValueError("the third")
        return item

    with pytest.raises(ValueError, match="the third"):
        on_all_cores(fails_at_two, range(5))
    assert threads_of_blas() == before


def test_nothing_and_one():
    assert on_all_cores(abs, []) == []
    assert on_all_cores(abs, [-3]) == [3]
