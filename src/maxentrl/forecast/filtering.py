"""Hidden positions: forward–backward filtering over (goal, cell) when a walker is seen through noisy detections."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from maxentrl.forecast.goals import GoalForecaster
from maxentrl.status import Failure, InvalidInput, Status

CHUNK = 4_000_000
"""Most entries of a policy (actions × goals × cells) held at once; goals beyond it are taken in turns."""
RANGE = 600.0
"""Largest exponent, away from what double precision holds."""


class AbstractDetections(abc.ABC):
    """What was seen at each step 0..T of a walk."""

    @property
    @abc.abstractmethod
    def count(self) -> int:
        """Number of steps T + 1."""

    @abc.abstractmethod
    def log_emission(self, step: int, states: Int[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        """log p(detection at this step | walker in each of the states); zero where nothing was detected."""


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianDetections(AbstractDetections):
    """Detected positions with Gaussian errors, in the unit of ``centre`` (metres).

    Attributes:
        centre: (x, y) of each state, (S, 2); ``GridGeometry.position``.
        position: detected (x, y) at each step, (T+1, 2); ignored where ``detected`` is false.
        covariance: of the error, (2, 2), or one for each step, (T+1, 2, 2).
        detected: which steps have a detection, (T+1,); a missed one says nothing about the cell.
        clutter: share of the detections that have nothing to do with the walker and lie anywhere in ``area`` alike.
        area: where those lie, in squares of the unit of ``centre``.

    Raises:
        InvalidInput: shapes that disagree, a detection that is not finite, a covariance that is not positive definite.
    """

    centre: Float[np.ndarray, "S 2"]
    position: Float[np.ndarray, "times 2"]
    covariance: Float[np.ndarray, "*each 2 2"]
    detected: Bool[np.ndarray, " times"] | None = None
    clutter: float = 0.0
    area: float = 1.0

    def __post_init__(self) -> None:
        steps = len(self.position)
        seen = np.ones(steps, bool) if self.detected is None else np.asarray(self.detected)
        problems = []
        if self.position.shape != (steps, 2) or not steps or seen.shape != (steps,):
            problems.append(f"position has shape {self.position.shape}: expected (steps, 2) with one or more steps")
        elif not np.isfinite(self.position[seen]).all():
            where = int(np.argwhere(seen & ~np.isfinite(self.position).all(1))[0][0])
            problems.append(f"detection {where} is not finite: mark missed steps in detected")
        if self.covariance.shape not in ((2, 2), (steps, 2, 2)):
            problems.append(f"covariance has shape {self.covariance.shape}: expected (2, 2) or ({steps}, 2, 2)")
        elif not (np.linalg.eigvalsh(self.covariance) > 0).all():
            problems.append("covariance must be positive definite: give the detector's variances in square metres")
        if not 0 <= self.clutter < 1 or not 0 < self.area < np.inf:
            problems.append(
                f"clutter = {self.clutter}, area = {self.area}: expected a share below 1 and a positive area"
            )
        if problems:
            raise InvalidInput(problems)

    @property
    def count(self) -> int:
        return len(self.position)

    @property
    def first(self) -> int:
        """The first step with a detection.

        Raises:
            InvalidInput: nothing was detected.
        """
        if self.detected is not None and not self.detected.any():
            raise InvalidInput("nothing was detected at any step")
        return 0 if self.detected is None else int(np.argmax(self.detected))

    def part(self, first: int, last: int) -> GaussianDetections:
        """The detections of steps first..last−1."""
        covariance = self.covariance if self.covariance.ndim == 2 else self.covariance[first:last]
        detected = None if self.detected is None else self.detected[first:last]
        return dataclasses.replace(self, position=self.position[first:last], covariance=covariance, detected=detected)

    def log_emission(self, step: int, states: Int[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        if self.detected is not None and not self.detected[step]:
            return np.zeros(len(states))
        covariance = self.covariance if self.covariance.ndim == 2 else self.covariance[step]
        error = self.centre[states] - self.position[step]
        distance = np.einsum("ni,ij,nj->n", error, np.linalg.inv(covariance), error)
        genuine = -0.5 * (distance + np.log(np.linalg.det(2 * np.pi * covariance)))
        if self.clutter == 0:
            return genuine
        return np.logaddexp(np.log1p(-self.clutter) + genuine, np.log(self.clutter / self.area))


@dataclasses.dataclass(frozen=True, eq=False)
class HiddenWalk:
    """Probabilities of goal and cell at each step of a walk seen through detections, kept where there is any mass.

    Attributes:
        forecaster: the model of walks.
        support: the cells with mass at each step, T+1 arrays of states (N_t,).
        joint: p(goal, cell) at each step given the detections, T+1 arrays (G, N_t), each summing to one.
        log_likelihood: log p(detections).
        dropped: largest share of mass that was cut from the support at one step.
    """

    forecaster: GoalForecaster
    support: tuple[Int[np.ndarray, " _"], ...]
    joint: tuple[Float[np.ndarray, "G _"], ...]
    log_likelihood: float
    dropped: float

    @property
    def goals(self) -> Float[np.ndarray, "times G"]:
        """p(g) at each step, (T+1, G)."""
        return np.stack([joint.sum(1) for joint in self.joint])

    @property
    def mass(self) -> Float[np.ndarray, "G S"]:
        """p(g, s) at the last step, (G, S), from which visits ahead start."""
        mass = np.zeros(self.forecaster.scaled_values.shape)
        mass[:, self.support[-1]] = self.joint[-1]
        return mass

    def cells(self, step: int) -> Float[np.ndarray, " S"]:
        """p(s) at a step, goals summed out, (S,)."""
        cells = np.zeros(self.forecaster.mdp.n_states)
        cells[self.support[step]] = self.joint[step].sum(0)
        return cells

    def mean_position(self, centre: Float[np.ndarray, "S 2"]) -> Float[np.ndarray, "times 2"]:
        """Expected position at each step, in the unit of ``centre``."""
        pairs = zip(self.support, self.joint, strict=True)
        return np.stack([joint.sum(0) @ centre[support] for support, joint in pairs])


def filter_walk(
    forecaster: GoalForecaster,
    detections: AbstractDetections,
    *,
    start: Float[np.ndarray, " S"] | None = None,
    negligible: float = 1e-9,
) -> HiddenWalk:
    """p(g, s_t | detections up to t) at each step, by the forward recursion.

        p(g, s_0) ∝ p(g) start(s_0) p(o_0|s_0),   p(g, s_{t+1}) ∝ p(o_{t+1}|s_{t+1}) Σ_s P_g(s → s_{t+1}) p(g, s_t)

    Each step is scaled in logarithms, so a detection far from everything expected is no underflow. Walkers rest at
    their goal.

    Args:
        forecaster: walks to each goal.
        detections: what was seen.
        start: prior of the first cell, (S,), any scale; None for all cells alike. Steps before the first detection
            then cost a sweep over all cells for nothing: cut them with ``detections.part``.
        negligible: cells whose share of the mass is below this are dropped; 0 keeps all.

    Raises:
        Failure: UNREACHABLE_GOAL when no goal can be reached from any cell of the start.
        InvalidInput: a start of the wrong shape or without mass.
    """
    support, prior = _first(forecaster, start)
    supports, joints, log_likelihood, dropped = [], [], 0.0, 0.0
    for step in range(detections.count):
        log_emission = detections.log_emission(step, support)
        with np.errstate(divide="ignore"):
            log_joint = np.log(prior) + log_emission
        top = float(np.max(log_joint))
        joint = np.exp(log_joint - top)
        total = joint.sum()
        log_likelihood += float(np.log(total)) + top
        support, joint, lost = _cut(support, joint / total, negligible)
        dropped = max(dropped, lost)
        supports.append(support)
        joints.append(joint)
        if step + 1 < detections.count:
            moves = LocalMoves.of(forecaster, support)
            support, prior = moves.following, moves.push(joint)
    return HiddenWalk(forecaster, tuple(supports), tuple(joints), log_likelihood, dropped)


def smooth_walk(filtered: HiddenWalk, detections: AbstractDetections) -> HiddenWalk:
    """p(g, s_t | all detections) at each step, by the backward recursion over a filtered walk.

    b_T = 1,   b_t(g, s) = Σ_{s'} P_g(s → s') p(o_{t+1}|s') b_{t+1}(g, s') (scaled),   p(g, s_t | all) ∝ filtered · b_t
    """
    joints = [filtered.joint[-1]]
    backward = np.ones_like(filtered.joint[-1])
    for step in reversed(range(len(filtered.support) - 1)):
        following = filtered.support[step + 1]
        log_emission = detections.log_emission(step + 1, following)
        moves = LocalMoves.of(filtered.forecaster, filtered.support[step])
        place = np.searchsorted(moves.following, following)
        ahead = np.zeros((len(backward), len(moves.following)))
        ahead[:, place] = backward * np.exp(log_emission - np.max(log_emission))
        backward = moves.pull(ahead)
        joint = filtered.joint[step] * backward
        total = joint.sum()
        joints.append(joint / total)
        backward = backward / total
    return dataclasses.replace(filtered, joint=tuple(joints[::-1]))


@dataclasses.dataclass(frozen=True, eq=False)
class LocalMoves:
    """One step of every goal's chain out of a few cells.

    Attributes:
        forecaster: walks to each goal.
        support: cells left, (N,), sorted.
        following: cells that can be next, (M,), sorted.
        landing: for each action, P(following | support, action), (N, M) sparse.
    """

    forecaster: GoalForecaster
    support: Int[np.ndarray, " N"]
    following: Int[np.ndarray, " M"]
    landing: tuple[sp.csr_array, ...]

    @staticmethod
    def of(forecaster: GoalForecaster, support: Int[np.ndarray, " N"]) -> LocalMoves:
        """The moves out of ``support``."""
        outcomes = [forecaster.moves(action, support) for action in range(forecaster.mdp.n_actions)]
        reached = [successor[probability > 0] for successor, probability in outcomes]
        following = np.unique(np.concatenate([*reached, support]))
        landing = tuple(_landing(successor, probability, following) for successor, probability in outcomes)
        return LocalMoves(forecaster, support, following, landing)

    def _policies(self) -> Iterator[tuple[slice, Float[np.ndarray, "A g N"], Bool[np.ndarray, "g N"]]]:
        """Policies of a few goals at a time, and where their walkers rest."""
        goals = len(self.forecaster.goals)
        width = max(1, CHUNK // (self.forecaster.mdp.n_actions * len(self.support)))
        for first in range(0, goals, width):
            chunk = slice(first, min(first + width, goals))
            policy = np.exp(self.forecaster.log_policy(np.arange(goals)[chunk, None], self.support[None]))
            yield chunk, policy, policy.sum(0) == 0

    def push(self, mass: Float[np.ndarray, "G N"]) -> Float[np.ndarray, "G M"]:
        """Mass one step later."""
        moved = self._push_together(mass)
        if moved is not None:
            return moved
        arriving = np.zeros((len(mass), len(self.following)))
        stay = np.searchsorted(self.following, self.support)
        for chunk, policy, resting in self._policies():
            moved = sum((rows.T @ (p * mass[chunk]).T).T for rows, p in zip(self.landing, policy, strict=True))
            arriving[chunk] = moved
            arriving[chunk, stay] += np.where(resting, mass[chunk], 0.0)
        return arriving

    def _push_together(self, mass: Float[np.ndarray, "G N"]) -> Float[np.ndarray, "G M"] | None:
        """The same by one matrix for all goals, P_g(s → s') = W(s, s') exp(u_g(s') − u_g(s)); None where that is not so, or
        beyond the range of exponentials.
        """
        forecaster = self.forecaster
        if not forecaster.mdp.transitions.deterministic or forecaster.outcome is not None:
            return None
        here, there = forecaster.scaled_values[:, self.support], forecaster.scaled_values[:, self.following]
        resting = np.isneginf(here) | (self.support == forecaster.goals[:, None])
        level = np.max(np.where(resting, -np.inf, here), axis=1, initial=-np.inf, keepdims=True)
        level = np.where(np.isneginf(level), 0.0, level)
        drop = np.where(resting, 0.0, here - level)
        if drop.min(initial=0.0) < -RANGE or np.max(there - level, initial=-np.inf) > RANGE:
            return None
        weight = np.exp(forecaster.weight[:, self.support])
        links = sum(rows.multiply(w[:, None]) for rows, w in zip(self.landing, weight, strict=True))
        leaving = np.where(resting, 0.0, mass) * np.exp(-drop)
        arriving = (sp.csr_array(links).T @ leaving.T).T * np.exp(there - level)
        stay = np.searchsorted(self.following, self.support)
        arriving[:, stay] += np.where(resting, mass, 0.0)
        return np.asarray(arriving)

    def pull(self, values: Float[np.ndarray, "G M"]) -> Float[np.ndarray, "G N"]:
        """Expected values one step later: the adjoint of :meth:`push`."""
        expected = np.zeros((len(values), len(self.support)))
        stay = np.searchsorted(self.following, self.support)
        for chunk, policy, resting in self._policies():
            ahead = sum(p * (rows @ values[chunk].T).T for rows, p in zip(self.landing, policy, strict=True))
            expected[chunk] = np.where(resting, values[chunk][:, stay], ahead)
        return expected


def _landing(
    successor: Int[np.ndarray, "B N"], probability: Float[np.ndarray, "B N"], following: Int[np.ndarray, " M"]
) -> sp.csr_array:
    row = np.broadcast_to(np.arange(successor.shape[1]), successor.shape)
    keep = probability > 0
    entries = (probability[keep], (row[keep], np.searchsorted(following, successor[keep])))
    return sp.csr_array(entries, shape=(successor.shape[1], len(following)))


def _first(
    forecaster: GoalForecaster, start: Float[np.ndarray, " S"] | None
) -> tuple[Int[np.ndarray, " N"], Float[np.ndarray, "G N"]]:
    n_states = forecaster.mdp.n_states
    weight = np.ones(n_states) if start is None else np.asarray(start, float)
    if weight.shape != (n_states,) or not (weight >= 0).all() or not 0 < weight.sum() < np.inf:
        raise InvalidInput(f"start must be {n_states} finite weights ≥ 0 that do not all vanish")
    support = np.nonzero(weight)[0]
    reachable = ~np.isneginf(forecaster.scaled_values[:, support])
    prior = np.exp(forecaster.log_prior)[:, None] * weight[support] * reachable
    if not prior.sum() > 0:
        raise Failure(Status.UNREACHABLE_GOAL, "from any cell where the walk may start")
    return support, prior / prior.sum()


def _cut(support: np.ndarray, joint: np.ndarray, negligible: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Drop cells that hold a negligible share, and scale the rest to one."""
    cells = joint.sum(0)
    keep = cells > negligible
    kept = float(cells[keep].sum())
    return support[keep], joint[:, keep] / kept, 1.0 - kept
