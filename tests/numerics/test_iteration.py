"""The iteration loop: how each ending is told, and that histories are complete."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maxentrl.numerics.iteration import iterate
from maxentrl.status import Status


def halve(target: jax.Array, x: jax.Array) -> jax.Array:
    return target + 0.5 * (x - target)


def double(_: None, x: jax.Array) -> jax.Array:
    return 2.0 * x


def pass_on(_: None, x: jax.Array) -> jax.Array:
    """A finite value spreads one place to the right; -inf stays where none has arrived."""
    return x.at[1:-1].set(jnp.maximum(x[1:-1], x[:-2] - 1.0))


def flip(_: None, x: jax.Array) -> jax.Array:
    """Residual at the level of rounding errors, for ever."""
    return jnp.where(x > 1.0, 1.0, 1.0 + 2.0**-52)


def break_at_ten(_: None, x: jax.Array) -> jax.Array:
    return jnp.where(x >= 10.0, jnp.nan, x + 1.0)


def test_converges_with_the_history_of_every_residual() -> None:
    found = iterate(halve, np.zeros(2), np.array([1.0, -3.0]), max_iterations=1000, absolute=1e-6, block=7)
    assert found.status is Status.CONVERGED
    assert len(found.history) == found.iterations
    np.testing.assert_allclose(found.history, 3.0 * 0.5 ** np.arange(1, found.iterations + 1))
    assert found.history[-1] <= 1e-6 < found.history[-2]
    assert found.residual == found.history[-1]
    np.testing.assert_allclose(found.value, [1.0, -3.0], atol=1e-6)


def test_the_size_of_blocks_changes_nothing() -> None:
    each = [
        iterate(halve, np.zeros(1), np.ones(1), max_iterations=30, absolute=1e-12, block=block) for block in (1, 4, 64)
    ]
    for found in each:
        assert (found.status, found.iterations) == (Status.MAXIMUM_ITERATIONS, 30)
        assert found.value == pytest.approx(1.0 - 0.5**30, abs=1e-16)
        np.testing.assert_array_equal(found.history, each[0].history)


def test_relative_tolerance_is_a_share_of_the_largest_value() -> None:
    large = iterate(halve, np.zeros(1), np.array([1e6]), max_iterations=100, relative=1e-3)
    small = iterate(halve, np.zeros(1), np.array([1.0]), max_iterations=100, relative=1e-3)
    assert large.iterations == small.iterations < 15


def test_minus_infinity_may_stay_and_may_be_left() -> None:
    start = np.full(6, -np.inf)
    start[0] = 0.0
    found = iterate(pass_on, start, None, max_iterations=100, relative=1e-9)
    assert found.status is Status.CONVERGED
    np.testing.assert_array_equal(found.value, [0.0, -1.0, -2.0, -3.0, -4.0, -np.inf])
    assert np.isinf(found.history[:4]).all()
    assert found.residual == 0.0


def test_not_a_number_is_named() -> None:
    found = iterate(break_at_ten, np.zeros(1), None, max_iterations=100)
    assert found.status is Status.NON_FINITE
    assert found.iterations == 11


def test_overflow_is_named() -> None:
    found = iterate(double, np.ones(1), None, max_iterations=5000)
    assert found.status is Status.NON_FINITE
    assert found.iterations == 1024


def test_rounding_errors_are_told_from_progress() -> None:
    found = iterate(flip, np.ones(1), None, max_iterations=10_000, absolute=1e-17)
    assert found.status is Status.STALLED
    assert found.iterations < 200


def test_no_iterations() -> None:
    found = iterate(halve, np.ones(1), np.ones(1), max_iterations=0)
    assert (found.status, found.iterations, found.residual) == (Status.MAXIMUM_ITERATIONS, 0, np.inf)
