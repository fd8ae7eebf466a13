"""Soft policy iteration: Newton's method on V = T(V), each step one linear solve."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.numerics.iteration import ROUNDING, iterate
from maxentrl.numerics.linear import AbstractLinearSolver, DirectSolver
from maxentrl.numerics.precision import double_precision
from maxentrl.planning.arrival import ARRIVED, Arrival, arriving, first_values
from maxentrl.planning.backup import Backup, make_backup
from maxentrl.planning.finiteness import error_bound, refuse_infinite
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.planning.stationary import PolicyChain, backup_values, policy_chain
from maxentrl.status import Failure, InvalidInput, Status

SUSPICIOUS = 12
"""Newton steps after which a to-goal problem is checked for an infinite partition function."""


@dataclasses.dataclass(frozen=True)
class SoftPolicyIteration:
    """Fixed point V = T(V) of the soft Bellman operator by Newton's method, which is policy iteration.

        π_k = Boltzmann policy of V_k,   (I − γ P_π) (V_{k+1} − V_k) = T(V_k) − V_k

    so that V_{k+1} = r_π + τ H_π + γ P_π V_{k+1} is the soft value of π_k. T is convex and monotone: from the first
    step on values only rise, and the error is squared at each step. For the trajectory-level form under stochastic
    dynamics P_π follows the posterior dynamics p(s'|s,a) exp((r + V(s'))/τ)/…, which are the derivative of T there. At
    τ = 0 this is Howard's policy iteration.

    Source: Puterman & Brumelle (1979) for Newton's method; Haarnoja et al. (2017, 2018) for the soft improvement.

    Attributes:
        tolerance: last Newton step of V/τ allowed, relative to 1 + max |V/τ|; the error after it is of second order.
        max_iterations: most Newton steps.
        linear_solver: ``DirectSolver()``, or ``IterativeSolver()`` where factors do not fit in memory.
        start: V/τ of a problem with nearly these rewards, to begin at; None for the solver's own start. The answer is the
            same to the tolerance.
    """

    tolerance: float = 1e-10
    max_iterations: int = 100
    linear_solver: AbstractLinearSolver = DirectSolver()
    start: Float[np.ndarray, " S"] | None = dataclasses.field(default=None, repr=False, compare=False)

    @double_precision
    def solve(self, problem: SoftProblem) -> SoftSolution:
        """Stationary soft values (S,).

        Raises:
            InvalidInput: the problem is ``Finite``.
            Failure: INFINITE_PARTITION, UNREACHABLE_GOAL, MAXIMUM_ITERATIONS, STALLED, NON_FINITE or INACCURATE_SOLVE.
        """
        if isinstance(problem.time, Finite):
            raise InvalidInput(f"SoftPolicyIteration solves Discounted and ToGoal problems, not {problem.time}")
        backup = make_backup(problem)
        arrival = arriving(backup) if isinstance(problem.time, ToGoal) else None
        try:
            begin = starting_values(backup, arrival)
            if self.start is not None:
                begin = np.where(np.isfinite(begin) & np.isfinite(self.start) & ~backup.ends, self.start, begin)
            values, chain, iterations = self._newton(backup, begin, arrival)
            bound = self._bound(problem, backup, values, chain)
        except Failure:
            if arrival is not None:
                refuse_infinite(backup, arrival)
            raise
        return SoftSolution(
            problem,
            values,
            Status.CONVERGED,
            type(self).__name__,
            iterations,
            _largest(bellman_residual(backup, values)),
            self.linear_solver,
            error_bound=bound,
        )

    def _newton(
        self, backup: Backup, values: Float[np.ndarray, " S"], arrival: Arrival | None
    ) -> tuple[Float[np.ndarray, " S"], PolicyChain, int]:
        previous = change = np.inf
        for iteration in range(1, self.max_iterations + 1):
            step, chain = newton_step(backup, values, self.linear_solver)
            values, change = values + step, _largest(step)
            scale = 1.0 + _largest(values[np.isfinite(values)])
            if np.isnan(change):
                raise Failure(Status.NON_FINITE, f"at Newton step {iteration}")
            if change <= self.tolerance * scale:
                return values, chain, iteration
            at_floor = _largest(bellman_residual(backup, values)) <= 4 * ROUNDING * scale
            if at_floor and change >= 0.5 * previous:
                raise Failure(Status.STALLED, f"Newton steps stay at {change:.1e} of V/τ after {iteration}")
            if iteration == SUSPICIOUS and arrival is not None:
                refuse_infinite(backup, arrival)
            previous = change
        raise Failure(
            Status.MAXIMUM_ITERATIONS, f"the last of {self.max_iterations} Newton steps changed V/τ by {change:.1e}"
        )

    def _bound(
        self, problem: SoftProblem, backup: Backup, values: Float[np.ndarray, " S"], chain: PolicyChain
    ) -> float | None:
        """Bound on the error; for a to-goal problem also the certificate that it is finite."""
        if isinstance(problem.time, Discounted):
            rounding = ROUNDING * (1.0 + _largest(values[np.isfinite(values)]))
            return (_largest(bellman_residual(backup, values)) + rounding) / (1.0 - problem.time.discount)
        if backup.form == "hard":
            return None
        steps = chain.evaluate(np.ones(len(values)), np.zeros(len(values)))
        bound = error_bound(backup, values, steps)
        if not np.isfinite(bound) or steps.min() < 0:
            raise Failure(Status.STALLED, "the values found do not satisfy V + ε·h ≥ T(V + ε·h)")
        return bound


@double_precision
def newton_step(
    backup: Backup, values: Float[np.ndarray, " S"], solver: AbstractLinearSolver
) -> tuple[Float[np.ndarray, " S"], PolicyChain]:
    """δ with (I − γ P_π) δ = T(u) − u, zero where u = -inf, and the chain that it was solved with."""
    chain = policy_chain(backup, values, solver)
    return chain.factors.solve(bellman_residual(backup, values)), chain


@double_precision
def bellman_residual(backup: Backup, values: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """T(u) − u, zero where u = -inf."""
    new, finite = np.asarray(backup_values(backup, values)), np.isfinite(values)
    return np.where(finite, new, 0.0) - np.where(finite, values, 0.0)


def starting_values(backup: Backup, arrival: Arrival | None) -> Float[np.ndarray, " S"]:
    """Where Newton starts: a lower bound to a goal; under a discount zero, or -inf where no move can be made."""
    if arrival is not None:
        return first_values(backup, arrival)
    start = np.where(backup.ends, backup.end_value, 0.0)
    return iterate(backup_values, start, backup, max_iterations=len(start) + 1, relative=ARRIVED).value


def _largest(values: np.ndarray) -> float:
    return float(np.max(np.abs(values), initial=0.0))
