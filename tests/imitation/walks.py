"""Small worlds and weighted walks, moved in plain NumPy."""

from __future__ import annotations

import numpy as np

from inverse.small_fits import GOAL, N_ACTIONS, N_STATES, small_mdp, uniform, walk
from maxentrl.demos.trajectories import Trajectories
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, Time, ToGoal

__all__ = ["GOAL", "HORIZON", "N_ACTIONS", "N_STATES", "PAIRS", "complete", "loose", "small_mdp"]

HORIZON = 3
PAIRS = np.random.default_rng(7).normal(size=(2, N_ACTIONS, N_STATES))
"""Two features of pairs, without structure."""


def loose(mdp: MDP, *, count: int = 30, states_only: bool = False) -> Trajectories:
    """Weighted walks of different lengths, every third censored, with two goals in turn."""
    lengths = [1 + i % 5 for i in range(count)]
    walks = walk(mdp, uniform(mdp), lengths, seed=2, states_only=states_only)
    states = [walks.states_of(i) for i in range(len(walks))]
    actions = None if states_only else [walks.actions_of(i) for i in range(len(walks))]
    return Trajectories.of(
        states,
        actions,
        weights=walks.weights,
        goals=[GOAL - i % 2 for i in range(len(walks))],
        censored=[i % 3 == 0 for i in range(len(walks))],
    )


def complete(kind: str, *, deterministic: bool, count: int = 12) -> tuple[MDP, Trajectories, Time]:
    """Walks that distribution matching takes: of the horizon's length, or until the goal."""
    mdp = small_mdp(deterministic=deterministic, terminal=kind == "discounted")
    times: dict[str, Time] = {"finite": Finite(HORIZON), "discounted": Discounted(0.8), "to-goal": ToGoal()}
    lengths, until = ([HORIZON] * count, None) if kind == "finite" else ([400] * count, GOAL)
    return mdp, walk(mdp, uniform(mdp), lengths, seed=5, until=until), times[kind]
