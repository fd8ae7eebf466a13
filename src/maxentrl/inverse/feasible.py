"""A start from which a fit can begin: rewards low enough for the partition function to be finite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.optimize
from jaxtyping import Float

from maxentrl.inverse.columns import columns_along
from maxentrl.inverse.optimise import REJECTED
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.target import FitTarget
from maxentrl.mdp.checks import can_reach
from maxentrl.mdp.time import ToGoal
from maxentrl.status import Failure, InvalidInput, Status

DOUBLINGS = 40
ROWS_AT_ONCE = 400
SINGLE = 30
"""Most parameters that are tried alone."""
EVEN = 0.3
"""Least ratio of smallest to greatest value at which a feature passes as the cost of a step."""


def feasible_start(target: FitTarget, start: Float[np.ndarray, " F"] | None = None) -> Float[np.ndarray, " F"]:
    """``start`` if the objective is finite there, else a point along a direction that lowers every reward.

    At θ = 0 the paths of an undiscounted problem are too many: on a grid of eight moves the partition function is
    infinite. The direction d solves a linear programme over the feature rows of all pairs that can be chosen,
    max m subject to φ(s, a)ᵀd ≤ −m within the cone of the bounds, by cutting planes, unless one feature alone is a cost
    of every step; it is then lengthened until the objective is finite.

    Raises:
        InvalidInput: no direction within the bounds lowers every reward.
    """
    space, which = target.space, target.with_errors
    begin = space.start if start is None else np.clip(start, space.lower, space.upper)
    parameters = space.parameters(begin)
    infinite = any(_surely_infinite(problem, parameters) for problem in target.problems)
    if not infinite and _finite(target, begin):
        return begin
    if which.any():
        rows, scales = _rows(target, begin), target.scales(begin)
        direction, margin = _flattest(rows, *_cone(target)) or _descent(rows, *_cone(target), scales[which])
        length = _enough(target, begin) / margin if margin > 0 else 0.0
        for _ in range(DOUBLINGS if margin > 0 else 0):
            trial = np.clip(begin + length * _embed(which, direction), space.lower, space.upper)
            if _finite(target, trial):
                return trial
            length *= 2.0
        trial = _inside_bounds(target, rows, scales)
        if trial is not None and _finite(target, trial):
            return trial
        for trial in _single_steps(target, begin, scales):
            if _finite(target, trial):
                return trial
    raise InvalidInput(
        "no start with a finite partition function was found within the bounds: no combination of the features makes "
        "every move cost something. Add a constant cost per step (a feature that is 1 everywhere, with an upper bound "
        "of 0; for a network, output = Cost()), widen the bounds, or use a finite horizon or a discount"
    )


def _finite(target: FitTarget, free: Float[np.ndarray, " F"]) -> bool:
    try:
        target.evaluate(free)
    except Failure as failure:
        of_a_network = failure.status is Status.NON_FINITE and not target.linear
        if failure.status in REJECTED and not of_a_network:
            return False
        raise
    return True


def _log_growth(problem: InverseProblem, parameters: Float[np.ndarray, " K"]) -> Float[np.ndarray, "A S"]:
    """r/τ + log q of each pair that can be chosen, the greatest of its steps, -inf elsewhere."""
    table = reward_table(problem.reward, parameters)
    pair = np.asarray(table.pair)
    pair = pair.max(0) if pair.ndim == 3 else pair
    if table.outcome is not None:
        pair = pair + np.asarray(table.outcome).min(1)
    pair = pair / problem.temperature
    pair = pair if problem.log_reference is None else pair + problem.log_reference
    return np.where(problem.mdp.available, pair, -np.inf)


def _surely_infinite(problem: InverseProblem, parameters: Float[np.ndarray, " K"]) -> bool:
    """Whether from every state the moves that avoid all goals multiply paths faster than their rewards make them rare.

    With c > 1 a lower bound of Σ exp(r/τ) over moves that stay among the states with a way to a goal, V/τ ≥ log c +
    min V/τ at each of these, so no finite V exists.
    """
    if not isinstance(problem.time, ToGoal):
        return False
    goals = np.zeros(problem.mdp.n_states, bool)
    goals[[*(problem.time.goals or ()), *(g for g in problem.demonstrations.goals if g >= 0)]] = True
    action, state = np.nonzero(problem.mdp.available)
    following, chance = problem.mdp.transitions.successors_of(action, state)
    arrives = can_reach(problem.mdp, np.flatnonzero(goals))
    leaves = ((goals | problem.mdp.terminal | ~arrives)[following] & (chance > 0)).any(0)
    growth = _log_growth(problem, parameters)
    growth[action[leaves], state[leaves]] = -np.inf
    inside = arrives & ~goals & ~problem.mdp.terminal
    return bool((np.logaddexp.reduce(growth[:, inside], axis=0) > 1e-9).all())


def _enough(target: FitTarget, free: Float[np.ndarray, " F"]) -> float:
    """By how much all rewards must fall for Σ_a exp(r/τ) < 1 in every state, which suffices for a finite Z."""
    parameters = target.space.parameters(free)
    growth = [np.logaddexp.reduce(_log_growth(problem, parameters), axis=0).max() for problem in target.problems]
    return max(1.05 * float(max(growth)), 0.1) * target.temperature


def _rows(target: FitTarget, free: Float[np.ndarray, " F"]) -> Float[np.ndarray, "N k"]:
    """Derivatives of the rewards of available pairs in the free coefficients."""
    parameters, directions = target.space.parameters(free), target.space.directions(target.with_errors)
    return np.concatenate([_rows_of(problem, parameters, directions) for problem in target.problems])


def _rows_of(
    problem: InverseProblem, parameters: Float[np.ndarray, " K"], directions: Float[np.ndarray, "K k"]
) -> Float[np.ndarray, "N k"]:
    columns = columns_along(problem.reward, parameters, directions)
    available = problem.mdp.available
    pair = np.asarray(columns.pair).reshape(len(columns.pair), -1, *columns.pair.shape[-2:])
    chosen = pair[:, :, 0][:, :, available.any(0)] if columns.by_state else pair[:, :, available]
    return chosen.reshape(len(pair), -1).T


def _single_steps(
    target: FitTarget, begin: Float[np.ndarray, " F"], scales: Float[np.ndarray, " F"]
) -> Iterator[Float[np.ndarray, " F"]]:
    """Each parameter moved alone, both ways, by ever larger steps: it may be enough to make some moves costly."""
    for size in (1.0, 4.0, 16.0):
        for k in np.flatnonzero(target.with_errors)[:SINGLE]:
            for step in (-size * scales[k], size * scales[k]):
                trial = begin.copy()
                trial[k] = np.clip(begin[k] + step, target.space.lower[k], target.space.upper[k])
                if trial[k] != begin[k]:
                    yield trial


def _cone(target: FitTarget) -> tuple[np.ndarray, np.ndarray]:
    """Directions that no bound stops: lower and upper limits of their scaled components."""
    which = target.with_errors
    lower = np.where(np.isfinite(target.space.lower[which]), 0.0, -1.0)
    return lower, np.where(np.isfinite(target.space.upper[which]), 0.0, 1.0)


def _embed(which: np.ndarray, part: np.ndarray) -> np.ndarray:
    """The free vector with these values where marked and zero elsewhere."""
    whole = np.zeros(len(which))
    whole[which] = part
    return whole


def _flattest(rows: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> tuple[np.ndarray, float] | None:
    """The single parameter that lowers every reward by the most similar amounts, and the least of them: a step's cost.

    Where there is one, the rest starts at zero, which is nearer to most answers than a blend of everything.
    """
    least, most = rows.min(0), rows.max(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        falling = np.where((most < 0) & (upper > 0), most / least, 0.0)
        rising = np.where((least > 0) & (lower < 0), least / most, 0.0)
    evenness = np.maximum(falling, rising)
    best = int(np.argmax(evenness))
    if evenness[best] < EVEN:
        return None
    direction = np.zeros(rows.shape[1])
    direction[best] = 1.0 if falling[best] > 0 else -1.0
    return direction, float(min(abs(least[best]), abs(most[best])))


def _descent(rows: np.ndarray, lower: np.ndarray, upper: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, float]:
    """d with rows · d ≤ −m for the greatest m, in scaled components within the limits; (d, m)."""
    scaled = rows * scales
    used = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), ROWS_AT_ONCE)).astype(int))
    direction, margin = np.zeros(rows.shape[1]), 0.0
    for _ in range(200):
        cost = np.append(np.zeros(rows.shape[1]), -1.0)
        answer = scipy.optimize.linprog(
            cost,
            A_ub=np.column_stack([scaled[used], np.ones(len(used))]),
            b_ub=np.zeros(len(used)),
            bounds=[*zip(lower, upper, strict=True), (0.0, 1e6)],
            method="highs",
        )
        if answer.x is None:
            return direction, 0.0
        direction, margin = answer.x[:-1], float(answer.x[-1])
        if margin <= 1e-9:
            return direction * scales, 0.0
        reached = scaled @ direction
        worst = np.argsort(-reached)[:ROWS_AT_ONCE]
        violated = worst[reached[worst] > -margin * (1 - 1e-6)]
        if not len(np.setdiff1d(violated, used)):
            return direction * scales, margin
        used = np.union1d(used, violated)
    return direction * scales, float(-(scaled @ direction).max())


def _inside_bounds(target: FitTarget, rows: np.ndarray, scales: np.ndarray) -> np.ndarray | None:
    """The point of the bounds (cut at a thousand scales) that makes the best reward lowest."""
    space = target.space
    lower, upper = np.maximum(space.lower, -1e3 * scales), np.minimum(space.upper, 1e3 * scales)
    fixed = [float(np.max(reward_table(problem.reward, space.offset).pair)) for problem in target.problems]
    base, which = max(fixed) if space.fixed.any() else 0.0, target.with_errors
    direction, margin = _descent(rows, (lower / scales)[which], (upper / scales)[which], scales[which])
    return np.clip(_embed(which, direction), space.lower, space.upper) if margin > base and which.all() else None
