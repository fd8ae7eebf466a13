"""The loop of the textbooks: messages, then a gradient step, again."""

from __future__ import annotations

import dataclasses

from maxentrl.inverse.optimise import AbstractOptimiser, Search
from maxentrl.status import Status


@dataclasses.dataclass(frozen=True)
class TextbookGradient(AbstractOptimiser):
    """θ ← θ + step_size · (data features − model features)/(τ · weight), one step an evaluation.

    Each evaluation is what the loop of maximum-entropy inverse reinforcement learning does: the backward messages β
    (soft values, in log space), the forward messages (visits α·β), the difference of the features, a step. It is here
    for teaching: it converges slowly, and not at all where the step is too long; each step is logged through the
    progress callback. Source: Ziebart et al. (2008), algorithm 1; Levine (2018), section 5.

    Attributes:
        step_size: of the gradient per demonstrated weight, in units of θ² per nat.
        steps: at most this many.
        gradient_tolerance: on the projected gradient's norm divided by the total weight.
    """

    step_size: float = 0.1
    steps: int = 1000
    gradient_tolerance: float = 1e-6

    @property
    def budget(self) -> int:
        """One for the start and one a step."""
        return self.steps + 1

    def run(self, search: Search) -> Status:
        space, point = search.target.space, search.best
        while True:
            step = self.step_size / search.target.total_weight * point.gradient
            outcome = search.evaluate((point.free + step).clip(space.lower, space.upper))
            if outcome is None:
                return Status.STALLED
            point = outcome[0]
