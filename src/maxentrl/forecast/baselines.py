"""What a forecast must beat: a random walk, the shortest path, and constant velocity."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.sparse.csgraph import dijkstra

from maxentrl.forecast.filtering import AbstractDetections
from maxentrl.forecast.goals import absorbing_chain
from maxentrl.forecast.visits import chain_steps
from maxentrl.mdp.mdp import MDP
from maxentrl.status import Failure, InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class RandomWalk:
    """Every available move alike: π(a|s) = 1/|A(s)|. It has a likelihood, which is the one to beat.

    Attributes:
        mdp: where the walks take place.
    """

    mdp: MDP

    @cached_property
    def chain(self) -> sp.csc_array:
        """The transposed chain, (S, S); states without a move keep their mass."""
        available = self.mdp.available
        return absorbing_chain(self.mdp, available / np.maximum(available.sum(0), 1))

    def log_next(self, state: int, following: int) -> float:
        """log p(s' | s); -inf for an impossible move."""
        with np.errstate(divide="ignore"):
            return float(np.log(self.chain[following, state]))

    def distribution(self, mass: Float[np.ndarray, " S"], steps: int) -> Float[np.ndarray, "times S"]:
        """Probability of each state at steps 0..n, (n+1, S)."""
        return np.stack(list(chain_steps(self.chain, np.asarray(mass, float), steps)))

    def filtered(self, detections: AbstractDetections) -> Float[np.ndarray, " S"]:
        """p(s | detections) at the last of some detections, all cells alike at first, (S,)."""
        states = np.arange(self.mdp.n_states)
        mass = np.full(len(states), 1.0 / len(states))
        for step in range(detections.count):
            with np.errstate(divide="ignore"):
                log_mass = np.log(self.chain @ mass if step else mass) + detections.log_emission(step, states)
            mass = np.exp(log_mass - log_mass.max())
            mass = mass / mass.sum()
        return mass

    def sample(self, mass: Float[np.ndarray, " S"], steps: int, count: int, *, seed: int) -> Int[np.ndarray, "K times"]:
        """K walks of n steps, (K, n+1)."""
        generator = np.random.default_rng(seed)
        forward = sp.csr_array(self.chain.T)
        running = np.cumsum(forward.data)
        states = np.empty((count, steps + 1), np.int64)
        states[:, 0] = generator.choice(len(mass), size=count, p=np.asarray(mass) / np.sum(mass))
        for step in range(steps):
            first, last = forward.indptr[states[:, step]], forward.indptr[states[:, step] + 1]
            before = np.where(first > 0, running[first - 1], 0.0)
            target = before + generator.random(count) * (running[last - 1] - before)
            link = np.clip(np.searchsorted(running, target, side="right"), first, last - 1)
            states[:, step + 1] = forward.indices[link]
        return states


@dataclasses.dataclass(frozen=True, eq=False)
class ShortestPath:
    """The shortest walkable path, one cell a step, to the goal that the observed part best agrees with.

    The goal is the one of smallest detour, observed length + distance(s_t, g) − distance(s_0, g); among equals the
    one straightest ahead. Not a probability model: it is scored on distances only.

    Attributes:
        mdp: where the walks take place.
        goals: candidate goals, (G,).
        position: centre of each state in metres, (S, 2); None counts every move as 1.
    """

    mdp: MDP
    goals: Int[np.ndarray, " G"]
    position: Float[np.ndarray, "S 2"] | None = None

    @cached_property
    def _lengths(self) -> sp.csr_array:
        matrix = sp.csr_array(self.mdp.transitions.chain(self.mdp.available.astype(float)))
        row = np.repeat(np.arange(self.mdp.n_states), np.diff(matrix.indptr))
        length = np.ones(matrix.nnz)
        if self.position is not None:
            length = np.linalg.norm(self.position[row] - self.position[matrix.indices], axis=1)
        moving = row != matrix.indices
        entries = (length[moving], (row[moving], matrix.indices[moving]))
        return sp.csr_array(entries, shape=matrix.shape)

    @cached_property
    def _to_goals(self) -> tuple[np.ndarray, np.ndarray]:
        """Distance to each goal, (G, S), and the state that follows on the way, (G, S)."""
        reverse = sp.csr_array(self._lengths.T.tocsr())
        distance, following = dijkstra(reverse, indices=self.goals, return_predecessors=True)
        return np.asarray(distance), np.asarray(following)

    def path(
        self, observed: Int[np.ndarray, " t"], steps: int, *, candidates: np.ndarray | None = None
    ) -> Int[np.ndarray, " times"]:
        """The next n steps from the last observed state, (n+1,); the walker waits once it is at the goal.

        Args:
            observed: states seen so far, (t,), at least one.
            steps: n.
            candidates: which goals are allowed, (G,) of booleans; None for all.

        Raises:
            Failure: UNREACHABLE_GOAL when no goal can be reached.
        """
        distance, following = self._to_goals
        first, last = observed[0], observed[-1]
        with np.errstate(invalid="ignore"):
            detour = np.where(np.isinf(distance[:, last]), np.inf, distance[:, last] - distance[:, first])
        detour = np.where(np.isnan(detour) | np.isneginf(detour), distance[:, last], detour)
        if candidates is not None:
            detour = np.where(candidates, detour, np.inf)
        goal = self._choose(detour, first, last)
        if np.isinf(detour[goal]):
            raise Failure(Status.UNREACHABLE_GOAL, f"from state {self.mdp.state_name(int(last))}")
        path = [int(last)]
        for _ in range(steps):
            path.append(path[-1] if path[-1] == self.goals[goal] else int(following[goal, path[-1]]))
        return np.array(path)

    def _choose(self, detour: Float[np.ndarray, " G"], first: int | np.integer, last: int | np.integer) -> int:
        """The least detour; among equals, of which grids have many, the least detour as the crow flies."""
        if self.position is None:
            return int(np.argmin(detour))
        place = self.position[self.goals]
        straight = np.linalg.norm(place - self.position[last], axis=1) - np.linalg.norm(
            place - self.position[first], axis=1
        )
        return int(np.argmin(np.where(detour <= detour.min() + 1e-9, straight, np.inf)))


@dataclasses.dataclass(frozen=True)
class ConstantVelocity:
    """Straight on with the mean velocity of the last observed steps; it sees no walls. Scored on distances only.

    Attributes:
        window: number of observed moves that the velocity is averaged over, at most; 1 is the last move alone.
    """

    window: int = 8

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InvalidInput(f"window = {self.window}: a velocity needs at least one move")

    def path(self, observed: Float[np.ndarray, "t 2"], steps: int) -> Float[np.ndarray, "times 2"]:
        """Positions at steps 0..n from now, (n+1, 2), in the unit of ``observed``; at rest after one observation."""
        moves = min(self.window, len(observed) - 1)
        velocity = (observed[-1] - observed[-1 - moves]) / max(moves, 1)
        return observed[-1] + np.arange(steps + 1)[:, None] * velocity


@dataclasses.dataclass(frozen=True)
class NoisyConstantVelocity:
    """Straight on with the last move's velocity, turned by a Gaussian angle drawn anew for each path.

    Source: Schöller et al. (RA-L 2020), who draw 20 paths and score the best.

    Attributes:
        standard_deviation: of the angle, in degrees.
    """

    standard_deviation: float = 25.0

    def __post_init__(self) -> None:
        if not 0 <= self.standard_deviation < np.inf:
            raise InvalidInput(f"standard_deviation = {self.standard_deviation}: expected degrees, 0 or more")

    def sample(
        self, observed: Float[np.ndarray, "*W t 2"], steps: int, count: int, *, seed: int
    ) -> Float[np.ndarray, "K *W times 2"]:
        """K paths of positions at steps 0..n from now for each of the observed walks; at rest after one observation."""
        last = observed[..., -1, :]
        velocity = last - observed[..., max(observed.shape[-2] - 2, 0), :]
        angle = np.random.default_rng(seed).normal(0.0, self.standard_deviation, (count, *last.shape[:-1]))
        cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        x, y = velocity[..., 0], velocity[..., 1]
        turned = np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)
        return last[..., None, :] + np.arange(steps + 1)[:, None] * turned[..., None, :]
