"""Every path of a tiny problem, in plain Python: no array operation of the library is used.

A path is a list of (state, action, successor) with the probability of its outcomes; what it earns, and how much of it
is chosen, is added up path by path.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import SparseTransitions
from maxentrl.planning.problem import SoftProblem

Step = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Model:
    """A problem read into dictionaries: (s, a) → [(s', p)]."""

    problem: SoftProblem
    outcomes: dict[tuple[int, int], list[tuple[int, float]]]
    extra: dict[tuple[int, int, int], float]
    ends: set[int]
    horizon: int
    discount: float
    temperature: float

    @staticmethod
    def of(problem: SoftProblem, longest: int) -> Model:
        """``longest`` bounds the decisions of a path where time is not ``Finite``."""
        transitions, n_states = problem.mdp.transitions, problem.mdp.n_states
        dense = transitions.as_dense()
        ends = set(problem.time.goals or ()) if isinstance(problem.time, ToGoal) else set()
        ends = ends or {s for s in range(n_states) if problem.mdp.terminal[s]}
        outcomes = {
            (s, a): [(s2, float(dense[a, s, s2])) for s2 in range(n_states) if dense[a, s, s2] > 0]
            for a in range(len(dense))
            for s in range(n_states)
            if np.asarray(transitions.available)[a, s] and s not in ends
        }
        extra = {}
        if problem.reward.outcome is not None:
            for (s, a), nexts in outcomes.items():
                for s2, _ in nexts:
                    slot = 0
                    if isinstance(transitions, SparseTransitions):
                        found = (transitions.successors[:, s] == s2) & (transitions.probability[a, :, s] > 0)
                        slot = int(np.flatnonzero(found)[0])
                    extra[s, a, s2] = float(problem.reward.outcome[a, slot, s])
        horizon = problem.time.horizon if isinstance(problem.time, Finite) else longest
        discount = problem.time.discount if isinstance(problem.time, Discounted) else 1.0
        return Model(problem, outcomes, extra, ends, int(horizon or 0), discount, problem.temperature)

    def reward(self, t: int, s: int, a: int) -> float:
        pair = self.problem.reward.pair
        return float(pair[t, a, s] if pair.ndim == 3 else pair[a, s])

    def log_reference(self, s: int, a: int) -> float:
        reference = self.problem.log_reference
        return 0.0 if reference is None else float(reference[a, s])

    def terminal(self, s: int) -> float:
        return float(self.problem.reward.terminal[s])

    def actions(self, s: int) -> list[int]:
        return [a for (state, a) in self.outcomes if state == s]

    def over(self, t: int, s: int) -> bool:
        """Whether nothing more is chosen; a path that is cut although it has not ended is a mistake of the test."""
        if s in self.ends:
            return True
        if t < self.horizon:
            return False
        assert isinstance(self.problem.time, Finite), "a path is longer than the enumeration allows"
        return True

    def paths(self, t: int, s: int) -> Iterator[tuple[list[Step], float]]:
        """All paths from s at time t with the probability of their outcomes."""
        if self.over(t, s):
            yield [], 1.0
            return
        for a in self.actions(s):
            for s2, p in self.outcomes[s, a]:
                for rest, chance in self.paths(t + 1, s2):
                    yield [(s, a, s2), *rest], p * chance

    def earned(self, start: int, path: list[Step]) -> float:
        """Total (discounted) reward of a path that starts at time 0."""
        total = sum(
            self.discount**t * (self.reward(t, s, a) + self.extra.get((s, a, s2), 0.0))
            for t, (s, a, s2) in enumerate(path)
        )
        last = path[-1][2] if path else start
        return total + self.discount ** len(path) * self.terminal(last)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What enumeration finds from one start.

    Attributes:
        value: soft value of the start, in reward units.
        policy: π_t(a|s) where it is reached, by (t, s, a).
        pair: expected (discounted) visits by (t, s, a).
        terminal: (discounted) probability of ending, by state.
        outcome: visits by (s, a, s').
    """

    value: float
    policy: dict[tuple[int, int, int], float]
    pair: dict[tuple[int, int, int], float]
    terminal: dict[int, float]
    outcome: dict[tuple[int, int, int], float]


def causal(problem: SoftProblem, start: int, longest: int = 5) -> Answer:
    """Policy by a recursion over (t, s); value and visits by the sum over all paths under that policy."""
    model, values, policy = Model.of(problem, longest), {}, {}

    def value(t: int, s: int) -> float:
        if (t, s) in values:
            return values[t, s]
        if model.over(t, s):
            return model.terminal(s)
        worth = {}
        for a in model.actions(s):
            ahead = sum(
                p * (model.extra.get((s, a, s2), 0.0) + model.discount * value(t + 1, s2))
                for s2, p in model.outcomes[s, a]
            )
            worth[a] = (model.reward(t, s, a) + ahead) / model.temperature + model.log_reference(s, a)
        partition = sum(math.exp(w) for w in worth.values())
        if partition == 0.0:  # every move may lead to a dead end
            values[t, s] = -math.inf
            return -math.inf
        total = math.log(partition)
        policy.update({(t, s, a): math.exp(w - total) for a, w in worth.items()})
        values[t, s] = model.temperature * total
        return values[t, s]

    value(0, start)
    weights = []
    for path, chance in model.paths(0, start):
        chosen = math.prod(policy.get((t, s, a), 0.0) for t, (s, a, _) in enumerate(path))
        if chosen == 0.0:
            continue
        bonus = sum(
            model.discount**t * (model.log_reference(s, a) - math.log(policy[t, s, a]))
            for t, (s, a, _) in enumerate(path)
        )
        weights.append((path, chance * chosen, model.earned(start, path) + model.temperature * bonus))
    total = sum(weight * gain for _, weight, gain in weights)
    return Answer(total, policy, *_visits(model, start, [(path, weight) for path, weight, _ in weights]))


def trajectory_level(problem: SoftProblem, start: int, longest: int = 5) -> Answer:
    """Z = Σ_paths Π p Π q exp(reward/τ); everything else is an average over paths with that weight."""
    model = Model.of(problem, longest)
    weights = [
        (
            path,
            chance
            * math.exp(
                model.earned(start, path) / model.temperature + sum(model.log_reference(s, a) for s, a, _ in path)
            ),
        )
        for path, chance in model.paths(0, start)
    ]
    partition = sum(weight for _, weight in weights)
    pair, terminal, outcome = _visits(model, start, [(path, weight / partition) for path, weight in weights])
    mass: dict[tuple[int, int], float] = defaultdict(float)
    for (t, s, _), visits in pair.items():
        mass[t, s] += visits
    policy = {key: visits / mass[key[0], key[1]] for key, visits in pair.items()}
    return Answer(model.temperature * math.log(partition), policy, pair, terminal, outcome)


def _visits(model: Model, start: int, weights: list[tuple[list[Step], float]]) -> tuple[dict, dict, dict]:
    pair: dict = defaultdict(float)
    terminal: dict = defaultdict(float)
    outcome: dict = defaultdict(float)
    for path, weight in weights:
        for t, (s, a, s2) in enumerate(path):
            pair[t, s, a] += weight * model.discount**t
            outcome[s, a, s2] += weight * model.discount**t
        terminal[path[-1][2] if path else start] += weight * model.discount ** len(path)
    return pair, terminal, outcome
