"""Paths drawn from a solution: its policy in the real dynamics, or the posterior over trajectories."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.mdp.time import Discounted
from maxentrl.mdp.transitions import AbstractTransitions
from maxentrl.numerics.precision import double_precision
from maxentrl.planning.at_time import StepReader, start_distribution
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import Failure, InvalidInput, Status

MAXIMUM_STEPS = 100_000
"""Steps after which a path that has not arrived at its goal is returned as censored, unless asked otherwise."""


@dataclasses.dataclass(frozen=True, eq=False)
class SampledPaths:
    """N paths as flat columns; the i-th has ``lengths[i]`` decisions and one state more.

    Attributes:
        states: all states in a row, (Σ lengths + N,).
        actions: all actions in a row, (Σ lengths,).
        lengths: decisions of each path, (N,).
        censored: whether the path was cut before its end (horizon, terminal state or goal), (N,).
    """

    states: Int[np.ndarray, " states"]
    actions: Int[np.ndarray, " decisions"]
    lengths: Int[np.ndarray, " N"]
    censored: Bool[np.ndarray, " N"]

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def offsets(self) -> Int[np.ndarray, " bounds"]:
        """Where each path's states begin in ``states``."""
        return np.concatenate([[0], np.cumsum(self.lengths + 1)])

    def states_of(self, index: int) -> Int[np.ndarray, " visited"]:
        """The states of one path."""
        return self.states[self.offsets[index] : self.offsets[index + 1]]

    def actions_of(self, index: int) -> Int[np.ndarray, " L"]:
        """The actions of one path."""
        first = self.offsets[index] - index
        return self.actions[first : first + self.lengths[index]]


def sample(
    solution: SoftSolution, start: int | np.ndarray, count: int, seed: int, *, max_steps: int | None = None
) -> SampledPaths:
    """``count`` paths: s_0 ~ start, a_t ~ π_t(·|s_t), s_{t+1} ~ P(·|s_t,a_t), until the episode ends.

    A path ends at the horizon, in a terminal state or in a goal. One that is cut by ``max_steps``, or that real
    dynamics carry to where nothing can be chosen, is marked as censored.

    Args:
        solution: whose policy.
        start: a state, or a distribution over states (S,).
        count: number of paths.
        seed: the same seed gives the same paths.
        max_steps: most decisions of a path; needed under a discount, which has no last step; for ``ToGoal`` 100 000
            unless given.

    Raises:
        InvalidInput: a start that is no state or distribution, count < 1, or no ``max_steps`` under a discount.
        Failure: UNREACHABLE_GOAL when a start has no path to an end.
    """
    real = solution.problem.mdp.transitions
    mass = start_distribution(solution.problem, start)
    return _paths(solution, mass, count, seed, max_steps, lambda reader, time: real)


def sample_posterior(
    solution: SoftSolution, start: int | np.ndarray, count: int, seed: int, *, max_steps: int | None = None
) -> SampledPaths:
    """``count`` paths from the posterior over trajectories of the trajectory-level form.

        p(ξ | O) ∝ d₀(s_0) Π P(s_{t+1}|s_t,a_t) exp(r_t/τ):   s_0 ∝ d₀ exp(V/τ),   s_{t+1} ∝ P exp((r + V_{t+1})/τ)

    Lucky outcomes are drawn more often than they happen; under deterministic dynamics from one state it is
    :func:`sample`. Arguments and errors as there, and InvalidInput for a causal solution of stochastic dynamics.

    Source: Levine (2018), section 2.2; Ziebart et al. (2008), equation 4.
    """
    stochastic = not solution.problem.mdp.transitions.deterministic
    if stochastic and not solution.problem.optimistic:
        raise InvalidInput(
            "the posterior over trajectories belongs to the trajectory-level form: solve the problem with "
            "entropy=TrajectoryLevel(), or use sample for paths in the real dynamics"
        )
    mass = start_distribution(solution.problem, start)
    ahead = solution.scaled_values[0] if solution.finite_horizon else solution.scaled_values
    top = np.max(ahead[mass > 0])
    if np.isneginf(top):
        _refuse_lost(solution, mass)
    tilted = np.where(mass > 0, mass * np.exp(ahead - top), 0.0)
    return _paths(
        solution, tilted / tilted.sum(), count, seed, max_steps, lambda reader, time: reader.posterior_dynamics(time)
    )


