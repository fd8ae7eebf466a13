"""Which parameters, and which combinations, the demonstrations can tell apart."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

ABSENT = 1e-12
"""Information of a parameter, per decision and in units of its scale, below which there is none."""
NULL = 1e-10
"""Eigenvalue of the correlation-like information below which a combination is not identified."""


@dataclasses.dataclass(frozen=True, eq=False)
class Identification:
    """Null directions of an information matrix.

    Attributes:
        names: the free parameters, (F,).
        null: directions along which the objective does not change, in echelon form, (N, F).
        identified: parameters that no null direction touches, (F,).
        information: the information, (F, F).
        concave: whether no combination has negative information, i.e. the point is a maximum and not a saddle.
    """

    names: tuple[str, ...]
    null: Float[np.ndarray, "N F"]
    identified: Bool[np.ndarray, " F"]
    information: Float[np.ndarray, "F F"]
    concave: bool

    @property
    def messages(self) -> tuple[str, ...]:
        """One sentence a null direction."""
        return tuple(self._message(direction) for direction in self.null)

    def _message(self, direction: Float[np.ndarray, " F"]) -> str:
        part = np.flatnonzero(np.abs(direction) > 0)
        named = [self.names[k] for k in part]
        if len(part) == 1:
            return f"{named[0]} changes no choice that was seen or could have been: the data say nothing about it"
        terms = " ".join(f"{direction[k]:+.3g}·{self.names[k]}" for k in part)
        listed = f"{', '.join(named[:-1])} and {named[-1]}"
        return f"{listed} cannot be told apart: the fit is the same along {terms}"

    def inverse(self) -> Float[np.ndarray, "F F"]:
        """Pseudo-inverse of the information: covariances of identified combinations, zero along null directions."""
        size = np.sqrt(np.diag(self.information))
        size = np.where(size > 0, size, 1.0)
        values, vectors = np.linalg.eigh(self.information / np.outer(size, size))
        kept = values > NULL * max(values.max(initial=0.0), np.finfo(float).tiny)
        part = vectors[:, kept] / np.sqrt(values[kept])
        return (part @ part.T) / np.outer(size, size)


def identify(
    names: tuple[str, ...],
    information: Float[np.ndarray, "F F"],
    scales: Float[np.ndarray, " F"],
    n_decisions: float,
) -> Identification:
    """The null directions of an information matrix, by eigenvalues of its scaled form.

    Args:
        names: the free parameters.
        information: minus the Hessian, (F, F).
        scales: a typical size of each parameter, (F,).
        n_decisions: how many decisions (or walks) the information sums over.
    """
    information = 0.5 * (information + information.T)
    diagonal = np.diag(information)
    absent = diagonal * scales**2 <= ABSENT * max(n_decisions, 1.0)
    absent |= diagonal <= 0
    present = np.flatnonzero(~absent)
    size = np.sqrt(diagonal[present])
    values, vectors = np.linalg.eigh(information[np.ix_(present, present)] / np.outer(size, size))
    found = vectors[:, np.abs(values) <= NULL * max(values.max(initial=0.0), 1.0)].T / size
    null = np.zeros((len(found) + int(absent.sum()), len(names)))
    null[: len(found), present] = _echelon(found * size) / size
    null[np.arange(len(found), len(null)), np.flatnonzero(absent)] = 1.0
    null = null / np.maximum(np.abs(null).max(1, initial=0.0), np.finfo(float).tiny)[:, None]
    cleaned = information.copy()
    cleaned[absent] = cleaned[:, absent] = 0.0
    concave = bool((values > -1e-8 * max(np.abs(values).max(initial=0.0), 1.0)).all())
    return Identification(names, null, ~(null != 0).any(0), cleaned, concave)


def _echelon(rows: Float[np.ndarray, "N F"]) -> Float[np.ndarray, "N F"]:
    """Reduced row echelon form with complete pivoting: each null direction names as few parameters as it can."""
    rows, free = rows.copy(), list(range(len(rows)))
    while free:
        block = np.abs(rows[free])
        r, column = np.unravel_index(int(np.argmax(block)), block.shape)
        pivot = free.pop(int(r))
        rows[pivot] /= rows[pivot, column]
        for other in range(len(rows)):
            if other != pivot:
                rows[other] -= rows[other, column] * rows[pivot]
                rows[other, column] = 0.0
    return np.where(np.abs(rows) < 1e-5, 0.0, rows)
