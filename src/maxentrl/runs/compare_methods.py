"""The methods that are compared, one small class each: walks in, a policy out, all by the same call."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.imitation.choice_features import (
    ChoiceFeatures,
    action_constants,
    features_ahead,
    goal_features,
    pair_features,
)
from maxentrl.imitation.logistic import LogisticClone, clone_by_logit
from maxentrl.imitation.matching import MatchingProblem, match
from maxentrl.imitation.neural import Training, clone_by_network
from maxentrl.imitation.policy import AbstractPolicy, LogPolicy, PlannedPolicy
from maxentrl.imitation.scores import score_choices
from maxentrl.imitation.tabular import POOLED, PerGoal, PerStep, Tables, TabularClone, clone_by_counting
from maxentrl.inverse.fit import Fit, fit, space_of
from maxentrl.inverse.held_out import split_walks
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem, TrajectoryLevel
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.outputs import AnySign, Cost
from maxentrl.rewards.perceptron import perceptron
from maxentrl.rewards.reward import AbstractReward, coefficient_mask
from maxentrl.rewards.sums import SumReward
from maxentrl.runs.compare_momentum import shares_by_displacement, velocity_of_states
from maxentrl.runs.compare_problem import WEAK, ComparisonProblem
from maxentrl.status import Failure, Status

SHARE_CHOOSING = 0.2
"""Share of the learnt walks by which a method chooses its smoothing, or when to stop."""
FEWEST_CHOOSING = 5
"""With fewer walks nothing is chosen so."""
MOST_VISITS = 400_000
"""Unknown visits beyond which matching is not begun: a convex programme of that size takes minutes and gigabytes."""


@dataclasses.dataclass(frozen=True, eq=False)
class Learnt:
    """What a method learnt.

    Attributes:
        policy: log π for every goal that may be asked for.
        status: how learning ended.
        detail: what belongs to the status; empty where there is nothing to say.
    """

    policy: AbstractPolicy
    status: Status
    detail: str = ""


class AbstractMethod(abc.ABC):
    """A way of learning a policy from walks.

    Attributes:
        name: by which it is asked for.
        title: by which it is shown.
    """

    name: str
    title: str

    @abc.abstractmethod
    def learn(self, problem: ComparisonProblem, walks: Trajectories, seed: int) -> Learnt:
        """A policy from walks.

        Raises:
            InvalidInput: walks that this method cannot use.
            Failure: no answer, by its status.
            KeyboardInterrupt: it was interrupted; an unfinished answer is never handed on.
        """


def _finished(status: Status) -> Status:
    """Some optimisers end quietly where they are interrupted; a comparison must not take that for an answer."""
    if status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    return status


@dataclasses.dataclass(frozen=True)
class Counting(AbstractMethod):
    """Cloning by counting: the share of each move among those made in a state.

    On walks with goals of their own there is a table a goal, smoothed towards the table of all walks, which serves a goal
    that no walk had; that one is smoothed towards even choice, so every likelihood is finite. Under a horizon there is one
    table, or a table a step smoothed towards it. The pseudo-decisions, and whether steps are told apart, are chosen by the
    likelihood of a fifth of the walks learnt from, where there are at least five; else they are 1, and steps are alike.
    Where walkers have momentum, a state's table is smoothed towards the shares after the same displacement in any cell.
    """

    name: str = "counting"
    title: str = "cloning, counts"
    smoothings: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)

    def learn(self, problem: ComparisonProblem, walks: Trajectories, seed: int) -> Learnt:
        own = PerGoal() if problem.own_goals else POOLED
        tables, best = own, 1.0
        if len(walks) >= FEWEST_CHOOSING:
            time = problem.time
            steps = [PerStep(time.horizon)] if isinstance(time, Finite) and time.horizon is not None else []
            choices = [(kind, kappa) for kind in (own, *steps) for kappa in self.smoothings]
            learn, judge = split_walks(walks, SHARE_CHOOSING, seed)
            values = [score_choices(_counted(problem, learn, *choice), judge).mean for choice in choices]
            tables, best = choices[int(np.argmax(values))]
        clone = _counted(problem, walks, tables, best)
        kind = {PerGoal: "a table a goal", PerStep: "a table a step"}.get(type(tables), "one table")
        return Learnt(clone, clone.status, f"{kind}, {best:g} pseudo-decisions for each move")


def _counted(problem: ComparisonProblem, walks: Trajectories, tables: Tables, smoothing: float) -> TabularClone:
    momentum = problem.momentum
    elsewhere = None if momentum is None else shares_by_displacement(momentum, walks, smoothing)
    pooled = clone_by_counting(problem.mdp, walks, smoothing=smoothing, tables=POOLED, prior=elsewhere)
    if tables == POOLED:
        return pooled
    prior = np.exp(pooled.log_policy())
    return clone_by_counting(problem.mdp, walks, smoothing=smoothing, tables=tables, prior=prior)


@dataclasses.dataclass(frozen=True)
class Logit(AbstractMethod):
    """Cloning by a multinomial logit of features of moves, of what lies where they lead, and of the goal's direction.

    One θ serves all goals, so a goal that no walk had is served as well. The prior's standard deviation, for a feature
    that differs by one between the moves of a state, is chosen among ``deviations`` as ``Counting`` chooses; else it is 1.
    """

    name: str = "logit"
    title: str = "cloning, logit"
    deviations: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)

    def learn(self, problem: ComparisonProblem, walks: Trajectories, seed: int) -> Learnt:
        features = choice_features(problem)
        spread = _spread(problem, features, int(walks.goals[0]))
        best = 1.0
        if len(walks) >= FEWEST_CHOOSING:
            learn, judge = split_walks(walks, SHARE_CHOOSING, seed)
            clones = [_logit(problem, learn, features, deviation / spread) for deviation in self.deviations]
            best = self.deviations[int(np.argmax([score_choices(clone, judge).mean for clone in clones]))]
        clone = _logit(problem, walks, features, best / spread)
        return Learnt(clone, clone.status, f"prior N(0, {best:g}²)" + (f"; {clone.detail}" if clone.detail else ""))


def _logit(
    problem: ComparisonProblem, walks: Trajectories, features: ChoiceFeatures, scale: Float[np.ndarray, " K"]
) -> LogisticClone:
    clone = clone_by_logit(problem.mdp, walks, features, prior=GaussianPrior(np.zeros(len(scale)), scale))
    _finished(clone.status)
    return clone


@dataclasses.dataclass(frozen=True)
class Network(AbstractMethod):
    """Cloning by a network that sees what the logit sees and the place on the map, stopped early.

    Where walkers have momentum it is shown their displacement too.
    """

    name: str = "network"
    title: str = "cloning, network"

    def learn(self, problem: ComparisonProblem, walks: Trajectories, seed: int) -> Learnt:
        features = choice_features(problem)
        places = _places(problem)
        if places:
            features = features + pair_features(places)
        clone = clone_by_network(problem.mdp, walks, features, Training(seed=seed, max_epochs=200))
        return Learnt(clone, _finished(clone.status), f"the network of pass {clone.best_epoch}")


@dataclasses.dataclass(frozen=True)
class FeatureBall(AbstractMethod):
    """Matching: the policy whose expected features are nearest to the walks', with a proof of how near.

    It learns visits and no reward, so it has no answer for a goal that no walk had, nor for states that it never
    visits: there it goes a soft shortest walk (to goals), or chooses evenly.
    """

    name: str = "matching"
    title: str = "matching, features"

    def learn(self, problem: ComparisonProblem, walks: Trajectories, seed: int) -> Learnt:
        goals = len(np.unique(walks.goals))
        steps = getattr(problem.time, "horizon", 1)
        unknowns = goals * steps * int(problem.mdp.available.sum())
        if unknowns > MOST_VISITS:
            raise Failure(
                Status.MAXIMUM_ITERATIONS,
                f"not begun: {unknowns} unknown visits ({goals} goals), more than {MOST_VISITS}; pool cells ([world] cell)",
            )
        posed = MatchingProblem.of(problem.mdp, walks, problem.functions, problem.time)
        found = match(posed)
        policy = _WithUnseenGoals(problem.mdp, found.policy, frozenset(group.goal for group in posed.starts), problem)
        return Learnt(policy, found.status, f"distance {found.distance:.3g}, proved within {max(found.gap, 0.0):.1e}")


@dataclasses.dataclass(frozen=True, eq=False)
class _WithUnseenGoals(AbstractPolicy):
    """The matched policy; a soft shortest walk to goals that were not matched."""

    mdp: MDP
    matched: AbstractPolicy
    goals: frozenset[int]
    problem: ComparisonProblem

    def log_policy(self, goal: int = UNKNOWN) -> LogPolicy:
        if goal in self.goals or not self.problem.own_goals:
            return self.matched.log_policy(goal)
        return shortest_walks(self.problem, goal)


def shortest_walks(problem: ComparisonProblem, goal: int) -> LogPolicy:
    """log π of soft shortest walks: at temperature 1 each move costs 3 + log A, so that detours are rare."""
    mdp = problem.mdp
    table = RewardTable.from_pairs(np.full((mdp.n_actions, mdp.n_states), -3.0 - np.log(mdp.n_actions)))
    return solve(SoftProblem(mdp, table, ToGoal((int(goal),)), 1.0)).log_policy


@dataclasses.dataclass(frozen=True)
class MaxEnt(AbstractMethod):
    """Ziebart et al. (2008): greatest entropy of whole trajectories, a linear reward; optimistic about luck."""

    name: str = "maxent"
    title: str = "MaxEnt, linear"

    def learn(self, problem: ComparisonProblem, walks: Trajectories, seed: int) -> Learnt:
        posed = problem.inverse(walks, TrajectoryLevel())
        return _of_fit(fit(posed, space=problem.space, prior=problem.prior, optimiser=problem.optimiser))


@dataclasses.dataclass(frozen=True)
class CausalLinear(AbstractMethod):
    """Ziebart (2010): greatest causal entropy, a linear reward."""

    name: str = "causal-linear"
    title: str = "causal MaxEnt, linear"

    def learn(self, problem: ComparisonProblem, walks: Trajectories, seed: int) -> Learnt:
        posed = problem.inverse(walks)
        return _of_fit(fit(posed, space=problem.space, prior=problem.prior, optimiser=problem.optimiser))


@dataclasses.dataclass(frozen=True)
class CausalDeep(AbstractMethod):
    """Greatest causal entropy with a perceptron over the same state features, and features of moves linear beside it.

    The mode of the posterior under N(0, 1) on each weight of the network, by L-BFGS.

    Attributes:
        width: units of each of two hidden layers.
        tolerance: on the gradient's norm a walk.
        evaluations: most evaluations of the objective.
    """

    name: str = "causal-deep"
    title: str = "causal MaxEnt, deep"
    width: int = 16
    tolerance: float = 1e-2
    evaluations: int = 300

    def learn(self, problem: ComparisonProblem, walks: Trajectories, seed: int) -> Learnt:
        reward = deep_reward(problem, self.width, seed)
        posed = dataclasses.replace(problem.inverse(walks), reward=reward)
        prior, optimiser = _deep_prior(problem, reward), LBFGSB(self.tolerance, self.evaluations)
        return _of_fit(fit(posed, space=space_of(reward), prior=prior, optimiser=optimiser))


def _of_fit(found: Fit) -> Learnt:
    return Learnt(PlannedPolicy.of_fit(found), _finished(found.status), found.certificate.detail)


def deep_reward(problem: ComparisonProblem, width: int, seed: int) -> AbstractReward:
    """The specification's network; else a perceptron over the state features, with those of moves and ends as they are."""
    if problem.network is not None:
        return problem.network
    linear, to_goal = problem.reward, isinstance(problem.time, ToGoal)
    state = [name for name, row in zip(linear.names, np.asarray(linear.state), strict=True) if row.any()]
    pair = {} if linear.pair is None else {n: p for n, p in _rows(linear, np.asarray(linear.pair)) if p.any()}
    ends = {} if to_goal else {f"end: {n}": t for n, t in _rows(linear, np.asarray(linear.terminal)) if t.any()}
    output = Cost() if to_goal else AnySign()
    if not state:
        return perceptron(problem.world, features=(), pair_features=tuple(pair), width=width, output=output, seed=seed)
    network = perceptron(problem.world, features=state, width=width, output=output, seed=seed)
    if not pair and not ends:
        return network
    return SumReward.of(LinearReward.of(linear.n_actions, pair=pair, terminal=ends), network)


