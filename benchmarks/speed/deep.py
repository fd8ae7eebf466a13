"""One training step of a convolutional reward on 216 × 384 cells with 14 goals, beside the linear gradient.

The planning is the same for both; what a network adds is its forward and backward pass. The two are timed in turn, and
the ratio is that of their medians.

MAXENTRL_DATA=../shared/data python benchmarks/speed/deep.py
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.gradient_steps import adam
from maxentrl.inverse.objectives import value_and_gradient
from maxentrl.inverse.pullback import pull_back, reward_table
from maxentrl.numerics.precision import double_precision
from maxentrl.readers.spec import read_spec
from maxentrl.rewards.convolution import convolutional
from maxentrl.rewards.outputs import Cost
from maxentrl.rewards.reward import starting_parameters
from maxentrl.runs.job import read_job

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "kitani_virat.toml"
ROUNDS = 5
TYPICAL = 2.3
"""What a decision costs at first: a little more than log 8, as on the fitted map."""


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    spec = read_spec(EXAMPLE)
    job = read_job(spec)
    problem = job.problem()
    linear = FeatureMatching.of(problem)
    published = np.loadtxt(spec.path("$MAXENTRL_DATA/kitani_virat/weights/walk_reward_params-37.txt"))
    layers = [name for name in job.scene.world.state_features if name in problem.reward.names]
    network = convolutional(job.scene.world, layers=layers, output=Cost(typical=TYPICAL))
    deep = dataclasses.replace(linear, problem=dataclasses.replace(problem, reward=network))
    deep = dataclasses.replace(deep, linear_term=np.zeros(len(network.names)))
    transformation = adam(1e-2)
    theta = starting_parameters(network)
    state = double_precision(transformation.init)(theta)
    update = double_precision(jax.jit(transformation.update))

    def linear_gradient() -> None:
        value_and_gradient(linear, problem.reward, published)

    def training_step() -> None:
        nonlocal theta, state
        gradient = value_and_gradient(deep, network, theta)[1]
        step, state = update(-gradient / deep.total_weight, state, theta)
        theta = theta + np.asarray(step)

    def passes() -> None:
        pull_back(network, theta, reward_table(network, theta))

    for work in (linear_gradient, training_step, passes):
        work()
    rounds = [[seconds_of(work) for work in (linear_gradient, training_step, passes)] for _ in range(ROUNDS)]
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    figures = {
        "cells": list(job.scene.world.geometry.shape) if job.scene.world.geometry else [],
        "goals": len(np.unique(problem.demonstrations.goals)),
        "layers": len(layers),
        "weights": len(network.names),
        "linear_gradient_seconds": medians[0],
        "training_step_seconds": medians[1],
        "forward_and_backward_seconds": medians[2],
        "ratio": medians[1] / medians[0],
        "ratios_of_each_round": [step / gradient for gradient, step, _ in rounds],
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
