"""Minus the Hessian of a drifting fit's log posterior: block-tridiagonal, or dense where the agent looks ahead."""

from __future__ import annotations

import abc
import dataclasses

import numpy as np
import scipy.linalg
from jaxtyping import Float

from maxentrl.inverse.drift_prior import RandomWalkPrior

GROWTH = 10.0
"""Factor by which the shift of an indefinite matrix grows until it is positive definite."""
LEAST = 1e-8
"""First shift, as a share of the greatest diagonal entry."""


class AbstractFactor(abc.ABC):
    """A positive definite matrix over J × K weights, factorised."""

    @abc.abstractmethod
    def solve(self, right: Float[np.ndarray, "J K"]) -> Float[np.ndarray, "J K"]:
        """Matrix⁻¹ right."""

    @abc.abstractmethod
    def covariance(self) -> Float[np.ndarray, "J K K"]:
        """Diagonal blocks of the inverse."""


class AbstractInformation(abc.ABC):
    """Information of the demonstrations about J × K weights: minus the Hessian of their log-likelihood."""

    @abc.abstractmethod
    def factor(self, prior: RandomWalkPrior, shift: float) -> AbstractFactor | None:
        """Information + prior precision + shift · identity, factorised; None where it is not positive definite."""

    @property
    @abc.abstractmethod
    def size(self) -> float:
        """Greatest diagonal entry, in absolute value."""

    @property
    @abc.abstractmethod
    def level(self) -> Float[np.ndarray, "K K"]:
        """Information about a shift that all steps share, (K, K): what the prior's links say nothing about."""

    def posterior(self, prior: RandomWalkPrior, shift: float = 0.0) -> tuple[AbstractFactor, float]:
        """The factorised posterior precision, shifted by as little from ``shift`` on as makes it positive definite."""
        while True:
            found = self.factor(prior, shift)
            if found is not None:
                return found, shift
            shift = max(GROWTH * shift, self.least_shift(prior))

    def least_shift(self, prior: RandomWalkPrior) -> float:
        """The first shift tried, enough for directions that neither data nor prior say anything about."""
        return LEAST * (self.size + float(prior.precision.max()))


@dataclasses.dataclass(frozen=True, eq=False)
class BlockInformation(AbstractInformation):
    """Each step's choices depend on its own weights alone, so only the prior links steps: block-tridiagonal.

    Attributes:
        blocks: (J, K, K).
    """

    blocks: Float[np.ndarray, "J K K"]

    @property
    def size(self) -> float:
        return float(np.abs(np.diagonal(self.blocks, axis1=1, axis2=2)).max(initial=0.0))

    @property
    def level(self) -> Float[np.ndarray, "K K"]:
        return self.blocks.sum(0)

    def factor(self, prior: RandomWalkPrior, shift: float) -> AbstractFactor | None:
        """Block elimination from the first step to the last: D_j' = D_j − P (D_{j−1}')⁻¹ P, O(J K³)."""
        count, size = len(self.blocks), len(prior.step_scale)
        diagonal = self.blocks + (prior.diagonal(count) + shift)[:, :, None] * np.eye(size)
        link = prior.precision
        inverses, below = np.zeros_like(diagonal), np.zeros((size, size))
        for j in range(count):
            inverse = _inverse(diagonal[j] - below)
            if inverse is None:
                return None
            inverses[j], below = inverse, link[:, None] * inverse * link
        return BlockFactor(inverses, link)


def _inverse(matrix: Float[np.ndarray, "K K"]) -> Float[np.ndarray, "K K"] | None:
    """The inverse of a positive definite matrix, None for any other."""
    try:
        root = np.linalg.inv(np.linalg.cholesky(0.5 * (matrix + matrix.T)))
    except np.linalg.LinAlgError:
        return None
    return root.T @ root


@dataclasses.dataclass(frozen=True, eq=False)
class BlockFactor(AbstractFactor):
    """Inverses of the eliminated diagonal blocks, and the links −P between neighbours.

    Attributes:
        inverses: (J, K, K).
        link: P, the precision of a step, (K,).
    """

    inverses: Float[np.ndarray, "J K K"]
    link: Float[np.ndarray, " K"]

    def solve(self, right: Float[np.ndarray, "J K"]) -> Float[np.ndarray, "J K"]:
        forward, found = np.array(right, float), np.zeros_like(right)
        for j in range(1, len(right)):
            forward[j] += self.link * (self.inverses[j - 1] @ forward[j - 1])
        ahead = np.zeros(len(self.link))
        for j in reversed(range(len(right))):
            found[j] = self.inverses[j] @ (forward[j] + ahead)
            ahead = self.link * found[j]
        return found

    def covariance(self) -> Float[np.ndarray, "J K K"]:
        found = self.inverses.copy()
        for j in reversed(range(len(found) - 1)):
            across = self.inverses[j] * self.link
            found[j] += across @ found[j + 1] @ across.T
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class DenseInformation(AbstractInformation):
    """Choices depend on the weights of all later steps too.

    Attributes:
        matrix: (J·K, J·K), steps in the outer order.
        maps: K.
    """

    matrix: Float[np.ndarray, "N N"]
    maps: int

    @property
    def size(self) -> float:
        return float(np.abs(np.diag(self.matrix)).max(initial=0.0))

    @property
    def level(self) -> Float[np.ndarray, "K K"]:
        count = len(self.matrix) // self.maps
        return self.matrix.reshape(count, self.maps, count, self.maps).sum((0, 2))

    def factor(self, prior: RandomWalkPrior, shift: float) -> AbstractFactor | None:
        size = len(prior.step_scale)
        count = len(self.matrix) // size
        matrix = 0.5 * (self.matrix + self.matrix.T)
        index = np.arange(len(matrix))
        matrix[index, index] += prior.diagonal(count).ravel() + shift
        link = np.tile(prior.precision, count - 1)
        matrix[index[size:], index[:-size]] -= link
        matrix[index[:-size], index[size:]] -= link
        try:
            lower = np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            return None
        return DenseFactor(lower, count)


@dataclasses.dataclass(frozen=True, eq=False)
class DenseFactor(AbstractFactor):
    """A Cholesky factor.

    Attributes:
        lower: (J·K, J·K).
        count: J.
    """

    lower: Float[np.ndarray, "N N"]
    count: int

    def solve(self, right: Float[np.ndarray, "J K"]) -> Float[np.ndarray, "J K"]:
        return scipy.linalg.cho_solve((self.lower, True), right.ravel()).reshape(right.shape)

    def covariance(self) -> Float[np.ndarray, "J K K"]:
        inverse = scipy.linalg.cho_solve((self.lower, True), np.eye(len(self.lower)))
        size = len(inverse) // self.count
        blocks = inverse.reshape(self.count, size, self.count, size)
        return np.stack([blocks[j, :, j] for j in range(self.count)])
