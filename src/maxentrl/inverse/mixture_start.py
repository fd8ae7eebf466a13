"""Where EM starts: trajectories grouped by the direction in which each would pull the parameters of a common fit."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from maxentrl.inverse.mixture_likelihood import ComponentPlan
from maxentrl.inverse.mixture_target import MixturePoint, MixtureTarget

ROUNDS = 20
"""Rounds of k-means."""
SURE = 0.9
"""Responsibility of a trajectory's own group at the start; the rest is shared evenly."""


def directions(target: MixtureTarget, parameters: Float[np.ndarray, " K"]) -> Float[np.ndarray, "M D"]:
    """Scores of the trajectories at a common fit, whitened by their own covariance; (M, 0) for weights of a network."""
    count = len(target.objective.trajectories)
    if not target.has_hessian:
        return np.zeros((count, 0))
    plan = ComponentPlan.of(target.objective, parameters)
    scores = target.component_scores(MixturePoint.of((plan,), np.zeros(1)))[0]
    values, vectors = np.linalg.eigh(scores.T @ scores / count)
    kept = values > 1e-12 * max(values.max(initial=0.0), np.finfo(float).tiny)
    return scores @ vectors[:, kept] / np.sqrt(values[kept])


def starting_responsibilities(
    points: Float[np.ndarray, "M D"], count: int, generator: np.random.Generator
) -> Float[np.ndarray, "M C"]:
    """Soft groups of the points: k-means++ seeds, Lloyd's rounds; evenly at random where the points have no dimension.

    Source: Arthur & Vassilvitskii (2007) for the seeds.
    """
    if points.shape[1] == 0:
        return generator.dirichlet(np.ones(count), len(points))
    group = _k_means(points, count, generator)
    shares = np.full((len(points), count), (1 - SURE) / max(count - 1, 1))
    shares[np.arange(len(points)), group] = SURE
    return shares / shares.sum(1, keepdims=True)


def _k_means(points: Float[np.ndarray, "M D"], count: int, generator: np.random.Generator) -> Int[np.ndarray, " M"]:
    centres = points[[generator.integers(len(points))]]
    while len(centres) < count:
        away = _squared(points, centres).min(1)
        chance = away / away.sum() if away.sum() > 0 else np.full(len(points), 1 / len(points))
        centres = np.vstack([centres, points[generator.choice(len(points), p=chance)]])
    group = np.zeros(len(points), int)
    for _ in range(ROUNDS):
        group = _squared(points, centres).argmin(1)
        centres = np.stack([points[group == c].mean(0) if (group == c).any() else centres[c] for c in range(count)])
    return group


def _squared(points: Float[np.ndarray, "M D"], centres: Float[np.ndarray, "C D"]) -> Float[np.ndarray, "M C"]:
    return np.square(points[:, None] - centres).sum(2)
