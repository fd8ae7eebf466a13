"""To-goal problems that are linear after exponentiation: one sparse solve a goal, no iteration."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from jaxtyping import Float

from maxentrl.mdp.time import ToGoal
from maxentrl.numerics.blas import single_blas_thread
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.backup import make_backup_ending
from maxentrl.planning.exponential import (
    CHUNK,
    SCALE,
    SMALLEST,
    TOLERANCE,
    ExponentialFactors,
    LinkPattern,
    Links,
    log_links,
    visits_of_sources,
)
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.planning.stationary import summed_pairs
from maxentrl.status import Failure, InvalidInput, Status

LARGEST = 1e13
"""Expected visits beyond which the partition function counts as infinite in double precision."""


def is_linear(problem: SoftProblem) -> bool:
    """Whether a problem is linear in exp(V/τ): to-goal, deterministic or trajectory-level, 0 < τ < ∞."""
    linear = problem.optimistic or problem.mdp.transitions.deterministic
    return isinstance(problem.time, ToGoal) and linear and 0 < problem.temperature < np.inf


@dataclasses.dataclass(frozen=True, eq=False)
class LinearSystem:
    """Solves z = M z + b with z = exp(V/τ) by sparse LU; residual and finiteness are checked.

    Attributes:
        pattern: the links and their elimination order, where they have been found before; None finds them.
    """

    pattern: LinkPattern | None = None

    def solve(self, problem: SoftProblem) -> SoftSolution:
        """The solution of one problem; -inf where no goal can be reached.

        Raises:
            InvalidInput: the problem is not linear in exp(V/τ).
            Failure: INFINITE_PARTITION (with the spectral radius) or INACCURATE_SOLVE.
        """
        if not isinstance(problem.time, ToGoal) or problem.time.goals is None:
            raise InvalidInput("LinearSystem solves ToGoal problems; see choose_solver")
        return self.solve_goals(problem, (problem.time.goals,))[0]

    @single_blas_thread
    def solve_goals(self, problem: SoftProblem, goals: tuple[tuple[int, ...], ...]) -> list[SoftSolution]:
        """One solution for each set of goals; single goals share a factorisation while the range of costs allows.

        Raises:
            InvalidInput: as :meth:`solve`.
            Failure: as :meth:`solve`.
        """
        if not is_linear(problem):
            raise InvalidInput(
                "LinearSystem needs a ToGoal problem with deterministic dynamics or the trajectory-level form, and "
                "0 < temperature < inf; see choose_solver"
            )
        pattern = self.pattern or LinkPattern.of(problem.mdp.transitions)
        nowhere = np.zeros(problem.mdp.n_states, bool)
        links = Links(pattern, log_links(make_backup_ending(problem, nowhere)))
        posed = [dataclasses.replace(problem, time=ToGoal(each)) for each in goals]
        shared = _solve_shared(links, posed) if len(goals) > 1 else {}
        return [shared.get(i) or _solve_absorbed(links, each) for i, each in enumerate(posed)]


def _solve_shared(links: Links, posed: list[SoftProblem]) -> dict[int, SoftSolution]:
    """Solutions of the single goals that one factorisation reaches, by their position."""
    single = [i for i, problem in enumerate(posed) if len(_goals(problem)) == 1]
    with np.errstate(over="ignore"):
        matrix = links.pattern.matrix(np.exp(links.log_weight))
    factors, ones = _factorise(matrix), np.ones(len(links.pattern.place))
    if factors is None or not _certified(matrix, factors.solve(ones), ones):
        return {}
    solutions, moving = {}, links.moving
    for first in range(0, len(single), CHUNK):
        chunk = single[first : first + CHUNK]
        places = links.pattern.place[[_goals(posed[i])[0] for i in chunk]]
        right = np.zeros((len(ones), len(chunk)), order="F")
        right[places, np.arange(len(chunk))] = SCALE
        columns = factors.solve(right)
        error = np.abs(matrix @ columns - right)
        for k, i in enumerate(chunk):
            column, arrives = columns[:, k], moving.copy()
            arrives[places[k]] = True
            inside = column[arrives]
            if not ((inside > SMALLEST).all() and np.isfinite(inside).all()):
                continue
            backward = float(np.max(error[arrives, k] / inside))
            if backward > TOLERANCE:
                continue
            z = np.where(arrives, column / (column[places[k]] / SCALE), 0.0)
            goal = _goals(posed[i])[0]
            end_value = float(posed[i].reward.terminal[goal]) / posed[i].temperature
            found = ExponentialFactors(links.pattern, matrix, factors, z, int(places[k]))
            with np.errstate(divide="ignore"):
                values = (np.log(z) - np.log(SCALE) + end_value)[links.pattern.place]
            solutions[i] = _solution(posed[i], values, found, backward)
    return solutions


def _solve_absorbed(links: Links, problem: SoftProblem) -> SoftSolution:
    """One set of goals, shifted by its hard shortest-path values: any range of costs."""
    pattern = links.pattern
    ends = np.flatnonzero(problem.ends)
    end_value = np.asarray(problem.reward.terminal)[ends] / problem.temperature
    everywhere = np.ones(len(problem.ends), bool)
    potential = links.within(~problem.ends, everywhere).potential(ends, end_value)
    arrives = ~np.isneginf(potential)
    if not (arrives & ~problem.ends).any():
        names = ", ".join(problem.mdp.state_name(int(goal)) for goal in ends[:8])
        raise Failure(Status.UNREACHABLE_GOAL, f"no state has a way to {names}")
    kept = links.within(arrives & ~problem.ends, arrives)
    matrix = pattern.matrix(kept.shifted(potential))
    right = np.zeros(len(potential))
    right[ends] = np.exp(end_value - np.where(arrives, potential, 0.0)[ends])
    right = right[pattern.order]
    factors = _factorise(matrix)
    if factors is None:
        raise _refusal(kept)
    z = factors.solve(right)
    alive = arrives[pattern.order]
    with np.errstate(invalid="ignore", divide="ignore"):
        positive = np.isfinite(z).all() and (z[alive] > 0).all()
        if not (positive and _certified(matrix, factors.solve(np.where(alive, z, 0.0)), z, alive)):
            raise _refusal(kept)
        backward = float(np.max(np.abs(matrix @ z - right)[alive] / z[alive], initial=0.0))
        if backward > TOLERANCE:
            raise Failure(Status.INACCURATE_SOLVE, f"relative residual {backward:.1e} of the linear system in exp(V/τ)")
        z = np.where(alive, z, 0.0)
        values = np.log(z)[pattern.place] + potential
    found = ExponentialFactors(pattern, matrix, factors, z, None)
    return _solution(problem, np.where(arrives, values, -np.inf), found, backward)


def _goals(problem: SoftProblem) -> tuple[int, ...]:
    return (problem.time.goals or ()) if isinstance(problem.time, ToGoal) else ()


def _factorise(matrix: sp.csc_matrix) -> sla.SuperLU | None:
    """LU in the pattern's own order without pivoting; None where a pivot vanishes."""
    if not np.isfinite(matrix.data).all():
        return None
    try:
        return sla.splu(matrix, permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError:
        return None


def _certified(
    matrix: sp.csc_matrix,
    witness: Float[np.ndarray, " S"],
    right_side: Float[np.ndarray, " S"],
    alive: np.ndarray | None = None,
) -> bool:
    """Whether (I − M) w = b holds for some w > 0 and b > 0, which proves that M's spectral radius is below one."""
    states = np.ones(len(witness), bool) if alive is None else alive
    if not (np.isfinite(witness).all() and (witness[states] > 0).all()):
        return False
    image = matrix @ witness
    long = witness[states] / right_side[states]
    return bool((image[states] > 0.5 * right_side[states]).all() and long.max() < LARGEST)


def _refusal(links: Links) -> Failure:
    radius = links.radius()
    if radius >= 1 - 1e-6:
        return Failure(
            Status.INFINITE_PARTITION, f"The spectral radius of exp(reward/temperature) is {radius:.6g}, not below 1"
        )
    return Failure(
        Status.INACCURATE_SOLVE, f"the factors are not positive although the spectral radius is {radius:.6g}"
    )


def _solution(
    problem: SoftProblem, values: Float[np.ndarray, " S"], factors: ExponentialFactors, residual: float
) -> SoftSolution:
    return SoftSolution(problem, values, Status.EXACT, "LinearSystem", 0, residual, factors=factors)


@single_blas_thread
def total_visits(solutions: Sequence[SoftSolution], sources: Sequence[Float[np.ndarray, " S"]]) -> RewardTable:
    """Σ_i visits of ``sources[i]`` under ``solutions[i]``, stationary solutions of one process.

    Those that share a factorisation are solved for in one batch.

    Raises:
        Failure: UNREACHABLE_GOAL where a source lies in a state without a way to its goal.
    """
    total = solutions[0].problem.reward.zeros()
    batch = [] if total.outcome is not None else [i for i, s in enumerate(solutions) if _exponential(s) is not None]
    for i in set(range(len(solutions))) - set(batch):
        _add(total, solutions[i].occupancy(sources[i]).visits)
    factors = [found for i in batch if (found := _exponential(solutions[i])) is not None]
    for i in batch:
        solutions[i].check_reachable(sources[i])
    masses = visits_of_sources(factors, [sources[i] for i in batch])
    for first in range(0, len(batch), CHUNK):
        _add_pairs(total, [solutions[i] for i in batch[first : first + CHUNK]], masses[first : first + CHUNK])
    return total


def _exponential(solution: SoftSolution) -> ExponentialFactors | None:
    return solution.factors if isinstance(solution.factors, ExponentialFactors) else None


def _add(total: RewardTable, visits: RewardTable) -> None:
    for sum_so_far, more in zip(jax.tree.leaves(total), jax.tree.leaves(visits), strict=True):
        np.add(sum_so_far, more, out=sum_so_far)


@double_precision
def _add_pairs(
    total: RewardTable, solutions: Sequence[SoftSolution], masses: Sequence[Float[np.ndarray, " S"]]
) -> None:
    """Σ mass · π over solutions of one process, whose moves differ only where nothing is left to choose."""
    moving = np.stack([np.where(s.problem.ends, 0.0, m) for s, m in zip(solutions, masses, strict=True)])
    values = np.stack([solution.scaled_values for solution in solutions])
    open_moves = make_backup_ending(solutions[0].problem, np.zeros(moving.shape[1], bool))
    total.pair[:] += np.asarray(summed_pairs(open_moves, values, moving))
    for mass, left in zip(masses, moving, strict=True):
        total.terminal[:] += mass - left
