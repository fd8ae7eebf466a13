"""Whether trajectories are walks of a decision process, and whether they reach their goals."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Int

from maxentrl.demos.mend import mend
from maxentrl.demos.report import CutAtGoal, DropTrajectory, MendNearest, Refuse, Report, refuse
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.checks import can_reach
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite, Time, ToGoal
from maxentrl.status import InvalidInput

CHUNK = 1 << 18
"""Decisions whose successors are looked up at once."""
MOVES_CURE = 'correct these moves, or have such walks dropped or mended: impossible = "drop" or "nearest"'
STARTS_IN_GOAL = (
    "starts in a goal, where nothing is left to decide: leave `goals` out, then each walk's last state is its own goal"
)
MISSED = "never reaches its goal"
"""Begins the reason of a walk that ends elsewhere."""
REFUSE = Refuse()
CUT_AT_GOAL = CutAtGoal()


def check_trajectories(
    mdp: MDP,
    trajectories: Trajectories,
    time: Time,
    *,
    impossible: Refuse | DropTrajectory | MendNearest = REFUSE,
    early: CutAtGoal | DropTrajectory | Refuse = CUT_AT_GOAL,
) -> tuple[Trajectories, Report]:
    """The trajectories that a fit with this kind of time can use, and why others cannot be.

    Every move must be possible (:func:`check_moves`). A trajectory of one state has decided nothing and is dropped.
    With ``Finite(T)`` trajectories of more than T decisions are dropped. With ``ToGoal`` each trajectory's goal is its
    own, else any of ``time.goals``, else its last state; one that never enters its goal is dropped unless it is
    censored, and one that passes its goal before its end is treated as ``early`` says.

    Returns:
        The trajectories kept, with goals filled in, actions inferred where one only explains the move, and the report.

    Raises:
        InvalidInput: a trajectory that is to be refused, or none left.
    """
    kept, report = check_moves(mdp, trajectories, impossible)
    if isinstance(time, ToGoal):
        kept, goals = _check_goals(mdp, kept, time, early)
        report = report.then(goals)
    reasons = {int(i): _undecided(kept, int(i), time) for i in np.flatnonzero(kept.lengths == 0)}
    if isinstance(time, Finite) and time.horizon is not None:
        for i in np.flatnonzero(kept.lengths > time.horizon):
            reasons[int(i)] = f"has {kept.lengths[i]} decisions, the horizon is {time.horizon}"
    kept, last = _without(kept, reasons, report)
    return kept, report.then(last)


def _undecided(trajectories: Trajectories, i: int, time: Time) -> str:
    gates = time.goals or () if isinstance(time, ToGoal) and trajectories.goals[i] == UNKNOWN else ()
    if int(trajectories.starts[i]) in gates:
        return STARTS_IN_GOAL
    return "has one state: nothing was decided"


def check_moves(
    mdp: MDP, trajectories: Trajectories, impossible: Refuse | DropTrajectory | MendNearest = REFUSE
) -> tuple[Trajectories, Report]:
    """The trajectories whose every move is possible; others refused, dropped or mended as asked.

    A move is possible if its action is available and leads to the next state with positive probability, or, where the
    action was not observed, if any action does. Nothing is possible in a terminal state.

    Raises:
        InvalidInput: an impossible move that is to be refused, by trajectory and step; or no trajectory left.
    """
    unknown = _unknown_states(mdp, trajectories)
    if isinstance(impossible, Refuse):
        refuse(trajectories.names, unknown, f"states are 0 to {mdp.n_states - 1}, actions 0 to {mdp.n_actions - 1}")
    known, report = _without(trajectories, unknown, Report(0))
    bad = _first_bad_steps(known, ~possible_moves(mdp, known))
    changes: tuple[str, ...] = ()
    if bad and isinstance(impossible, MendNearest):
        known, reasons, changes = mend(mdp, known, list(bad), impossible.longest)
    else:
        reasons = {i: _move(mdp, known, i, step) for i, step in bad.items()}
    if isinstance(impossible, Refuse):
        refuse(known.names, reasons, MOVES_CURE)
    kept, dropped = _without(known, reasons, report)
    return infer_actions(mdp, kept), report.then(Report(dropped.used, dropped.dropped, changes))


def possible_moves(mdp: MDP, trajectories: Trajectories) -> Bool[np.ndarray, " N"]:
    """Whether each decision's action, or any where it was not observed, leads to the state that followed."""
    rows = trajectories.decisions
    possible = np.zeros(len(rows.state), bool)
    for a in range(mdp.n_actions):
        asked = (rows.action == a) | ((rows.action == UNKNOWN) & ~possible)
        index = np.flatnonzero(asked & mdp.available[a][rows.state])
        possible[index] = _leads(mdp, a, rows.state[index], rows.following[index])
    return possible


