import dataclasses

import numpy as np
import pytest

from inverse.test_training import STILL, problem_of
from maxentrl.inverse.ensemble import fit_ensemble
from maxentrl.inverse.gradient_steps import GradientSteps, adam
from maxentrl.inverse.regret import regret
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.policy_evaluation import policy_kl
from maxentrl.planning.problem import SoftProblem
from maxentrl.rewards.convolution import convolutional
from maxentrl.status import InvalidInput
from rewards.small_scenes import small_world


def test_an_ensemble_has_a_mean_and_says_where_its_members_differ():
    problem = problem_of("convolutional, to goal")

    def reward_of(seed):
        return convolutional(STILL, channels=(2, 2), seed=seed)

    found = fit_ensemble(
        problem, reward_of, (0, 1, 2), optimiser_of=lambda seed: GradientSteps(adam(0.05), steps=8, seed=seed)
    )
    tables = [member.reward_table().pair for member in found.fits]
    np.testing.assert_allclose(found.mean_table().pair, (tables[0] + tables[1] + tables[2]) / 3, rtol=1e-12)
    spread = np.sqrt(sum((t - found.mean_table().pair) ** 2 for t in tables) / 2)
    np.testing.assert_allclose(found.disagreement().pair, spread, rtol=1e-9)
    assert spread.max() > 1e-3
    assert len(found.statuses) == 3
    for seeds in ((1,), (1, 1)):
        with pytest.raises(InvalidInput, match="at least two, all different"):
            fit_ensemble(problem, reward_of, seeds, optimiser_of=lambda seed: GradientSteps(adam(0.05)))


@pytest.mark.parametrize("time", [Finite(5), Discounted(0.9), ToGoal((11,))])
def test_regret_is_the_divergence_of_paths_and_blind_to_shaping(time):
    world = small_world(slip=0.2)
    generator = np.random.default_rng(0)
    truth = RewardTable(-2.5 - generator.random((4, 12)), np.zeros(12))
    problem = SoftProblem(world.mdp, truth, time, 0.7)
    assert regret(problem, truth, 0).soft == pytest.approx(0.0, abs=1e-9)
    other = RewardTable(truth.pair + 0.4 * generator.normal(size=(4, 12)), truth.terminal)
    found = regret(problem, other, 0)
    policies = [solve(dataclasses.replace(problem, reward=r)).policy for r in (other, truth)]
    assert found.soft == pytest.approx(0.7 * policy_kl(problem, *policies, 0), rel=1e-7)
    assert found.soft > 1e-3
    discount = 0.9 if isinstance(time, Discounted) else 1.0
    potential = generator.normal(size=12)
    shaped = np.stack([np.asarray(row) for row in world.mdp.transitions.expect(potential)])
    shaped = RewardTable(truth.pair + discount * shaped - potential, truth.terminal - potential)
    assert regret(problem, shaped, 0).soft == pytest.approx(0.0, abs=1e-8)
    with pytest.raises(InvalidInput, match="has shape"):
        regret(problem, RewardTable(np.zeros((4, 3)), np.zeros(3)), 0)
