"""Demonstrated choices gathered by situation: which moves were open, and how often each was made."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import Trajectories
from maxentrl.imitation.choice_features import ChoiceFeatures
from maxentrl.inverse.rows import DecisionRows, decision_rows
from maxentrl.mdp.mdp import MDP


@dataclasses.dataclass(frozen=True, eq=False)
class Choices:
    """N situations (a state, with the goal of the walk where features use it), and P options: moves open in them.

    Attributes:
        rows: the decisions, with one row for each action that explains a move whose action was not seen.
        weights: weight of each decision's walk, (D,).
        state: of each situation, (N,).
        goal: of each situation, (N,).
        features: φ of each option, (P, K), options sorted by situation.
        first: the first option of each situation, (N,).
        situation: of each option, (P,).
        option: of each row of ``rows``, (R,).
    """

    rows: DecisionRows
    weights: Float[np.ndarray, " D"]
    state: Int[np.ndarray, " N"]
    goal: Int[np.ndarray, " N"]
    features: Float[np.ndarray, "P K"]
    first: Int[np.ndarray, " N"]
    situation: Int[np.ndarray, " P"]
    option: Int[np.ndarray, " R"]

    @staticmethod
    def of(mdp: MDP, trajectories: Trajectories, features: ChoiceFeatures) -> Choices:
        """The choices of trajectories.

        Raises:
            InvalidInput: impossible moves, a walk without the goal that the features need, or features not finite.
        """
        rows = decision_rows(mdp, trajectories)
        goals = trajectories.goals if features.uses_goal else np.zeros_like(trajectories.goals)
        state, goal = rows.state[rows.first], goals[rows.trajectory]
        pairs, of_decision = np.unique(np.stack([state, goal]), axis=1, return_inverse=True)
        of_decision = of_decision.reshape(-1)
        open_moves = mdp.available[:, pairs[0]].T
        situation, action = np.nonzero(open_moves)
        table = features.at(pairs[0], pairs[1])
        number = np.full(open_moves.shape, -1)
        number[situation, action] = np.arange(len(situation))
        return Choices(
            rows=rows,
            weights=trajectories.weights[rows.trajectory],
            state=pairs[0],
            goal=pairs[1],
            features=np.ascontiguousarray(table[:, action, situation].T),
            first=np.searchsorted(situation, np.arange(len(pairs[0]))),
            situation=situation,
            option=number[of_decision[rows.decision], rows.action],
        )

    def relative(self) -> Choices:
        """The same with φ less that of the situation's first option: what changes no choice is exactly zero."""
        return dataclasses.replace(self, features=self.features - self.features[self.first][self.situation])

    @cached_property
    def decisions(self) -> Float[np.ndarray, " N"]:
        """Weighted decisions taken in each situation, (N,)."""
        return np.bincount(self.situation[self.option[self.rows.first]], self.weights, len(self.state))

    def log_probability(self, score: Float[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
        """log softmax of scores within each situation, (P,)."""
        top = np.maximum.reduceat(score, self.first)
        total = np.log(np.add.reduceat(np.exp(score - top[self.situation]), self.first))
        return score - (top + total)[self.situation]

    def mean(self, probability: Float[np.ndarray, " P"]) -> Float[np.ndarray, "N K"]:
        """Σ_a π(a) φ(a) of each situation, (N, K)."""
        return np.add.reduceat(probability[:, None] * self.features, self.first, axis=0)
