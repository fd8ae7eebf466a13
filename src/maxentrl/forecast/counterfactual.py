"""What a change of the world does to walkers: expected visits before and after, and how many must walk otherwise."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int

from maxentrl.demos.trajectories import Decisions, Trajectories
from maxentrl.forecast.metrics import Interval, interval
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite
from maxentrl.mdp.world import GridGeometry
from maxentrl.planning.likelihood import state_path_log_likelihood
from maxentrl.planning.sampling import sample
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import InvalidInput

SAMPLES = 2000
"""Walks drawn to find the share that must be walked otherwise."""


@dataclasses.dataclass(frozen=True, eq=False)
class PlannedWalkers:
    """Who walks in a world: for each group that plans alike, a solution and the mass that enters it.

    Attributes:
        solutions: one a group, such as one a goal.
        sources: weight of the walks that start in each state, (S,), or that enter at each time, (T+1, S); one a group.
        geometry: where states lie.
    """

    solutions: tuple[SoftSolution, ...]
    sources: tuple[Float[np.ndarray, "*T S"], ...]
    geometry: GridGeometry

    @property
    def walks(self) -> float:
        """Total weight of the walks."""
        return float(sum(source.sum() for source in self.sources))


@dataclasses.dataclass(frozen=True, eq=False)
class CrowdVisits:
    """What the walks of a crowd are expected to be like, each a mean over walks (discounted sums under a discount).

    Attributes:
        visits: expected visits of each cell, the last state of a walk included, (rows, columns); 0 on walls.
        decisions: of a walk.
        length: way of a walk between the centres of cells, in the geometry's unit.
        reward: that a walk collects, without entropy, in reward units; the expected cost of a walk is its negative.
        unit: of ``length``.
    """

    visits: Float[np.ndarray, "rows columns"]
    decisions: float
    length: float
    reward: float
    unit: str


def crowd_visits(crowd: PlannedWalkers) -> CrowdVisits:
    """Expected visits of each cell by a crowd, and the size of its walks: ∂value/∂reward, summed over groups.

    Raises:
        InvalidInput: no walks.
        Failure: UNREACHABLE_GOAL when mass lies where its goal cannot be reached.
    """
    walks = crowd.walks
    if not walks > 0:
        raise InvalidInput(f"the walks of the crowd have a total weight of {walks:g}: expected more than 0")
    lengths = move_lengths(crowd.solutions[0].problem.mdp, crowd.geometry)
    state, decisions, length, reward = np.zeros(lengths.shape[1]), 0.0, 0.0, 0.0
    for solution, source in zip(crowd.solutions, crowd.sources, strict=True):
        occupancy = solution.occupancy(source)
        state += occupancy.state + occupancy.terminal
        decisions += occupancy.decisions
        length += float((occupancy.pair * lengths).sum())
        table, visits = solution.problem.reward, occupancy.visits
        for part, mass in (
            (table.pair, visits.pair),
            (table.terminal, visits.terminal),
            (table.outcome, visits.outcome),
        ):
            if part is not None and mass is not None:
                used = np.asarray(mass) != 0
                reward += float(np.sum(np.asarray(part)[used] * np.asarray(mass)[used]))
    laid = np.zeros(crowd.geometry.shape)
    np.add.at(laid, tuple(crowd.geometry.cell_of_state.T), state)
    return CrowdVisits(laid / walks, decisions / walks, length / walks, reward / walks, crowd.geometry.unit)


def move_lengths(mdp: MDP, geometry: GridGeometry) -> Float[np.ndarray, "A S"]:
    """E|x(s') − x(s)| of each pair, in the geometry's unit: the way really made, 0 where a move is blocked, (A, S)."""
    states, position = np.arange(mdp.n_states), geometry.position
    lengths = np.zeros((mdp.n_actions, mdp.n_states))
    for action in range(mdp.n_actions):
        following, probability = mdp.transitions.successors_of(np.full(mdp.n_states, action), states)
        lengths[action] = (probability * np.linalg.norm(position[following] - position, axis=-1)).sum(0)
    return lengths


@dataclasses.dataclass(frozen=True, eq=False)
class Counterfactual:
    """The same walkers in a world and in a changed one.

    Attributes:
        before: in the world as it is.
        after: in the changed one.
        rerouted: least share of the walks that are walked otherwise, with the interval of its estimate; None under a
            discount, where walks have no end.
    """

    before: CrowdVisits
    after: CrowdVisits
    rerouted: Interval | None

    @property
    def difference(self) -> Float[np.ndarray, "rows columns"]:
        """Expected visits of a walk after less before, (rows, columns)."""
        return self.after.visits - self.before.visits

    @property
    def displaced(self) -> float:
        """Share of the visits that are made elsewhere, 0 to 1: half of Σ|after − before| over half of Σ(after + before)."""
        return float(np.abs(self.difference).sum() / (self.after.visits + self.before.visits).sum())


def counterfactual(
    before: PlannedWalkers, after: PlannedWalkers, *, samples: int = SAMPLES, seed: int = 0
) -> Counterfactual:
    """Compare a crowd with the same crowd in a changed world of the same cells and actions.

    Raises:
        InvalidInput: maps of different size, or crowds of different walks.
        Failure: as planning does.
    """
    if before.geometry.shape != after.geometry.shape:
        raise InvalidInput(
            f"the maps have {before.geometry.shape} and {after.geometry.shape} cells: a changed world keeps its size"
        )
    if not np.isclose(before.walks, after.walks):
        raise InvalidInput(f"the crowds have {before.walks:g} and {after.walks:g} walks: expected the same walkers")
    discounted = any(isinstance(solution.problem.time, Discounted) for solution in before.solutions)
    share = None if discounted else rerouted(before, after, samples=samples, seed=seed)
    return Counterfactual(crowd_visits(before), crowd_visits(after), share)


def rerouted(before: PlannedWalkers, after: PlannedWalkers, *, samples: int = SAMPLES, seed: int = 0) -> Interval:
    """Least share of walks that must go another way, cell by cell: the total variation between both laws of walks.

        TV = E_{x ~ before}[max(0, 1 − p_after(x)/p_before(x))]

    over walks x as sequences of cells, estimated from walks drawn before the change; each ratio is exact. No way of
    pairing walks before with walks after leaves fewer that differ. Walls that close some walks and change nothing else
    give the share of walks through them. Lies above ``displaced`` as a rule: a step to the side makes another walk.

    Args:
        before: crowd in the world as it is.
        after: the same groups, in the same order, in the changed one.
        samples: walks drawn, from all groups by their weight.
        seed: of the walks.

    Raises:
        InvalidInput: fewer than two samples, or crowds of different groups.
    """
    if samples < 2 or len(before.solutions) != len(after.solutions):
        raise InvalidInput(f"samples = {samples}: expected at least 2, of crowds with the same groups")
    place = _same_states(before.geometry, after.geometry)
    entries = [_entries(source) for source in before.sources]
    flat = [(g, time, mass) for g, each in enumerate(entries) for time, mass in each]
    weight = np.array([mass.sum() for _, _, mass in flat])
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(samples, weight / weight.sum())
    losses = []
    for (group, time, mass), count in zip(flat, counts, strict=True):
        if count:
            drawn = int(generator.integers(2**31))
            losses.append(
                _losses(
                    before.solutions[group], after.solutions[group], place, time, mass / mass.sum(), int(count), drawn
                )
            )
    return interval(np.concatenate(losses))


def _same_states(before: GridGeometry, after: GridGeometry) -> Int[np.ndarray, " S"]:
    """The state of the changed world that lies where each state lay, -1 where there is a wall now."""
    if before.states_per_cell > 1 or after.states_per_cell > 1:
        raise InvalidInput("walks can be compared only where every open cell is one state")
    return after.state_of_cell[tuple(before.cell_of_state.T)]


def _entries(source: Float[np.ndarray, "*T S"]) -> list[tuple[int, Float[np.ndarray, " S"]]]:
    """Times at which mass enters, with the mass."""
    if source.ndim == 1:
        return [(0, source)] if source.sum() > 0 else []
    return [(time, mass) for time, mass in enumerate(source) if mass.sum() > 0]


def _losses(
    before: SoftSolution,
    after: SoftSolution,
    place: Int[np.ndarray, " S"],
    time: int,
    start: Float[np.ndarray, " S"],
    count: int,
    seed: int,
) -> Float[np.ndarray, " N"]:
    """max(0, 1 − p_after/p_before) of walks drawn before the change."""
    paths = sample(_from(before, time), start, count, seed)
    if paths.censored.any() and not before.finite_horizon:
        raise InvalidInput(f"{int(paths.censored.sum())} of the walks drawn never reach their goal")
    decisions = Trajectories.of_paths(paths).decisions
    moved = dataclasses.replace(decisions, state=place[decisions.state], following=place[decisions.following])
    closed = np.zeros(count, bool)
    closed[moved.trajectory[(moved.state < 0) | (moved.following < 0)]] = True
    entry = np.full(count, time)
    here = state_path_log_likelihood(before, decisions, entry=entry).by_trajectory(count)
    there = _of(after, moved, ~closed[moved.trajectory], entry, count)
    return np.where(closed, 1.0, np.maximum(0.0, -np.expm1(there - here)))


def _of(
    solution: SoftSolution, decisions: Decisions, kept: Bool[np.ndarray, " N"], entry: Int[np.ndarray, " M"], count: int
) -> Float[np.ndarray, " M"]:
    columns = (getattr(decisions, field.name)[kept] for field in dataclasses.fields(decisions))
    return state_path_log_likelihood(solution, Decisions(*columns), entry=entry).by_trajectory(count)


def _from(solution: SoftSolution, time: int) -> SoftSolution:
    """What is left of a finite horizon from a time on; a stationary solution as it is."""
    if not solution.finite_horizon or time == 0:
        return solution
    problem, values = solution.problem, solution.scaled_values[time:]
    reward = problem.reward
    if reward.per_step:
        reward = dataclasses.replace(reward, pair=np.asarray(reward.pair)[time:])
    problem = dataclasses.replace(problem, time=Finite(len(values) - 1), reward=reward)
    return dataclasses.replace(solution, problem=problem, scaled_values=values, factors=None)
