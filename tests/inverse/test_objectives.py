"""The two objectives against finite differences, against each other, and against all paths listed one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from maxentrl.demos.counts import FeatureCounts
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import value_and_gradient
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import DeterministicTransitions, from_dense
from maxentrl.planning.problem import Causal, TrajectoryLevel
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.reward import FunctionReward
from maxentrl.status import Failure, InvalidInput, Status

GOAL = 3
NEXT = np.array([[1, 2, 0, 3], [2, 0, 3, 3], [0, 3, 2, 3]], np.int32)
"""Three moves in four states; state 3 is the goal or the terminal state."""
PATHS = ([0, 1, 3], [0, 2, 3], [1, 0, 1, 3], [2, 0, 2, 2, 3])
MOVES = ([0, 2], [1, 1], [1, 0, 2], [0, 1, 2, 1])


def deterministic(*, terminal: bool = False) -> MDP:
    return MDP(DeterministicTransitions(NEXT, np.ones((3, 4), bool)), np.array([False, False, False, terminal]))


def slippery(*, terminal: bool = False) -> MDP:
    exact = deterministic().transitions.as_dense()
    dense = 0.7 * exact + 0.3 * exact.mean(0)
    return MDP(from_dense(dense), np.array([False, False, False, terminal]))


def linear_reward(*, terminal: dict[str, np.ndarray] | None = None) -> LinearReward:
    rng = np.random.default_rng(0)
    state = {"near": rng.normal(size=4), "far": rng.normal(size=4)}
    return LinearReward.of(
        3, state=state, pair={"step": np.ones((3, 4)), "turn": rng.normal(size=(3, 4))}, terminal=terminal
    )


def outcome_reward(mdp: MDP) -> FunctionReward:
    """A reward that looks at the next state, through a non-linear function."""
    linear = linear_reward()
    shape = mdp.transitions.probability.shape
    landing = np.random.default_rng(1).normal(size=shape)

    def table(parameters):
        plain = linear.table(parameters[:4])
        return type(plain)(plain.pair, plain.terminal, np.tanh(1.0) * parameters[4] ** 2 * landing)

    return FunctionReward((*linear.names, "landing"), table)


def stepped_reward() -> FunctionReward:
    """A reward that drifts over five steps."""
    linear = linear_reward()

    def table(parameters):
        plain = linear.table(parameters[:4])
        drift = 1.0 + parameters[4] * np.arange(5.0)[:, None, None]
        return type(plain)(plain.pair[None] * drift, plain.terminal)

    return FunctionReward((*linear.names, "drift"), table)


def walks(*, actions: bool = True, goals: bool = False) -> Trajectories:
    return Trajectories.of(
        PATHS, MOVES if actions else None, weights=[1.0, 2.0, 0.5, 1.5], goals=[GOAL] * 4 if goals else None
    )


THETA = np.array([0.3, -0.4, -2.5, 0.2])
CASES = {
    "finite": (deterministic(), linear_reward(), walks(), Finite(), Causal()),
    "finite slippery": (slippery(), linear_reward(), walks(), Finite(), Causal()),
    "finite slippery optimistic": (slippery(), linear_reward(), walks(), Finite(), TrajectoryLevel()),
    "finite outcome": (slippery(), outcome_reward(slippery()), walks(), Finite(), Causal()),
    "finite outcome optimistic": (slippery(), outcome_reward(slippery()), walks(), Finite(), TrajectoryLevel()),
    "finite stepped": (slippery(), stepped_reward(), walks(), Finite(), Causal()),
    "finite terminal": (slippery(terminal=True), linear_reward(), walks(), Finite(6), Causal()),
    "discounted terminal": (slippery(terminal=True), linear_reward(), walks(), Discounted(0.8), Causal()),
    "discounted zero": (slippery(terminal=True), linear_reward(), walks(), Discounted(0.0), Causal()),
    "to goal": (deterministic(), linear_reward(), walks(goals=True), ToGoal(), Causal()),
    "to goal slippery": (slippery(), linear_reward(), walks(goals=True), ToGoal(), Causal()),
    "to goal optimistic": (slippery(), linear_reward(), walks(goals=True), ToGoal(), TrajectoryLevel()),
}


def stencil(function, at: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Derivative by the five-point stencil, one parameter at a time."""
    gradient = np.zeros_like(at)
    for k in range(len(at)):
        shift = step * np.eye(len(at))[k]
        near, far = function(at + shift) - function(at - shift), function(at + 2 * shift) - function(at - 2 * shift)
        gradient[k] = (8 * near - far) / (12 * step)
    return gradient


