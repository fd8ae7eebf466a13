"""Gymnasium environments with a transition table ``P`` → worlds, read exactly."""

from __future__ import annotations

import dataclasses
import importlib
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.transitions import from_outcomes
from maxentrl.mdp.world import GridGeometry, World
from maxentrl.status import InvalidInput, MissingExtra

REWARD = "reward"
"""Name of the pair feature that holds the environment's own expected reward."""
ENDED = "ended"
"""Name of the terminal state that is added where some moves into a state end the episode and others do not."""
MOST_DISTINCT_REWARDS = 8


@dataclasses.dataclass(frozen=True)
class _Outcomes:
    """Every outcome that the table lists, as columns of length N."""

    state: Int[np.ndarray, " N"]
    action: Int[np.ndarray, " N"]
    following: Int[np.ndarray, " N"]
    probability: Float[np.ndarray, " N"]
    reward: Float[np.ndarray, " N"]
    done: Bool[np.ndarray, " N"]


def gymnasium_world(environment: Any, options: Mapping[str, Any] | None = None) -> World:
    """The world of an environment whose ``env.unwrapped.P[state][action]`` lists (probability, next, reward, done).

    A state is terminal if every move into it ends the episode (``done``), whatever moves the table lists there
    (CliffWalking lists some at its goal). Where a state is entered both by moves that end the episode and by moves that
    do not, the former lead to an added terminal state named ``ended``. Both are judged over moves from states that an
    episode can visit from ``env.unwrapped.initial_state_distrib``, where there is one: Taxi also lists states with the
    passenger already delivered, which none can. Moves from such states into a terminal state end the episode.

    Args:
        environment: an environment, or the id of a registered one.
        options: arguments for ``gymnasium.make`` (``{"map_name": "8x8", "is_slippery": True}``), with an id only.

    Returns:
        World with pair features ``reward``, the expected reward r(s, a), and for each of at most eight distinct rewards
        v the probability ``reward=v`` of receiving it, so that ``reward`` = Σ_v v · ``reward=v``; 0 in terminal states.
        Letters of a map that covers the states (FrozenLake) become state features ``tile=F`` and so on, and grids get
        their geometry.

    Raises:
        MissingExtra: gymnasium is not installed and an id was given.
        InvalidInput: unknown id or options, or an environment without a usable table.
    """
    if isinstance(environment, str):
        made = _make(environment, options or {})
        try:
            return _world(made.unwrapped)
        finally:
            made.close()
    if options:
        raise InvalidInput("options are for an environment given by its id: this one is already made")
    return _world(environment.unwrapped)


def _make(identifier: str, options: Mapping[str, Any]) -> Any:
    try:
        gymnasium = importlib.import_module("gymnasium")
    except ImportError as error:
        raise MissingExtra("gymnasium", "gymnasium") from error
    try:
        with warnings.catch_warnings():
            # An id that is out of date is warned of, in colours, before it is refused.
            warnings.simplefilter("ignore")
            return gymnasium.make(identifier, **dict(options))
    except gymnasium.error.DeprecatedEnv as error:
        newer = re.search(r"use `([^`]+)` instead", str(error))
        hint = f"; did you mean '{newer[1]}'?" if newer else ""
        raise InvalidInput(f"gymnasium has no '{identifier}' any more: it is out of date{hint}") from error
    except (gymnasium.error.Error, ImportError, TypeError, ValueError, KeyError, AssertionError) as error:
        raise InvalidInput(f"gymnasium cannot make '{identifier}' with options {dict(options)}: {error}") from error


def _world(unwrapped: Any) -> World:
    outcomes, n_states, n_actions = _outcomes(unwrapped)
    start = np.asarray(getattr(unwrapped, "initial_state_distrib", np.ones(n_states)), float)
    visited = _visited(outcomes, n_states, start > 0)
    terminal, redirected = _ends(outcomes, n_states, visited)
    following = np.where(redirected, n_states, outcomes.following)
    names = None
    if redirected.any():
        names = (*map(str, range(n_states)), ENDED)
        terminal = np.append(terminal, True)
    transitions = from_outcomes(
        outcomes.state, outcomes.action, following, outcomes.probability, n_states=len(terminal), n_actions=n_actions
    )
    geometry = None if redirected.any() else _geometry(unwrapped, n_states)
    tiles = {} if geometry is None else _tiles(unwrapped, geometry.shape)
    return World(MDP(transitions, terminal, names), tiles, _rewards(outcomes, terminal, n_actions), geometry)


