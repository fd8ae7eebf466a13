"""Where a walker will be: the distribution at each future step, expected visits, and the time of arrival."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from maxentrl.forecast.goals import GoalForecaster
from maxentrl.forecast.mixture import steps_together
from maxentrl.numerics.linear import AbstractLinearSolver, DirectSolver
from maxentrl.planning.stationary import chain_of
from maxentrl.status import Failure, InvalidInput, Status

NEGLIGIBLE = 1e-6
"""Goals less probable than this are left out of a forecast; what they held is reported as ``ignored``."""


@dataclasses.dataclass(frozen=True, eq=False)
class VisitsAhead:
    """The next n steps of a walker, mixed over its possible goals. A walker that has arrived stays at its goal.

    Attributes:
        distribution: probability of each state at steps 0..n from now, (n+1, S); each row sums to one.
        visits: expected number of the steps 0..n spent in each state, arrival counted once, (S,).
        arrived: probability that g is the goal and was reached within k steps, (n+1, G).
        ignored: probability of the goals that were left out as negligible (the rest is scaled up to one).
        seconds_per_step: duration of a step, or None.
    """

    distribution: Float[np.ndarray, "times S"]
    visits: Float[np.ndarray, " S"]
    arrived: Float[np.ndarray, "times G"]
    ignored: float
    seconds_per_step: float | None

    @property
    def arrival(self) -> Arrival:
        """The time of arrival at whichever goal."""
        probability = np.diff(self.arrived.sum(1), prepend=0.0)
        return Arrival(np.maximum(probability, 0.0), self.seconds_per_step)

    def mean_position(self, position: Float[np.ndarray, "S 2"]) -> Float[np.ndarray, "times 2"]:
        """Expected position at each step, in the unit of ``position``."""
        return self.distribution @ position


@dataclasses.dataclass(frozen=True, eq=False)
class Arrival:
    """When a walker arrives.

    Attributes:
        probability: probability of arriving at exactly step k, k = 0..n, (n+1,).
        seconds_per_step: duration of a step, or None.
    """

    probability: Float[np.ndarray, " times"]
    seconds_per_step: float | None = None

    @property
    def later(self) -> float:
        """Probability of arriving after the last step computed."""
        return float(max(0.0, 1.0 - self.probability.sum()))

    @property
    def seconds(self) -> Float[np.ndarray, " times"]:
        """Time of each step from now, in seconds."""
        if self.seconds_per_step is None:
            raise InvalidInput("seconds_per_step was not given: the forecast counts steps only")
        return np.arange(len(self.probability)) * self.seconds_per_step

    def quantile(self, level: float) -> int | None:
        """The first step by which arrival has at least this probability; None where that lies beyond the last step."""
        reached = np.nonzero(np.cumsum(self.probability) >= level - 1e-12)[0]
        return int(reached[0]) if len(reached) else None


def visits_ahead(
    forecaster: GoalForecaster,
    mass: Float[np.ndarray, "G S"],
    steps: int,
    *,
    negligible: float = NEGLIGIBLE,
    negligible_cell: float = 0.0,
) -> VisitsAhead:
    """The distribution over states at each of the next steps.

        p_k(s') = Σ_g Σ_s P_gᵏ(s → s') mass(g, s)

    Args:
        forecaster: walks to each goal.
        mass: p(g, s) now, (G, S): ``Belief.mass``, or the last one of a filter.
        steps: n ≥ 0.
        negligible: goals of smaller probability are left out.
        negligible_cell: cells that hold a smaller share of a goal's mass are dropped at each step, and the rest is scaled
            up: faster on large maps and good enough for pictures (1e-12). Likelihoods need 0, which drops nothing.

    Raises:
        InvalidInput: wrong shape or negative steps.
    """
    mass = _checked_mass(forecaster, mass)
    if steps < 0:
        raise InvalidInput(f"steps = {steps}: expected 0 or more")
    share = mass.sum(1)
    kept = np.nonzero(share > negligible)[0]
    lost = (mass[kept] > 0) & np.isneginf(forecaster.scaled_values[kept])
    if forecaster.mdp.transitions.deterministic and negligible_cell == 0.0 and not lost.any():
        moving, arriving = steps_together(forecaster, kept, mass[kept], steps)
    else:
        moving, arriving = _steps_apart(forecaster, kept, mass, steps, negligible_cell)
    total = share[kept].sum()
    arrived = np.zeros((steps + 1, len(share)))
    arrived[:, kept] = arriving / total
    visits, distribution = moving.sum(0) / total, moving / total
    visits[forecaster.goals] += arrived[-1]
    distribution[:, forecaster.goals] += arrived
    return VisitsAhead(distribution, visits, arrived, float(1.0 - total), forecaster.seconds_per_step)


def _steps_apart(
    forecaster: GoalForecaster,
    kept: Int[np.ndarray, " K"],
    mass: Float[np.ndarray, "G S"],
    steps: int,
    negligible_cell: float,
) -> tuple[Float[np.ndarray, "times S"], Float[np.ndarray, "times K"]]:
    """What walkers still under way do, and who has arrived, one goal's chain after the other."""
    moving, arrived = np.zeros((steps + 1, mass.shape[1])), np.zeros((steps + 1, len(kept)))
    for k, goal in enumerate(map(int, kept)):
        target = forecaster.goals[goal]
        for step, now in enumerate(chain_steps(forecaster.chain(goal), mass[goal], steps, negligible_cell)):
            before = moving[step, target]
            moving[step] += now
            moving[step, target] = before
            arrived[step, k] = now[target]
    return moving, arrived


