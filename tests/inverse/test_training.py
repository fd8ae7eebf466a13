"""The laws of learning for rewards that are networks, and training by optax."""

import dataclasses
import itertools

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.batches import EveryWalk, GoalBatches, WalkBatches, batch_targets
from maxentrl.inverse.decay import weight_decay
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.fit import fit, space_of
from maxentrl.inverse.given_network import refit_coefficients
from maxentrl.inverse.gradient_steps import GradientSteps, adam
from maxentrl.inverse.held_out import HeldOut, log_likelihood, split_walks
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.target import FitTarget
from maxentrl.inverse.uncertainty import WEIGHT, ErrorKind
from maxentrl.inverse.warm import WarmPlanner
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.world import World
from maxentrl.rewards.convolution import convolutional
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.network import CallInputs, NetworkReward, with_weights
from maxentrl.rewards.outputs import Cost
from maxentrl.rewards.perceptron import perceptron
from maxentrl.rewards.sums import EachStep, SumReward
from maxentrl.status import Failure, InvalidInput, Status
from rewards.small_scenes import small_world

GOALS = (11, 3)


def walks(world: World, *, count: int, length: int | None, goals: tuple[int, ...] = (), seed: int = 0) -> Trajectories:
    """Aimless walks, of ``length`` decisions or until the goal that each is given in turn."""
    generator, states, actions, aims = np.random.default_rng(seed), [], [], []
    for number in range(count):
        goal = goals[number % len(goals)] if goals else -1
        path, moves = [int(generator.choice([s for s in range(12) if s not in goals]))], []
        while (len(moves) < length) if length else (path[-1] != goal):
            action = int(generator.choice(np.flatnonzero(world.mdp.available[:, path[-1]])))
            following, chance = world.mdp.transitions.successors_of(np.array([action]), np.array([path[-1]]))
            moves.append(action)
            path.append(int(generator.choice(following[:, 0], p=chance[:, 0])))
        states.append(path)
        actions.append(moves)
        aims.append(goal)
    return Trajectories.of(states, actions, goals=aims, weights=generator.uniform(0.5, 2.0, count).round(2))


def distance_of(world: World) -> LinearReward:
    return LinearReward.of(4, pair={"distance": world.pair_features["distance"]}, terminal={})


def sum_of(world: World) -> SumReward:
    return SumReward.of(distance_of(world), perceptron(world, width=3, depth=1, output=Cost()))


STILL, SLIPPERY = small_world(), small_world(slip=0.3)
KINDS = {
    "perceptron, discounted": (SLIPPERY, Discounted(0.8), lambda w: perceptron(w, width=3, depth=1)),
    "convolutional, to goal": (STILL, ToGoal(), lambda w: convolutional(w, channels=(2, 2))),
    "sum, to goal": (STILL, ToGoal(), sum_of),
    "of the next state, finite": (
        SLIPPERY,
        Finite(),
        lambda w: perceptron(w, arrival_features=["shade"], width=3, depth=1),
    ),
    "clock, finite": (STILL, Finite(), lambda w: perceptron(w, steps=5, width=3, depth=1)),
    "each step, finite": (STILL, Finite(), lambda w: EachStep.of(perceptron(w, width=2, depth=1), 5)),
}


def problem_of(kind: str, *, count: int = 8, seed: int = 0) -> InverseProblem:
    world, time, make = KINDS[kind]
    goals = GOALS if isinstance(time, ToGoal) else ()
    length = None if goals else 5 if "step" in kind or "clock" in kind else 4
    return InverseProblem(
        world.mdp, make(world), walks(world, count=count, length=length, goals=goals, seed=seed), time, 0.8
    )


