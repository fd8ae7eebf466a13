"""Kinds of time, each a small class: how long a decision process lasts and what ends it."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias

from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True)
class Finite:
    """``horizon`` decisions; states are visited at t = 0..T, the terminal reward is paid at t = T.

    Attributes:
        horizon: T ≥ 1; None in a fit, where each trajectory has its own length as horizon.
        rows: room for the values of this many times, at least T + 1, so that problems of different horizons share what
            is compiled; None for T + 1. No number depends on it.
    """

    horizon: int | None = None
    rows: int | None = dataclasses.field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.horizon is not None and self.horizon < 1:
            raise InvalidInput(f"horizon = {self.horizon}: a finite problem has at least one decision; use horizon ≥ 1")


@dataclasses.dataclass(frozen=True)
class Discounted:
    """No end, rewards t steps ahead weighted by discount^t.

    Attributes:
        discount: γ with 0 ≤ γ < 1.
    """

    discount: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.discount < 1.0:
            raise InvalidInput(
                f"discount = {self.discount}: expected 0 ≤ discount < 1; for 1 use Finite(horizon) or ToGoal(goals)"
            )


@dataclasses.dataclass(frozen=True)
class ToGoal:
    """Undiscounted until a goal is entered, which absorbs and pays its terminal reward.

    Terminal states that are not goals are dead ends: a path through them never arrives.

    Attributes:
        goals: states that absorb; None in a fit or forecast, where each trajectory has its own goal.
    """

    goals: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.goals is not None and not self.goals:
            raise InvalidInput("goals is empty: name at least one state that ends the walk")


Time: TypeAlias = Finite | Discounted | ToGoal
