"""Table worlds: a list of outcomes with names → states, transitions and features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from maxentrl.mdp.checks import check_mdp
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.transitions import probability_problems, unchecked_outcomes
from maxentrl.mdp.world import World
from maxentrl.status import InvalidInput

Label = int | str


def table_world(
    states: Sequence[Label] | np.ndarray,
    actions: Sequence[Label] | np.ndarray,
    next_states: Sequence[Label] | np.ndarray,
    probabilities: Sequence[float | int] | np.ndarray,
    *,
    state_names: Sequence[Label] | None = None,
    action_names: Sequence[Label] | None = None,
    terminal: Sequence[Label] = (),
    state_features: Mapping[str, np.ndarray] | None = None,
    pair_features: Mapping[str, np.ndarray] | None = None,
) -> World:
    """A world from N outcomes: after ``actions[i]`` in ``states[i]`` comes ``next_states[i]`` with a probability.

    Labels are integers or strings. Where no names are given they are found in the outcomes: whole numbers in
    increasing order, other names in the order in which they first appear (``states`` before ``next_states``). Labels
    that are exactly 0, 1, … leave the MDP without names. Rows that repeat an outcome add up.

    Args:
        states: label of s, (N,).
        actions: label of a, (N,).
        next_states: label of s', (N,).
        probabilities: P(s' | s, a), (N,).
        state_names: all states in order; gives the order of feature columns.
        action_names: all actions in order.
        terminal: labels of the states that end the episode; rows that start there are kept but never used.
        state_features: named columns (S,).
        pair_features: named columns (A, S).

    Raises:
        InvalidInput: columns of different length, probabilities that are negative, not finite, or do not sum to one
            (state, action, sum), unknown labels, states without a move that are not terminal, features of wrong shape.
    """
    weights = np.asarray(probabilities, float)
    lengths = {len(states), len(actions), len(next_states), len(weights)}
    if len(lengths) > 1 or not len(weights):
        raise InvalidInput(f"the columns of outcomes have lengths {sorted(lengths)}: expected one length, at least 1")
    state_order = label_numbers([*_listed(states), *_listed(next_states), *map(_plain, terminal)], state_names)
    action_order = label_numbers(_listed(actions), action_names)
    state = _numbers(states, state_order, "state")
    action = _numbers(actions, action_order, "action")
    following = _numbers(next_states, state_order, "next state")
    problems = [
        f"state {states[i]}, action {actions[i]}, next state {next_states[i]} has probability {weights[i]}: expected "
        "a number from 0 to 1"
        for i in np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))[:20]
    ]
    if problems:
        raise InvalidInput(problems)
    ends = np.zeros(len(state_order), bool)
    ends[_numbers(terminal, state_order, "terminal state")] = True
    names, choices = list(state_order), list(action_order)
    problems = probability_problems(state, action, weights, name=lambda s, a: f"state {names[s]}, action {choices[a]}")
    transitions = unchecked_outcomes(
        state, action, following, weights, n_states=len(state_order), n_actions=len(action_order)
    )
    mdp = MDP(transitions, ends, names_of(state_order), names_of(action_order))
    problems += [found for found in check_mdp(mdp) if "sum to" not in found]
    problems += _feature_problems(mdp, state_features or {}, pair_features or {})
    if problems:
        raise InvalidInput(problems)
    return World(mdp, _floats(state_features or {}), _floats(pair_features or {}))


def _plain(label: Label) -> Label:
    return label if isinstance(label, str) else int(label)


def _listed(labels: Sequence[Label] | np.ndarray) -> list[Label]:
    """Distinct labels in order of appearance, as plain integers or strings."""
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "iu":
        return np.unique(labels).tolist()
    return [_plain(label) for label in dict.fromkeys(labels)]


def label_numbers(found: Sequence[Label], given: Sequence[Label] | None = None) -> dict[Label, int]:
    """The number of each label: as given, else whole numbers in increasing order, other names as they appear.

    Raises:
        InvalidInput: a name that is given twice.
    """
    if given is not None:
        order = {_plain(label): i for i, label in enumerate(given)}
        if len(order) < len(given):
            twice = next(label for i, label in enumerate(given) if order[_plain(label)] != i)
            raise InvalidInput(f"the name '{twice}' is given twice: names must differ")
        return order
    distinct = list(dict.fromkeys(found))
    whole = [label for label in distinct if _is_whole(label)]
    if len(whole) == len(distinct):
        distinct = sorted(whole, key=int)
    return {label: i for i, label in enumerate(distinct)}


def _is_whole(label: Label) -> bool:
    return not isinstance(label, str) or (label.isascii() and label.isdigit())


def _numbers(labels: Sequence[Label] | np.ndarray, order: Mapping[Label, int], kind: str) -> np.ndarray:
    numbers = np.fromiter((order.get(label, -1) for label in labels), np.int64, len(labels))
    if (numbers < 0).any():
        unknown = list(dict.fromkeys(labels[i] for i in np.flatnonzero(numbers < 0).tolist()))
        raise InvalidInput([f"{kind} '{label}' is not among the names given" for label in unknown[:20]])
    return numbers


def names_of(order: Mapping[Label, int]) -> tuple[str, ...] | None:
    """Labels as the names of an MDP, in order; None where they are 0, 1, … anyway."""
    names = tuple(str(label) for label in order)
    return None if all(name == str(i) for i, name in enumerate(names)) else names


def _floats(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.asarray(column, float) for name, column in columns.items()}


def _feature_problems(mdp: MDP, state: Mapping[str, np.ndarray], pair: Mapping[str, np.ndarray]) -> list[str]:
    expected = [(n, c, (mdp.n_states,)) for n, c in state.items()]
    expected += [(n, c, (mdp.n_actions, mdp.n_states)) for n, c in pair.items()]
    problems = []
    for name, column, shape in expected:
        values = np.asarray(column, float)
        if values.shape != shape:
            problems.append(f"feature '{name}' has shape {values.shape}: expected {shape}")
        elif not np.isfinite(values).all():
            where = mdp.state_name(int(np.argwhere(~np.isfinite(values))[0][-1]))
            problems.append(f"feature '{name}' holds a value that is not finite at state {where}: fill it in")
    return problems
