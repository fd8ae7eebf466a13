"""Goal posterior and the visits of the next five seconds, an observation at a time, on the embedded plaza.

python benchmarks/speed/plaza.py
"""

from __future__ import annotations

import json
import statistics
import time

import numpy as np

import maxentrl as mx
from maxentrl.mdp.plaza import plaza

SECONDS_AHEAD, SECONDS_PER_STEP = 5.0, 0.4


def main() -> None:
    scene = plaza(0)
    world = scene.world
    reward = mx.LinearReward.of(world.mdp.n_actions, state=world.state_features, pair=world.pair_features, terminal={})
    weights = np.array([scene.true_parameters.get(name, 0.0) for name in reward.names])
    goals = tuple(scene.entrances.values())
    began = time.perf_counter()
    problem = mx.SoftProblem(world.mdp, reward.table(weights), mx.ToGoal((goals[0],)))
    solutions = mx.LinearSystem().solve_goals(problem, tuple((goal,) for goal in goals))
    forecaster = mx.GoalForecaster.from_solutions(solutions, seconds_per_step=SECONDS_PER_STEP)
    prepared = time.perf_counter() - began
    walk = mx.sample(solutions[0], goals[1], 1, seed=0).states_of(0)
    steps = round(SECONDS_AHEAD / SECONDS_PER_STEP)
    belief, seconds = forecaster.start(int(walk[0])), []
    for state in walk[1:]:
        start = time.perf_counter()
        belief = belief.update(int(state))
        mx.visits_ahead(forecaster, belief.mass, steps)
        seconds.append(time.perf_counter() - start)
    figures = {
        "states": world.mdp.n_states,
        "goals": len(goals),
        "prepare_seconds": prepared,
        "observations": len(seconds),
        "median_ms": 1e3 * statistics.median(seconds),
        "worst_ms": 1e3 * max(seconds),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
