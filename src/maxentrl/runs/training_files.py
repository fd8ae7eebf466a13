"""Networks and states of training on disk: safetensors, written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.training_state import TrainingState
from maxentrl.rewards.checkpoint import reward_from_bytes, reward_to_bytes
from maxentrl.rewards.reward import AbstractReward
from maxentrl.runs.files import write_atomically
from maxentrl.status import InvalidInput


def save_reward(path: Path, reward: AbstractReward, parameters: Float[np.ndarray, " K"]) -> None:
    """Replace the file as a whole; raises ``CannotWrite`` with the old one intact."""
    write_atomically(path, reward_to_bytes(reward, parameters))


def load_reward(path: Path, reward: AbstractReward) -> Float[np.ndarray, " K"]:
    """θ of a file made for the same architecture.

    Raises:
        InvalidInput: no such file, not a checkpoint, or of another architecture, with the first difference by name.
    """
    return reward_from_bytes(reward, _read(path), source=str(path))


def save_training(path: Path, state: TrainingState) -> None:
    """Replace the file as a whole; raises ``CannotWrite`` with the old one intact."""
    write_atomically(path, state.to_bytes())


def load_training(path: Path) -> TrainingState:
    """Where training stood, for ``GradientSteps(resume=…)``.

    Raises:
        InvalidInput: no such file, or not a training state.
    """
    try:
        return TrainingState.from_bytes(_read(path), source=str(path))
    except InvalidInput as error:
        raise InvalidInput([*error.problems, f"delete {path} to begin training anew"]) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}") from None
