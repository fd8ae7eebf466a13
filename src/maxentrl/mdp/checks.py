"""What is wrong with a decision process or its features, named; and which states can reach which."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int
from scipy.sparse.csgraph import breadth_first_order, connected_components

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.transitions import DeterministicTransitions, SparseTransitions
from maxentrl.mdp.world import World
from maxentrl.status import InvalidInput

SUM_TOLERANCE = 1e-6
NULL_TOLERANCE = 1e-12
"""Eigenvalues of the Gram matrix of unit columns below this are null: features that differ by less than about 1e-6 of
their length, which is what single precision leaves of an exact relation."""
LISTED = 20
"""Problems of one kind that are listed before the rest are only counted."""


def check_mdp(mdp: MDP) -> list[str]:
    """Every problem of an MDP, each a sentence; empty where there is none.

    Named are probabilities that are negative, not finite or do not sum to one within 1e-6 (state, action, sum),
    successors that are not states, and states that offer no move although they are not terminal.
    """
    if mdp.terminal.shape != (mdp.n_states,):
        return [f"terminal has shape {mdp.terminal.shape}: expected one entry for each of {mdp.n_states} states"]
    problems = [
        f"{len(names)} {kind}_names were given for {count} {kind}s"
        for kind, names, count in (
            ("state", mdp.state_names, mdp.n_states),
            ("action", mdp.action_names, mdp.n_actions),
        )
        if names is not None and len(names) != count
    ]
    if problems:
        return problems
    transitions = mdp.transitions
    if isinstance(transitions, DeterministicTransitions):
        problems += _successor_problems(mdp, np.asarray(transitions.successor))
    elif isinstance(transitions, SparseTransitions):
        problems += _successor_problems(mdp, np.asarray(transitions.successors))
        problems += _probability_problems(mdp, transitions)
    stuck = np.flatnonzero(~np.asarray(transitions.available).any(axis=0) & ~mdp.terminal)
    problems += _first(
        [f"state {mdp.state_name(s)} offers no move and is not terminal" for s in stuck[:LISTED].tolist()],
        len(stuck),
        "give each a move, or list it as terminal",
    )
    return problems


def _first(problems: list[str], count: int, cure: str) -> list[str]:
    listed = [f"{problem}: {cure}" for problem in problems]
    return listed + ([f"… and {count - len(problems)} more of this kind"] if count > len(problems) else [])


def _successor_problems(mdp: MDP, successor: Int[np.ndarray, "B S"]) -> list[str]:
    rows, states = np.nonzero((successor < 0) | (successor >= mdp.n_states))
    problems = [
        f"state {mdp.state_name(s)} leads to state {successor[row, s]}, which does not exist"
        for row, s in zip(rows[:LISTED].tolist(), states[:LISTED].tolist(), strict=True)
    ]
    return _first(problems, len(rows), f"states are 0 to {mdp.n_states - 1}")


def _probability_problems(mdp: MDP, transitions: SparseTransitions) -> list[str]:
    problems = []
    for a in range(mdp.n_actions):
        table = np.asarray(transitions.probability)[a]
        wrong = np.flatnonzero(~(np.isfinite(table) & (table >= 0)).all(axis=0))
        problems += _first(
            [
                f"state {mdp.state_name(s)}, action {mdp.action_name(a)} has probability {np.min(table[:, s]):.9g}"
                for s in wrong[:LISTED].tolist()
            ],
            len(wrong),
            "probabilities are finite numbers ≥ 0",
        )
        total = table.sum(axis=0)
        expected = np.asarray(transitions.available)[a].astype(float)
        wrong = np.flatnonzero(np.abs(total - expected) > SUM_TOLERANCE)
        problems += _first(
            [
                f"state {mdp.state_name(s)}, action {mdp.action_name(a)}: probabilities sum to {total[s]:.9g}"
                for s in wrong[:LISTED].tolist()
            ],
            len(wrong),
            "expected 1, or 0 for an action that is not available",
        )
    return problems


def state_graph(mdp: MDP) -> sp.csr_array:
    """Which state can follow which by one available move, (S, S), entries 1; nothing leaves a terminal state."""
    transitions, available = mdp.transitions, mdp.available
    if isinstance(transitions, DeterministicTransitions):
        action, origin = np.nonzero(available)
        target = np.asarray(transitions.successor)[action, origin]
    elif isinstance(transitions, SparseTransitions):
        possible = np.zeros(np.shape(transitions.successors), bool)
        for a in range(mdp.n_actions):
            possible |= (np.asarray(transitions.probability)[a] > 0) & available[a]
        slot, origin = np.nonzero(possible)
        target = np.asarray(transitions.successors)[slot, origin]
    else:
        return sp.csr_array(transitions.chain(available.astype(float)))
    graph = sp.csr_array((np.ones(len(origin), np.int8), (origin, target)), shape=(mdp.n_states, mdp.n_states))
    graph.data[:] = 1
    return graph


def reachable_from(mdp: MDP, starts: Sequence[int] | Int[np.ndarray, " N"]) -> Bool[np.ndarray, " S"]:
    """States that some sequence of available moves leads to from any of the starts, the starts included.

    Raises:
        InvalidInput: a start that is not a state.
    """
    return _spread(state_graph(mdp), _states(mdp, starts, "start"))


def can_reach(mdp: MDP, goals: Sequence[int] | Int[np.ndarray, " N"]) -> Bool[np.ndarray, " S"]:
    """States from which some sequence of available moves leads to any of the goals, the goals included.

    A terminal state that is not a goal is a dead end: no path leads through it.

    Raises:
        InvalidInput: a goal that is not a state.
    """
    return _spread(sp.csr_array(state_graph(mdp).T), _states(mdp, goals, "goal"))


def _states(mdp: MDP, states: Sequence[int] | np.ndarray, kind: str) -> np.ndarray:
    listed = np.unique(np.asarray(states, np.int64).reshape(-1))
    problems = [
        f"{kind} {state} is not a state: states are 0 to {mdp.n_states - 1}"
        for state in listed
        if not 0 <= state < mdp.n_states
    ]
    if problems:
        raise InvalidInput(problems[:LISTED])
    return listed


def _spread(graph: sp.csr_array, sources: np.ndarray) -> Bool[np.ndarray, " S"]:
    """Nodes that a search from all sources meets; one node that leads to all of them is added as its root."""
    size = len(graph.indptr) - 1
    found = np.zeros(size, bool)
    if not len(sources):
        return found
    pointers = np.concatenate([graph.indptr, [graph.indptr[-1] + len(sources)]])
    links = np.concatenate([graph.indices, sources])
    rooted = sp.csr_array((np.ones(len(links), np.int8), links, pointers), shape=(size + 1, size + 1))
    met = breadth_first_order(rooted, size, directed=True, return_predecessors=False)
    found[met[met < size]] = True
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureReport:
    """What features look like over the pairs that can be chosen.

    Attributes:
        names: the features.
        minimum: smallest value of each, (K,).
        maximum: greatest value of each, (K,).
        mean: mean over available pairs, (K,).
        correlation: between features over available pairs, (K, K); 0 with a constant.
        constant: names of features that have one value.
        collinear: groups of features with an exact linear relation: no demonstration can tell their parameters apart.
        problems: NaN, infinite and all-zero features.
        warnings: constants and collinear groups in words.
    """

    names: tuple[str, ...]
    minimum: Float[np.ndarray, " K"]
    maximum: Float[np.ndarray, " K"]
    mean: Float[np.ndarray, " K"]
    correlation: Float[np.ndarray, "K K"]
    constant: tuple[str, ...]
    collinear: tuple[tuple[str, ...], ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def feature_report(world: World, names: Sequence[str] | None = None) -> FeatureReport:
    """Ranges, constants, correlations and exact linear relations of a world's features.

    Each state feature is taken as φ(s) for every action. Statistics run over the pairs (s, a) that can be chosen.

    Args:
        world: states and features.
        names: which features; all where not given.

    Raises:
        InvalidInput: a name that the world does not have.
    """
    known = (*world.state_features, *(n for n in world.pair_features if n not in world.state_features))
    chosen = tuple(known if names is None else dict.fromkeys(names))
    missing = [
        f"there is no feature '{name}': the world has {', '.join(known)}" for name in chosen if name not in known
    ]
    if missing:
        raise InvalidInput(missing)
    problems = _not_finite(world, chosen)
    if problems or not chosen:
        empty = np.zeros(len(chosen))
        return FeatureReport(chosen, empty, empty, empty, np.eye(len(chosen)), (), (), tuple(problems), ())
    minimum, maximum, count, total, gram = _moments(world, chosen)
    constant = tuple(n for n, low, high in zip(chosen, minimum, maximum, strict=True) if low == high)
    zero = [f"feature '{n}' is 0 everywhere: drop it" for n, g in zip(chosen, np.diag(gram), strict=True) if g == 0]
    groups = tuple(tuple(chosen[k] for k in group) for group in _collinear_groups(gram))
    warnings = [f"feature '{n}' is constant ({minimum[chosen.index(n)]:.6g})" for n in constant]
    warnings += [_relation(group) for group in groups]
    mean = total / max(count, 1)
    correlation = _correlation(gram / max(count, 1) - np.outer(mean, mean), minimum == maximum)
    return FeatureReport(chosen, minimum, maximum, mean, correlation, constant, groups, tuple(zero), tuple(warnings))


def _not_finite(world: World, names: Sequence[str]) -> list[str]:
    problems = []
    for name in names:
        for columns in (world.state_features, world.pair_features):
            bad = np.argwhere(~np.isfinite(columns.get(name, np.zeros(0))))
            if len(bad):
                where = world.mdp.state_name(int(bad[0][-1]))
                value = columns[name][tuple(bad[0])]
                problems.append(f"feature '{name}' is {value} at state {where} and {len(bad) - 1} more entries")
    return problems


def _moments(world: World, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray, int, np.ndarray, np.ndarray]:
    """Minimum, maximum, number of pairs, sum and second moment over available pairs.

    State features enter once, weighted by the number of actions of each state; only features of pairs are visited
    action by action.
    """
    available = world.mdp.available
    choices = available.sum(axis=0)
    by_pair = [k for k, name in enumerate(names) if name in world.pair_features]
    by_state = [k for k in range(len(names)) if k not in by_pair]
    size, states = len(names), np.flatnonzero(choices)
    minimum, maximum, total, gram = np.zeros(size), np.zeros(size), np.zeros(size), np.zeros((size, size))
    if not len(states):
        return minimum, maximum, 0, total, gram
    rows = np.array([world.state_features[names[k]][states] for k in by_state]).reshape(len(by_state), len(states))
    weighted = rows * choices[states]
    gram[np.ix_(by_state, by_state)] = weighted @ rows.T
    total[by_state] = weighted.sum(axis=1)
    minimum[by_state], maximum[by_state] = rows.min(axis=1), rows.max(axis=1)
    minimum[by_pair], maximum[by_pair] = np.inf, -np.inf
    for a, row in enumerate(available if by_pair else ()):
        chosen = row[states]
        if not chosen.any():
            continue
        columns = np.array([_pair_column(world, names[k], a)[states][chosen] for k in by_pair])
        cross = columns @ rows[:, chosen].T
        gram[np.ix_(by_pair, by_state)] += cross
        gram[np.ix_(by_state, by_pair)] += cross.T
        gram[np.ix_(by_pair, by_pair)] += columns @ columns.T
        total[by_pair] += columns.sum(axis=1)
        minimum[by_pair] = np.minimum(minimum[by_pair], columns.min(axis=1))
        maximum[by_pair] = np.maximum(maximum[by_pair], columns.max(axis=1))
    return minimum, maximum, int(choices.sum()), total, gram


def _pair_column(world: World, name: str, action: int) -> Float[np.ndarray, " S"]:
    """φ(s) + φ(s, a) of one name, as a linear reward takes it."""
    column = np.asarray(world.pair_features[name][action])
    return column + world.state_features[name] if name in world.state_features else column


def _collinear_groups(gram: Float[np.ndarray, "K K"]) -> list[list[int]]:
    """Features joined by the projection onto the null space of the Gram matrix of unit columns."""
    length = np.sqrt(np.diag(gram))
    used = np.flatnonzero(length > 0)
    if not len(used):
        return []
    unit = gram[np.ix_(used, used)] / np.outer(length[used], length[used])
    value, vector = np.linalg.eigh(unit)
    null = vector[:, value < NULL_TOLERANCE * len(used)]
    joined = np.abs(null @ null.T) > 1e-6
    _, label = connected_components(sp.csr_array(joined), directed=False)
    groups = [[int(used[k]) for k in np.flatnonzero(label == group)] for group in np.unique(label)]
    return [group for group in groups if len(group) > 1]


def _relation(group: Sequence[str]) -> str:
    listed = f"{', '.join(group[:-1])} and {group[-1]}"
    if len(group) == 2:
        return f"{listed} cannot be told apart: one is a multiple of the other; drop one, or set a prior"
    return f"{listed} cannot be told apart: each is a combination of the others; drop one, or set a prior"


def _correlation(covariance: Float[np.ndarray, "K K"], constant: Bool[np.ndarray, " K"]) -> Float[np.ndarray, "K K"]:
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.where(constant | (scale == 0), np.inf, scale)
    correlation = np.clip(covariance / np.outer(scale, scale), -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    return correlation
