"""Learnt parameters as a file that only the same architecture reads."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from jaxtyping import Float

from maxentrl.rewards.network import NetworkReward
from maxentrl.rewards.reward import AbstractReward
from maxentrl.rewards.sums import EachStep, SumReward
from maxentrl.rewards.tensor_file import pack, unpack
from maxentrl.status import InvalidInput

KIND = "reward"


def architecture_of(reward: AbstractReward) -> dict[str, Any]:
    """What a file of parameters must agree with, as plain JSON: every part with its names, shapes and inputs."""
    return json.loads(json.dumps(_described(reward)))


def _described(reward: AbstractReward) -> dict[str, Any]:
    if isinstance(reward, NetworkReward):
        return {"kind": "network", "name": reward.name, **reward.architecture}
    if isinstance(reward, SumReward):
        return {"kind": "sum", "parts": [_described(part) for part in reward.parts]}
    if isinstance(reward, EachStep):
        return {"kind": "each step", "steps": reward.steps, "reward": _described(reward.reward)}
    return {"kind": type(reward).__name__, "names": list(reward.names)}


def reward_to_bytes(reward: AbstractReward, parameters: Float[np.ndarray, " K"]) -> bytes:
    """θ as a safetensors file with one array a block of the network, and its architecture.

    Raises:
        InvalidInput: another number of parameters than the reward has.
        MissingExtra: safetensors is not installed.
    """
    parameters = np.asarray(parameters, float)
    if parameters.shape != (len(reward.names),):
        raise InvalidInput(f"{parameters.shape} parameters for a reward of {len(reward.names)}")
    tensors, first = {}, 0
    for path, shape in _blocks(reward):
        size = int(np.prod(shape))
        tensors[path] = parameters[first : first + size].reshape(shape)
        first += size
    return pack(KIND, tensors, {"architecture": architecture_of(reward), "order": list(tensors)})


def reward_from_bytes(reward: AbstractReward, data: bytes, *, source: str) -> Float[np.ndarray, " K"]:
    """θ of a file that was written for the same architecture, exact to the last bit.

    Raises:
        InvalidInput: not such a file, or one of another architecture, with the first difference by name.
        MissingExtra: safetensors is not installed.
    """
    tensors, manifest = unpack(KIND, data, source=source)
    difference = difference_of(manifest.get("architecture"), architecture_of(reward), here="this reward")
    if difference:
        raise InvalidInput(f"{source}: made for another reward: {difference}")
    if any(path not in tensors for path, _ in _blocks(reward)):
        raise InvalidInput(f"{source}: lacks some of the arrays {', '.join(path for path, _ in _blocks(reward))}")
    parameters = np.concatenate([tensors[path].ravel() for path, _ in _blocks(reward)])
    if not np.isfinite(parameters).all():
        raise InvalidInput(f"{source}: holds parameters that are not finite")
    return parameters


def _blocks(reward: AbstractReward) -> list[tuple[str, tuple[int, ...]]]:
    if isinstance(reward, NetworkReward):
        return list(reward.blocks)
    if isinstance(reward, SumReward):
        return [(f"part {i}: {path}", shape) for i, part in enumerate(reward.parts) for path, shape in _blocks(part)]
    return [("parameters", (len(reward.names),))]


def difference_of(found: Any, wanted: Any, *, here: str, where: str = "") -> str:
    """The first thing in which the description in a file differs from that of what is ``here``, in words; else empty."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in dict.fromkeys([*wanted, *found]):
            inner = f"{where} {key}".strip()
            if key not in found or key not in wanted:
                return f"{inner} is in {here if key in wanted else 'the file'} only"
            if difference := difference_of(found[key], wanted[key], here=here, where=inner):
                return difference
        return ""
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for index, pair in enumerate(zip(found, wanted, strict=True)):
            if difference := difference_of(*pair, here=here, where=f"{where} [{index}]"):
                return difference
        return ""
    return "" if found == wanted else f"{where} is {found} in the file and {wanted} here"
