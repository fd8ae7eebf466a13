"""A cloned network as a file that only the same architecture reads: plain numbers, nothing that could be run."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from maxentrl.imitation.choice_features import ChoiceFeatures
from maxentrl.imitation.neural import TRAINING, NeuralClone, Training, first_network
from maxentrl.mdp.mdp import MDP
from maxentrl.numerics.precision import double_precision
from maxentrl.rewards.checkpoint import difference_of
from maxentrl.rewards.layout import Flattened, architecture, flatten
from maxentrl.rewards.tensor_file import pack, unpack
from maxentrl.status import InvalidInput, Status

KIND = "clone"
NAME = "network"
RECORDED = ("centre", "spread", "learnt", "held_out")
"""Arrays beside the network."""


@double_precision
def clone_to_bytes(clone: NeuralClone) -> bytes:
    """The network, the scaling of its features and how training went, as a safetensors file with a manifest.

    Raises:
        InvalidInput: a network whose weights are not finite.
        MissingExtra: safetensors is not installed.
    """
    found = flatten(clone.network, NAME)
    tensors = {name: np.asarray(getattr(clone, name), float) for name in RECORDED}
    first = 0
    for path, shape in found.blocks:
        size = int(np.prod(shape))
        tensors[path] = found.parameters[first : first + size].reshape(shape)
        first += size
    ended = {"status": clone.status.name, "best_epoch": clone.best_epoch}
    return pack(KIND, tensors, {"architecture": _described(found, clone.features), **ended})


@double_precision
def clone_from_bytes(
    mdp: MDP, features: ChoiceFeatures, data: bytes, *, training: Training = TRAINING, source: str
) -> NeuralClone:
    """The clone of a file, exact to the last bit, for a process whose moves have the same features.

    Args:
        mdp: the process in which it chooses; not necessarily the one that it was learnt in.
        features: what the network is shown, by the same names.
        data: the file's bytes.
        training: of the width and depth that the clone was trained with.
        source: named in messages.

    Raises:
        InvalidInput: not such a file, damaged, or of another architecture, with the first difference by name.
        MissingExtra: equinox or safetensors is not installed.
    """
    tensors, manifest = unpack(KIND, data, source=source)
    like = flatten(first_network(features, training), NAME)
    difference = difference_of(manifest.get("architecture"), _described(like, features), here="this clone")
    if difference:
        raise InvalidInput(f"{source}: made for another clone: {difference}")
    wanted = dict(like.blocks) | dict.fromkeys(RECORDED[:2], (len(features.names),))
    damaged = [path for path, shape in wanted.items() if path not in tensors or tensors[path].shape != shape]
    damaged += [name for name in RECORDED[2:] if name not in tensors or tensors[name].ndim != 1]
    if damaged or manifest.get("status") not in Status.__members__ or not isinstance(manifest.get("best_epoch"), int):
        raise InvalidInput(
            f"{source}: damaged: {', '.join(damaged) or 'how training ended'} is missing or has no sense"
        )
    unfit = [path for path in wanted if not np.isfinite(tensors[path]).all()]
    if unfit or not (tensors["spread"] > 0).all():
        raise InvalidInput(f"{source}: damaged: {unfit[0] if unfit else 'spread'} holds numbers that cannot be")
    parameters = np.concatenate([tensors[path].ravel() for path, _ in like.blocks])
    network = like.layout.fill(parameters, like.constants)
    centre, spread, learnt, held_out = (tensors[name] for name in RECORDED)
    status = Status[manifest["status"]]
    return NeuralClone(mdp, features, network, centre, spread, status, manifest["best_epoch"], learnt, held_out)


def _described(found: Flattened, features: ChoiceFeatures) -> dict[str, Any]:
    described = {"features": list(features.names), **architecture(found.layout, found.blocks)}
    return json.loads(json.dumps(described))
