"""What if: the walkers of a run, with their learnt reward, in a changed world."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse.csgraph import breadth_first_order

from maxentrl.forecast.counterfactual import SAMPLES, Counterfactual, counterfactual
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.grid import EIGHT_MOVES, FOUR_MOVES, Blocked, grid_world
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.plaza import CELL_SIZE
from maxentrl.mdp.time import Time, ToGoal
from maxentrl.mdp.world import World
from maxentrl.readers.layers import read_layers
from maxentrl.readers.spec_model import GridWorld, LayerThreshold, PlazaWorld
from maxentrl.runs.changes import WALLS, AbstractChange, MapLayers, ReplaceLayer, apply_changes, refuse_unknown
from maxentrl.runs.crowds import Walkers, crowd_of, walkers_of
from maxentrl.runs.job import Job
from maxentrl.runs.reward import reward_in
from maxentrl.runs.run import Run
from maxentrl.status import InvalidInput

PLACES = 5
"""Cells named where visits rise or fall most."""
APART = 4
"""Cells between two of these, at least: else one corner of the map would take all names."""
NAMED = 5
"""Walks that messages name."""
FOLLOW = (
    "layers that were made from the walls (a distance to them, say) stay as they were: give such a layer by --layer where "
    "walkers mind it"
)


@dataclasses.dataclass(frozen=True)
class CellChange:
    """A cell whose visits change.

    Attributes:
        name: for people.
        row: of the cell.
        column: of the cell.
        before: expected visits of a walk.
        after: the same after the change.
    """

    name: str
    row: int
    column: int
    before: float
    after: float


@dataclasses.dataclass(frozen=True, eq=False)
class Imagined:
    """The walkers of a run in a changed world.

    Attributes:
        scene: whose world it is, by name.
        changes: what was changed, for people.
        notes: what has to be known of it.
        walks: total weight of the walks.
        weights: fingerprint of the learnt parameters, see :func:`fingerprint`.
        result: visits before and after.
        walls_before: (rows, columns).
        walls_after: (rows, columns).
        gaining: cells with the greatest rise of visits, apart from each other.
        losing: with the greatest fall.
    """

    scene: str
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    walks: float
    weights: str
    result: Counterfactual
    walls_before: Bool[np.ndarray, "rows columns"]
    walls_after: Bool[np.ndarray, "rows columns"]
    gaining: tuple[CellChange, ...]
    losing: tuple[CellChange, ...]

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON; maps go to a file of arrays."""
        sides = {"before": self.result.before, "after": self.result.after}
        rerouted = self.result.rerouted
        return {
            "scene": self.scene,
            "changes": self.changes,
            "notes": self.notes,
            "walks": self.walks,
            "weights": self.weights,
            "unit": self.result.before.unit,
            **{
                side: {"decisions": one.decisions, "length": one.length, "reward": one.reward}
                for side, one in sides.items()
            },
            "displaced": self.result.displaced,
            "rerouted": None if rerouted is None else dataclasses.asdict(rerouted),
            "gaining": [dataclasses.asdict(place) for place in self.gaining],
            "losing": [dataclasses.asdict(place) for place in self.losing],
        }


def fingerprint(parameters: Float[np.ndarray, " K"]) -> str:
    """SHA-256 of parameters: a counterfactual of other weights than a run's is not shown in its report."""
    return hashlib.sha256(np.ascontiguousarray(parameters, np.float64).tobytes()).hexdigest()


def scene_name(run: Run, name: str | None) -> str:
    """The scene of a run that is meant: the one named, or the only one.

    Raises:
        InvalidInput: several scenes and no name, or a name that none has.
    """
    names = list(run.jobs)
    if name is None and len(names) == 1:
        return names[0]
    if name is None or name not in names:
        told = "there are several scenes" if name is None else f"there is no scene '{name}'"
        raise InvalidInput(f"--scene: {told}; name one of {', '.join(names)}")
    return name


