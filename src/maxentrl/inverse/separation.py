"""Whether an objective has a maximum: directions along which it grows for ever, or to a limit never reached.

The dual of feature matching is unbounded along d iff ⟨d, data features⟩ exceeds the hard-optimal value of the reward
φ·d, and attains its supremum only in the limit (separation) iff the two are equal while some other policy does worse.
All such d form a cone cut out by the policies: the linear programme

    max ⟨d, data − model features⟩   subject to   ⟨d, data − features of π_j⟩ ≥ 0 for the policies π_1, π_2, … so far

is solved again with the hard-optimal policy of its answer until the answer is zero (there is a maximum) or no policy
cuts it off (there is none). Before, the same with the least slack in place of the objective finds directions that
exceed every policy.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np
import scipy.optimize
from jaxtyping import Float

from maxentrl.inverse.columns import Columns, table_columns
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.objectives import AbstractObjective
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.target import FitTarget
from maxentrl.numerics.types import ArrayLike
from maxentrl.status import Failure, InvalidInput, Status

CUTS = 60
EQUAL = 1e-9
"""Relative difference below which data and hard-optimal value are equal."""


@dataclasses.dataclass(frozen=True, eq=False)
class Escape:
    """A direction without a maximum.

    Attributes:
        status: UNBOUNDED_DUAL or SEPARATION.
        direction: d in θ, (K,).
        detail: the features of largest contribution, in words.
    """

    status: Status
    direction: Float[np.ndarray, " K"]
    detail: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a search for a direction without a maximum found.

    Attributes:
        escape: the direction, or None.
        decided: whether None means that there is a maximum; the search may have been cut short, or a hard plan along a
            direction may not exist.
    """

    escape: Escape | None
    decided: bool


def find_escape(
    target: FitTarget, start: Float[np.ndarray, " F"], free: Float[np.ndarray, " F"], seconds: float
) -> Verdict:
    """A direction along which the target has no maximum, if there is one; linear rewards only.

    Args:
        target: what was fitted.
        start: a feasible free vector, from which data − model features are taken.
        free: where the fit ended, the source of more directions to try for the likelihood.
        seconds: at most about this long is spent on the search (a large map plans for many goals at each cut).
    """
    if not target.linear:
        return Verdict(None, decided=False)
    if target.prior is not None and (target.prior.precision > 0).all():
        return Verdict(None, decided=True)
    rising = target.space.pull_back(target.residual(target.space.parameters(start)))
    lower, upper = _cone(target)
    direction, decided = _cutting_planes(target, rising, lower, upper, seconds)
    if direction is not None:
        candidates = [*_units(direction, rising, lower, upper), direction]
    elif target.matching and decided:
        return Verdict(None, decided=True)
    else:
        moved = np.clip(free - start, np.where(lower < 0, -np.inf, 0), np.where(upper > 0, np.inf, 0))
        candidates = [*_units(np.ones_like(rising), rising, lower, upper), moved]
    found = [e for e in (_judge(target, rising, candidate) for candidate in candidates) if e is not None]
    unbounded = [e for e in found if e.status is Status.UNBOUNDED_DUAL]
    return Verdict(next(iter([*unbounded, *found]), None), decided=bool(found))


