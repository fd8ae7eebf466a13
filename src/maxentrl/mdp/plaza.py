"""The embedded scene: a seeded plaza with lawns, buildings, a fountain and entrances, whose reward is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy.ndimage import distance_transform_edt, gaussian_filter

from maxentrl.mdp.grid import grid_world
from maxentrl.mdp.world import World
from maxentrl.status import InvalidInput

ROWS, COLUMNS = 48, 64
CELL_SIZE = 0.5
PIXELS_PER_CELL = 8
Length = float | int
"""In cells."""

TRUE_PARAMETERS: Mapping[str, float] = {
    "distance": -7.0,
    "grass": -1.2,
    "cobbles": -0.4,
    "near_wall": -1.5,
    "spray": -1.6,
}
"""Reward of a metre walked, and of a decision taken on grass, on cobbles, close to a wall and in the fountain's spray."""

ENTRANCES: Mapping[str, tuple[int, int]] = {
    "north street": (0, 29),
    "west street": (16, 0),
    "south-west gate": (47, 7),
    "south-east gate": (47, 53),
    "east street": (24, 63),
    "library": (13, 14),
    "café": (13, 50),
    "town hall": (38, 29),
}
"""Row and column of each entrance."""

POPULARITY: Mapping[str, float] = {
    "north street": 1.0,
    "west street": 0.8,
    "south-west gate": 0.7,
    "south-east gate": 0.9,
    "east street": 0.8,
    "library": 0.6,
    "café": 0.7,
    "town hall": 0.5,
}


@dataclasses.dataclass(frozen=True, eq=False)
class Trips:
    """Where walks begin and end, and how often.

    Attributes:
        starts: state of the entrance, (N,).
        goals: state of another entrance, (N,).
        weights: relative frequency, (N,), summing to one over all pairs.
    """

    starts: Int[np.ndarray, " N"]
    goals: Int[np.ndarray, " N"]
    weights: Float[np.ndarray, " N"]


@dataclasses.dataclass(frozen=True, eq=False)
class Plaza:
    """The scene and what is known about it.

    Attributes:
        world: 48 × 64 cells of half a metre, eight moves, no staying; five features.
        true_parameters: reward of each feature; all negative, so that walks to a goal have a finite partition function.
        entrances: state of each entrance by name.
        trips: every ordered pair of entrances with its frequency.
        image: the scene from above, for pictures.
    """

    world: World
    true_parameters: Mapping[str, float]
    entrances: Mapping[str, int]
    trips: Trips
    image: UInt8[np.ndarray, "height width 3"]


@dataclasses.dataclass(frozen=True, eq=False)
class _Ground:
    """What covers each point."""

    building: Bool[np.ndarray, "R C"]
    fountain: Bool[np.ndarray, "R C"]
    bench: Bool[np.ndarray, "R C"]
    grass: Bool[np.ndarray, "R C"]
    slabs: Bool[np.ndarray, "R C"]


def plaza(seed: int = 0) -> Plaza:
    """The plaza; the seed places the benches and draws the textures of the picture.

    Raises:
        InvalidInput: a negative seed.
    """
    if seed < 0:
        raise InvalidInput(f"seed = {seed}: expected a whole number ≥ 0")
    generator = np.random.default_rng(seed)
    benches = _benches(generator)
    ground = _ground(1, benches)
    solid = ground.building | ground.bench
    layers = {
        "grass": ground.grass.astype(float),
        "cobbles": (~ground.grass & ~ground.slabs).astype(float),
        "near_wall": _proximity(solid, 0.75),
        "spray": _proximity(ground.fountain, 1.5),
    }
    world = grid_world(layers, walls=solid | ground.fountain, cell_size=CELL_SIZE)
    assert world.geometry is not None
    entrances = {name: int(world.geometry.state_of_cell[cell]) for name, cell in ENTRANCES.items()}
    image = _picture(_ground(PIXELS_PER_CELL, benches), generator)
    return Plaza(world, dict(TRUE_PARAMETERS), entrances, _trips(entrances), image)


