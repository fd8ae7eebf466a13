"""Three small scenes on disk, of different sizes and moves, walked through by people who want the same."""

import csv
from pathlib import Path

import numpy as np

from maxentrl.mdp.grid import EIGHT_MOVES, FOUR_MOVES, grid_world
from maxentrl.mdp.time import ToGoal
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.sampling import sample
from maxentrl.rewards.linear import LinearReward

SIZES = {"garden": (5, 7, 8), "park": (7, 5, 4), "yard": (6, 6, 8)}
"""Rows, columns and moves of each scene."""
WANTED = np.array([-1.0, -2.0, -3.0])
"""Weights of lawn, mud and distance."""

LINEAR = """
scenes = "scenes/*.toml"
[reward]
pair_features = ["distance"]
terminal = "none"
[time]
kind = "to-goal"
[forecast]
observed = [0.5]
samples = 3
"""

NETWORK = """
scenes = "scenes/*.toml"
[reward.network]
kind = "convolutional"
channels = [4]
kernels = [3]
[time]
kind = "to-goal"
[fit.training]
steps = 12
every = 2
learning_rate = 0.05
validation = 0.2
[forecast]
observed = [0.5]
samples = 3
"""


def write_scenes(folder: Path) -> Path:
    """The scenes, and ``linear.toml`` and ``network.toml`` that list them."""
    (folder / "scenes").mkdir(parents=True)
    for seed, (name, (rows, columns, moves)) in enumerate(SIZES.items()):
        _write_scene(folder / "scenes", name, rows, columns, moves, seed)
    (folder / "linear.toml").write_text(LINEAR)
    (folder / "network.toml").write_text(NETWORK)
    return folder


def _write_scene(folder: Path, name: str, rows: int, columns: int, moves: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers = {"lawn": rng.random((rows, columns)).round(2), "mud": (rng.random((rows, columns)) < 0.2).astype(float)}
    np.savez(folder / f"{name}.npz", **layers)
    world = grid_world(layers, moves=EIGHT_MOVES if moves == 8 else FOUR_MOVES, cell_size=0.5)
    reward = LinearReward.of(
        world.mdp.n_actions, state=world.state_features, pair=world.pair_features, terminal={}
    ).table(WANTED)
    assert world.geometry is not None
    corners = world.geometry.state_of_cell[[0, 0, -1, -1], [0, -1, 0, -1]]
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["trajectory", "step", "state", "split"])
        for goal in corners:
            starts = np.isin(np.arange(world.mdp.n_states), corners[corners != goal])
            solution = solve(SoftProblem(world.mdp, reward, ToGoal((int(goal),))))
            paths = sample(solution, starts / starts.sum(), 6, seed=seed)
            for walk in range(6):
                split = "test" if walk == 5 else "train"
                states = paths.states_of(walk)
                writer.writerows([f"to {goal}: {walk}", step, state, split] for step, state in enumerate(states))
    (folder / f"{name}.toml").write_text(
        f'[world]\nkind = "grid"\nlayers = "{name}.npz"\nmoves = {moves}\ncell_size = 0.5\n'
        f'[demonstrations]\nfiles = "{name}.csv"\n'
    )