def objective_of(problem: InverseProblem):
    return (ConditionalLikelihood if isinstance(problem.time, Discounted) else FeatureMatching).of(problem)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_the_five_point_stencil(kind):
    problem = problem_of(kind)
    target = FitTarget((objective_of(problem),), space_of(problem.reward))
    generator = np.random.default_rng(1)
    theta = target.space.start + 0.1 * generator.normal(size=len(target.space.start))
    gradient = target.evaluate(theta).gradient
    for _ in range(3):
        direction, step = generator.normal(size=len(theta)), 1e-3
        at = {k: target.evaluate(theta + k * step * direction).value for k in (-2, -1, 1, 2)}
        slope = (at[-2] - 8 * at[-1] + 8 * at[1] - at[2]) / (12 * step)
        assert gradient @ direction == pytest.approx(slope, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("kind", ["perceptron", "convolutional", "each step"])
def test_gradient_vanishes_at_the_model_s_own_visits(kind):
    """All paths of three decisions from one corner, weighted by their probability ∝ exp(reward): no planner took part."""
    world, length = small_world(2, 3), 3
    reward = {
        "perceptron": lambda: perceptron(world, width=3, depth=1),
        "convolutional": lambda: convolutional(world, channels=(2, 2)),
        "each step": lambda: EachStep.of(perceptron(world, width=2, depth=1), length),
    }[kind]()
    theta = np.array(reward.start) + 0.3 * np.random.default_rng(2).normal(size=len(reward.names))
    table = reward_table(reward, theta)
    paths, moves, gains = [], [], []
    for actions in itertools.product(range(4), repeat=length):
        states, gain = [0], 0.0
        for t, action in enumerate(actions):
            if not world.mdp.available[action, states[-1]]:
                break
            gain += (table.pair[t] if table.per_step else table.pair)[action, states[-1]]
            states.append(int(np.asarray(world.mdp.transitions.successor)[action, states[-1]]))
        else:
            paths.append(states)
            moves.append(list(actions))
            gains.append(gain)
    weights = np.exp(gains) / np.exp(gains).sum()
    problem = InverseProblem(world.mdp, reward, Trajectories.of(paths, moves, weights=weights), Finite())
    target = FitTarget((FeatureMatching.of(problem),), space_of(reward))
    assert np.abs(target.evaluate(theta).gradient).max() < 1e-12
    assert np.abs(target.evaluate(theta + 0.1).gradient).max() > 1e-4


@pytest.mark.parametrize("kind", ["perceptron, discounted", "sum, to goal", "each step, finite"])
@pytest.mark.parametrize("batches", [WalkBatches(3), GoalBatches(1)])
def test_the_mean_over_all_batches_is_the_target(kind, batches):
    problem = problem_of(kind, count=8)
    prior = weight_decay(problem.reward, 0.5)
    target = FitTarget((objective_of(problem),), space_of(problem.reward), prior)
    parts = batch_targets(target, batches, np.random.default_rng(0))
    if isinstance(batches, WalkBatches):
        assert sorted(len(p.objectives[0].problem.demonstrations) for p in parts) == [2, 3, 3]
    theta = target.space.start + 0.05
    whole, each = target.evaluate(theta), [part.evaluate(theta) for part in parts]
    assert np.mean([point.value for point in each]) == pytest.approx(whole.value, rel=1e-12)
    np.testing.assert_allclose(np.mean([point.gradient for point in each], axis=0), whole.gradient, atol=1e-10)
    if len(parts) > 1:
        assert abs(each[0].value - whole.value) > 1e-3
        assert {part.total_weight for part in parts} == {target.total_weight}


def test_a_batch_of_a_goal_plans_for_that_goal_alone():
    target = FitTarget((objective_of(p := problem_of("sum, to goal")),), space_of(p.reward))
    parts = batch_targets(target, GoalBatches(1), np.random.default_rng(0))
    assert sorted(part.objectives[0].planner.goals for part in parts) == [((3,),), ((11,),)]
    with pytest.raises(InvalidInput, match="at least one walk"):
        WalkBatches(0)


@pytest.mark.parametrize("batches", [EveryWalk(), WalkBatches(5), GoalBatches(1)])
def test_training_learns_and_the_same_seed_gives_the_same(batches):
    problem = problem_of("sum, to goal", count=12)
    start = FitTarget((objective_of(problem),), space_of(problem.reward))
    before = start.evaluate(start.space.start).value
    seen = []
    steps = GradientSteps(adam(0.05), steps=30, batches=batches, seed=3)
    fitted = fit(problem, optimiser=steps, progress=seen.append)
    assert fitted.status is Status.STEPS_TAKEN
    assert fitted.status.successful
    assert fitted.uncertainty is None
    assert fitted.value > before + 1.0
    assert fitted.value == pytest.approx(start.evaluate(fitted.parameters).value, rel=1e-9)
    reward, visits = fitted.reward_table(), start.objectives[0].evaluate(fitted.reward_table()).visits
    gap = 0.8 * abs(np.vdot(reward.pair, visits.pair) + np.vdot(reward.terminal, visits.terminal))
    assert fitted.certificate.duality_gap == pytest.approx(gap, rel=1e-6)
    assert len(seen) >= 30
    assert len(fitted.history) == len(seen)
    again = fit(problem, optimiser=steps)
    assert again.parameters.tobytes() == fitted.parameters.tobytes()
    if not isinstance(batches, EveryWalk):
        other = fit(problem, optimiser=dataclasses.replace(steps, seed=4))
        assert other.parameters.tobytes() != fitted.parameters.tobytes()


def test_a_linear_reward_is_learnt_to_its_maximum_by_any_transformation():
    world = SLIPPERY
    linear = LinearReward.of(4, state=world.state_features, terminal={})
    problem = InverseProblem(world.mdp, linear, walks(world, count=20, length=5), Discounted(0.8))
    exact = fit(problem)
    for transformation in (adam(0.1), optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0, momentum=0.8))):
        fitted = fit(problem, optimiser=GradientSteps(transformation, steps=400, gradient_tolerance=1e-6))
        assert fitted.status is Status.CONVERGED
        np.testing.assert_allclose(fitted.parameters, exact.parameters, atol=1e-4)
        assert fitted.uncertainty is not None
    with pytest.raises(InvalidInput, match="asks for more than a gradient"):
        fit(problem, optimiser=GradientSteps(optax.lbfgs(), steps=3))


