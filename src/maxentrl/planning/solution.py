"""The answer to a soft problem: values, policy, partition function and expected visits."""

from __future__ import annotations

import dataclasses
import math
from functools import cached_property
from typing import TypeAlias

import jax
import numpy as np
from jaxtyping import Float

from maxentrl.numerics.linear import AbstractFactorisation, AbstractLinearSolver, DirectSolver
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.backup import Backup, make_backup
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.scaled import finite_visits
from maxentrl.planning.stationary import PolicyChain, action_rows, policy_chain, policy_rows
from maxentrl.planning.sweeps import sweep_action_values, sweep_log_policy
from maxentrl.status import Failure, InvalidInput, Status

Start: TypeAlias = int | np.ndarray
"""A state, a distribution (S,), or signed mass that enters at each time, (T+1, S) with ``Finite(T)``."""


@dataclasses.dataclass(frozen=True, eq=False)
class Occupancy:
    """Expected visits, undiscounted sums for ``Finite`` and ``ToGoal``, Σ γᵗ for ``Discounted``.

    Attributes:
        visits: visits of pairs and ends, with the shapes of the reward table: ∂value/∂reward.
    """

    visits: RewardTable

    @property
    def pair(self) -> Float[np.ndarray, "*T A S"]:
        """μ(s, a): expected visits of each pair, (A, S), or of each step, (T, A, S)."""
        return np.asarray(self.visits.pair)

    @property
    def terminal(self) -> Float[np.ndarray, " S"]:
        """Probability of ending in each state, (S,)."""
        return np.asarray(self.visits.terminal)

    @property
    def state(self) -> Float[np.ndarray, " S"]:
        """d(s): expected decisions taken in each state, summed over time, (S,)."""
        return self.pair.reshape(-1, *self.pair.shape[-2:]).sum((0, 1))

    @property
    def decisions(self) -> float:
        """Expected number of decisions, Σ μ: the horizon, 1/(1−γ), or the expected length of the walk to its goal."""
        return float(self.pair.sum())

    @property
    def average(self) -> Float[np.ndarray, "A S"]:
        """Share of decisions that each pair takes, (A, S): sums to one."""
        summed = self.pair.reshape(-1, *self.pair.shape[-2:]).sum(0)
        return summed / summed.sum()