def _outcomes(unwrapped: Any) -> tuple[_Outcomes, int, int]:
    table = getattr(unwrapped, "P", None)
    if not isinstance(table, Mapping) or not table:
        kind = type(unwrapped).__name__
        raise InvalidInput(
            f"{kind} has no transition table P: only environments that list their transitions can be read"
        )
    rows = [
        (state, action, following, probability, reward, done)
        for state, moves in table.items()
        for action, listed in moves.items()
        for probability, following, reward, done, *_ in listed
    ]
    state, action, following, probability, reward, done = (np.array(column) for column in zip(*rows, strict=True))
    n_states, n_actions = max(int(state.max()), int(following.max())) + 1, int(action.max()) + 1
    columns = _Outcomes(state, action, following, probability.astype(float), reward.astype(float), done.astype(bool))
    total = np.zeros((n_actions, n_states))
    np.add.at(total, (action, state), columns.probability)
    listed = np.zeros(total.shape, bool)
    listed[action, state] = True
    problems = [
        f"P[{s}][{a}]: probabilities sum to {total[a, s]:.9g}, expected 1"
        for a, s in np.argwhere(listed & (np.abs(total - 1.0) > 1e-6))[:20]
    ]
    if (columns.probability < 0).any():
        problems.append("P holds negative probabilities")
    if problems:
        raise InvalidInput(problems)
    return columns, n_states, n_actions


def _visited(outcomes: _Outcomes, n_states: int, start: Bool[np.ndarray, " S"]) -> Bool[np.ndarray, " S"]:
    """States in which an episode can have to move: reached from a start without ending."""
    visited = start[:n_states].copy()
    going_on = ~outcomes.done & (outcomes.probability > 0)
    while True:
        reached = outcomes.following[going_on & visited[outcomes.state]]
        if visited[reached].all():
            return visited
        visited[reached] = True


def _ends(
    outcomes: _Outcomes, n_states: int, visited: Bool[np.ndarray, " S"]
) -> tuple[Bool[np.ndarray, " S"], Bool[np.ndarray, " N"]]:
    """Terminal states, and the outcomes that have to be led to an added one."""
    possible = outcomes.probability > 0

    def entered(rows: np.ndarray) -> np.ndarray:
        return np.bincount(outcomes.following[rows & possible], minlength=n_states) > 0

    seen = visited[outcomes.state]
    judged_by_seen = entered(seen)
    ending = np.where(judged_by_seen, entered(seen & outcomes.done), entered(outcomes.done))
    going_on = np.where(judged_by_seen, entered(seen & ~outcomes.done), entered(~outcomes.done))
    terminal = ending & ~going_on & ~(visited & ~judged_by_seen)
    redirected = possible & outcomes.done & ~terminal[outcomes.following] & ~terminal[outcomes.state]
    return terminal, redirected


def _rewards(outcomes: _Outcomes, terminal: Bool[np.ndarray, " S"], n_actions: int) -> dict[str, np.ndarray]:
    def expected(values: np.ndarray) -> np.ndarray:
        column = np.zeros((n_actions, len(terminal)))
        np.add.at(column, (outcomes.action, outcomes.state), outcomes.probability * values)
        column[:, terminal] = 0.0
        return column

    features = {REWARD: expected(outcomes.reward)}
    paid = np.unique(outcomes.reward[(outcomes.probability > 0) & ~terminal[outcomes.state]])
    if len(paid) <= MOST_DISTINCT_REWARDS:
        features |= {f"{REWARD}={value:g}": expected(outcomes.reward == value) for value in paid}
    return features


def _geometry(unwrapped: Any, n_states: int) -> GridGeometry | None:
    shape = getattr(unwrapped, "shape", None) or (getattr(unwrapped, "nrow", 0), getattr(unwrapped, "ncol", 0))
    if len(shape) != 2 or shape[0] * shape[1] != n_states:
        return None
    return GridGeometry(np.arange(n_states, dtype=np.int32).reshape(shape), unit="cells")


def _tiles(unwrapped: Any, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    letters = np.asarray(getattr(unwrapped, "desc", np.zeros(0, "S1")))
    if letters.shape != shape or letters.dtype.kind not in "SU":
        return {}
    flat = letters.astype(str).reshape(-1)
    return {f"tile={letter}": (flat == letter).astype(float) for letter in np.unique(flat)}