def draw_trips(scene: Plaza, count: int, seed: int) -> Trips:
    """``count`` trips drawn by their frequency, each of weight one.

    Raises:
        InvalidInput: ``count`` below 1.
    """
    if count < 1:
        raise InvalidInput(f"count = {count}: expected at least one trip")
    drawn = np.random.default_rng(seed).choice(len(scene.trips.weights), count, p=scene.trips.weights)
    return Trips(scene.trips.starts[drawn], scene.trips.goals[drawn], np.ones(count))


def _trips(entrances: Mapping[str, int]) -> Trips:
    pairs = [(a, b) for a in entrances for b in entrances if a != b]
    weights = np.array([POPULARITY[a] * POPULARITY[b] for a, b in pairs])
    starts, goals = (np.array([entrances[pair[k]] for pair in pairs]) for k in (0, 1))
    return Trips(starts, goals, weights / weights.sum())


def _proximity(mask: Bool[np.ndarray, "R C"], reach: float) -> Float[np.ndarray, "R C"]:
    """exp(−distance / reach) from the edge of the masked cells, both in metres."""
    metres = np.asarray(distance_transform_edt(~mask)) * CELL_SIZE - CELL_SIZE / 2
    return np.exp(-np.maximum(metres, 0.0) / reach)


def _benches(generator: np.random.Generator) -> tuple[tuple[float, float, bool], ...]:
    """Centre row and column of each bench, and whether it lies along a row."""
    angles = np.deg2rad([35, 145, 215, 325]) + generator.uniform(-0.2, 0.2, 4)
    round_the_fountain = [(24 + 7.5 * np.sin(a), 33 + 8.5 * np.cos(a), False) for a in angles]
    along = [(17.5, 12.0 + generator.integers(0, 8), True), (23.0, 49.0 + generator.integers(0, 9), True)]
    return tuple((float(row), float(column), flat) for row, column, flat in [*round_the_fountain, *along])


def _ground(resolution: int, benches: tuple[tuple[float, float, bool], ...]) -> _Ground:
    """What covers each point of a raster with ``resolution`` points a cell."""
    y, x = np.meshgrid(*((np.arange(n * resolution) + 0.5) / resolution for n in (ROWS, COLUMNS)), indexing="ij")

    def box(top: Length, left: Length, bottom: Length, right: Length, corner: Length = 0) -> np.ndarray:
        """A rectangle with rounded corners."""
        down = np.abs(y - (top + bottom) / 2) - (bottom - top) / 2 + corner
        across = np.abs(x - (left + right) / 2) - (right - left) / 2 + corner
        outside = np.hypot(np.maximum(down, 0), np.maximum(across, 0))
        return outside + np.minimum(np.maximum(down, across), 0) <= corner

    def band(y0: Length, x0: Length, y1: Length, x1: Length, width: Length) -> np.ndarray:
        """Points within half the width of a line."""
        along = np.clip(((y - y0) * (y1 - y0) + (x - x0) * (x1 - x0)) / ((y1 - y0) ** 2 + (x1 - x0) ** 2), 0, 1)
        return np.hypot(y - y0 - along * (y1 - y0), x - x0 - along * (x1 - x0)) <= width / 2

    building = box(0, 4, 13, 24) | box(0, 17, 10, 25) | box(5, 51, 20, 64) | box(39, 17, 48, 43) | box(36, 33, 40, 43)
    ring = np.hypot(y - 24, x - 33)
    bench = np.zeros_like(building)
    for row, column, flat in benches:
        top, left = round(row), round(column)
        bench |= box(top, left, top + (1 if flat else 3), left + (3 if flat else 1))
    lawns = box(19, 3, 35, 21, 4) | box(27, 45, 43, 61, 4) | box(2, 35, 13, 47, 3) | box(38, 1, 46, 5, 1.5)
    slabs = (
        (ring <= 6.5)
        | band(0, 29.5, 19, 32, 4)
        | band(24.5, 63, 24.5, 38, 4)
        | band(16.5, 0, 16.5, 22, 3)
        | band(16.5, 22, 21, 29, 3)
        | band(48, 7.5, 28, 27, 3)
        | band(48, 53.5, 44.5, 45, 3)
        | band(44.5, 45, 28, 37, 3)
        | band(38.5, 29.5, 28, 31, 3)
        | band(13.5, 14.5, 16, 14.5, 3)
        | band(13.5, 50.5, 22, 38, 2.5)
    )
    grass = lawns & ~slabs
    return _Ground(building, ring <= 3.1, bench, grass, slabs)