@dataclasses.dataclass(frozen=True, eq=False)
class SoftSolution:
    """Soft values of a problem and what follows from them; arrays are NumPy, double precision.

    Attributes:
        problem: what was solved.
        scaled_values: V/τ (V itself at τ = 0; entropy to go at τ = ∞), (S,), or (T+1, S) for ``Finite(T)``.
        status: how it ended; only successful solutions leave a solver unless asked for.
        solver: name of the solver.
        iterations: backups or Newton steps taken.
        residual: max |V − T(V)|, in units of the temperature, at the end.
        linear_solver: how visits of a stationary policy are solved for.
        factors: I − γP_π factorised, where the solver has done so; else it is done when visits are asked for.
        error_bound: largest error of ``scaled_values`` that the solver vouches for; None where it has no bound.
    """

    problem: SoftProblem
    scaled_values: Float[np.ndarray, "*T S"]
    status: Status
    solver: str
    iterations: int
    residual: float
    linear_solver: AbstractLinearSolver = DirectSolver()
    factors: AbstractFactorisation | None = None
    error_bound: float | None = None

    @cached_property
    def backup(self) -> Backup:
        """The Bellman operator of the problem."""
        return make_backup(self.problem)

    @property
    def scale(self) -> float:
        """What ``scaled_values`` are multiplied by to be in reward units: τ, or 1 at τ = 0."""
        temperature = self.problem.temperature
        if temperature == math.inf:
            raise InvalidInput(
                "values grow without bound as the temperature does; at temperature inf read scaled_values (the "
                "greatest entropy to go, in nats) and policy"
            )
        return temperature or 1.0

    @property
    def finite_horizon(self) -> bool:
        """Whether the policy changes over time."""
        return self.scaled_values.ndim == 2

    @cached_property
    def values(self) -> Float[np.ndarray, "*T S"]:
        """V(s) in reward units, (S,), or V_t(s), (T+1, S); -inf where no path leads to an end."""
        return self.scale * self.scaled_values

    @cached_property
    @double_precision
    def q_values(self) -> Float[np.ndarray, "*T A S"]:
        """Q(s, a) in reward units, without the reference, (A, S) or (T, A, S); -inf for moves that cannot be chosen."""
        rows = sweep_action_values if self.finite_horizon else action_rows
        found = np.asarray(rows(self.backup, self.scaled_values))
        reference = self.problem.log_reference
        if reference is not None and self.problem.temperature > 0:
            found = found - np.where(np.isneginf(reference), 0.0, reference)
        return self.scale * found

    @cached_property
    @double_precision
    def log_policy(self) -> Float[np.ndarray, "*T A S"]:
        """log π(a|s) = (Q − V)/τ + log q, (A, S) or (T, A, S)."""
        rows = sweep_log_policy if self.finite_horizon else policy_rows
        return np.asarray(rows(self.backup, self.scaled_values))

    @property
    def policy(self) -> Float[np.ndarray, "*T A S"]:
        """π(a|s), (A, S) or (T, A, S); all zero in states where the episode ends."""
        return np.exp(self.log_policy)

    @cached_property
    def chain(self) -> PolicyChain:
        """The stationary policy's chain, factorised once for all visits."""
        return policy_chain(self.backup, self.scaled_values, self.factors or self.linear_solver)

    def value(self, start: Start) -> float:
        """Soft value of the start, in reward units: Σ_s d₀(s) V(s); ∂value/∂r is the occupancy from the same start.

        For the trajectory-level form from a start *distribution*, see :meth:`joint_value`.
        """
        mass = self.source(start)
        values = self.values
        return float(np.sum(mass[mass != 0] * values[mass != 0]))

    def log_partition(self, start: Start) -> float:
        """log Z = value/τ: the logarithm of the sum over paths of exp(reward/τ) from the start."""
        if self.problem.temperature == 0:
            raise InvalidInput("log_partition = value/temperature does not exist at temperature 0; use value")
        mass = self.source(start)
        return float(np.sum(mass[mass != 0] * self.scaled_values[mass != 0]))

    def joint_value(self, start: Float[np.ndarray, " S"]) -> float:
        """τ log Σ_s d₀(s) exp(V(s)/τ): the trajectory-level value of a start *distribution* d₀, (S,), in reward units.

        It counts the start among what luck decides, and is at least :meth:`value`; ∂joint_value/∂r is the occupancy
        from :meth:`joint_start`. Source: Ziebart et al. (2008), whose paths include their start.

        Raises:
            InvalidInput: d₀ is negative somewhere, or the temperature is 0 or infinite.
        """
        return self.scale * self._joint(start)[1]

    def joint_start(self, start: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
        """d₀(s) exp(V(s)/τ)/Z: the start that the trajectory-level form expects, (S,); give it to :meth:`occupancy`."""
        log_mass, total = self._joint(start)
        if total == -math.inf:
            raise Failure(Status.UNREACHABLE_GOAL, "from every start that has probability")
        return np.exp(log_mass - total)

    def _joint(self, start: Float[np.ndarray, " S"]) -> tuple[Float[np.ndarray, " S"], float]:
        mass = start_mass(start, self.problem.mdp.n_states, None)
        if (mass < 0).any() or self.problem.temperature in (0.0, math.inf):
            raise InvalidInput("the joint form needs a start distribution and a temperature between 0 and infinity")
        values = self.scaled_values[0] if self.finite_horizon else self.scaled_values
        with np.errstate(divide="ignore"):
            log_mass = np.log(mass) + values
        return log_mass, float(np.logaddexp.reduce(log_mass))

    def occupancy(self, start: Start) -> Occupancy:
        """Expected visits from a start or of a signed source, summed over time; ∂value/∂reward.

        With a reward for each step the pairs keep their step, (T, A, S), like the reward.
        """
        return self._visits(start, per_step=self.problem.reward.per_step)

    def occupancy_per_step(self, start: Start) -> Occupancy:
        """Expected visits of each step, (T, A, S); finite horizons only (a stationary problem has no last step)."""
        if not self.finite_horizon:
            raise InvalidInput(
                "visits of each step exist for Finite(T); for a stationary policy use forecast.visits_ahead"
            )
        return self._visits(start, per_step=True)

    @double_precision
    def _visits(self, start: Start, *, per_step: bool) -> Occupancy:
        source = self.source(start)
        self.check_reachable(source)
        wants_outcomes = self.problem.reward.outcome is not None
        if not self.finite_horizon:
            return Occupancy(self.chain.visits(source, outcomes=wants_outcomes))
        optimistic = self.backup.form == "optimistic"
        table = finite_visits(
            self.backup, self.scaled_values, source, per_step=per_step, outcomes=wants_outcomes and optimistic
        )
        table = jax.tree.map(np.asarray, table)
        if wants_outcomes and not optimistic:
            summed = table.pair.reshape(-1, *table.pair.shape[-2:]).sum(0)
            outcome = np.asarray(self.problem.mdp.transitions.outcome_visits(list(summed)))
            table = dataclasses.replace(table, outcome=outcome)
        return Occupancy(table)

    def check_reachable(self, source: np.ndarray) -> None:
        """Refuse a source with mass in a state from which no path leads to an end.

        Raises:
            Failure: UNREACHABLE_GOAL, naming the state.
        """
        lost = (source != 0) & np.isneginf(self.scaled_values)
        if lost.any():
            state = self.problem.mdp.state_name(int(np.argwhere(lost)[0][-1]))
            raise Failure(Status.UNREACHABLE_GOAL, f"from state {state}")

    def source(self, start: Start) -> np.ndarray:
        """A start as mass: (S,), or (T+1, S) for a finite horizon."""
        horizon = len(self.scaled_values) - 1 if self.finite_horizon else None
        return start_mass(start, self.problem.mdp.n_states, horizon)


def start_mass(start: Start, n_states: int, horizon: int | None) -> np.ndarray:
    """A start as mass that enters: (S,), or (T+1, S) for a finite horizon.

    Raises:
        InvalidInput: not a state, or an array of another shape.
    """
    if isinstance(start, int | np.integer):
        if not 0 <= start < n_states:
            raise InvalidInput(f"start {start} is not a state: states are 0 to {n_states - 1}")
        mass = np.zeros(n_states)
        mass[start] = 1.0
    else:
        mass = np.asarray(start, float)
    if horizon is not None and mass.shape == (n_states,):
        mass = np.concatenate([mass[None], np.zeros((horizon, n_states))])
    expected = (n_states,) if horizon is None else (horizon + 1, n_states)
    if mass.shape != expected or not np.isfinite(mass).all():
        raise InvalidInput(
            f"start has shape {mass.shape}: expected a state, or finite mass: a distribution ({n_states},)"
            + (f" or mass at each time {expected}" if horizon is not None else "")
        )
    return mass
