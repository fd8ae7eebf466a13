import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from maxentrl.demos.estimate import estimate_transitions
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.checks import check_mdp
from maxentrl.mdp.mdp import MDP
from maxentrl.status import InvalidInput


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 2.0]))
def test_probabilities_are_the_posterior_mean_of_the_counts(seed, prior):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 6, 4)
    walks = Trajectories.of(
        [generator.integers(0, 4, n + 1) for n in lengths],
        [generator.integers(UNKNOWN, 2, n) for n in lengths],
        weights=generator.integers(1, 4, 4).astype(float),
    )
    counts = np.zeros((2, 4, 4))
    for i in range(4):
        for s, a, n in zip(walks.states_of(i)[:-1], walks.actions_of(i), walks.states_of(i)[1:], strict=True):
            if a != UNKNOWN:
                counts[a, s, n] += walks.weights[i]
    if not counts.any():
        return
    transitions, report = estimate_transitions(walks, 4, 2, prior)
    seen = counts.sum(axis=2, keepdims=True) > 0
    mass = counts + prior * (counts.sum(axis=0) > 0) * seen
    total = mass.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(transitions.as_dense(), np.divide(mass, total, out=np.zeros_like(mass), where=total > 0))
    assert check_mdp(MDP(transitions, ~np.asarray(transitions.available).any(axis=0))) == []
    assert "were estimated from" in report.warnings[0]


def test_the_estimate_is_consistent():
    generator = np.random.default_rng(0)
    following = generator.choice(3, 30_000, p=[0.2, 0.3, 0.5])
    walks = Trajectories.of([[0, n] for n in following.tolist()], [[0]] * 30_000)
    transitions, report = estimate_transitions(walks, 3, 1, 1.0)
    spread = np.sqrt(0.25 / 30_000)
    np.testing.assert_allclose(transitions.as_dense()[0, 0], [0.2, 0.3, 0.5], atol=5 * spread)
    assert any("2 states were never left" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("walks", "sizes", "message"),
    [
        (Trajectories.of([[0, 1]], [[0]]), (2, 1, -1.0), "prior_count = -1.0"),
        (Trajectories.of([[0, 1]]), (2, 1, 0.0), "no decision has an observed action"),
        (Trajectories.of([[0, 5]], [[0]]), (2, 1, 0.0), "not among 0 to 1"),
        (Trajectories.of([[0, 1]], [[3]]), (2, 1, 0.0), "actions that are not among"),
    ],
)
def test_bad_input(walks, sizes, message):
    with pytest.raises(InvalidInput, match=message):
        estimate_transitions(walks, *sizes)
