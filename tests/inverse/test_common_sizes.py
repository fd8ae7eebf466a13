"""Scenes in a few common sizes: the same numbers, and few compilations."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse import common_sizes as module
from maxentrl.inverse.common_sizes import COMPILATIONS, common_sizes, in_common_sizes, with_idle_mdp
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.fit import fit, space_of
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import pull_back, reward_table
from maxentrl.inverse.target import FitTarget
from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards import blocks
from maxentrl.rewards.blocks import BlockedReward, with_idle_states
from maxentrl.rewards.convolution import convolutional
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.network import CallInputs, NetworkReward, with_weights
from maxentrl.rewards.outputs import Cost, Ends
from maxentrl.rewards.perceptron import perceptron
from maxentrl.rewards.reward import starting_parameters
from maxentrl.rewards.sums import EachStep, SumReward
from rewards.small_scenes import walks_to_the_last_cell

SIZES = ((3, 4), (5, 6))


def scene(shape, slip=0.0):
    generator = np.random.default_rng(shape[0] * 100 + shape[1])
    walls = np.zeros(shape, bool)
    walls[1, 1] = True
    layers = {"grass": generator.random(shape), "shade": generator.random(shape)}
    return grid_world(layers, walls=walls, moves=FOUR_MOVES, slip=slip, cell_size=1.0)


def walks(world, count, seed):
    paths, moves, goals = walks_to_the_last_cell(world, count, np.random.default_rng(seed))
    return Trajectories.of(paths, moves, goals=goals)


def linear(world):
    state = {name: 1.0 + column for name, column in world.state_features.items()}
    return LinearReward.of(world.mdp.n_actions, state=state, pair=dict(world.pair_features), terminal={})


def small_convolution(world):
    return convolutional(world, channels=(3, 2), kernels=(3, 3), output=Cost(typical=3.0), ends=Ends.LIKE_STATES)


def small_perceptron(world):
    return perceptron(world, pair_features=("distance",), width=3, output=Cost(typical=3.0))


def both(world):
    return SumReward.of(linear(world), small_convolution(world))


def each_step(world):
    return EachStep.of(perceptron(world, width=2, depth=1), 4)


def problems_of(kind, time, slip=0.0, sizes=SIZES):
    worlds = [scene(shape, slip) for shape in sizes]
    first = kind(worlds[0])
    rewards = [first.on(w) if isinstance(first, NetworkReward) else kind(w) for w in worlds]
    if isinstance(first, SumReward):
        network = first.parts[1]
        rewards = [SumReward.of(linear(w), network.on(w)) for w in worlds]
    each = enumerate(zip(worlds, rewards, strict=True))
    return [InverseProblem(w.mdp, r, walks(w, 3, i), time) for i, (w, r) in each]


CASES = {
    "linear to goals": (linear, ToGoal(), 0.0, FeatureMatching.of),
    "linear in finite time": (linear, Finite(), 0.0, FeatureMatching.of),
    "linear under chance": (linear, Finite(), 0.2, ConditionalLikelihood.of),
    "linear to goals under chance": (linear, ToGoal(), 0.2, ConditionalLikelihood.of),
    "linear under a discount": (linear, Discounted(0.9), 0.2, ConditionalLikelihood.of),
    "convolution to goals": (small_convolution, ToGoal(), 0.0, FeatureMatching.of),
    "convolution in finite time": (small_convolution, Finite(), 0.0, ConditionalLikelihood.of),
    "perceptron in finite time": (small_perceptron, Finite(), 0.0, FeatureMatching.of),
    "a sum to goals": (both, ToGoal(), 0.0, FeatureMatching.of),
}


@pytest.fixture
def small_blocks(monkeypatch):
    """One size for all, and blocks smaller than the scenes, so that scenes have several."""
    monkeypatch.setattr(module, "COMPILATIONS", 1)
    monkeypatch.setattr(blocks, "STATES", 16)
    monkeypatch.setattr(blocks, "TILE", 3)


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient_are_those_of_the_scenes_as_they_are(small_blocks, case):
    kind, time, slip, objective = CASES[case]
    problems = problems_of(kind, time, slip)
    space = space_of(problems[0].reward)
    target = FitTarget(tuple(map(objective, problems)), space)
    common = in_common_sizes(target)
    assert {problem.mdp.n_states for problem in common.problems} == {problems[1].mdp.n_states}
    theta = space.start if space.start.any() else np.full(len(space.start), -1.1)
    here, there = target.evaluate(theta), common.evaluate(theta)
    assert there.value == pytest.approx(here.value, rel=1e-12)
    np.testing.assert_allclose(there.gradient, here.gradient, rtol=1e-9, atol=1e-10)
    for visits, known in zip(common.visits(theta), target.visits(theta), strict=True):
        n_states = known.terminal.shape[-1]
        np.testing.assert_allclose(visits.pair[..., :n_states], known.pair, atol=1e-10)
        assert not np.any(visits.pair[..., n_states:])
        assert not np.any(visits.terminal[n_states:])


def random_visits(table, n_states, seed=0):
    """Visits of a scene's states, and the same with idle states that have none."""
    generator = np.random.default_rng(seed)
    parts = [None if part is None else generator.normal(size=part.shape) for part in dataclasses.astuple(table)]
    wider = [None if p is None else np.pad(p, [(0, 0)] * (p.ndim - 1) + [(0, n_states - p.shape[-1])]) for p in parts]
    return RewardTable(*parts), RewardTable(*wider)


