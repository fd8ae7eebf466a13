"""The temperature at which behaviour has an entropy that was asked for, found by the dual."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import cached_property
from typing import TypeAlias

import numpy as np
from scipy.optimize import root_scalar

from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.at_time import start_distribution
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.entropy import path_entropy
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import Failure, InvalidInput, Status

Solve: TypeAlias = Callable[[SoftProblem], SoftSolution]

LOWEST, HIGHEST = 1e-6, 1e12
"""Temperatures tried, as multiples of the range of rewards."""
BEYOND = (Status.INFINITE_PARTITION, Status.MAXIMUM_ITERATIONS, Status.STALLED)
"""How a solver ends at a temperature at or beyond the one from which the partition function is infinite: the search goes
on below it, and its answer is a temperature that was solved."""


@dataclasses.dataclass(frozen=True, eq=False)
class TunedTemperature:
    """The minimiser of the temperature dual.

    Attributes:
        temperature: τ ≥ 0; 0 where the hard plan has at least the entropy asked for, inf where only the greatest
            entropy is it.
        solution: soft solution at τ. Where the policy decides how many decisions there are (terminal states, goals)
            each decision is charged τ H̄ in its reward, as the dual says (see :func:`tune_temperature`).
        target_entropy: H̄, nats a decision.
        entropy: occupancy-average entropy per decision that was reached, nats.
        status: CONVERGED, or EXACT for τ = 0 and inf.
        solves: soft problems solved.
    """

    temperature: float
    solution: SoftSolution
    target_entropy: float
    entropy: float
    status: Status
    solves: int


def tune_temperature(
    problem: SoftProblem,
    target_entropy: float,
    start: int | np.ndarray,
    *,
    tolerance: float = 1e-9,
    solver: Solve = solve,
) -> TunedTemperature:
    """The temperature whose soft policy has the entropy asked for, by the dual of max E[r] s.t. H ≥ H̄.

        min_{τ ≥ 0} max_π E_π[Σ_t r_t + τ (H(π(·|s_t)) − H̄)]

    The derivative in τ, E[Σ_t (H − H̄)], grows with τ; its root is searched for in log τ. Where the number of decisions
    does not depend on the policy this is the temperature of the problem as posed. Where it does, the constraint on the
    average entropy per decision, E[Σ H]/E[Σ 1] ≥ H̄, charges each decision τ H̄, and ``solution.problem`` holds that
    reward: without the charge a policy could buy entropy by walking longer, and its average need not grow with τ.

    If ties let hard planning meet the target only for τ → 0, the lowest temperature tried is returned: its policy has
    at least the entropy asked for at a loss of reward that the tolerance does not see.

    Args:
        problem: any kind of time, causal entropy, uniform reference; its own temperature is not read.
        target_entropy: H̄ in nats a decision, ≥ 0.
        start: a state, or a distribution over states (S,).
        tolerance: largest |H − H̄| accepted, in nats.
        solver: how a problem is solved.

    Raises:
        InvalidInput: a target that is negative or above the greatest entropy (both limits are named), a start without
            decisions, a reference policy, or the trajectory-level form under stochastic dynamics.
        Failure: what the solver raises at τ = 0; MAXIMUM_ITERATIONS if the root was not found to the tolerance.

    Source: Haarnoja et al. (2018, "Soft Actor-Critic Algorithms and Applications"), section 5, for the dual.
    """
    _check(problem, target_entropy)
    mass = start_distribution(problem, start)
    if not (mass * ~(problem.ends | problem.mdp.terminal)).any():
        raise InvalidInput("no decision is taken from this start, so its entropy per decision cannot be tuned")
    search = _Search(problem, float(target_entropy), mass, solver)
    if search.excess(0.0) >= 0.0:
        return search.tuned(0.0, Status.EXACT)
    highest = search.excess(math.inf)
    if highest < -tolerance:
        least = search.excess(0.0) + target_entropy
        raise InvalidInput(
            f"target_entropy = {target_entropy:g} nats a decision is above what any policy reaches from this start: "
            f"expected at most {search.greatest_entropy():.6g} (temperature inf); temperature 0 has {least:.6g}"
        )
    if highest <= tolerance:
        return search.tuned(math.inf, Status.EXACT)
    temperature = search.root(tolerance)
    if temperature > LOWEST * search.reward_range and abs(search.excess(temperature)) > tolerance:
        raise Failure(
            Status.MAXIMUM_ITERATIONS,
            f"entropy {search.excess(temperature) + target_entropy:.9g} at temperature {temperature:g}",
        )
    return search.tuned(temperature, Status.CONVERGED)


def _check(problem: SoftProblem, target_entropy: float) -> None:
    problems = []
    if not (target_entropy >= 0 and math.isfinite(target_entropy)):
        problems.append(f"target_entropy = {target_entropy}: expected nats a decision, ≥ 0")
    if problem.log_reference is not None:
        problems.append("a temperature is tuned for the entropy itself: pose the problem without log_reference")
    if problem.optimistic:
        problems.append(
            "a temperature is tuned for the entropy of actions: pose the problem with entropy=Causal() (the "
            "trajectory-level form counts the entropy of chance too)"
        )
    if problems:
        raise InvalidInput(problems)


@dataclasses.dataclass(eq=False)
class _Search:
    """Entropy per decision above the target as a function of the temperature, each temperature solved once."""

    problem: SoftProblem
    target: float
    start: np.ndarray
    solver: Solve
    found: dict[float, tuple[SoftSolution | Failure, float]] = dataclasses.field(default_factory=dict)

    def excess(self, temperature: float) -> float:
        """H − H̄ at a temperature; beyond log A where the partition function is infinite."""
        if temperature not in self.found:
            self.found[temperature] = self._solve(self._posed(temperature), refuse=temperature == 0)
        return self.found[temperature][1] - self.target

    def tuned(self, temperature: float, status: Status) -> TunedTemperature:
        self.excess(temperature)
        solution, entropy = self.found[temperature]
        if isinstance(solution, Failure):
            raise solution
        return TunedTemperature(temperature, solution, self.target, entropy, status, len(self.found))

    def root(self, tolerance: float) -> float:
        """τ with excess zero between the limits, by bracketing from the range of rewards and then TOMS 748 on log τ."""
        low = high = self.reward_range
        while self.excess(low) > 0:
            if low <= LOWEST * self.reward_range:
                return low
            high, low = low, low / 8.0
        while self.excess(high) < 0:
            if high >= HIGHEST * self.reward_range:
                return math.inf
            low, high = high, high * 8.0
        for end in (low, high):
            if abs(self.excess(end)) <= tolerance:
                return end
        _root(lambda logarithm: self.excess(math.exp(logarithm)), math.log(low), math.log(high), 1e-14)
        return min(self.found, key=lambda tau: abs(self.found_excess(tau)))

    def found_excess(self, temperature: float) -> float:
        """Excess of a temperature that has an own solution, else infinity."""
        excess = self.excess(temperature)
        return (
            excess if isinstance(self.found[temperature][0], SoftSolution) and 0 < temperature < math.inf else math.inf
        )

    @cached_property
    def reward_range(self) -> float:
        """Largest minus smallest finite reward; their size where all are equal, and one where all are zero."""
        parts = [part for part in dataclasses.astuple(self.problem.reward) if part is not None]
        rewards = np.concatenate([np.asarray(part, float).ravel() for part in parts])
        rewards = rewards[np.isfinite(rewards)]
        return float(np.ptp(rewards)) or float(np.max(np.abs(rewards), initial=0.0)) or 1.0

    def greatest_entropy(self) -> float:
        """sup over policies of the entropy per decision, for a target that lies above it."""
        if not self._ends():
            return self.found[math.inf][1]

        def margin(target: float) -> float:
            return self._solve(self._free(target), refuse=False)[1] - target

        return _root(margin, 0.0, self.target, 1e-9) if margin(0.0) > 0 else 0.0

    def _ends(self) -> bool:
        """Whether the policy decides how many decisions there are."""
        return bool((self.problem.ends | self.problem.mdp.terminal).any())

    def _posed(self, temperature: float) -> SoftProblem:
        if not self._ends():
            return dataclasses.replace(self.problem, temperature=temperature)
        if temperature == math.inf:
            return self._free(self.target)
        reward = _charged(self.problem.reward, temperature * self.target)
        return dataclasses.replace(self.problem, reward=reward, temperature=temperature)

    def _free(self, target: float) -> SoftProblem:
        """The limit τ → ∞ divided by τ: rewards vanish, and each decision is charged the target."""
        reward = self.problem.reward
        pair, terminal = (np.where(np.isneginf(np.asarray(p)), -np.inf, 0.0) for p in (reward.pair, reward.terminal))
        return dataclasses.replace(self.problem, reward=_charged(RewardTable(pair, terminal), target), temperature=1.0)

    def _solve(self, problem: SoftProblem, *, refuse: bool) -> tuple[SoftSolution | Failure, float]:
        try:
            solution = self.solver(problem)
        except Failure as failure:
            if refuse or failure.status not in BEYOND:
                raise
            return failure, math.log(self.problem.mdp.n_actions) + 1.0
        return solution, path_entropy(solution, self.start).actions_per_decision


def _charged(reward: RewardTable, amount: float) -> RewardTable:
    return dataclasses.replace(reward, pair=np.asarray(reward.pair, float) - amount)


def _root(function: Callable[[float], float], low: float, high: float, accuracy: float) -> float:
    return float(root_scalar(function, bracket=(low, high), method="toms748", xtol=accuracy).root)