@pytest.mark.parametrize("objective", [FeatureMatching, ConditionalLikelihood])
@pytest.mark.parametrize("case", CASES)
def test_gradient_equals_finite_differences(case, objective):
    mdp, reward, demonstrations, time, entropy = CASES[case]
    problem = InverseProblem(mdp, reward, demonstrations, time, 0.8, None, entropy)
    made = objective.of(problem)
    theta = np.append(THETA, 0.1)[: len(reward.names)]
    value, gradient = value_and_gradient(made, reward, theta)
    assert np.isfinite(value)
    expected = stencil(lambda at: value_and_gradient(made, reward, at)[0], theta)
    assert np.abs(gradient).max() > 1e-2
    np.testing.assert_allclose(gradient, expected, atol=2e-8 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize("case", ["finite slippery", "discounted terminal", "to goal slippery", "finite outcome"])
def test_likelihood_of_states_alone_sums_actions_out(case):
    mdp, reward, _, time, entropy = CASES[case]
    seen = walks(actions=False, goals="goal" in case).select(np.arange(3))
    problem = InverseProblem(mdp, reward, seen, time, 0.8, None, entropy)
    made = ConditionalLikelihood.of(problem)
    theta = np.append(THETA, 0.1)[: len(reward.names)]
    value, gradient = value_and_gradient(made, reward, theta)
    np.testing.assert_allclose(gradient, stencil(lambda at: value_and_gradient(made, reward, at)[0], theta), atol=1e-7)
    listed = 0.0  # the same sum over every sequence of actions that could have made the moves
    for path, weight in zip(PATHS[:3], seen.weights, strict=True):
        total = -np.inf
        for moves in itertools.product(range(3), repeat=len(path) - 1):
            one = Trajectories.of([path], [moves], goals=[GOAL] if "goal" in case else None)
            known = ConditionalLikelihood.of(InverseProblem(mdp, reward, one, time, 0.8, None, entropy))
            dynamics = [
                np.log(mdp.transitions.as_dense()[a, s, n]) for s, a, n in zip(path, moves, path[1:], strict=False)
            ]
            total = np.logaddexp(total, value_and_gradient(known, reward, theta)[0] + sum(dynamics))
        listed += weight * total
    assert value == pytest.approx(listed, abs=1e-10)


def all_paths(start: int, length: int):
    for moves in itertools.product(range(3), repeat=length):
        states = [start]
        for a in moves:
            states.append(int(NEXT[a, states[-1]]))
        yield states, moves


@pytest.mark.parametrize("objective", [FeatureMatching, ConditionalLikelihood])
def test_finite_objectives_equal_the_log_probability_of_paths_among_all_paths(objective):
    reward, temperature = linear_reward(), 0.8
    made = objective.of(InverseProblem(deterministic(), reward, walks(), Finite(), temperature))
    pair, terminal = (np.asarray(x) for x in (reward.table(THETA).pair, reward.table(THETA).terminal))

    def gain(states, moves):
        return sum(pair[a, s] for s, a in zip(states, moves, strict=False)) + terminal[states[-1]]

    expected = 0.0
    for states, moves, weight in zip(PATHS, MOVES, walks().weights, strict=True):
        rivals = [gain(*path) / temperature for path in all_paths(states[0], len(moves))]
        expected += weight * (gain(states, moves) / temperature - np.logaddexp.reduce(rivals))
    assert value_and_gradient(made, reward, THETA)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("case", ["finite", "to goal"])
def test_dual_equals_likelihood_under_deterministic_dynamics_and_complete_walks(case):
    mdp, reward, demonstrations, time, entropy = CASES[case]
    problem = InverseProblem(mdp, reward, demonstrations, time, 0.8, None, entropy)
    dual = value_and_gradient(FeatureMatching.of(problem), reward, THETA)
    likelihood = value_and_gradient(ConditionalLikelihood.of(problem), reward, THETA)
    assert dual[0] == pytest.approx(likelihood[0], rel=1e-12)
    np.testing.assert_allclose(dual[1], likelihood[1], atol=1e-11)


def test_feature_counts_give_the_dual_of_the_trajectories_they_were_counted_from():
    reward, demonstrations = linear_reward(), walks()
    features = reward.features()
    counts = np.array(
        [
            sum(features.pair[:, a, s] for s, a in zip(states, moves, strict=False)) + features.terminal[:, states[-1]]
            for states, moves in zip(PATHS, MOVES, strict=True)
        ]
    )
    known = FeatureCounts(
        names=reward.names,
        counts=counts,
        starts=demonstrations.starts,
        goals=np.full(4, -1),
        horizons=demonstrations.lengths,
        weights=demonstrations.weights,
    )
    expected = FeatureMatching.of(InverseProblem(slippery(), reward, demonstrations, Finite(), 0.8))
    made = FeatureMatching.of(InverseProblem(slippery(), reward, known, Finite(), 0.8))
    for one, other in zip(
        value_and_gradient(made, reward, THETA), value_and_gradient(expected, reward, THETA), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_an_infinite_partition_function_is_refused_by_name():
    problem = InverseProblem(deterministic(), linear_reward(), walks(goals=True), ToGoal())
    with pytest.raises(Failure) as refused:
        value_and_gradient(FeatureMatching.of(problem), problem.reward, np.zeros(4))
    assert refused.value.status is Status.INFINITE_PARTITION


def test_unseen_actions_are_refused_by_the_dual_where_they_would_matter():
    problem = InverseProblem(slippery(), linear_reward(), walks(actions=False), Finite())
    with pytest.raises(InvalidInput, match=r"[Uu]se the likelihood"):
        value_and_gradient(FeatureMatching.of(problem), problem.reward, THETA)


@pytest.mark.parametrize(
    ("change", "time", "message"),
    [
        ({"censored": [True, False, False, False]}, Finite(9), "complete walks"),
        ({}, Discounted(0.9), "terminal state"),
        ({"goals": [GOAL, GOAL, GOAL, 1]}, ToGoal(), "not at its goal"),
        ({}, ToGoal(), "without a goal"),
        ({"censored": [True, False, False, False]}, Finite(), "give the horizon"),
    ],
)
def test_incomplete_demonstrations_are_refused_with_the_reason(change, time, message):
    demonstrations = Trajectories.of(PATHS, MOVES, **change)
    with pytest.raises(InvalidInput, match=message):
        FeatureMatching.of(InverseProblem(slippery(), linear_reward(), demonstrations, time))


def test_impossible_moves_are_named_by_walk_and_step():
    demonstrations = Trajectories.of([[0, 1, 3], [0, 1, 2]], [[0, 2], [0, 2]], names=["fine", "jump"])
    with pytest.raises(InvalidInput, match=r"trajectory jump, step 1.*from state 1 to 2"):
        ConditionalLikelihood.of(InverseProblem(deterministic(), linear_reward(), demonstrations, Finite()))
