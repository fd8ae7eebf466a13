"""Two small problems to compare methods on: to goals of their own, and a slippery one with a horizon."""

import dataclasses

import numpy as np

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.planning.sampling import sample
from maxentrl.rewards.linear import LinearReward
from maxentrl.runs.compare_problem import WEAK, ComparisonProblem, feature_scale

ROWS, COLUMNS, HORIZON = 4, 5, 8
WEIGHTS = np.array([-1.5, -0.5, -2.0])
"""To goals: every move costs more than the logarithm of four."""
STRONG = np.array([-5.0, 4.0, -1.0])
"""Under a horizon: where to be matters much, and chance makes it hard to stay there."""


def small_world(slip=0.0):
    rng = np.random.default_rng(3)
    layers = {name: rng.random((ROWS, COLUMNS)).round(1) for name in ("grass", "mud")}
    return grid_world(layers, moves=FOUR_MOVES, slip=slip)


def walks_of(world, time, truth, starts, count, seed):
    """Walks from each start to each goal, or over the horizon."""
    goals = time.goals if isinstance(time, ToGoal) else (-1,)
    states, actions, ends = [], [], []
    for k, goal in enumerate(goals):
        one = ToGoal((goal,)) if goal >= 0 else time
        solution = solve(SoftProblem(world.mdp, truth, one, 1.0))
        for start in (s for s in starts if s != goal):
            paths = sample(solution, start, count, seed=1000 * seed + 50 * k + start)
            states += [paths.states_of(i) for i in range(count)]
            actions += [paths.actions_of(i) for i in range(count)]
            ends += [goal] * count
    return Trajectories.of(states, actions, goals=ends)


def problem_of(time, weights, *, train_goals=(), held_goals=(), slip=0.0, count=8):
    world = small_world(slip)
    reward = LinearReward.of(
        world.mdp.n_actions, state=world.state_features, pair={"distance": world.pair_features["distance"]}, terminal={}
    )
    truth = reward_table(reward, weights)
    starts = (0, 7, 12)
    times = [ToGoal(goals) if goals else time for goals in (train_goals, held_goals)]
    scale = dict(zip(reward.names, (WEAK / feature_scale(reward, world.mdp)).tolist(), strict=True))
    return ComparisonProblem(
        name="small",
        world=world,
        time=time,
        temperature=1.0,
        reward=reward,
        space=ParameterSpace.of(reward.names),
        prior=GaussianPrior.of(reward.names, scale=scale),
        optimiser=LBFGSB(),
        train=walks_of(world, times[0], truth, starts, count, 1),
        held_out=walks_of(world, times[1], truth, starts, count, 2),
        truth=truth,
    )


def to_goals():
    """Goals 19, 15 and 4 are learnt from; the held-out walks also go to 9, which no walk learnt from does."""
    return problem_of(ToGoal(), WEIGHTS, train_goals=(19, 15, 4), held_goals=(19, 9))


def slippery():
    """A horizon and chance."""
    return problem_of(Finite(HORIZON), STRONG, slip=0.5, count=60)


def without_truth(problem):
    return dataclasses.replace(problem, truth=None)
