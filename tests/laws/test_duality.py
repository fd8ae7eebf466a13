"""Inverse reinforcement learning as a convex programme over occupancies: θ and V are its multipliers.

maximise the causal entropy −Σ μ_t(s,a) log(μ_t(s,a)/Σ_a μ_t(s,a)) over occupancies μ_t that flow from the start, subject to
matching the demonstrated features. An independent solver (SciPy's sequential quadratic programming) finds the
multipliers; the library's fit
finds θ from the dual and V from the backward sweep.
"""

import numpy as np
import pytest
import scipy.optimize

from maxentrl.demos.counts import FeatureCounts
from maxentrl.inverse.fit import fit
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite
from maxentrl.mdp.transitions import from_dense
from maxentrl.planning.choose_solver import solve
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import Status

STATES, ACTIONS, HORIZON = 3, 2, 3
SIZE = HORIZON * ACTIONS * STATES


def process(deterministic):
    dense = np.random.default_rng(4).dirichlet(np.ones(STATES), size=(ACTIONS, STATES))
    if deterministic:
        dense = np.eye(STATES)[np.array([[1, 2, 0], [2, 1, 1]])]
    return dense


def constraints(dense, phi_state, phi_pair):
    """Flow: Σ_a μ_t(s,a) − arrivals = start (one row a time and state); features: one row a feature."""
    flow, features = np.zeros((HORIZON * STATES, SIZE)), np.zeros((2, SIZE))
    index = np.arange(SIZE).reshape(HORIZON, ACTIONS, STATES)
    for t in range(HORIZON):
        for s in range(STATES):
            for a in range(ACTIONS):
                column = index[t, a, s]
                flow[t * STATES + s, column] = 1.0
                features[:, column] += [phi_state[s], phi_pair[a, s]]
                if t + 1 < HORIZON:
                    flow[(t + 1) * STATES : (t + 2) * STATES, column] -= dense[a, s]
                else:
                    features[0, column] += dense[a, s] @ phi_state
    return flow, features


def negative_entropy(mu):
    mass = mu.reshape(HORIZON, ACTIONS, STATES)
    conditional = np.log(mass) - np.log(mass.sum(1, keepdims=True))
    return float((mass * conditional).sum()), conditional.ravel()


@pytest.mark.parametrize("deterministic", [True, False])
def test_parameters_and_values_are_the_multipliers(deterministic):
    dense = process(deterministic)
    rng = np.random.default_rng(8)
    phi_state, phi_pair = rng.normal(size=STATES), rng.normal(size=(ACTIONS, STATES))
    flow, features = constraints(dense, phi_state, phi_pair)
    start = np.array([0.5, 0.2, 0.3])
    entering = np.concatenate([start, np.zeros((HORIZON - 1) * STATES)])
    # An interior point to begin at, and features of another one to match: walks under two random policies.
    inside = _walk(dense, start, rng.dirichlet(np.ones(ACTIONS), size=(HORIZON, STATES)))
    matched = features @ _walk(dense, start, rng.dirichlet(4 * np.ones(ACTIONS), size=(HORIZON, STATES)))
    answer = scipy.optimize.minimize(
        negative_entropy,
        inside,
        jac=True,
        method="SLSQP",
        bounds=[(1e-9, 1.0)] * SIZE,
        constraints=[
            {"type": "eq", "fun": lambda mu: flow @ mu - entering, "jac": lambda _: flow},
            {"type": "eq", "fun": lambda mu: features @ mu - matched, "jac": lambda _: features},
        ],
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    assert np.abs(flow @ answer.x - entering).max() < 1e-9
    assert np.abs(features @ answer.x - matched).max() < 1e-9
    # Stationarity, solved for the multipliers at the primal optimum: ∇(−H) = θᵀφ − flowᵀ V, all entries positive.
    gradient = negative_entropy(answer.x)[1]
    multipliers, *_ = np.linalg.lstsq(np.concatenate([features, -flow]).T, gradient, rcond=None)
    remainder = np.concatenate([features, -flow]).T @ multipliers - gradient
    assert np.abs(remainder).max() < 1e-5

    mdp = MDP(from_dense(dense), np.zeros(STATES, bool))
    reward = LinearReward.of(ACTIONS, state={"place": phi_state}, pair={"move": phi_pair})
    # One row a start: their counts need only sum to the matched total.
    counts = np.tile(matched, (STATES, 1))
    demonstrations = FeatureCounts(
        reward.names, counts, np.arange(STATES), np.full(STATES, -1), np.full(STATES, HORIZON), start
    )
    result = fit(InverseProblem(mdp, reward, demonstrations, Finite()), optimiser=LBFGSB(gradient_tolerance=1e-10))
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(result.parameters, multipliers[:2], atol=1e-4)
    plan = solve(result.planning(Finite(HORIZON)))
    values = multipliers[2:].reshape(HORIZON, STATES)
    terminal = plan.values[HORIZON]
    np.testing.assert_allclose(plan.values[:HORIZON], values, atol=1e-3)
    np.testing.assert_allclose(terminal, result.parameters[0] * phi_state, atol=1e-12)
    occupancy = plan.occupancy_per_step(start).pair
    np.testing.assert_allclose(occupancy, answer.x.reshape(HORIZON, ACTIONS, STATES), atol=1e-5)
    # Strong duality: the entropy reached is the dual's value, −⟨θ, matched⟩ + V(start) = −objective.
    assert -answer.fun == pytest.approx(-result.value, abs=1e-6)


def _walk(dense, start, policy):
    mass, visits = start, []
    for t in range(HORIZON):
        pairs = (mass[:, None] * policy[t]).T
        visits.append(pairs)
        mass = np.einsum("as,asn->n", pairs, dense)
    return np.array(visits).ravel()