def _rows(linear: LinearReward, table: np.ndarray) -> list[tuple[str, np.ndarray]]:
    return list(zip(linear.names, table, strict=True))


def _deep_prior(problem: ComparisonProblem, reward: AbstractReward) -> GaussianPrior:
    """N(0, 1) on the weights of the network; on coefficients what the linear reward has on the same feature."""
    known = dict(zip(problem.reward.names, problem.prior.scale.tolist(), strict=True))
    coefficients = [known.get(name.removeprefix("end: "), WEAK) for name in reward.names]
    scale = np.where(coefficient_mask(reward), coefficients, 1.0)
    return GaussianPrior(np.zeros(len(scale)), scale)


def choice_features(problem: ComparisonProblem) -> ChoiceFeatures:
    """What a clone may look at: features of moves, of where they lead, a constant a move, and the goal's direction."""
    linear, mdp = problem.reward, problem.mdp
    found = action_constants(mdp)
    ahead = {n: row for n, row in _rows(linear, np.asarray(linear.state)) if row.any()}
    if ahead:
        found = found + features_ahead(mdp, ahead)
    if linear.pair is not None:
        pair = {n: table for n, table in _rows(linear, np.asarray(linear.pair)) if table.any()}
        found = found + pair_features(pair)
    if problem.own_goals:
        geometry = problem.world.geometry
        found = found + goal_features(mdp, _position(problem) if geometry is not None else None)
    return found


