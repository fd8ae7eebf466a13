"""Replacing impossible moves of trajectories by the nearest that are offered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.checks import state_graph
from maxentrl.mdp.mdp import MDP


def mend(
    mdp: MDP, trajectories: Trajectories, broken: Sequence[int], longest: int
) -> tuple[Trajectories, dict[int, str], tuple[str, ...]]:
    """Trajectories with the broken ones mended where at most ``longest`` moves replace each impossible one.

    Returns:
        All trajectories (those beyond repair unchanged), why some could not be mended, and what was changed.
    """
    graph = state_graph(mdp)
    states = [trajectories.states_of(i) for i in range(len(trajectories))]
    actions = [trajectories.actions_of(i) for i in range(len(trajectories))]
    reasons: dict[int, str] = {}
    changes: list[str] = []
    for i in broken:
        walk = _mended(mdp, graph, states[i], actions[i], longest)
        name = trajectories.names[i]
        if isinstance(walk, str):
            reasons[i] = walk
            continue
        states[i], actions[i], replaced, steps = walk
        changes.append(f"trajectory {name}: {replaced} impossible moves were replaced, the first at step {steps}")
    mended = Trajectories.of(
        states,
        actions,
        weights=trajectories.weights,
        goals=trajectories.goals,
        censored=trajectories.censored,
        names=trajectories.names,
        split=trajectories.split,
    )
    return mended, reasons, tuple(changes)


def _mended(
    mdp: MDP, graph: sp.csr_array, states: np.ndarray, actions: np.ndarray, longest: int
) -> tuple[np.ndarray, np.ndarray, int, int] | str:
    walked, moved = [int(states[0])], []
    replaced, first = 0, -1
    for step, (state, action, following) in enumerate(
        zip(states[:-1].tolist(), actions.tolist(), states[1:].tolist(), strict=True)
    ):
        leading = actions_between(mdp, state, following)
        if action in leading or (action == UNKNOWN and leading):
            walked.append(following)
            moved.append(action)
            continue
        route = shortest_walk(graph, state, following, longest)
        if route is None:
            return (
                f"step {step}: no {longest} available moves lead from state {mdp.state_name(state)} to state "
                f"{mdp.state_name(following)}"
            )
        replaced, first = replaced + 1, step if first < 0 else first
        moved += [actions_between(mdp, s, n)[0] for s, n in zip([state, *route], route, strict=False)]
        walked += route
    return np.array(walked), np.array(moved, np.int64), replaced, first


def actions_between(mdp: MDP, state: int, following: int) -> list[int]:
    """Available actions that can lead from one state to another, the likeliest first."""
    available = np.flatnonzero(mdp.available[:, state])
    successor, probability = mdp.transitions.successors_of(available, np.full(len(available), state))
    chance = np.where(successor == following, probability, 0.0).sum(axis=0)
    order = np.argsort(-chance, kind="stable")
    return [int(available[k]) for k in order if chance[k] > 0]


def shortest_walk(graph: sp.csr_array, state: int, following: int, longest: int) -> list[int] | None:
    """States after ``state`` on a shortest walk of at least one move to ``following``; None beyond ``longest`` moves.

    No moves at all are given as an empty walk where the two are one state and it has no move to itself.
    """
    came_from: dict[int, int] = {}
    frontier = [state]
    for _ in range(longest):
        grown: list[int] = []
        for node in frontier:
            for target in graph.indices[graph.indptr[node] : graph.indptr[node + 1]].tolist():
                if target not in came_from:
                    came_from[target] = node
                    grown.append(target)
        if following in came_from:
            break
        if state == following:
            return []
        frontier = grown
    if following not in came_from:
        return None
    route = [following]
    while came_from[route[-1]] != state:
        route.append(came_from[route[-1]])
    return route[::-1]
