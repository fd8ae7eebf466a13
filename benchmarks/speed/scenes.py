"""Forty scenes of 20 to 200 cells a side: how often something is compiled, and what a pass over all of them takes.

One pass is the value and gradient of all scenes together. It is timed against the sum of the passes of each scene alone,
after compilation, in two ways: with the library as it is, and with every scene compiled at its own size. Each kind of fit
runs in processes of its own, so that nothing is counted that another kind has compiled.

    python benchmarks/speed/scenes.py [kinds …] [--scenes 40] [--rounds 5]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import jax
import numpy as np
from scipy.sparse.csgraph import dijkstra

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.batches import SceneBatches, batch_targets
from maxentrl.inverse.common_sizes import in_common_sizes
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.fit import space_of
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import AbstractObjective
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.target import FitTarget
from maxentrl.mdp.grid import EIGHT_MOVES, grid_world
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, Time, ToGoal
from maxentrl.mdp.world import World
from maxentrl.rewards.convolution import convolutional
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.network import NetworkReward
from maxentrl.rewards.outputs import Cost
from maxentrl.rewards.perceptron import perceptron
from maxentrl.rewards.reward import AbstractReward

LAYERS = ("grass", "shade", "slope")
WALKS, LOST = 12, 0.2
LEAST, MOST = 20, 200


def scene(side: tuple[int, int], seed: int, slip: float) -> World:
    """A seeded map of smooth layers with walls; every open cell can reach every other."""
    generator = np.random.default_rng(seed)
    rows, columns = side
    y, x = np.mgrid[:rows, :columns]
    waves = [np.sin(x / generator.uniform(3, 9) + 9 * generator.random()) for _ in LAYERS]
    layers = {n: w * np.cos(y / generator.uniform(3, 9)) for n, w in zip(LAYERS, waves, strict=True)}
    walls = np.zeros(side, bool)
    for _ in range(rows * columns // 150):
        r, c = generator.integers(1, rows - 3), generator.integers(1, columns - 3)
        walls[r : r + 2, c : c + 2] = True
    return grid_world(layers, walls=walls, moves=EIGHT_MOVES, cell_size=1.0, slip=slip)


def walks(mdp: MDP, seed: int) -> Trajectories:
    """Walks to one of two goals: nearer at most steps, anywhere at the others."""
    generator = np.random.default_rng(seed)
    graph = mdp.transitions.chain(np.asarray(mdp.available, float))
    paths, moves, goals = [], [], []
    both = generator.choice(mdp.n_states, 2, replace=False)
    distance = dijkstra(graph.T, indices=both, unweighted=True)
    for number in range(WALKS):
        goal, far = both[number % 2], distance[number % 2]
        state = int(generator.choice(np.flatnonzero(np.isfinite(far) & (far > 0))))
        path, actions = [state], []
        while path[-1] != goal:
            possible = np.flatnonzero(mdp.available[:, path[-1]])
            found, chance = mdp.transitions.successors_of(possible, np.full(len(possible), path[-1]))
            target = found[chance.argmax(0), np.arange(len(possible))]
            nearer = np.flatnonzero(far[target] < far[path[-1]])
            lost = generator.random() < LOST or not len(nearer)
            pick = int(generator.choice(len(possible) if lost else nearer))
            actions.append(int(possible[pick]))
            path.append(int(target[pick]))
        paths.append(path)
        moves.append(actions)
        goals.append(int(goal))
    return Trajectories.of(paths, moves, goals=goals)


def linear(world: World) -> LinearReward:
    """Costs of the layers and of the distance."""
    positive = {name: 1.0 + np.asarray(column) for name, column in world.state_features.items()}
    return LinearReward.of(world.mdp.n_actions, state=positive, pair=dict(world.pair_features), terminal={})


def small_convolution(world: World) -> NetworkReward:
    return convolutional(world, output=Cost(typical=3.0))


def small_perceptron(world: World) -> NetworkReward:
    return perceptron(world, output=Cost(typical=3.0), pair_features=("distance",))


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of fit."""

    reward: Callable[[World], AbstractReward]
    objective: Callable[[InverseProblem], AbstractObjective]
    time: Time
    start: float
    slip: float = 0.0


KINDS = {
    "linear-goal": Kind(linear, FeatureMatching.of, ToGoal(), -2.5),
    "linear-finite": Kind(linear, FeatureMatching.of, Finite(), -0.5),
    "linear-finite-slip": Kind(linear, FeatureMatching.of, Finite(), -0.5, 0.1),
    "linear-discounted": Kind(linear, ConditionalLikelihood.of, Discounted(0.9), -0.5, 0.1),
    "convolution-goal": Kind(small_convolution, FeatureMatching.of, ToGoal(), 0.0),
    "convolution-finite": Kind(small_convolution, FeatureMatching.of, Finite(), 0.0),
    "perceptron-goal": Kind(small_perceptron, FeatureMatching.of, ToGoal(), 0.0),
    "perceptron-finite": Kind(small_perceptron, FeatureMatching.of, Finite(), 0.0),
}


