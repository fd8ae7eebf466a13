"""The ``[world]`` table as a scene: a world, where people enter it, and a picture of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8

from maxentrl.demos.report import Report
from maxentrl.mdp.grid import EIGHT_MOVES, FOUR_MOVES, Blocked, grid_world
from maxentrl.mdp.gymnasium import gymnasium_world
from maxentrl.mdp.momentum import MomentumWorld, momentum_world
from maxentrl.mdp.plaza import Trips, plaza
from maxentrl.mdp.world import World
from maxentrl.readers.crowd_scene import crowd_ground
from maxentrl.readers.estimated import estimate_table_world
from maxentrl.readers.homography import read_homography
from maxentrl.readers.layers import read_layers
from maxentrl.readers.picture import read_picture
from maxentrl.readers.spec_model import (
    FileDemonstrations,
    GridWorld,
    GymnasiumWorld,
    LayerThreshold,
    MomentumGround,
    PlazaWorld,
    Spec,
    TableWorld,
)
from maxentrl.readers.tables import read_table_world
from maxentrl.runs.inputs import ESTIMATE, IMPOSSIBLE, demonstration_files
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A world and what is known of it besides.

    Attributes:
        world: states, moves and features.
        report: what was read and what was left out.
        entrances: states where people come in and go out, by name; empty where nobody said.
        trips: how often people go from one entrance to another, None where nobody said.
        truth: the weights that move its people, where known.
        picture: the scene from above, red, green and blue from 0 to 255, or None.
        momentum: displacements and changes, where walkers have momentum; else None.
    """

    world: World
    report: Report
    entrances: Mapping[str, int] = dataclasses.field(default_factory=dict)
    trips: Trips | None = None
    truth: Mapping[str, float] = dataclasses.field(default_factory=dict)
    picture: UInt8[np.ndarray, "height width 3"] | None = None
    momentum: MomentumWorld | None = None

    @property
    def place(self) -> World | MomentumWorld:
        """What features are of."""
        return self.world if self.momentum is None else self.momentum

    def state_name(self, state: int) -> str:
        """What people call a state: the entrance, the name in the file, or the cell."""
        for name, entrance in self.entrances.items():
            if entrance == state:
                return name
        geometry = self.world.geometry
        if geometry is None or self.world.mdp.state_names is not None:
            return self.world.mdp.state_name(state)
        row, column = geometry.cell_of_state[state]
        return f"cell [{row}, {column}]"


def read_scene(spec: Spec) -> Scene:
    """The scene of a specification.

    Raises:
        InvalidInput: files or settings that cannot be used.
        MissingExtra: gymnasium, or pillow for images, is not installed.
    """
    table = spec.world
    if isinstance(table, GridWorld):
        return _grid(spec, table)
    if isinstance(table, TableWorld):
        return _table(spec, table)
    if isinstance(table, GymnasiumWorld):
        return Scene(gymnasium_world(table.id, table.options), Report(1))
    if isinstance(table, MomentumGround):
        return _momentum(spec, table)
    return _plaza(table)


def _table(spec: Spec, table: TableWorld) -> Scene:
    features, walks = None if table.features is None else spec.path(table.features), spec.demonstrations
    if table.transitions != ESTIMATE:
        if table.prior_count > 0:
            raise InvalidInput('world.prior_count is for world.transitions = "estimate": a file says its own')
        return Scene(*read_table_world(spec.path(table.transitions), features, table.terminal))
    if not isinstance(walks, FileDemonstrations) or walks.format != "csv":
        raise InvalidInput(
            'world.transitions = "estimate" needs [demonstrations] with kind = "files" and format = "csv"'
        )
    world, report = estimate_table_world(
        demonstration_files(spec),
        features,
        table.terminal,
        prior_count=table.prior_count,
        impossible=IMPOSSIBLE[walks.impossible],
        columns=walks.columns,
    )
    return Scene(world, report)


def _grid(spec: Spec, table: GridWorld) -> Scene:
    names = spec.path(table.names) if isinstance(table.names, str) else table.names
    if isinstance(table.layers, str):
        layers, report = read_layers(spec.path(table.layers), names=names)
    elif isinstance(table.layers, Mapping):
        layers, report = read_layers({name: spec.path(file) for name, file in table.layers.items()}, names=names)
    else:
        layers, report = read_layers([spec.path(file) for file in table.layers], names=names)
    layers, walls = _walls(spec, table, layers)
    world = grid_world(
        layers,
        walls=walls,
        moves=EIGHT_MOVES if table.moves == 8 else FOUR_MOVES,
        stay=table.stay,
        blocked=Blocked(table.blocked),
        slip=table.slip,
        cell_size=table.cell_size,
        pool=table.cell,
        terminal=table.terminal,
        origin=table.origin,
    )
    picture = None if table.picture is None else read_picture(spec.path(table.picture))
    return Scene(world, report, picture=picture)


def _momentum(spec: Spec, table: MomentumGround) -> Scene:
    layers, report = read_layers({"walkable": spec.path(table.walkable)})
    homography = read_homography(spec.path(table.homography))
    ground = crowd_ground(layers["walkable"], homography, cell_size=table.cell_size, margin=table.margin)
    momentum = momentum_world(
        ground.layers,
        cell_size=table.cell_size,
        reach=table.reach,
        change=table.change,
        walls=ground.walls,
        origin=ground.ground.origin,
    )
    return Scene(momentum.world, report, momentum=momentum)


def _walls(
    spec: Spec, table: GridWorld, layers: Mapping[str, np.ndarray]
) -> tuple[Mapping[str, np.ndarray], Float[np.ndarray, "rows columns"] | None]:
    if table.walls is None:
        return layers, None
    if isinstance(table.walls, str):
        return layers, read_layers({"walls": spec.path(table.walls)})[0]["walls"]
    return _threshold(layers, table.walls)


def _threshold(
    layers: Mapping[str, np.ndarray], walls: LayerThreshold
) -> tuple[Mapping[str, np.ndarray], Float[np.ndarray, "rows columns"]]:
    if walls.layer not in layers:
        raise InvalidInput(f"world.walls: there is no layer '{walls.layer}'; the layers are {', '.join(layers)}")
    unknown = np.argwhere(~np.isfinite(layers[walls.layer]))
    if len(unknown):
        row, column = unknown[0]
        raise InvalidInput(
            f"world.walls: layer '{walls.layer}' holds no number at row {row}, column {column}: is there a wall or not? Fill it"
        )
    rest = {name: layer for name, layer in layers.items() if name != walls.layer}
    return rest, (layers[walls.layer] > walls.above).astype(float)


def _plaza(table: PlazaWorld) -> Scene:
    scene = plaza(table.seed)
    return Scene(scene.world, Report(1), scene.entrances, scene.trips, scene.true_parameters, scene.image)
