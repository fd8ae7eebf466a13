import numpy as np
import pytest

from inverse.small_fits import curved_reward, feasible_parameters, small_mdp, small_problem
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import value_and_gradient
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.target import FitTarget


@pytest.mark.parametrize("curved", [False, True])
def test_prepared_pullbacks_are_the_reward_s_own_vjp(curved):
    reward = curved_reward(small_mdp(deterministic=False)) if curved else None
    problem = small_problem("finite", deterministic=False, reward=reward)
    objective, theta = ConditionalLikelihood.of(problem), feasible_parameters("finite")
    target = FitTarget((objective,), ParameterSpace.of(problem.reward.names))
    value, gradient = value_and_gradient(objective, problem.reward, theta)
    point = target.evaluate(theta)
    assert point.value == pytest.approx(value, rel=1e-13)
    np.testing.assert_allclose(point.gradient, gradient, rtol=1e-12)


def test_prior_ties_and_fixed_values_reach_value_gradient_and_hessian():
    problem = small_problem("finite", deterministic=True)
    names = problem.reward.names
    space = ParameterSpace.of(names, tied=[(names[0], names[2])], fixed={names[1]: 0.3})
    prior = GaussianPrior.of(names, scale=0.7, mean=0.1)
    target = FitTarget((ConditionalLikelihood.of(problem),), space, prior)
    free, step = np.array([0.4]), 1e-4
    points = {k: target.evaluate(free + k * step) for k in (-2, -1, 1, 2)}

    def slope(read):
        return (read(points[-2]) - 8 * read(points[-1]) + 8 * read(points[1]) - read(points[2])) / (12 * step)

    np.testing.assert_allclose(target.evaluate(free).gradient[0], slope(lambda p: p.value), rtol=1e-7)
    np.testing.assert_allclose(
        target.hessian(free, np.ones(len(free), bool))[0, 0], slope(lambda p: p.gradient[0]), rtol=1e-7
    )
