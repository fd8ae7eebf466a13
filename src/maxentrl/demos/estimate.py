"""Unknown dynamics: transition probabilities estimated from the demonstrations' own moves."""

from __future__ import annotations

import numpy as np

from maxentrl.demos.report import Report
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.transitions import AbstractTransitions, from_outcomes
from maxentrl.status import InvalidInput


def estimate_transitions(
    trajectories: Trajectories, n_states: int, n_actions: int, prior_count: float = 0.0
) -> tuple[AbstractTransitions, Report]:
    """P(s' | s, a) from weighted counts, and a report that says what it rests on.

    ``P(s'|s,a) = (n(s,a,s') + α) / (n(s,a) + α B(s))`` with α the prior count and B(s) the number of states that were
    seen to follow s under any action: the posterior mean under a symmetric Dirichlet prior on those. Pairs that were
    never seen are unavailable; states that nobody left have no move, so mark them as terminal in the MDP.

    Args:
        trajectories: demonstrations; decisions whose action was not observed are not counted.
        n_states: S.
        n_actions: A.
        prior_count: α ≥ 0; 0 for the maximum-likelihood estimate.

    Raises:
        InvalidInput: a negative prior count, states or actions out of range, or no observed decision.
    """
    rows = trajectories.decisions
    problems = []
    if not (np.isfinite(prior_count) and prior_count >= 0):
        problems.append(f"prior_count = {prior_count}: expected a finite number ≥ 0")
    if len(trajectories.states) and not 0 <= trajectories.states.min() <= trajectories.states.max() < n_states:
        problems.append(f"trajectories hold states that are not among 0 to {n_states - 1}")
    if (rows.action >= n_actions).any():
        problems.append(f"trajectories hold actions that are not among 0 to {n_actions - 1}")
    weight = trajectories.weights[rows.trajectory]
    seen = (rows.action != UNKNOWN) & (weight > 0)
    if not seen.any():
        problems.append("no decision has an observed action: transitions cannot be estimated from states alone")
    if problems:
        raise InvalidInput(problems)
    state, action, following = rows.state[seen], rows.action[seen], rows.following[seen]
    pair = np.unique(np.stack([state, action]), axis=1)
    link = np.unique(np.stack([state, following]), axis=1)
    prior = _every_link_of_every_pair(pair, link) if prior_count > 0 else np.zeros((3, 0), np.int64)
    outcome = np.concatenate([np.stack([state, action, following]), prior], axis=1)
    mass = np.concatenate([weight[seen], np.full(prior.shape[1], prior_count)])
    total = np.zeros((n_actions, n_states))
    np.add.at(total, (outcome[1], outcome[0]), mass)
    transitions = from_outcomes(
        outcome[0], outcome[1], outcome[2], mass / total[outcome[1], outcome[0]], n_states=n_states, n_actions=n_actions
    )
    return transitions, _report(trajectories, seen, pair, n_states, prior_count)


def _every_link_of_every_pair(pair: np.ndarray, link: np.ndarray) -> np.ndarray:
    """(s, a, s') for each seen pair (s, a) and each state s' seen to follow s."""
    first = np.searchsorted(link[0], pair[0], side="left")
    count = np.searchsorted(link[0], pair[0], side="right") - first
    which = np.repeat(np.arange(pair.shape[1]), count)
    rank = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    return np.stack([pair[0][which], pair[1][which], link[1][first[which] + rank]])


def _report(trajectories: Trajectories, seen: np.ndarray, pair: np.ndarray, n_states: int, prior: float) -> Report:
    rows = trajectories.decisions
    pairs, counts = np.unique(rows.action[seen] * n_states + rows.state[seen], return_counts=True)
    left = len(np.unique(pair[0]))
    warnings = [
        f"transitions were estimated from {int(seen.sum())} decisions over {len(pairs)} state-action pairs "
        f"(prior count {prior:g}); {int((counts == 1).sum())} of the pairs were seen once"
    ]
    if left < n_states:
        warnings.append(f"{n_states - left} states were never left: they have no move and must be terminal")
    hidden = int((rows.action == UNKNOWN).sum())
    if hidden:
        warnings.append(f"{hidden} decisions without an observed action were not counted")
    return Report(int(seen.sum()), (), tuple(warnings))