def imagine(
    job: Job,
    parameters: Float[np.ndarray, " K"],
    changes: Sequence[AbstractChange],
    *,
    scene: str = "",
    samples: int = SAMPLES,
    seed: int = 0,
) -> Imagined:
    """Where the demonstrated walks, with the same starts, goals and lengths, are expected to go in a changed world.

    Args:
        job: a world on a grid, and walks.
        parameters: the learnt reward.
        changes: of the map, in order.
        scene: name of the job's scene, for the record.
        samples: walks drawn for the share that is walked otherwise.
        seed: of these.

    Raises:
        InvalidInput: no map, no walks, a change that cannot be made, a start or goal under a new wall, or one that
            cannot be reached any more; each by name.
        Failure: no soft values in the changed world (INFINITE_PARTITION), as planning says.
    """
    home = job.scene.world
    world = changed_world(job, changes)
    assert home.geometry is not None
    assert world.geometry is not None
    place = world.geometry.state_of_cell[tuple(home.geometry.cell_of_state.T)]
    walkers = walkers_of(job, reward_table(job.reward, np.asarray(parameters, float)))
    moved = _moved(job, walkers, world, place, parameters)
    before, after = crowd_of(walkers, home.geometry), crowd_of(moved, world.geometry)
    result = counterfactual(before, after, samples=samples, seed=seed)
    walls, walls_after = (each.state_of_cell < 0 for each in (home.geometry, world.geometry))
    difference = result.difference
    return Imagined(
        scene,
        tuple(map(str, changes)),
        (FOLLOW,) if (walls != walls_after).any() else (),
        before.walks,
        fingerprint(parameters),
        result,
        walls,
        walls_after,
        _places(job, result, difference),
        _places(job, result, -difference),
    )


def changed_world(job: Job, changes: Sequence[AbstractChange]) -> World:
    """The world of a job with a changed map: the same moves, cells and features.

    Raises:
        InvalidInput: a world that is no grid, or a change that cannot be made.
    """
    table = job.spec.world
    if not isinstance(table, GridWorld | PlazaWorld):
        raise InvalidInput(f'[world] kind = "{table.kind}": only maps (kind = "grid" or "plaza") can be changed')
    ground = apply_changes(MapLayers.of(job.scene.world), changes)
    layers, walls = ground.known(), ground.walls.astype(float)
    if isinstance(table, PlazaWorld):
        return grid_world(layers, walls=walls, cell_size=CELL_SIZE)
    return grid_world(
        layers,
        walls=walls,
        moves=EIGHT_MOVES if table.moves == 8 else FOUR_MOVES,
        stay=table.stay,
        blocked=Blocked(table.blocked),
        slip=table.slip,
        cell_size=table.cell_size,
        terminal=table.terminal,
        origin=table.origin,
    )


