"""The tables and keys of a SPEC file, as typed models; their docstrings are the reference in ``docs/spec.md``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, PrivateAttr

from maxentrl.readers.spec_learning import FitSettings, Reward
from maxentrl.readers.spec_table import Files, Fraction, NonNegative, Positive, State, Table
from maxentrl.status import InvalidInput


class LayerThreshold(Table):
    """Walls wherever a layer is above a threshold."""

    layer: str
    """Name of the layer."""
    above: float = 0.5
    """Pixels with a greater value are walls; a pooled cell is one where at least half of its pixels are."""


class GridWorld(Table):
    """A map of cells, one state a cell that is no wall."""

    kind: Literal["grid"]
    """`"grid"`."""
    layers: str | tuple[str, ...] | dict[str, str]
    """Files of the feature layers: one `.npz` or `.npy`, a list of files (PNG too), or a table from layer name to
    file."""
    names: str | tuple[str, ...] | None = None
    """Names of the layers of a stacked array, or a text file with one name a line."""
    cell: Annotated[int, Field(ge=1)] = 1
    """Pixels a side that are pooled into one cell by their mean."""
    cell_size: Positive | None = None
    """Side of a cell in metres, after pooling. Without it the side is 1 and lengths are given in cells."""
    walls: str | LayerThreshold | None = None
    """Where nobody can walk: a file whose non-zero pixels are walls, or `{layer = "building", above = 0.5}`, which takes
    the layer out of the features."""
    moves: Literal[4, 8] = 8
    """Neighbours that a walker can step to."""
    stay: bool = False
    """Whether standing still is a move."""
    blocked: Literal["unavailable", "stay"] = "unavailable"
    """A move into a wall or off the map: cannot be chosen, or is chosen and leaves the walker in place."""
    slip: Fraction = 0.0
    """Probability that the move is drawn uniformly among all moves, the intended one included."""
    terminal: tuple[tuple[int, int], ...] = ()
    """Cells `[row, column]` that end a walk."""
    origin: tuple[float, float] = (0.0, 0.0)
    """Position `[x, y]` in metres of the map's upper left corner."""
    picture: str | None = None
    """An image of the scene from above, drawn under maps."""


class TableWorld(Table):
    """States and moves listed in CSV files; names may be any strings."""

    kind: Literal["table"]
    """`"table"`."""
    transitions: str
    """CSV with columns `state, action, next_state, probability`; or `"estimate"`: from the counts of the demonstrations'
    own moves, whose files (columns `trajectory, step, state, action`) then say which states and actions there are."""
    prior_count: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """With `"estimate"`, added to the count of each next state seen to follow the state under any action."""
    features: str | None = None
    """CSV with a column `state`, optionally `action`, and one column a feature."""
    terminal: tuple[str | int, ...] = ()
    """States that end the episode."""


class GymnasiumWorld(Table):
    """A gymnasium environment with a transition table `P`."""

    kind: Literal["gymnasium"]
    """`"gymnasium"`."""
    id: str
    """Name of the environment, such as `"FrozenLake-v1"`."""
    options: dict[str, Any] = Field(default={})
    """Options handed to the environment, such as `{is_slippery = true}`."""


class PlazaWorld(Table):
    """The embedded scene: a seeded plaza with pavement, grass, buildings, a fountain and entrances."""

    kind: Literal["plaza"]
    """`"plaza"`."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the scene."""


class MomentumGround(Table):
    """The ground under a camera, walked on with momentum: a state is a cell and the displacement that led there, a decision
    changes the displacement.
    """

    kind: Literal["momentum"]
    """`"momentum"`."""
    walkable: str
    """An image as the camera sees it, or a `.npy`: zero where nobody can walk."""
    homography: str
    """Text file of the 3 × 3 matrix from the image's pixels (column, row) to metres."""
    cell_size: Positive = 0.8
    """Side of a cell in metres."""
    reach: Positive = 3.0
    """Longest displacement, in metres a decision."""
    change: Positive = 1.4
    """Longest change of the displacement, in metres a decision."""
    margin: NonNegative = 1.0
    """Metres beyond the picture and into obstacles that remain open, told apart by a feature."""


WorldTable: TypeAlias = Annotated[
    GridWorld | TableWorld | GymnasiumWorld | PlazaWorld | MomentumGround, Field(discriminator="kind")
]


