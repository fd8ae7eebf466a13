"""The convex programmes over occupancies, handed to kept solvers: HiGHS for linear ones, Clarabel for the others."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse as sp
from jaxtyping import Float

from maxentrl.imitation.function_classes import AbstractShape, Ball, Box, Hull
from maxentrl.imitation.occupancies import Occupancies
from maxentrl.status import Failure, InvalidInput, MissingExtra, Status

PRECISION = 1e-10
"""Tolerance asked of Clarabel; what was reached is measured by our own certificate."""


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What a solver says; nothing of it is believed.

    Attributes:
        visits: μ, (N,).
        multipliers: θ of the feature constraints Φ μ + c − data = u, (K,).
        values: v of the flow constraints, (R,).
        cap: λ of the limit on decisions.
    """

    visits: Float[np.ndarray, " N"]
    multipliers: Float[np.ndarray, " K"]
    values: Float[np.ndarray, " R"]
    cap: float


def nearest(
    flows: Occupancies, features: Float[np.ndarray, "K N"], wanted: Float[np.ndarray, " K"], shape: AbstractShape
) -> Answer:
    """min_μ max_{θ∈Θ} θ·(Φ μ − wanted) over occupancies.

    Linear programmes are solved at a vertex. On walks to goals a vertex may hold visits in cycles that no walk enters,
    which no policy makes; so these take Clarabel's answer too, which lies inside of all that is optimal.

    Raises:
        MissingExtra: cvxpy is not installed, where the class is a ball or walks go to goals.
        Failure: STALLED where the solver gives no answer.
    """
    if isinstance(shape, Ball) or flows.capped:
        return _nearest_inside(flows, features, wanted, shape)
    return _nearest_linear(flows, features, wanted, shape)


def _nearest_linear(
    flows: Occupancies, features: Float[np.ndarray, "K N"], wanted: Float[np.ndarray, " K"], shape: AbstractShape
) -> Answer:
    """Σ (u⁺ + u⁻) with Φ μ − u⁺ + u⁻ = wanted (box), or t with Φ μ − t ≤ wanted (hull)."""
    count, n_pairs = features.shape
    unit, rows = sp.eye_array(count, format="csc"), len(flows.entering)
    dense = sp.csc_array(features)
    if isinstance(shape, Box):
        extra = sp.hstack([-unit, unit])
        cost = np.append(np.zeros(n_pairs), np.ones(2 * count))
        equal = sp.block_array([[flows.balance, None], [dense, extra]], format="csc")
        right, upper, upper_right = np.append(flows.entering, wanted), None, np.zeros(0)
        bounds = (0.0, None)
    else:
        assert isinstance(shape, Hull)
        extra = sp.csc_array(-np.ones((count, 1)))
        cost = np.append(np.zeros(n_pairs), 1.0)
        equal = sp.hstack([flows.balance, sp.csc_array((rows, 1))], format="csc")
        right, upper, upper_right = flows.entering, sp.hstack([dense, extra], format="csc"), wanted
        bounds = [*[(0.0, None)] * n_pairs, (None, None)]
    found = _linear_programme(cost, equal, right, upper, upper_right, bounds)
    equalities, inequalities = found.eqlin.marginals, found.ineqlin.marginals
    multipliers = -equalities[rows:] if isinstance(shape, Box) else -inequalities[:count]
    return Answer(found.x[:n_pairs], multipliers, equalities[:rows], 0.0)


def _linear_programme(
    cost: np.ndarray, equal: Any, right: np.ndarray, upper: Any, upper_right: np.ndarray, bounds: Any
) -> Any:
    found = scipy.optimize.linprog(
        cost,
        A_eq=equal,
        b_eq=right,
        A_ub=upper,
        b_ub=None if upper is None else upper_right,
        bounds=bounds,
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if found.x is None:
        raise Failure(Status.STALLED, f"HiGHS gave no answer: {found.message}")
    return found


def _nearest_inside(flows: Occupancies, features: np.ndarray, wanted: np.ndarray, shape: AbstractShape) -> Answer:
    cvxpy = import_cvxpy()
    visits, difference = cvxpy.Variable(features.shape[1], nonneg=True), cvxpy.Variable(len(wanted))
    constraints = [flows.balance @ visits == flows.entering, features @ visits - wanted == difference]
    if flows.capped:
        constraints.append(cvxpy.sum(visits) <= flows.longest)
    return solved(cvxpy.Problem(cvxpy.Minimize(distance_of(shape, difference)), constraints), visits, flows)


def distance_of(shape: AbstractShape, difference: Any) -> Any:
    """max_{θ∈Θ} θ·u as an expression of cvxpy."""
    cvxpy = import_cvxpy()
    if isinstance(shape, Ball):
        return cvxpy.norm(difference)
    return cvxpy.sum(cvxpy.abs(difference)) if isinstance(shape, Box) else cvxpy.max(difference)


def import_cvxpy() -> Any:
    """The package cvxpy.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import cvxpy  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("cvxpy", "matching") from error
    return cvxpy


def solved(programme: Any, visits: Any, flows: Occupancies) -> Answer:
    """Clarabel's answer to a minimisation whose first constraints are flow, features and (where capped) the limit.

    cvxpy's Lagrangian adds dual · (left − right), so θ is the dual of the features and v minus that of the flow.

    Raises:
        InvalidInput: no walk is as short as the limit.
        Failure: STALLED where there is no answer.
    """
    cvxpy = import_cvxpy()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # that an answer may be inaccurate: our certificate measures it
            programme.solve(
                solver=cvxpy.CLARABEL, tol_gap_abs=PRECISION, tol_gap_rel=PRECISION, tol_feas=PRECISION, max_iter=300
            )
    except cvxpy.error.SolverError as error:
        raise Failure(Status.STALLED, f"Clarabel gave no answer: {error}") from error
    if visits.value is None and flows.capped and "infeasible" in programme.status:
        raise InvalidInput(
            f"no policy that is asked for arrives within {flows.longest:g} expected decisions: raise longest"
        )
    if visits.value is None:
        raise Failure(Status.STALLED, f"Clarabel gave no answer: {programme.status}")
    flow, matched = programme.constraints[:2]
    cap = float(programme.constraints[2].dual_value) if flows.capped else 0.0
    return Answer(np.asarray(visits.value), np.asarray(matched.dual_value), -np.asarray(flow.dual_value), cap)
