"""Small inverse problems of every kind of time, with demonstrations that are walked in plain NumPy."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import Causal, TrajectoryLevel
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.reward import AbstractReward, FunctionReward

N_STATES, N_ACTIONS, GOAL = 5, 3, 4


def small_mdp(*, deterministic: bool, terminal: bool = False) -> MDP:
    """A ring with a goal; the second action jumps ahead, the third is missing in one state."""
    rng = np.random.default_rng(3)
    dense = np.zeros((N_ACTIONS, N_STATES, N_STATES))
    for state in range(N_STATES):
        for action, step in enumerate((1, 2, 4)):
            aim = (state + step) % N_STATES
            dense[action, state, aim] = 1.0
            if not deterministic:
                other = (aim + 1 + int(rng.integers(N_STATES - 1))) % N_STATES
                dense[action, state, aim], dense[action, state, other] = 0.7, 0.3
    dense[2, 1] = 0.0
    ends = np.zeros(N_STATES, bool)
    ends[GOAL] = terminal
    return MDP(from_dense(dense), ends)


def linear_reward(*, cost: bool = False) -> LinearReward:
    """Two state features and one of pairs; with ``cost``, a constant cost a step in place of the first."""
    rng = np.random.default_rng(5)
    state = {"shade": rng.normal(size=N_STATES), "grass": rng.normal(size=N_STATES)}
    if cost:
        state = {"step": np.ones(N_STATES), "grass": rng.uniform(0, 1, size=N_STATES)}
    return LinearReward.of(N_ACTIONS, state=state, pair={"jump": rng.normal(size=(N_ACTIONS, N_STATES))})


def curved_reward(mdp: MDP, *, per_step: int | None = None) -> AbstractReward:
    """A reward that is not linear in θ and depends on the next state."""
    rng = np.random.default_rng(6)
    base = rng.normal(size=(3, N_ACTIONS, N_STATES))
    end = rng.normal(size=(3, N_STATES))
    shape = np.asarray(mdp.transitions.outcome_visits([np.ones(N_STATES)] * N_ACTIONS)).shape
    landing = rng.normal(size=(3, *shape))
    slope = None if per_step is None else np.linspace(0.5, 1.5, per_step)

    def table(theta):
        bent = theta + 0.3 * jnp.sin(theta) + 0.2 * theta * theta[::-1]
        pair = jnp.tensordot(bent, base, 1)
        if slope is not None:
            pair = slope[:, None, None] * pair
        return RewardTable(pair, jnp.tensordot(theta**2, end, 1), jnp.tensordot(jnp.tanh(theta), landing, 1))

    return FunctionReward(("a", "b", "c"), table)


def walk(mdp: MDP, policy, lengths, *, seed: int, until: int | None = None, states_only: bool = False) -> Trajectories:
    """Walks of ``policy(t, s)`` (a vector over actions), stopped on entering ``until``."""
    rng, dense = np.random.default_rng(seed), mdp.transitions.as_dense()
    walks, moves = [], []
    for length in lengths:
        states, actions = [int(rng.integers(N_STATES if until is None else until))], []
        while len(actions) < length and states[-1] != until and not mdp.terminal[states[-1]]:
            chance = policy(len(actions), states[-1])
            actions.append(int(rng.choice(N_ACTIONS, p=chance)))
            states.append(int(rng.choice(N_STATES, p=dense[actions[-1], states[-1]])))
        if actions:
            walks.append(states)
            moves.append(actions)
    weights = rng.uniform(0.5, 2.0, len(walks)).round(2)
    goals = None if until is None else [until] * len(walks)
    return Trajectories.of(walks, None if states_only else moves, weights=weights, goals=goals)


def uniform(mdp: MDP):
    """The policy that chooses evenly among what is available."""

    def policy(_: int, state: int) -> np.ndarray:
        allowed = mdp.available[:, state].astype(float)
        return allowed / allowed.sum()

    return policy


TIMES = {"finite": Finite(), "discounted": Discounted(0.8), "to-goal": ToGoal()}


def small_problem(
    kind: str,
    *,
    deterministic: bool,
    trajectory_level: bool = False,
    reward: AbstractReward | None = None,
    states_only: bool = False,
    temperature: float = 0.8,
) -> InverseProblem:
    """A problem of one kind of time with twelve weighted walks of different lengths."""
    mdp = small_mdp(deterministic=deterministic, terminal=kind == "discounted")
    walks = walk(
        mdp,
        uniform(mdp),
        [3, 5] * 6 if kind == "finite" else [400] * 12,
        seed=11,
        until=None if kind == "finite" else GOAL,
        states_only=states_only,
    )
    return InverseProblem(
        mdp,
        linear_reward(cost=kind == "to-goal") if reward is None else reward,
        walks,
        TIMES[kind],
        temperature,
        entropy=TrajectoryLevel() if trajectory_level else Causal(),
    )


def feasible_parameters(kind: str) -> np.ndarray:
    """A point where every kind of problem has a finite partition function."""
    return np.array([-2.5, 0.4, 0.3]) if kind == "to-goal" else np.array([0.5, -0.7, 0.4])


def simulated(kind, *, deterministic, count, seed=0, temperature=0.8):
    """Walks of the soft policy at known parameters."""
    mdp = small_mdp(deterministic=deterministic, terminal=kind == "discounted")
    reward, truth = linear_reward(cost=kind == "to-goal"), feasible_parameters(kind)
    time = {"finite": Finite(6), "discounted": Discounted(0.8), "to-goal": ToGoal((GOAL,))}[kind]
    empty = Trajectories.of([[0, 1]], [[0]])
    problem = InverseProblem(mdp, reward, empty, time, temperature)
    policy = solve(problem.forward(reward_table(reward, truth), time)).policy

    def act(step, state):
        return (policy[step] if policy.ndim == 3 else policy)[:, state]

    length = 6 if kind == "finite" else 1000
    walks = walk(mdp, act, [length] * count, seed=seed, until=None if kind == "finite" else GOAL)
    walks = dataclasses.replace(walks, weights=np.ones(len(walks)))
    return dataclasses.replace(problem, demonstrations=walks), truth