class FileDemonstrations(Table):
    """Walks read from files.

    All CSV files, also those of table worlds, have a header. Cells are separated by commas, semicolons or tabs, whichever
    the header has most of; line ends are those of any system; text is UTF-8 or UTF-16, with or without its mark, and else
    read as Latin-1 with a warning. Numbers have a decimal point. Where semicolons or tabs separate the cells, as
    spreadsheets in many countries write them, a column may have decimal commas throughout (`99,934`), without marks
    between thousands. Columns come in any order, and so do rows: those of a walk are sorted by `step` or `t`. A missing
    `step` is a gap, treated as `impossible` says; between positions a gap is bridged by a straight line and reported.
    `goal` names the state that a walk heads for, and `censored` (true or false) marks a walk that was not seen to its
    end: it needs `objective = "likelihood"`, and a goal of its own or under `time.goals`.
    """

    kind: Literal["files"] = "files"
    """`"files"`; may be left out."""
    files: Files
    """Files, or patterns such as `"walks/*.csv"`."""
    format: Literal["csv", "tracks"] = "csv"
    """`"csv"`: columns `trajectory, step, state, action` (the action may be missing), or `trajectory, t, x, y` (snapped to
    cells); `weight, goal, split, censored` besides. `"tracks"`: one file a walk without a header, columns
    `t x y` and, where there are detections, `xobs yobs` (0 0 where missed)."""
    columns: dict[str, str] = Field(default={})
    """Other names of columns, from ours to the file's, such as `{x = "pos_x", trajectory = "agent"}`."""
    units: Literal["metres", "cells", "pixels"] = "metres"
    """Unit of `x` and `y`; cells and pixels count from 0."""
    interval: Positive | None = None
    """Seconds between two steps; positions are resampled to it. Without it every row is a step."""
    impossible: Literal["refuse", "drop", "nearest"] = "refuse"
    """A walk with a move that the world does not offer: an error, left out (and counted), or its moves are replaced by
    the nearest that are offered."""
    goal_passing: Literal["refuse", "cut", "drop"] = "cut"
    """A walk that enters its goal before its end: an error, cut there, or left out; counted in any case."""
    held_out: Fraction = 0.0
    """Share of the walks kept out of the fit and used to score it, where no column `split` says which."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of that choice."""


class SimulatedDemonstrations(Table):
    """Walks drawn from a planted reward, to see whether it is found again."""

    kind: Literal["simulated"]
    """`"simulated"`."""
    parameters: dict[str, float] | None = None
    """The planted weight of each feature; those not named weigh nothing. The plaza has weights of its own."""
    number: Annotated[int, Field(ge=1)] = 200
    """Walks."""
    starts: Literal["entrances", "uniform"] | tuple[State, ...] = "uniform"
    """Where walks begin: the scene's entrances, any state, or one of these states."""
    length: Annotated[int, Field(ge=1)] = 100
    """Most decisions of a walk where no goal or horizon ends it."""
    held_out: Fraction = 0.2
    """Share of the walks kept out of the fit and used to score it."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the walks."""


class CountedDemonstrations(Table):
    """Feature counts in place of walks; enough for feature matching."""

    kind: Literal["counts"]
    """`"counts"`."""
    file: str
    """CSV with a row a walk: `start`, where needed `goal` and `horizon`, optionally `weight`, and a column with the total
    of each feature of the reward."""


class CrowdDemonstrations(Table):
    """Recordings of crowds, for a world with momentum: every window of so many positions of everyone who is there
    throughout. The last positions observed say where a walker is and how fast; the future is learnt from.
    """

    kind: Literal["crowd"]
    """`"crowd"`."""
    files: Files
    """Files, or patterns such as `"raw/*.txt"`."""
    format: Literal["text", "trajnet"] = "text"
    """`"text"`: rows `frame person x y`; `"trajnet"`: TrajNet++ lines of JSON."""
    homography: str | None = None
    """Text file of the matrix that takes positions in pixels to metres; without it they are metres."""
    observed: Annotated[int, Field(ge=2)] = 8
    """Positions seen."""
    future: Annotated[int, Field(ge=1)] = 12
    """Positions to come."""
    frames_per_decision: Annotated[int, Field(ge=1)] = 4
    """Recorded positions that a decision lasts; a divisor of `future`."""
    least_people: Annotated[int, Field(ge=1)] = 2
    """Windows with fewer people are left out; published scores need two."""
    at_most: Annotated[int, Field(ge=2)] | None = None
    """Windows that are drawn, all of them unless given; each scene then weighs as so many."""
    held_out: Fraction = 0.0
    """Share of the people whose windows are kept out of the fit and used to score it."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of that choice and of the draw."""


DemonstrationsTable: TypeAlias = Annotated[
    FileDemonstrations | SimulatedDemonstrations | CountedDemonstrations | CrowdDemonstrations,
    Field(discriminator="kind"),
]


