"""Every policy of a tiny world, its features, and the nearest mixture of them: what matching is compared with."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.optimize

from imitation.walks import N_STATES, PAIRS
from maxentrl.imitation.function_classes import Ball, Box, FunctionClass, Hull
from maxentrl.mdp.time import Finite

TERMINAL = np.random.default_rng(9).normal(size=(2, N_STATES))
SHAPES = [Ball(), Box(), Hull()]


def functions(shape):
    """Both features, and for the hull their negatives too."""
    plain = FunctionClass(("first", "second"), PAIRS, TERMINAL, shape)
    return plain.with_negatives() if isinstance(shape, Hull) else plain


def features_of(mdp, dense, time, start, policy, table):
    """E_π φ of a deterministic policy by moving the start's mass by P[a, s, s']; policy(t, s) is an action."""
    mass = start.copy()
    steps, discount = (time.horizon, 1.0) if isinstance(time, Finite) else (400, time.discount)
    total = np.zeros(len(table.pair))
    for t in range(steps):
        after = np.zeros(N_STATES)
        for s in np.flatnonzero(mass):
            if mdp.terminal[s]:
                total += discount**t * mass[s] * table.terminal[:, s]
                continue
            a = policy(t, s)
            total += discount**t * mass[s] * table.pair[:, a, s]
            after += mass[s] * dense[a, s]
        mass = after
    return total + (discount**steps) * table.terminal @ mass


def every_policy(mdp, time):
    """All deterministic policies: one choice for each step for finite horizons, else stationary."""
    offered = [np.flatnonzero(mdp.available[:, s]) if mdp.available[:, s].any() else [0] for s in range(N_STATES)]
    stationary = list(itertools.product(*offered))
    if isinstance(time, Finite):
        for choices in itertools.product(stationary, repeat=time.horizon):
            yield lambda t, s, c=choices: c[t][s]
    else:
        for choice in stationary:
            yield lambda t, s, c=choice: c[s]


def nearest_mixture(points, data, shape):
    """min over mixtures of points of the distance to data, by general solvers."""
    count, size = points.shape
    if isinstance(shape, Ball):
        scale = 1e4
        stacked = np.vstack([points.T - data[:, None], scale * np.ones(count)])
        weights, _ = scipy.optimize.nnls(stacked, np.append(np.zeros(size), scale))
        return float(np.linalg.norm((points.T - data[:, None]) @ (weights / weights.sum())))
    extra = size if isinstance(shape, Box) else 1
    cost = np.append(np.zeros(count), np.ones(extra))
    part = -np.eye(size) if isinstance(shape, Box) else -np.ones((size, 1))
    rows = np.hstack([points.T, part])
    right = data
    if isinstance(shape, Box):
        rows, right = np.vstack([rows, np.hstack([-points.T, part])]), np.append(data, -data)
    equal = np.append(np.ones(count), np.zeros(extra))[None]
    bounds = [(0, None)] * count + [(None, None)] * extra
    return scipy.optimize.linprog(cost, A_ub=rows, b_ub=right, A_eq=equal, b_eq=[1.0], bounds=bounds).fun


def points_of(mdp, time, start, table):
    """Features of all deterministic policies, (P, K)."""
    dense = mdp.transitions.as_dense()
    found = [features_of(mdp, dense, time, start, policy, table) for policy in every_policy(mdp, time)]
    return np.unique(np.array(found).round(12), axis=0)
