"""What a cloned choice may depend on: features of moves, of states, and of the goal of a walk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse.csgraph import dijkstra

from maxentrl.mdp.checks import state_graph
from maxentrl.mdp.mdp import MDP
from maxentrl.status import InvalidInput

Columns = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""States (N,) and goals (N,) → φ(s, a, g), (K, A, N)."""


@dataclasses.dataclass(frozen=True, eq=False)
class ChoiceFeatures:
    """Named features φ_k(s, a, g) of a move in a state on a walk to a goal.

    Attributes:
        names: the K features.
        columns: states (N,) and goals (N,) → φ, (K, A, N).
        uses_goal: whether φ depends on the goal, so that walks need one.
    """

    names: tuple[str, ...]
    columns: Columns
    uses_goal: bool = False

    def __add__(self, other: ChoiceFeatures) -> ChoiceFeatures:
        """All features of both.

        Raises:
            InvalidInput: a name that both have.
        """
        shared = [name for name in self.names if name in other.names]
        if shared:
            raise InvalidInput(f"feature '{shared[0]}' is given twice: rename or drop one")

        def both(states: np.ndarray, goals: np.ndarray) -> np.ndarray:
            return np.concatenate([self.columns(states, goals), other.columns(states, goals)])

        return ChoiceFeatures((*self.names, *other.names), both, self.uses_goal or other.uses_goal)

    def at(self, states: Int[np.ndarray, " N"], goals: Int[np.ndarray, " N"]) -> Float[np.ndarray, "K A N"]:
        """φ at N states of walks to N goals.

        Raises:
            InvalidInput: a walk without a goal where one is needed, or a feature that is not finite (named).
        """
        if self.uses_goal and (goals < 0).any():
            raise InvalidInput("these features depend on the goal, and a walk has none: give each walk its goal")
        values = np.asarray(self.columns(states, goals), float)
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            k, action, n = map(int, bad[0])
            raise InvalidInput(
                f"feature '{self.names[k]}' is {values[k, action, n]} for action {action} in state {states[n]}: expected "
                "finite numbers"
            )
        return values


def _from_table(names: tuple[str, ...], table: Float[np.ndarray, "K A S"]) -> ChoiceFeatures:
    return ChoiceFeatures(names, lambda states, goals: table[:, :, states])


def pair_features(columns: Mapping[str, Float[np.ndarray, "A S"]]) -> ChoiceFeatures:
    """Features of moves as they are, φ_k(s, a) from (A, S)."""
    return _from_table(tuple(columns), np.stack([np.asarray(c, float) for c in columns.values()]))


def action_constants(mdp: MDP, reference: int = 0) -> ChoiceFeatures:
    """A constant for each action but the reference: how often it is taken, all else equal."""
    actions = [a for a in range(mdp.n_actions) if a != reference]
    table = np.zeros((len(actions), mdp.n_actions, mdp.n_states))
    table[np.arange(len(actions)), actions] = 1.0
    return _from_table(tuple(mdp.action_name(a) for a in actions), table)


def interacted_features(mdp: MDP, columns: Mapping[str, Float[np.ndarray, " S"]], reference: int = 0) -> ChoiceFeatures:
    """Features of states times each action but the reference: θ_{k,a} φ_k(s), the multinomial logit of a state.

    A state feature alone changes no choice, and a constant added to the scores of all actions neither; so one action is
    the reference with score 0 (McFadden 1974).
    """
    actions = [a for a in range(mdp.n_actions) if a != reference]
    table = np.zeros((len(columns), len(actions), mdp.n_actions, mdp.n_states))
    for k, column in enumerate(columns.values()):
        table[k, np.arange(len(actions)), actions] = np.asarray(column, float)
    names = tuple(f"{name}: {mdp.action_name(a)}" for name in columns for a in actions)
    return _from_table(names, table.reshape(-1, mdp.n_actions, mdp.n_states))


def features_ahead(mdp: MDP, columns: Mapping[str, Float[np.ndarray, " S"]]) -> ChoiceFeatures:
    """E[φ_k(s') | s, a]: what lies where a move leads. It reads the transitions for one step, not for more."""
    table = np.stack([expected_next(mdp, np.asarray(column, float)) for column in columns.values()])
    return _from_table(tuple(f"{name} ahead" for name in columns), table)


def goal_features(mdp: MDP, position: Float[np.ndarray, "S D"] | None = None) -> ChoiceFeatures:
    """Direction and distance of the goal, as one clone for all goals needs them.

    - ``goal: walk``: moves saved on the shortest walk to the goal, d_g(s) − E[d_g(s') | s, a], counted on the map of
      possible moves (d_g at most one more than the longest shortest walk, where the goal cannot be reached);
    - ``goal: arrive``: P(g | s, a);
    - with positions also ``goal: straight``, how much nearer the move leads as the crow flies, |x_s − x_g| −
      E[|x_s' − x_g|], and ``goal: straight, near``, the same over 1 + |x_s − x_g|, in the unit of the positions.

    Args:
        mdp: the map of moves; its probabilities are read for one step.
        position: coordinates of each state, for instance ``world.geometry.position``; None where there are none.
    """
    known: dict[int, np.ndarray] = {}
    backwards = state_graph(mdp).T.tocsr().astype(float)
    names = ("goal: walk", "goal: arrive") + (() if position is None else ("goal: straight", "goal: straight, near"))

    def of_goal(goal: int) -> np.ndarray:
        if goal not in known:
            known[goal] = _goal_table(mdp, backwards, position, goal)
        return known[goal]

    def columns(states: np.ndarray, goals: np.ndarray) -> np.ndarray:
        found = np.zeros((len(names), mdp.n_actions, len(states)))
        for goal in np.unique(goals):
            mine = goals == goal
            found[:, :, mine] = of_goal(int(goal))[:, :, states[mine]]
        return found

    return ChoiceFeatures(names, columns, uses_goal=True)


def _goal_table(mdp: MDP, backwards: object, position: np.ndarray | None, goal: int) -> Float[np.ndarray, "K A S"]:
    steps = np.asarray(dijkstra(backwards, indices=goal, unweighted=True))
    steps = np.where(np.isfinite(steps), steps, steps[np.isfinite(steps)].max() + 1.0)
    arrive = (np.arange(mdp.n_states) == goal).astype(float)
    rows = [steps - expected_next(mdp, steps), expected_next(mdp, arrive)]
    if position is not None:
        distance = np.linalg.norm(position - position[goal], axis=1)
        nearer = distance - expected_next(mdp, distance)
        rows += [nearer, nearer / (1.0 + distance)]
    return np.where(mdp.available, np.stack(rows), 0.0)


def expected_next(mdp: MDP, values: Float[np.ndarray, " S"]) -> Float[np.ndarray, "A S"]:
    """E[values(s') | s, a], zero where a move cannot be made."""
    table = np.zeros((mdp.n_actions, mdp.n_states))
    for a in range(mdp.n_actions):
        state = np.flatnonzero(mdp.available[a])
        successors, probability = mdp.transitions.successors_of(np.full(len(state), a), state)
        table[a, state] = (values[successors] * probability).sum(0)
    return table
