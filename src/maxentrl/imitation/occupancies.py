"""The visits that some policy makes, as the points of a polytope: flow is conserved and nothing is negative."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from maxentrl.imitation.policy import LogPolicy
from maxentrl.imitation.starts import StartGroup
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Discounted, Finite, Time, ToGoal
from maxentrl.status import Failure, Status


@dataclasses.dataclass(frozen=True, eq=False)
class Flow:
    """Occupancies of one group of walks: B μ = b, μ ≥ 0, over N pairs that they can visit.

    Attributes:
        group: starts and goals.
        action: of each pair, (N,).
        state: of each pair, (N,).
        step: of each pair with ``Finite(T)``, else 0, (N,).
        row: the row of B in which the pair's own state is balanced, non-decreasing, (N,).
        balance: B, visits of a state less γ times arrivals, (R, N).
        entering: b, the starts, (R,).
        ending: γ P into states that end a walk, (S, N).
        ended: starts that are ends, (S,).
        usable: pairs that a policy may take without risking never to arrive, (A, S).
        steps: T with ``Finite(T)``, else 0.
        mass: greatest Σ μ of any occupancy, inf where walks may be of any length.
    """

    group: StartGroup
    action: Int[np.ndarray, " N"]
    state: Int[np.ndarray, " N"]
    step: Int[np.ndarray, " N"]
    row: Int[np.ndarray, " N"]
    balance: sp.csc_array
    entering: Float[np.ndarray, " R"]
    ending: sp.csc_array
    ended: Float[np.ndarray, " S"]
    usable: Bool[np.ndarray, "A S"]
    steps: int
    mass: float

    def features(
        self, pair: Float[np.ndarray, "K A S"], terminal: Float[np.ndarray, "K S"]
    ) -> tuple[Float[np.ndarray, "K N"], Float[np.ndarray, " K"]]:
        """Φ and c with Φ μ + c the expected features of the group's walks, ends included."""
        return pair[:, self.action, self.state] + terminal @ self.ending, terminal @ self.ended

    def log_policy(
        self, visits: Float[np.ndarray, " N"], elsewhere: Float[np.ndarray, "A S"], cut: float = 0.0
    ) -> LogPolicy:
        """log μ(s,a)/Σ_a μ(s,a); in states with at most ``cut`` visits, and where none are counted, another policy."""
        table = np.zeros((max(self.steps, 1), *self.usable.shape))
        table[self.step, self.action, self.state] = np.maximum(visits, 0.0)
        total = table.sum(1, keepdims=True)
        policy = np.where(total > cut, table / np.where(total > cut, total, 1.0), elsewhere)
        with np.errstate(divide="ignore"):
            log_policy = np.log(policy)
        return log_policy if self.steps else log_policy[0]


@dataclasses.dataclass(frozen=True, eq=False)
class Occupancies:
    """The flows of all groups side by side.

    Attributes:
        flows: one a group.
        longest: greatest Σ μ allowed where walks may be of any length: expected decisions of a walk; else inf.
    """

    flows: tuple[Flow, ...]
    longest: float

    @property
    def mass(self) -> float:
        """Greatest Σ μ of any point."""
        return min(self.longest, sum(flow.mass for flow in self.flows))

    @property
    def capped(self) -> bool:
        """Whether Σ μ ≤ longest is a constraint of its own."""
        return self.longest < sum(flow.mass for flow in self.flows)

    @cached_property
    def balance(self) -> sp.csc_array:
        """B of all flows, (R, N)."""
        return sp.csc_array(sp.block_diag([flow.balance for flow in self.flows], format="csc"))

    @cached_property
    def entering(self) -> Float[np.ndarray, " R"]:
        """b of all flows, (R,)."""
        return np.concatenate([flow.entering for flow in self.flows])

    @cached_property
    def row(self) -> Int[np.ndarray, " N"]:
        """The row in which each pair's state is balanced, (N,)."""
        before = np.cumsum([0, *(len(flow.entering) for flow in self.flows[:-1])])
        return np.concatenate([flow.row + first for flow, first in zip(self.flows, before, strict=True)])

    def features(
        self, pair: Float[np.ndarray, "K A S"], terminal: Float[np.ndarray, "K S"]
    ) -> tuple[Float[np.ndarray, "K N"], Float[np.ndarray, " K"]]:
        """Φ and c over all flows."""
        parts = [flow.features(pair, terminal) for flow in self.flows]
        return np.concatenate([part for part, _ in parts], axis=1), np.sum([c for _, c in parts], axis=0)

    def split(self, visits: Float[np.ndarray, " N"]) -> list[Float[np.ndarray, " n"]]:
        """The visits of each flow."""
        return np.split(visits, np.cumsum([len(flow.action) for flow in self.flows])[:-1])


def occupancies(mdp: MDP, time: Time, starts: Sequence[StartGroup], longest: float = np.inf) -> Occupancies:
    """The polytope of occupancies from the given starts.

    ``Finite(T)`` has one pair a step; ``Discounted`` weighs visits by γᵗ; with ``ToGoal`` only moves are kept after
    which the goal can still be reached with certainty, since no occupancy is finite on others.

    Raises:
        Failure: UNREACHABLE_GOAL, naming a start.
    """
    return Occupancies(tuple(_flow(mdp, time, group) for group in starts), longest)


