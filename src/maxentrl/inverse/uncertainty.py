"""Standard errors of a fit: classical, outer-product, robust and clustered by trajectory.

With H minus the Hessian, g_it the score of a decision, g_i of a trajectory (in nats per unit of θ) and w the weights:

    classical      H⁻¹
    outer product  (Σ_i w_i Σ_t g_it g_itᵀ)⁻¹                       (Berndt, Hall, Hall & Hausman 1974)
    robust         H⁻¹ (Σ_i w_i² Σ_t g_it g_itᵀ) H⁻¹                (Huber 1967; White 1982)
    clustered      H⁻¹ (Σ_i w_i² g_i g_iᵀ) H⁻¹ · M/(M − 1)          (Liang & Zeger 1986)

For the dual of feature matching g_i = (Φ_i − E[Φ])/τ, so the clustered form is H⁻¹ Var(Φ) H⁻¹; the classical one is
right for it under deterministic dynamics only, because H does not contain the chance in the outcomes.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping

import numpy as np
import scipy.stats
from jaxtyping import Float

from maxentrl.inverse.derivatives import Scores
from maxentrl.inverse.identification import Identification, identify
from maxentrl.inverse.target import FitTarget
from maxentrl.status import InvalidInput

WEIGHT = "weight of a network"
"""Note of a parameter without a standard error of its own."""


class ErrorKind(enum.Enum):
    """Which covariance a standard error comes from; the value is its name in tables."""

    CLASSICAL = "classical"
    OUTER_PRODUCT = "outer product"
    ROBUST = "robust"
    CLUSTERED = "clustered by trajectory"


@dataclasses.dataclass(frozen=True)
class Coefficient:
    """One row of the coefficient table; numbers that do not exist are None, and ``note`` says why.

    Attributes:
        name: the parameter.
        estimate: its value.
        standard_error: by the kind asked for.
        z: estimate / standard error.
        p: two-sided probability of a larger |z| were the parameter zero.
        low: lower end of the 95 % interval.
        high: upper end.
        note: fixed, at a bound, tied, not identified, or empty.
    """

    name: str
    estimate: float
    standard_error: float | None
    z: float | None
    p: float | None
    low: float | None
    high: float | None
    note: str


@dataclasses.dataclass(frozen=True, eq=False)
class Uncertainty:
    """Covariances of the free parameters that lie inside their bounds.

    Attributes:
        interior: numbers of those free parameters, (I,).
        identification: the null directions among them.
        covariances: (I, I) by kind; zero along null directions.
        matrix: ∂θ/∂(interior free parameters), (K, I).
        notes: one remark a parameter, in the order of θ; empty where there is nothing to say.
        remarks: what holds for the whole table.
        default: the kind used where none is named.
    """

    interior: np.ndarray
    identification: Identification
    covariances: Mapping[ErrorKind, Float[np.ndarray, "I I"]]
    matrix: Float[np.ndarray, "K I"]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    default: ErrorKind

    def covariance(self, kind: ErrorKind | None = None) -> Float[np.ndarray, "K K"]:
        """Covariance of θ, (K, K); zero for fixed parameters, those at a bound, and along null directions.

        Raises:
            InvalidInput: the kind does not exist for this fit (``remarks`` says why).
        """
        return self.matrix @ self._of_kind(kind) @ self.matrix.T

    def _of_kind(self, kind: ErrorKind | None) -> Float[np.ndarray, "I I"]:
        kind = kind or self.default
        if kind not in self.covariances:
            raise InvalidInput(
                f"no {kind.value} errors for this fit: {'; '.join(self.remarks)}. There are "
                f"{', '.join(k.value for k in self.covariances)}"
            )
        return self.covariances[kind]

    def standard_errors(self, kind: ErrorKind | None = None) -> tuple[float | None, ...]:
        """One a parameter, None where there is none (``notes`` says why)."""
        variance = ((self.matrix @ self._of_kind(kind)) * self.matrix).sum(1)
        return tuple(None if not self._has_error(k) else math.sqrt(max(v, 0.0)) for k, v in enumerate(variance))

    def combination(self, weights: Float[np.ndarray, " K"], kind: ErrorKind | None = None) -> float | None:
        """Standard error of Σ weights · θ, None where the combination is not identified."""
        inner = self.matrix.T @ weights
        null = self.identification.null
        size = np.linalg.norm(null, axis=1) * max(float(np.linalg.norm(inner)), np.finfo(float).tiny)
        if len(null) and np.any(np.abs(null @ inner) > 1e-6 * size):
            return None
        return math.sqrt(max(float(inner @ self._of_kind(kind) @ inner), 0.0))

    def _has_error(self, parameter: int) -> bool:
        row = self.matrix[parameter]
        return bool(row.any()) and bool(self.identification.identified[row != 0].all())

    def coefficients(
        self, names: tuple[str, ...], parameters: Float[np.ndarray, " K"], kind: ErrorKind | None = None
    ) -> tuple[Coefficient, ...]:
        """The coefficient table, one row a parameter."""
        errors = self.standard_errors(kind)
        rows = zip(names, parameters, errors, self.notes, strict=True)
        return tuple(_coefficient(name, float(value), error, note) for name, value, error, note in rows)


def _coefficient(name: str, value: float, error: float | None, note: str) -> Coefficient:
    if error is None or error == 0.0:
        return Coefficient(name, value, None, None, None, None, None, note or "no variation in the scores")
    z, half = value / error, float(scipy.stats.norm.ppf(0.975)) * error
    return Coefficient(name, value, error, z, float(2 * scipy.stats.norm.sf(abs(z))), value - half, value + half, note)


def uncertainty_of(target: FitTarget, free: Float[np.ndarray, " F"]) -> Uncertainty:
    """All kinds of standard errors at a fitted point.

    Parameters at a bound are held there; with a prior, H contains its precision (Laplace posterior). Errors of the
    coefficients of a reward that is part network are given the network: its weights are held at their estimate.
    """
    space = target.space
    inside = ~space.at_bound(free) & target.with_errors
    interior, information = np.flatnonzero(inside), -target.hessian(free, inside)
    found = identify(
        tuple(space.free_names[i] for i in interior),
        information,
        target.scales(free)[interior],
        float(max(target.n_decisions, target.total_weight)),
    )
    matrix = space.directions(inside)
    scores = target.scores(free, inside)
    bread = found.inverse()
    covariances, remarks = covariances_of(scores, bread, len(bread) - len(found.null))
    return Uncertainty(
        interior,
        found,
        covariances,
        matrix,
        _notes(target, free, found, interior),
        (*_remarks(target, found), *remarks),
        next(k for k in (ErrorKind.CLUSTERED, ErrorKind.ROBUST, ErrorKind.CLASSICAL) if k in covariances),
    )


def covariances_of(
    scores: Scores, bread: Float[np.ndarray, "I I"], rank: int
) -> tuple[dict[ErrorKind, np.ndarray], list[str]]:
    """The covariances of an estimate, (I, I) each, of every kind that its scores allow, and what they do not allow.

    Classical: the inverse information H⁻¹. Robust and clustered: H⁻¹ (Σ w² g gᵀ) H⁻¹ over decisions and trajectories, the
    latter times M/(M − 1). Outer product: (Σ w g gᵀ)⁻¹ on the identified directions.

    Args:
        scores: gradients of single decisions and trajectories at the estimate.
        bread: H⁻¹, zero along directions that are not identified.
        rank: identified directions.

    Source: White (1982); Liang & Zeger (1986); Berndt, Hall, Hall & Hausman (1974).
    """
    found, remarks = {ErrorKind.CLASSICAL: bread}, []
    weight = scores.weights
    if scores.decision is not None:
        decision, own = scores.decision, weight[scores.owner]
        outer = (decision * own[:, None]).T @ decision
        found[ErrorKind.OUTER_PRODUCT] = _inverse_within(outer, bread)
        found[ErrorKind.ROBUST] = bread @ ((decision * own[:, None] ** 2).T @ decision) @ bread
    else:
        remarks.append("only feature counts are known, so there are no scores of single decisions")
    count = int((weight > 0).sum())
    if count > max(rank, 1):
        episode = scores.episode
        meat = (episode * weight[:, None] ** 2).T @ episode
        found[ErrorKind.CLUSTERED] = bread @ meat @ bread * count / (count - 1)
    else:
        remarks.append(f"{count} trajectories for {rank} identified parameters: too few for clustered errors")
    return found, remarks


def _inverse_within(outer: Float[np.ndarray, "I I"], bread: Float[np.ndarray, "I I"]) -> Float[np.ndarray, "I I"]:
    """Inverse of the outer product on the identified directions (the range of the bread)."""
    size = np.sqrt(np.where(np.diag(bread) > 0, np.diag(bread), 1.0))
    values, vectors = np.linalg.eigh(bread / np.outer(size, size))
    kept = vectors[:, values > 1e-12 * max(values.max(initial=0.0), np.finfo(float).tiny)] * size[:, None]
    inner = kept.T @ outer @ kept
    return kept @ np.linalg.pinv(inner, hermitian=True) @ kept.T


def _notes(
    target: FitTarget, free: Float[np.ndarray, " F"], found: Identification, interior: np.ndarray
) -> tuple[str, ...]:
    space = target.space
    unidentified = np.zeros(len(space.free_names), bool)
    unidentified[interior[~found.identified]] = True
    notes = np.full(len(space.names), "", object)
    for marked, note in (
        (~space.alone, "tied"),
        (unidentified, "not identified"),
        (~target.with_errors, WEIGHT),
        (space.at_bound(free), "at its bound"),
    ):
        notes[space.follow(marked)] = note
    notes[space.fixed] = "fixed"
    return tuple(notes)


def _remarks(target: FitTarget, found: Identification) -> list[str]:
    remarks = list(found.messages)
    certain = all(problem.mdp.transitions.deterministic for problem in target.problems)
    if target.matching and not certain:
        remarks.append("classical errors of feature matching hold under deterministic dynamics only; these are not")
    if not found.concave:
        remarks.append("the objective is not concave here: this is not a maximum, start elsewhere")
    if not target.with_errors.all():
        remarks.append(
            "errors are given the network, whose weights are held at their estimate: what the data leave open about it is "
            "not in them"
        )
    if target.prior is not None:
        remarks.append("errors are of the posterior under the Gaussian prior (Laplace)")
    return remarks
