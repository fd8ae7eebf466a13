"""The decision process without its reward: transitions, terminal states, and the names of both."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
from jaxtyping import Bool

from maxentrl.mdp.transitions import AbstractTransitions


@dataclasses.dataclass(frozen=True, eq=False)
class MDP:
    """Transitions with terminal states. Rewards, time and temperature belong to the problem that is posed on it.

    Attributes:
        transitions: where moves lead.
        terminal: states that end the episode, (S,): they pay their terminal reward, and no move, reward or entropy
            follows, whatever moves a file lists there.
        state_names: one name a state, or None for the numbers.
        action_names: one name an action, or None for the numbers.
    """

    transitions: AbstractTransitions
    terminal: Bool[np.ndarray, " S"]
    state_names: tuple[str, ...] | None = None
    action_names: tuple[str, ...] | None = None

    @property
    def n_states(self) -> int:
        """Number of states S."""
        return self.transitions.n_states

    @property
    def n_actions(self) -> int:
        """Number of actions A."""
        return self.transitions.n_actions

    @cached_property
    def available(self) -> Bool[np.ndarray, "A S"]:
        """Pairs that can be chosen: available moves outside terminal states."""
        return np.asarray(self.transitions.available) & ~self.terminal

    def state_name(self, state: int) -> str:
        """The name of a state as the user wrote it."""
        return self.state_names[state] if self.state_names else str(state)

    def action_name(self, action: int) -> str:
        """The name of an action as the user wrote it."""
        return self.action_names[action] if self.action_names else str(action)