def _cone(target: FitTarget) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the directions that no bound and no prior stops."""
    space, scales = target.space, target.scales(target.space.start)
    stopped = np.zeros(len(scales), bool)
    if target.prior is not None:
        stopped = space.pull_back(target.prior.precision) > 0
    lower = np.where(np.isfinite(space.lower) | stopped, 0.0, -scales)
    return lower, np.where(np.isfinite(space.upper) | stopped, 0.0, scales)


def _units(
    direction: np.ndarray, rising: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> list[Float[np.ndarray, " F"]]:
    """Single parameters of a direction, with the sign in which the target rises, by contribution."""
    units = []
    for k in np.argsort(-np.abs(direction * rising)):
        limit = upper[k] if rising[k] > 0 else lower[k]
        if direction[k] != 0 and limit != 0:
            units.append(np.where(np.arange(len(direction)) == k, limit, 0.0))
    return units


def _judge(target: FitTarget, rising: np.ndarray, direction: Float[np.ndarray, " F"]) -> Escape | None:
    gain, size = float(rising @ direction), float(np.abs(rising) @ np.abs(direction))
    if not gain > 1e-9 * max(size, target.total_weight * 1e-6):
        return None
    full = target.space.matrix @ direction
    tables = [reward_table(problem.reward, full) for problem in target.problems]
    each = list(zip(target.objectives, tables, strict=True))
    try:
        hard = sum(objective.hard_value(table) for objective, table in each)
    except (Failure, InvalidInput):  # no hard plan along this direction, or none for the trajectory-level form
        return None
    data = sum(objective.data_value(table, full) for objective, table in each)
    tolerance = EQUAL * (abs(hard) + abs(data) + abs(gain))
    if data < hard - tolerance:
        return None
    beyond = data > hard + tolerance and target.matching
    status = Status.UNBOUNDED_DUAL if beyond else Status.SEPARATION
    parts = np.argsort(-np.abs(direction * rising))
    named = [
        f"{target.space.free_names[k]} ({'more' if direction[k] > 0 else 'less'})"
        for k in parts[:5]
        if abs(direction[k] * rising[k]) > 1e-6 * size
    ]
    words = "the demonstrations hold at least as much as any policy can reach of"
    return Escape(status, full, f"{words} {', '.join(named)}: {data:.6g} against {hard:.6g}")


def _cutting_planes(
    target: FitTarget, rising: np.ndarray, lower: np.ndarray, upper: np.ndarray, seconds: float
) -> tuple[Float[np.ndarray, " F"] | None, bool]:
    """A direction that no deterministic policy cuts off, by as much as possible, or None; and whether None is certain."""
    objectives = [_matching(objective) for objective in target.objectives]
    twins = [objective for objective in objectives if objective is not None]
    if len(twins) < len(objectives):
        return None, False
    cuts: list[np.ndarray] = []
    clock = time.perf_counter()
    decided = False
    for strictly in (True, False):
        while len(cuts) < CUTS and time.perf_counter() - clock < seconds:
            direction = _best_direction(rising, cuts, lower, upper, strictly=strictly)
            cut = None if direction is None else _cut(target, twins, direction)
            decided = direction is None
            if direction is None or cut is None:
                break
            size = float(np.abs(cut) @ np.abs(direction))
            if cut @ direction >= (1e-7 if strictly else -EQUAL) * size - (0.0 if strictly else 1e-12):
                return direction, True
            cuts.append(cut / np.abs(cut).max())
    return None, decided


def _best_direction(
    rising: np.ndarray, cuts: list[np.ndarray], lower: np.ndarray, upper: np.ndarray, *, strictly: bool
) -> Float[np.ndarray, " F"] | None:
    """d in the box that satisfies all cuts, with the greatest slack (``strictly``) or the steepest rise; None if zero."""
    width = np.maximum(-lower, upper)
    rows = [rising / max(float(np.abs(rising).max()), np.finfo(float).tiny), *cuts]
    if strictly:
        cost = np.append(np.zeros(len(rising)), -1.0)
        matrix = np.column_stack([-np.array(rows), np.ones(len(rows))])
        limits = [*zip(lower, upper, strict=True), (0.0, None)]
    else:
        cost, matrix, limits = -rows[0], -np.array(rows), list(zip(lower, upper, strict=True))
    answer = scipy.optimize.linprog(cost, A_ub=matrix, b_ub=np.zeros(len(rows)), bounds=limits, method="highs")
    if answer.x is None or -answer.fun <= 1e-7 * float(np.max(width, initial=0.0)):
        return None
    return np.where(np.abs(answer.x[: len(rising)]) > 1e-9 * width, answer.x[: len(rising)], 0.0)


def _matching(objective: AbstractObjective) -> FeatureMatching | None:
    """The dual whose cone is searched: the objective itself, or its twin for complete walks."""
    if isinstance(objective, FeatureMatching):
        return objective
    try:
        return FeatureMatching.of(objective.problem)
    except InvalidInput:
        return None


def _cut(target: FitTarget, objectives: Sequence[FeatureMatching], direction: np.ndarray) -> np.ndarray | None:
    """Data features − features of the hard-optimal policy of reward φ·d, in the free parameters."""
    full = target.space.matrix @ direction
    try:
        return target.space.matrix.T @ np.sum([_excess(objective, full) for objective in objectives], axis=0)
    except (Failure, InvalidInput):
        return None


def _excess(objective: FeatureMatching, direction: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    reward = objective.problem.reward
    columns, table = table_columns(reward, direction), reward_table(reward, direction)
    features = objective.problem.temperature * objective.linear_term.copy()
    if objective.data is not None:
        features += _features_of(columns, objective.data.pair, objective.data.terminal)
    for g, solution in enumerate(objective.planner.solve(objective.problem.forward_hard, table)):
        visits = solution.occupancy(objective.source(g, solution)).visits
        features -= _features_of(columns, visits.pair, visits.terminal)
    return features


def _features_of(columns: Columns, pair: ArrayLike, terminal: ArrayLike) -> Float[np.ndarray, " K"]:
    pair = np.asarray(pair)
    visits = pair.sum(0, keepdims=True) if columns.pair.shape[1] == 1 else pair
    return np.einsum("kas,as->k", columns.pair, visits) + np.asarray(columns.terminal) @ np.asarray(terminal)