@pytest.mark.parametrize(
    "kind", [linear, small_convolution, small_perceptron, both, each_step], ids=lambda k: k.__name__
)
@pytest.mark.parametrize("shape", [(3, 4), (7, 8)])
def test_a_reward_in_blocks_is_the_reward(small_blocks, kind, shape):
    world = scene(shape)
    reward, n_states = kind(world), world.mdp.n_states + 9
    theta = starting_parameters(reward) + np.random.default_rng(1).normal(0, 0.3, len(reward.names))
    wider = with_idle_states(reward, n_states)
    table, found = reward_table(reward, theta), reward_table(wider, theta)
    for known, part in zip(jax.tree.leaves(table), jax.tree.leaves(found), strict=True):
        np.testing.assert_allclose(part[..., : known.shape[-1]], known, rtol=1e-12, atol=1e-13)
        assert not np.any(part[..., known.shape[-1] :])
    visits, wide = random_visits(table, n_states)
    np.testing.assert_allclose(pull_back(wider, theta, wide), pull_back(reward, theta, visits), rtol=1e-9, atol=1e-11)
    if isinstance(wider, BlockedReward) and shape == (7, 8):
        assert len(wider.blocks) > 3


def test_a_module_that_may_look_anywhere_is_not_divided():
    def answer(weights, layer):
        return weights["w"] * layer + layer.mean()

    world = scene((5, 6))
    inputs = CallInputs.of(world.mdp, world.state_features["grass"])
    reward = NetworkReward.of(with_weights(answer, {"w": np.array(0.7)}), inputs)
    wider = BlockedReward.of(reward, world.mdp.n_states + 3)
    assert len(wider.blocks) == 1
    known = reward_table(reward, reward.start).pair
    np.testing.assert_allclose(reward_table(wider, reward.start).pair[:, : known.shape[1]], known)


def test_idle_states_are_never_reached_and_lead_nowhere():
    for slip in (0.0, 0.2):
        mdp = scene((4, 5), slip).mdp
        wider = with_idle_mdp(mdp, mdp.n_states + 4)
        assert wider.terminal[mdp.n_states :].all()
        assert not wider.available[:, mdp.n_states :].any()
        dense = wider.transitions.as_dense()
        np.testing.assert_array_equal(dense[:, : mdp.n_states, : mdp.n_states], mdp.transitions.as_dense())
        assert dense.sum() == pytest.approx(mdp.transitions.as_dense().sum())


def test_sizes_are_those_of_least_work_among_all_choices():
    generator = np.random.default_rng(3)
    for most in (1, 2, 3, 9):
        states, work = generator.integers(3, 40, 8), generator.random(8)
        sizes = common_sizes(states, work, most)
        assert (sizes >= states).all()
        assert len(set(sizes)) <= most
        distinct = sorted(set(states))
        least = min(
            sum(w * min(size for size in kept if size >= s) for s, w in zip(states, work, strict=True))
            for count in range(1, min(most, len(distinct)) + 1)
            for kept in itertools.combinations(distinct, count)
            if kept[-1] == distinct[-1]
        )
        assert work @ sizes == pytest.approx(least)


def test_one_scene_is_left_as_it_is():
    problems = problems_of(linear, Finite(), sizes=SIZES[:1])
    target = FitTarget((FeatureMatching.of(problems[0]),), space_of(problems[0].reward))
    assert in_common_sizes(target) is target


@pytest.mark.parametrize("case", ["linear in finite time", "convolution to goals", "perceptron in finite time"])
def test_a_pass_over_many_scenes_compiles_no_more_than_its_budget(monkeypatch, case):
    assert COMPILATIONS == 8
    monkeypatch.setattr(module, "COMPILATIONS", 4)
    kind, time, slip, objective = CASES[case]
    shapes = [(rows, rows + 2) for rows in range(4, 10)]
    problems = problems_of(kind, time, slip, sizes=shapes)
    target = in_common_sizes(FitTarget(tuple(map(objective, problems)), space_of(problems[0].reward)))
    compiled = []

    def heard(event, seconds, **about):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(about.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(heard)
    try:
        theta = target.space.start if target.space.start.any() else np.full(len(target.space.start), -1.1)
        target.evaluate(theta)
    finally:
        jax.monitoring.unregister_event_duration_listener(heard)
    assert len(compiled) == 4


def test_a_fit_of_scenes_is_about_the_scenes_as_they_are():
    problems = problems_of(linear, ToGoal())
    fitted = fit(problems, start=np.full(3, -1.5))
    assert fitted.status.successful
    assert all(one.problem is problem for one, problem in zip(fitted.objectives, problems, strict=True))
    target = FitTarget(fitted.objectives, fitted.space)
    assert target.gradient_norm(target.evaluate(fitted.space.free_of(fitted.parameters))) < 1e-5
