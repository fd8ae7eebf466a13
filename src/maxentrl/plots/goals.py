"""The belief about goals as a walk unfolds."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from maxentrl.plots.figure import FAINT, INK, Axes, colour_of, finish, new_axes, quiet_legend
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class GoalHistory:
    """p(goal) after each observed step.

    Attributes:
        probability: rows for steps 0..t, each summing to one, (t+1, G).
        labels: a name of each goal.
        seconds_per_step: for an axis in seconds; None counts steps.
        true_goal: number of the goal that was reached, or None.
        shown: most goals drawn apart, the most probable ones; the rest is one band.
        title: above the picture.
    """

    probability: Float[np.ndarray, "times G"]
    labels: tuple[str, ...]
    seconds_per_step: float | None = None
    true_goal: int | None = None
    shown: int = 7
    title: str = "Which goal the walker heads for"

    def __post_init__(self) -> None:
        if self.probability.ndim != 2 or self.probability.shape[1] != len(self.labels) or not self.probability.size:
            raise InvalidInput(
                f"probability has shape {self.probability.shape}: expected (steps, {len(self.labels)}), one label a goal"
            )


def goal_bars(result: GoalHistory, *, ax: Axes | None = None) -> Axes:
    """One bar for each observed step, stacked by goal; the goal that was reached lies at the bottom, outlined.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    ax = ax or new_axes(9.0, 3.8)
    order, rest = _order(result)
    steps = np.arange(len(result.probability)) * (result.seconds_per_step or 1.0)
    width = steps[1] - steps[0] if len(steps) > 1 else 1.0
    bottom = np.zeros(len(steps))
    for rank, goal in enumerate(order):
        share = result.probability[:, goal]
        true = goal == result.true_goal
        name = result.labels[goal] + (" (reached)" if true else "")
        ax.bar(
            steps,
            share,
            width,
            bottom,
            color=colour_of(rank, len(order)),
            edgecolor="white",
            lw=_gap(steps),
            label=name,
        )
        if true:
            edge = np.repeat(share, 2)
            ax.plot(np.ravel([steps - width / 2, steps + width / 2], "F"), edge, color=INK, lw=1.8, zorder=4)
        bottom = bottom + share
    if len(rest):
        share = result.probability[:, rest].sum(1)
        ax.bar(steps, share, width, bottom, color=FAINT, edgecolor="white", lw=_gap(steps), label=f"{len(rest)} others")
    ax.set(xlim=(steps[0] - width / 2, steps[-1] + width / 2), ylim=(0, 1.0), yticks=[0, 0.5, 1.0])
    ax.set_yticklabels(["0", "50 %", "100 %"])
    ax.set_xlabel("observed steps" if result.seconds_per_step is None else "seconds observed")
    ax.set_ylabel("probability of each goal")
    quiet_legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True)
    return finish(ax, result.title)


def _gap(steps: np.ndarray) -> float:
    """White between bars while they are wide enough to spare it."""
    return 0.8 if len(steps) <= 60 else 0.0


def _order(result: GoalHistory) -> tuple[list[int], np.ndarray]:
    """Goals drawn apart, the true one first, then by mean probability; and the others."""
    ranked = [int(goal) for goal in np.argsort(-result.probability.mean(0), kind="stable")]
    if result.true_goal is not None:
        ranked.remove(result.true_goal)
        ranked.insert(0, result.true_goal)
    shown = len(ranked) if len(ranked) <= result.shown + 1 else result.shown
    return ranked[:shown], np.array(ranked[shown:], int)