def test_early_stopping_keeps_what_was_best_for_the_walks_held_out():
    problem = problem_of("sum, to goal", count=6)
    held = walks(STILL, count=6, length=None, goals=GOALS, seed=9)
    looks = []

    def keep(state):
        looks.append((state.step, state.free))

    stopping = HeldOut(held, every=2, patience=3)
    fitted = fit(problem, optimiser=GradientSteps(adam(0.2), steps=300, held_out=stopping, keep=keep))
    assert fitted.status is Status.EARLY_STOPPED
    assert fitted.status.successful
    likelihood = stopping.likelihoods([problem])[0]

    def judged(free):
        try:
            return log_likelihood(likelihood, reward_table(problem.reward, free))
        except Failure:
            return -np.inf

    scores = {step: judged(free) for step, free in looks if step % 2 == 0}
    scores[0] = judged(np.array(problem.reward.start))
    best = max(scores, key=scores.get)
    assert judged(fitted.parameters) == pytest.approx(scores[best], rel=1e-12)
    assert max(scores) == best + 6
    assert all(row.standard_error is None for row in fitted.table())
    assert "stopped before the maximum" in fitted.table()[0].note
    whole = ConditionalLikelihood.of(dataclasses.replace(problem, demonstrations=held)).evaluate(fitted.reward_table())
    assert whole.value == pytest.approx(scores[best], rel=1e-10)


def test_splitting_walks():
    train, held = split_walks(walks(STILL, count=10, length=3), 0.3, 0)
    assert (len(train), len(held)) == (7, 3)
    assert set(train.names) | set(held.names) == {str(i) for i in range(10)}
    with pytest.raises(InvalidInput, match="leaves one side without any"):
        split_walks(train, 0.01, 0)


def test_decoupled_decay_has_the_fixed_point_of_a_gaussian_prior():
    world = SLIPPERY
    linear = LinearReward.of(4, state=world.state_features, terminal={})
    problem = InverseProblem(world.mdp, linear, walks(world, count=20, length=5), Discounted(0.8))
    decay, last = 0.05, []
    transformation = optax.chain(optax.add_decayed_weights(decay), optax.sgd(0.5))
    fit(problem, optimiser=GradientSteps(transformation, steps=400, keep=last.append, keep_every=400))
    strength = decay * problem.demonstrations.weights.sum()
    prior = GaussianPrior.of(linear.names, scale=strength**-0.5)
    np.testing.assert_allclose(last[-1].free, fit(problem, prior=prior).parameters, atol=1e-6)


def test_weight_decay_spares_the_coefficients():
    reward = sum_of(STILL)
    prior = weight_decay(reward, 4.0)
    assert prior.precision.tolist() == [0.0] + [4.0] * (len(reward.names) - 1)
    for bad, given in ((0.0, reward), (np.inf, reward), (1.0, distance_of(STILL))):
        with pytest.raises(InvalidInput):
            weight_decay(given, bad)


def test_coefficients_beside_a_network_keep_their_row_with_an_error_given_the_network():
    problem = problem_of("sum, to goal", count=30)
    prior = weight_decay(problem.reward, 1.0)
    fitted = fit(problem, prior=prior, optimiser=Newton())
    assert fitted.status is Status.CONVERGED
    row, *rest = fitted.table(ErrorKind.CLASSICAL)
    assert row.name == "distance"
    assert {other.note for other in rest} == {WEIGHT}
    target, step = FitTarget(fitted.objectives, fitted.space, prior), np.zeros(len(fitted.parameters))
    step[0] = 1e-4
    at = [target.evaluate(fitted.parameters + k * step).gradient[0] for k in (-2, -1, 1, 2)]
    curvature = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step[0])
    assert row.standard_error == pytest.approx((-curvature) ** -0.5, rel=1e-6)
    assert "given the network" in fitted.summary()
    assert "perceptron" not in fitted.summary()
    again = refit_coefficients(fit(problem, prior=prior, optimiser=GradientSteps(adam(0.05), steps=10)))
    assert again.status is Status.CONVERGED
    assert again.table()[0].standard_error is not None
    assert again.table()[1].note == "fixed"


