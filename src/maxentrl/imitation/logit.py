"""The conditional logit as a function to be maximised: Σ w log Σ_a π_θ(a|s) P(s'|s,a) with π_θ ∝ exp(θ·φ)."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.imitation.choices import Choices
from maxentrl.inverse.derivatives import Scores
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.target import AbstractTarget, Point


@dataclasses.dataclass(frozen=True, eq=False)
class ConditionalLogit(AbstractTarget):
    """ℓ(θ) + log prior; with every action seen

        ℓ = Σ_t w_t [θ·φ_t(a_t) − log Σ_b exp θ·φ_t(b)],  ∇ℓ = Σ w_t (φ_t(a_t) − E_π φ_t),  ∇²ℓ = −Σ w_t Cov_π(φ_t),

    which is concave; where an action was not seen it is summed out, and the covariance among the actions that explain
    the move is added to the Hessian. It is the choice likelihood of a planner that looks no step ahead (γ = 0).

    Source: McFadden (1974).
    """

    choices: Choices
    space: ParameterSpace
    walk_weights: Float[np.ndarray, " M"]
    prior: GaussianPrior | None = None

    @property
    def total_weight(self) -> float:
        return float(self.walk_weights.sum())

    def evaluate(self, free: Float[np.ndarray, " F"]) -> Point:
        choices, theta = self.choices, self.space.parameters(free)
        log_probability = choices.log_probability(choices.features @ theta)
        value, mass = self._data(log_probability)
        expected = choices.decisions[choices.situation] * np.exp(log_probability)
        seen = np.bincount(choices.option, mass, len(expected))
        gradient = (seen - expected) @ choices.features
        if self.prior is not None:
            value += self.prior.log_density(theta)
            gradient = gradient + self.prior.gradient(theta)
        return Point(np.array(free, float), value, self.space.pull_back(gradient))

    def hessian(self, free: Float[np.ndarray, " F"], which: Bool[np.ndarray, " F"]) -> Float[np.ndarray, "k k"]:
        choices, theta = self.choices, self.space.parameters(free)
        log_probability = choices.log_probability(choices.features @ theta)
        probability = np.exp(log_probability)
        mean = choices.mean(probability)
        centred = choices.features - mean[choices.situation]
        weight = choices.decisions[choices.situation] * probability
        total = -(centred * weight[:, None]).T @ centred
        if choices.rows.ambiguous:
            total = total + self._among_explanations(log_probability)
        if self.prior is not None:
            total = total - np.diag(self.prior.precision)
        directions = self.space.matrix[:, which]
        return directions.T @ total @ directions

    def scales(self, free: Float[np.ndarray, " F"]) -> Float[np.ndarray, " F"]:
        return self._scales

    @cached_property
    def _scales(self) -> Float[np.ndarray, " F"]:
        """1/√(spread of each feature among the options of a situation), as a logit's curvature at even odds; 1 if none."""
        choices = self.choices
        count = np.add.reduceat(np.ones(len(choices.features)), choices.first)
        even = 1.0 / count[choices.situation]
        centred = choices.features - choices.mean(even)[choices.situation]
        weight = choices.decisions[choices.situation] * even / max(choices.decisions.sum(), np.finfo(float).tiny)
        spread = self.space.matrix.T @ (weight @ centred**2)
        return 1.0 / np.sqrt(np.where(spread > 0, spread, 1.0))

    def scores(self, free: Float[np.ndarray, " F"]) -> Scores:
        """φ_t(a_t) − E_π φ_t of each decision, and their sums over each walk, without the prior."""
        choices = self.choices
        log_probability = choices.log_probability(choices.features @ self.space.parameters(free))
        mean = choices.mean(np.exp(log_probability))
        share = self._shares(log_probability)[0]
        centred = choices.features[choices.option] - mean[choices.situation[choices.option]]
        decision = np.add.reduceat(share[:, None] * centred, choices.rows.first, axis=0) @ self.space.matrix
        owner = choices.rows.trajectory
        episode = np.zeros((len(self.walk_weights), decision.shape[1]))
        np.add.at(episode, owner, decision)
        return Scores(decision, episode, owner, self.walk_weights)

    def _shares(self, log_probability: Float[np.ndarray, " P"]) -> tuple[np.ndarray, np.ndarray]:
        """Probability of each row given what was seen, (R,), and the log-likelihood of each decision, (D,)."""
        rows = self.choices.rows
        log_row = log_probability[self.choices.option] + rows.log_dynamics
        each = np.logaddexp.reduceat(log_row, rows.first)
        return np.exp(log_row - each[rows.decision]), each

    def _data(self, log_probability: Float[np.ndarray, " P"]) -> tuple[float, np.ndarray]:
        share, each = self._shares(log_probability)
        return float(self.choices.weights @ each), share * self.choices.weights[self.choices.rows.decision]

    def _among_explanations(self, log_probability: Float[np.ndarray, " P"]) -> Float[np.ndarray, "K K"]:
        choices, rows = self.choices, self.choices.rows
        share = self._shares(log_probability)[0]
        features = choices.features[choices.option]
        mean = np.add.reduceat(share[:, None] * features, rows.first, axis=0)
        centred = features - mean[rows.decision]
        return (centred * (share * choices.weights[rows.decision])[:, None]).T @ centred
