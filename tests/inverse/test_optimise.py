"""Optimisers on functions whose maximum is known."""

import dataclasses
import math

import numpy as np
import pytest

from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.target import AbstractTarget, Point
from maxentrl.inverse.textbook import TextbookGradient
from maxentrl.status import Failure, Status


@dataclasses.dataclass(frozen=True, eq=False)
class Logistic(AbstractTarget):
    """offset − Σ_k weight_k log cosh(slope_k (x_k − top_k)) − ½ coupling (Σ (x − top)·slope)²; infinite beyond a plane."""

    space: ParameterSpace
    top: np.ndarray
    slope: np.ndarray
    offset: float = 0.0
    wall: float = math.inf
    unit: np.ndarray | None = None

    @property
    def total_weight(self) -> float:
        return 1.0

    def evaluate(self, free):
        z = self.slope * (free - self.top)
        if z.sum() > self.wall:
            raise Failure(Status.INFINITE_PARTITION)
        value = self.offset - (np.logaddexp(z, -z) - math.log(2)).sum() - 0.25 * z.sum() ** 2
        return Point(free.copy(), float(value), -self.slope * (np.tanh(z) + 0.5 * z.sum()))

    def hessian(self, free, which):
        z = self.slope * (free - self.top)
        full = -np.diag(self.slope**2 * (1 - np.tanh(z) ** 2)) - 0.5 * np.outer(self.slope, self.slope)
        return full[np.ix_(which, which)]

    def scales(self, free):
        return np.ones(len(free)) if self.unit is None else self.unit


NAMES = ("a", "b", "c")
FREE = ParameterSpace.of(NAMES)
TOP = np.array([0.5, -0.3, 0.2])
ONES = np.ones(3)
OPTIMISERS = [LBFGSB(gradient_tolerance=1e-9), Newton(gradient_tolerance=1e-9)]


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_the_known_maximum(optimiser):
    seen = []
    best = optimiser.maximise(Logistic(FREE, TOP, ONES), np.zeros(3), seen.append)
    assert best.status is Status.CONVERGED
    np.testing.assert_allclose(best.point.free, TOP, atol=1e-8)
    assert [p.evaluation for p in seen] == list(range(1, best.evaluations + 1))
    assert seen[-1].improved
    assert seen[-1].gradient_norm == best.gradient_norm <= 1e-9


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_bounds_hold_what_they_should(optimiser):
    space = ParameterSpace.of(NAMES, bounds={"a": (None, 0.1), "b": (0.0, 1.0)})
    target = Logistic(space, TOP, ONES)
    best = optimiser.maximise(target, np.zeros(3))
    assert best.status is Status.CONVERGED
    np.testing.assert_array_equal(best.point.free[:2], [0.1, 0.0])
    gradient = target.evaluate(best.point.free).gradient
    assert gradient[0] > 0 > gradient[1]
    assert abs(gradient[2]) < 1e-8


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_infinity_is_stepped_back_from(optimiser):
    """The wall lies just behind the top: long first steps cross it."""
    rejected = []
    target = Logistic(FREE, 30 * np.abs(TOP), ONES, wall=0.05)
    best = optimiser.maximise(target, np.array([14.9, 8.9, 5.0]), rejected.append)
    assert best.status is Status.CONVERGED
    np.testing.assert_allclose(best.point.free, 30 * np.abs(TOP), atol=1e-7)
    far = optimiser.maximise(target, np.zeros(3), rejected.append)
    assert far.status is Status.CONVERGED
    assert any(p.value == -math.inf for p in rejected)


def test_an_infeasible_start_is_refused():
    with pytest.raises(Failure, match="partition function is infinite"):
        LBFGSB().maximise(Logistic(FREE, TOP, ONES, wall=-10.0), np.zeros(3))


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_small_steps_are_not_convergence(optimiser):
    """Slopes from 1e-3 to 1e3: the steps of a plain quasi-Newton method become tiny far from the top."""
    slope = np.array([1e-3, 1.0, 1e3])
    target = Logistic(FREE, TOP / slope, slope)
    best = dataclasses.replace(optimiser, gradient_tolerance=1e-8).maximise(target, np.zeros(3))
    assert best.status is Status.CONVERGED
    np.testing.assert_allclose(best.point.free * slope, TOP, atol=1e-5)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_large_constant_does_not_hide_the_last_digits(optimiser):
    """Beside 1e9 nats a rise of 1e-8 cannot be seen in the values; the gradients still lead there."""
    best = optimiser.maximise(Logistic(FREE, TOP, ONES, offset=1e9), np.zeros(3))
    assert best.status is Status.CONVERGED
    np.testing.assert_allclose(best.point.free, TOP, atol=1e-8)


def test_budget_and_stall_are_said():
    target = Logistic(FREE, TOP, ONES)
    assert LBFGSB(max_evaluations=3).maximise(target, np.zeros(3)).status is Status.MAXIMUM_ITERATIONS
    impossible = LBFGSB(gradient_tolerance=0.0).maximise(Logistic(FREE, TOP * math.pi, ONES * 1.7), np.zeros(3))
    assert impossible.status in (Status.STALLED, Status.CONVERGED)
    assert impossible.gradient_norm < 1e-12


def test_a_target_without_maximum_does_not_run_for_ever():
    @dataclasses.dataclass(frozen=True, eq=False)
    class Slope(Logistic):
        def evaluate(self, free):
            return Point(free.copy(), float(free.sum()), np.ones(3))

    best = LBFGSB().maximise(Slope(FREE, TOP, ONES), np.zeros(3))
    assert best.status is Status.STALLED
    assert best.evaluations < 200


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_interruption_keeps_the_best_point(optimiser):
    kept = []

    def interrupt(step):
        kept.append(step)
        if step.evaluation == 4:
            raise KeyboardInterrupt

    target = Logistic(FREE, TOP, ONES)
    stopped = dataclasses.replace(optimiser, gradient_tolerance=1e-12).maximise(target, np.zeros(3), interrupt)
    assert stopped.status is Status.INTERRUPTED
    assert stopped.point.value == max(p.value for p in kept)
    resumed = optimiser.maximise(target, stopped.point.free)
    np.testing.assert_allclose(resumed.point.free, TOP, atol=1e-8)


def test_textbook_loop_takes_plain_steps():
    target, seen = Logistic(FREE, TOP, ONES), []
    best = TextbookGradient(step_size=0.3, steps=400, gradient_tolerance=1e-7).maximise(
        target, np.zeros(3), seen.append
    )
    assert best.status is Status.CONVERGED
    np.testing.assert_allclose(best.point.free, TOP, atol=1e-6)
    np.testing.assert_allclose(seen[1].parameters, 0.3 * target.evaluate(np.zeros(3)).gradient)
    short = TextbookGradient(step_size=0.3, steps=5).maximise(target, np.zeros(3))
    assert short.status is Status.MAXIMUM_ITERATIONS
    assert short.evaluations == 6
