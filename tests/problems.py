"""The zoo of small problems; each owns its analytic answer where there is one."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, Time, ToGoal
from maxentrl.mdp.transitions import AbstractTransitions, SparseTransitions, from_dense, from_outcomes
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.problem import Causal, Entropy, SoftProblem, TrajectoryLevel

EIGHT_MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))
FOUR_MOVES = EIGHT_MOVES[:4]
CAUSAL, ONE_STEP = Causal(), Finite(1)


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A problem, a start, and what is known about it.

    Attributes:
        name: shown in the test's name.
        problem: what is to be solved.
        start: a state from which everything can be asked.
        values: V(s) of a stationary problem by its own formula, (S,); None where there is none.
        longest: most decisions of any path, where the paths can be enumerated.
    """

    name: str
    problem: SoftProblem
    start: int = 0
    values: np.ndarray | None = None
    longest: int | None = None


def mdp_of(transitions: AbstractTransitions, *terminal: int) -> MDP:
    ends = np.zeros(transitions.n_states, bool)
    ends[list(terminal)] = True
    return MDP(transitions, ends)


def all_to_all(probability: np.ndarray) -> SparseTransitions:
    """P[a, s, s'] with every state as a possible successor, so that all problems of one size share their shapes."""
    n_states = probability.shape[1]
    successors = np.broadcast_to(np.arange(n_states, dtype=np.int32)[:, None], (n_states, n_states)).copy()
    return SparseTransitions(successors, probability.transpose(0, 2, 1).copy(), probability.sum(-1) > 0)


def random_dense(seed: int, n_states: int = 4, n_actions: int = 2, *, deterministic: bool = False) -> np.ndarray:
    """Random P[a, s, s'], about half of the entries zero."""
    rng = np.random.default_rng(seed)
    if deterministic:
        return np.eye(n_states)[rng.integers(n_states, size=(n_actions, n_states))]
    probability = rng.random((n_actions, n_states, n_states)) * (rng.random((n_actions, n_states, n_states)) < 0.5)
    probability[..., 0] += 0.1
    return probability / probability.sum(-1, keepdims=True)


def random_reward(seed: int, n_states: int = 4, n_actions: int = 2, *, steps: int | None = None) -> RewardTable:
    """Random r(s, a) < 0 (per step where ``steps`` is given) and terminal rewards of either sign."""
    rng = np.random.default_rng(seed + 1000)
    shape = (n_actions, n_states) if steps is None else (steps, n_actions, n_states)
    return RewardTable(-1.0 - 2.0 * rng.random(shape), rng.normal(size=n_states))


def with_outcomes(reward: RewardTable, transitions: AbstractTransitions, seed: int = 7) -> RewardTable:
    """The reward with an extra r(s, a, s') of either sign."""
    n_slots = transitions.successors.shape[0] if isinstance(transitions, SparseTransitions) else 1
    extra = np.random.default_rng(seed).normal(size=(transitions.n_actions, n_slots, transitions.n_states))
    return dataclasses.replace(reward, outcome=0.5 * extra)


def grid_dense(n: int, slip: float = 0.0, moves: tuple = EIGHT_MOVES) -> np.ndarray:
    """P[a, s, s'] of an n × n grid; blocked moves stay; with probability ``slip`` the move is drawn uniformly."""
    landing = np.zeros((len(moves), n * n), int)
    for action, (down, right) in enumerate(moves):
        for state in range(n * n):
            row, column = state // n + down, state % n + right
            landing[action, state] = row * n + column if 0 <= row < n and 0 <= column < n else state
    intended = np.eye(n * n)[landing]
    return (1.0 - slip) * intended + slip * intended.mean(0)


def grid(
    n: int, time: Time, *, slip: float = 0.0, cost: float = 3.0, moves: tuple = EIGHT_MOVES, entropy: Entropy = CAUSAL
) -> SoftProblem:
    """A grid whose states cost ``cost`` and a little more, at random."""
    mdp = mdp_of(from_dense(grid_dense(n, slip, moves)))
    state = -cost * (1.0 + 0.3 * np.random.default_rng(n).random(n * n))
    return SoftProblem(mdp, RewardTable.from_states(state, len(moves)), time, entropy=entropy)


