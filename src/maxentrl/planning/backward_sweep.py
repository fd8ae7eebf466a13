"""The solver of finite horizons."""

from __future__ import annotations

import dataclasses

from maxentrl.mdp.time import Finite
from maxentrl.numerics.precision import double_precision
from maxentrl.planning.backup import make_backup
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.scaled import finite_values
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import InvalidInput, Status


@dataclasses.dataclass(frozen=True)
class BackwardSweep:
    """Exact solution of a finite-horizon problem by T backups from the terminal reward.

        V_T(s) = terminal(s),   Q_t = r_t + E[V_{t+1}],   V_t = τ log Σ_a q(a|s) exp(Q_t/τ)

    Source: Ziebart, Bagnell & Dey (2010), algorithm 1; Ziebart et al. (2008) for the trajectory-level form.
    """

    @double_precision
    def solve(self, problem: SoftProblem) -> SoftSolution:
        """Values at every time, (T+1, S).

        Raises:
            InvalidInput: the problem's time is not ``Finite(T)``.
        """
        if not isinstance(problem.time, Finite) or problem.time.horizon is None:
            raise InvalidInput(f"BackwardSweep solves Finite(T) problems, not {problem.time}; see choose_solver")
        values = finite_values(make_backup(problem), problem.time.horizon, problem.time.rows)
        return SoftSolution(problem, values, Status.EXACT, type(self).__name__, problem.time.horizon, 0.0)