def infer_actions(mdp: MDP, trajectories: Trajectories) -> Trajectories:
    """Fill in unobserved actions where moves are deterministic and one action only explains the move.

    It loses nothing: summing the action out gives the same likelihood. Others stay ``UNKNOWN``.
    """
    rows = trajectories.decisions
    hidden = np.flatnonzero(rows.action == UNKNOWN)
    if not len(hidden) or not mdp.transitions.deterministic:
        return trajectories
    found, count = np.full(len(hidden), UNKNOWN), np.zeros(len(hidden), int)
    for a in range(mdp.n_actions):
        leads = mdp.available[a][rows.state[hidden]]
        leads[leads] = _leads(mdp, a, rows.state[hidden][leads], rows.following[hidden][leads])
        found[leads] = a
        count += leads
    actions = trajectories.actions.copy()
    actions[hidden[count == 1]] = found[count == 1]
    return dataclasses.replace(trajectories, actions=actions)


def _leads(mdp: MDP, action: int, state: np.ndarray, following: np.ndarray) -> Bool[np.ndarray, " N"]:
    leads = np.zeros(len(state), bool)
    for first in range(0, len(state), CHUNK):
        part = slice(first, first + CHUNK)
        successor, probability = mdp.transitions.successors_of(np.full(len(state[part]), action), state[part])
        leads[part] = ((successor == following[part]) & (probability > 0)).any(axis=0)
    return leads


def _unknown_states(mdp: MDP, trajectories: Trajectories) -> dict[int, str]:
    reasons = {}
    bad = np.flatnonzero((trajectories.states < 0) | (trajectories.states >= mdp.n_states))
    for row in bad[::-1]:
        i = int(np.searchsorted(trajectories.offsets, row, side="right")) - 1
        reasons[i] = (
            f"step {row - trajectories.offsets[i]}: state {trajectories.states[row]} does not exist, states are 0 to "
            f"{mdp.n_states - 1}"
        )
    wrong = np.flatnonzero((trajectories.actions < UNKNOWN) | (trajectories.actions >= mdp.n_actions))
    rows = trajectories.decisions
    for row in wrong[::-1]:
        reasons[int(rows.trajectory[row])] = f"step {rows.step[row]}: action {rows.action[row]} does not exist"
    return reasons


def _first_bad_steps(trajectories: Trajectories, bad: Bool[np.ndarray, " N"]) -> dict[int, int]:
    rows = trajectories.decisions
    index = np.flatnonzero(bad)
    which, first = np.unique(rows.trajectory[index], return_index=True)
    return {int(i): int(rows.step[index[k]]) for i, k in zip(which, first, strict=True)}


def _move(mdp: MDP, trajectories: Trajectories, i: int, step: int) -> str:
    state, following = trajectories.states_of(i)[step : step + 2].tolist()
    action = int(trajectories.actions_of(i)[step])
    if mdp.terminal[state]:
        return f"step {step}: goes on after state {mdp.state_name(state)}, which ends the episode"
    move = "no move" if action == UNKNOWN else f"action {mdp.action_name(action)} cannot be chosen or never"
    return f"step {step}: {move} leads from state {mdp.state_name(state)} to state {mdp.state_name(following)}"


