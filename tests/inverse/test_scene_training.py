"""A network that learns from scenes of different sizes, scene by scene and walk by walk."""

import numpy as np
import pytest

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.batches import EveryWalk, SceneBatches, WalkBatches, batch_targets
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.fit import fit, space_of
from maxentrl.inverse.gradient_steps import GradientSteps, adam
from maxentrl.inverse.held_out import HeldOut, log_likelihood
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.target import FitTarget
from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.mdp.time import ToGoal
from maxentrl.mdp.world import World
from maxentrl.rewards.convolution import convolutional
from maxentrl.status import InvalidInput, Status
from rewards.small_scenes import walks_to_the_last_cell


def scene(rows: int, columns: int, seed: int) -> World:
    generator = np.random.default_rng(seed)
    return grid_world({"grass": generator.random((rows, columns)), "step": np.ones((rows, columns))}, moves=FOUR_MOVES)


def walks(world: World, count: int, seed: int) -> Trajectories:
    generator = np.random.default_rng(seed)
    paths, moves, goals = walks_to_the_last_cell(world, count, generator)
    return Trajectories.of(paths, moves, goals=goals, weights=generator.uniform(0.5, 2, count).round(2))


@pytest.fixture(scope="module")
def problems():
    worlds = [scene(3, 4, 0), scene(5, 3, 1)]
    reward = convolutional(worlds[0], channels=(2,), kernels=(3,))
    rewards = [reward, reward.on(worlds[1])]
    pairs = enumerate(zip(worlds, rewards, strict=True))
    return [InverseProblem(world.mdp, r, walks(world, 6, seed), ToGoal(), 0.8) for seed, (world, r) in pairs]


def target_of(problems) -> FitTarget:
    return FitTarget(tuple(map(FeatureMatching.of, problems)), space_of(problems[0].reward))


def test_the_gradient_of_a_network_over_two_sizes_is_that_of_a_stencil(problems):
    target, step = target_of(problems), 1e-4
    theta = target.space.start
    gradient = target.evaluate(theta).gradient
    for k in np.random.default_rng(0).choice(len(theta), 4, replace=False):
        values = [target.evaluate(theta + n * step * np.eye(len(theta))[k]).value for n in (-2, -1, 1, 2)]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        assert gradient[k] == pytest.approx(slope, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(("batches", "count"), [(EveryWalk(), 1), (SceneBatches(), 2), (WalkBatches(3), 4)])
def test_the_mean_over_the_batches_of_all_scenes_is_the_target(problems, batches, count):
    target = target_of(problems)
    parts = batch_targets(target, batches, np.random.default_rng(0))
    assert len(parts) == count
    theta = target.space.start + 0.03
    whole, each = target.evaluate(theta), [part.evaluate(theta) for part in parts]
    assert np.mean([point.value for point in each]) == pytest.approx(whole.value, rel=1e-12)
    np.testing.assert_allclose(np.mean([point.gradient for point in each], axis=0), whole.gradient, atol=1e-10)
    assert {part.total_weight for part in parts} == {target.total_weight}
    if count > 1:
        assert all(len(part.problems) == 1 for part in parts)
        assert abs(each[0].value - whole.value) > 1e-3


def test_training_over_scenes_stops_where_walks_held_out_in_both_are_likeliest(problems):
    held_out = tuple(walks(world, 4, seed) for seed, world in enumerate([scene(3, 4, 0), scene(5, 3, 1)], 7))
    seen = []
    stopping = HeldOut(held_out, every=1, patience=100)
    optimiser = GradientSteps(adam(0.02), steps=12, batches=SceneBatches(), held_out=stopping)
    fitted = fit(problems, optimiser=optimiser, progress=seen.append)
    assert fitted.status in (Status.STEPS_TAKEN, Status.EARLY_STOPPED)
    likelihoods = stopping.likelihoods(problems)

    def score(theta):
        return sum(log_likelihood(one, reward_table(one.problem.reward, theta)) for one in likelihoods)

    apart = [ConditionalLikelihood.of(one.problem) for one in likelihoods]
    direct = sum(one.evaluate(reward_table(one.problem.reward, fitted.parameters)).value for one in apart)
    assert score(fitted.parameters) == pytest.approx(direct)
    assert score(fitted.parameters) >= max(score(step.parameters) for step in seen) - 1e-9
    assert score(fitted.parameters) > score(fitted.start)
    with pytest.raises(InvalidInput, match="held out are walks of 1 scenes, the fit has 2"):
        fit(problems, optimiser=GradientSteps(adam(), steps=2, held_out=HeldOut(held_out[0])))
