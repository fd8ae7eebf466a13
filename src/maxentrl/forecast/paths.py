"""Single paths ahead: samples, the most likely path to a goal, and the most likely path of a known length."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.sparse.csgraph import dijkstra

from maxentrl.forecast.goals import Belief, GoalForecaster
from maxentrl.forecast.visits import NEGLIGIBLE
from maxentrl.planning.sampling import arrivals, draw_rows
from maxentrl.status import Failure, InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class PathSamples:
    """Walks drawn from a forecast.

    Attributes:
        states: state of each walk at steps 0..n from now, (K, n+1); a walk that has arrived stays at its goal.
        goals: the goal drawn for each walk, as a state, (K,).
    """

    states: Int[np.ndarray, "K times"]
    goals: Int[np.ndarray, " K"]

    def positions(self, position: Float[np.ndarray, "S 2"]) -> Float[np.ndarray, "K times 2"]:
        """The walks in the unit of ``position``."""
        return position[self.states]


def sample_paths(
    forecaster: GoalForecaster, mass: Float[np.ndarray, "G S"], steps: int, count: int, *, seed: int
) -> PathSamples:
    """Draw (goal, state) from p(g, s), then follow π_g for n steps.

    Args:
        forecaster: walks to each goal.
        mass: p(g, s) now, (G, S).
        steps: n ≥ 0.
        count: number of walks K.
        seed: of NumPy's default generator; the same seed gives the same walks.
    """
    generator = np.random.default_rng(seed)
    goal, state = np.nonzero(mass)
    weight = mass[goal, state]
    drawn = generator.choice(len(weight), size=count, p=weight / weight.sum())
    goal, state = goal[drawn], state[drawn]
    states = np.empty((count, steps + 1), np.int64)
    states[:, 0] = state
    for step in range(steps):
        states[:, step + 1] = _step(forecaster, goal, states[:, step], generator)
    return PathSamples(states, forecaster.goals[goal])


def _step(
    forecaster: GoalForecaster, goal: np.ndarray, state: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    policy = np.exp(forecaster.log_policy(goal, state))
    moving = policy.sum(0) > 0
    following = state.copy()
    if moving.any():
        action = draw_rows(np.cumsum(policy[:, moving], axis=0), generator.random(int(moving.sum())))
        following[moving] = arrivals(forecaster.mdp.transitions, action, state[moving], generator)
    return following


@dataclasses.dataclass(frozen=True, eq=False)
class LikelyPath:
    """A path of greatest probability.

    Attributes:
        states: the path, from the present state, (n+1,).
        goal: the goal it leads to, as a state.
        log_probability: log of goal and path together: log p(g) + Σ log Σ_a π_g(a|s) P(s'|s, a).
    """

    states: Int[np.ndarray, " times"]
    goal: int
    log_probability: float


def most_likely_path(belief: Belief, *, negligible: float = NEGLIGIBLE) -> LikelyPath:
    """The goal and path to it that are most probable together, of any length.

    For each goal a shortest path whose edges weigh −log p(s'|s, g) ≥ 0 (Dijkstra). Under deterministic dynamics it is
    the path of greatest reward to the goal.

    Raises:
        Failure: UNREACHABLE_GOAL when no goal can be reached.
    """
    forecaster = belief.forecaster
    paths = [
        _shortest(forecaster, int(goal), belief.state, float(belief.log_goals[goal]))
        for goal in np.nonzero(belief.goals > negligible)[0]
    ]
    best = max(paths, key=lambda path: path.log_probability)
    if best.log_probability == -math.inf:
        raise Failure(Status.UNREACHABLE_GOAL, f"from state {forecaster.mdp.state_name(belief.state)}")
    return best


def _shortest(forecaster: GoalForecaster, goal: int, state: int, log_goal: float) -> LikelyPath:
    target = int(forecaster.goals[goal])
    lengths = _lengths(sp.csr_array(forecaster.chain(goal).T))
    distance, before = map(np.asarray, dijkstra(lengths, indices=state, return_predecessors=True))
    path = [target]
    while path[-1] != state and before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return LikelyPath(np.array(path[::-1]), target, log_goal - float(distance[target]))


def _lengths(chain: sp.csr_array) -> sp.csr_array:
    """−log of a chain's probabilities; rounding above one counts as one."""
    chain = sp.csr_array(chain)
    return sp.csr_array(
        (-np.log(np.minimum(np.asarray(chain.data), 1.0)), chain.indices, chain.indptr), shape=chain.shape
    )


def most_likely_path_of_length(
    belief: Belief, steps: int, *, arrive: bool = True, negligible: float = NEGLIGIBLE
) -> LikelyPath:
    """The goal and path of exactly n steps that are most probable together, by a max-product (Viterbi) sweep.

        m_n(s) = 1 (or 1[s = g]),   m_k(s) = max_{s'} p(s'|s, g) m_{k+1}(s')

    Args:
        belief: what is known of the walker.
        steps: n ≥ 0.
        arrive: whether the path must be at its goal after n steps (waiting there counts).
        negligible: goals of smaller probability are left out.

    Raises:
        Failure: UNREACHABLE_GOAL when no goal can be reached in n steps.
    """
    if steps < 0:
        raise InvalidInput(f"steps = {steps}: expected 0 or more")
    paths = [_viterbi(belief, int(goal), steps, arrive=arrive) for goal in np.nonzero(belief.goals > negligible)[0]]
    best = max(paths, key=lambda path: path.log_probability)
    if best.log_probability == -math.inf:
        name = belief.forecaster.mdp.state_name(belief.state)
        raise Failure(Status.UNREACHABLE_GOAL, f"from state {name} in {steps} steps")
    return best


def _viterbi(belief: Belief, goal: int, steps: int, *, arrive: bool) -> LikelyPath:
    forecaster = belief.forecaster
    target = int(forecaster.goals[goal])
    chain = sp.csr_array(forecaster.chain(goal).T)
    log_chain, following, starts = np.log(np.asarray(chain.data)), np.asarray(chain.indices), np.asarray(chain.indptr)
    best = np.zeros(len(starts) - 1)
    if arrive:
        best = np.where(np.arange(len(best)) == target, 0.0, -np.inf)
    choices = np.empty((steps, len(best)), np.int32)
    row = np.repeat(np.arange(len(best)), np.diff(starts))
    for step in reversed(range(steps)):
        ahead = log_chain + best[following]
        best = np.maximum.reduceat(ahead, starts[:-1])
        winner = np.full(len(best), len(ahead), np.int64)
        hits = np.nonzero(ahead == best[row])[0]
        np.minimum.at(winner, row[hits], hits)
        choices[step] = following[winner]
    states = [belief.state]
    for step in range(steps):
        states.append(int(choices[step, states[-1]]))
    return LikelyPath(np.array(states), target, float(belief.log_goals[goal] + best[belief.state]))