def _flow(mdp: MDP, time: Time, group: StartGroup) -> Flow:
    ends = mdp.terminal.copy()
    if isinstance(time, ToGoal):
        ends = np.isin(np.arange(mdp.n_states), group.goals)
    links = _Links.of(mdp, ends)
    if isinstance(time, ToGoal):
        links = links.surely_arriving(ends)
        lost = np.flatnonzero((group.mass > 0) & ~ends & ~links.deciding)
        if len(lost):
            where = f"from state {mdp.state_name(int(lost[0]))} to goal {mdp.state_name(group.goals[0])}"
            raise Failure(Status.UNREACHABLE_GOAL, f"no policy arrives with certainty {where}")
    usable = links.usable if isinstance(time, ToGoal) else mdp.available
    if isinstance(time, Finite):
        return _stepped(links, group, ends, usable, int(time.horizon or 0))
    discount = time.discount if isinstance(time, Discounted) else 1.0
    visited = links.reached_from((group.mass > 0) & ~ends)
    pairs = np.flatnonzero(visited[links.state])
    pairs = pairs[np.argsort(links.state[pairs], kind="stable")]
    number = np.cumsum(visited) - 1
    landing = links.landing[:, pairs]
    own = sp.csc_array((np.ones(len(pairs)), (number[links.state[pairs]], np.arange(len(pairs)))))
    mass = np.inf if isinstance(time, ToGoal) else group.share / (1.0 - discount)
    return Flow(
        group=group,
        action=links.action[pairs],
        state=links.state[pairs],
        step=np.zeros(len(pairs), np.int64),
        row=number[links.state[pairs]],
        balance=sp.csc_array(own - discount * landing[visited]),
        entering=group.mass[visited],
        ending=sp.csc_array(discount * (sp.diags_array(ends.astype(float)) @ landing)),
        ended=np.where(ends, group.mass, 0.0),
        usable=usable,
        steps=0,
        mass=mass,
    )


def _stepped(links: _Links, group: StartGroup, ends: Bool[np.ndarray, " S"], usable: np.ndarray, horizon: int) -> Flow:
    """Pairs at each step that some policy reaches; what arrives at the horizon ends there."""
    reached = np.zeros((horizon, len(ends)), bool)
    now = (group.mass > 0) & ~ends
    for step in range(horizon):
        reached[step] = now
        now = (links.landing @ now[links.state].astype(float) > 0) & ~ends
    number = (np.cumsum(reached.ravel()) - 1).reshape(reached.shape)
    order = np.argsort(links.state, kind="stable")
    step, which = np.nonzero(reached[:, links.state[order]])
    pair = order[which]
    state, count = links.state[pair], len(pair)
    own = sp.csc_array((np.ones(count), (number[step, state], np.arange(count))), shape=(int(reached.sum()), count))
    target, column = links.landing[:, pair].nonzero()
    chance = np.asarray(links.landing[:, pair].tocsr()[target, column]).ravel()
    over = ends[target] | (step[column] + 1 == horizon)
    following = number[np.minimum(step[column] + 1, horizon - 1), target]
    arriving = sp.csc_array((chance[~over], (following[~over], column[~over])), shape=own.shape)
    ending = sp.csc_array((chance[over], (target[over], column[over])), shape=(len(ends), count))
    starting = np.zeros(reached.shape)
    starting[0] = group.mass
    return Flow(
        group=group,
        action=links.action[pair],
        state=state,
        step=step,
        row=number[step, state],
        balance=sp.csc_array(own - arriving),
        entering=starting[reached],
        ending=ending,
        ended=np.where(ends, group.mass, 0.0),
        usable=usable,
        steps=horizon,
        mass=group.share * horizon,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Links:
    """P pairs and where they land: ``landing`` (S, P) holds P(s'|s,a)."""

    action: Int[np.ndarray, " P"]
    state: Int[np.ndarray, " P"]
    landing: sp.csc_array
    shape: tuple[int, int]

    @staticmethod
    def of(mdp: MDP, ends: Bool[np.ndarray, " S"]) -> _Links:
        action, state = np.nonzero(mdp.available & ~ends)
        successors, probability = mdp.transitions.successors_of(action, state)
        slot, pair = np.nonzero(probability > 0)
        entries = (probability[slot, pair], (successors[slot, pair], pair))
        landing = sp.csc_array(entries, shape=(mdp.n_states, len(action)))
        return _Links(action, state, landing, (mdp.n_actions, mdp.n_states))

    @property
    def deciding(self) -> Bool[np.ndarray, " S"]:
        """States that still offer a pair."""
        return np.bincount(self.state, minlength=self.shape[1]) > 0

    @property
    def usable(self) -> Bool[np.ndarray, "A S"]:
        """The pairs as a mask."""
        mask = np.zeros(self.shape, bool)
        mask[self.action, self.state] = True
        return mask

    def kept(self, pairs: Bool[np.ndarray, " P"]) -> _Links:
        """Some of the pairs."""
        return _Links(self.action[pairs], self.state[pairs], self.landing[:, np.flatnonzero(pairs)], self.shape)

    def surely_arriving(self, goals: Bool[np.ndarray, " S"]) -> _Links:
        """Pairs after which some policy still arrives with probability one (de Alfaro 1997)."""
        links = self
        while True:
            inside = links._leading_to(goals)
            safe = (links.landing.T @ (~inside).astype(float) == 0) & inside[links.state]
            if safe.all():
                return links
            links = links.kept(safe)

    def _leading_to(self, goals: Bool[np.ndarray, " S"]) -> Bool[np.ndarray, " S"]:
        found = goals.copy()
        while True:
            wider = found.copy()
            wider[self.state[self.landing.T @ found.astype(float) > 0]] = True
            if np.array_equal(wider, found):
                return found
            found = wider

    def reached_from(self, starts: Bool[np.ndarray, " S"]) -> Bool[np.ndarray, " S"]:
        """Deciding states that some pairs lead to, the starts included."""
        found, deciding = starts.copy(), self.deciding
        while True:
            wider = found | ((self.landing @ found[self.state].astype(float) > 0) & deciding)
            if np.array_equal(wider, found):
                return found
            found = wider
