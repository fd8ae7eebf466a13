"""Sparse linear systems (I − M) x = b on the host, each solve checked by its residual.

One factorisation serves the system and its transpose, so the values of a policy and its visits cost one.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from jaxtyping import Float

from maxentrl.numerics.blas import single_blas_thread
from maxentrl.status import Failure, Status

EPSILON = float(np.finfo(np.float64).eps)
Compressed: TypeAlias = sp.csc_array | sp.csr_array
RightSide: TypeAlias = Float[np.ndarray, " S"] | Float[np.ndarray, "S K"]


class AbstractFactorisation(abc.ABC):
    """A matrix ready to be solved with, and its transpose."""

    @abc.abstractmethod
    def solve(self, right_side: RightSide) -> RightSide:
        """x with A x = b.

        Raises:
            Failure: INACCURATE_SOLVE when the residual stays above the tolerance after refinement.
        """

    @abc.abstractmethod
    def solve_transposed(self, right_side: RightSide) -> RightSide:
        """x with Aᵀ x = b; raises like :meth:`solve`."""


class AbstractLinearSolver(abc.ABC):
    """How (I − M) x = b is solved."""

    @abc.abstractmethod
    def factorise(self, matrix: sp.sparray) -> AbstractFactorisation:
        """Prepare A (S, S) for solves."""


@dataclasses.dataclass(frozen=True)
class DirectSolver(AbstractLinearSolver):
    """Sparse LU (SuperLU) in symmetric mode without pivoting, which is stable for the M-matrices of planning.

    Default pivoting returned values of 1e48 on a map of 83 000 cells without a warning; every solve is therefore
    refined until its residual is below ``tolerance``, else refused.

    Attributes:
        tolerance: largest componentwise residual |b − Ax| / (|A||x| + |b|) accepted.
        refinements: most steps of iterative refinement.
    """

    tolerance: float = 1e-11
    refinements: int = 3

    @single_blas_thread
    def factorise(self, matrix: sp.sparray) -> AbstractFactorisation:
        matrix = sp.csc_array(matrix)
        matrix.sum_duplicates()
        factors = _factors(sla.splu, matrix)
        return _Factors(matrix, factors, self)


def _factors(factorise: Callable[..., sla.SuperLU], matrix: sp.csc_array, **options: float) -> sla.SuperLU:
    """Complete or incomplete LU in symmetric mode, a singular matrix refused by name."""
    if not np.isfinite(matrix.data).all():
        raise Failure(Status.NON_FINITE, "the matrix of a linear system holds NaN or infinity")
    try:
        return factorise(
            sp.csc_matrix(matrix),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
            **options,
        )
    except RuntimeError as error:
        raise Failure(Status.INACCURATE_SOLVE, f"the matrix is singular ({error})") from error


@dataclasses.dataclass(frozen=True, eq=False)
class _Factors(AbstractFactorisation):
    matrix: sp.csc_array
    factors: sla.SuperLU
    solver: DirectSolver

    def solve(self, right_side: RightSide) -> RightSide:
        return self._refined(self.matrix, right_side, "N")

    def solve_transposed(self, right_side: RightSide) -> RightSide:
        return self._refined(self.matrix.T, right_side, "T")

    @single_blas_thread
    def _refined(self, matrix: Compressed, right_side: RightSide, side: str) -> RightSide:
        if not np.isfinite(right_side).all():
            raise Failure(Status.NON_FINITE, "the right-hand side of a linear system holds NaN or infinity")
        solution = self.factors.solve(right_side, trans=side)
        for _ in range(self.solver.refinements):
            residual = right_side - matrix @ solution
            if backward_error(matrix, solution, right_side, residual) <= self.solver.tolerance:
                return solution
            solution = solution + self.factors.solve(residual, trans=side)
        error = backward_error(matrix, solution, right_side, right_side - matrix @ solution)
        if not error <= self.solver.tolerance:
            raise Failure(Status.INACCURATE_SOLVE, f"relative residual {error:.1e} of a sparse LU solve")
        return solution


def backward_error(matrix: Compressed, solution: RightSide, right_side: RightSide, residual: RightSide) -> float:
    """max_i |residual_i| / (|A||x| + |b|)_i: the relative change of A and b for which x is exact (Oettli & Prager 1964).

    Rows whose residual is below the rounding error of the largest entry of x count as exact: where terms of both signs
    cancel, no solver does better (Arioli, Demmel & Duff 1989).
    """
    size = abs(matrix)
    scale = size @ np.abs(solution) + np.abs(right_side)
    largest = np.max(np.abs(solution), axis=0, initial=0.0)
    rounding = EPSILON * np.multiply.outer(size.sum(axis=1), largest)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(np.abs(residual) <= rounding, 0.0, np.abs(residual) / scale)
    return float(np.max(ratio, initial=0.0))


@dataclasses.dataclass(frozen=True)
class IterativeSolver(AbstractLinearSolver):
    """BiCGSTAB preconditioned by an incomplete LU, for systems whose factors do not fit in memory.

    Attributes:
        tolerance: relative residual ‖b − Ax‖ / ‖b‖ asked for.
        max_iterations: most iterations of one solve.
        drop_tolerance: entries of the incomplete factors below this are dropped.
        fill_factor: most entries of the factors, as a multiple of the matrix's.
    """

    tolerance: float = 1e-12
    max_iterations: int = 2000
    drop_tolerance: float = 1e-4
    fill_factor: float = 10.0

    def factorise(self, matrix: sp.sparray) -> AbstractFactorisation:
        matrix = sp.csc_array(matrix)
        factors = _factors(sla.spilu, matrix, drop_tol=self.drop_tolerance, fill_factor=self.fill_factor)
        return _Krylov(matrix, factors, self)


@dataclasses.dataclass(frozen=True, eq=False)
class _Krylov(AbstractFactorisation):
    matrix: sp.csc_array
    preconditioner: sla.SuperLU
    solver: IterativeSolver

    def solve(self, right_side: RightSide) -> RightSide:
        return self._each(self.matrix, right_side, "N")

    def solve_transposed(self, right_side: RightSide) -> RightSide:
        return self._each(self.matrix.T, right_side, "T")

    def _each(self, matrix: Compressed, right_side: RightSide, side: str) -> RightSide:
        if right_side.ndim == 2:
            return np.stack([self._each(matrix, column, side) for column in right_side.T], axis=1)
        size = float(np.max(np.abs(right_side)))
        if size == 0.0:
            return np.zeros_like(right_side)
        if not np.isfinite(size):
            raise Failure(Status.NON_FINITE, "the right-hand side of a linear system holds NaN or infinity")
        unit = right_side / size  # SciPy calls inner products below eps² a breakdown, whatever the scale
        length = np.linalg.norm(unit)
        precondition = sla.LinearOperator(matrix.shape, lambda b: self.preconditioner.solve(b, trans=side))
        solution, error = self.preconditioner.solve(unit, trans=side), np.inf
        with np.errstate(all="ignore"):
            for _ in range(3):  # BiCGSTAB may break down; it goes on from where it stopped
                solution, _ = sla.bicgstab(
                    matrix,
                    unit,
                    x0=solution,
                    rtol=self.solver.tolerance,
                    maxiter=self.solver.max_iterations,
                    M=precondition,
                )
                error = float(np.linalg.norm(unit - matrix @ solution) / length)
                if error <= 10 * self.solver.tolerance:
                    return solution * size
        raise Failure(Status.INACCURATE_SOLVE, f"relative residual {error:.1e} after BiCGSTAB")
