"""Forecasts of walkers with momentum: from positions in metres to states, ahead, and back to positions.

A decision lasts several recorded frames, and displacements are whole cells. What a walker's place and displacement are
beyond whole cells is kept: the place within the cell (``offset``), and the part of the displacement that no whole number of
cells holds (``drift``), which the walker goes on making. So a walker who changes nothing goes exactly straight on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.ndimage import distance_transform_edt

from maxentrl.demos.trajectories import Trajectories
from maxentrl.forecast.points import Points
from maxentrl.mdp.momentum import MomentumWorld
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import InvalidInput

NEGLIGIBLE = 1e-5
"""States that hold a smaller share of a start are dropped, and the rest is scaled up."""
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


@dataclasses.dataclass(frozen=True, eq=False)
class MomentumStarts:
    """Where W walkers stand now, each shared by the states about its displacement, R rows in all.

    Attributes:
        walker: whose row, (R,).
        state: cell and displacement, (R,).
        weight: share of the walker, (R,); sums to one over its rows.
        offset: (x, y) from the centre of the cell to the walker, in metres, (R, 2).
        drift: displacement beyond the whole cells of the state's, (x, y) in metres a decision, (R, 2).
    """

    walker: Int[np.ndarray, " R"]
    state: Int[np.ndarray, " R"]
    weight: Float[np.ndarray, " R"]
    offset: Float[np.ndarray, "R 2"]
    drift: Float[np.ndarray, "R 2"]


def momentum_starts(
    momentum: MomentumWorld, position: Float[np.ndarray, "W 2"], displacement: Float[np.ndarray, "W 2"]
) -> MomentumStarts:
    """Each walker's cell (the nearest open one), with the four whole displacements about its own, bilinearly.

    The mean of their displacements, and with the drift each of them, is the walker's own.

    Args:
        momentum: the world.
        position: (x, y) now, in metres.
        displacement: (x, y) that the walker would make in one decision, in metres.

    Raises:
        InvalidInput: numbers that are not finite, by walker.
    """
    cell, offset = _cells(momentum, _finite(position, displacement))
    wanted = np.asarray(displacement, float)[:, ::-1] / momentum.geometry.cell_size
    low = np.floor(wanted)
    share = np.where(CORNERS[:, None] == 1, wanted - low, 1.0 - (wanted - low)).prod(-1)
    number = np.stack([momentum.displacement_number((low + corner).astype(np.int64)) for corner in CORNERS])
    walker = np.broadcast_to(np.arange(len(wanted)), number.shape)
    return _starts(momentum, wanted, walker, number, cell, offset, share)


def nearest_starts(
    momentum: MomentumWorld, position: Float[np.ndarray, "W 2"], displacement: Float[np.ndarray, "W 2"]
) -> MomentumStarts:
    """Each walker's cell with the one whole displacement nearest its own: the starts of walks to learn from.

    Raises:
        InvalidInput: as :func:`momentum_starts`.
    """
    cell, offset = _cells(momentum, _finite(position, displacement))
    wanted = np.asarray(displacement, float)[:, ::-1] / momentum.geometry.cell_size
    number = momentum.displacement_number(np.rint(wanted).astype(np.int64))[None]
    walker = np.arange(len(wanted))[None]
    return _starts(momentum, wanted, walker, number, cell, offset, np.ones(number.shape))


def _starts(
    momentum: MomentumWorld,
    wanted: Float[np.ndarray, "W 2"],
    walker: Int[np.ndarray, "k W"],
    number: Int[np.ndarray, "k W"],
    cell: Int[np.ndarray, " W"],
    offset: Float[np.ndarray, "W 2"],
    share: Float[np.ndarray, "k W"],
) -> MomentumStarts:
    drift = (wanted - momentum.displacements[number])[..., ::-1] * momentum.geometry.cell_size
    used = share > 0
    return MomentumStarts(
        walker[used],
        (number * momentum.n_cells + cell)[used],
        share[used],
        np.broadcast_to(offset, drift.shape)[used],
        drift[used],
    )


def _finite(position: np.ndarray, displacement: np.ndarray) -> Float[np.ndarray, "W 2"]:
    bad = ~(np.isfinite(position).all(-1) & np.isfinite(displacement).all(-1))
    if bad.any():
        raise InvalidInput(f"walker {int(np.argmax(bad))}: its position or displacement is not finite; leave it out")
    return np.asarray(position, float)


def _cells(
    momentum: MomentumWorld, position: Float[np.ndarray, "W 2"]
) -> tuple[Int[np.ndarray, " W"], Float[np.ndarray, "W 2"]]:
    """The open cell nearest to each position, and the way from its centre to the position."""
    geometry = momentum.geometry
    number, size, origin = geometry.state_of_cell, geometry.cell_size, np.asarray(geometry.origin)
    place = np.floor((position - origin) / size)[:, ::-1].astype(np.int64)
    row, column = np.clip(place, 0, np.array(number.shape) - 1).T
    if (number < 0).any():
        nearest = distance_transform_edt(number < 0, return_distances=False, return_indices=True)
        row, column = np.asarray(nearest)[:, row, column]
    centre = (np.stack([column, row], 1) + 0.5) * size + origin
    return number[row, column].astype(np.int64), position - centre


def momentum_walks(
    momentum: MomentumWorld, position: Float[np.ndarray, "W times 2"], displacement: Float[np.ndarray, "W 2"]
) -> Trajectories:
    """Recorded positions, one a decision, as walks of states and changes.

    At each decision the change is taken whose new displacement, with the drift that the walker began with, is nearest
    the one recorded, among those that can be chosen.

    Args:
        momentum: the world.
        position: (x, y) now and after each decision, in metres.
        displacement: (x, y) that led to the first position, in metres a decision.

    Raises:
        InvalidInput: fewer than two positions, or numbers that are not finite.
    """
    position = np.asarray(position, float)
    if position.shape[1] < 2 or not np.isfinite(position).all():
        raise InvalidInput("a walk needs two finite positions or more: leave out what was not seen")
    starts = nearest_starts(momentum, position[:, 0], displacement)
    steps = np.diff(position, axis=1) - starts.drift[:, None]
    wanted = steps[..., ::-1] / momentum.geometry.cell_size
    transitions = momentum.transitions
    available, state = np.asarray(transitions.available), starts.state
    states, actions = [state], []
    for t in range(wanted.shape[1]):
        now = momentum.displacements[state // momentum.n_cells]
        miss = np.square(now + momentum.changes[:, None] - wanted[:, t]).sum(-1)
        miss = np.where(available[:, state], miss, np.inf)
        action = miss.argmin(0)
        state = transitions.successors_of(action, state)[0][0].astype(np.int64)
        states.append(state)
        actions.append(action)
    return Trajectories.of(list(np.stack(states, 1)), list(np.stack(actions, 1)))


def way_off_ground(momentum: MomentumWorld, position: Float[np.ndarray, "N 2"]) -> Float[np.ndarray, " N"]:
    """Metres from each position to the open cell that stands for it, 0 within that cell; infinite off the map.

    Args:
        momentum: the world.
        position: (x, y) in metres.

    Raises:
        InvalidInput: numbers that are not finite, by row.
    """
    position = _finite(np.asarray(position, float), np.zeros(2))
    geometry = momentum.geometry
    _, offset = _cells(momentum, position)
    beyond = np.maximum(np.abs(offset) - geometry.cell_size / 2, 0.0)
    within = (position - np.asarray(geometry.origin)) / geometry.cell_size
    inside = ((within >= 0) & (within < np.array(geometry.shape[::-1]))).all(-1)
    return np.where(inside, np.hypot(beyond[:, 0], beyond[:, 1]), np.inf)


def way_off_recording(
    momentum: MomentumWorld,
    walks: Trajectories,
    position: Float[np.ndarray, "W times 2"],
    displacement: Float[np.ndarray, "W 2"],
) -> Float[np.ndarray, "W times"]:
    """How far :func:`momentum_walks` leads from the positions that it was made of, in metres.

        e_t = |centre(c_t) + offset + t drift − x_t|

    with no more drift than half a cell along either axis: the rest is displacement beyond reach, which is lost.

    Args:
        momentum: the world.
        walks: what ``momentum_walks`` made.
        position: as it was given to it.
        displacement: as it was given to it.

    Raises:
        InvalidInput: as :func:`nearest_starts`.
    """
    starts = nearest_starts(momentum, position[:, 0], displacement)
    geometry, times = momentum.geometry, position.shape[1]
    half = geometry.cell_size / 2
    drift = np.arange(times)[:, None] * np.clip(starts.drift, -half, half)[:, None]
    place = geometry.position[walks.states.reshape(len(walks), times)]
    return np.linalg.norm(place + starts.offset[:, None] + drift - position, axis=-1)


def momentum_ahead(
    momentum: MomentumWorld, solution: SoftSolution, starts: MomentumStarts, *, negligible: float = NEGLIGIBLE
) -> Iterator[sp.csr_array]:
    """p(state) of each start's row after 1, 2, … T decisions, each (R, S) and sparse.

        p_{t+1}(s') = Σ_{s, a: s' follows} π_t(a | s) p_t(s),    π_t(a | s) = exp((r(s, a) + V_{t+1}(s') − V_t(s))/τ)

    Only states that are reached are looked at.

    Args:
        momentum: the world.
        solution: of ``Finite(T)`` on it.
        starts: the walkers.
        negligible: states that hold a smaller share of a row are dropped, and the rest is scaled up; 0 drops nothing.

    Raises:
        InvalidInput: a solution of another kind of time or world.
    """
    n_states, horizon = momentum.world.mdp.n_states, _horizon(momentum, solution)
    rows = np.arange(len(starts.state))
    mass = sp.csr_array((np.ones(len(rows)), (rows, starts.state)), shape=(len(rows), n_states))
    for t in range(horizon):
        held = np.unique(mass.indices)
        policy, to = _policy_at(momentum, solution, t, held)
        bounds = np.arange(len(held) + 1) * len(to)
        moves = sp.csr_array((policy.T.ravel(), to.T.ravel(), bounds), shape=(len(held), n_states))
        narrow = sp.csr_array(
            (mass.data, np.searchsorted(held, mass.indices), mass.indptr), shape=(len(rows), len(held))
        )
        mass = _without(sp.csr_array(narrow @ moves), negligible)
        yield mass


def momentum_points(
    momentum: MomentumWorld,
    starts: MomentumStarts,
    ahead: Iterable[sp.csr_array],
    frames_per_decision: int,
    *,
    negligible: float = NEGLIGIBLE,
) -> tuple[Points, ...]:
    """What :func:`momentum_ahead` says as weighted points, one :class:`Points` a recorded frame.

    Within a decision the walker goes straight: with fraction φ of the decision j past,
    ``x = centre(c_j) − (1 − φ) d_j + offset + (j − 1 + φ) drift``.

    Args:
        momentum: the world.
        starts: the walkers, as given to ``momentum_ahead``.
        ahead: probabilities of states after each decision.
        frames_per_decision: recorded frames that a decision lasts.
        negligible: points of a smaller share of their walker are dropped, and the rest is scaled up.
    """
    if frames_per_decision < 1:
        raise InvalidInput(f"frames_per_decision = {frames_per_decision}: expected at least 1")
    found = []
    for j, mass in enumerate(ahead):
        row = np.repeat(np.arange(len(starts.state)), np.diff(mass.indptr))
        weight = mass.data * starts.weight[row]
        kept = weight > negligible
        row, state, weight, walker = row[kept], mass.indices[kept], weight[kept], starts.walker[row[kept]]
        weight = weight / np.bincount(walker, weight)[walker]
        for q in range(1, frames_per_decision + 1):
            position = _within(momentum, starts, row, state, j, q / frames_per_decision)
            found.append(Points(walker, position, weight))
    return tuple(found)


def momentum_paths(
    momentum: MomentumWorld,
    solution: SoftSolution,
    starts: MomentumStarts,
    count: int,
    frames_per_decision: int,
    *,
    blur: Float[np.ndarray, "W n"] | None = None,
    seed: int,
) -> Float[np.ndarray, "K W n 2"]:
    """K paths of each walker, positions at the next n = T · ``frames_per_decision`` recorded frames, in metres.

    Args:
        momentum: the world.
        solution: of ``Finite(T)`` on it.
        starts: the walkers.
        count: K.
        frames_per_decision: recorded frames that a decision lasts.
        blur: standard deviation about the path at each frame, in metres, (W, n): one Gaussian direction a path, as in
            ``Smoothing``; None for the paths themselves.
        seed: of the draws.

    Raises:
        InvalidInput: a count below 1, or as :func:`momentum_ahead`.
    """
    if count < 1 or frames_per_decision < 1:
        raise InvalidInput(f"count = {count}, frames_per_decision = {frames_per_decision}: expected at least 1 of each")
    generator, horizon = np.random.default_rng(seed), _horizon(momentum, solution)
    order = np.argsort(starts.walker, kind="stable")
    upper = np.cumsum(starts.weight[order])
    walkers = int(starts.walker.max()) + 1
    drawn = generator.random((count, walkers)) * (1 - 1e-12) + np.arange(walkers)
    row = order[np.minimum(np.searchsorted(upper, drawn.ravel()), len(order) - 1)]
    state, frames = starts.state[row], []
    for t in range(horizon):
        policy, to = _policy_at(momentum, solution, t, state)
        action = (policy.cumsum(0) < generator.random(len(state)) * policy.sum(0)).sum(0)
        state = to[np.minimum(action, len(to) - 1), np.arange(len(state))].astype(np.int64)
        for q in range(1, frames_per_decision + 1):
            frames.append(_within(momentum, starts, row, state, t, q / frames_per_decision))
    paths = np.stack(frames, axis=1).reshape(count, walkers, -1, 2)
    if blur is None:
        return paths
    return paths + generator.normal(size=(count, walkers, 1, 2)) * np.asarray(blur)[None, :, :, None]


def _within(
    momentum: MomentumWorld,
    starts: MomentumStarts,
    row: Int[np.ndarray, " N"],
    state: Int[np.ndarray, " N"],
    decisions: int,
    fraction: float,
) -> Float[np.ndarray, "N 2"]:
    """Positions at a fraction of the decision that leads to each state, after so many whole decisions."""
    geometry, cells = momentum.geometry, momentum.n_cells
    last = momentum.displacements[state // cells][:, ::-1] * geometry.cell_size
    kept = starts.offset[row] + (decisions + fraction) * starts.drift[row]
    return geometry.position[:cells][state % cells] - (1.0 - fraction) * last + kept


def _horizon(momentum: MomentumWorld, solution: SoftSolution) -> int:
    values = solution.scaled_values
    if (
        values.ndim != 2
        or values.shape[1] != momentum.world.mdp.n_states
        or solution.problem.reward.per_step
        or not 0 < solution.problem.temperature < np.inf
    ):
        raise InvalidInput(
            "expected a solution of Finite(T) on this world, with one table of rewards for all steps and a temperature "
            "between 0 and infinity"
        )
    return len(values) - 1


def _policy_at(
    momentum: MomentumWorld, solution: SoftSolution, time: int, state: Int[np.ndarray, " N"]
) -> tuple[Float[np.ndarray, "A N"], Int[np.ndarray, "A N"]]:
    """π_t(a | s) of some states, zero where a decision is not available, and where each leads."""
    transitions = momentum.transitions
    to = np.asarray(transitions.successor)[:, state]
    values = solution.scaled_values
    reward = np.asarray(solution.problem.reward.pair)[:, state] / solution.problem.temperature
    if solution.problem.log_reference is not None:
        reward = reward + np.asarray(solution.problem.log_reference)[:, state]
    gain = np.where(np.asarray(transitions.available)[:, state], reward + values[time + 1][to], -np.inf)
    level = values[time, state]
    return np.exp(gain - np.where(np.isneginf(level), 0.0, level)), to


def _without(mass: sp.csr_array, negligible: float) -> sp.csr_array:
    mass.data[mass.data < negligible] = 0.0
    mass.eliminate_zeros()
    mass.data /= np.repeat(mass.sum(1), np.diff(mass.indptr))
    return mass
