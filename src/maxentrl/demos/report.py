"""What was used of some data, what was left out, and why; and what is to be done with a trajectory that is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from maxentrl.status import InvalidInput

LISTED = 50
"""Problems that an error lists before the rest are only counted."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of the rows or trajectories of some data.

    Attributes:
        used: how many were used.
        dropped: (name, reason) of each that was left out.
        warnings: what was changed, assumed or looks odd, one sentence each.
    """

    used: int
    dropped: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    def then(self, later: Report) -> Report:
        """This report followed by that of a later stage, whose count stands."""
        return Report(later.used, self.dropped + later.dropped, self.warnings + later.warnings)


@dataclasses.dataclass(frozen=True)
class Refuse:
    """Raise an error that names every trajectory that is wrong."""


@dataclasses.dataclass(frozen=True)
class DropTrajectory:
    """Leave the whole trajectory out, and report it."""


@dataclasses.dataclass(frozen=True)
class MendNearest:
    """Replace impossible moves by the nearest that are offered, and report it.

    Where another action leads to the state that was recorded next, it is taken. Else the shortest walk of available
    moves between the two recorded states is inserted; the trajectory is dropped if that takes more than ``longest``.

    Attributes:
        longest: most moves that may replace one.
    """

    longest: int = 8


@dataclasses.dataclass(frozen=True)
class CutAtGoal:
    """End a trajectory where it first enters its goal, and report it."""


def refuse(names: tuple[str, ...], reasons: Mapping[int, str], cure: str) -> None:
    """Raise an error for trajectories that are wrong, if there are any.

    Raises:
        InvalidInput: one line a trajectory, and how to mend them.
    """
    if not reasons:
        return
    listed = [f"trajectory {names[i]}: {reasons[i]}" for i in sorted(reasons)[:LISTED]]
    more = [f"… and {len(reasons) - LISTED} more trajectories"] if len(reasons) > LISTED else []
    raise InvalidInput([*listed, *more, cure])
