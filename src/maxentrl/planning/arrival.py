"""Which states of a to-goal problem can arrive, and values from which its iterations may start."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from maxentrl.mdp.transitions import AbstractTransitions
from maxentrl.numerics.iteration import iterate
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.types import ArrayLike
from maxentrl.planning.backup import Backup
from maxentrl.planning.stationary import backup_values
from maxentrl.status import Failure, Status

ARRIVED = 1e200
"""A residual that every change between finite values meets, and none from -inf to a finite value."""

LONGEST = 1_000_000
"""Most steps for which a policy that arrives is followed."""


@dataclasses.dataclass(frozen=True, eq=False)
class Arrival:
    """States with a finite value, and a policy that arrives from each of them.

    Attributes:
        states: the goals and the states from which a policy arrives with certainty (causal form), or along some path
            (deterministic dynamics and the trajectory-level form), (S,).
        chosen: an action of a policy that does so, (S,); meaningless elsewhere.
    """

    states: Bool[np.ndarray, " S"]
    chosen: Int[np.ndarray, " S"]


@double_precision
def arriving(backup: Backup) -> Arrival:
    """The states that can arrive at a goal.

    A causal planner cannot choose outcomes, so there the set is the largest in which some policy stays until it arrives
    (almost-sure reachability: Baier & Katoen 2008, section 10.6.1); a move with any chance of a dead end is not made.

    Raises:
        Failure: UNREACHABLE_GOAL when no state but the goals can arrive.
    """
    states = np.ones(backup.ends.shape, bool)
    while True:
        reached, chosen = (np.asarray(part) for part in _layers(backup, states))
        if np.array_equal(reached, states) or backup.form == "optimistic" or backup.transitions.deterministic:
            break
        states = reached
    goals = np.asarray(backup.ends)
    if not goals.all() and not (reached & ~goals).any():
        raise Failure(Status.UNREACHABLE_GOAL, "not one state has a way to a goal")
    return Arrival(reached, chosen)


@jax.jit
def _layers(backup: Backup, states: Bool[Array, " S"]) -> tuple[ArrayLike, Array]:
    """States that reach a goal with positive probability without a move that may leave ``states``, and such moves."""
    inside = jnp.where(states, 0.0, -jnp.inf)
    stays = (
        [jnp.zeros_like(inside)] * len(backup.weight)
        if backup.form == "optimistic"
        else backup.transitions.expect(inside)
    )
    allowed = [~jnp.isneginf(row + stay) for row, stay in zip(backup.weight, stays, strict=True)]

    def step(carry: tuple) -> tuple:
        reached, chosen, _ = carry
        rows = backup.transitions.log_expect_exp(jnp.where(reached, 0.0, -jnp.inf), backup.outcome)
        chances = jnp.stack([jnp.where(ok, row, -jnp.inf) for ok, row in zip(allowed, rows, strict=True)])
        new = ~reached & ~jnp.isneginf(jnp.max(chances, axis=0))
        return reached | new, jnp.where(new, jnp.argmax(chances, axis=0), chosen), jnp.any(new)

    goals = backup.ends & ~jnp.isneginf(backup.end_value)
    start = (goals, jnp.zeros(goals.shape, int), jnp.asarray(True))
    reached, chosen, _ = jax.lax.while_loop(lambda carry: carry[2], step, start)
    return reached, chosen


@double_precision
def first_values(backup: Backup, arrival: Arrival) -> Float[np.ndarray, " S"]:
    """A lower bound u ≤ T(u) on the values, finite where ``arrival.states``, so that iterations from it only rise.

    Deterministic dynamics and the trajectory-level form: the sum over all paths of at most as many steps as the
    farthest state needs. Otherwise: the value of a policy that arrives, without its entropy.
    """
    nothing = np.where(backup.ends, backup.end_value, -np.inf)
    if backup.form == "optimistic" or backup.transitions.deterministic:
        limit = len(nothing) + 1
        return iterate(backup_values, nothing, backup, max_iterations=limit, relative=ARRIVED).value
    moving = arrival.states & ~np.asarray(backup.ends)
    policy = 1.0 * moving * (np.arange(len(backup.weight))[:, None] == arrival.chosen)
    gain = np.where(moving, np.take_along_axis(np.asarray(backup.weight), arrival.chosen[None], axis=0)[0], 0.0)
    start = np.where(arrival.states & ~moving, backup.end_value, 0.0)
    arguments = (gain, policy, backup.transitions)
    found = iterate(_follow, start, arguments, max_iterations=LONGEST, relative=1e-10)
    if found.status not in (Status.CONVERGED, Status.STALLED):
        raise Failure(found.status, "the value of a policy that arrives")
    below = found.value - 2.0 * found.residual * expected_steps(policy, backup.transitions)
    return np.where(arrival.states, below, -np.inf)


@double_precision
def expected_steps(policy: Float[ArrayLike, "A S"], dynamics: AbstractTransitions) -> Float[np.ndarray, " S"]:
    """h with h ≥ ½ + P_π h: half the expected number of decisions or more, (S,), without a factorisation."""
    moving = np.asarray(policy).sum(0) > 0
    arguments = (np.where(moving, 1.0, 0.0), np.asarray(policy), dynamics)
    found = iterate(_follow, np.zeros(len(moving)), arguments, max_iterations=LONGEST, absolute=0.5)
    if found.status is not Status.CONVERGED:
        raise Failure(found.status, "the expected number of steps to the goal")
    return found.value


def _follow(arguments: tuple[Array, Array, AbstractTransitions], values: Float[Array, " S"]) -> Float[Array, " S"]:
    """gain + P_π x where a move is made, x elsewhere: one step towards the total gain of a policy."""
    gain, policy, dynamics = arguments
    ahead = sum(row * later for row, later in zip(policy, dynamics.expect(values), strict=True))
    return jnp.where(jnp.sum(policy, axis=0) > 0, gain + ahead, values)