def problems_of(kind: Kind, count: int) -> list[InverseProblem]:
    generator = np.random.default_rng(0)
    sides = [
        (int(side), int(np.clip(side * ratio, LEAST, MOST)))
        for side, ratio in zip(
            np.linspace(LEAST, MOST, count).round(), generator.uniform(0.8, 1.25, count), strict=True
        )
    ]
    worlds = [scene(side, seed, kind.slip) for seed, side in enumerate(sides)]
    first = kind.reward(worlds[0])
    rewards = [first.on(w) if isinstance(first, NetworkReward) else kind.reward(w) for w in worlds]
    each = enumerate(zip(worlds, rewards, strict=True))
    return [InverseProblem(w.mdp, r, walks(w.mdp, 100 + i), kind.time) for i, (w, r) in each]


class Compilations:
    """Counts what XLA compiles, by name."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.seconds = 0.0
        jax.monitoring.register_event_duration_secs_listener(self._heard)

    def _heard(self, event: str, duration_secs: float, **about: str | int) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            self.names.append(str(about.get("fun_name", "?")))
            self.seconds += duration_secs


def seconds_of(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and processor time of one call."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def measure(name: str, count: int, rounds: int) -> dict[str, object]:
    """The figures of one kind, in this process."""
    kind = KINDS[name]
    problems = problems_of(kind, count)
    space = space_of(problems[0].reward)
    start = space.start if kind.start == 0.0 else np.full(len(space.start), kind.start)
    alone = FitTarget(tuple(map(kind.objective, problems)), space)
    target = in_common_sizes(alone)
    compiled = Compilations()
    first = seconds_of(lambda: target.evaluate(start))[0]
    found = list(compiled.names)
    figures: dict[str, object] = {
        "kind": name,
        "scenes": count,
        "states": [problem.mdp.n_states for problem in problems],
        "demonstrated_decisions": sum(objective.n_decisions for objective in alone.objectives),
        "compilations": len(found),
        "of": {each: found.count(each) for each in dict.fromkeys(found)},
        "compile_seconds": compiled.seconds,
        "first_pass_seconds": first,
    }
    scenes = batch_targets(target, SceneBatches(), np.random.default_rng(0))
    for scene_target in scenes:
        scene_target.evaluate(start)
    figures["compilations_of_scene_batches"] = len(compiled.names) - len(found)
    figures |= compare(target, alone, start, rounds)
    return figures


def compare(target: FitTarget, alone: FitTarget, start: np.ndarray, rounds: int) -> dict[str, object]:
    """A pass over all in common sizes beside the sum of each scene by itself at its own size, taking turns."""
    single = batch_targets(alone, SceneBatches(), np.random.default_rng(0))
    own = batch_targets(target, SceneBatches(), np.random.default_rng(0))
    differences, compiled = [], Compilations()
    for one, same in zip(single, own, strict=True):  # compiles
        here, there = one.evaluate(start), same.evaluate(start)
        differences.append(abs(here.value - there.value) / abs(here.value))
        differences.append(float(np.abs(here.gradient - there.gradient).max() / np.abs(here.gradient).max()))
    at_own_size, passes, sums, shared = len(compiled.names), [], [], []
    for turn in range(rounds):
        theta = start * (1 + 1e-6 * (turn + 1))
        passes.append(seconds_of(partial(target.evaluate, theta)))
        sums.append(np.sum([seconds_of(partial(one.evaluate, theta)) for one in single], axis=0))
        shared.append(np.sum([seconds_of(partial(one.evaluate, theta)) for one in own], axis=0))
    wall, processor = (np.array(passes) / np.array(sums)).T
    return {
        "own": at_own_size,
        "pass_seconds": [float(each) for each, _ in passes],
        "apart_at_own_size_seconds": [float(each[0]) for each in sums],
        "apart_in_common_sizes_seconds": [float(each[0]) for each in shared],
        "ratio": spread(wall),
        "ratio_of_processor_time": spread(processor),
        "largest_relative_difference": max(differences),
    }


def spread(values: np.ndarray) -> dict[str, float]:
    return {"min": float(values.min()), "median": statistics.median(values), "max": float(values.max())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", help=f"which of {', '.join(KINDS)}; all unless named")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--here", action="store_true", help="one kind in this process, where nothing is compiled yet")
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(measure(arguments.kinds[0], arguments.scenes, arguments.rounds), indent=1))
        return
    for name in arguments.kinds or KINDS:
        sizes = ["--scenes", str(arguments.scenes), "--rounds", str(arguments.rounds)]
        subprocess.run([sys.executable, __file__, name, *sizes, "--here"], check=True)


if __name__ == "__main__":
    main()
