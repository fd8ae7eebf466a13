"""Training by any optax gradient transformation on the exact gradient, in minibatches where asked for.

The loss is minus the target a unit weight of demonstrations, so that learning rates mean the same for 50 walks and for
5 000: a transformation sees g = −∂target/∂θ / total weight. A prior N(0, 1/√λ) on θ (see ``weight_decay``) is part of the
target. Decoupled decay, ``optax.add_decayed_weights(δ)`` before a plain gradient step, has the fixed point of the prior
with λ = δ · total weight; after an adaptive scaling (``optax.adamw``) it is no prior, and shrinks most where gradients are
small.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from maxentrl.inverse.batches import AbstractBatches, EveryWalk, batch_targets
from maxentrl.inverse.held_out import HeldOut, log_likelihood
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.optimise import REJECTED, AbstractOptimiser, Ended, Progress, Search
from maxentrl.inverse.pullback import reward_table
from maxentrl.inverse.target import AbstractTarget, FitTarget, Point
from maxentrl.inverse.training_state import TrainingState
from maxentrl.inverse.warm import Plans, warmed
from maxentrl.numerics.precision import double_precision
from maxentrl.rewards.extras import load_deep
from maxentrl.status import Failure, InvalidInput, Status

HALVINGS = 40
"""Times that a step is halved where the partition function is infinite at its end, before training gives up."""
EVERY_WALK = EveryWalk()


@runtime_checkable
class Transformation(Protocol):
    """What optax calls a gradient transformation: anything that ``optax.chain`` returns."""

    @property
    def init(self) -> Callable[..., Any]:
        """Parameters → state."""
        ...

    @property
    def update(self) -> Callable[..., Any]:
        """(gradient, state, parameters) → (step, state)."""
        ...


Keep: TypeAlias = Callable[[TrainingState], None]


def forget(state: TrainingState) -> None:
    """The keeper that keeps nothing."""


def adam(learning_rate: float = 1e-2) -> Transformation:
    """Adam (Kingma & Ba 2015) from optax.

    Raises:
        MissingExtra: optax is not installed.
    """
    return load_deep("optax").adam(learning_rate)


@dataclasses.dataclass(frozen=True, eq=False)
class GradientSteps(AbstractOptimiser):
    """θ ← θ + transformation(gradient), a batch of walks at a time.

    A point where the partition function is infinite or a number is not finite is refused, and the step to it halved
    until it is not. The answer is the best of the points at which all walks were evaluated, or, with ``held_out``, the
    one at which the walks held out were likeliest. A run that takes all its steps ends as STEPS_TAKEN, which is no failure:
    that number was asked for. Where no step raised the objective it ends as MAXIMUM_ITERATIONS, which is one.

    Attributes:
        transformation: from optax; it sees all free parameters as one vector (F,).
        steps: taken at most, over all resumptions.
        batches: ``EveryWalk()``, ``WalkBatches(size)`` or ``GoalBatches(goals)``.
        held_out: stop early where these walks grow no likelier; None for all steps.
        gradient_tolerance: on the projected gradient's norm over all walks, divided by the total weight.
        passes_between: passes over the batches between two evaluations of all walks.
        seed: of the division into batches and of their order; the same seed gives the same parameters.
        resume: where an earlier run stood; the parameters are then, bit for bit, those of a run without a break.
        keep: called with the state after every ``keep_every`` steps, and at the end.
        keep_every: steps between two states kept.
    """

    transformation: Transformation
    steps: int = 500
    batches: AbstractBatches = EVERY_WALK
    held_out: HeldOut | None = None
    gradient_tolerance: float = 1e-5
    passes_between: int = 1
    seed: int = 0
    resume: TrainingState | None = None
    keep: Keep = forget
    keep_every: int = 1

    def __post_init__(self) -> None:
        problems = [
            f"{name} = {value}: expected at least 1"
            for name, value in vars(self).items()
            if name in ("steps", "passes_between", "keep_every") and value < 1
        ]
        if problems or self.seed < 0:
            raise InvalidInput(problems or f"seed = {self.seed}: expected a whole number ≥ 0")

    @property
    def budget(self) -> int:
        """The steps are counted here, so evaluations of all walks need no bound of their own."""
        return 4 * self.steps + 8

    def run(self, search: Search) -> Status:
        training = _Training(self, search)
        try:
            status = training.run()
        except Ended as end:
            status = end.status
        except KeyboardInterrupt:
            training.settle()
            raise
        return training.settle(status)


class _Training:
    """One run: where it stands, and how it takes a step."""

    def __init__(self, settings: GradientSteps, search: Search) -> None:
        self.settings, self.search, self.space = settings, search, search.target.space
        generator = np.random.default_rng([settings.seed, 0])
        warm = [warmed(target) for target in batch_targets(search.target, settings.batches, generator)]
        self.targets: list[AbstractTarget] = [target for target, _ in warm]
        self.plans: list[Plans] = [plans for _, plans in warm]
        self.whole = len(self.targets) == 1
        if self.whole:
            search.target = self.targets[0]
        self.update = _compiled(settings.transformation.update)
        self.step, self.free, self.anchor, self.begun = 0, search.best.free, search.best.free, search.best.free
        self.optimiser = _first_state(settings.transformation, self.free)
        self.judge = _Judge(settings.held_out, search.target)
        if settings.resume is not None:
            self._restore(settings.resume)

    def run(self) -> Status:
        if self.step == 0:
            self.judge.look(self.space.parameters(self.free), self.free)
        if self.judge.patience_ended:  # resumed after its end
            return Status.EARLY_STOPPED
        while self.step < self.settings.steps:
            point = self._evaluate()
            if point is None:
                return Status.NON_FINITE if self._not_finite() else Status.STALLED
            self.free, self.anchor = self._moved(point), point.free
            self.step += 1
            if self._at_an_end() and not self.whole:
                self.search.evaluate(self.free)
            if self.judge.due(self.step) and self.judge.look(self.space.parameters(self.free), self.free):
                self._keep()
                return Status.EARLY_STOPPED
            if self.step % self.settings.keep_every == 0 or self.step == self.settings.steps:
                self._keep()
        self.search.evaluate(self.free)
        return Status.STEPS_TAKEN if self.improved else Status.MAXIMUM_ITERATIONS

    @property
    def improved(self) -> bool:
        """Whether the best point is another than the start: else the steps were in vain."""
        return not np.array_equal(self.search.best.free, self.begun)

    def settle(self, status: Status = Status.INTERRUPTED) -> Status:
        """Take the point that the walks held out chose, if they did; how training ended for that point."""
        free = self.judge.best
        if free is None or np.array_equal(free, self.search.best.free):
            return status
        self.search.settle(self.search.target.evaluate(free))
        return Status.EARLY_STOPPED if status is Status.CONVERGED else status

    def _at_an_end(self) -> bool:
        """Whether the last of some passes is over."""
        return self.step % (len(self.targets) * self.settings.passes_between) == 0

    def _evaluate(self) -> Point | None:
        """The next batch at the parameters, or at the first of ever shorter steps towards them where it is finite."""
        for _ in range(HALVINGS):
            point = self._try(self.free)
            if point is not None:
                return point
            self.free = 0.5 * (self.free + self.anchor)
        return None

    def _try(self, free: Float[np.ndarray, " F"]) -> Point | None:
        if self.whole:
            known = self.search.best
            if np.array_equal(known.free, free):
                return known
            outcome = self.search.evaluate(free)
            return None if outcome is None else outcome[0]
        number = self._batch()
        try:
            point = self.targets[number].evaluate(free)
        except Failure as failure:
            if failure.status not in REJECTED:
                raise
            self.search.rejection = failure
            return None
        norm = self.targets[number].gradient_norm(point)
        parameters, search = self.space.parameters(free), self.search
        search.progress(Progress(search.evaluations, point.value, norm, parameters, False, search.seconds))
        return point

    def _batch(self) -> int:
        """Each pass takes the batches in an order of its own."""
        turn, place = divmod(self.step, len(self.targets))
        return int(np.random.default_rng([self.settings.seed, 1, turn]).permutation(len(self.targets))[place])

    def _moved(self, point: Point) -> Float[np.ndarray, " F"]:
        gradient = -point.gradient / self.search.target.total_weight
        try:
            step, self.optimiser = self.update(gradient, self.optimiser, point.free)
        except TypeError as error:
            raise InvalidInput(f"this transformation asks for more than a gradient ({error}): use LBFGSB()") from error
        return np.clip(point.free + np.asarray(step), self.space.lower, self.space.upper)

    def _not_finite(self) -> bool:
        refused = self.search.rejection
        return refused is not None and refused.status is Status.NON_FINITE

    def _keep(self) -> None:
        if self.settings.keep is forget:
            return
        plans = {f"{b}/{number}": v for b, each in enumerate(self.plans) for number, v in each.items()}
        best = self.search.best
        self.settings.keep(
            TrainingState(
                self.space.free_names,
                self.settings.seed,
                len(self.targets),
                self.step,
                self.free,
                self.anchor,
                best.free,
                best.value,
                best.gradient,
                np.zeros(0) if self.judge.best is None else self.judge.best,
                self.judge.value,
                self.judge.waited,
                tuple(np.asarray(leaf) for leaf in jax.tree.leaves(self.optimiser)),
                plans,
            )
        )

    def _restore(self, state: TrainingState) -> None:
        state.check(self.space.free_names, self.settings.seed, len(self.targets))
        leaves, structure = jax.tree.flatten(self.optimiser)
        if [np.shape(leaf) for leaf in leaves] != [leaf.shape for leaf in state.optimiser]:
            raise InvalidInput(
                "the training state is of another optimiser: use the transformation that it was begun with"
            )
        self.optimiser = jax.tree.unflatten(structure, list(state.optimiser))
        self.step, self.free, self.anchor = state.step, state.free, state.anchor
        for key, values in state.plans.items():
            batch, number = key.split("/")
            self.plans[int(batch)][int(number)] = values
        if self.judge.likelihoods and len(state.chosen):
            self.judge.best, self.judge.value, self.judge.waited = state.chosen, state.held_out, state.waited
        self.search.settle(Point(state.best, state.best_value, state.best_gradient))


@lru_cache(maxsize=16)
def _compiled(update: Callable[..., Any]) -> Callable[..., Any]:
    """A transformation's update, compiled once for all runs that use it."""
    return double_precision(jax.jit(update))


