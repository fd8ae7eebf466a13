"""Where moves lead: deterministic and sparse transitions behind one small set of operations.

All tables are action-major, ``(A, S)``, so that the loop over states is the inner one. There is never an ``(S, A, S)``
array; :func:`from_dense` turns one into its sparse form on the way in.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from functools import cached_property, reduce

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jaxtyping import Array, Bool, Float, Int

from maxentrl.numerics.logsumexp import log_sum_exp
from maxentrl.numerics.types import ArrayLike, Rows
from maxentrl.status import InvalidInput

SUM_TOLERANCE = 1e-6
"""How far a pair's probabilities may sum from one."""
UNEVEN = 2
"""Most arrivals of a state, in multiples of the links that leave one, for which a table of them is kept."""


def gather(values: ArrayLike, index: ArrayLike) -> Array:
    """values[index] for indices known to lie within."""
    return jnp.asarray(values).at[jnp.asarray(index)].get(mode="promise_in_bounds")


def arrivals_of(target: Int[np.ndarray, "B S"], used: Bool[np.ndarray, "B S"]) -> Int[np.ndarray, "C S"] | None:
    """Numbers b·S + s of the used links that lead to each state, padded with B·S; None where some state has too many."""
    width, n_states = target.shape
    link = np.flatnonzero(used.ravel())
    order = np.argsort(target.ravel()[link], kind="stable")
    link, state = link[order], target.ravel()[link][order]
    count = np.bincount(state, minlength=n_states)
    most = int(count.max(initial=0))
    if not 0 < most <= UNEVEN * width:
        return None
    table = np.full((most, n_states), width * n_states, np.int32 if target.size < 2**31 else np.int64)
    table[np.arange(len(link)) - (np.cumsum(count) - count)[state], state] = link
    return table


def _arrive(
    masses: Rows, target: Int[ArrayLike, "B S"], arrivals: Int[ArrayLike, "C S"] | None
) -> Float[ArrayLike, " S"]:
    """Σ of masses[b][s] over the links that lead to each state."""
    if arrivals is None:
        arriving = jnp.zeros_like(masses[0])
        for row, mass in zip(target, masses, strict=True):
            arriving = arriving.at[row].add(mass, mode="promise_in_bounds")
        return arriving
    every = jnp.concatenate([*masses, jnp.zeros_like(masses[0])])
    return reduce(jnp.add, [gather(every, row) for row in arrivals])


