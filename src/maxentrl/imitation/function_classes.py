"""Classes of test functions: what an integral probability metric compares two occupancies by."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import InvalidInput


class AbstractShape(abc.ABC):
    """The set Θ of multipliers in F = {Σ θ_k φ_k : θ ∈ Θ}, compact and convex."""

    @abc.abstractmethod
    def distance(self, difference: Float[np.ndarray, " K"]) -> float:
        """max_{θ∈Θ} θ·u of a difference u of expected features."""

    @abc.abstractmethod
    def inside(self, multipliers: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """A point of Θ near the given one, exactly inside."""

    @abc.abstractmethod
    def gauge(self, multipliers: Float[np.ndarray, " K"]) -> float:
        """The smallest κ ≥ 0 with θ ∈ κ Θ; inf where there is none."""


@dataclasses.dataclass(frozen=True)
class Ball(AbstractShape):
    """‖θ‖₂ ≤ 1: the distance is ‖u‖₂."""

    def distance(self, difference: Float[np.ndarray, " K"]) -> float:
        return float(np.linalg.norm(difference))

    def inside(self, multipliers: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        return multipliers / max(1.0, float(np.linalg.norm(multipliers)))

    def gauge(self, multipliers: Float[np.ndarray, " K"]) -> float:
        return float(np.linalg.norm(multipliers))


@dataclasses.dataclass(frozen=True)
class Box(AbstractShape):
    """|θ_k| ≤ 1: the distance is Σ |u_k|."""

    def distance(self, difference: Float[np.ndarray, " K"]) -> float:
        return float(np.abs(difference).sum())

    def inside(self, multipliers: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        return np.clip(multipliers, -1.0, 1.0)

    def gauge(self, multipliers: Float[np.ndarray, " K"]) -> float:
        return float(np.abs(multipliers).max(initial=0.0))


@dataclasses.dataclass(frozen=True)
class Hull(AbstractShape):
    """θ ≥ 0, Σ θ_k = 1: finitely many test functions, the distance is max_k u_k (Syed & Schapire 2008)."""

    def distance(self, difference: Float[np.ndarray, " K"]) -> float:
        return float(difference.max())

    def inside(self, multipliers: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        positive = np.maximum(multipliers, 0.0)
        total = positive.sum()
        return positive / total if total > 0 else np.full(len(positive), 1.0 / len(positive))

    def gauge(self, multipliers: Float[np.ndarray, " K"]) -> float:
        return float(multipliers.sum()) if (multipliers >= 0).all() else np.inf


@dataclasses.dataclass(frozen=True, eq=False)
class FunctionClass:
    """F = {Σ θ_k φ_k : θ ∈ Θ} and its metric d(π, data) = max_{f∈F} E_π f − E_data f.

    E f is the expected sum of f along a walk: Σ_t γᵗ f(s_t, a_t) plus the value at the state where it ends.

    Attributes:
        names: the K features or test functions.
        pair: φ(s, a), (K, A, S).
        terminal: φ(s_T) where a walk ends, (K, S).
        shape: Θ.
    """

    names: tuple[str, ...]
    pair: Float[np.ndarray, "K A S"]
    terminal: Float[np.ndarray, "K S"]
    shape: AbstractShape

    def __post_init__(self) -> None:
        problems = [] if self.names else ["a class of functions needs at least one"]
        expected = (len(self.names), self.pair.shape[-1])
        if len(self.pair) != len(self.names) or self.terminal.shape != expected:
            problems.append(f"functions have shapes {self.pair.shape} and {self.terminal.shape}: expected one a name")
        for table in (self.pair, self.terminal):
            bad = np.argwhere(~np.isfinite(table))
            if len(bad) and not problems:
                problems.append(f"function '{self.names[bad[0][0]]}' is not finite at state {bad[0][-1]}")
        if problems:
            raise InvalidInput(problems)

    def scaled(self, scale: Float[np.ndarray, " K"]) -> FunctionClass:
        """The same with φ_k divided by scale_k > 0, so that features of different units weigh alike."""
        if not (np.isfinite(scale) & (scale > 0)).all():
            raise InvalidInput(f"scale = {scale}: expected numbers > 0, one for each of {len(self.names)} features")
        return dataclasses.replace(self, pair=self.pair / scale[:, None, None], terminal=self.terminal / scale[:, None])

    def with_negatives(self) -> FunctionClass:
        """The same functions and their negatives."""
        names = (*self.names, *(f"−{name}" for name in self.names))
        pair, terminal = (np.concatenate([table, -table]) for table in (self.pair, self.terminal))
        return FunctionClass(names, pair, terminal, self.shape)

    def function(self, multipliers: Float[np.ndarray, " K"]) -> RewardTable:
        """Σ θ_k φ_k."""
        return RewardTable(np.tensordot(multipliers, self.pair, 1), multipliers @ self.terminal)


def feature_ball(reward: LinearReward) -> FunctionClass:
    """Linear functions of a reward's features with ‖θ‖₂ ≤ 1: the distance is ‖φ_π − φ_data‖₂ (Abbeel & Ng 2004)."""
    return _of_reward(reward, Ball())


