"""What is to be planned: an MDP, a reward table, a kind of time, a temperature and a form of the entropy."""

from __future__ import annotations

import dataclasses
import math
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, Time, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True)
class Causal:
    """Entropy of the actions given what was seen so far: Q = E[r + γ V(s')] (Ziebart, Bagnell & Dey 2010)."""


@dataclasses.dataclass(frozen=True)
class TrajectoryLevel:
    """Entropy of whole trajectories: Q = τ log E exp((r + V(s'))/τ) (Ziebart et al. 2008; control as inference).

    Optimistic about luck: under stochastic dynamics it plans as if favourable outcomes could be chosen at the price of
    their log-probability. It equals the causal form where the dynamics are deterministic, and exists for ``Finite`` and
    ``ToGoal`` only.
    """


Entropy: TypeAlias = Causal | TrajectoryLevel


@dataclasses.dataclass(frozen=True, eq=False)
class SoftProblem:
    """max_π E[Σ r] + τ · entropy, or its trajectory-level form; immutable.

    Attributes:
        mdp: the decision process.
        reward: rewards in any unit; ``pair`` (A, S), or (T, A, S) with ``Finite(T)``.
        time: ``Finite(T)``, ``Discounted(γ)`` or ``ToGoal(goals)``.
        temperature: τ ≥ 0 in reward units; 0 is hard planning with ties shared equally, ``math.inf`` the policy of
            greatest total entropy.
        log_reference: log q(a|s), (A, S); None for the uniform unnormalised reference q = 1.
        entropy: ``Causal()`` or ``TrajectoryLevel()``.

    Raises:
        InvalidInput: shapes that disagree, a negative or NaN temperature, NaN rewards (the state is named), goals that
            are not states, or a combination that does not exist.
    """

    mdp: MDP
    reward: RewardTable
    time: Time
    temperature: float = 1.0
    log_reference: Float[np.ndarray, "A S"] | None = None
    entropy: Entropy = Causal()

    def __post_init__(self) -> None:
        problems = [*_shape_problems(self), *_value_problems(self)]
        if problems:
            raise InvalidInput(problems)

    @property
    def ends(self) -> Bool[np.ndarray, " S"]:
        """States in which nothing more is chosen, (S,): the goals, or the MDP's terminal states."""
        if not isinstance(self.time, ToGoal):
            return self.mdp.terminal
        ends = np.zeros(self.mdp.n_states, bool)
        ends[list(self.time.goals or ())] = True
        return ends

    @property
    def discount(self) -> float:
        """γ, one where the problem is undiscounted."""
        return self.time.discount if isinstance(self.time, Discounted) else 1.0

    @property
    def optimistic(self) -> bool:
        """Whether the trajectory-level backup differs from the causal one here."""
        return isinstance(self.entropy, TrajectoryLevel) and not self.mdp.transitions.deterministic


def _shape_problems(problem: SoftProblem) -> list[str]:
    n_actions, n_states = problem.mdp.n_actions, problem.mdp.n_states
    reward, time, problems = problem.reward, problem.time, []
    if reward.pair.shape[-2:] != (n_actions, n_states):
        problems.append(
            f"reward.pair has shape {reward.pair.shape}, expected (actions, states) = {n_actions, n_states}"
        )
    if reward.terminal.shape != (n_states,):
        problems.append(f"reward.terminal has shape {reward.terminal.shape}, expected ({n_states},)")
    if problem.log_reference is not None and problem.log_reference.shape != (n_actions, n_states):
        problems.append(f"log_reference has shape {problem.log_reference.shape}, expected {n_actions, n_states}")
    if isinstance(time, Finite) and time.horizon is None:
        problems.append("Finite() without a horizon is for fits; planning needs Finite(horizon)")
    if isinstance(time, ToGoal):
        if time.goals is None:
            problems.append("ToGoal() without goals is for fits; planning needs ToGoal(goals)")
        problems += [
            f"goal {goal} is not a state: states are 0 to {n_states - 1}"
            for goal in time.goals or ()
            if not 0 <= goal < n_states
        ]
    if reward.per_step and not (isinstance(time, Finite) and time.horizon == reward.pair.shape[0]):
        problems.append(f"a reward for each of {reward.pair.shape[0]} steps needs Finite({reward.pair.shape[0]})")
    return problems


def _value_problems(problem: SoftProblem) -> list[str]:
    problems = []
    if not problem.temperature >= 0:
        problems.append(f"temperature = {problem.temperature}: expected τ ≥ 0 (0 plans without entropy)")
    tables = {f"reward.{part.name}": getattr(problem.reward, part.name) for part in dataclasses.fields(problem.reward)}
    for name, given in {**tables, "log_reference": problem.log_reference}.items():
        if given is None:
            continue
        table = np.asarray(given)
        bad = np.argwhere(np.isnan(table) | np.isposinf(table))
        if len(bad):
            state = problem.mdp.state_name(int(bad[0][-1]))
            problems.append(
                f"{name} is {table[tuple(bad[0])]} at state {state} (and {len(bad) - 1} more entries): expected finite "
                "numbers, or -inf for a forbidden move"
            )
    if problem.optimistic and isinstance(problem.time, Discounted):
        problems.append(
            "the trajectory-level form does not exist under a discount: use Finite or ToGoal, or the Causal form"
        )
    if problem.optimistic and problem.temperature in (0.0, math.inf):
        problems.append(
            f"the trajectory-level form under stochastic dynamics has no temperature {problem.temperature}: it would "
            "choose the outcomes too; use the Causal form"
        )
    return problems
