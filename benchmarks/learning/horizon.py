"""How errors grow with the horizon: cloning's with its square, matching's with itself, beside the theory's rates.

Good states follow one another at random whatever is done; some are rare. In each the first action is the expert's and earns
one, the second earns nothing, the third falls off a cliff for ever. Both learners see the same number of decisions at every
horizon, so what they have not seen has the same probability ε at each step. The clone chooses evenly there: it falls with
probability 1/3 and loses the rest of the walk, about ε T²/6 in all. The matcher knows the transitions and that the data do
not hold the cliff; it loses T times the error of the visits that it matches, most of it the chance of which states the walks
met: more than cloning on short walks, less on long ones. All values are exact; only the walks are drawn.

After Ross & Bagnell (2010), theorem 2.1, and Rajaraman, Yang, Jiao & Ramchandran (2020).

    python benchmarks/learning/horizon.py docs/images/horizon.png
"""

from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
from jaxtyping import Float

import maxentrl as mx
from maxentrl.forecast.metrics import Interval, interval
from maxentrl.imitation.function_classes import Ball, FunctionClass
from maxentrl.imitation.matching import MatchingProblem, match
from maxentrl.imitation.scores import score_return
from maxentrl.imitation.starts import StartGroup
from maxentrl.imitation.tabular import clone_by_counting
from maxentrl.mdp.transitions import from_dense
from maxentrl.plots.compare import Curve, Curves, curves_plot

COMMON, RARE, PROBABILITY = 6, 4, 5e-4
"""Frequent states, rare ones, and the probability of each rare one."""
DECISIONS = 1024
"""Seen by the learners, in walks of the horizon's length."""
HORIZONS = (8, 16, 32, 64, 128)
SEEDS = 20
CLIFF = COMMON + RARE
ACTIONS = 3


def frequencies() -> Float[np.ndarray, " good"]:
    """Probability of each good state."""
    return np.r_[np.full(COMMON, (1 - RARE * PROBABILITY) / COMMON), np.full(RARE, PROBABILITY)]


def cliff() -> mx.MDP:
    """The decision process."""
    dense = np.zeros((ACTIONS, CLIFF + 1, CLIFF + 1))
    dense[:2, :CLIFF, :CLIFF] = frequencies()
    dense[2, :CLIFF, CLIFF] = dense[:, CLIFF, CLIFF] = 1.0
    return mx.MDP(from_dense(dense), np.zeros(CLIFF + 1, bool))


def expert_walks(horizon: int, seed: int) -> mx.Trajectories:
    """Walks of the expert with ``DECISIONS`` decisions in all."""
    count = DECISIONS // horizon
    states = np.random.default_rng([seed, horizon]).choice(CLIFF, size=(count, horizon + 1), p=frequencies())
    states[:, 0] = 0  # all walks begin in one state: a start that the matcher has not seen would be another matter
    return mx.Trajectories.of(list(states), [np.zeros(horizon, int)] * count)


@dataclasses.dataclass(frozen=True)
class Loss:
    """What the learners lose to the expert, who earns the horizon.

    Attributes:
        unseen: probability at each step of a state that no walk has seen.
        cloned: return lost by the clone.
        matched: by the matcher.
    """

    unseen: float
    cloned: float
    matched: float


def losses(mdp: mx.MDP, horizon: int, seed: int) -> Loss:
    """Exact losses of learners from one draw of walks."""
    walks, time = expert_walks(horizon, seed), mx.Finite(horizon)
    reward = mx.RewardTable.from_pairs(np.eye(ACTIONS, 1) * (np.arange(CLIFF + 1) < CLIFF))
    starts = (StartGroup((), np.eye(1, CLIFF + 1)[0]),)
    pairs = ACTIONS * (CLIFF + 1)
    tables = np.eye(pairs).reshape(pairs, ACTIONS, CLIFF + 1)
    functions = FunctionClass(tuple(f"pair {k}" for k in range(pairs)), tables, np.zeros((pairs, CLIFF + 1)), Ball())
    clone = clone_by_counting(mdp, walks, smoothing=0.0)
    found = match(MatchingProblem.of(mdp, walks, functions, time))
    if not found.status.successful:
        raise SystemExit(f"matching at horizon {horizon}, seed {seed}: {found.status.value}")
    cloned, matched = (score_return(policy, reward, time, starts).regret for policy in (clone, found.policy))
    assert cloned is not None
    assert matched is not None
    seen = np.unique(walks.decisions.state)
    return Loss(1.0 - float(frequencies()[seen].sum()), cloned, matched)


def slope(values: Float[np.ndarray, "seeds horizons"]) -> Interval:
    """The power of the horizon by which mean losses grow, from leave-one-seed-out (jackknife) for its interval."""

    def power(rows: np.ndarray) -> float:
        return float(np.polyfit(np.log(HORIZONS), np.log(rows.mean(0)), 1)[0])

    whole, n = power(values), len(values)
    return interval(np.array([n * whole - (n - 1) * power(np.delete(values, i, 0)) for i in range(n)]))


def main() -> None:
    mdp = cliff()
    rows = [[losses(mdp, horizon, seed) for horizon in HORIZONS] for seed in range(SEEDS)]
    columns = {
        name: np.array([[getattr(loss, name) for loss in row] for row in rows]) for name in ("cloned", "matched")
    }
    unseen = np.array([[loss.unseen for loss in row] for row in rows])
    means = {name: [interval(values[:, k]) for k in range(len(HORIZONS))] for name, values in columns.items()}
    powers = {name: dataclasses.asdict(slope(values)) for name, values in columns.items()}
    figures = {
        "seeds": SEEDS,
        "decisions": DECISIONS,
        "horizons": HORIZONS,
        "unseen": unseen.mean(0).tolist(),
        "power_of_the_horizon": powers,
        "lost": {name: [dataclasses.asdict(each) for each in row] for name, row in means.items()},
    }
    print(json.dumps(figures, indent=1))
    if len(sys.argv) > 1:
        draw(means, sys.argv[1])


def draw(means: dict[str, list[Interval]], file: str) -> None:
    """The picture with theory's rates from each first point."""
    labels = {"cloned": "cloning, counts", "matched": "matching, visits"}
    curves = tuple(
        Curve(
            labels[name],
            3 * number,
            np.array(HORIZONS, float),
            np.array([each.mean for each in row]),
            np.array([each.low for each in row], float),
            np.array([each.high for each in row], float),
        )
        for number, (name, row) in enumerate(means.items())
    )
    rates = {"theory: T²": (0, 2.0), "theory: T": (1, 1.0)}
    result = Curves(
        "Reward lost to the expert as the horizon grows",
        "horizon T",
        "lost return",
        curves,
        {},
        rates,
        logarithmic=True,
    )
    figure = curves_plot(result).get_figure(root=True)
    assert figure is not None
    figure.savefig(file)


if __name__ == "__main__":
    main()