def feature_box(reward: LinearReward) -> FunctionClass:
    """Linear functions of a reward's features with |θ_k| ≤ 1: the distance is Σ |φ_π − φ_data|, a linear programme."""
    return _of_reward(reward, Box())


def _of_reward(reward: LinearReward, shape: AbstractShape) -> FunctionClass:
    features = reward.features()
    return FunctionClass(reward.names, np.array(features.pair, float), np.array(features.terminal, float), shape)


def finite_class(names: Sequence[str], tables: Sequence[RewardTable]) -> FunctionClass:
    """Finitely many test functions; take ``with_negatives`` for |E_π f − E_data f|.

    Args:
        names: one each.
        tables: f, with ``pair`` (A, S) and ``terminal`` (S,).
    """
    if not len(names) == len(tables) > 0:
        raise InvalidInput(f"{len(names)} names for {len(tables)} functions: expected at least one of each, as many")
    pair, terminal = (np.stack([np.asarray(getattr(t, part), float) for t in tables]) for part in ("pair", "terminal"))
    return FunctionClass(tuple(names), pair, terminal, Hull())


def kernel_ball(
    kernel: Float[np.ndarray, "n n"], n_actions: int, n_states: int, tolerance: float = 1e-10
) -> FunctionClass:
    """The unit ball of a kernel's Hilbert space: the distance is the maximum mean discrepancy of the visits.

        MMD² = (μ_π − μ_data)ᵀ K (μ_π − μ_data)

    A kernel over states counts every state of a walk, the last one too; one over pairs, numbered a·S + s, every decision.
    K = L Lᵀ by its eigenvectors, and the columns of L are the features of a ball.

    Args:
        kernel: K, positive semidefinite, (S, S) or (A·S, A·S).
        n_actions: A.
        n_states: S.
        tolerance: eigenvalues below this share of the largest are left out.

    Raises:
        InvalidInput: another shape, not symmetric, or not positive semidefinite.

    Source: Gretton et al. (2012).
    """
    sizes = {n_states: "states", n_actions * n_states: "pairs"}
    if kernel.shape not in [(n, n) for n in sizes] or not np.allclose(kernel, kernel.T):
        raise InvalidInput(
            f"the kernel has shape {kernel.shape}: expected a symmetric matrix over {n_states} states or "
            f"{n_actions * n_states} pairs"
        )
    factor = _factor(np.asarray(kernel, float), tolerance)
    names = tuple(f"kernel {k + 1}" for k in range(len(factor)))
    if len(kernel) == n_states:
        pair = np.repeat(factor[:, None], n_actions, axis=1)
        return FunctionClass(names, pair, factor, Ball())
    pair = factor.reshape(-1, n_actions, n_states)
    return FunctionClass(names, pair, np.zeros((len(factor), n_states)), Ball())


def gaussian_kernel(position: Float[np.ndarray, "n D"], bandwidth: float) -> Float[np.ndarray, "n n"]:
    """exp(−|x − y|²/(2 bandwidth²)) between all positions."""
    if not bandwidth > 0:
        raise InvalidInput(f"bandwidth = {bandwidth}: expected a length > 0")
    squared = np.sum((position[:, None] - position[None]) ** 2, axis=-1)
    return np.exp(-squared / (2.0 * bandwidth**2))


def _factor(kernel: Float[np.ndarray, "n n"], tolerance: float) -> Float[np.ndarray, "rank n"]:
    """Rows √λ_k v_k of the spectral decomposition, the largest first: Lᵀ with K ≈ L Lᵀ."""
    values, vectors = np.linalg.eigh(kernel)
    largest = float(values[-1])
    if not largest > 0 or values[0] < -1e-8 * largest:
        raise InvalidInput(
            f"the kernel is not positive semidefinite: its eigenvalues reach from {values[0]:g} to {largest:g}"
        )
    kept = np.flatnonzero(values > tolerance * largest)[::-1]
    return (vectors[:, kept] * np.sqrt(values[kept])).T
