"""Tiny worlds with dense oracles: every quantity here is computed from full arrays and lists of all walks."""

import dataclasses
import itertools

import numpy as np

from maxentrl.forecast.goals import GoalForecaster
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import ToGoal
from maxentrl.mdp.transitions import from_outcomes
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.problem import Causal, SoftProblem, TrajectoryLevel

ROWS, COLUMNS = 3, 4
CENTRE = np.array([[c + 0.5, r + 0.5] for r in range(ROWS) for c in range(COLUMNS)])
DAG_GOALS = (11, 7, 8)
PRIOR = np.array([0.5, 0.3, 0.2])
TEMPERATURE = 0.7


def one_way_outcomes(slip):
    """Right and down only, so that the walks to a goal can be listed; a slip takes the other move if there is one."""
    rows = []
    for r, c in itertools.product(range(ROWS), range(COLUMNS)):
        ways = {0: (r, c + 1)} if c + 1 < COLUMNS else {}
        ways |= {1: (r + 1, c)} if r + 1 < ROWS else {}
        for action, (down, right) in ways.items():
            other = ways.get(1 - action, (down, right))
            rows.append((r * COLUMNS + c, action, down * COLUMNS + right, 1 - slip))
            rows.append((r * COLUMNS + c, action, other[0] * COLUMNS + other[1], slip))
    return rows


def round_outcomes(slip):
    """Four moves on the same cells; blocked moves stay; a slip stays too."""
    rows = []
    for r, c in itertools.product(range(ROWS), range(COLUMNS)):
        for action, (dr, dc) in enumerate(((-1, 0), (0, 1), (1, 0), (0, -1))):
            inside = 0 <= r + dr < ROWS and 0 <= c + dc < COLUMNS
            target = (r + dr) * COLUMNS + c + dc if inside else r * COLUMNS + c
            rows.append((r * COLUMNS + c, action, target, 1 - slip))
            rows.append((r * COLUMNS + c, action, r * COLUMNS + c, slip))
    return rows


@dataclasses.dataclass(frozen=True, eq=False)
class Small:
    forecaster: GoalForecaster
    problem: SoftProblem
    goals: tuple
    values: np.ndarray  # (G, S)
    policy: np.ndarray  # (G, A, S), dense oracle
    step: np.ndarray  # (G, S, S), dense oracle, absorbing


def small(outcomes, goals, *, entropy=None, seed=0, low=-3.0, high=-1.0):
    state, action, following, probability = (np.array(column) for column in zip(*outcomes, strict=True))
    n_actions = int(action.max()) + 1
    transitions = from_outcomes(
        state, action, following, probability.astype(float), n_states=ROWS * COLUMNS, n_actions=n_actions
    )
    mdp = MDP(transitions, np.zeros(ROWS * COLUMNS, bool))
    rng = np.random.default_rng(seed)
    reward = RewardTable(rng.uniform(low, high, (n_actions, ROWS * COLUMNS)), rng.uniform(-1, 0, ROWS * COLUMNS))
    problem = SoftProblem(mdp, reward, ToGoal(goals[:1]), TEMPERATURE, entropy=entropy or Causal())
    return solved(problem, goals)


def solved(problem, goals):
    dense = problem.mdp.transitions.as_dense()
    available = np.asarray(problem.mdp.transitions.available)
    values, policies, steps = [], [], []
    for goal in goals:
        value, policy = dense_solution(problem, dense, available, goal)
        step = np.einsum("as,ast->st", policy, dense)
        resting = policy.sum(0) == 0
        step[resting, resting.nonzero()[0]] = 1.0
        values.append(value)
        policies.append(policy)
        steps.append(step)
    values = np.stack(values)
    prior = PRIOR[: len(goals)]
    forecaster = GoalForecaster.of(problem, goals, values, prior=prior, seconds_per_step=0.5)
    return Small(forecaster, problem, goals, values, np.stack(policies), np.stack(steps))


def dense_solution(problem, dense, available, goal, iterations=2000):
    """Value iteration on full arrays, looping over states and actions.

    It starts from -inf, except where expectations under slip could never leave it.
    """
    tau, reward = problem.temperature, problem.reward
    lucky = isinstance(problem.entropy, TrajectoryLevel) or problem.mdp.transitions.deterministic
    value = np.full(dense.shape[-1], -np.inf if lucky else -50.0)
    value[goal] = reward.terminal[goal]
    for _ in range(iterations):
        q = dense_q(problem, dense, available, value)
        top = q.max(0)
        finite = np.isfinite(top)
        new = np.full_like(value, -np.inf)
        new[finite] = top[finite] + tau * np.log(np.exp((q[:, finite] - top[finite]) / tau).sum(0))
        new[goal] = reward.terminal[goal]
        if np.array_equal(new, value):
            break
        value = new
    policy = np.zeros_like(q)
    policy[:, finite] = np.exp((q[:, finite] - top[finite]) / tau)
    policy[:, goal] = 0.0
    total = policy.sum(0)
    return value, policy / np.where(total > 0, total, 1.0)


def dense_q(problem, dense, available, value):
    tau, q = problem.temperature, np.full(available.shape, -np.inf)
    for a, s in np.argwhere(available):
        support = np.nonzero(dense[a, s])[0]
        p, v = dense[a, s, support], value[support]
        if isinstance(problem.entropy, TrajectoryLevel):
            q[a, s] = problem.reward.pair[a, s] + (
                tau * np.log(p @ np.exp(v / tau)) if np.isfinite(v).any() else -np.inf
            )
        else:
            q[a, s] = problem.reward.pair[a, s] + p @ v
    return q


def all_walks(problem, goal, start):
    """Every walk of a one-way deterministic world from start to goal: (states, total reward with the end's)."""
    dense, found = problem.mdp.transitions.as_dense(), []

    def extend(states, total):
        if states[-1] == goal:
            found.append((tuple(states), total + problem.reward.terminal[goal]))
            return
        for a in range(dense.shape[0]):
            for following in np.nonzero(dense[a, states[-1]])[0]:
                extend([*states, int(following)], total + problem.reward.pair[a, states[-1]])

    extend([start], 0.0)
    return found


def enumerated(world, start, seen=()):
    """All (goal number, walk, probability) that agree with the seen states: p(g) exp(reward/τ)/Z_g, renormalised."""
    rows = []
    for number, goal in enumerate(world.goals):
        walks = all_walks(world.problem, goal, start)
        weights = np.array([np.exp(total / TEMPERATURE) for _, total in walks])
        for (states, _), weight in zip(walks, weights / max(weights.sum(), 1e-300), strict=True):
            if padded(states, len(seen))[: len(seen)] == tuple(seen):
                rows.append((number, states, PRIOR[number] * weight))
    total = sum(weight for *_, weight in rows)
    return [(number, states, weight / total) for number, states, weight in rows]


def padded(states, length):
    """The walk, waiting at its end."""
    return states + (states[-1],) * max(0, length - len(states))
