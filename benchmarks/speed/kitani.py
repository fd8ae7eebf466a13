"""The Kitani fit (82 944 cells, 8 moves, 14 goals, 37 weights ≥ 0): one value and gradient, the whole fit, and memory.

MAXENTRL_DATA=../shared/data python benchmarks/speed/kitani.py
"""

from __future__ import annotations

import json
import resource
import statistics
import time
from pathlib import Path

import numpy as np

from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.fit import fit
from maxentrl.inverse.objectives import value_and_gradient
from maxentrl.readers.spec import read_spec
from maxentrl.runs.job import read_job
from maxentrl.runs.reward import make_optimiser, parameter_space

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "kitani_virat.toml"


def main() -> None:
    began = time.perf_counter()
    spec = read_spec(EXAMPLE)
    job = read_job(spec)
    problem = job.problem()
    read = time.perf_counter() - began
    began = time.perf_counter()
    objective = FeatureMatching.of(problem)
    prepared = time.perf_counter() - began
    published = np.loadtxt(spec.path("$MAXENTRL_DATA/kitani_virat/weights/walk_reward_params-37.txt"))
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        value_and_gradient(objective, problem.reward, published)
        seconds.append(time.perf_counter() - start)
    clock, space = [time.perf_counter()], parameter_space(spec.reward, problem.reward.names)
    optimiser = make_optimiser(spec.fit)
    result = fit(problem, space=space, optimiser=optimiser, progress=lambda step: clock.append(time.perf_counter()))
    whole = time.perf_counter() - clock[0]
    figures = {
        "read_seconds": read,
        "prepare_seconds": prepared,
        "first_value_and_gradient_seconds": seconds[0],
        "value_and_gradient_seconds": statistics.median(seconds[1:]),
        "fit_seconds": clock[-1] - clock[0],
        "fit_with_errors_seconds": whole,
        "evaluations": result.certificate.evaluations,
        "status": result.status.name,
        "log_likelihood": result.value,
        "gradient_norm_per_walk": result.certificate.gradient_norm,
        "weights_above_zero": int((result.parameters > 0).sum()),
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