def read_replacement(job: Job, name: str, path: Path) -> ReplaceLayer:
    """A layer from a file, of one value a cell or, where cells are pooled, a pixel.

    Raises:
        InvalidInput: a file that cannot be used, or a map of another size.
        MissingExtra: an image, and pillow is not installed.
    """
    table, geometry = job.spec.world, job.scene.world.geometry
    if geometry is None:
        raise InvalidInput("this world has no map: only worlds on a grid can be changed")
    values = read_layers({name: path})[0][name]
    threshold = table.walls if isinstance(table, GridWorld) and isinstance(table.walls, LayerThreshold) else None
    is_walls = name == WALLS or (threshold is not None and threshold.layer == name)
    if is_walls:
        refuse_unknown(values, ~np.isfinite(values), str(path), "pixels")
    if threshold is not None and is_walls and name != WALLS:
        values = (values > threshold.above).astype(float)
    pool = table.cell if isinstance(table, GridWorld) else 1
    if pool > 1 and values.shape != geometry.shape:
        if tuple(-(-size // pool) for size in values.shape) != geometry.shape:
            raise InvalidInput(
                f"{path}: '{name}' has {values.shape[0]} x {values.shape[1]} pixels: expected one a cell "
                f"({geometry.shape[0]} x {geometry.shape[1]}), or {pool} x {pool} a cell"
            )
        pooled = grid_world({name: (values != 0).astype(float) if is_walls else values}, pool=pool).state_features[name]
        values = pooled.reshape(geometry.shape)
        values = (values >= 0.5).astype(float) if is_walls else values
    return ReplaceLayer(WALLS if is_walls and name not in job.scene.world.state_features else name, values, path.name)


def _moved(
    job: Job, walkers: Walkers, world: World, place: Int[np.ndarray, " S"], parameters: Float[np.ndarray, " K"]
) -> Walkers:
    """The same walks in the changed world."""
    reward = reward_in(job.spec, world, job.reward)
    time, episodes = walkers.problem.time, walkers.episodes
    starts = place[walkers.starts]
    goals = np.where(episodes.goals < 0, episodes.goals, place[np.maximum(episodes.goals, 0)])
    common = time.goals if isinstance(time, ToGoal) and time.goals is not None else ()
    _refuse_walls(job, walkers, place, common)
    if common:
        time = ToGoal(tuple(int(place[goal]) for goal in common))
    moved = Walkers(
        dataclasses.replace(walkers.problem, mdp=world.mdp, reward=reward, time=time),
        reward_table(reward, np.asarray(parameters, float)),
        dataclasses.replace(episodes, goals=goals),
        starts,
        walkers.weights,
    )
    _refuse_lost(job, walkers, moved, time)
    return moved


def _refuse_walls(job: Job, walkers: Walkers, place: Int[np.ndarray, " S"], common: Sequence[int]) -> None:
    problems, name_of = [], job.scene.state_name
    for what, states in (("start", walkers.starts), ("end", walkers.episodes.goals)):
        walled = np.flatnonzero((states >= 0) & (place[states] < 0))
        for state in np.unique(states[walled]):
            names = [walkers.episodes.names[i] for i in walled if states[i] == state]
            problems.append(f"the change puts a wall on {name_of(int(state))}, the {what} of {_listed(names)}")
    problems += [
        f"the change puts a wall on the goal {job.scene.state_name(int(goal))}" for goal in common if place[goal] < 0
    ]
    if problems:
        raise InvalidInput([*problems[:20], "leave these cells open"])


def _refuse_lost(job: Job, walkers: Walkers, moved: Walkers, time: Time) -> None:
    """Starts from which no way leads to the goal any more, or where nobody can move."""
    mdp, problems = moved.problem.mdp, []
    if not isinstance(time, ToGoal):
        stuck = np.flatnonzero(~mdp.available[:, moved.starts].any(0) & ~mdp.terminal[moved.starts])
        names = [walkers.episodes.names[i] for i in stuck]
        if names:
            where = job.scene.state_name(int(walkers.starts[stuck[0]]))
            raise InvalidInput(f"the change leaves no move in {where}, the start of {_listed(names)}")
        return
    own = moved.episodes.goals
    for goals in {(int(g),) if g >= 0 else (time.goals or ()) for g in own}:
        mine = np.array([((int(g),) if g >= 0 else (time.goals or ())) == goals for g in own])
        lost = np.flatnonzero(mine & ~_arriving(mdp, goals)[moved.starts])
        for start in np.unique(walkers.starts[lost]):
            names = [walkers.episodes.names[i] for i in lost if walkers.starts[i] == start]
            before = int(walkers.episodes.goals[lost[0]]) if own[lost[0]] >= 0 else None
            target = "any goal" if before is None else job.scene.state_name(before)
            problems.append(
                f"no way leads from {job.scene.state_name(int(start))} to {target} after the change: {_listed(names)}"
            )
    if problems:
        raise InvalidInput([*problems[:20], "leave a way open"])


def _arriving(mdp: MDP, goals: Sequence[int]) -> Bool[np.ndarray, " S"]:
    """States from which some moves lead to one of the goals."""
    links = mdp.transitions.chain(mdp.available.astype(float)).T.tocsr()
    found = np.zeros(mdp.n_states, bool)
    for goal in goals:
        found[breadth_first_order(links, goal, directed=True, return_predecessors=False)] = True
    return found


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(names[:NAMED])
    return f"{len(names)} {'walk' if len(names) == 1 else 'walks'} ({first}{' …' if len(names) > NAMED else ''})"


def _places(job: Job, result: Counterfactual, rise: Float[np.ndarray, "rows columns"]) -> tuple[CellChange, ...]:
    """Cells of the greatest rise, none within ``APART`` cells of another."""
    names = {int(state): name for name, state in job.scene.entrances.items()}
    geometry = job.scene.world.geometry
    assert geometry is not None
    left, found = rise.copy(), []
    least = 1e-3 * np.abs(rise).max()
    while len(found) < PLACES and left.max() > least:
        row, column = (int(k) for k in np.unravel_index(np.argmax(left), left.shape))
        name = names.get(int(geometry.state_of_cell[row, column]), f"cell [{row}, {column}]")
        found.append(
            CellChange(
                name, row, column, float(result.before.visits[row, column]), float(result.after.visits[row, column])
            )
        )
        left[max(row - APART + 1, 0) : row + APART, max(column - APART + 1, 0) : column + APART] = 0.0
    return tuple(found)
