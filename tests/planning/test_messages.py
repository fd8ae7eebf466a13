import dataclasses
import math

import numpy as np
import pytest

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.messages import (
    backward_messages,
    forward_messages,
    optimality_log_likelihood,
    posterior,
)
from maxentrl.planning.problem import Causal, SoftProblem, TrajectoryLevel
from maxentrl.status import Failure, InvalidInput, Status
from path_enumeration import (
    Path,
    dense_of,
    log_prior_reward,
    paths_from,
    random_mdp,
    random_problem,
    step_reward,
    weight,
)

HORIZON = 4
MASS = np.array([0.5, 0.2, 0.3, 0.0])
KINDS = [
    {"deterministic": True, "causal": True, "per_step": True},
    {"deterministic": True, "causal": False, "reference": True},
    {"deterministic": False, "outcome": True, "reference": True},
    {"deterministic": False, "per_step": True, "terminal": False},
]


@dataclasses.dataclass
class Marginals:
    """Sums over all paths from ``MASS``, optionally those that end in one state, in plain Python."""

    evidence: float
    state: np.ndarray
    pair: np.ndarray
    moves: np.ndarray


def enumerated(problem, end=None):
    n = problem.mdp.n_states
    found = Marginals(0.0, np.zeros((HORIZON + 1, n)), np.zeros((HORIZON, 2, n)), np.zeros((HORIZON, n, n)))
    for start in np.flatnonzero(MASS):
        for path in paths_from(problem.mdp, problem.ends, int(start), HORIZON):
            if end is not None and path.states[-1] != end:
                continue
            w = MASS[start] * weight(problem, path)
            found.evidence += w
            for t, state in enumerate(path.states):
                found.state[t, state] += w
            for t, action in enumerate(path.actions):
                found.pair[t, action, path.states[t]] += w
                found.moves[t, path.states[t], path.states[t + 1]] += w
    return found


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("end", [None, 0, 3])
def test_posterior_is_the_share_of_all_paths(options, end):
    problem = random_problem(21, horizon=HORIZON, **options)
    expected = enumerated(problem, end)
    found = posterior(problem, MASS, end)
    z = expected.evidence
    assert found.log_evidence == pytest.approx(math.log(z), rel=1e-12)
    np.testing.assert_allclose(found.state, expected.state / z, atol=1e-13)
    np.testing.assert_allclose(found.pair, expected.pair / z, atol=1e-13)
    for t in range(HORIZON):
        np.testing.assert_allclose(found.moves(t).toarray(), expected.moves[t] / z, atol=1e-13)
        visited = expected.state[t] > 0
        choices = expected.pair[t][:, visited] / expected.state[t, visited] * ~problem.ends[visited]
        np.testing.assert_allclose(found.policy[t][:, visited], choices, atol=1e-12)


@pytest.mark.parametrize("options", KINDS)
def test_forward_message_is_the_weight_of_beginnings(options):
    problem = random_problem(21, horizon=HORIZON, **options)
    free = dataclasses.replace(
        problem, reward=dataclasses.replace(problem.reward, terminal=np.zeros(problem.mdp.n_states))
    )
    found = forward_messages(problem, MASS)
    for t in range(HORIZON + 1):
        expected = np.zeros(problem.mdp.n_states)
        for start in np.flatnonzero(MASS):
            for path in paths_from(problem.mdp, problem.ends, int(start), t):
                if len(path.actions) == t:
                    expected[path.states[-1]] += MASS[start] * weight(free, path)
        np.testing.assert_allclose(np.exp(found[t]), expected, rtol=1e-12)


@pytest.mark.parametrize("options", KINDS)
def test_backward_message_is_the_weight_of_endings(options):
    problem = random_problem(21, horizon=HORIZON, **options)
    found = backward_messages(problem)
    for t in range(HORIZON + 1):
        for state in range(problem.mdp.n_states):
            beta, by_action = 0.0, np.zeros(2)
            for path in paths_from(problem.mdp, problem.ends, state, HORIZON - t):
                later = _later_weight(problem, path, t)
                beta += later
                if path.actions:
                    reference = 0.0 if problem.log_reference is None else problem.log_reference[path.actions[0], state]
                    by_action[path.actions[0]] += later / math.exp(reference)
            assert math.exp(found.state[t, state]) == pytest.approx(beta, rel=1e-12)
            if t < HORIZON:
                np.testing.assert_allclose(np.exp(found.pair[t, :, state]), by_action, rtol=1e-12)


def _later_weight(problem, path: Path, time: int) -> float:
    """Weight of a path that begins at ``time``."""
    dense = dense_of(problem.mdp)
    total = math.exp(problem.reward.terminal[path.states[-1]] / problem.temperature)
    for k, (now, action, following) in enumerate(zip(path.states, path.actions, path.states[1:], strict=False)):
        total *= dense[action, now, following] * math.exp(log_prior_reward(problem, time + k, now, action, following))
    return total