class FiniteTime(Table):
    """A number of decisions."""

    kind: Literal["finite"]
    """`"finite"`."""
    horizon: Annotated[int, Field(ge=1)] | None = None
    """Decisions T of a plan; in a fit each walk has its own length as horizon."""


class DiscountedTime(Table):
    """No end; later rewards weigh less."""

    kind: Literal["discounted"]
    """`"discounted"`."""
    discount: Annotated[float, Field(ge=0, lt=1)]
    """γ, the weight of a reward one step later."""


class ToGoalTime(Table):
    """Undiscounted until a goal is entered."""

    kind: Literal["to-goal"]
    """`"to-goal"`."""
    goals: tuple[State, ...] | None = None
    """States that end a walk: names, numbers, or cells `[row, column]`. Without it each walk has its own: the column
    `goal`, else its last state."""


TimeTable: TypeAlias = Annotated[FiniteTime | DiscountedTime | ToGoalTime, Field(discriminator="kind")]


class ForecastSettings(Table):
    """What is forecast."""

    goals: Literal["ends", "border", "ends-and-border", "entrances"] | tuple[State, ...] = "ends"
    """Where a walker may be going: where the training walks ended, border cells, both, the scene's entrances, or a list
    of states. A held-out walk's own end is never a candidate of its own."""
    border_every: Annotated[int, Field(ge=1)] = 1
    """Takes only every so many of the border cells."""
    observed: tuple[Fraction, ...] = (0.1, 0.25, 0.5)
    """Shares of a held-out walk after which the rest is forecast."""
    seconds_per_step: Positive | None = None
    """Duration of one step; `demonstrations.interval` unless given, and 1 without either."""
    seconds: tuple[Positive, ...] = (1.0, 5.0)
    """How far ahead visits are forecast."""
    samples: Annotated[int, Field(ge=1)] = 20
    """Paths drawn for each forecast."""


class Scene(Table):
    """A file of one scene, where several share a reward: a world, its walks, and a kind of time if it has its own."""

    world: WorldTable
    demonstrations: DemonstrationsTable
    time: TimeTable | None = None


class SceneList(Table):
    """A SPEC file of several scenes that share a reward."""

    scenes: Files
    """SPEC files of scenes, a folder of them, or patterns such as `"scenes/*.toml"`: each has `[world]`,
    `[demonstrations]` and, where it is not that of all, `[time]`."""
    held_out: Files = ()
    """Scenes that take no part in any fit and are scored: by name, or by file, and then they need not be listed above."""
    reward: Reward = Reward()
    time: TimeTable | None = None
    fit: FitSettings = FitSettings()
    forecast: ForecastSettings = ForecastSettings()


class Spec(Table):
    """A SPEC file of one scene."""

    world: WorldTable
    demonstrations: DemonstrationsTable | None = None
    reward: Reward = Reward()
    time: TimeTable
    fit: FitSettings = FitSettings()
    forecast: ForecastSettings = ForecastSettings()

    _directory: Path = PrivateAttr(default=Path())
    _shared: Path | None = PrivateAttr(default=None)
    _text: str = PrivateAttr(default="")

    @property
    def directory(self) -> Path:
        """The folder that relative paths start from."""
        return self._directory

    @property
    def text(self) -> str:
        """The file as it was written; a run folder keeps it."""
        return self._text

    @property
    def seconds_per_step(self) -> float:
        """Duration of a step: as the forecast's table says, else the interval to which walks are resampled, else 1."""
        walks = self.demonstrations
        interval = walks.interval if isinstance(walks, FileDemonstrations) else None
        return self.forecast.seconds_per_step or interval or 1.0

    def path(self, name: str) -> Path:
        """A path as written in the file, from the file's own folder; one that begins with ``$NAME`` from that folder.

        Raises:
            InvalidInput: the environment has no such variable.
        """
        return resolved(name, self._directory)

    def shared_path(self, name: str) -> Path:
        """The same of a path in a table that several scenes share, from the folder of the file that has it."""
        return resolved(name, self._directory if self._shared is None else self._shared)

    def placed(self, directory: Path, text: str, shared: Path | None = None) -> Spec:
        """The same, told where it was read."""
        self._directory, self._text, self._shared = directory, text, shared
        return self


def resolved(name: str, directory: Path) -> Path:
    """A path from a folder, or from the one that its first part, a ``$NAME``, stands for.

    Raises:
        InvalidInput: the environment has no such variable.
    """
    if not name.startswith("$"):
        return directory / name
    variable, _, rest = name[1:].partition("/")
    folder = os.environ.get(variable)
    if folder is None:
        raise InvalidInput(f"'{name}' needs the environment variable {variable}: set it to the folder with the data")
    return Path(folder).absolute() / rest
