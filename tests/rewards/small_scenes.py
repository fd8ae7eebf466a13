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


def walks_to_the_last_cell(world: World, count: int, generator: np.random.Generator) -> tuple[list, list, list]:
    """States, moves and goals of aimless walks that end in the last cell."""
    goal, paths, moves = world.mdp.n_states - 1, [], []
    for _ in range(count):
        path, actions = [int(generator.integers(goal))], []
        while path[-1] != goal:
            actions.append(int(generator.choice(np.flatnonzero(world.mdp.available[:, path[-1]]))))
            found, chance = world.mdp.transitions.successors_of(np.array(actions[-1:]), np.array(path[-1:]))
            path.append(int(generator.choice(found[:, 0], p=chance[:, 0])))
        paths.append(path)
        moves.append(actions)
    return paths, moves, [goal] * count
