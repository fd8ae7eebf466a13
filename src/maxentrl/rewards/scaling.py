"""Named features of a scene, shifted and scaled as in the scene where the reward was made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True)
class Scaling:
    """(feature − mean)/spread by name; kept with the reward, so that another scene is seen in the same units.

    Attributes:
        names: the features, in order.
        mean: of the first scene.
        spread: standard deviation in the first scene, 1 where a feature does not vary there.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]

    @staticmethod
    def of(names: Sequence[str], columns: Sequence[np.ndarray]) -> Scaling:
        """From the first scene's columns, of any shape."""
        spread = [float(np.std(column)) for column in columns]
        return Scaling(
            tuple(names),
            tuple(float(np.mean(column)) for column in columns),
            tuple(
                s if s > 1e-12 * max(1.0, float(np.abs(c).max())) else 1.0 for s, c in zip(spread, columns, strict=True)
            ),
        )

    def apply(self, columns: Sequence[np.ndarray]) -> Float[np.ndarray, "F ..."]:
        """The scaled columns, one a row."""
        scaled = zip(columns, self.mean, self.spread, strict=True)
        return np.stack([(np.asarray(column, float) - mean) / spread for column, mean, spread in scaled])


def chosen(columns: Mapping[str, np.ndarray], names: Sequence[str], kind: str) -> list[np.ndarray]:
    """The columns of these names.

    Raises:
        InvalidInput: names that the scene does not have, or columns that hold NaN, by name.
    """
    problems = [
        f"the scene has no {kind} feature '{name}': it has {', '.join(columns) or 'none'}"
        for name in names
        if name not in columns
    ]
    problems += [
        f"{kind} feature '{name}' holds numbers that are not finite"
        for name in names
        if name in columns and not np.isfinite(columns[name]).all()
    ]
    if problems:
        raise InvalidInput(problems)
    return [np.asarray(columns[name], float) for name in names]
