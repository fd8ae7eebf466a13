"""What a comparison needs of a world with momentum: its features written out, and what its states have in common."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import Trajectories
from maxentrl.imitation.tabular import clone_by_counting
from maxentrl.mdp.momentum import MomentumWorld
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.momentum import MomentumReward
from maxentrl.status import InvalidInput

LARGEST = 20_000_000
"""Most numbers K A S of features written out; a comparison holds a few copies of eight bytes each."""


def written_out(reward: MomentumReward, name: str) -> LinearReward:
    """The same reward with a feature table for every state: K A D C numbers in place of K A D + K C.

    Matching and cloning read features of pairs, (K, A, S), so a comparison needs them so.

    Args:
        reward: of K features, A changes, D displacements and C cells.
        name: of the specification, for messages.

    Raises:
        InvalidInput: more numbers than ``LARGEST``.
    """
    change, cell = np.asarray(reward.change, float), np.asarray(reward.cell, float)
    features, actions, displacements = change.shape
    cells = cell.shape[1]
    size = features * actions * displacements * cells
    if size > LARGEST:
        raise InvalidInput(
            f"{name}: a comparison writes the features of a world with momentum out, and {features} features of {actions} "
            f"changes, {displacements} displacements and {cells} cells make {size:.2g} numbers, more than {LARGEST:.2g}: "
            "raise world.cell_size, lower world.reach or world.change, or choose fewer reward.pair_features"
        )
    state = np.tile(cell, (1, displacements))
    return LinearReward(reward.names, actions, state, np.repeat(change, cells, axis=2), state)


def velocity_of_states(momentum: MomentumWorld) -> Float[np.ndarray, "S 2"]:
    """The displacement that led to each state, (x, y) in metres a decision, (S, 2)."""
    metres = momentum.displacements[:, ::-1] * momentum.geometry.cell_size
    return np.repeat(metres, momentum.n_cells, axis=0)


def shares_by_displacement(momentum: MomentumWorld, walks: Trajectories, smoothing: float) -> Float[np.ndarray, "A S"]:
    """How often each change was made after the same displacement anywhere, smoothed towards after any displacement.

        q(a | d) ∝ n(d, a) + κ A q(a),   q(a) = (n(a) + κ)/(n + κ A)

    Not normalised over the changes that a cell leaves open: the table is the prior of a count by state.

    Args:
        momentum: the world.
        walks: that are counted, by their weights.
        smoothing: κ > 0, in decisions for each change.
    """
    counted = clone_by_counting(momentum.world.mdp, walks).counts[0]
    actions, displacements = len(momentum.changes), len(momentum.displacements)
    by_displacement = counted.reshape(actions, displacements, -1).sum(2)
    anywhere = by_displacement.sum(1, keepdims=True) + smoothing
    found = by_displacement + smoothing * actions * anywhere / anywhere.sum()
    return np.repeat(found, momentum.n_cells, axis=1)