def layered(kind: str, time: Time, entropy: Entropy = CAUSAL, temperature: float = 1.0) -> Case:
    """Four states without cycles, so that every path ends within three decisions: 0 → {1, 2, 3}, 1 → {2, 3}, 2 → 3."""
    dense = np.zeros((2, 4, 4))
    if kind == "deterministic":
        for action, state, successor in ((0, 0, 1), (1, 0, 2), (0, 1, 2), (1, 1, 3), (0, 2, 3)):
            dense[action, state, successor] = 1.0
    else:
        dense[0, 0], dense[1, 0] = [0, 0.5, 0.3, 0.2], [0, 0.1, 0.9, 0]
        dense[0, 1], dense[1, 1] = [0, 0, 0.6, 0.4], [0, 0, 0, 1]
        dense[0, 2] = [0, 0, 0, 1]
    transitions = from_dense(dense)
    reward = with_outcomes(random_reward(3), transitions)
    problem = SoftProblem(mdp_of(transitions, 3), reward, time, temperature, entropy=entropy)
    return Case(f"layered {kind} {type(time).__name__} {type(entropy).__name__}", problem, longest=3)


def chain_to_goal(cost: float = 1.5, temperature: float = 1.0) -> Case:
    """Forward or stay at cost c: z = x (z' + z) with x = e^{-c/τ}, so V(s) = (3 − s) τ log(x/(1 − x))."""
    successor = np.array([[1, 2, 3, 3], [0, 1, 2, 3]])
    transitions = from_dense(np.eye(4)[successor])
    step = temperature * (-cost / temperature - math.log1p(-math.exp(-cost / temperature)))
    problem = SoftProblem(mdp_of(transitions), RewardTable.from_states(np.full(4, -cost), 2), ToGoal((3,)), temperature)
    return Case("chain to goal", problem, values=step * np.array([3.0, 2.0, 1.0, 0.0]))


def geometric_chain(entropy: Entropy, success: float = 0.3, cost: float = 0.7) -> Case:
    """One move that succeeds with probability p: causal V = −c/p a state; joint z = p x z'/(1 − (1−p) x), x = e^{-c}."""
    dense = np.zeros((1, 4, 4))
    for state in range(3):
        dense[0, state, state], dense[0, state, state + 1] = 1.0 - success, success
    dense[0, 3, 3] = 1.0
    problem = SoftProblem(
        mdp_of(from_dense(dense)), RewardTable.from_states(np.full(4, -cost), 1), ToGoal((3,)), entropy=entropy
    )
    if isinstance(entropy, Causal):
        step = -cost / success
    else:
        step = math.log(success * math.exp(-cost) / (1.0 - (1.0 - success) * math.exp(-cost)))
    return Case(f"geometric chain {type(entropy).__name__}", problem, values=step * np.array([3.0, 2.0, 1.0, 0.0]))


def bandit(discount: float = 0.9, temperature: float = 0.5) -> Case:
    """One state, three arms, for ever: V = τ log Σ_a exp(r_a/τ)/(1 − γ)."""
    pay = np.array([1.0, 0.5, -0.3])
    problem = SoftProblem(
        mdp_of(from_dense(np.ones((3, 1, 1)))), RewardTable.from_pairs(pay[:, None]), Discounted(discount), temperature
    )
    value = temperature * math.log(np.exp(pay / temperature).sum()) / (1.0 - discount)
    return Case("bandit", problem, values=np.array([value]))


LOTTERY = 3.0
"""What the risky lottery pays or takes. Its mean is that of the safe one, so a causal planner is indifferent, P(risky) = ½;
the trajectory-level form values it at log E exp(±3) = log cosh 3, hence P(risky) = cosh 3/(1 + cosh 3) = .910."""


def two_lotteries(entropy: Entropy, time: Time = ONE_STEP) -> SoftProblem:
    """State 0: action 0 is safe (to state 1, pays 0), action 1 is risky (state 2 or 3 by a fair coin, pays ±3 there)."""
    transitions = from_outcomes(
        np.array([0, 0, 0]),
        np.array([0, 1, 1]),
        np.array([1, 2, 3]),
        np.array([1.0, 0.5, 0.5]),
        n_states=4,
        n_actions=2,
    )
    reward = RewardTable(np.zeros((2, 4)), np.array([0.0, 0.0, LOTTERY, -LOTTERY]))
    return SoftProblem(mdp_of(transitions, 1, 2, 3), reward, time, entropy=entropy)


@dataclasses.dataclass(frozen=True, eq=False)
class Published:
    """A problem with optimal values printed in a book.

    Attributes:
        problem: at temperature 0.
        values: the values printed, (S,), at the first decision.
        choices: the optimal action of each state at the first decision, (S,).
        source: where they are printed.
    """

    problem: SoftProblem
    values: np.ndarray
    choices: np.ndarray
    source: str


def puterman_two_states(discount: float = 0.95) -> Published:
    """In s1 a mixed move pays 5 and a sure move to s2 pays 10; s2 pays −1 for ever."""
    dense = np.zeros((2, 2, 2))
    dense[0, 0], dense[1, 0], dense[0, 1] = [0.5, 0.5], [0, 1], [0, 1]
    reward = RewardTable.from_pairs(np.array([[5.0, -1.0], [10.0, 0.0]]))
    first = (5.0 - 5.5 * discount) / ((1.0 - 0.5 * discount) * (1.0 - discount))
    return Published(
        SoftProblem(mdp_of(from_dense(dense)), reward, Discounted(discount), temperature=0.0),
        np.array([first, -1.0 / (1.0 - discount)]),
        np.array([0, 0]),
        "Puterman (1994), section 3.1 and example 6.1.1",
    )


