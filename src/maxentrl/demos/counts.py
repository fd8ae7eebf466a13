"""Feature counts: all that feature matching needs of a demonstration."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureCounts:
    """Total features of M demonstrations, with what the model needs to predict them.

    Attributes:
        names: the K features.
        counts: Σ_t φ(s_t, a_t) + φ(s_T) of each, (M, K).
        starts: first state of each, (M,).
        goals: goal of each, (M,), ``UNKNOWN`` where it has none.
        horizons: decisions of each, (M,), ``UNKNOWN`` where not recorded.
        weights: how often each counts, (M,).
    """

    names: tuple[str, ...]
    counts: Float[np.ndarray, "M K"]
    starts: Int[np.ndarray, " M"]
    goals: Int[np.ndarray, " M"]
    horizons: Int[np.ndarray, " M"]
    weights: Float[np.ndarray, " M"]

    def __post_init__(self) -> None:
        problems = []
        rows = len(self.counts)
        if self.counts.ndim != 2 or self.counts.shape[1] != len(self.names):
            problems.append(f"counts have shape {self.counts.shape}: expected (M, {len(self.names)})")
        for name in ("starts", "goals", "horizons", "weights"):
            shape = getattr(self, name).shape
            if shape != (rows,):
                problems.append(f"{name} has shape {shape}: expected ({rows},)")
        if not np.isfinite(self.counts).all():
            problems.append(f"the counts of row {np.argwhere(~np.isfinite(self.counts))[0][0]} are not finite")
        if not (np.isfinite(self.weights) & (self.weights >= 0)).all():
            problems.append("weights must be finite numbers ≥ 0")
        if problems:
            raise InvalidInput(problems)

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def total(self) -> Float[np.ndarray, " K"]:
        """Weighted sum over demonstrations."""
        return self.weights @ self.counts


def feature_counts(trajectories: Trajectories, names: Sequence[str], features: RewardTable) -> FeatureCounts:
    """φ summed along each trajectory: Σ_{t<T} φ(s_t, a_t) + φ_terminal(s_T).

    Args:
        trajectories: M trajectories.
        names: one name a feature.
        features: ``pair`` (K, A, S) and ``terminal`` (K, S), as ``LinearReward.features()`` gives them.

    Raises:
        InvalidInput: shapes that disagree, or a trajectory with an action that was not observed where a feature
            depends on it.
    """
    pair, terminal = np.asarray(features.pair), np.asarray(features.terminal)
    if pair.ndim != 3 or len(pair) != len(names) or terminal.shape != (len(names), pair.shape[2]):
        raise InvalidInput(
            f"features have shapes {pair.shape} and {terminal.shape}: expected ({len(names)}, A, S) and "
            f"({len(names)}, S), one row for each name"
        )
    rows = trajectories.decisions
    hidden = np.flatnonzero(rows.action == UNKNOWN)
    for k, name in enumerate(names):
        differs = np.ptp(pair[k][:, rows.state[hidden]], axis=0) > 0
        if differs.any():
            row = hidden[np.argmax(differs)]
            raise InvalidInput(
                f"trajectory {trajectories.names[rows.trajectory[row]]}, step {rows.step[row]}: feature '{name}' "
                "depends on the action, which was not observed; record actions, or use the likelihood of states"
            )
    action = np.maximum(rows.action, 0)
    size = len(trajectories)
    along = [np.bincount(rows.trajectory, weights=table[action, rows.state], minlength=size) for table in pair]
    counts = np.stack(along, axis=1) if along else np.zeros((size, 0))
    return FeatureCounts(
        names=tuple(names),
        counts=counts + terminal[:, trajectories.ends].T,
        starts=trajectories.starts,
        goals=trajectories.goals,
        horizons=trajectories.lengths,
        weights=trajectories.weights,
    )
