"""The table ``[reward.network]`` as a reward in a scene."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maxentrl.mdp.world import World
from maxentrl.readers.spec_learning import ConvolutionalNetwork, NetworkTable, OwnNetwork
from maxentrl.readers.spec_model import Spec
from maxentrl.rewards.convolution import MapInputs, convolutional
from maxentrl.rewards.network import AbstractInputs, NetworkReward
from maxentrl.rewards.outputs import AbstractOutput, AnySign, Cost, Ends
from maxentrl.rewards.perceptron import RowInputs, perceptron
from maxentrl.rewards.reward import AbstractReward
from maxentrl.runs.feature_names import matching_names
from maxentrl.status import InvalidInput

PLACE = "reward.network"
ENDS = {"shared": Ends.LIKE_STATES, "none": Ends.NOTHING}


def make_network(spec: Spec, table: NetworkTable, world: World) -> AbstractReward:
    """The network of a specification with its first weights, its inputs scaled as in this world.

    Raises:
        InvalidInput: unknown features, a file of the user's that cannot be used, a world without a map.
        MissingExtra: equinox is not installed.
    """
    if isinstance(table, OwnNetwork):
        return _own(spec.shared_path(table.file), table, world)
    output = _output(table.output, spec)
    features = None
    if table.features is not None:
        features = matching_names(table.features, world.state_features, f"{PLACE}.features")
    if isinstance(table, ConvolutionalNetwork):
        return convolutional(
            world,
            layers=features,
            channels=table.channels,
            kernels=table.kernels,
            activation=table.activation,
            output=output,
            ends=ENDS[table.terminal],
            seed=table.seed,
        )
    return perceptron(
        world,
        features=features,
        pair_features=matching_names(table.pair_features, world.pair_features, f"{PLACE}.pair_features"),
        arrival_features=matching_names(table.arrival_features, world.state_features, f"{PLACE}.arrival_features"),
        steps=table.steps,
        width=table.width,
        depth=table.depth,
        activation=table.activation,
        output=output,
        ends=ENDS[table.terminal],
        seed=table.seed,
    )


def network_in(table: NetworkTable, world: World, network: AbstractReward) -> AbstractReward:
    """The same network, with the same weights, in another scene.

    Raises:
        InvalidInput: one that cannot be moved, or a scene that lacks what it is shown, by name.
    """
    if not isinstance(network, NetworkReward):
        raise InvalidInput(
            f"{PLACE}: a {type(network).__name__} belongs to one scene; return a NetworkReward, whose inputs are found anew "
            "in each scene"
        )
    shown = _features(network.inputs)
    if not isinstance(table, OwnNetwork) and table.features is None and set(shown) != set(world.state_features):
        missing = [name for name in shown if name not in world.state_features]
        new = [name for name in world.state_features if name not in shown]
        raise InvalidInput(
            f"its features are not those of the first scene: {told_difference(missing, new)}; name those that all scenes have "
            f"under {PLACE}.features, or add the layers"
        )
    return network.on(world)


def told_difference(missing: Sequence[str], new: Sequence[str]) -> str:
    """What a scene lacks and has besides, in words."""
    told = [f"it lacks {', '.join(missing)}"] if missing else []
    return " and ".join([*told, *([f"it has {', '.join(new)} besides"] if new else [])])


def _features(inputs: AbstractInputs) -> tuple[str, ...]:
    """State features that a network is shown."""
    if isinstance(inputs, MapInputs):
        return inputs.scaling.names
    if isinstance(inputs, RowInputs):
        return tuple(dict.fromkeys([*inputs.scalings[0].names, *inputs.scalings[2].names]))
    return ()


def _output(chosen: str | None, spec: Spec) -> AbstractOutput:
    if chosen is None:
        chosen = "cost" if spec.time.kind == "to-goal" else "any-sign"
    return Cost() if chosen == "cost" else AnySign()


def _own(file: Path, table: OwnNetwork, world: World) -> AbstractReward:
    """What the user's function returns; whatever is wrong with it is told by file and line."""
    try:
        code = compile(file.read_bytes(), str(file), "exec")
    except OSError as error:
        raise InvalidInput(f"{PLACE}.file: {file} cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise InvalidInput(f"{PLACE}.file: {file} is not Python: {error}") from None
    names: dict[str, Any] = {"__name__": file.stem, "__file__": str(file)}
    try:
        exec(code, names)
        function = names.get(table.function)
        if not callable(function):
            known = [name for name, value in names.items() if callable(value) and not name.startswith("_")]
            raise InvalidInput(
                f"{PLACE}.function: {file} has no function '{table.function}'; it has {', '.join(known) or 'none'}"
            )
        found = function(world, table.seed)
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(f"{PLACE}: {_where(error, file)}: {type(error).__name__}: {error}") from error
    if not isinstance(found, AbstractReward):
        raise InvalidInput(
            f"{PLACE}: {table.function} in {file} returned a {type(found).__name__}: expected a reward, such as "
            "NetworkReward.of(module, MapInputs.of(world))"
        )
    return found


def _where(error: BaseException, file: Path) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f"{file}, line {lines[-1]}" if lines else str(file)