@double_precision
def _first_state(transformation: Transformation, free: Float[np.ndarray, " F"]) -> Any:
    return transformation.init(jnp.asarray(free))


class _Judge:
    """What the walks held out say; nothing where none are."""

    def __init__(self, settings: HeldOut | None, target: AbstractTarget) -> None:
        if settings is not None and not isinstance(target, FitTarget):
            raise InvalidInput(f"early stopping is not known for {type(target).__name__}: leave held_out None")
        self.settings, self.target = settings, target
        self.likelihoods: tuple[ConditionalLikelihood, ...] = ()
        if settings is not None and isinstance(target, FitTarget):
            self.likelihoods = settings.likelihoods(target.problems)
        self.best: Float[np.ndarray, " F"] | None = None
        self.value, self.waited = -np.inf, 0

    def due(self, step: int) -> bool:
        return self.settings is not None and step % self.settings.every == 0

    @property
    def patience_ended(self) -> bool:
        return self.settings is not None and self.waited >= self.settings.patience

    def look(self, parameters: Float[np.ndarray, " K"], free: Float[np.ndarray, " F"]) -> bool:
        """Compare, and say whether patience is at its end."""
        if self.settings is None:
            return False
        try:
            value = sum(log_likelihood(one, reward_table(one.problem.reward, parameters)) for one in self.likelihoods)
        except Failure as failure:
            if failure.status not in REJECTED:
                raise
            value = -np.inf
        if value > self.value:
            self.best, self.value, self.waited = free, value, 0
        else:
            self.waited += 1
        return self.patience_ended
