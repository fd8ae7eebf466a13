"""THE iteration loop: fixed points x = step(x), in compiled blocks with a host loop between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.types import ArrayLike
from maxentrl.status import Status

Step: TypeAlias = Callable[[Any, Float[Array, "*shape"]], Float[Array, "*shape"]]
"""(arguments, x) → x'; a module-level function, so that it is compiled once for each shape of its arguments."""

Number: TypeAlias = Array | int | float

ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""Residuals below this, relative to max |x|, are rounding errors: no iteration can lower them on purpose."""


@dataclasses.dataclass(frozen=True, eq=False)
class FixedPoint:
    """Where an iteration ended.

    Attributes:
        value: the last x.
        status: CONVERGED; MAXIMUM_ITERATIONS; STALLED, where only rounding errors are left above the tolerance; or
            NON_FINITE, where an entry became NaN or +inf.
        iterations: steps taken.
        residual: max |x' − x| of the last step; -inf entries that stayed -inf count as unchanged.
        history: that residual for every step, (iterations,).
    """

    value: Float[np.ndarray, "*shape"]
    status: Status
    iterations: int
    residual: float
    history: Float[np.ndarray, " iterations"]


@double_precision
def iterate(
    step: Step,
    initial: Float[ArrayLike, "*shape"],
    arguments: Any,
    *,
    max_iterations: int,
    absolute: float = 0.0,
    relative: float = 0.0,
    block: int = 64,
) -> FixedPoint:
    """Repeat x ← step(arguments, x) until max |x' − x| ≤ absolute + relative · max |x'|.

    Args:
        step: a pure, module-level function.
        initial: the first x; entries of -inf are allowed.
        arguments: a pytree passed to every step.
        max_iterations: most steps.
        absolute: residual at which to stop.
        relative: the same, as a share of the largest finite |x'|.
        block: most steps between two looks from the host.

    Returns:
        The last x, how it ended, and the residual of every step. Nothing is raised: callers name their own failures.
    """
    value, history, status = jnp.asarray(initial, float), [], Status.MAXIMUM_ITERATIONS
    done, best = 0, np.inf
    while done < max_iterations:
        count = min(block, max_iterations - done)
        value, taken, residuals, scale = _block(step, arguments, value, count, float(absolute), float(relative), block)
        residuals = np.asarray(residuals)[: int(taken)]
        history.append(residuals)
        done += int(taken)
        last, scale = float(residuals[-1]), float(scale)
        if np.isnan(last):
            status = Status.NON_FINITE
        elif last <= absolute + relative * scale:
            status = Status.CONVERGED
        elif last <= ROUNDING * scale and residuals.min() >= best:
            status = Status.STALLED
        if status is not Status.MAXIMUM_ITERATIONS:
            break
        best = min(best, float(residuals.min()))
    steps = np.concatenate(history) if history else np.empty(0)
    return FixedPoint(np.asarray(value), status, done, float(steps[-1]) if done else np.inf, steps)


@partial(jax.jit, static_argnames=("step", "block"))
def _block(
    step: Step, arguments: Any, initial: Array, count: Number, absolute: Number, relative: Number, block: int
) -> tuple[Array, Array, Array, Array]:
    """At most ``count`` steps: the last x, the steps taken, their residuals (block,) and max |x|."""

    def unfinished(carry: tuple) -> Array:
        _, taken, _, residual, scale = carry
        return (taken < count) & ~(residual <= absolute + relative * scale) & ~jnp.isnan(residual)

    def body(carry: tuple) -> tuple:
        value, taken, history, _, _ = carry
        new = step(arguments, value)
        residual, scale = _change(new, value)
        return new, taken + 1, history.at[taken].set(residual), residual, scale

    start = (initial, jnp.asarray(0), jnp.zeros(block), jnp.asarray(jnp.inf), jnp.asarray(0.0))
    value, taken, history, _, scale = jax.lax.while_loop(unfinished, body, start)
    return value, taken, history, scale


def _change(new: Array, old: Array) -> tuple[Array, Array]:
    """max |new − old| (NaN where new holds NaN or +inf) and the largest finite |new|."""
    change = jnp.where(new == old, 0.0, jnp.abs(new - old))
    broken = jnp.any(jnp.isnan(new) | jnp.isposinf(new))
    scale = jnp.max(jnp.where(jnp.isfinite(new), jnp.abs(new), 0.0))
    return jnp.where(broken, jnp.nan, jnp.max(change)), scale
