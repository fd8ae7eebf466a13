"""A planted reward that is not linear, learnt from 500 walks on the plaza: held-out log-loss of a sum of a linear distance
and a perceptron, and of a linear reward of the same features, beside the true reward's.

python benchmarks/learning/deep_plaza.py
"""

from __future__ import annotations

import json
import time

import numpy as np

import maxentrl as mx
from maxentrl.inverse.gradient_steps import GradientSteps, adam
from maxentrl.inverse.held_out import HeldOut, split_walks
from maxentrl.inverse.regret import regret
from maxentrl.mdp.plaza import Plaza, draw_trips, plaza
from maxentrl.planning.solution import SoftSolution
from maxentrl.rewards.perceptron import perceptron
from maxentrl.rewards.sums import SumReward

WALKS, SHARE_HELD_OUT, STEPS = 500, 0.2, 500


def planted_reward(scene: Plaza) -> mx.RewardTable:
    """Grass is bad away from walls only, walls at some distances, spray where it is neither thick nor thin."""
    features = scene.world.state_features
    wall, grass, spray, cobbles = (features[name] for name in ("near_wall", "grass", "spray", "cobbles"))
    state = -0.2 - 2.5 * grass * (1 - np.tanh(3 * wall)) - 1.5 * np.sin(4 * np.pi * wall) ** 2
    state = state - 2.0 * np.exp(-(((spray - 0.5) / 0.2) ** 2)) - 0.8 * cobbles * wall
    return mx.RewardTable(state - 7.0 * scene.world.pair_features["distance"], np.zeros(len(state)))


def walks_of(scene: Plaza, solutions: dict[int, SoftSolution], count: int, seed: int) -> mx.Trajectories:
    trips = draw_trips(scene, count, seed)
    states, actions = [], []
    for i, (start, goal) in enumerate(zip(trips.starts.tolist(), trips.goals.tolist(), strict=True)):
        path = mx.sample(solutions[goal], start, 1, seed=seed * 100_000 + i)
        states.append(path.states_of(0))
        actions.append(path.actions_of(0))
    return mx.Trajectories.of(states, actions, goals=trips.goals)


def losses(problem: mx.InverseProblem, walks: mx.Trajectories, table: mx.RewardTable) -> np.ndarray:
    """−log P of each walk, in nats."""
    objective = mx.ConditionalLikelihood.of(mx.InverseProblem(problem.mdp, problem.reward, walks, problem.time))
    found = np.zeros(len(walks))
    for reading in objective.read(objective.planner.solve(problem.forward, table)):
        owner = objective.rows.trajectory[objective.rows.decision[reading.rows]]
        np.add.at(found, owner, reading.now - reading.action_value)
    return found


def interval(difference: np.ndarray) -> list[float]:
    half = 1.96 * difference.std(ddof=1) / len(difference) ** 0.5
    return [float(difference.mean() - half), float(difference.mean() + half)]


def main() -> None:
    scene = plaza(0)
    world, truth = scene.world, planted_reward(scene)
    goals = sorted(set(scene.entrances.values()))
    posed = mx.SoftProblem(world.mdp, truth, mx.ToGoal((goals[0],)))
    solutions = dict(zip(goals, mx.LinearSystem().solve_goals(posed, tuple((g,) for g in goals)), strict=True))
    train, test = walks_of(scene, solutions, WALKS, 1), walks_of(scene, solutions, WALKS, 2)
    linear = mx.LinearReward.of(world.mdp.n_actions, state=world.state_features, pair=world.pair_features, terminal={})
    straight = mx.fit(mx.InverseProblem(world.mdp, linear, train, mx.ToGoal()))
    distance = mx.LinearReward.of(world.mdp.n_actions, pair=world.pair_features, terminal={})
    deep = SumReward.of(distance, perceptron(world, width=16))
    learn, held = split_walks(train, SHARE_HELD_OUT, 0)
    problem = mx.InverseProblem(world.mdp, deep, learn, mx.ToGoal())
    began = time.perf_counter()
    trained = mx.fit(problem, optimiser=GradientSteps(adam(1e-2), steps=STEPS, held_out=HeldOut(held)))
    seconds = time.perf_counter() - began
    tables = {"true": truth, "linear": straight.reward_table(), "deep": trained.reward_table()}
    loss = {name: losses(problem, test, table) for name, table in tables.items()}
    start = int(scene.entrances["west street"])
    lost = {name: regret(posed, tables[name], start).soft for name in ("linear", "deep")}
    figures = {
        "walks": WALKS,
        "held_out_nats_a_walk": {name: float(values.mean()) for name, values in loss.items()},
        "deep_above_true": float(loss["deep"].mean() / loss["true"].mean() - 1),
        "linear_above_true": float(loss["linear"].mean() / loss["true"].mean() - 1),
        "linear_minus_deep_95": interval(loss["linear"] - loss["deep"]),
        "regret_from_west_street": lost,
        "distance": trained.coefficients["distance"],
        "status": {"deep": trained.status.name, "linear": straight.status.name},
        "training_seconds": seconds,
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
