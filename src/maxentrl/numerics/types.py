"""The array types that annotations name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import jax
import numpy as np
from jaxtyping import Float

ArrayLike: TypeAlias = jax.Array | np.ndarray
"""A JAX array inside compiled functions, a NumPy array on the host."""

Rows: TypeAlias = Sequence[Float[ArrayLike, " S"]]
"""One array over states for each action: the form in which XLA fuses loops over states."""
