"""The peer's side of the speed benchmark: `imitation` 1.0.1 fits the problem with its own `MCEIRL.train`.

Run it with the peers' interpreter (see ``benchmarks/README.md``); one JSON line per step size goes to standard output:

    benchmarks/.peers/bin/python benchmarks/speed/peer_imitation.py --size 10

Everything timed is the peer's own: its training loop, its planner and occupancy, its linear reward network
(`BasicRewardNet` without hidden layers, which has a bias, in single precision), its default optimiser (Adam) and its
own stopping rule, ``grad_l2_eps`` set to the tolerance and ``linf_eps`` off. Only two things are chosen here: the
network starts at zero, so that both sides start from the same reward, and the step size. The clock starts when `train`
is called, with the model in memory, and is read each time the loop logs, once a step; that adds about a fifth of a
millisecond to a step. Processor seconds are given beside the wall's: with one thread they are the ones to trust on a
machine that does other work.

A run that outlasts ``--max-seconds`` is cut off, and how many steps it would have needed is found by the *replica*: the
same training loop with the same network and optimiser, in which only the occupancy comes from `problem.state_visits`.
Its steps times the measured seconds per step is reported as a projection, beside the largest relative difference between
its gradient norms and the true run's over all steps truly taken. ``--full`` runs the peer through instead.
"""

import argparse
import json
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any
from unittest import mock

import numpy as np
import torch
from imitation.algorithms import mce_irl
from imitation.rewards.reward_nets import BasicRewardNet
from imitation.util.logger import HierarchicalLogger
from problem import Floats, Problem, dense_transitions, feature_residual, grid_problem, state_visits
from seals.base_envs import TabularModelPOMDP
from stable_baselines3.common.logger import KVWriter, Logger
from threadpoolctl import threadpool_limits

TOLERANCE = 1e-3
STEP_SIZES = (0.01, 0.03, 0.1, 0.3)
TRACE_POINTS = 100


def per_step(elapsed: list[float]) -> float:
    return float(np.median(np.diff(elapsed, prepend=0.0)))


class OutOfTime(Exception):
    """Raised from inside the peer's training loop when its time is up."""


@dataclass
class Trace(KVWriter):
    """What the training loop logs: when each gradient was ready, and its norm."""

    max_seconds: float
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    started: float = 0.0
    cpu_started: float = 0.0

    def start(self) -> None:
        self.started, self.cpu_started = time.perf_counter(), time.process_time()

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        elapsed = time.perf_counter() - self.started
        self.seconds.append(elapsed)
        self.cpu_seconds.append(time.process_time() - self.cpu_started)
        self.norms.append(key_values["grad_norm"])
        if elapsed > self.max_seconds and not self.reached:
            raise OutOfTime

    def close(self) -> None:
        """Nothing is held open."""

    @property
    def reached(self) -> bool:
        return self.norms[-1] <= TOLERANCE

    def thinned(self) -> list[tuple[float, float]]:
        every = math.ceil(len(self.norms) / TRACE_POINTS)
        points = list(zip(self.seconds, self.norms, strict=True))
        return points[:-1:every] + points[-1:]


def tabular_model(problem: Problem) -> TabularModelPOMDP:
    return TabularModelPOMDP(
        transition_matrix=dense_transitions(problem),
        observation_matrix=problem.features.astype(np.float32),
        reward_matrix=np.zeros(problem.start.size),
        horizon=problem.horizon,
        initial_state_dist=problem.start,
    )


def train(
    problem: Problem, model: TabularModelPOMDP, step_size: float, *, max_steps: int, max_seconds: float
) -> tuple[Trace, Floats]:
    """The peer's training loop from zero weights: its trace, and the weights it ended with."""
    network = BasicRewardNet(model.observation_space, model.action_space, use_action=False, hid_sizes=())
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    trace = Trace(max_seconds)
    learner = mce_irl.MCEIRL(
        problem.expert_visits.sum(axis=0),
        model,
        network,
        np.random.default_rng(0),
        optimizer_kwargs={"lr": step_size},
        linf_eps=0.0,
        grad_l2_eps=TOLERANCE,
        log_interval=1,
        custom_logger=HierarchicalLogger(Logger(folder=None, output_formats=[trace])),
    )
    trace.start()
    with suppress(OutOfTime):
        learner.train(max_iter=max_steps)
    weights, _bias = network.parameters()
    return trace, weights.detach().numpy().ravel().astype(np.float64)


