"""Non-negative numbers of any size as s · 2^k: sums of products need no logarithm and no exponential.

Everything here is bits and polynomials, which XLA turns into vector instructions; its own float64 logarithm is one call
for each number.
"""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from maxentrl.numerics.types import ArrayLike

FRACTION_BITS, BIAS = 52, 1023
"""The layout of a float64: sign, 11 bits of the exponent plus 1023, 52 bits of the fraction."""
TERMS = 11
"""Terms of the series of atanh; the rest, (3 − 2√2)²²/23, is below 1e-18."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Scaled:
    """Numbers size · 2^exponent, float64 and int32. Zero has the size 0 and any exponent."""

    size: Float[ArrayLike, "*shape"]
    exponent: Int[ArrayLike, "*shape"]

    def __getitem__(self, index: int | Array) -> Scaled:
        """The numbers at one place of the first axis."""
        return Scaled(self.size[index], self.exponent[index])


def power_of_two(exponent: Int[ArrayLike, "*shape"]) -> Float[Array, "*shape"]:
    """2^exponent for exponents from -1022 to 1023."""
    return jax.lax.bitcast_convert_type((exponent.astype(jnp.int64) + BIAS) << FRACTION_BITS, jnp.float64)


def exponent_of(size: Float[ArrayLike, "*shape"]) -> Int[Array, "*shape"]:
    """floor(log₂ size) of a positive normal number, 0 of zero, int32."""
    raw = jax.lax.bitcast_convert_type(size, jnp.int64)
    return jnp.where(size == 0, 0, (raw >> FRACTION_BITS).astype(jnp.int32) - BIAS)


def exponential(logarithm: Float[ArrayLike, "*shape"]) -> Scaled:
    """exp(logarithm) with a size from 1 up to 2, or 0 for -inf; |logarithm| must be below 1e9."""
    finite = jnp.where(jnp.isneginf(logarithm), 0.0, logarithm)
    exponent = jnp.floor(finite * (1.0 / math.log(2.0)))
    size = jnp.clip(jnp.exp(finite - exponent * math.log(2.0)), 1.0, np.nextafter(2.0, 1.0))
    return Scaled(jnp.where(jnp.isneginf(logarithm), 0.0, size), exponent.astype(jnp.int32))


def logarithm(number: Scaled) -> Float[Array, "*shape"]:
    """log(size · 2^exponent) to rounding, -inf for zero: log m = 2 atanh((m − 1)/(m + 1)) with m from √½ up to √2."""
    size = jnp.asarray(number.size)
    raw = jax.lax.bitcast_convert_type(size, jnp.int64)
    shift = (raw - np.float64(math.sqrt(0.5)).view(np.int64)) >> FRACTION_BITS
    near_one = jax.lax.bitcast_convert_type(raw - (shift << FRACTION_BITS), jnp.float64)
    ratio = (near_one - 1.0) / (near_one + 1.0)
    square, series = ratio * ratio, jnp.zeros(())
    for term in reversed(range(TERMS)):
        series = series * square + 1.0 / (2 * term + 1)
    whole = (number.exponent + shift).astype(jnp.float64) * math.log(2.0)
    return jnp.where(size == 0, -jnp.inf, whole + 2.0 * ratio * series)
