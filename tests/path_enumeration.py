"""All paths of a small problem in plain Python: the oracle of sums over trajectories."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator

import numpy as np

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite
from maxentrl.mdp.transitions import from_dense
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.problem import Causal, SoftProblem, TrajectoryLevel


@dataclasses.dataclass(frozen=True)
class Path:
    states: tuple[int, ...]
    actions: tuple[int, ...]
    ended: bool


@functools.lru_cache(maxsize=32)
def dense_of(mdp: MDP) -> np.ndarray:
    return mdp.transitions.as_dense()


def paths_from(mdp: MDP, ends: np.ndarray, start: int, horizon: int) -> Iterator[Path]:
    """Every path of positive probability that stops in an end, or after ``horizon`` decisions."""
    dense = dense_of(mdp)
    allowed = mdp.available

    def grow(states: tuple[int, ...], actions: tuple[int, ...]) -> Iterator[Path]:
        now = states[-1]
        if ends[now] or len(actions) == horizon:
            yield Path(states, actions, bool(ends[now]))
            return
        for action in range(mdp.n_actions):
            if allowed[action, now]:
                for following in np.flatnonzero(dense[action, now]):
                    yield from grow((*states, int(following)), (*actions, action))

    yield from grow((start,), ())


def chance(mdp: MDP, path: Path) -> float:
    """Π P(s'|s,a)."""
    dense = dense_of(mdp)
    product = 1.0
    for now, action, following in zip(path.states, path.actions, path.states[1:], strict=False):
        product *= dense[action, now, following]
    return product


def step_reward(problem: SoftProblem, time: int, now: int, action: int, following: int) -> float:
    pair = np.asarray(problem.reward.pair)
    reward = pair[time, action, now] if pair.ndim == 3 else pair[action, now]
    if problem.reward.outcome is not None:
        transitions = problem.mdp.transitions
        successors = (
            transitions.successors[:, now]
            if not transitions.deterministic
            else transitions.successor[action, now][None]
        )
        probability = None if transitions.deterministic else transitions.probability[action, :, now]
        for b, target in enumerate(successors):
            if target == following and (probability is None or probability[b] > 0):
                reward += problem.reward.outcome[action, b, now]
    return float(reward)


def log_prior_reward(problem: SoftProblem, time: int, now: int, action: int, following: int) -> float:
    """log q + r/τ of one step."""
    reference = 0.0 if problem.log_reference is None else float(problem.log_reference[action, now])
    return reference + step_reward(problem, time, now, action, following) / problem.temperature


def weight(problem: SoftProblem, path: Path) -> float:
    """Π q P exp(r/τ) · exp(terminal/τ)."""
    total = float(problem.reward.terminal[path.states[-1]]) / problem.temperature
    for time, (now, action, following) in enumerate(zip(path.states, path.actions, path.states[1:], strict=False)):
        total += log_prior_reward(problem, time, now, action, following)
    return chance(problem.mdp, path) * math.exp(total)


def random_mdp(seed: int, *, deterministic: bool, n_states: int = 4, n_actions: int = 2, terminal: bool = True) -> MDP:
    """A small process with one move unavailable and, if asked, the last state terminal."""
    rng = np.random.default_rng(seed)
    dense = np.zeros((n_actions, n_states, n_states))
    for action in range(n_actions):
        for state in range(n_states):
            reached = rng.choice(n_states, 1 if deterministic else 2, replace=False)
            dense[action, state, reached] = rng.dirichlet(np.ones(len(reached)))
    dense[n_actions - 1, 1] = 0.0
    ends = np.zeros(n_states, bool)
    ends[-1] = terminal
    return MDP(from_dense(dense), ends)


def random_problem(
    seed: int,
    *,
    deterministic: bool,
    horizon: int = 4,
    per_step: bool = False,
    outcome: bool = False,
    reference: bool = False,
    causal: bool = False,
    temperature: float = 0.7,
    terminal: bool = True,
) -> SoftProblem:
    """A finite-horizon problem on :func:`random_mdp` with random rewards."""
    mdp = random_mdp(seed, deterministic=deterministic, terminal=terminal)
    rng = np.random.default_rng(seed + 1)
    shape = (mdp.n_actions, mdp.n_states)
    extra = None
    if outcome:
        ones = [np.ones(mdp.n_states)] * mdp.n_actions
        extra = rng.normal(size=np.asarray(mdp.transitions.outcome_visits(ones)).shape)
    reward = RewardTable(rng.normal(size=(horizon, *shape) if per_step else shape), rng.normal(size=shape[1]), extra)
    log_reference = np.log(rng.dirichlet(np.ones(shape[0]), size=shape[1]).T) if reference else None
    entropy = Causal() if causal else TrajectoryLevel()
    return SoftProblem(mdp, reward, Finite(horizon), temperature, log_reference, entropy)