def test_a_network_is_never_begun_at_zero_by_a_space_that_says_nothing():
    problem = problem_of("sum, to goal")
    space = ParameterSpace.of(problem.reward.names, bounds={"distance": (None, 0)})
    fitted = fit(problem, space=space, optimiser=LBFGSB(max_evaluations=5))
    np.testing.assert_array_equal(fitted.start[1:], np.array(problem.reward.start)[1:])
    assert fitted.parameters[0] <= 0


def test_an_infeasible_start_of_a_sum_is_mended_by_its_coefficients():
    world = STILL
    reward = SumReward.of(distance_of(world), perceptron(world, width=3, depth=1))
    problem = InverseProblem(world.mdp, reward, walks(world, count=6, length=None, goals=GOALS), ToGoal())
    fitted = fit(problem, optimiser=GradientSteps(adam(0.05), steps=5))
    assert fitted.start[0] < 0
    np.testing.assert_array_equal(fitted.start[1:], np.array(reward.start)[1:])


def test_a_step_to_an_infinite_partition_function_is_shortened():
    problem = problem_of("sum, to goal", count=6)
    refused = []

    def note(progress):
        refused.append(np.isneginf(progress.value))

    fitted = fit(problem, optimiser=GradientSteps(optax.sgd(200.0), steps=10), progress=note)
    assert any(refused)
    assert np.isfinite(fitted.value)


def wall_reward(*, gradient_only: bool) -> NetworkReward:
    """NaN as soon as the weight falls below where it begins, or NaN in its derivative there."""
    shade = np.abs(np.asarray(STILL.state_features["shade"]))

    def function(weight, column):
        if gradient_only:
            return jnp.sqrt(weight - 1.0) * column
        return jnp.where(weight < 1.0, jnp.nan, weight) * column

    return NetworkReward.of(with_weights(function, np.array(1.0)), CallInputs.of(STILL.mdp, shade), name="wall")


@pytest.mark.parametrize("optimiser", [GradientSteps(optax.sgd(0.1), steps=10), LBFGSB()])
def test_nan_in_training_is_said_and_the_last_good_parameters_kept(optimiser):
    demonstrations = walks(STILL, count=6, length=4)
    problem = InverseProblem(STILL.mdp, wall_reward(gradient_only=False), demonstrations, Finite())
    target = FitTarget((FeatureMatching.of(problem),), space_of(problem.reward))
    assert target.evaluate(np.ones(1)).gradient[0] < 0  # the wall stands where the likelihood rises
    fitted = fit(problem, optimiser=optimiser)
    assert not fitted.status.successful
    assert fitted.parameters.tolist() == [1.0]
    assert "network of reward 'wall' is nan" in fitted.certificate.detail
    if isinstance(optimiser, GradientSteps):
        assert fitted.status is Status.NON_FINITE


def test_nan_at_the_start_is_refused_by_name():
    demonstrations = walks(STILL, count=6, length=4)
    broken = wall_reward(gradient_only=True)
    with pytest.raises(Failure, match=r"gradient in 'wall\.weights'") as failure:
        fit(InverseProblem(STILL.mdp, broken, demonstrations, Finite()), optimiser=GradientSteps(adam()))
    assert failure.value.status is Status.NON_FINITE
    with pytest.raises(Failure, match="network of reward 'wall' is nan"):
        fit(
            InverseProblem(STILL.mdp, wall_reward(gradient_only=False), demonstrations, Finite()), start=np.array([0.5])
        )


@pytest.mark.parametrize("time", [Discounted(0.999), ToGoal()])
def test_warm_plans_agree_with_cold_ones_and_take_fewer_steps(time):
    world = SLIPPERY
    goals = GOALS if isinstance(time, ToGoal) else ()
    demonstrations = walks(world, count=6, length=None if goals else 6, goals=goals)
    reward = perceptron(world, width=3, depth=1, output=Cost())
    problem = InverseProblem(world.mdp, reward, demonstrations, time)
    planner = ConditionalLikelihood.of(problem).planner
    warm, theta = WarmPlanner(planner.group, planner.entry, planner), np.array(reward.start)
    warm.solve(problem.forward, reward_table(reward, theta))
    table = reward_table(reward, theta + 1e-4)
    found, cold = warm.solve(problem.forward, table), planner.solve(problem.forward, table)
    for a, b in zip(found, cold, strict=True):
        np.testing.assert_allclose(a.scaled_values, b.scaled_values, rtol=1e-9)
        if b.solver == "SoftPolicyIteration":
            assert a.iterations < b.iterations
    assert any(b.solver == "SoftPolicyIteration" for b in cold)


def test_settings_out_of_range_are_refused():
    for wrong in ({"steps": 0}, {"seed": -1}, {"keep_every": 0}):
        with pytest.raises(InvalidInput):
            GradientSteps(adam(), **wrong)
    with pytest.raises(InvalidInput, match="patience"):
        HeldOut(walks(STILL, count=1, length=2), patience=0)
