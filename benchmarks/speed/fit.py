"""A whole maximum causal entropy fit beside `imitation`'s, on the same problem, in one run.

    python benchmarks/speed/fit.py [--size 50] [--rounds 3] [--peer-seconds 30] [--full]

Per round: each of the peer's step sizes in its own interpreter, then ours in a fresh process (so that compilation is
paid and reported), then the fit again after compilation. Both stop at a gradient norm (totals per trajectory) below
1e-3: that is what the ratio compares. Ours then goes on to the standard errors and the certificate, whose time is reported
beside. Ratios compare neighbours; medians and spread are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / ".peers" / "bin" / "python"
TOLERANCE = 1e-3


def ours(size: int) -> dict[str, object]:
    """Our side, run in a process of its own: first call with compilation, then without, then one gradient."""
    began = time.perf_counter()
    import numpy as np  # noqa: PLC0415 - the import is part of what is timed
    from problem import feature_residual, grid_problem  # noqa: PLC0415

    from maxentrl.demos.counts import FeatureCounts  # noqa: PLC0415
    from maxentrl.inverse.feature_matching import FeatureMatching  # noqa: PLC0415
    from maxentrl.inverse.fit import fit  # noqa: PLC0415
    from maxentrl.inverse.lbfgsb import LBFGSB  # noqa: PLC0415
    from maxentrl.inverse.objectives import value_and_gradient  # noqa: PLC0415
    from maxentrl.inverse.problem import InverseProblem  # noqa: PLC0415
    from maxentrl.mdp.mdp import MDP  # noqa: PLC0415
    from maxentrl.mdp.time import Finite  # noqa: PLC0415
    from maxentrl.mdp.transitions import from_outcomes  # noqa: PLC0415
    from maxentrl.rewards.linear import LinearReward  # noqa: PLC0415

    problem = grid_problem(size)
    n_states, n_actions = problem.start.size, len(problem.successors)
    rows = [
        (np.arange(n_states), np.full(n_states, a), problem.successors[b], chance)
        for a in range(n_actions)
        for b in range(n_actions)
        for chance in [np.full(n_states, problem.slip / n_actions + (1 - problem.slip) * (a == b))]
    ]
    state, action, following, chance = (np.concatenate(column) for column in zip(*rows, strict=True))
    transitions = from_outcomes(state, action, following, chance, n_states=n_states, n_actions=n_actions)
    names = tuple(f"feature {k}" for k in range(problem.features.shape[1]))
    reward = LinearReward.of(n_actions, state=dict(zip(names, problem.features.T, strict=True)), terminal={})
    expected = problem.expert_visits[:-1].sum(0) @ problem.features
    counts = FeatureCounts(
        names=names,
        counts=np.repeat(expected[None], n_states, axis=0),
        starts=np.arange(n_states),
        goals=np.full(n_states, -1),
        horizons=np.full(n_states, problem.horizon),
        weights=problem.start.copy(),
    )
    inverse = InverseProblem(MDP(transitions, np.zeros(n_states, bool)), reward, counts, Finite())
    prepared = time.perf_counter()

    def run() -> tuple[float, float, object]:
        """Seconds until the tolerance was met, seconds until everything was there, and what came out."""
        clock = [time.perf_counter()]
        optimiser = LBFGSB(gradient_tolerance=TOLERANCE)
        result = fit(inverse, optimiser=optimiser, progress=lambda step: clock.append(time.perf_counter()))
        return clock[-1] - clock[0], time.perf_counter() - clock[0], result

    first, first_with_errors, _ = run()
    warm = [run() for _ in range(5)]
    objective = FeatureMatching.of(inverse)
    gradients = []
    for _ in range(10):
        start = time.perf_counter()
        value_and_gradient(objective, reward, problem.planted)
        gradients.append(time.perf_counter() - start)
    result = warm[-1][2]
    return {
        "import_and_problem_seconds": prepared - began,
        "first_fit_seconds": first,
        "first_fit_with_errors_seconds": first_with_errors,
        "fit_seconds": statistics.median(seconds for seconds, _, _ in warm),
        "fit_with_errors_seconds": statistics.median(seconds for _, seconds, _ in warm),
        "gradient_seconds": statistics.median(gradients),
        "status": result.status.name,
        "evaluations": result.certificate.evaluations,
        "residual_norm": float(np.linalg.norm(feature_residual(problem, result.parameters, final_visit=False))),
        "parameter_error": float(np.linalg.norm(result.parameters - problem.planted)),
        "expert_features": (problem.expert_visits.sum(0) @ problem.features).tolist(),
    }


def peer(size: int, seconds: float, *, full: bool) -> list[dict[str, object]]:
    """The peer's four step sizes, one JSON line each."""
    command = [str(PEERS), str(HERE / "peer_imitation.py"), "--size", str(size), "--max-seconds", str(seconds)]
    done = subprocess.run(
        [*command, *(["--full"] if full else [])],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def seconds_of(run: dict[str, object]) -> float:
    """Seconds to the tolerance, measured or (said so) projected."""
    return run["seconds_to_tolerance"] or run["projection"]["seconds_to_tolerance"] or float("inf")


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-seconds", type=float, default=30.0, help="after which a peer's run is projected")
    parser.add_argument("--full", action="store_true", help="run the peer through")
    parser.add_argument("--ours", action="store_true", help="only our side, once")
    arguments = parser.parse_args()
    if arguments.ours:
        print(json.dumps(ours(arguments.size)))
        return
    rounds = []
    for _ in range(arguments.rounds):
        peers = peer(arguments.size, arguments.peer_seconds, full=arguments.full)
        mine = subprocess.run(
            [sys.executable, __file__, "--ours", "--size", str(arguments.size)],
            capture_output=True,
            text=True,
            check=True,
        )
        rounds.append((json.loads(mine.stdout), min(peers, key=seconds_of)))
        print(json.dumps({"ours": rounds[-1][0], "best peer": rounds[-1][1]["step_size"]}), file=sys.stderr, flush=True)
    summary = {
        "size": arguments.size,
        "peer": rounds[0][1]["library"],
        "peer_step_size": [best["step_size"] for _, best in rounds],
        "peer_projected": [best["seconds_to_tolerance"] is None for _, best in rounds],
        "peer_fit_seconds": spread([seconds_of(best) for _, best in rounds]),
        "peer_gradient_seconds": spread([best["seconds_per_gradient"] for _, best in rounds]),
        "our_first_fit_seconds": spread([run["first_fit_seconds"] for run, _ in rounds]),
        "our_first_fit_with_errors_seconds": spread([run["first_fit_with_errors_seconds"] for run, _ in rounds]),
        "our_fit_seconds": spread([run["fit_seconds"] for run, _ in rounds]),
        "our_fit_with_errors_seconds": spread([run["fit_with_errors_seconds"] for run, _ in rounds]),
        "our_gradient_seconds": spread([run["gradient_seconds"] for run, _ in rounds]),
        "fit_ratio": spread([seconds_of(best) / run["fit_seconds"] for run, best in rounds]),
        "gradient_ratio": spread([best["seconds_per_gradient"] / run["gradient_seconds"] for run, best in rounds]),
    }
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
