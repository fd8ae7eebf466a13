"""Which goal a walker heads for: a model of walks to each candidate, and a belief updated at each observed step."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.special import logsumexp

from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.planning.backup import make_backup
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.solution import SoftSolution
from maxentrl.status import Failure, InvalidInput, Status

StateNumber: TypeAlias = int | np.integer
CHAIN_BYTES = 2**30
"""Memory that the chains of recently used goals may take; older ones are recomputed from the values."""


@dataclasses.dataclass(frozen=True, eq=False)
class GoalForecaster:
    """Walks to each of G candidate goals, ready for cheap updates; made once by :meth:`of`.

    The walker with goal g follows π_g(a|s) = exp(Q_g(s, a)/τ) q(a|s) / Σ and stays at g once there. Only the values of
    each goal are kept, (G, S); policies are recomputed where they are needed, so that a hundred goals on a map of
    83 000 cells fit in memory.

    Attributes:
        mdp: where the walks take place.
        goals: the candidate goals, (G,).
        log_prior: log p(g), (G,), normalised; -inf for goals ruled out.
        scaled_values: u_g = V_g/τ, (G, S); -inf where g cannot be reached.
        weight: r/τ + log q for each pair, -inf where it cannot be chosen, (A, S).
        optimistic: whether walkers plan by the trajectory-level form under stochastic dynamics; the world still moves
            by its own.
        outcome: r(s, a, s')/τ of the trajectory-level form, (A, B, S), else None.
        seconds_per_step: duration of a step, or None where only steps are counted.
    """

    mdp: MDP
    goals: Int[np.ndarray, " G"]
    log_prior: Float[np.ndarray, " G"]
    scaled_values: Float[np.ndarray, "G S"]
    weight: Float[np.ndarray, "A S"]
    optimistic: bool = False
    outcome: Float[np.ndarray, "A B S"] | None = None
    seconds_per_step: float | None = None

    @staticmethod
    def of(
        problem: SoftProblem,
        goals: Sequence[int] | Int[np.ndarray, " G"],
        values: Float[np.ndarray, "G S"],
        *,
        prior: Sequence[float] | Float[np.ndarray, " G"] | None = None,
        seconds_per_step: float | None = None,
    ) -> GoalForecaster:
        """From the soft values of each goal.

        Args:
            problem: world, stationary reward, temperature, reference and entropy; its own goals are not used.
            goals: candidate goals, (G,).
            values: V_g(s) in reward units, the soft values of ``ToGoal((g,))`` for each goal, (G, S).
            prior: weight of each goal, any positive scale; None for equal weights.
            seconds_per_step: duration of one step.

        Raises:
            InvalidInput: shapes that disagree, a prior without mass, a temperature of 0 or infinity, a reward that
                changes over time, repeated goals.
        """
        goals, values = np.asarray(goals, np.int64), np.asarray(values, float)
        weights = np.ones(len(goals)) if prior is None else np.asarray(prior, float)
        _check(problem, goals, values, weights, seconds_per_step)
        backup = make_backup(dataclasses.replace(problem, time=Finite(1)))
        with np.errstate(divide="ignore"):
            log_prior = np.log(weights / weights.sum())
        outcome = None if backup.outcome is None else np.asarray(backup.outcome)
        scaled = values / problem.temperature
        return GoalForecaster(
            mdp=problem.mdp,
            goals=goals,
            log_prior=log_prior,
            scaled_values=scaled,
            weight=np.asarray(backup.weight),
            optimistic=problem.optimistic,
            outcome=outcome,
            seconds_per_step=seconds_per_step,
        )

    @staticmethod
    def from_solutions(
        solutions: Sequence[SoftSolution],
        *,
        prior: Sequence[float] | Float[np.ndarray, " G"] | None = None,
        seconds_per_step: float | None = None,
    ) -> GoalForecaster:
        """From one solved ``ToGoal((g,))`` problem for each goal, alike in everything else; raises like :meth:`of`."""
        times = [solution.problem.time for solution in solutions]
        goals = [time.goals[0] for time in times if isinstance(time, ToGoal) and time.goals and len(time.goals) == 1]
        if not goals or len(goals) < len(times):
            raise InvalidInput("each candidate goal needs a solution of a problem with time ToGoal((goal,))")
        values = np.stack([solution.values for solution in solutions])
        problem = solutions[0].problem
        return GoalForecaster.of(problem, goals, values, prior=prior, seconds_per_step=seconds_per_step)

    def with_prior(self, prior: Float[np.ndarray, " G"]) -> GoalForecaster:
        """The same model with other weights of the goals; zero rules a goal out, as for a held-out walk's own end."""
        prior = np.asarray(prior, float)
        if prior.shape != self.goals.shape or not (prior >= 0).all() or not 0 < prior.sum() < math.inf:
            raise InvalidInput(f"prior must be {len(self.goals)} finite weights ≥ 0 that do not all vanish")
        with np.errstate(divide="ignore"):
            changed = dataclasses.replace(self, log_prior=np.log(prior / prior.sum()))
        changed._chains.update(self._chains)
        return changed

    def log_policy(self, goal: np.ndarray, state: np.ndarray) -> Float[np.ndarray, "A ..."]:
        """log π_g(a|s) for goal numbers (0..G−1) and states of shapes that broadcast together; actions come first.

        -inf everywhere at the goal itself and where the goal cannot be reached.
        """
        goal, state = np.asarray(goal), np.asarray(state)
        rows = np.stack([self._action_value(a, goal, state) for a in range(self.mdp.n_actions)])
        rows = np.where(state == self.goals[goal], -np.inf, rows)
        normaliser = _log_sum(rows)
        return rows - np.where(np.isneginf(normaliser), 0.0, normaliser)

    def _action_value(self, action: int, goal: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Q_g(s, a)/τ + log q(a|s), in the shape that goal and state broadcast to."""
        successor, probability = self.moves(action, state)
        weight = self.weight[action, state]
        following = [self.scaled_values[goal, row] for row in successor]
        if not self.optimistic:
            terms = zip(probability, following, strict=True)
            return weight + np.sum([p * np.where(p > 0, value, 0.0) for p, value in terms], axis=0)
        extra = np.zeros_like(probability) if self.outcome is None else self.outcome[action][:, state]
        with np.errstate(divide="ignore"):
            terms = zip(np.log(probability), extra, following, strict=True)
            return weight + _log_sum(np.stack([np.where(np.isneginf(p), p, p + r + v) for p, r, v in terms]))

    def moves(self, action: int, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Successors of an action and their probabilities, each (B, *state.shape)."""
        flat = np.ravel(state)
        successor, probability = self.mdp.transitions.successors_of(np.full(len(flat), action), flat)
        shape = (len(successor), *np.shape(state))
        return successor.reshape(shape), probability.reshape(shape)

    def log_step(self, state: StateNumber, following: StateNumber) -> Float[np.ndarray, " G"]:
        """log p(s'|s, g) = log Σ_a π_g(a|s) P(s'|s, a) for every goal, (G,): the action is summed out.

        Under deterministic dynamics this is (r + V_g(s') − V_g(s))/τ. A walker at its goal stays there.
        """
        here = np.array([[state]])
        policy = self.log_policy(np.arange(len(self.goals))[:, None], here)[..., 0]
        arriving = np.empty(self.mdp.n_actions)
        for action in range(self.mdp.n_actions):
            successor, probability = self.moves(action, here)
            arriving[action] = probability[successor == following].sum()
        with np.errstate(divide="ignore"):
            moved = _log_sum(policy + np.log(arriving)[:, None])
        return np.where(self.goals == state, 0.0 if following == state else -np.inf, moved)

    def start(self, state: StateNumber) -> Belief:
        """The belief before anything but the first state is seen: the prior over the goals that can be reached.

        Raises:
            InvalidInput: not a state.
            Failure: UNREACHABLE_GOAL when no goal with positive prior can be reached.
        """
        state = _checked_state(self, state)
        log_goals = np.where(np.isneginf(self.scaled_values[:, state]), -np.inf, self.log_prior)
        if np.isneginf(log_goals).all():
            raise Failure(Status.UNREACHABLE_GOAL, f"from state {self.mdp.state_name(state)}")
        return Belief(self, state, 0, log_goals - _log_sum(log_goals), 0.0, ())

    def watch(self, states: Sequence[int] | Int[np.ndarray, " t"]) -> tuple[Belief, ...]:
        """The beliefs after each of the observed states, one for each."""
        first, *rest = states
        beliefs = [self.start(first)]
        for state in rest:
            beliefs.append(beliefs[-1].update(state))
        return tuple(beliefs)

    def chain(self, goal: int) -> sp.csc_array:
        """P_g(s → s') of goal number ``goal`` transposed, (S, S): ``chain @ mass`` moves mass one step.

        States without a move (the goal, terminal states, states that cannot reach the goal) keep their mass. The chains
        of recently used goals are kept, up to ``CHAIN_BYTES``.
        """
        chains = self._chains
        if goal not in chains:
            policy = np.exp(self.log_policy(np.array(goal), np.arange(self.mdp.n_states)))
            matrix = absorbing_chain(self.mdp, policy)
            size = matrix.nnz * 12 + 4 * self.mdp.n_states
            while chains and (len(chains) + 1) * size > CHAIN_BYTES:
                chains.pop(next(iter(chains)))
            chains[goal] = matrix
        return chains[goal]

    @cached_property
    def _chains(self) -> dict[int, sp.csc_array]:
        return {}


@dataclasses.dataclass(frozen=True)
class Jump:
    """An observed move that is impossible under every goal: the belief about goals was kept across it.

    Goals that cannot be reached from where the jump landed drop out; if none is left, the prior takes over.

    Attributes:
        step: which observed move, from 0.
        state: before the jump.
        following: after it.
    """

    step: int
    state: int
    following: int


@dataclasses.dataclass(frozen=True, eq=False)
class Belief:
    """What is known of a walker's goal after the states seen so far; immutable.

        p(g | s_0..s_t) ∝ p(g) Π_k Σ_a π_g(a|s_k) P(s_{k+1}|s_k, a)

    which under deterministic dynamics is p(g) exp((Σ r + V_g(s_t) − V_g(s_0))/τ) (Ziebart et al. 2009).

    Attributes:
        forecaster: the model of walks.
        state: where the walker is.
        step: moves seen.
        log_goals: log p(g | seen), (G,).
        log_likelihood: Σ log p(s_{k+1} | s_0..s_k) over the moves seen, jumps left out.
        jumps: moves that no goal allows; each kept the belief and is not part of the likelihood.
    """

    forecaster: GoalForecaster
    state: int
    step: int
    log_goals: Float[np.ndarray, " G"]
    log_likelihood: float
    jumps: tuple[Jump, ...]

    @property
    def goals(self) -> Float[np.ndarray, " G"]:
        """p(g | seen), (G,)."""
        return np.exp(self.log_goals)

    @property
    def mass(self) -> Float[np.ndarray, "G S"]:
        """p(g, s | seen), (G, S): all in the column of the present state."""
        mass = np.zeros(self.forecaster.scaled_values.shape)
        mass[:, self.state] = self.goals
        return mass

    def log_next(self, state: StateNumber) -> float:
        """log p(s_{t+1} = state | seen), goals summed out; -inf for an impossible move."""
        return float(_log_sum(self.log_goals + self.forecaster.log_step(self.state, state)))

    def update(self, state: StateNumber) -> Belief:
        """The belief one observed step later; a move that no goal allows is kept in ``jumps``.

        Raises:
            InvalidInput: not a state.
            Failure: UNREACHABLE_GOAL after a jump to where no goal with positive prior can be reached.
        """
        state = _checked_state(self.forecaster, state)
        joint = self.log_goals + self.forecaster.log_step(self.state, state)
        evidence = float(_log_sum(joint))
        if evidence == -math.inf:
            return self._jump(state)
        likelihood = self.log_likelihood + evidence
        return dataclasses.replace(
            self, state=state, step=self.step + 1, log_goals=joint - evidence, log_likelihood=likelihood
        )

    def _jump(self, state: int) -> Belief:
        """The belief carried over an impossible move: goals out of reach drop out; the prior if none is left."""
        jumps = (*self.jumps, Jump(self.step, self.state, state))
        lost = np.isneginf(self.forecaster.scaled_values[:, state])
        log_goals = np.where(lost, -np.inf, self.log_goals)
        if np.isneginf(log_goals).all():
            log_goals = self.forecaster.start(state).log_goals
        log_goals = log_goals - _log_sum(log_goals)
        return dataclasses.replace(self, state=state, step=self.step + 1, log_goals=log_goals, jumps=jumps)


def absorbing_chain(mdp: MDP, policy: Float[np.ndarray, "A S"]) -> sp.csc_array:
    """The transposed chain of a policy in which states without a move keep their mass, (S, S), a column a state left."""
    matrix = mdp.transitions.chain(policy)
    resting = policy.sum(0) == 0
    closed = sp.csr_array(matrix + sp.diags_array(resting.astype(float)))
    closed.eliminate_zeros()
    return sp.csc_array(closed.T)


def _log_sum(rows: np.ndarray) -> np.ndarray:
    """log Σ exp over the first axis, -inf where every term is -inf."""
    return np.asarray(logsumexp(rows, axis=0))


def _checked_state(forecaster: GoalForecaster, state: StateNumber) -> int:
    if not 0 <= state < forecaster.mdp.n_states:
        raise InvalidInput(f"{state} is not a state: states are 0 to {forecaster.mdp.n_states - 1}")
    return int(state)


def _check(
    problem: SoftProblem, goals: np.ndarray, values: np.ndarray, weights: np.ndarray, seconds: float | None
) -> None:
    problems = []
    n_states = problem.mdp.n_states
    if goals.ndim != 1 or not len(goals):
        problems.append(f"goals has shape {goals.shape}: expected at least one state in a row")
    elif len(np.unique(goals)) < len(goals) or goals.min() < 0 or goals.max() >= n_states:
        problems.append(f"goals must be distinct states between 0 and {n_states - 1}")
    if values.shape != (len(goals), n_states):
        problems.append(f"values has shape {values.shape}: expected (goals, states) = {len(goals), n_states}")
    elif np.isnan(values).any() or np.isposinf(values).any():
        problems.append("values holds NaN or +inf: a goal without finite soft values cannot be a candidate")
    if weights.shape != goals.shape or not (weights >= 0).all() or not 0 < weights.sum() < math.inf:
        problems.append(f"prior must be {len(goals)} finite weights ≥ 0 that do not all vanish")
    if not 0 < problem.temperature < math.inf:
        problems.append(f"temperature = {problem.temperature}: a forecast needs a positive, finite temperature")
    if problem.reward.per_step:
        problems.append("the reward changes over time; a forecast to goals needs a stationary one, (A, S)")
    if seconds is not None and not 0 < seconds < math.inf:
        problems.append(f"seconds_per_step = {seconds}: expected a positive number of seconds, or None")
    if problems:
        raise InvalidInput(problems)
