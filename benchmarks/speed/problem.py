"""The inverse problem that every side of the speed benchmark fits: maximum causal entropy on a slippery grid.

Pure NumPy, so that each side's own interpreter imports this one file and all of them see the same numbers.

The model. An ``n x n`` grid, states numbered row by row, four moves (up, down, left, right). With probability
``1 - slip`` the intended move happens, with probability ``slip`` one drawn uniformly among all four, the intended one
included; a move into the border stays. Every state is equally likely at the start, no state is terminal, there is no
discount and the temperature is 1. The reward of a state is linear in ``K`` smooth features between 0 and 1.

The horizon. ``T`` decisions at ``t = 0 .. T-1``, each of which collects ``r(s_t)``: ``T`` rewards. State ``s_T`` is
reached and earns nothing, so the last decision is uniform:

    Q_t(s, a) = r(s) + E[V_{t+1}(s')],    V_t = log sum_a exp Q_t(s, a),    V_T = 0.

`imitation` 1.0.1 plans exactly this with ``env.horizon = T``: ``mce_partition_fh`` fills ``V[0 .. T-1]`` and adds no
value after the last. But ``mce_occupancy_measures`` then counts visits at ``t = 0 .. T``, ``T + 1`` of them, so what it
follows is a feature residual with one visit more than its planner was rewarded for, and not the gradient of its own log
partition function. The other side follows the gradient of the dual, the residual over the ``T`` rewarded visits. Both
vanish at the planted weights, because the demonstrations here are the model's own visits, and both cost ``T`` soft
backups and ``T`` steps of the occupancy (one fewer where ``s_T`` is not needed).

The measure of convergence is the Euclidean norm of the feature residual in totals per trajectory (not divided by the
horizon): model visits minus expert visits, times the features. `feature_residual` evaluates it with or without the
final visit, for the parameters that either side returns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

N_ACTIONS = 4
N_WAVES = 4
"""Plane waves added up in one feature."""
WAVENUMBER = 1.5
"""Standard deviation of a wave's number of periods across the grid, along each axis."""


@dataclass(frozen=True)
class Problem:
    """A grid, its features, and the visits of the planted reward. S states, A moves, K features, T decisions."""

    size: int
    horizon: int
    slip: float
    successors: NDArray[np.intp]
    """(A, S): where a move leads when it happens."""
    start: Floats
    """(S,): probability of each first state."""
    features: Floats
    """(S, K), each column between 0 and 1."""
    planted: Floats
    """(K,): the weights that made the demonstrations, hence an optimum."""
    expert_visits: Floats
    """(T + 1, S): probability of each state at each time under the planted reward."""


def grid_problem(size: int, *, horizon: int = 50, slip: float = 0.1, n_features: int = 8, seed: int = 0) -> Problem:
    """The benchmark's problem on a ``size x size`` grid; one seed draws the same feature maps at every size."""
    rng = np.random.default_rng(seed)
    features = _smooth_features(size, n_features, rng)
    planted = rng.standard_normal(n_features)
    successors = _successors(size)
    start = np.full(size * size, 1.0 / size**2)
    visits = state_visits(successors, slip, start, features @ planted, horizon)
    return Problem(size, horizon, slip, successors, start, features, planted, visits)


def dense_transitions(problem: Problem) -> Floats:
    """(S, A, S) probabilities, for a side that can take nothing smaller."""
    n_states = problem.size**2
    states = np.arange(n_states)
    transitions = np.zeros((n_states, N_ACTIONS, n_states))
    for happened, reached in enumerate(problem.successors):
        transitions[states, happened, reached] += 1.0 - problem.slip
        for intended in range(N_ACTIONS):
            transitions[states, intended, reached] += problem.slip / N_ACTIONS
    return transitions


def state_visits(successors: NDArray[np.intp], slip: float, start: Floats, reward: Floats, horizon: int) -> Floats:
    """(T + 1, S): probability of each state at each time under the soft optimal policy of ``reward`` (S,)."""
    n_states = start.size
    policies = np.empty((horizon, N_ACTIONS, n_states))
    values = np.zeros(n_states)
    for t in reversed(range(horizon)):
        reached = values[successors]
        q_values = (1.0 - slip) * reached + (slip / N_ACTIONS) * reached.sum(0)
        shift = q_values.max(0)
        policy = np.exp(q_values - shift)
        total = policy.sum(0)
        policies[t] = policy / total
        values = reward + shift + np.log(total)

    visits = np.empty((horizon + 1, n_states))
    visits[0] = start
    for t in range(horizon):
        happened = visits[t] * ((1.0 - slip) * policies[t] + slip / N_ACTIONS)
        visits[t + 1] = np.bincount(successors.ravel(), happened.ravel(), n_states)
    return visits


def feature_residual(problem: Problem, parameters: Floats, *, final_visit: bool) -> Floats:
    """(K,): feature totals of one trajectory, model minus expert, under the reward ``features @ parameters``.

    Without the final visit this is the gradient of the log partition function minus the expert's totals; with it, it is
    what `imitation` follows (see the module's text).
    """
    reward = problem.features @ parameters
    visits = state_visits(problem.successors, problem.slip, problem.start, reward, problem.horizon)
    counted = problem.horizon + 1 if final_visit else problem.horizon
    return (visits - problem.expert_visits)[:counted].sum(0) @ problem.features


def _successors(size: int) -> NDArray[np.intp]:
    row, column = np.divmod(np.arange(size * size), size)
    last = size - 1
    return np.stack(
        [
            np.maximum(row - 1, 0) * size + column,
            np.minimum(row + 1, last) * size + column,
            row * size + np.maximum(column - 1, 0),
            row * size + np.minimum(column + 1, last),
        ]
    )


def _smooth_features(size: int, n_features: int, rng: np.random.Generator) -> Floats:
    """Sums of random plane waves over the unit square, each rescaled to span [0, 1] on this grid."""
    wavenumbers = WAVENUMBER * rng.standard_normal((2, n_features, N_WAVES))
    phases = rng.uniform(0.0, 2.0 * np.pi, (n_features, N_WAVES))
    centres = (np.arange(size) + 0.5) / size
    row, column = (axis.reshape(-1, 1, 1) for axis in np.meshgrid(centres, centres, indexing="ij"))
    waves = np.cos(2.0 * np.pi * (row * wavenumbers[0] + column * wavenumbers[1]) + phases)
    maps = waves.sum(axis=2)
    low, high = maps.min(axis=0), maps.max(axis=0)
    return (maps - low) / (high - low)
