"""How a computation ended, and the two errors of the library.

Every result carries a :class:`Status`, whose value is the sentence a user reads. Nothing returns a number that it does
not stand behind: what cannot be computed raises :class:`Failure` with the status, and what was asked for wrongly raises
:class:`InvalidInput` with every problem that was found.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence


class Status(enum.Enum):
    """How a computation ended; the value is the message."""

    EXACT = "computed exactly, no iteration needed"
    CONVERGED = "converged to the tolerance asked for"
    MAXIMUM_ITERATIONS = (
        "stopped at the maximum number of iterations before the tolerance was met: raise max_iterations or the "
        "tolerance, or choose a solver that converges faster (see choose_solver)"
    )
    STALLED = (
        "no further progress is possible in this precision although the tolerance is not met: rescale the features to "
        "similar ranges, or loosen the tolerance"
    )
    NON_FINITE = "a value became NaN: the reward table holds a NaN or an infinity that is not a forbidden move"
    INFINITE_PARTITION = (
        "the partition function is infinite: there are so many long paths that their rewards do not make them rare. "
        "Lower the reward of every move (a constant cost per step is the usual cure), lower the temperature, or use "
        "a finite horizon or a discount"
    )
    UNREACHABLE_GOAL = "no goal can be reached from the start under the available moves: check walls, moves and goals"
    INACCURATE_SOLVE = (
        "a linear solve left a residual that refinement did not remove: the range of path costs is too wide for this "
        "solver; use soft value iteration"
    )
    UNBOUNDED_DUAL = (
        "no policy can match these feature counts, so the dual grows without bound: the demonstrations are shorter, "
        "censored or better than any policy of this model; drop the feature named, add a prior, or mend the data"
    )
    SEPARATION = (
        "the demonstrations are matched only in the limit of infinite parameters (separation): add a prior or bounds, "
        "or drop the feature named"
    )
    EARLY_STOPPED = (
        "stopped early: the likelihood of walks held out rose no further; the parameters are those where it was "
        "highest, not a maximum of the objective"
    )
    STEPS_TAKEN = (
        "took all the steps that were asked for: the parameters are the best found, not a maximum of the objective, and the "
        "gradient norm says how far from one; take more steps, or hold walks out to stop early"
    )
    INFEASIBLE_BALL = (
        "no policy comes that near to the data: every policy misses some of the features by more than was allowed; enlarge "
        "the radius, or drop or mend the features named"
    )
    INTERRUPTED = "interrupted: the parameters are the best found so far and the checkpoint can be resumed"

    @property
    def successful(self) -> bool:
        """Whether the result may be used as what was asked for."""
        return self in (Status.EXACT, Status.CONVERGED, Status.EARLY_STOPPED, Status.STEPS_TAKEN)


class MaxentrlError(Exception):
    """Base of the errors that this library raises on purpose."""


class Failure(MaxentrlError, RuntimeError):
    """A computation that has no answer, named by its :class:`Status`.

    Attributes:
        status: what happened.
        detail: the figures that belong to it (spectral radius, state, feature).
    """

    def __init__(self, status: Status, detail: str = "") -> None:
        super().__init__(f"{status.value}. {detail}" if detail else status.value)
        self.status = status
        self.detail = detail


class InvalidInput(MaxentrlError, ValueError):
    """Input that cannot be used; names every problem found, where it is, and how to mend it.

    Attributes:
        problems: one sentence a problem, at most a few dozen, the last saying how many more there are.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class MissingExtra(MaxentrlError, ImportError):
    """An optional package is not installed; the message is the command that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs the package '{package}': pip install 'maxentrl[{extra}]'", name=package)
