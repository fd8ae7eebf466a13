"""Three planted intents on the plaza, 600 walks: held-out loss of the learnt mixture beside that of the true one.

    python benchmarks/learning/mixture.py [--seeds 0 1 2] [--walks 600] [--held-out 2000] [--choose]

Prints one JSON object: for each seed nats per held-out walk under the truth, the learnt mixture and a single reward, and
the paired difference to the truth with its 95 % interval. The figure to reach is a ratio below 1.01. ``--choose`` also
chooses the number of intents by BIC.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time

import numpy as np

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.mixture import MixtureSettings, fit_mixture
from maxentrl.inverse.mixture_choice import InformationCriterion, choose_components
from maxentrl.inverse.mixture_fit import MixtureFit
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.plaza import Plaza, draw_trips, plaza
from maxentrl.mdp.time import ToGoal
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.sampling import sample
from maxentrl.rewards.linear import LinearReward

SHARES = (0.5, 0.3, 0.2)
CHANGES = ({}, {"grass": 0.0, "cobbles": -1.6}, {"grass": -2.5, "near_wall": 0.5, "spray": 0.0})
"""What each intent wants otherwise than the plaza's own reward: to keep off the grass, to cross it, to hug the walls."""


def intents(scene: Plaza, names: tuple[str, ...]) -> np.ndarray:
    return np.array([[{**scene.true_parameters, **change}[name] for name in names] for change in CHANGES], float)


def walks_of(scene: Plaza, reward: LinearReward, planted: np.ndarray, count: int, seed: int) -> Trajectories:
    """Walks between entrances, each by an intent drawn by the shares."""
    generator = np.random.default_rng(seed)
    states, actions, goals = [], [], []
    for theta, number in zip(planted, generator.multinomial(count, SHARES), strict=True):
        trips = draw_trips(scene, int(number), int(generator.integers(2**31)))
        for goal in np.unique(trips.goals):
            solution = solve(SoftProblem(scene.world.mdp, reward_table(reward, theta), ToGoal((int(goal),))))
            for start, times in zip(*np.unique(trips.starts[trips.goals == goal], return_counts=True), strict=True):
                paths = sample(solution, int(start), int(times), int(generator.integers(2**31)))
                states += [paths.states_of(i) for i in range(len(paths))]
                actions += [paths.actions_of(i) for i in range(len(paths))]
                goals += [int(goal)] * len(paths)
    return Trajectories.of(states, actions, goals=goals)


def loss(fit: MixtureFit, walks: Trajectories) -> np.ndarray:
    return -fit.read(walks).log_likelihood


def run(seed: int, count: int, held_out: int, *, choose: bool) -> dict[str, object]:
    scene = plaza()
    reward = LinearReward.of(8, state=scene.world.state_features, pair=scene.world.pair_features, terminal={})
    planted = intents(scene, reward.names)
    problem = InverseProblem(scene.world.mdp, reward, walks_of(scene, reward, planted, count, 2 * seed), ToGoal())
    fresh = walks_of(scene, reward, planted, held_out, 2 * seed + 1)
    began = time.perf_counter()
    fit = fit_mixture(problem, len(SHARES), settings=MixtureSettings(seed=seed))
    seconds = time.perf_counter() - began
    true = loss(dataclasses.replace(fit, parameters=planted, weights=np.array(SHARES)), fresh)
    learnt, single = loss(fit, fresh), loss(fit_mixture(problem, 1), fresh)
    excess = learnt - true
    half = 1.96 * excess.std(ddof=1) / np.sqrt(len(excess))
    found: dict[str, object] = {
        "seed": seed,
        "walks": count,
        "decisions": int(problem.demonstrations.lengths.sum()),
        "true_nats_per_walk": true.mean(),
        "mixture_nats_per_walk": learnt.mean(),
        "single_nats_per_walk": single.mean(),
        "mixture_over_true": learnt.mean() / true.mean(),
        "single_over_true": single.mean() / true.mean(),
        "excess_nats_95": [excess.mean() - half, excess.mean() + half],
        "status": fit.status.name,
        "gradient_norm": fit.gradient_norm,
        "weights": fit.weights.tolist(),
        "starts_at_this_maximum": sum(abs(report.value - fit.value) < 1e-3 for report in fit.starts),
        "starts": len(fit.starts),
        "seconds": seconds,
    }
    if choose:
        choice = choose_components(problem, [1, 2, 3, 4], InformationCriterion(), settings=MixtureSettings(seed=seed))
        found["bic_by_components"] = {len(each.weights): each.bic for each in choice.fits}
        found["chosen_by_bic"] = choice.components
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--walks", type=int, default=600)
    parser.add_argument("--held-out", type=int, default=2000)
    parser.add_argument("--choose", action="store_true")
    arguments = parser.parse_args()
    runs = [run(s, arguments.walks, arguments.held_out, choose=arguments.choose) for s in arguments.seeds]
    worst = max(float(str(each["mixture_over_true"])) for each in runs)
    print(json.dumps({"runs": runs, "worst_mixture_over_true": worst, "reached": worst < 1.01}, indent=1))


if __name__ == "__main__":
    main()