class AbstractTransitions(abc.ABC):
    """P(s' | s, a) as an operator. The adjoint law ⟨expect(v), m⟩ = ⟨v, push(m)⟩ holds for every representation."""

    available: Bool[ArrayLike, "A S"]

    @property
    def n_actions(self) -> int:
        """Number of actions A, available or not."""
        return self.available.shape[0]

    @property
    def n_states(self) -> int:
        """Number of states S."""
        return self.available.shape[1]

    @property
    @abc.abstractmethod
    def deterministic(self) -> bool:
        """Whether each pair has one successor."""

    @abc.abstractmethod
    def expect(self, values: Float[ArrayLike, " S"]) -> Rows:
        """E[v(s') | s, a]: one row of shape (S,) for each action; any finite number for an unavailable pair.

        A value of -inf at a successor that is reached with positive probability gives -inf.
        """

    @abc.abstractmethod
    def push(self, pairs: Rows) -> Float[ArrayLike, " S"]:
        """Mass that arrives in each state: Σ_{s,a} pairs[a][s] P(s' | s, a). Unavailable pairs must carry none."""

    @abc.abstractmethod
    def with_arrivals(self) -> AbstractTransitions:
        """The same with a table of arrivals, or without one where they are too uneven for it; see :attr:`indexed`."""

    @cached_property
    def indexed(self) -> AbstractTransitions:
        """The same, prepared once so that :meth:`push` gathers what arrives in each state.

        Scattering it uses one core, and on accelerators it adds in an order that is not repeatable.
        """
        return self.with_arrivals()

    @abc.abstractmethod
    def log_expect_exp(self, values: Float[ArrayLike, " S"], outcome: Float[ArrayLike, "A B S"] | None) -> Rows:
        """log E[exp(outcome + v(s')) | s, a]: the optimistic expectation of the trajectory-level form."""

    @abc.abstractmethod
    def tilt(self, values: Float[ArrayLike, " S"], outcome: Float[ArrayLike, "A B S"] | None) -> AbstractTransitions:
        """The posterior dynamics P(s'|s,a) exp(outcome + v(s')) / Σ…, under which trajectory-level visits are counted."""

    @abc.abstractmethod
    def expect_outcome(self, outcome: Float[ArrayLike, "A B S"]) -> Rows:
        """E[outcome | s, a], one row for each action."""

    @abc.abstractmethod
    def outcome_visits(self, pairs: Rows) -> Float[ArrayLike, "A B S"]:
        """Visits of each transition: pairs[a][s] P(s'_b | s, a), aligned with ``RewardTable.outcome``."""

    @abc.abstractmethod
    def successors_of(
        self, action: Int[np.ndarray, " N"], state: Int[np.ndarray, " N"]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Successors and probabilities of N pairs, two arrays (B, N), for data work on the host; padded with p = 0."""

    @abc.abstractmethod
    def chain(self, policy: Float[np.ndarray, "A S"]) -> sp.csr_array:
        """The state chain Σ_a weight(a|s) P(s'|s,a) as a sparse matrix (S, S) for linear solves on the host."""

    @abc.abstractmethod
    def as_dense(self) -> Float[np.ndarray, "A S S"]:
        """All probabilities as one array, for tiny problems and tests; zero rows for unavailable pairs."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DeterministicTransitions(AbstractTransitions):
    """Each available pair leads to one state.

    Attributes:
        successor: s' of each pair, int32 (A, S); an unavailable pair points to its own state.
        available: which pairs may be chosen, (A, S).
        arrivals: where each state's arrivals come from, see :meth:`indexed`; None scatters.
    """

    successor: Int[ArrayLike, "A S"]
    available: Bool[ArrayLike, "A S"]
    arrivals: Int[ArrayLike, "C S"] | None = None

    @property
    def deterministic(self) -> bool:
        return True

    def expect(self, values: Float[ArrayLike, " S"]) -> Rows:
        return [gather(values, row) for row in self.successor]

    def push(self, pairs: Rows) -> Float[ArrayLike, " S"]:
        return _arrive(pairs, self.successor, self.arrivals)

    def with_arrivals(self) -> DeterministicTransitions:
        table = arrivals_of(np.asarray(self.successor), np.asarray(self.available))
        return dataclasses.replace(self, arrivals=table)

    def log_expect_exp(self, values: Float[ArrayLike, " S"], outcome: Float[ArrayLike, "A B S"] | None) -> Rows:
        rows = self.expect(values)
        return rows if outcome is None else [row + extra[0] for row, extra in zip(rows, outcome, strict=True)]

    def tilt(
        self, values: Float[ArrayLike, " S"], outcome: Float[ArrayLike, "A B S"] | None
    ) -> DeterministicTransitions:
        return self

    def expect_outcome(self, outcome: Float[ArrayLike, "A B S"]) -> Rows:
        return [row[0] for row in outcome]

    def outcome_visits(self, pairs: Rows) -> Float[ArrayLike, "A B S"]:
        return jnp.stack(list(pairs))[:, None, :]

    def successors_of(
        self, action: Int[np.ndarray, " N"], state: Int[np.ndarray, " N"]
    ) -> tuple[np.ndarray, np.ndarray]:
        successor = np.asarray(self.successor)[action, state][None]
        return successor, np.asarray(self.available)[action, state][None].astype(float)

    def chain(self, policy: Float[np.ndarray, "A S"]) -> sp.csr_array:
        action, state = np.nonzero(np.asarray(self.available) & (policy != 0))
        entries = (policy[action, state], (state, np.asarray(self.successor)[action, state]))
        return sp.csr_array(entries, shape=(self.n_states, self.n_states))

    def as_dense(self) -> Float[np.ndarray, "A S S"]:
        dense = np.zeros((self.n_actions, self.n_states, self.n_states))
        action, state = np.nonzero(np.asarray(self.available))
        dense[action, state, np.asarray(self.successor)[action, state]] = 1.0
        return dense


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class SparseTransitions(AbstractTransitions):
    """Each state has B possible successors, shared by its actions, which differ in their probabilities.

    Sharing the successors means B gathers a backup however many actions there are: on a slippery grid with A moves, A
    gathers in place of A².

    Attributes:
        successors: the distinct states that can follow s, int32 (B, S), padded with s itself.
        probability: P(successors[b, s] | s, a), (A, B, S); zero where padded or unavailable.
        available: which pairs may be chosen, (A, S).
        arrivals: where each state's arrivals come from, see :meth:`indexed`; None scatters.
    """

    successors: Int[ArrayLike, "B S"]
    probability: Float[ArrayLike, "A B S"]
    available: Bool[ArrayLike, "A S"]
    arrivals: Int[ArrayLike, "C S"] | None = None

    @property
    def deterministic(self) -> bool:
        return False

    def expect(self, values: Float[ArrayLike, " S"]) -> Rows:
        following = [gather(values, row) for row in self.successors]
        return [self._mean(row, following) for row in self.probability]

    @staticmethod
    def _mean(probability: Float[ArrayLike, "B S"], following: Rows) -> Float[ArrayLike, " S"]:
        total = jnp.zeros_like(following[0])
        for weight, value in zip(probability, following, strict=True):
            total = total + jnp.where(weight > 0, weight * value, 0.0)
        return total

    def push(self, pairs: Rows) -> Float[ArrayLike, " S"]:
        masses = [
            reduce(jnp.add, [mass * self.probability[a, b] for a, mass in enumerate(pairs)])
            for b in range(len(self.successors))
        ]
        return _arrive(masses, self.successors, self.arrivals)

    def with_arrivals(self) -> SparseTransitions:
        used = np.any(np.asarray(self.probability) > 0, axis=0)
        return dataclasses.replace(self, arrivals=arrivals_of(np.asarray(self.successors), np.asarray(used)))

    def _log_terms(
        self, values: Float[ArrayLike, " S"], outcome: Float[ArrayLike, "A B S"] | None
    ) -> list[list[Array]]:
        following = [gather(values, row) for row in self.successors]
        log_probability = jnp.log(self.probability)
        terms = log_probability if outcome is None else log_probability + outcome
        terms = jnp.where(jnp.isneginf(log_probability), -jnp.inf, terms)
        return [[row[b] + following[b] for b in range(len(following))] for row in terms]

    def log_expect_exp(self, values: Float[ArrayLike, " S"], outcome: Float[ArrayLike, "A B S"] | None) -> Rows:
        return [log_sum_exp(terms) for terms in self._log_terms(values, outcome)]

    def tilt(self, values: Float[ArrayLike, " S"], outcome: Float[ArrayLike, "A B S"] | None) -> SparseTransitions:
        terms = jnp.stack([jnp.stack(row) for row in self._log_terms(values, outcome)])
        top = jnp.max(terms, axis=1, keepdims=True)
        weight = jnp.exp(terms - jnp.where(jnp.isneginf(top), 0.0, top))
        total = jnp.sum(weight, axis=1, keepdims=True)
        return SparseTransitions(
            self.successors, weight / jnp.where(total > 0, total, 1.0), self.available, self.arrivals
        )

    def expect_outcome(self, outcome: Float[ArrayLike, "A B S"]) -> Rows:
        return [self._mean(p, list(row)) for p, row in zip(self.probability, outcome, strict=True)]

    def outcome_visits(self, pairs: Rows) -> Float[ArrayLike, "A B S"]:
        return jnp.stack([mass * p for mass, p in zip(pairs, self.probability, strict=True)])

    def successors_of(
        self, action: Int[np.ndarray, " N"], state: Int[np.ndarray, " N"]
    ) -> tuple[np.ndarray, np.ndarray]:
        successor = np.asarray(self.successors)[:, state]
        return successor, np.asarray(self.probability)[action, :, state].T

    def chain(self, policy: Float[np.ndarray, "A S"]) -> sp.csr_array:
        weight = np.einsum("as,abs->bs", policy, np.asarray(self.probability))
        b, state = np.nonzero(weight)
        entries = (weight[b, state], (state, np.asarray(self.successors)[b, state]))
        return sp.csr_array(entries, shape=(self.n_states, self.n_states))

    def as_dense(self) -> Float[np.ndarray, "A S S"]:
        dense = np.zeros((self.n_actions, self.n_states, self.n_states))
        for b, row in enumerate(np.asarray(self.successors)):
            for a in range(self.n_actions):
                np.add.at(dense[a], (np.arange(self.n_states), row), np.asarray(self.probability)[a, b])
        return dense


def from_outcomes(
    state: Int[np.ndarray, " N"],
    action: Int[np.ndarray, " N"],
    successor: Int[np.ndarray, " N"],
    probability: Float[np.ndarray, " N"],
    *,
    n_states: int,
    n_actions: int,
) -> AbstractTransitions:
    """Transitions from a list of outcomes (state, action, next state, probability); repeated rows add up.

    Returns the deterministic form where every listed pair has one successor, else the sparse one. Pairs that are not
    listed are unavailable.

    Raises:
        InvalidInput: probabilities that are negative, not finite, or do not sum to one for a pair (named, with the sum).
    """
    problems = probability_problems(state, action, probability, name=lambda s, a: f"state {s}, action {a}")
    if problems:
        raise InvalidInput(problems)
    return unchecked_outcomes(state, action, successor, probability, n_states=n_states, n_actions=n_actions)


def unchecked_outcomes(
    state: Int[np.ndarray, " N"],
    action: Int[np.ndarray, " N"],
    successor: Int[np.ndarray, " N"],
    probability: Float[np.ndarray, " N"],
    *,
    n_states: int,
    n_actions: int,
) -> AbstractTransitions:
    """:func:`from_outcomes` for callers that list what is wrong together with other problems of their own."""
    keep = probability > 0
    state, action, successor, probability = state[keep], action[keep], successor[keep], probability[keep]
    available = np.zeros((n_actions, n_states), bool)
    available[action, state] = True
    links, link = np.unique(state.astype(np.int64) * n_states + successor, return_inverse=True)
    origin, target = links // n_states, links % n_states
    pairs = np.unique(np.stack([action, state, successor]), axis=1)
    if pairs.shape[1] == available.sum():
        table = np.broadcast_to(np.arange(n_states, dtype=np.int32), (n_actions, n_states)).copy()
        table[pairs[0], pairs[1]] = pairs[2]
        return DeterministicTransitions(table, available)
    first = np.searchsorted(origin, np.arange(n_states))
    slot = np.arange(len(links)) - first[origin]
    width = int(slot.max()) + 1
    successors = np.broadcast_to(np.arange(n_states, dtype=np.int32), (width, n_states)).copy()
    successors[slot, origin] = target
    table = np.zeros((n_actions, width, n_states))
    np.add.at(table, (action, slot[link], state), probability)
    return SparseTransitions(successors, table, available)


def from_dense(probability: Float[np.ndarray, "actions states following"]) -> AbstractTransitions:
    """Transitions from P[a, s, s']; a row of zeros marks an unavailable pair.

    Raises:
        InvalidInput: axes in another order, or rows that are no probabilities (see :func:`from_outcomes`).
    """
    if probability.ndim != 3 or probability.shape[1] != probability.shape[2]:
        raise InvalidInput(
            f"the array has shape {probability.shape}: expected (actions, states, states) with P[a, s, s'], the action first"
        )
    action, state, successor = np.nonzero(probability)
    weight = probability[action, state, successor]
    n_actions, n_states, _ = probability.shape
    return from_outcomes(state, action, successor, weight, n_states=n_states, n_actions=n_actions)


def probability_problems(
    state: Int[np.ndarray, " N"],
    action: Int[np.ndarray, " N"],
    probability: Float[np.ndarray, " N"],
    *,
    name: Callable[[int, int], str],
) -> list[str]:
    """What is wrong with listed outcomes: probabilities that are none, and pairs that do not sum to one.

    Args:
        state: origin of each outcome.
        action: action of each outcome.
        probability: of each outcome.
        name: words for a pair (state, action).
    """
    wrong = np.flatnonzero(~(np.isfinite(probability) & (probability >= 0)))
    if len(wrong):
        return [
            f"{name(int(state[i]), int(action[i]))}: probability {probability[i]:g}, expected a number from 0 to 1"
            for i in wrong[:20]
        ]
    pairs, pair = np.unique(np.stack([action, state]), axis=1, return_inverse=True)
    total = np.bincount(pair.ravel(), probability)
    off = np.flatnonzero((total != 0) & (np.abs(total - 1) > SUM_TOLERANCE))
    problems = [
        f"{name(int(pairs[1, i]), int(pairs[0, i]))}: probabilities sum to {total[i]:.9g}, expected 1" for i in off[:20]
    ]
    more = [f"… and {len(off) - 20} more pairs whose probabilities do not sum to 1"] if len(off) > 20 else []
    return problems + more