def _picture(ground: _Ground, generator: np.random.Generator) -> UInt8[np.ndarray, "height width 3"]:
    """The scene from above in daylight."""
    shape = ground.grass.shape
    row, column = np.indices(shape)
    fine = generator.normal(size=shape)
    soft = gaussian_filter(generator.normal(size=shape), 3)
    soft /= soft.std()
    image = np.empty((*shape, 3))
    stones = np.hypot((row % 8) - 3.5, ((column + 4 * (row // 8 % 2)) % 8) - 3.5) > 3.6
    image[:] = np.array([176, 168, 156]) + (4 * soft + 3 * fine - 16 * stones)[..., None]
    joints = ((row % 16) == 0) | (((column + 8 * (row // 16 % 2)) % 16) == 0)
    image[ground.slabs] = (np.array([222, 214, 200]) + (2 * soft + 2 * fine - 18 * joints)[..., None])[ground.slabs]
    image[ground.grass] = (np.array([122, 158, 88]) + (7 * soft + 6 * fine)[..., None])[ground.grass]
    edge = ground.grass & (np.asarray(distance_transform_edt(ground.grass)) < 2.5)
    image[edge] = np.array([96, 130, 70])
    _water(image, ground.fountain)
    _trees(image, ground.grass, generator)
    _solids(image, ground)
    return np.clip(image, 0, 255).astype(np.uint8)


def _water(image: np.ndarray, fountain: Bool[np.ndarray, "height width"]) -> None:
    depth = np.asarray(distance_transform_edt(fountain))
    image[fountain] = np.array([150, 142, 130])
    pool = depth > 5
    ripples = 10 * np.sin(depth[pool] * 0.9)
    image[pool] = np.array([104, 160, 186]) + ripples[:, None]
    image[depth > 0.85 * depth.max()] = np.array([224, 238, 244])


def _solids(image: np.ndarray, ground: _Ground) -> None:
    """Buildings and benches with the shadow that they cast to the lower right."""
    solid = ground.building | ground.bench
    height = np.where(ground.building, 9, 0) + np.where(ground.bench, 3, 0)
    for step in range(1, 10):
        shadow = np.zeros_like(solid)
        shadow[step:, step:] = (height >= step)[:-step, :-step]
        image[shadow & ~solid] *= 0.96
    row, _ = np.indices(ground.building.shape)
    inside = np.asarray(distance_transform_edt(np.pad(ground.building, 1, mode="edge")))[1:-1, 1:-1]
    tiles = np.array([172, 108, 84]) - 8.0 * ((row % 6) == 0)[..., None] + 0.25 * np.minimum(inside, 40)[..., None]
    image[ground.building] = tiles[ground.building]
    image[ground.building & (inside < 4)] = np.array([136, 84, 66])
    image[ground.bench] = np.array([118, 84, 52])


def _trees(image: np.ndarray, grass: Bool[np.ndarray, "height width"], generator: np.random.Generator) -> None:
    row, column = np.indices(grass.shape)
    room = np.asarray(distance_transform_edt(grass))
    for _ in range(9):
        free = np.argwhere(room > 20)
        if not len(free):
            return
        y, x = free[generator.integers(len(free))]
        radius = generator.uniform(11, 17)
        image[np.hypot(row - y - 6, column - x - 6) < radius] *= 0.8
        distance = np.hypot(row - y, column - x) + generator.normal(0, 0.8, grass.shape)
        crown = distance < radius
        image[crown] = np.array([70, 116, 62]) + (18 * (1 - distance[crown] / radius))[:, None]
        room = np.minimum(room, np.hypot(row - y, column - x) - radius)
