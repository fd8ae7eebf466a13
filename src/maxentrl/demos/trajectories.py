"""Demonstrated trajectories as flat, validated columns; lengths vary freely and nothing is padded."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.status import InvalidInput

UNKNOWN = -1
"""Marks an action that was not observed, or a trajectory without a goal of its own."""


@dataclasses.dataclass(frozen=True)
class Decisions:
    """Every decision of every trajectory, N = Σ lengths rows.

    Attributes:
        trajectory: which trajectory, (N,).
        step: which decision of it, from 0, (N,).
        state: s_t, (N,).
        action: a_t, (N,), ``UNKNOWN`` where not observed.
        following: s_{t+1}, (N,).
    """

    trajectory: Int[np.ndarray, " N"]
    step: Int[np.ndarray, " N"]
    state: Int[np.ndarray, " N"]
    action: Int[np.ndarray, " N"]
    following: Int[np.ndarray, " N"]


@runtime_checkable
class Paths(Protocol):
    """Columns of sampled paths, laid out like those of :class:`Trajectories`."""

    @property
    def states(self) -> Int[np.ndarray, " states"]: ...

    @property
    def actions(self) -> Int[np.ndarray, " decisions"]: ...

    @property
    def lengths(self) -> Int[np.ndarray, " M"]: ...

    @property
    def censored(self) -> Bool[np.ndarray, " M"]: ...


@dataclasses.dataclass(frozen=True, eq=False)
class Trajectories:
    """M trajectories; the i-th has ``lengths[i]`` decisions and one state more.

    Attributes:
        states: all states in a row, (Σ lengths + M,).
        actions: all actions in a row, (Σ lengths,); ``UNKNOWN`` where only states were seen.
        lengths: decisions of each trajectory, (M,).
        weights: how often each counts, (M,).
        goals: the goal of each, (M,), ``UNKNOWN`` where it has none.
        censored: whether the record stops before the episode does, (M,).
        names: one name each, as in the file.
        split: one word each ("train", "test", …).
    """

    states: Int[np.ndarray, " states"]
    actions: Int[np.ndarray, " decisions"]
    lengths: Int[np.ndarray, " M"]
    weights: Float[np.ndarray, " M"]
    goals: Int[np.ndarray, " M"]
    censored: Bool[np.ndarray, " M"]
    names: tuple[str, ...]
    split: tuple[str, ...]

    @staticmethod
    def of(
        states: Sequence[Sequence[int] | np.ndarray],
        actions: Sequence[Sequence[int] | np.ndarray] | None = None,
        *,
        weights: Sequence[float | int] | np.ndarray | None = None,
        goals: Sequence[int] | np.ndarray | None = None,
        censored: Sequence[bool] | np.ndarray | None = None,
        names: Sequence[str] | None = None,
        split: Sequence[str] | None = None,
    ) -> Trajectories:
        """From one sequence of states a trajectory and, where observed, one of actions (one shorter).

        Raises:
            InvalidInput: no trajectory, one without a state, actions that do not fit the states, weights that are
                negative or not finite; each by the trajectory's name.
        """
        names = tuple(str(i) for i in range(len(states))) if names is None else tuple(names)
        arrays = [np.asarray(s, np.int64).reshape(-1) for s in states]
        if actions is None:
            moves = [np.full(max(len(s) - 1, 0), UNKNOWN) for s in arrays]
        else:
            moves = [np.asarray(a, np.int64).reshape(-1) for a in actions]
        count = len(arrays)
        columns = Trajectories(
            states=np.concatenate(arrays) if arrays else np.zeros(0, np.int64),
            actions=np.concatenate(moves) if moves else np.zeros(0, np.int64),
            lengths=np.array([len(s) - 1 for s in arrays], np.int64),
            weights=np.ones(count) if weights is None else np.asarray(weights, float),
            goals=np.full(count, UNKNOWN) if goals is None else np.asarray(goals, np.int64),
            censored=np.zeros(count, bool) if censored is None else np.asarray(censored, bool),
            names=names,
            split=("train",) * count if split is None else tuple(split),
        )
        problems = [] if count else ["there are no trajectories"]
        for name, s, a in zip(names, arrays, moves, strict=True):
            if len(s) == 0:
                problems.append(f"trajectory {name} has no state")
            elif len(a) != len(s) - 1:
                problems.append(
                    f"trajectory {name} has {len(s)} states and {len(a)} actions: expected one action fewer"
                )
        problems += [
            f"trajectory {name} has weight {weight}: expected a finite number ≥ 0"
            for name, weight in zip(names, columns.weights, strict=True)
            if not (np.isfinite(weight) and weight >= 0)
        ]
        if problems:
            raise InvalidInput(problems[:50])
        return columns

    @staticmethod
    def of_paths(paths: Paths) -> Trajectories:
        """From paths as planning samples them: flat columns, one weight each, numbered names, no goals of their own."""
        count = len(paths.lengths)
        return Trajectories(
            states=paths.states,
            actions=paths.actions,
            lengths=paths.lengths,
            weights=np.ones(count),
            goals=np.full(count, UNKNOWN),
            censored=paths.censored,
            names=tuple(str(i) for i in range(count)),
            split=("train",) * count,
        )

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def offsets(self) -> Int[np.ndarray, " bounds"]:
        """Where each trajectory's states begin in ``states``."""
        return np.concatenate([[0], np.cumsum(self.lengths + 1)])

    @property
    def starts(self) -> Int[np.ndarray, " M"]:
        """First state of each."""
        return self.states[self.offsets[:-1]]

    @property
    def ends(self) -> Int[np.ndarray, " M"]:
        """Last state of each."""
        return self.states[self.offsets[1:] - 1]

    def states_of(self, index: int | np.integer) -> Int[np.ndarray, " visited"]:
        """The states of one trajectory."""
        return self.states[self.offsets[index] : self.offsets[index + 1]]

    def actions_of(self, index: int | np.integer) -> Int[np.ndarray, " L"]:
        """The actions of one trajectory."""
        first = self.offsets[index] - index
        return self.actions[first : first + self.lengths[index]]

    @cached_property
    def decisions(self) -> Decisions:
        """Every decision as one row."""
        trajectory = np.repeat(np.arange(len(self)), self.lengths)
        row = np.arange(len(trajectory)) + trajectory
        step = row - self.offsets[trajectory]
        return Decisions(trajectory, step, self.states[row], self.actions, self.states[row + 1])

    def select(self, keep: Bool[np.ndarray, " M"] | Int[np.ndarray, " k"]) -> Trajectories:
        """The trajectories marked or listed, in order."""
        index = np.arange(len(self))[keep].tolist()
        if not index:
            raise InvalidInput("the selection leaves no trajectory")
        return Trajectories.of(
            [self.states_of(i) for i in index],
            [self.actions_of(i) for i in index],
            weights=self.weights[index],
            goals=self.goals[index],
            censored=self.censored[index],
            names=[self.names[i] for i in index],
            split=[self.split[i] for i in index],
        )


def concatenated(parts: Sequence[Trajectories], names: Sequence[str]) -> Trajectories:
    """Trajectories of several sets as one, with these names, one a trajectory."""
    return Trajectories(
        states=np.concatenate([part.states for part in parts]),
        actions=np.concatenate([part.actions for part in parts]),
        lengths=np.concatenate([part.lengths for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        goals=np.concatenate([part.goals for part in parts]),
        censored=np.concatenate([part.censored for part in parts]),
        names=tuple(names),
        split=tuple(word for part in parts for word in part.split),
    )
