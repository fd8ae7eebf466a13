"""Soft value iteration: backups to the fixed point, with a bound on the error that holds when it stops."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from maxentrl.mdp.time import Discounted, ToGoal
from maxentrl.numerics.iteration import ROUNDING, FixedPoint, iterate
from maxentrl.numerics.linear import AbstractLinearSolver, DirectSolver
from maxentrl.numerics.precision import double_precision
from maxentrl.planning.arrival import arriving, expected_steps, first_values
from maxentrl.planning.backup import Backup, make_backup
from maxentrl.planning.finiteness import error_bound, refuse_infinite
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.planning.stationary import backup_values, policy_rows, posterior
from maxentrl.status import Failure, InvalidInput, Status


@dataclasses.dataclass(frozen=True)
class SoftValueIteration:
    """Fixed point V = T(V) of the soft Bellman operator by repeated backups; needs no factorisation.

        V(s) ← τ log Σ_a q(a|s) exp(Q(s, a)/τ),   Q = E[r + γ V(s')]   (trajectory-level: Q = τ log E exp((r + V)/τ))

    ``Discounted``: T contracts by γ, so after a change of δ the error is at most γ/(1−γ)·δ; iteration stops when that
    bound meets the tolerance. ``ToGoal``: from a lower bound, so values only rise; stops when some U = V + ε·h ≥ T(U)
    (h the expected number of steps) bounds the error. An infinite partition function is refused before iterating.

    Source: Puterman (1994), theorem 6.3.1; Ziebart (2010), section 9.1; Haarnoja et al. (2018), lemma 1.

    Attributes:
        tolerance: error of V/τ allowed, relative to 1 + max |V/τ|.
        max_iterations: most backups.
        linear_solver: how the solution's visits are solved for.
    """

    tolerance: float = 1e-10
    max_iterations: int = 100_000
    linear_solver: AbstractLinearSolver = DirectSolver()

    @double_precision
    def solve(self, problem: SoftProblem) -> SoftSolution:
        """Stationary soft values (S,).

        Raises:
            InvalidInput: the problem is ``Finite``.
            Failure: INFINITE_PARTITION, UNREACHABLE_GOAL, MAXIMUM_ITERATIONS, STALLED or NON_FINITE.
        """
        backup = make_backup(problem)
        if isinstance(problem.time, Discounted):
            found, bound = self._discounted(backup, problem.time.discount)
        elif isinstance(problem.time, ToGoal):
            found, bound = self._to_goal(backup)
        else:
            raise InvalidInput(f"SoftValueIteration solves Discounted and ToGoal problems, not {problem.time}")
        return SoftSolution(
            problem,
            found.value,
            Status.CONVERGED,
            type(self).__name__,
            found.iterations,
            found.residual,
            self.linear_solver,
            error_bound=bound,
        )

    def _discounted(self, backup: Backup, discount: float) -> tuple[FixedPoint, float]:
        factor = discount / (1.0 - discount)
        allowed = self.tolerance / max(factor, 1e-3)
        start = np.where(backup.ends, backup.end_value, 0.0)
        found = self._iterate(backup, start, self.max_iterations, allowed, f"discount {discount}")
        scale = 1.0 + np.abs(found.value[np.isfinite(found.value)]).max(initial=0.0)
        return found, factor * found.residual + ROUNDING * scale / (1.0 - discount)

    def _to_goal(self, backup: Backup) -> tuple[FixedPoint, float | None]:
        arrival = arriving(backup)
        refuse_infinite(backup, arrival)
        values, allowed, used = first_values(backup, arrival), 0.1 * self.tolerance, 0
        if backup.form == "hard":
            found = self._iterate(backup, values, self.max_iterations, allowed, "hard planning to a goal")
            return found, None
        bound = np.inf
        for _ in range(8):
            found = self._iterate(backup, values, self.max_iterations - used, allowed, "to a goal")
            values, used = found.value, used + found.iterations
            steps = expected_steps(np.exp(policy_rows(backup, values)), posterior(backup, values))
            bound, scale = error_bound(backup, values, steps), 1.0 + np.abs(values[np.isfinite(values)]).max()
            if bound <= self.tolerance * scale:
                return dataclasses.replace(found, iterations=used), bound
            allowed = min(0.1 * allowed, self.tolerance / (8.0 * max(1.0, steps.max())))
        raise Failure(Status.STALLED, f"to a goal: error up to {bound:.1e} of V/τ after {used} backups")

    def _iterate(
        self, backup: Backup, start: Float[np.ndarray, " S"], most: int, allowed: float, kind: str
    ) -> FixedPoint:
        found = iterate(backup_values, start, backup, max_iterations=most, absolute=allowed, relative=allowed)
        if found.status is not Status.CONVERGED:
            raise Failure(
                found.status, f"{kind}: residual {found.residual:.1e} of V/τ after {found.iterations} more backups"
            )
        return found