def _refuse_lost(solution: SoftSolution, mass: np.ndarray) -> None:
    ahead = solution.scaled_values[0] if solution.finite_horizon else solution.scaled_values
    lost = np.flatnonzero((mass > 0) & np.isneginf(ahead))
    if len(lost):
        raise Failure(Status.UNREACHABLE_GOAL, f"from state {solution.problem.mdp.state_name(int(lost[0]))}")


def _most_steps(solution: SoftSolution, max_steps: int | None) -> int:
    if max_steps is not None and max_steps < 1:
        raise InvalidInput(f"max_steps = {max_steps}: expected at least 1")
    if solution.finite_horizon:
        horizon = len(solution.scaled_values) - 1
        return horizon if max_steps is None else min(horizon, max_steps)
    if isinstance(solution.problem.time, Discounted) and max_steps is None:
        raise InvalidInput("a discounted problem has no last step: give max_steps")
    return MAXIMUM_STEPS if max_steps is None else max_steps


@double_precision
def _paths(
    solution: SoftSolution,
    mass: Float[np.ndarray, " S"],
    count: int,
    seed: int,
    max_steps: int | None,
    dynamics: Callable[[StepReader, int], AbstractTransitions],
) -> SampledPaths:
    if count < 1:
        raise InvalidInput(f"count = {count}: expected at least one path")
    most = _most_steps(solution, max_steps)
    _refuse_lost(solution, mass)
    generator = np.random.default_rng(seed)
    reader, ends = StepReader(solution), solution.problem.ends
    state = generator.choice(len(mass), count, p=mass / mass.sum())
    paths, walk = np.arange(count), _Walk(state)
    cumulative, stuck, moves = np.zeros(0), np.zeros(0), dynamics(reader, 0)
    for time in range(most):
        if time == 0 or solution.finite_horizon:
            cumulative = np.cumsum(np.exp(reader.log_policy(time)), axis=0)
            stuck, moves = cumulative[-1] == 0, dynamics(reader, time)
        going = ~(ends[state] | stuck[state])
        if not going.any():
            break
        paths, state = paths[going], state[going]
        action = draw_rows(cumulative[:, state], generator.random(len(state)))
        state = arrivals(moves, action, state, generator)
        walk.add(paths, action, state)
    return walk.collected(lambda last, length: ~ends[last] & ((length < most) | _cut(solution, most)))


def _cut(solution: SoftSolution, most: int) -> bool:
    """Whether a path of the most steps allowed stops before its episode does."""
    return not (solution.finite_horizon and most == len(solution.scaled_values) - 1)


def arrivals(
    moves: AbstractTransitions,
    action: Int[np.ndarray, " N"],
    state: Int[np.ndarray, " N"],
    generator: np.random.Generator,
) -> Int[np.ndarray, " N"]:
    """One next state for each pair, s' ~ P(·|s, a)."""
    successors, probability = moves.successors_of(action, state)
    if len(successors) == 1:
        return successors[0]
    chosen = draw_rows(np.cumsum(probability, axis=0), generator.random(len(state)))
    return successors[chosen, np.arange(len(state))]


def draw_rows(cumulative: Float[np.ndarray, "K N"], uniform: Float[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
    """The row in which each uniform draw falls; a row of probability zero is never chosen."""
    total = cumulative[-1]
    threshold = np.minimum(uniform * total, np.nextafter(total, 0.0))
    return (threshold >= cumulative).sum(0)


@dataclasses.dataclass(eq=False)
class _Walk:
    """Steps of the paths still going, gathered as they are drawn."""

    first: Int[np.ndarray, " N"]
    steps: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = dataclasses.field(default_factory=list)

    def add(self, paths: np.ndarray, action: np.ndarray, state: np.ndarray) -> None:
        self.steps.append((paths, action, state))

    def collected(self, censored: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> SampledPaths:
        count = len(self.first)
        lengths = np.zeros(count, np.int64)
        for paths, _, _ in self.steps:
            lengths[paths] += 1
        offsets = np.concatenate([[0], np.cumsum(lengths + 1)])
        states, actions = np.zeros(offsets[-1], np.int64), np.zeros(lengths.sum(), np.int64)
        states[offsets[:-1]] = self.first
        for step, (paths, action, state) in enumerate(self.steps):
            row = offsets[paths] + step
            states[row + 1] = state
            actions[row - paths] = action
        last = states[offsets[1:] - 1]
        return SampledPaths(states, actions, lengths, censored(last, lengths))
