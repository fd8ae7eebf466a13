"""How good a forecast was: likelihood of what happened, distances between paths, and intervals over walks."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int
from scipy import stats
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from maxentrl.status import InvalidInput


def modified_hausdorff(first: Float[np.ndarray, "N 2"], second: Float[np.ndarray, "K 2"]) -> float:
    """max(mean_a min_b |a − b|, mean_b min_a |a − b|): distance between two paths as sets of points.

    In the unit of the points. Source: Dubuisson & Jain (1994), distance d₂₂ with f₂; used by Kitani et al. (2012).
    """
    distance = cdist(_points(first), _points(second))
    return float(max(distance.min(1).mean(), distance.min(0).mean()))


def displacements(forecast: Float[np.ndarray, "*K n 2"], truth: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, "*K n"]:
    """|forecast_k − truth_k| at each step, for one path (n, 2) or K of them (K, n, 2).

    Raises:
        InvalidInput: paths of different length; a walker that has arrived stays where it is, so extend the path.
    """
    forecast, truth = np.asarray(forecast, float), _points(truth)
    if forecast.shape[-2:] != truth.shape:
        raise InvalidInput(f"the forecast has shape {forecast.shape}, the truth {truth.shape}: steps must agree")
    return np.linalg.norm(forecast - truth, axis=-1)


def average_displacement(
    forecast: Float[np.ndarray, "*K n 2"], truth: Float[np.ndarray, "N 2"]
) -> Float[np.ndarray, "*K"]:
    """ADE: mean over steps of the distance to the truth at the same step; one number a path."""
    return np.asarray(displacements(forecast, truth).mean(-1))


def final_displacement(
    forecast: Float[np.ndarray, "*K n 2"], truth: Float[np.ndarray, "N 2"]
) -> Float[np.ndarray, "*K"]:
    """FDE: distance to the truth at the last step; one number a path."""
    return np.asarray(displacements(forecast, truth)[..., -1])


def best_of(errors: Float[np.ndarray, " K"], count: int) -> float:
    """Expected smallest error among ``count`` of the K samples drawn without replacement; the minimum for count = K.

    Σ_j e₍ⱼ₎ C(K−j, count−1)/C(K, count) over the sorted errors, j = 1..K: unbiased for best-of-count, and steadier than
    taking the first ``count`` samples.
    """
    errors = np.sort(np.asarray(errors, float))
    if not 1 <= count <= len(errors):
        raise InvalidInput(f"best of {count} needs at least {count} samples, there are {len(errors)}")
    rank = np.arange(len(errors))
    chosen = rank <= len(errors) - count
    weight = np.exp(_log_comb(len(errors) - 1 - rank[chosen], count - 1) - _log_comb(len(errors), count))
    return float(weight @ errors[chosen])


def _log_comb(total: int | Int[np.ndarray, " n"], chosen: int) -> Float[np.ndarray, "*n"]:
    """log of the binomial coefficient, which itself overflows from a thousand samples on."""
    rest = np.asarray(total) - chosen
    return np.asarray(gammaln(np.asarray(total) + 1.0) - gammaln(chosen + 1.0) - gammaln(rest + 1.0))


def log_loss(distribution: Float[np.ndarray, "n S"], states: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """−log probability of the state occupied at each step, (n,), in nats; +inf where it was called impossible."""
    chosen = np.asarray(distribution)[np.arange(len(states)), states]
    with np.errstate(divide="ignore"):
        return -np.log(chosen)


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean over walks with its confidence interval.

    Attributes:
        mean: average over walks.
        low: lower end; None where one walk leaves no spread, or a value is infinite.
        high: upper end; None likewise.
        count: walks.
        confidence: coverage intended.
    """

    mean: float
    low: float | None
    high: float | None
    count: int
    confidence: float = 0.95


def interval(values: Float[np.ndarray, " M"], *, confidence: float = 0.95) -> Interval:
    """Student's t interval of the mean over M walks: mean ± t_{M−1} s/√M.

    Raises:
        InvalidInput: no values, or NaN.
    """
    values = _values(values)
    mean, count = float(values.mean()), len(values)
    if count < 2 or not np.isfinite(values).all():
        return Interval(mean, None, None, count, confidence)
    half = float(stats.t.ppf(0.5 + confidence / 2, count - 1) * values.std(ddof=1) / np.sqrt(count))
    return Interval(mean, mean - half, mean + half, count, confidence)


def bootstrap_interval(
    values: Float[np.ndarray, " M"], *, seed: int, replications: int = 2000, confidence: float = 0.95
) -> Interval:
    """Percentile bootstrap of the mean, resampling walks (Efron 1979); for skewed scores and few assumptions."""
    values = _values(values)
    mean, count = float(values.mean()), len(values)
    if count < 2 or not np.isfinite(values).all():
        return Interval(mean, None, None, count, confidence)
    drawn = np.random.default_rng(seed).integers(count, size=(replications, count))
    low, high = np.quantile(values[drawn].mean(1), [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(mean, float(low), float(high), count, confidence)


def paired_difference(
    first: Float[np.ndarray, " M"], second: Float[np.ndarray, " N"], *, confidence: float = 0.95
) -> Interval:
    """The t interval of first − second walk by walk, which leaves out how much walks differ among themselves.

    Raises:
        InvalidInput: different numbers of walks, or NaN (two infinities).
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape:
        raise InvalidInput(f"{len(first)} and {len(second)} walks cannot be paired")
    with np.errstate(invalid="ignore"):
        return interval(first - second, confidence=confidence)


def _values(values: np.ndarray) -> Float[np.ndarray, " M"]:
    values = np.asarray(values, float)
    if values.ndim != 1 or not len(values) or np.isnan(values).any():
        raise InvalidInput("an interval needs one number for each walk, at least one, none of them NaN")
    return values


def _points(path: np.ndarray) -> Float[np.ndarray, "n 2"]:
    path = np.asarray(path, float)
    if path.ndim != 2 or path.shape[1] != 2 or not len(path) or not np.isfinite(path).all():
        raise InvalidInput(f"a path is (steps, 2) of finite numbers with one step or more, not {path.shape}")
    return path