def test_backward_messages_are_the_soft_values_and_marginals_the_occupancy():
    problem = random_problem(21, deterministic=False, outcome=True)
    solution = BackwardSweep().solve(problem)
    found = posterior(problem, 0)
    np.testing.assert_allclose(backward_messages(problem).state, solution.values / problem.temperature, rtol=1e-14)
    occupancy = solution.occupancy_per_step(0)
    np.testing.assert_allclose(found.pair, occupancy.pair, atol=1e-13)


def test_optimality_likelihood():
    problem = random_problem(21, deterministic=True, outcome=True, reference=True)
    found = optimality_log_likelihood(problem)
    successor = problem.mdp.transitions.successor
    for action in range(2):
        for state in range(4):
            if problem.mdp.available[action, state]:
                reward = step_reward(problem, 0, state, action, successor[action, state])
                assert found[action, state] == pytest.approx(reward / problem.temperature, rel=1e-12)
            else:
                assert found[action, state] == -math.inf


def test_the_posterior_is_optimistic_about_a_lottery():
    """A sure 0 or a fair bet on ±3: exp(3) + exp(−3) over 2 against 1."""
    dense = np.zeros((2, 4, 4))
    dense[0, 0, 1] = 1.0
    dense[1, 0, 2] = dense[1, 0, 3] = 0.5
    for state in (1, 2, 3):
        dense[0, state, state] = 1.0
    mdp = MDP(from_dense(dense), np.array([False, True, True, True]))
    reward = RewardTable(np.zeros((2, 4)), np.array([0.0, 0.0, 3.0, -3.0]))
    lottery = SoftProblem(mdp, reward, Finite(1), entropy=TrajectoryLevel())
    found = posterior(lottery, 0)
    assert found.policy[0, 1, 0] == pytest.approx(math.cosh(3.0) / (1.0 + math.cosh(3.0)), rel=1e-14)
    won = found.moves().toarray()[0, 2] / found.pair[0, 1, 0]
    assert won == pytest.approx(1.0 / (1.0 + math.exp(-6.0)), rel=1e-13)
    causal = BackwardSweep().solve(dataclasses.replace(lottery, entropy=Causal()))
    assert causal.policy[0, 1, 0] == pytest.approx(0.5, rel=1e-14)


def walk_to_goals(*, deterministic, cost=4.0, seed=27):
    """Five states in a ring with chords, goals 3 and 4; every step costs, so long walks weigh nothing."""
    mdp = random_mdp(seed, deterministic=deterministic, n_states=5, n_actions=3, terminal=False)
    rng = np.random.default_rng(seed)
    reward = RewardTable(-cost - rng.random((3, 5)), rng.normal(size=5))
    return SoftProblem(mdp, reward, ToGoal((3, 4)), 1.0, entropy=TrajectoryLevel())


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("end", [None, 3])
def test_to_goal_against_long_enumeration(deterministic, end):
    problem = walk_to_goals(deterministic=deterministic)
    longest = 7 if deterministic else 5  # a step multiplies the weight by at most 3 exp(−4): 3e-8 is left out
    state, pair, moves, alpha, evidence = np.zeros(5), np.zeros((3, 5)), np.zeros((5, 5)), np.zeros(5), 0.0
    for path in paths_from(problem.mdp, problem.ends, 0, longest):
        if not path.ended or (end is not None and path.states[-1] != end):
            continue
        w = weight(problem, path)
        evidence += w
        for s in path.states:
            state[s] += w
        for a, s, after in zip(path.actions, path.states, path.states[1:], strict=False):
            pair[a, s] += w
            moves[s, after] += w
    found = posterior(problem, 0, end)
    assert found.log_evidence == pytest.approx(math.log(evidence), abs=1e-5)
    np.testing.assert_allclose(found.state, state / evidence, atol=1e-5)
    np.testing.assert_allclose(found.pair, pair / evidence, atol=1e-5)
    np.testing.assert_allclose(found.moves().toarray(), moves / evidence, atol=1e-5)
    beginnings = dataclasses.replace(problem, reward=dataclasses.replace(problem.reward, terminal=np.zeros(5)))
    for length in range(longest + 1):
        for path in paths_from(problem.mdp, problem.ends, 0, length):
            if len(path.actions) == length:
                alpha[path.states[-1]] += weight(beginnings, path)
    reached = ~np.isneginf(found.solution.scaled_values)
    np.testing.assert_allclose(np.exp(found.log_forward[reached]), alpha[reached], rtol=1e-5)
    np.testing.assert_array_equal(found.log_forward[~reached], -math.inf)


