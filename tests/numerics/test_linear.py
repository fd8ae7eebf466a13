"""Linear solves on matrices that defeat an unchecked one: right, or refused by name, never neither."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from maxentrl.numerics.linear import AbstractLinearSolver, DirectSolver, IterativeSolver
from maxentrl.status import Failure, Status

SOLVERS = [pytest.param(DirectSolver(), id="direct"), pytest.param(IterativeSolver(), id="iterative")]


def exact(matrix: np.ndarray, right_side: np.ndarray) -> np.ndarray:
    """Gauss–Jordan elimination in rational numbers, for one column or several."""
    columns = right_side.reshape(len(matrix), -1)
    rows = [[Fraction(x) for x in row] for row in np.hstack([matrix, columns]).tolist()]
    for k in range(len(rows)):
        pivot = next(i for i in range(k, len(rows)) if rows[i][k] != 0)
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i, row in enumerate(rows):
            if i != k and row[k] != 0:
                rows[i] = [x - row[k] * y for x, y in zip(row, rows[k], strict=True)]
    return np.array([[float(x) for x in row[len(rows) :]] for row in rows]).reshape(right_side.shape)


def growing(n: int) -> np.ndarray:
    """Wilkinson's matrix: elimination without a complete search for pivots grows like 2ⁿ."""
    matrix = np.eye(n) - np.tril(np.ones((n, n)), -1)
    matrix[:, -1] = 1.0
    return matrix


def walk(n: int, stay: float) -> np.ndarray:
    """I − P of a walk on a line that is left with probability 1 − stay at one end only: slow, nearly singular."""
    matrix = np.zeros((n, n))
    for i in range(n):
        matrix[i, max(i - 1, 0)] += 0.5
        if i + 1 < n:
            matrix[i, i + 1] += 0.5 * stay
    return np.eye(n) - matrix


HOSTILE = {
    "tiny pivot": np.array([[1e-20, 1.0], [1.0, 1.0]]),
    "zero pivots": np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]),
    "growth": growing(25),
    "wide range": np.diag(10.0 ** np.arange(-150, 150, 30)) + np.diag(10.0 ** np.arange(-150, 120, 30), 1),
    "slow walk": walk(25, 1.0),
    "hidden singularity": np.array([[1.0, 1.0 - 1e-15], [1.0, 1.0]]),
    "random": np.random.default_rng(0).normal(size=(10, 10)),
}


def check_accurate(matrix: np.ndarray, found: np.ndarray, right_side: np.ndarray) -> None:
    """Componentwise |x − x*| ≤ tolerance · |A⁻¹| (|A||x| + |b|) (Higham 2002, theorem 7.4), with a factor of two."""
    wanted, inverse = exact(matrix, right_side), exact(matrix, np.eye(len(matrix)))
    allowed = 2e-11 * np.abs(inverse) @ (np.abs(matrix) @ np.abs(found) + np.abs(right_side))
    assert (np.abs(found - wanted) <= allowed).all()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("transposed", [False, True])
def test_right_or_refused(solver: AbstractLinearSolver, name: str, transposed: bool) -> None:
    """What comes back solves the system to the accuracy that its condition allows; else the refusal has a name."""
    matrix = HOSTILE[name]
    right_side = np.random.default_rng(1).random(len(matrix))
    try:
        factors = solver.factorise(sp.csr_array(matrix))
        found = factors.solve_transposed(right_side) if transposed else factors.solve(right_side)
    except Failure as failure:
        refusal = failure.status
    else:
        check_accurate(matrix.T if transposed else matrix, found, right_side)
        return
    assert refusal is Status.INACCURATE_SOLVE
    assert name != "slow walk"


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "matrix",
    [np.zeros((3, 3)), np.ones((3, 3)), np.eye(4) - np.roll(np.eye(4), 1, axis=1), np.diag([1.0, 0.0])],
    ids=["zero", "ones", "closed cycle", "zero row"],
)
def test_a_singular_matrix_is_refused_by_name(solver: AbstractLinearSolver, matrix: np.ndarray) -> None:
    with pytest.raises(Failure) as failure:
        solver.factorise(sp.csr_array(matrix)).solve(np.arange(1.0, len(matrix) + 1))
    assert failure.value.status is Status.INACCURATE_SOLVE


@pytest.mark.parametrize("solver", SOLVERS)
def test_not_a_number_is_refused_by_name(solver: AbstractLinearSolver) -> None:
    with pytest.raises(Failure) as failure:
        solver.factorise(sp.csr_array(np.array([[1.0, np.nan], [0.0, 1.0]])))
    assert failure.value.status is Status.NON_FINITE
    with pytest.raises(Failure) as failure:
        solver.factorise(sp.csr_array(np.eye(2))).solve(np.array([np.inf, 1.0]))
    assert failure.value.status is Status.NON_FINITE


@pytest.mark.parametrize("solver", SOLVERS)
def test_one_factorisation_serves_the_transpose_many_columns_and_any_scale(solver: AbstractLinearSolver) -> None:
    rng = np.random.default_rng(3)
    policy = rng.random((50, 50)) * (rng.random((50, 50)) < 0.1) + np.eye(50)
    matrix = np.eye(50) - 0.99 * policy / policy.sum(1, keepdims=True)
    columns, factors = rng.normal(size=(50, 3)), solver.factorise(sp.csr_array(matrix))
    for scale in (1e-200, 1.0, 1e200):
        np.testing.assert_allclose(
            factors.solve(scale * columns), scale * np.linalg.solve(matrix, columns), rtol=1e-8, atol=scale * 1e-9
        )
        np.testing.assert_allclose(
            factors.solve_transposed(scale * columns[:, 0]),
            scale * np.linalg.solve(matrix.T, columns[:, 0]),
            rtol=1e-8,
            atol=scale * 1e-9,
        )
    assert not factors.solve(np.zeros(50)).any()


def test_refinement_mends_a_solve_that_is_not_good_enough() -> None:
    """Both pivots are tiny: one solve without pivoting loses half of the digits, refinement brings them back."""
    matrix, right_side = np.array([[1e-9, 1.0], [1.0, 3e-9]]), np.array([1.0, 2.0])
    wanted = exact(matrix, right_side)
    found = DirectSolver().factorise(sp.csc_array(matrix)).solve(right_side)
    np.testing.assert_allclose(found, wanted, rtol=1e-11)
    with pytest.raises(Failure, match="relative residual"):
        DirectSolver(refinements=0).factorise(sp.csc_array(matrix)).solve(right_side)


def test_an_iterative_solve_that_does_not_converge_is_refused() -> None:
    matrix = sp.csr_array(np.eye(200) - 0.9999 * np.roll(np.eye(200), 1, axis=1))
    weak = IterativeSolver(max_iterations=1, drop_tolerance=0.99999, fill_factor=1.0)
    with pytest.raises(Failure, match="BiCGSTAB"):
        weak.factorise(matrix).solve(np.random.default_rng(0).normal(size=200))
