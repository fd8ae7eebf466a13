"""How a network's number becomes a reward, and whether the end of a walk is paid."""

from __future__ import annotations

import abc
import dataclasses
import enum
import math

import jax
from jaxtyping import Array, Float

from maxentrl.status import InvalidInput


class AbstractOutput(abc.ABC):
    """A map from any real number to a reward."""

    @abc.abstractmethod
    def __call__(self, number: Float[Array, ...]) -> Float[Array, ...]:
        """The reward."""


@dataclasses.dataclass(frozen=True)
class AnySign(AbstractOutput):
    """The number itself: for finite horizons, discounts, and as a part of a sum."""

    def __call__(self, number: Float[Array, ...]) -> Float[Array, ...]:
        return number


@dataclasses.dataclass(frozen=True)
class Cost(AbstractOutput):
    """r = −least − log(1 + exp(x + b)): every decision costs more than ``least``, and ``typical`` at x = 0.

    Walks to a goal have a finite partition function where each decision costs more than the logarithm of the number of
    moves (2.08 for eight) times the temperature; so training begins feasible, and a step beyond is rejected.

    Attributes:
        least: what every decision costs at least, ≥ 0.
        typical: what it costs at first, > least.
    """

    least: float = 0.0
    typical: float = 2.5

    def __post_init__(self) -> None:
        if not 0 <= self.least < self.typical < math.inf:
            raise InvalidInput(f"least = {self.least}, typical = {self.typical}: expected 0 ≤ least < typical")

    def __call__(self, number: Float[Array, ...]) -> Float[Array, ...]:
        return -self.least - jax.nn.softplus(number + math.log(math.expm1(self.typical - self.least)))


class Ends(enum.Enum):
    """What the last state of a walk is paid by a network of state features."""

    NOTHING = "nothing"
    LIKE_STATES = "like states"
