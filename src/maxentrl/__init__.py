"""maxentrl: maximum-entropy decision making, forward and inverse.

Names are loaded when they are first asked for (PEP 562), so that ``import maxentrl`` is immediate and loads no JAX.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maxentrl.demos.checks import check_trajectories as check_trajectories
    from maxentrl.demos.counts import (
        FeatureCounts as FeatureCounts,
        feature_counts as feature_counts,
    )
    from maxentrl.demos.estimate import estimate_transitions as estimate_transitions
    from maxentrl.demos.trajectories import Trajectories as Trajectories
    from maxentrl.forecast.baselines import NoisyConstantVelocity as NoisyConstantVelocity
    from maxentrl.forecast.evaluation import (
        EvaluationSettings as EvaluationSettings,
        forecast_walks as forecast_walks,
        held_out as held_out,
    )
    from maxentrl.forecast.filtering import (
        GaussianDetections as GaussianDetections,
        filter_walk as filter_walk,
        smooth_walk as smooth_walk,
    )
    from maxentrl.forecast.goals import GoalForecaster as GoalForecaster
    from maxentrl.forecast.paths import (
        most_likely_path as most_likely_path,
        sample_paths as sample_paths,
    )
    from maxentrl.forecast.scores import summarise as summarise
    from maxentrl.forecast.visits import (
        expected_steps as expected_steps,
        visits_ahead as visits_ahead,
        visits_until_arrival as visits_until_arrival,
    )
    from maxentrl.forecast.windows import windows as windows
    from maxentrl.imitation.choice_features import (
        features_ahead as features_ahead,
        goal_features as goal_features,
    )
    from maxentrl.imitation.function_classes import (
        feature_ball as feature_ball,
        feature_box as feature_box,
    )
    from maxentrl.imitation.logistic import clone_by_logit as clone_by_logit
    from maxentrl.imitation.matching import (
        MatchingProblem as MatchingProblem,
        match as match,
    )
    from maxentrl.imitation.neural import clone_by_network as clone_by_network
    from maxentrl.imitation.policy import PlannedPolicy as PlannedPolicy
    from maxentrl.imitation.scores import (
        score_choices as score_choices,
        score_return as score_return,
    )
    from maxentrl.imitation.tabular import clone_by_counting as clone_by_counting
    from maxentrl.imitation.within_ball import prefer_within as prefer_within
    from maxentrl.inverse.batches import (
        GoalBatches as GoalBatches,
        SceneBatches as SceneBatches,
        WalkBatches as WalkBatches,
    )
    from maxentrl.inverse.decay import weight_decay as weight_decay
    from maxentrl.inverse.drift import fit_drift as fit_drift
    from maxentrl.inverse.drift_agents import (
        LookaheadAgent as LookaheadAgent,
        PersistentAgent as PersistentAgent,
    )
    from maxentrl.inverse.drift_choice import choose_smoothness as choose_smoothness
    from maxentrl.inverse.ensemble import fit_ensemble as fit_ensemble
    from maxentrl.inverse.feature_matching import FeatureMatching as FeatureMatching
    from maxentrl.inverse.fit import (
        Fit as Fit,
        fit as fit,
    )
    from maxentrl.inverse.gradient_steps import (
        GradientSteps as GradientSteps,
        adam as adam,
    )
    from maxentrl.inverse.held_out import (
        HeldOut as HeldOut,
        split_walks as split_walks,
    )
    from maxentrl.inverse.lbfgsb import LBFGSB as LBFGSB
    from maxentrl.inverse.likelihood import ConditionalLikelihood as ConditionalLikelihood
    from maxentrl.inverse.mixture import fit_mixture as fit_mixture
    from maxentrl.inverse.mixture_choice import choose_components as choose_components
    from maxentrl.inverse.newton import Newton as Newton
    from maxentrl.inverse.parameters import ParameterSpace as ParameterSpace
    from maxentrl.inverse.prior import GaussianPrior as GaussianPrior
    from maxentrl.inverse.problem import InverseProblem as InverseProblem
    from maxentrl.inverse.regret import regret as regret
    from maxentrl.inverse.textbook import TextbookGradient as TextbookGradient
    from maxentrl.inverse.uncertainty import ErrorKind as ErrorKind
    from maxentrl.mdp.checks import (
        check_mdp as check_mdp,
        feature_report as feature_report,
    )
    from maxentrl.mdp.grid import (
        EIGHT_MOVES as EIGHT_MOVES,
        FOUR_MOVES as FOUR_MOVES,
        Blocked as Blocked,
        Moves as Moves,
        grid_world as grid_world,
    )
    from maxentrl.mdp.gymnasium import gymnasium_world as gymnasium_world
    from maxentrl.mdp.mdp import MDP as MDP
    from maxentrl.mdp.plaza import (
        draw_trips as draw_trips,
        plaza as plaza,
    )
    from maxentrl.mdp.table import table_world as table_world
    from maxentrl.mdp.time import (
        Discounted as Discounted,
        Finite as Finite,
        ToGoal as ToGoal,
    )
    from maxentrl.mdp.transitions import (
        DeterministicTransitions as DeterministicTransitions,
        SparseTransitions as SparseTransitions,
        from_dense as from_dense,
        from_outcomes as from_outcomes,
    )
    from maxentrl.mdp.world import (
        GridGeometry as GridGeometry,
        World as World,
    )
    from maxentrl.numerics.linear import (
        DirectSolver as DirectSolver,
        IterativeSolver as IterativeSolver,
    )
    from maxentrl.numerics.reward_table import RewardTable as RewardTable
    from maxentrl.planning.backward_sweep import BackwardSweep as BackwardSweep
    from maxentrl.planning.choose_solver import (
        choose_solver as choose_solver,
        solve as solve,
    )
    from maxentrl.planning.likelihood import (
        choice_log_likelihood as choice_log_likelihood,
        path_log_likelihood as path_log_likelihood,
        posterior_path_log_likelihood as posterior_path_log_likelihood,
        state_path_log_likelihood as state_path_log_likelihood,
    )
    from maxentrl.planning.linear_system import LinearSystem as LinearSystem
    from maxentrl.planning.many import (
        solve_goals_within_horizon as solve_goals_within_horizon,
        solve_rewards as solve_rewards,
    )
    from maxentrl.planning.messages import (
        backward_messages as backward_messages,
        forward_messages as forward_messages,
        posterior as posterior,
    )
    from maxentrl.planning.policy_evaluation import (
        evaluate_policy as evaluate_policy,
        expected_entropy as expected_entropy,
        expected_return as expected_return,
        policy_kl as policy_kl,
        policy_occupancy as policy_occupancy,
    )
    from maxentrl.planning.policy_iteration import SoftPolicyIteration as SoftPolicyIteration
    from maxentrl.planning.problem import (
        Causal as Causal,
        SoftProblem as SoftProblem,
        TrajectoryLevel as TrajectoryLevel,
    )
    from maxentrl.planning.sampling import (
        sample as sample,
        sample_posterior as sample_posterior,
    )
    from maxentrl.planning.solution import (
        Occupancy as Occupancy,
        SoftSolution as SoftSolution,
    )
    from maxentrl.planning.temperature import tune_temperature as tune_temperature
    from maxentrl.planning.value_iteration import SoftValueIteration as SoftValueIteration
    from maxentrl.readers.crowds import (
        read_crowd_text as read_crowd_text,
        read_trajnet as read_trajnet,
    )
    from maxentrl.readers.homography import Homography as Homography
    from maxentrl.readers.layers import read_layers as read_layers
    from maxentrl.readers.spec import (
        parse_spec as parse_spec,
        read_spec as read_spec,
    )
    from maxentrl.readers.tables import read_table_world as read_table_world
    from maxentrl.readers.trajectories import (
        read_trajectories_csv as read_trajectories_csv,
        write_trajectories_csv as write_trajectories_csv,
    )
    from maxentrl.report.build import write_report as write_report
    from maxentrl.rewards.convolution import convolutional as convolutional
    from maxentrl.rewards.linear import LinearReward as LinearReward
    from maxentrl.rewards.network import (
        NetworkReward as NetworkReward,
        with_weights as with_weights,
    )
    from maxentrl.rewards.outputs import Cost as Cost
    from maxentrl.rewards.perceptron import perceptron as perceptron
    from maxentrl.rewards.reward import (
        AbstractReward as AbstractReward,
        FunctionReward as FunctionReward,
    )
    from maxentrl.rewards.sums import SumReward as SumReward
    from maxentrl.runs.evaluate import evaluate as evaluate
    from maxentrl.runs.job import read_job as read_job
    from maxentrl.runs.outlook import make_forecaster as make_forecaster
    from maxentrl.runs.run import (
        Run as Run,
        fit_run as fit_run,
        load_run as load_run,
    )
    from maxentrl.runs.training_files import (
        load_reward as load_reward,
        save_reward as save_reward,
    )
    from maxentrl.status import (
        Failure as Failure,
        InvalidInput as InvalidInput,
        MissingExtra as MissingExtra,
        Status as Status,
    )

__version__ = "0.1.0"

__all__ = [
    "EIGHT_MOVES",
    "FOUR_MOVES",
    "LBFGSB",
    "MDP",
    "AbstractReward",
    "BackwardSweep",
    "Blocked",
    "Causal",
    "ConditionalLikelihood",
    "Cost",
    "DeterministicTransitions",
    "DirectSolver",
    "Discounted",
    "ErrorKind",
    "EvaluationSettings",
    "Failure",
    "FeatureCounts",
    "FeatureMatching",
    "Finite",
    "Fit",
    "FunctionReward",
    "GaussianDetections",
    "GaussianPrior",
    "GoalBatches",
    "GoalForecaster",
    "GradientSteps",
    "GridGeometry",
    "HeldOut",
    "Homography",
    "InvalidInput",
    "InverseProblem",
    "IterativeSolver",
    "LinearReward",
    "LinearSystem",
    "LookaheadAgent",
    "MatchingProblem",
    "MissingExtra",
    "Moves",
    "NetworkReward",
    "Newton",
    "NoisyConstantVelocity",
    "Occupancy",
    "ParameterSpace",
    "PersistentAgent",
    "PlannedPolicy",
    "RewardTable",
    "Run",
    "SceneBatches",
    "SoftPolicyIteration",
    "SoftProblem",
    "SoftSolution",
    "SoftValueIteration",
    "SparseTransitions",
    "Status",
    "SumReward",
    "TextbookGradient",
    "ToGoal",
    "Trajectories",
    "TrajectoryLevel",
    "WalkBatches",
    "World",
    "__version__",
    "adam",
    "backward_messages",
    "check_mdp",
    "check_trajectories",
    "choice_log_likelihood",
    "choose_components",
    "choose_smoothness",
    "choose_solver",
    "clone_by_counting",
    "clone_by_logit",
    "clone_by_network",
    "convolutional",
    "draw_trips",
    "estimate_transitions",
    "evaluate",
    "evaluate_policy",
    "expected_entropy",
    "expected_return",
    "expected_steps",
    "feature_ball",
    "feature_box",
    "feature_counts",
    "feature_report",
    "features_ahead",
    "filter_walk",
    "fit",
    "fit_drift",
    "fit_ensemble",
    "fit_mixture",
    "fit_run",
    "forecast_walks",
    "forward_messages",
    "from_dense",
    "from_outcomes",
    "goal_features",
    "grid_world",
    "gymnasium_world",
    "held_out",
    "load_reward",
    "load_run",
    "make_forecaster",
    "match",
    "most_likely_path",
    "parse_spec",
    "path_log_likelihood",
    "perceptron",
    "plaza",
    "policy_kl",
    "policy_occupancy",
    "posterior",
    "posterior_path_log_likelihood",
    "prefer_within",
    "read_crowd_text",
    "read_job",
    "read_layers",
    "read_spec",
    "read_table_world",
    "read_trajectories_csv",
    "read_trajnet",
    "regret",
    "sample",
    "sample_paths",
    "sample_posterior",
    "save_reward",
    "score_choices",
    "score_return",
    "smooth_walk",
    "solve",
    "solve_goals_within_horizon",
    "solve_rewards",
    "split_walks",
    "state_path_log_likelihood",
    "summarise",
    "table_world",
    "tune_temperature",
    "visits_ahead",
    "visits_until_arrival",
    "weight_decay",
    "windows",
    "with_weights",
    "write_report",
    "write_trajectories_csv",
]

_NAMES = {
    "maxentrl.demos.checks": ("check_trajectories",),
    "maxentrl.demos.counts": ("FeatureCounts", "feature_counts"),
    "maxentrl.demos.estimate": ("estimate_transitions",),
    "maxentrl.demos.trajectories": ("Trajectories",),
    "maxentrl.forecast.baselines": ("NoisyConstantVelocity",),
    "maxentrl.forecast.evaluation": ("EvaluationSettings", "forecast_walks", "held_out"),
    "maxentrl.forecast.filtering": ("GaussianDetections", "filter_walk", "smooth_walk"),
    "maxentrl.forecast.goals": ("GoalForecaster",),
    "maxentrl.forecast.paths": ("most_likely_path", "sample_paths"),
    "maxentrl.forecast.scores": ("summarise",),
    "maxentrl.forecast.visits": ("expected_steps", "visits_ahead", "visits_until_arrival"),
    "maxentrl.forecast.windows": ("windows",),
    "maxentrl.imitation.choice_features": ("features_ahead", "goal_features"),
    "maxentrl.imitation.function_classes": ("feature_ball", "feature_box"),
    "maxentrl.imitation.logistic": ("clone_by_logit",),
    "maxentrl.imitation.matching": ("MatchingProblem", "match"),
    "maxentrl.imitation.neural": ("clone_by_network",),
    "maxentrl.imitation.policy": ("PlannedPolicy",),
    "maxentrl.imitation.scores": ("score_choices", "score_return"),
    "maxentrl.imitation.tabular": ("clone_by_counting",),
    "maxentrl.imitation.within_ball": ("prefer_within",),
    "maxentrl.inverse.batches": ("GoalBatches", "SceneBatches", "WalkBatches"),
    "maxentrl.inverse.decay": ("weight_decay",),
    "maxentrl.inverse.drift": ("fit_drift",),
    "maxentrl.inverse.drift_agents": ("LookaheadAgent", "PersistentAgent"),
    "maxentrl.inverse.drift_choice": ("choose_smoothness",),
    "maxentrl.inverse.ensemble": ("fit_ensemble",),
    "maxentrl.inverse.feature_matching": ("FeatureMatching",),
    "maxentrl.inverse.fit": ("Fit", "fit"),
    "maxentrl.inverse.gradient_steps": ("GradientSteps", "adam"),
    "maxentrl.inverse.held_out": ("HeldOut", "split_walks"),
    "maxentrl.inverse.lbfgsb": ("LBFGSB",),
    "maxentrl.inverse.likelihood": ("ConditionalLikelihood",),
    "maxentrl.inverse.mixture": ("fit_mixture",),
    "maxentrl.inverse.mixture_choice": ("choose_components",),
    "maxentrl.inverse.newton": ("Newton",),
    "maxentrl.inverse.parameters": ("ParameterSpace",),
    "maxentrl.inverse.prior": ("GaussianPrior",),
    "maxentrl.inverse.problem": ("InverseProblem",),
    "maxentrl.inverse.regret": ("regret",),
    "maxentrl.inverse.textbook": ("TextbookGradient",),
    "maxentrl.inverse.uncertainty": ("ErrorKind",),
    "maxentrl.mdp.checks": ("check_mdp", "feature_report"),
    "maxentrl.mdp.grid": ("EIGHT_MOVES", "FOUR_MOVES", "Blocked", "Moves", "grid_world"),
    "maxentrl.mdp.gymnasium": ("gymnasium_world",),
    "maxentrl.mdp.mdp": ("MDP",),
    "maxentrl.mdp.plaza": ("draw_trips", "plaza"),
    "maxentrl.mdp.table": ("table_world",),
    "maxentrl.mdp.time": ("Discounted", "Finite", "ToGoal"),
    "maxentrl.mdp.transitions": ("DeterministicTransitions", "SparseTransitions", "from_dense", "from_outcomes"),
    "maxentrl.mdp.world": ("GridGeometry", "World"),
    "maxentrl.numerics.linear": ("DirectSolver", "IterativeSolver"),
    "maxentrl.numerics.reward_table": ("RewardTable",),
    "maxentrl.planning.backward_sweep": ("BackwardSweep",),
    "maxentrl.planning.choose_solver": ("choose_solver", "solve"),
    "maxentrl.planning.likelihood": (
        "choice_log_likelihood",
        "path_log_likelihood",
        "posterior_path_log_likelihood",
        "state_path_log_likelihood",
    ),
    "maxentrl.planning.linear_system": ("LinearSystem",),
    "maxentrl.planning.many": ("solve_goals_within_horizon", "solve_rewards"),
    "maxentrl.planning.messages": ("backward_messages", "forward_messages", "posterior"),
    "maxentrl.planning.policy_evaluation": (
        "evaluate_policy",
        "expected_entropy",
        "expected_return",
        "policy_kl",
        "policy_occupancy",
    ),
    "maxentrl.planning.policy_iteration": ("SoftPolicyIteration",),
    "maxentrl.planning.problem": ("Causal", "SoftProblem", "TrajectoryLevel"),
    "maxentrl.planning.sampling": ("sample", "sample_posterior"),
    "maxentrl.planning.solution": ("Occupancy", "SoftSolution"),
    "maxentrl.planning.temperature": ("tune_temperature",),
    "maxentrl.planning.value_iteration": ("SoftValueIteration",),
    "maxentrl.readers.crowds": ("read_crowd_text", "read_trajnet"),
    "maxentrl.readers.homography": ("Homography",),
    "maxentrl.readers.layers": ("read_layers",),
    "maxentrl.readers.spec": ("parse_spec", "read_spec"),
    "maxentrl.readers.tables": ("read_table_world",),
    "maxentrl.readers.trajectories": ("read_trajectories_csv", "write_trajectories_csv"),
    "maxentrl.report.build": ("write_report",),
    "maxentrl.rewards.convolution": ("convolutional",),
    "maxentrl.rewards.linear": ("LinearReward",),
    "maxentrl.rewards.network": ("NetworkReward", "with_weights"),
    "maxentrl.rewards.outputs": ("Cost",),
    "maxentrl.rewards.perceptron": ("perceptron",),
    "maxentrl.rewards.reward": ("AbstractReward", "FunctionReward"),
    "maxentrl.rewards.sums": ("SumReward",),
    "maxentrl.runs.evaluate": ("evaluate",),
    "maxentrl.runs.job": ("read_job",),
    "maxentrl.runs.outlook": ("make_forecaster",),
    "maxentrl.runs.run": ("Run", "fit_run", "load_run"),
    "maxentrl.runs.training_files": ("load_reward", "save_reward"),
    "maxentrl.status": ("Failure", "InvalidInput", "MissingExtra", "Status"),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}
"""Where each name is defined."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        near = difflib.get_close_matches(name, _MODULES, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise AttributeError(f"module 'maxentrl' has no attribute '{name}'{hint}", name=name, obj=None)
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
