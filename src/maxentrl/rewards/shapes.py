"""The shapes of a reward's table, found without computing it."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np

from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.reward import AbstractReward
from maxentrl.status import InvalidInput

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class TableShapes:
    """Shapes of pair, terminal and outcome (None where there is none)."""

    pair: Shape
    terminal: Shape
    outcome: Shape | None

    @property
    def steps(self) -> int | None:
        """T, where each step has its own table."""
        return self.pair[0] if len(self.pair) == 3 else None

    def zeros(self) -> RewardTable:
        """A table of zeros, as NumPy arrays that can be added to."""
        outcome = None if self.outcome is None else np.zeros(self.outcome)
        return RewardTable(np.zeros(self.pair), np.zeros(self.terminal), outcome)

    def check(self, n_actions: int, n_states: int, name: str) -> None:
        """Refuse a table that does not fit the process.

        Raises:
            InvalidInput: with the name of the reward and both shapes.
        """
        problems = []
        if not (len(self.pair) in (2, 3) and self.pair[-2:] == (n_actions, n_states)):
            problems.append(
                f"reward '{name}' gives pairs of shape {self.pair}: expected (actions, states) = {(n_actions, n_states)}, "
                "with the steps before them where each has its own"
            )
        if self.terminal != (n_states,):
            problems.append(f"reward '{name}' gives ends of shape {self.terminal}: expected ({n_states},)")
        outcome = self.outcome
        if outcome is not None and not (len(outcome) == 3 and (outcome[0], outcome[2]) == (n_actions, n_states)):
            problems.append(
                f"reward '{name}' gives outcomes of shape {outcome}: expected (actions, successors, states) = "
                f"({n_actions}, B, {n_states})"
            )
        if problems:
            raise InvalidInput(problems)


@double_precision
def shapes_of(reward: AbstractReward, size: int) -> TableShapes:
    """The shapes of a reward's table, whose ``size`` is its number of parameters."""

    def parts(theta: jax.Array) -> tuple:
        table = reward.table(theta)
        return table.pair, table.terminal, table.outcome

    pair, terminal, outcome = jax.eval_shape(parts, jax.ShapeDtypeStruct((size,), float))
    return TableShapes(pair.shape, terminal.shape, None if outcome is None else outcome.shape)