def _check_goals(
    mdp: MDP, trajectories: Trajectories, time: ToGoal, early: CutAtGoal | DropTrajectory | Refuse
) -> tuple[Trajectories, Report]:
    trajectories, warnings, reasons = _with_goals(trajectories, time)
    position = np.arange(len(trajectories.states)) - np.repeat(trajectories.offsets[:-1], np.diff(trajectories.offsets))
    own = np.repeat(trajectories.goals, trajectories.lengths + 1)
    at_goal = np.where(own == UNKNOWN, np.isin(trajectories.states, time.goals or ()), trajectories.states == own)
    never = np.iinfo(np.int64).max
    first = np.minimum.reduceat(np.where(at_goal, position, never), trajectories.offsets[:-1])
    missed = (first == never) & ~trajectories.censored
    reasons |= _missed(mdp, trajectories, time, [i for i in np.flatnonzero(missed).tolist() if i not in reasons])
    passed = np.flatnonzero(first < trajectories.lengths)
    described = {
        int(i): f"passes its goal at step {first[i]} and goes on for {trajectories.lengths[i] - first[i]} more"
        for i in passed
    }
    if isinstance(early, Refuse):
        refuse(trajectories.names, described, 'cut or drop such walks: goal_passing = "cut" or "drop"')
    elif isinstance(early, DropTrajectory):
        reasons |= described
    else:
        warnings += [f"trajectory {trajectories.names[i]} {text}: cut there" for i, text in described.items()]
        trajectories = cut(trajectories, np.minimum(first, trajectories.lengths))
    kept, report = _without(trajectories, reasons, Report(0, (), tuple(warnings)))
    return kept, Report(report.used, report.dropped, tuple(warnings))


def _with_goals(trajectories: Trajectories, time: ToGoal) -> tuple[Trajectories, list[str], dict[int, str]]:
    unnamed = (trajectories.goals == UNKNOWN) & (time.goals is None)
    reasons = {int(i): "is censored and names no goal" for i in np.flatnonzero(unnamed & trajectories.censored)}
    if not unnamed.any():
        return trajectories, [], reasons
    goals = np.where(unnamed & ~trajectories.censored, trajectories.ends, trajectories.goals)
    count = int((unnamed & ~trajectories.censored).sum())
    warnings = [f"{count} trajectories name no goal: the last state of each is taken as its goal"] if count else []
    return dataclasses.replace(trajectories, goals=goals), warnings, reasons


def _missed(mdp: MDP, trajectories: Trajectories, time: ToGoal, missed: list[int]) -> dict[int, str]:
    reasons: dict[int, str] = {}
    reaching: dict[int, np.ndarray] = {}
    for i in missed:
        goal = int(trajectories.goals[i])
        goals = (goal,) if goal != UNKNOWN else time.goals or ()
        if goal not in reaching:
            reaching[goal] = can_reach(mdp, goals)
        named = mdp.state_name(goal) if goal != UNKNOWN else "any of " + ", ".join(map(mdp.state_name, goals[:5]))
        lost = "" if reaching[goal][trajectories.starts[i]] else ", which cannot be reached from its start"
        reasons[i] = f"{MISSED} ({named}){lost}"
    return reasons


def cut(trajectories: Trajectories, lengths: Int[np.ndarray, " M"]) -> Trajectories:
    """The first ``lengths[i]`` decisions of each trajectory."""
    whole = trajectories.lengths + 1
    position = np.arange(len(trajectories.states)) - np.repeat(trajectories.offsets[:-1], whole)
    keep = position <= np.repeat(lengths, whole)
    decided = trajectories.decisions.step < np.repeat(lengths, trajectories.lengths)
    return dataclasses.replace(
        trajectories, states=trajectories.states[keep], actions=trajectories.actions[decided], lengths=lengths
    )


def _without(trajectories: Trajectories, reasons: dict[int, str], before: Report) -> tuple[Trajectories, Report]:
    if not reasons:
        return trajectories, Report(len(trajectories))
    dropped = tuple((trajectories.names[i], reasons[i]) for i in sorted(reasons))
    keep = np.ones(len(trajectories), bool)
    keep[list(reasons)] = False
    if not keep.any():
        every = [f"trajectory {name}: {reason}" for name, reason in (*before.dropped, *dropped)[:20]]
        raise InvalidInput(["no trajectory is left; they were dropped because:", *every])
    return trajectories.select(keep), Report(int(keep.sum()), dropped)
