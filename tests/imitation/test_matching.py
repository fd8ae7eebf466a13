"""Distribution matching against mixtures of enumerated policies, and certificates that cannot be fooled."""

import dataclasses

import numpy as np
import pytest

from imitation.enumerated import SHAPES, TERMINAL, functions, nearest_mixture, points_of
from imitation.walks import HORIZON, N_ACTIONS, N_STATES, PAIRS, complete
from maxentrl.demos.trajectories import Trajectories
from maxentrl.imitation.function_classes import (
    Ball,
    Box,
    Hull,
    feature_ball,
    feature_box,
)
from maxentrl.imitation.matching import MatchingProblem, match
from maxentrl.imitation.projection import project_features
from maxentrl.imitation.scores import expected_visits
from maxentrl.inverse.fit import fit
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.mdp.plaza import draw_trips, plaza
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.sampling import sample
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import InvalidInput, Status

KINDS = ["finite", "discounted"]


@pytest.fixture(scope="module")
def tiny():
    """Two steps, so that all 54² policies can be listed; and a discounted one with all stationary policies."""
    found = {}
    for kind in KINDS:
        mdp, walks, time = complete(kind, deterministic=False)
        if kind == "finite":
            time = Finite(2)
            walks = Trajectories.of(
                [walks.states_of(i)[:3] for i in range(len(walks))],
                [walks.actions_of(i)[:2] for i in range(len(walks))],
                weights=walks.weights,
            )
        start = np.bincount(walks.starts, walks.weights, N_STATES) / walks.weights.sum()
        table = RewardTable(PAIRS, TERMINAL)
        found[kind] = (mdp, walks, time, points_of(mdp, time, start, table))
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("far", [0.0, 5.0])
def test_the_distance_is_that_of_the_nearest_mixture_of_all_policies(tiny, kind, shape, far):
    mdp, walks, time, points = tiny[kind]
    problem = MatchingProblem.of(mdp, walks, functions(shape), time)
    data = problem.data + far * np.resize([1.0, -0.5], len(problem.data))
    if isinstance(shape, Hull):
        data = np.append(data[:2], -data[:2])
        points = np.hstack([points, -points])
    found = match(dataclasses.replace(problem, data=data))
    assert found.status is Status.CONVERGED
    assert found.gap >= -1e-12
    assert found.gap <= 1e-6
    assert found.distance == pytest.approx(nearest_mixture(points, data, shape), abs=2e-6)
    assert found.distance == pytest.approx(shape.distance(found.features - data), abs=1e-9)
    assert (found.distance > 0.5) == (far > 0)
    policy = np.exp(found.policy.log_policy())
    np.testing.assert_allclose(policy.sum(-2), np.broadcast_to(mdp.available.any(0), policy.sum(-2).shape), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_projection_algorithm_agrees_and_certifies_itself(kind):
    mdp, walks, time = complete(kind, deterministic=False)
    problem = MatchingProblem.of(mdp, walks, functions(Ball()), time)
    for far in (0.0, 2.0):
        moved = dataclasses.replace(problem, data=problem.data + far)
        exact, projected = match(moved), project_features(moved, tolerance=1e-4, max_iterations=3000)
        assert projected.status is Status.CONVERGED
        assert projected.gap <= 1e-4 + 1e-9
        assert exact.bound - 1e-9 <= projected.distance <= exact.distance + 1e-4 + 1e-9
        assert projected.bound <= exact.distance + 1e-9
        assert projected.distance == pytest.approx(projected.history[-1], abs=1e-8)
        assert (np.diff(projected.history) <= 1e-12).all()
    stopped = project_features(moved, tolerance=1e-15, max_iterations=2)
    assert stopped.status is Status.MAXIMUM_ITERATIONS
    with pytest.raises(InvalidInput, match="needs a feature ball and Finite"):
        project_features(MatchingProblem.of(mdp, walks, functions(Box()), time))


def test_matching_equals_maxent_s_features_on_a_grid():
    rng = np.random.default_rng(3)
    world = grid_world({"grass": rng.random((4, 5)), "shade": rng.random((4, 5))}, moves=FOUR_MOVES)
    mdp = world.mdp
    reward = LinearReward.of(4, state=world.state_features, pair=world.pair_features, terminal={})
    states, actions, goals = [], [], []
    for goal in (19, 3):
        cost = RewardTable.from_states(-1.6 - world.state_features["grass"], 4)
        paths = sample(solve(SoftProblem(mdp, cost, ToGoal((goal,)))), 8, 20, seed=goal)
        states += [paths.states_of(i) for i in range(20)]
        actions += [paths.actions_of(i) for i in range(20)]
        goals += [goal] * 20
    walks = Trajectories.of(states, actions, goals=goals, weights=rng.uniform(0.5, 2, 40))
    learnt = fit(InverseProblem(mdp, reward, walks, ToGoal()), optimiser=LBFGSB(gradient_tolerance=1e-9))
    for make in (feature_ball, feature_box):
        problem = MatchingProblem.of(mdp, walks, make(reward), ToGoal())
        found = match(problem)
        assert found.status is Status.CONVERGED
        assert found.distance <= 1e-6
        assert not found.limited
        maxent = np.zeros(len(reward.names))
        for group in problem.starts:
            visits = solve(learnt.planning(ToGoal(group.goals))).occupancy(group.mass).visits
            maxent += np.tensordot(problem.functions.pair, visits.pair, 2)
        np.testing.assert_allclose(found.features, maxent, atol=1e-5)
    own = walks.weights / walks.weights.sum()
    shortest = float(own @ np.where(walks.goals == 19, 3.0, 1.0))
    middle = 0.5 * (shortest + float(own @ walks.lengths))
    limited = match(MatchingProblem.of(mdp, walks, feature_ball(reward), ToGoal(), longest=middle))
    assert limited.status is Status.CONVERGED
    assert limited.limited
    assert limited.distance > 0.01
    assert expected_visits(limited.policy, ToGoal(), problem.starts).pair.sum() == pytest.approx(middle, abs=1e-5)
    with pytest.raises(InvalidInput, match="raise longest"):
        match(MatchingProblem.of(mdp, walks, feature_ball(reward), ToGoal(), longest=0.9 * shortest))


def test_matching_equals_maxent_s_features_under_chance():
    mdp, walks, _ = complete("finite", deterministic=False, count=40)
    reward = LinearReward.of(N_ACTIONS, state={"place": TERMINAL[0]}, pair={"move": PAIRS[0]})
    learnt = fit(InverseProblem(mdp, reward, walks, Finite()), optimiser=LBFGSB(gradient_tolerance=1e-9))
    found = match(MatchingProblem.of(mdp, walks, feature_ball(reward), Finite(HORIZON)))
    assert learnt.status is found.status is Status.CONVERGED
    start = np.bincount(walks.starts, walks.weights, N_STATES) / walks.weights.sum()
    visits = solve(learnt.planning(Finite(HORIZON))).occupancy(start).visits
    features = reward.features()
    maxent = np.tensordot(features.pair, visits.pair, 2) + features.terminal @ visits.terminal
    np.testing.assert_allclose(found.features, maxent, atol=1e-6)


@pytest.mark.slow
def test_matching_equals_maxent_s_features_on_the_plaza():
    scene = plaza()
    world, mdp = scene.world, scene.world.mdp
    reward = LinearReward.of(mdp.n_actions, state=world.state_features, pair=world.pair_features, terminal={})
    theta = np.array([scene.true_parameters[name] for name in reward.names])
    features, trips = reward.features(), draw_trips(scene, 300, 1)
    table = RewardTable(np.tensordot(theta, features.pair, 1), theta @ features.terminal)
    plans = {int(g): solve(SoftProblem(mdp, table, ToGoal((int(g),)))) for g in np.unique(trips.goals)}
    drawn = [
        sample(plans[int(g)], int(s), 1, seed)
        for seed, (s, g) in enumerate(zip(trips.starts, trips.goals, strict=True))
    ]
    walks = Trajectories.of([p.states for p in drawn], [p.actions for p in drawn], goals=trips.goals)
    found = match(MatchingProblem.of(mdp, walks, feature_ball(reward), ToGoal()))
    assert found.gap <= 1e-6
    learnt = fit(InverseProblem(mdp, reward, walks, ToGoal()), optimiser=LBFGSB(gradient_tolerance=1e-8))
    assert learnt.status is Status.CONVERGED
    maxent = np.zeros(len(reward.names))
    for group in found.problem.starts:
        visits = solve(learnt.planning(ToGoal(group.goals))).occupancy(group.mass).visits
        maxent += np.tensordot(features.pair, visits.pair, 2)
    np.testing.assert_allclose(found.features, maxent, atol=1e-5)
