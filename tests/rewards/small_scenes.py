"""Small maps with named layers, for rewards of every kind."""

from __future__ import annotations

import numpy as np

from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.mdp.world import World


def layers_of(rows: int, columns: int, seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=(rows, columns)) for name in ("shade", "noise")}


def small_world(rows: int = 3, columns: int = 4, *, slip: float = 0.0, seed: int = 0, walls=None) -> World:
    return grid_world(layers_of(rows, columns, seed), walls=walls, moves=FOUR_MOVES, slip=slip, cell_size=1.0)