def train_replica(
    problem: Problem, model: TabularModelPOMDP, step_size: float, *, max_steps: int
) -> tuple[Trace, Floats]:
    """The same loop to the end, with the fast occupancy in place of the peer's."""

    def occupancy(env: TabularModelPOMDP, *, reward: Floats, discount: float) -> tuple[Floats, Floats]:
        assert discount == 1.0
        visits = state_visits(
            problem.successors, problem.slip, problem.start, reward.astype(np.float64), problem.horizon
        )
        return visits, visits.sum(axis=0)

    with mock.patch.object(mce_irl, "mce_occupancy_measures", occupancy):
        return train(problem, model, step_size, max_steps=max_steps, max_seconds=math.inf)


def residual_norms(problem: Problem, weights: Floats) -> Mapping[str, float]:
    """Norms of the residual at the weights returned, which are one step past the last gradient logged."""
    return {
        "rewarded_visits": float(np.linalg.norm(feature_residual(problem, weights, final_visit=False))),
        "all_visits": float(np.linalg.norm(feature_residual(problem, weights, final_visit=True))),
    }


def benchmark(
    problem: Problem, model: TabularModelPOMDP, step_size: float, *, max_steps: int, max_seconds: float
) -> Mapping[str, Any]:
    """One step size: measured to the tolerance, or cut off and projected by the replica."""
    trace, weights = train(problem, model, step_size, max_steps=max_steps, max_seconds=max_seconds)
    result: dict[str, Any] = {
        "step_size": step_size,
        "seconds_per_gradient": per_step(trace.seconds),
        "cpu_seconds_per_gradient": per_step(trace.cpu_seconds),
        "steps": len(trace.norms),
        "gradient_norm": trace.norms[-1],
        "seconds_to_tolerance": trace.seconds[-1] if trace.reached else None,
        "cpu_seconds_to_tolerance": trace.cpu_seconds[-1] if trace.reached else None,
    }
    if not trace.reached:
        replica, weights = train_replica(problem, model, step_size, max_steps=max_steps)
        followed = np.array(replica.norms[: len(trace.norms)])
        needed = len(replica.norms) if replica.reached else None
        result["projection"] = {
            "steps_to_tolerance": needed,
            "seconds_to_tolerance": needed * per_step(trace.seconds) if needed else None,
            "cpu_seconds_to_tolerance": needed * per_step(trace.cpu_seconds) if needed else None,
            "gradient_norm": replica.norms[-1],
            "largest_relative_difference": float(np.max(np.abs(followed / trace.norms - 1.0))),
        }
    result["residual_norms_at_end"] = residual_norms(problem, weights)
    result["parameter_error"] = float(np.linalg.norm(weights - problem.planted))
    result["trace"] = trace.thinned()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=10, help="side of the grid")
    parser.add_argument("--step-size", type=float, nargs="+", default=STEP_SIZES, help="Adam's, one run each")
    parser.add_argument("--max-seconds", type=float, default=60.0, help="after which a run is cut off and projected")
    parser.add_argument("--full", action="store_true", help="no time limit: never project")
    parser.add_argument("--max-steps", type=int, default=20_000, help="after which a step size counts as failed")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    problem = grid_problem(arguments.size)
    model = tabular_model(problem)
    with threadpool_limits(arguments.threads):
        for step_size in arguments.step_size:
            result = benchmark(
                problem,
                model,
                step_size,
                max_steps=arguments.max_steps,
                max_seconds=math.inf if arguments.full else arguments.max_seconds,
            )
            header = {
                "library": f"imitation {version('imitation')}",
                "size": problem.size,
                "horizon": problem.horizon,
                "threads": arguments.threads,
                "tolerance": TOLERANCE,
                "expert_features": (problem.expert_visits.sum(axis=0) @ problem.features).tolist(),
            }
            print(json.dumps({**header, **result}), flush=True)


if __name__ == "__main__":
    main()