@pytest.mark.parametrize("deterministic", [True, False])
def test_to_goal_against_dense_solves(deterministic):
    problem = walk_to_goals(deterministic=deterministic, cost=1.5)
    dense = problem.mdp.transitions.as_dense()
    allowed = problem.mdp.available & ~problem.ends
    matrix = np.einsum("as,ast->st", np.exp(problem.reward.pair) * allowed, dense)
    assert np.abs(np.linalg.eigvals(matrix)).max() < 1
    goal = np.where(problem.ends, np.exp(problem.reward.terminal), 0.0)
    beta = np.linalg.solve(np.eye(5) - matrix, goal)
    mass = np.array([0.4, 0.4, 0.2, 0.0, 0.0])
    alpha = np.linalg.solve(np.eye(5) - matrix.T, mass)
    messages = backward_messages(problem)
    np.testing.assert_allclose(np.exp(messages.state), beta, rtol=1e-10)
    np.testing.assert_allclose(
        np.exp(messages.pair), np.exp(problem.reward.pair) * allowed * (dense @ beta), rtol=1e-10
    )
    np.testing.assert_allclose(np.exp(forward_messages(problem, mass)), np.where(beta > 0, alpha, 0.0), rtol=1e-9)
    found = posterior(problem, mass)
    assert found.log_evidence == pytest.approx(math.log(mass @ beta), rel=1e-10)
    np.testing.assert_allclose(found.state, alpha * beta / (mass @ beta), rtol=1e-9)
    assert found.state[list(problem.time.goals)].sum() == pytest.approx(1.0, rel=1e-9)


def test_forward_message_where_visits_underflow():
    """A side street that costs 400 a step: its visits are exp(−1200 …), far below the smallest double."""
    successor = np.array([[1, 4, 3, 2, 4], [2, 1, 0, 3, 4]])  # 0 → 1 → goal 4; 0 → 2 ⇄ 3, and 2 → 0
    dense = np.zeros((2, 5, 5))
    for action in range(2):
        dense[action, np.arange(5), successor[action]] = 1.0
    pair = np.full((2, 5), -1.0)
    pair[1, 0], pair[:, 2], pair[:, 3] = -400.0, -400.0, -400.0
    problem = SoftProblem(MDP(from_dense(dense), np.zeros(5, bool)), RewardTable(pair, np.zeros(5)), ToGoal((4,)), 1.0)
    forward = forward_messages(problem, 0)
    beta = backward_messages(problem).state
    assert forward[3] + beta[3] - beta[0] < -1200.0
    np.testing.assert_allclose(forward[[0, 2, 3]], [0.0, -400.0, -800.0], atol=1e-9)
    loop = 1.0 - math.exp(-1.0)  # state 1 waits at cost 1 any number of times
    np.testing.assert_allclose(forward[[1, 4]], [-1.0 - math.log(loop), -2.0 - math.log(loop)], rtol=1e-12)


def test_what_has_no_messages_is_refused():
    stochastic = random_problem(21, deterministic=False, causal=True)
    for function in (backward_messages, optimality_log_likelihood):
        with pytest.raises(InvalidInput, match=r"entropy=TrajectoryLevel\(\)"):
            function(stochastic)
    for function in (forward_messages, posterior):
        with pytest.raises(InvalidInput, match=r"entropy=TrajectoryLevel\(\)"):
            function(stochastic, 0)
    deterministic = random_problem(21, deterministic=True, causal=True)
    with pytest.raises(InvalidInput, match=r"Finite\(horizon\) or ToGoal"):
        backward_messages(dataclasses.replace(deterministic, time=Discounted(0.9)))
    with pytest.raises(InvalidInput, match="temperature above 0"):
        backward_messages(dataclasses.replace(deterministic, temperature=0.0))
    with pytest.raises(InvalidInput, match="end 9 is not a state"):
        posterior(deterministic, 0, 9)
    with pytest.raises(InvalidInput, match="end 1 is not one of the goals"):
        posterior(walk_to_goals(deterministic=True), 0, 1)
    with pytest.raises(InvalidInput, match="time 4: expected 0 to 3"):
        posterior(deterministic, 0).moves(4)


def test_no_way_to_the_end_is_named():
    problem = random_problem(21, deterministic=True, causal=True)
    reached = {p.states[-1] for p in paths_from(problem.mdp, problem.ends, 0, 4)}
    out_of_reach = next(s for s in range(4) if s not in reached)
    with pytest.raises(Failure, match=f"from state 0 to state {out_of_reach}") as failure:
        posterior(problem, 0, out_of_reach)
    assert failure.value.status is Status.UNREACHABLE_GOAL


def test_infinite_partition_is_refused():
    problem = walk_to_goals(deterministic=True, cost=0.0)
    free = dataclasses.replace(problem, reward=RewardTable(np.zeros((3, 5)), np.zeros(5)))
    with pytest.raises(Failure) as failure:
        forward_messages(free, 0)
    assert failure.value.status is Status.INFINITE_PARTITION