def puterman_inventory() -> Published:
    """Stock of at most 3, three months: order u at 4 + 2u, hold at 1 a unit, sell at 8; demand 0, 1, 2 w.p. ¼, ½, ¼."""
    demand, dense, pair = (0.25, 0.5, 0.25), np.zeros((4, 4, 4)), np.zeros((4, 4))
    for stock in range(4):
        for order in range(4 - stock):
            filled = stock + order
            sold = sum(chance * 8.0 * min(wanted, filled) for wanted, chance in enumerate(demand))
            pair[order, stock] = sold - (4.0 + 2.0 * order if order else 0.0) - filled
            for wanted, chance in enumerate(demand):
                dense[order, stock, max(filled - wanted, 0)] += chance
    problem = SoftProblem(mdp_of(from_dense(dense)), RewardTable.from_pairs(pair), Finite(3), temperature=0.0)
    return Published(
        problem,
        np.array([67.0, 129.0, 194.0, 227.0]) / 16.0,
        np.array([3, 0, 0, 0]),
        "Puterman (1994), sections 3.2.2 and 4.6.1",
    )


def stationary_cases() -> list[Case]:
    """Problems of every stationary kind, for laws that hold for all."""
    sparse, deterministic = from_dense(random_dense(1)), from_dense(random_dense(2, deterministic=True))
    stochastic = with_outcomes(random_reward(1), sparse)
    reference = np.log(np.random.default_rng(5).random((2, 4)) + 0.2)
    goal = ToGoal((0,))
    return [
        chain_to_goal(),
        chain_to_goal(temperature=0.6),
        geometric_chain(Causal()),
        geometric_chain(TrajectoryLevel()),
        bandit(),
        Case("random discounted", SoftProblem(mdp_of(sparse), stochastic, Discounted(0.8), 0.7, reference), 1),
        Case("discounted with an end", SoftProblem(mdp_of(sparse, 0), stochastic, Discounted(0.9)), 1),
        Case("deterministic discounted", SoftProblem(mdp_of(deterministic), random_reward(2), Discounted(0.7)), 1),
        Case("random to goal", SoftProblem(mdp_of(sparse), stochastic, goal, 0.8, reference), 1),
        Case("random to goal, joint", SoftProblem(mdp_of(sparse), stochastic, goal, entropy=TrajectoryLevel()), 1),
        Case("grid to goal", grid(3, ToGoal((8,)), moves=FOUR_MOVES)),
        Case("slippery grid to goal", grid(3, ToGoal((8,)), slip=0.2, moves=FOUR_MOVES)),
        Case("slippery grid, joint", grid(3, ToGoal((8,)), slip=0.2, moves=FOUR_MOVES, entropy=TrajectoryLevel())),
    ]


def finite_cases() -> list[Case]:
    """Finite horizons: both entropies, per-step rewards, outcomes, ends, reference."""
    sparse, deterministic = from_dense(random_dense(1)), from_dense(random_dense(2, deterministic=True))
    stochastic, reference = (
        with_outcomes(random_reward(1), sparse),
        np.log(np.random.default_rng(5).random((2, 4)) + 0.2),
    )
    steps, horizon = random_reward(4, steps=4), Finite(4)
    every = with_outcomes(steps, sparse)
    cases = []
    for entropy in (Causal(), TrajectoryLevel()):
        name = type(entropy).__name__
        cases += [
            Case(
                f"sparse {name}", SoftProblem(mdp_of(sparse), stochastic, horizon, 0.7, reference, entropy), longest=4
            ),
            Case(f"with end {name}", SoftProblem(mdp_of(sparse, 3), stochastic, horizon, entropy=entropy), longest=4),
            Case(f"per step {name}", SoftProblem(mdp_of(sparse), every, horizon, 1.3, entropy=entropy), longest=4),
            Case(
                f"deterministic {name}", SoftProblem(mdp_of(deterministic), steps, horizon, entropy=entropy), longest=4
            ),
        ]
    return cases


def enumerable_cases() -> list[Case]:
    """Problems whose paths are few and end, of every kind of time."""
    cases = finite_cases()
    for kind in ("deterministic", "stochastic"):
        cases += [layered(kind, Discounted(0.8)), layered(kind, ToGoal((3,)))]
        cases += [layered(kind, ToGoal((3,)), TrajectoryLevel(), 0.6), layered(kind, Finite(5), TrajectoryLevel())]
    return cases
