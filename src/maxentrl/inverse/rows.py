"""Demonstrated decisions as flat rows that a solution can be read at, with unseen actions summed out."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.mdp import MDP
from maxentrl.status import InvalidInput


@dataclasses.dataclass(frozen=True, eq=False)
class DecisionRows:
    """N decisions; a decision whose action was not seen has one row for each action that explains the move.

    Attributes:
        trajectory: which trajectory each decision belongs to, (N,).
        step: which decision of it, (N,).
        decision: the decision of each row, non-decreasing, (R,).
        first: the first row of each decision, (N,).
        state: s_t, (R,).
        action: a_t, seen or supposed, (R,).
        following: s_{t+1}, (R,).
        log_dynamics: log P(s'|s,a) where the action is supposed, 0 where it was seen, (R,).
        slot: the index b of s' among the successors, (R,).
        successors: states that can follow, (B, R).
        probability: their probabilities, (B, R).
    """

    trajectory: Int[np.ndarray, " N"]
    step: Int[np.ndarray, " N"]
    decision: Int[np.ndarray, " R"]
    first: Int[np.ndarray, " N"]
    state: Int[np.ndarray, " R"]
    action: Int[np.ndarray, " R"]
    following: Int[np.ndarray, " R"]
    log_dynamics: Float[np.ndarray, " R"]
    slot: Int[np.ndarray, " R"]
    successors: Int[np.ndarray, "B R"]
    probability: Float[np.ndarray, "B R"]

    @property
    def ambiguous(self) -> bool:
        """Whether some decision could have been more than one action."""
        return len(self.decision) > len(self.first)


def decision_rows(mdp: MDP, trajectories: Trajectories) -> DecisionRows:
    """The rows of all decisions.

    Raises:
        InvalidInput: states or moves that the process does not offer, by trajectory and step.
    """
    seen = trajectories.decisions
    _check_states(mdp, trajectories)
    known = seen.action != UNKNOWN
    decision = np.concatenate([np.flatnonzero(known), np.repeat(np.flatnonzero(~known), mdp.n_actions)])
    supposed = np.tile(np.arange(mdp.n_actions), int((~known).sum()))
    action = np.concatenate([seen.action[known], supposed])
    outside = (action < 0) | (action >= mdp.n_actions)
    state, following = seen.state[decision], seen.following[decision]
    successors, probability = mdp.transitions.successors_of(np.where(outside, 0, action), state)
    probability = np.where(mdp.available[np.where(outside, 0, action), state] & ~outside, probability, 0.0)
    lands = (successors == following) & (probability > 0)
    possible = lands.any(0)
    _check_moves(mdp, trajectories, decision[possible])
    keep = np.flatnonzero(possible)[np.argsort(decision[possible], kind="stable")]
    slot = np.argmax(lands[:, keep], axis=0)
    chance = probability[slot, keep]
    return DecisionRows(
        trajectory=seen.trajectory,
        step=seen.step,
        decision=decision[keep],
        first=np.searchsorted(decision[keep], np.arange(len(seen.state))),
        state=state[keep],
        action=action[keep],
        following=following[keep],
        log_dynamics=np.where(known[decision[keep]], 0.0, np.log(chance)),
        slot=slot,
        successors=successors[:, keep],
        probability=probability[:, keep],
    )


def _check_states(mdp: MDP, trajectories: Trajectories) -> None:
    bad = np.flatnonzero((trajectories.states < 0) | (trajectories.states >= mdp.n_states))
    if len(bad):
        owner = np.searchsorted(trajectories.offsets, bad[0], side="right") - 1
        raise InvalidInput(
            f"trajectory {trajectories.names[owner]}, step {bad[0] - trajectories.offsets[owner]}: state "
            f"{trajectories.states[bad[0]]} does not exist; states are 0 to {mdp.n_states - 1}"
        )


def _check_moves(mdp: MDP, trajectories: Trajectories, explained: Int[np.ndarray, " X"]) -> None:
    seen = trajectories.decisions
    unexplained = np.setdiff1d(np.arange(len(seen.state)), explained)
    if not len(unexplained):
        return
    problems = []
    for row in unexplained[:20]:
        here, there = mdp.state_name(int(seen.state[row])), mdp.state_name(int(seen.following[row]))
        by = "any action" if seen.action[row] == UNKNOWN else f"action {_action(mdp, int(seen.action[row]))}"
        problems.append(
            f"trajectory {trajectories.names[seen.trajectory[row]]}, step {seen.step[row]}: no move from state {here} to "
            f"{there} by {by}; drop the trajectory or mend the step (check lists every such step)"
        )
    if len(unexplained) > len(problems):
        problems.append(f"and {len(unexplained) - len(problems)} more impossible moves")
    raise InvalidInput(problems)


def _action(mdp: MDP, action: int) -> str:
    return mdp.action_name(action) if 0 <= action < mdp.n_actions else f"{action} (which does not exist)"