def chain_steps(
    chain: sp.csc_array, mass: Float[np.ndarray, " S"], steps: int, negligible_cell: float = 0.0
) -> Iterator[Float[np.ndarray, " S"]]:
    """The mass at steps 0..n of a transposed chain; cells with a share of at most ``negligible_cell`` are dropped.

    While few states hold mass only their columns are read: early on, a walker on a large map can be in few cells.
    """
    total = mass.sum()
    yield mass
    for _ in range(steps):
        held = np.nonzero(mass > negligible_cell * total)[0]
        if len(held) < len(mass) // 4:
            mass = _columns(chain, held, mass[held])
            mass = mass * (total / mass.sum())
        else:
            mass = chain @ mass
        yield mass


def _columns(chain: sp.csc_array, held: Int[np.ndarray, " N"], mass: Float[np.ndarray, " N"]) -> np.ndarray:
    """chain[:, held] @ mass, (S,)."""
    starts, links = np.asarray(chain.indptr), np.asarray(chain.indices)
    count = (starts[held + 1] - starts[held]).astype(np.int64)
    first = np.cumsum(count) - count
    entry = np.arange(count.sum()) + np.repeat(starts[held] - first, count)
    leaving = np.asarray(chain.data)[entry] * np.repeat(mass, count)
    return np.bincount(links[entry], leaving, minlength=len(starts) - 1)


def visits_until_arrival(
    forecaster: GoalForecaster,
    mass: Float[np.ndarray, "G S"],
    *,
    negligible: float = NEGLIGIBLE,
    solver: AbstractLinearSolver | None = None,
) -> Float[np.ndarray, " S"]:
    """Expected visits of each state until the goal is reached, arrival included, mixed over goals, (S,).

    d = Σ_g (I − P_gᵀ)⁻¹ mass_g: one sparse factorisation a goal. Its sum less one is the expected time to arrival.

    Raises:
        Failure: UNREACHABLE_GOAL when mass lies where its goal cannot be reached.
    """
    return _over_goals(forecaster, mass, negligible, lambda goal, source: _visits_of(forecaster, goal, source, solver))


def expected_steps(
    forecaster: GoalForecaster,
    mass: Float[np.ndarray, "G S"],
    *,
    negligible: float = NEGLIGIBLE,
    solver: AbstractLinearSolver | None = None,
) -> float:
    """Expected number of steps until arrival, exactly; times ``seconds_per_step`` for seconds."""
    return float(visits_until_arrival(forecaster, mass, negligible=negligible, solver=solver).sum()) - 1.0


def _over_goals(
    forecaster: GoalForecaster,
    mass: np.ndarray,
    negligible: float,
    visits: Callable[[int, np.ndarray], Float[np.ndarray, " S"]],
) -> Float[np.ndarray, " S"]:
    mass = _checked_mass(forecaster, mass)
    share = mass.sum(1)
    kept = np.nonzero(share > negligible)[0]
    return np.sum([visits(int(goal), mass[goal]) for goal in kept], axis=0) / share[kept].sum()


def _visits_of(
    forecaster: GoalForecaster, goal: int, source: np.ndarray, solver: AbstractLinearSolver | None
) -> Float[np.ndarray, " S"]:
    lost = (source > 0) & np.isneginf(forecaster.scaled_values[goal])
    if lost.any():
        raise Failure(Status.UNREACHABLE_GOAL, f"from state {forecaster.mdp.state_name(int(np.argmax(lost)))}")
    policy = np.exp(forecaster.log_policy(np.array(goal), np.arange(forecaster.mdp.n_states)))
    chain = chain_of(policy, forecaster.mdp.transitions, 1.0, solver or DirectSolver())
    return chain.factors.solve_transposed(source)


def _checked_mass(forecaster: GoalForecaster, mass: np.ndarray) -> Float[np.ndarray, "G S"]:
    mass = np.asarray(mass, float)
    if mass.shape != forecaster.scaled_values.shape:
        raise InvalidInput(f"mass has shape {mass.shape}: expected (goals, states) {forecaster.scaled_values.shape}")
    if not (mass >= 0).all() or not abs(mass.sum() - 1.0) < 1e-6:
        raise InvalidInput(f"mass must be probabilities that sum to one; they sum to {mass.sum():g}")
    return mass
