"""Walks drawn from a planted reward."""

from __future__ import annotations

import dataclasses
import difflib

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import Discounted, Finite, Time, ToGoal
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.sampling import SampledPaths, sample
from maxentrl.planning.solution import SoftSolution
from maxentrl.readers.spec_model import SimulatedDemonstrations, Spec
from maxentrl.rewards.linear import LinearReward
from maxentrl.runs.reward import linear_reward
from maxentrl.runs.states import state_numbers
from maxentrl.runs.world import Scene
from maxentrl.status import InvalidInput


def simulate(spec: Spec, table: SimulatedDemonstrations, scene: Scene, time: Time, *, seed: int) -> Trajectories:
    """Walks of the soft policy of the planted reward, under the temperature of the fit and causal entropy.

    Where time is to a goal and names none, each walk goes to another entrance than the one it starts from.

    Raises:
        InvalidInput: a world with momentum, planted weights of features that the reward does not have, or no place to
            start from.
        Failure: the planted reward has no solution.
    """
    if scene.momentum is not None:
        raise InvalidInput(
            'demonstrations.kind = "simulated" is not for [world] kind = "momentum": name recordings under kind = "crowd"'
        )
    reward = _planted_reward(spec, scene)
    planted = _planted(table, scene, reward)
    generator = np.random.default_rng(seed)
    parts = []
    for trip in _trips(table, scene, time, generator):
        problem = SoftProblem(scene.world.mdp, reward_table(reward, planted), trip.time, spec.fit.temperature)
        solution = solve(problem)
        most = table.length if isinstance(trip.time, Discounted) else None
        start = _possible(trip.starts, problem, solution)
        parts.append((trip, sample(solution, start, trip.number, int(generator.integers(2**31)), max_steps=most)))
    return _joined(parts)


@dataclasses.dataclass(frozen=True, eq=False)
class _Trip:
    """Walks of one kind: how they end, how many, and where they begin (mass, (S,))."""

    time: Time
    number: int
    starts: Float[np.ndarray, " S"]


def _planted_reward(spec: Spec, scene: Scene) -> LinearReward:
    """What the walkers want is linear, whatever is learnt of it."""
    settings = spec.reward
    if settings.network is not None:
        everything = tuple(scene.world.pair_features)
        settings = settings.model_copy(update={"network": None, "features": None, "pair_features": everything})
    reward = linear_reward(settings, scene.world)
    assert isinstance(reward, LinearReward)
    return reward


def _planted(table: SimulatedDemonstrations, scene: Scene, reward: LinearReward) -> Float[np.ndarray, " K"]:
    if table.parameters is None and not scene.truth:
        raise InvalidInput("[demonstrations] lacks the key 'parameters': the planted weight of each feature")
    planted = scene.truth if table.parameters is None else table.parameters
    problems = []
    for name in planted:
        if name not in reward.names:
            near = difflib.get_close_matches(name, reward.names, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(reward.names)}"
            problems.append(f"demonstrations.parameters: '{name}' is no feature of the reward; {hint}")
    if problems:
        raise InvalidInput(problems)
    return np.array([planted.get(name, 0.0) for name in reward.names], float)


def _trips(table: SimulatedDemonstrations, scene: Scene, time: Time, generator: np.random.Generator) -> list[_Trip]:
    starts = _starts(table, scene)
    if isinstance(time, Finite) and time.horizon is None:
        time = Finite(table.length)
    if not isinstance(time, ToGoal) or time.goals is not None:
        return [_Trip(time, table.number, starts)]
    if not scene.entrances:
        raise InvalidInput(
            "simulated walks to a goal need goals: name them under time.goals; this world has no entrances"
        )
    goals = np.array(list(scene.entrances.values()))
    coming = np.stack([_coming(int(goal), starts, scene) for goal in goals])
    counts = generator.multinomial(table.number, coming.sum(1) / coming.sum())
    return [
        _Trip(ToGoal((int(goal),)), int(count), mass)
        for goal, count, mass in zip(goals, counts, coming, strict=True)
        if count
    ]


def _coming(goal: int, starts: Float[np.ndarray, " S"], scene: Scene) -> Float[np.ndarray, " S"]:
    """Where walks to a goal begin: as the scene's trips say, else anywhere but there."""
    if scene.trips is None:
        return np.where(np.arange(len(starts)) == goal, 0.0, starts)
    chosen = scene.trips.goals == goal
    mass = np.bincount(scene.trips.starts[chosen], weights=scene.trips.weights[chosen], minlength=len(starts))
    return np.where(starts > 0, mass, 0.0)


def _starts(table: SimulatedDemonstrations, scene: Scene) -> np.ndarray:
    mass = np.zeros(scene.world.mdp.n_states)
    if table.starts == "uniform":
        mass[~scene.world.mdp.terminal] = 1.0
    elif table.starts == "entrances":
        if not scene.entrances:
            raise InvalidInput(
                'demonstrations.starts = "entrances": this world has none; list states, or use "uniform"'
            )
        mass[list(scene.entrances.values())] = 1.0
    else:
        mass[list(state_numbers(scene.world, table.starts, "demonstrations.starts"))] = 1.0
    return mass


def _possible(mass: np.ndarray, problem: SoftProblem, solution: SoftSolution) -> np.ndarray:
    """The starts from which an end can be reached and that are no end themselves."""
    first = solution.scaled_values[0] if solution.finite_horizon else solution.scaled_values
    kept = np.where(problem.ends | np.isneginf(first), 0.0, mass)
    if not kept.any():
        raise InvalidInput("demonstrations.starts: no walk can begin there and reach its end")
    return kept / kept.sum()


def _joined(parts: list[tuple[_Trip, SampledPaths]]) -> Trajectories:
    goals = [np.full(len(paths), _one_goal(trip.time)) for trip, paths in parts]
    paths = [path for _, path in parts]
    count = sum(map(len, paths))
    return Trajectories(
        states=np.concatenate([path.states for path in paths]),
        actions=np.concatenate([path.actions for path in paths]),
        lengths=np.concatenate([path.lengths for path in paths]),
        weights=np.ones(count),
        goals=np.concatenate(goals),
        censored=np.concatenate([path.censored for path in paths]),
        names=tuple(f"walk {i}" for i in range(count)),
        split=("train",) * count,
    )


def _one_goal(time: Time) -> int:
    goals = time.goals if isinstance(time, ToGoal) else None
    return goals[0] if goals is not None and len(goals) == 1 else UNKNOWN
