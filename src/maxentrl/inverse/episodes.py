"""Horizons, goals and completeness of demonstrated episodes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from maxentrl.demos.counts import FeatureCounts
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.planners import Episodes
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.rewards.reward import AbstractReward
from maxentrl.rewards.shapes import shapes_of
from maxentrl.status import InvalidInput


def uses_steps(reward: AbstractReward) -> bool:
    """Whether a reward gives each step its own table."""
    return shapes_of(reward, len(reward.names)).steps is not None


def episodes_of(problem: InverseProblem) -> Episodes:
    """The episodes of a problem's demonstrations.

    A finite episode has its own length as horizon, unless it is censored or ends in a terminal state: then it could have
    gone on, and the horizon is the problem's.

    Raises:
        InvalidInput: a trajectory without a decision; one that could have gone on where no horizon is given, or longer
            than the horizon given; one that does not end at its goal although it is not censored.
    """
    demonstrations = problem.demonstrations
    if not isinstance(demonstrations, Trajectories):
        if found := _weight_problems(demonstrations.weights):
            raise InvalidInput(found)
        names = tuple(f"row {i + 1}" for i in range(len(demonstrations)))
        return Episodes(names, _known_horizons(problem, demonstrations), demonstrations.goals)
    trajectories, names, problems = demonstrations, demonstrations.names, []
    problems += [
        f"trajectory {names[i]} has one state and so no decision: drop it"
        for i in np.flatnonzero(trajectories.lengths < 1)
    ]
    horizons = trajectories.lengths.copy()
    if isinstance(problem.time, Finite):
        open_ended = trajectories.censored | problem.mdp.terminal[trajectories.ends]
        if problem.time.horizon is None:
            problems += [
                f"trajectory {names[i]} {'is censored' if trajectories.censored[i] else 'ends in a terminal state'}: it "
                "could have gone on, so give the horizon, Finite(T)"
                for i in np.flatnonzero(open_ended)
            ]
        else:
            horizons[open_ended] = problem.time.horizon
            problems += [
                f"trajectory {names[i]} has {trajectories.lengths[i]} decisions, more than the horizon {horizons[i]}"
                for i in np.flatnonzero(trajectories.lengths > horizons)
            ]
    if isinstance(problem.time, ToGoal):
        problems += _goal_problems(problem, problem.time, trajectories)
    problems += _weight_problems(trajectories.weights)
    if problems:
        raise InvalidInput(problems[:30])
    return Episodes(names, horizons, trajectories.goals)


def _weight_problems(weights: Float[np.ndarray, " M"]) -> list[str]:
    total = float(np.sum(weights))
    if 0 < total < 1e150:
        return []
    return [f"the weights of the demonstrations sum to {total:g}: expected more than 0 and no astronomical number"]


def _known_horizons(problem: InverseProblem, counts: FeatureCounts) -> Int[np.ndarray, " M"]:
    if not isinstance(problem.time, Finite):
        return np.zeros(len(counts), np.int64)
    horizons = np.where(counts.horizons < 0, problem.time.horizon or 0, counts.horizons)
    missing = np.flatnonzero(horizons < 1)
    if len(missing):
        raise InvalidInput(
            f"feature counts of row {missing[0] + 1} have no horizon ({len(missing)} such rows): give each, or Finite(T)"
        )
    return horizons


def _goal_problems(problem: InverseProblem, time: ToGoal, trajectories: Trajectories) -> list[str]:
    problems = []
    for i, name in enumerate(trajectories.names):
        own = int(trajectories.goals[i])
        goals = (own,) if own >= 0 else time.goals or ()
        states = trajectories.states_of(i)
        early = np.flatnonzero(np.isin(states[:-1], goals))
        if goals and states[-1] not in goals and not trajectories.censored[i]:
            last, aim = problem.mdp.state_name(int(states[-1])), problem.mdp.state_name(goals[0])
            problems.append(
                f"trajectory {name} ends in state {last}, not at its goal {aim}: drop it or mark it censored"
            )
        if len(early):
            problems.append(
                f"trajectory {name} passes its goal at step {early[0]} and goes on: cut it there or drop it"
            )
    return problems
