"""Which solver suits a problem, and why, in a sentence that a user can check."""

from __future__ import annotations

import dataclasses
import math
from typing import Protocol, runtime_checkable

from maxentrl.mdp.time import Discounted, Finite
from maxentrl.mdp.transitions import SparseTransitions
from maxentrl.numerics.linear import IterativeSolver
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.linear_system import LinearSystem, is_linear
from maxentrl.planning.policy_iteration import SoftPolicyIteration
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.planning.value_iteration import SoftValueIteration
from maxentrl.status import Failure, Status

SECONDS_A_LINK = 2e-9
"""Time of a backup for each link of a pair to a successor: 4.5 ms for 1M states × 8 moves in float32, doubled."""
SECONDS_OF_FACTORS = 1.7e-8
"""Time of a sparse LU for each S^1.5 (nested dissection on a planar graph): .4 s for 83 000 cells."""
NEWTON_STEPS = 8
FACTORS_FIT = 300_000
"""States above which the factors of a map are taken not to fit in memory."""
WIDE = 32
"""Successors a state above which a graph is not planar enough for sparse factors."""


@runtime_checkable
class Solver(Protocol):
    """Anything with ``solve(problem) -> SoftSolution``."""

    def solve(self, problem: SoftProblem) -> SoftSolution:
        """The solution of a problem."""
        ...


@dataclasses.dataclass(frozen=True)
class SolverChoice:
    """A solver and the reason for it.

    Attributes:
        solver: ready to be used: ``choice.solver.solve(problem)``.
        reason: one sentence with the figures that decided.
    """

    solver: Solver
    reason: str


def choose_solver(problem: SoftProblem) -> SolverChoice:
    """The solver expected to be fastest at full precision.

    ``Finite``: the backward sweep. ``ToGoal``: one linear system where exp(V/τ) is linear, else Newton; hard planning
    to a goal iterates on values, which tolerates cycles of reward zero. ``Discounted``: value iteration or Newton, by
    an estimate of the seconds of both.

    Args:
        problem: what is to be planned.

    Returns:
        The solver and the reason.
    """
    n_states, width = problem.mdp.n_states, _successors(problem)
    factorises = n_states <= FACTORS_FIT and width <= WIDE
    linear_solver = SoftPolicyIteration().linear_solver if factorises else IterativeSolver()
    if isinstance(problem.time, Finite):
        return SolverChoice(BackwardSweep(), f"{problem.time.horizon} decisions: one backward sweep is exact")
    if isinstance(problem.time, Discounted):
        return _discounted(problem, problem.time.discount, factorises)
    if is_linear(problem):
        form = "the trajectory-level form" if problem.optimistic else "deterministic dynamics"
        return SolverChoice(LinearSystem(), f"{form} to a goal: exp(V/τ) solves one linear system of {n_states} states")
    if problem.temperature == 0:
        return SolverChoice(
            SoftValueIteration(linear_solver=linear_solver),
            "hard planning to a goal: value iteration, since policies may circle where rewards are zero",
        )
    how = "a direct" if factorises else "an iterative"
    return SolverChoice(
        SoftPolicyIteration(linear_solver=linear_solver),
        f"causal entropy under stochastic dynamics to a goal: Newton's method, {how} solve of {n_states} states a step",
    )


def solve(problem: SoftProblem) -> SoftSolution:
    """Solve a problem with the solver of :func:`choose_solver`; raises as that solver does.

    Where the linear system in exp(V/τ) is not accurate enough, soft value iteration takes its place.
    """
    solver = choose_solver(problem).solver
    try:
        return solver.solve(problem)
    except Failure as failure:
        if failure.status is not Status.INACCURATE_SOLVE or not isinstance(solver, LinearSystem):
            raise
    return SoftValueIteration().solve(problem)


def _discounted(problem: SoftProblem, discount: float, factorises: bool) -> SolverChoice:
    n_states = problem.mdp.n_states
    iteration = SoftValueIteration(
        linear_solver=SoftPolicyIteration().linear_solver if factorises else IterativeSolver()
    )
    wanted = iteration.tolerance * (1.0 - discount)
    backups = 1 if discount == 0 else math.ceil(math.log(wanted) / math.log(discount))
    iterating = backups * n_states * problem.mdp.n_actions * _successors(problem) ** 0.5 * SECONDS_A_LINK
    newton = NEWTON_STEPS * n_states**1.5 * SECONDS_OF_FACTORS
    figures = f"discount {discount} needs about {backups} backups of {n_states} states ({iterating:.2g} s)"
    if not factorises and backups <= iteration.max_iterations:
        return SolverChoice(iteration, f"{figures}, and the factors of Newton's method would not fit in memory")
    if not factorises:
        return SolverChoice(
            SoftPolicyIteration(linear_solver=IterativeSolver()),
            f"{figures}, more than {iteration.max_iterations}: Newton's method with an iterative linear solver",
        )
    if iterating <= newton:
        return SolverChoice(
            iteration, f"{figures}, less than {NEWTON_STEPS} Newton steps ({newton:.2g} s): value iteration"
        )
    return SolverChoice(
        SoftPolicyIteration(), f"{figures}, more than {NEWTON_STEPS} Newton steps ({newton:.2g} s): policy iteration"
    )


def _successors(problem: SoftProblem) -> int:
    """Distinct successors of a state, at most."""
    transitions = problem.mdp.transitions
    return transitions.successors.shape[0] if isinstance(transitions, SparseTransitions) else transitions.n_actions
