"""Control as inference: optimality likelihood, backward and forward messages, and the posterior over trajectories.

A trajectory of states and actions has prior weight d₀(s_0) Π q(a_t|s_t) P(s_{t+1}|s_t,a_t); each step is *optimal* with
likelihood p(O_t = 1 | s, a) = exp(r/τ). Everything is a sum over trajectories, in log space. Messages are those of the
trajectory-level form, so stochastic dynamics need ``entropy=TrajectoryLevel()``.

Sources: Levine (2018), sections 2.2 and 2.3; Ziebart et al. (2008), algorithm 1.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float

from maxentrl.mdp.time import Discounted, Finite, ToGoal
from maxentrl.mdp.transitions import AbstractTransitions
from maxentrl.numerics.precision import double_precision
from maxentrl.numerics.types import ArrayLike
from maxentrl.planning.at_time import StepReader, start_distribution
from maxentrl.planning.backup import make_backup
from maxentrl.planning.backward_sweep import BackwardSweep
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.forward import forward_finite, forward_to_goal, log_evidence_of
from maxentrl.planning.problem import Causal, SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.planning.stationary import action_rows
from maxentrl.planning.sweeps import sweep_action_values
from maxentrl.status import Failure, InvalidInput, Status


@dataclasses.dataclass(frozen=True, eq=False)
class BackwardMessages:
    """log p(O_{t:T} | what is known at t), from t to the end.

    Attributes:
        state: log β_t(s), (T+1, S), or (S,) for ``ToGoal``; the last holds terminal(s)/τ.
        pair: log β_t(s, a), (T, A, S), or (A, S) for ``ToGoal``; -inf for moves that cannot be chosen.
    """

    state: Float[np.ndarray, "*times S"]
    pair: Float[np.ndarray, "*T A S"]


@dataclasses.dataclass(frozen=True, eq=False)
class Posterior:
    """p(trajectory | every step was optimal), from a start, and from a known end where one was given.

    For ``Finite`` marginals are of each time; a trajectory that ends in a terminal state is counted there once, when it
    arrives, and not afterwards. For ``ToGoal`` they are expected visits, summed over time.

    Attributes:
        solution: backward messages as a solution of the trajectory-level problem (under the known end).
        log_forward: log α_t(s), (T+1, S) or (S,).
        log_evidence: log p(O) = log Σ_s d₀(s) β_0(s), up to rewards above zero, for which exp(r/τ) is no probability.
    """

    solution: SoftSolution
    log_forward: Float[np.ndarray, "*times S"]
    log_evidence: float

    @cached_property
    def state(self) -> Float[np.ndarray, "*times S"]:
        """p(s_t | O) = α_t(s) β_t(s) / p(O), (T+1, S); expected visits and arrivals αβ/p(O), (S,), for ``ToGoal``."""
        return np.exp(self.log_forward + self.solution.scaled_values - self.log_evidence)

    @cached_property
    def pair(self) -> Float[np.ndarray, "*T A S"]:
        """p(s_t, a_t | O) = α_t(s) q(a|s) β_t(s, a) / p(O), (T, A, S); expected visits, (A, S), for ``ToGoal``."""
        state = self.state[:-1] if self.solution.finite_horizon else self.state
        return state[..., None, :] * self.policy

    @property
    def policy(self) -> Float[np.ndarray, "*T A S"]:
        """p(a_t | s_t, O) = q(a|s) β_t(s, a) / β_t(s), (T, A, S) or (A, S)."""
        return self.solution.policy

    @double_precision
    def dynamics(self, time: int = 0) -> AbstractTransitions:
        """p(s_{t+1} | s_t, a_t, O) ∝ P(s'|s,a) exp(r(s,a,s')/τ) β_{t+1}(s') at one time; P if deterministic."""
        self._check(time)
        return StepReader(self.solution).posterior_dynamics(time)

    def moves(self, time: int = 0) -> sp.csr_array:
        """p(s_t, s_{t+1} | O), sparse (S, S), at one time; for ``ToGoal`` α(s) M(s,s') β(s')/p(O), expected moves."""
        self._check(time)
        pair = self.pair[time] if self.solution.finite_horizon else self.pair
        return self.dynamics(time).chain(pair)

    def _check(self, time: int) -> None:
        last = len(self.solution.scaled_values) - 2 if self.solution.finite_horizon else 0
        if not 0 <= time <= last:
            raise InvalidInput(f"time {time}: expected 0 to {last}")


def optimality_log_likelihood(problem: SoftProblem) -> Float[np.ndarray, "*T A S"]:
    """log p(O_t = 1 | s, a) = r(s, a)/τ, (A, S) or (T, A, S); -inf for moves that cannot be chosen.

    A part of the reward that depends on s' is included where the dynamics are deterministic; under stochastic dynamics
    it is the likelihood of the outcome, and enters the messages there.
    """
    _check_inference(problem)
    return _without_reference(make_backup(problem).weight, problem)


def backward_messages(problem: SoftProblem) -> BackwardMessages:
    """log β_t(s) and log β_t(s, a), from the end to the start; β = exp(V/τ) of the trajectory-level form.

        β_t(s, a) = Σ_{s'} P(s'|s,a) exp(r/τ) β_{t+1}(s'),   β_t(s) = Σ_a q(a|s) β_t(s, a),   β_T(s) = exp(terminal/τ)

    For ``ToGoal`` β does not depend on t: the fixed point, β(goal) = exp(terminal(goal)/τ).

    Raises:
        InvalidInput: ``Discounted`` time, temperature 0, or the causal form under stochastic dynamics.
        Failure: INFINITE_PARTITION for ``ToGoal`` where the sum over trajectories diverges.

    Source: Levine (2018), equations 4 to 6; Ziebart et al. (2008), algorithm 1.
    """
    _check_inference(problem)
    return _messages_of(_solve(problem))


@double_precision
def _messages_of(solution: SoftSolution) -> BackwardMessages:
    rows = sweep_action_values if solution.finite_horizon else action_rows
    pair = np.asarray(rows(solution.backup, solution.scaled_values))
    return BackwardMessages(solution.scaled_values, _without_reference(pair, solution.problem))


def forward_messages(problem: SoftProblem, start: int | np.ndarray) -> Float[np.ndarray, "*times S"]:
    """log α_t(s): the log of the total weight of trajectories from the start that are in s at time t, (T+1, S).

        α_0 = d₀,   α_{t+1}(s') = Σ_{s,a} α_t(s) q(a|s) exp(r/τ) P(s'|s,a)

    For ``ToGoal`` summed over time, (S,): α = d₀ + Mᵀα, in the states from which a goal can be reached (-inf
    elsewhere: what walks there is part of no trajectory that arrives).

    Args:
        problem: deterministic, or with ``TrajectoryLevel()``.
        start: a state, or a distribution over states (S,).

    Raises:
        InvalidInput: as :func:`backward_messages`, or a start that is not a state or distribution.
        Failure: as :func:`backward_messages`; UNREACHABLE_GOAL for ``ToGoal`` when no trajectory arrives.

    Source: Levine (2018), section 2.3; Ziebart et al. (2008), algorithm 1, steps 4 to 6.
    """
    _check_inference(problem)
    mass = start_distribution(problem, start)
    if isinstance(problem.time, Finite):
        return forward_finite(problem, mass)
    return forward_to_goal(_solve(problem), mass)


def posterior(problem: SoftProblem, start: int | np.ndarray, end: int | None = None) -> Posterior:
    """Posterior over trajectories given that every step was optimal, and given where they end.

    Args:
        problem: deterministic, or with ``TrajectoryLevel()``; ``Finite(T)`` or ``ToGoal(goals)``.
        start: a state, or a distribution over states (S,): the start is inferred too, p(s_0 | O) ∝ d₀ β_0.
        end: the state in which the trajectory is known to end: s_T, or the terminal state or goal that it entered.

    Raises:
        InvalidInput: as :func:`forward_messages`, or an end that is not a state (or not a goal, for ``ToGoal``).
        Failure: UNREACHABLE_GOAL when no trajectory leads from the start to the end.

    Source: Levine (2018), section 2.3; Ziebart et al. (2008), equation 4.
    """
    _check_inference(problem)
    mass = start_distribution(problem, start)
    solution = _solve(problem if end is None else _ending_in(problem, end))
    ahead = solution.scaled_values[0] if solution.finite_horizon else solution.scaled_values
    log_evidence = log_evidence_of(mass, ahead)
    if np.isneginf(log_evidence):
        name = "" if end is None else f" to state {problem.mdp.state_name(end)}"
        states = ", ".join(problem.mdp.state_name(int(s)) for s in np.flatnonzero(mass)[:5])
        raise Failure(Status.UNREACHABLE_GOAL, f"from state {states}{name}")
    forward = forward_finite(solution.problem, mass) if solution.finite_horizon else forward_to_goal(solution, mass)
    return Posterior(solution, forward, log_evidence)


def _check_inference(problem: SoftProblem) -> None:
    problems = []
    if isinstance(problem.time, Discounted):
        problems.append("messages are sums over whole trajectories and need Finite(horizon) or ToGoal(goals)")
    if isinstance(problem.entropy, Causal) and not problem.mdp.transitions.deterministic:
        problems.append(
            "messages infer the outcomes of chance too, so under stochastic dynamics they belong to the "
            "trajectory-level form: pose the problem with entropy=TrajectoryLevel(), and read its docstring on luck"
        )
    if problem.temperature == 0:
        problems.append("temperature = 0: the optimality likelihood exp(r/temperature) needs a temperature above 0")
    if problems:
        raise InvalidInput(problems)


def _solve(problem: SoftProblem) -> SoftSolution:
    return BackwardSweep().solve(problem) if isinstance(problem.time, Finite) else solve(problem)


def _without_reference(pair: ArrayLike, problem: SoftProblem) -> Float[np.ndarray, "*T A S"]:
    pair = np.asarray(pair)
    if problem.log_reference is None:
        return pair
    return np.where(np.isneginf(pair), -np.inf, pair - np.where(np.isneginf(pair), 0.0, problem.log_reference))


def _ending_in(problem: SoftProblem, end: int) -> SoftProblem:
    if not 0 <= end < problem.mdp.n_states:
        raise InvalidInput(f"end {end} is not a state: states are 0 to {problem.mdp.n_states - 1}")
    here = np.arange(problem.mdp.n_states) == end
    if isinstance(problem.time, Finite):
        terminal = np.where(here, np.asarray(problem.reward.terminal), -np.inf)
        return dataclasses.replace(problem, reward=dataclasses.replace(problem.reward, terminal=terminal))
    if not problem.ends[end]:
        raise InvalidInput(f"end {problem.mdp.state_name(end)} is not one of the goals, where trajectories end")
    others = problem.ends & ~here  # become dead ends: no trajectory that passes there arrives
    mdp = dataclasses.replace(problem.mdp, terminal=problem.mdp.terminal | others)
    return dataclasses.replace(problem, mdp=mdp, time=ToGoal((end,)))