def _position(problem: ComparisonProblem) -> Float[np.ndarray, "S 2"] | None:
    geometry = problem.world.geometry
    if geometry is None or len(geometry.position) != problem.mdp.n_states:
        return None
    return geometry.position


def _places(problem: ComparisonProblem) -> Mapping[str, Float[np.ndarray, "A S"]]:
    """Where a state lies on the map, and the displacement that led there, from −1 to 1; nothing without a map."""
    position, momentum = _position(problem), problem.momentum
    known = {} if position is None else {"place": position}
    known |= {} if momentum is None else {"displacement": velocity_of_states(momentum)}
    shape = (problem.mdp.n_actions, problem.mdp.n_states)
    found = {}
    for name, columns in known.items():
        centre, reach = (columns.max(0) + columns.min(0)) / 2, np.maximum(np.ptp(columns, axis=0) / 2, 1e-12)
        across, down = ((columns - centre) / reach).T
        found[f"{name}: across"], found[f"{name}: down"] = np.broadcast_to(across, shape), np.broadcast_to(down, shape)
    return found


def _spread(problem: ComparisonProblem, features: ChoiceFeatures, goal: int) -> Float[np.ndarray, " K"]:
    """How much each feature differs between the moves of a state, root mean square; one where it never does."""
    mdp = problem.mdp
    chosen = np.flatnonzero(mdp.available.any(0) & ~mdp.terminal)
    table = features.at(chosen, np.full(len(chosen), goal))
    available = mdp.available[:, chosen]
    count = np.maximum(available.sum(0), 1)
    mean = np.where(available, table, 0.0).sum(1) / count
    squared = np.where(available, (table - mean[:, None]) ** 2, 0.0)
    found = np.sqrt(squared.sum((1, 2)) / max(int(available.sum()), 1))
    return np.where(found > 0, found, 1.0)


METHODS: tuple[AbstractMethod, ...] = (
    Counting(),
    Logit(),
    Network(),
    FeatureBall(),
    MaxEnt(),
    CausalLinear(),
    CausalDeep(),
)
"""All methods, in the order in which they are shown."""
