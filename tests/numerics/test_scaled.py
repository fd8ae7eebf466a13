"""Scaled numbers against decimal arithmetic of fifty digits."""

import decimal

import jax
import numpy as np
import pytest
from hypothesis import given, strategies as st

from maxentrl.numerics.scaled import Scaled, exponent_of, exponential, logarithm, power_of_two

EXACT = decimal.Context(prec=50, Emax=10**9, Emin=-(10**9))


def exact_log(size: float, exponent: int) -> decimal.Decimal:
    number = EXACT.multiply(decimal.Decimal(size), EXACT.power(2, exponent))
    return EXACT.ln(number)


@given(st.floats(1e-300, 1e300), st.integers(-(10**8), 10**8))
def test_logarithm_to_rounding(size, exponent):
    with jax.enable_x64(True):
        found = float(logarithm(Scaled(np.array([size]), np.array([exponent], np.int32)))[0])
    exact = EXACT.add(EXACT.ln(decimal.Decimal(size)), EXACT.multiply(exponent, EXACT.ln(2)))
    assert found == pytest.approx(float(exact), rel=5e-16, abs=2e-16)


@given(st.floats(-1e8, 1e8) | st.floats(-2.0, 2.0))
def test_exponential_is_its_inverse_and_has_a_size_from_one_to_two(value):
    with jax.enable_x64(True):
        found = exponential(np.array([value]))
        back = float(logarithm(found)[0])
    size, exponent = float(found.size[0]), int(found.exponent[0])
    assert 1.0 <= size < 2.0
    assert float(exact_log(size, exponent)) == pytest.approx(value, rel=5e-16, abs=3e-16)
    assert back == pytest.approx(value, rel=5e-16, abs=3e-16)


def test_zero_and_the_smallest_steps():
    with jax.enable_x64(True):
        nothing = exponential(np.array([-np.inf, 0.0]))
        np.testing.assert_array_equal(nothing.size, [0.0, 1.0])
        np.testing.assert_array_equal(logarithm(nothing), [-np.inf, 0.0])
        exponents = np.array([-1022, -640, -1, 0, 1, 640, 1023], np.int32)
        np.testing.assert_array_equal(power_of_two(exponents), np.ldexp(1.0, exponents))
        sizes = np.array([0.0, 1.0, np.nextafter(2.0, 1.0), 2.0, 0.75, 2.0**-200, 1.5 * 2.0**300])
        np.testing.assert_array_equal(exponent_of(sizes), [0, 0, 0, 1, -1, -200, 300])
