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
    from maxentrl.forecast.baselines import (
        ConstantVelocity as ConstantVelocity,
        NoisyConstantVelocity as NoisyConstantVelocity,
    )
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
    from maxentrl.forecast.windows import (
        Windows as Windows,
        windows as windows,
    )
    from maxentrl.imitation.choice_features import (
        ChoiceFeatures as ChoiceFeatures,
        action_constants as action_constants,
        features_ahead as features_ahead,
        goal_features as goal_features,
        interacted_features as interacted_features,
        pair_features as pair_features,
    )
    from maxentrl.imitation.function_classes import (
        feature_ball as feature_ball,
        feature_box as feature_box,
        finite_class as finite_class,
        gaussian_kernel as gaussian_kernel,
        kernel_ball as kernel_ball,
    )
    from maxentrl.imitation.logistic import (
        LogisticClone as LogisticClone,
        clone_by_logit as clone_by_logit,
    )
    from maxentrl.imitation.matching import (
        Matching as Matching,
        MatchingProblem as MatchingProblem,
        match as match,
    )
    from maxentrl.imitation.neural import (
        NeuralClone as NeuralClone,
        clone_by_network as clone_by_network,
    )
    from maxentrl.imitation.policy import (
        FixedPolicy as FixedPolicy,
        PlannedPolicy as PlannedPolicy,
    )
    from maxentrl.imitation.projection import project_features as project_features
    from maxentrl.imitation.scores import (
        expected_visits as expected_visits,
        score_choices as score_choices,
        score_return as score_return,
    )
    from maxentrl.imitation.tabular import (
        PerGoal as PerGoal,
        PerStep as PerStep,
        Pooled as Pooled,
        TabularClone as TabularClone,
        clone_by_counting as clone_by_counting,
    )
    from maxentrl.imitation.within_ball import (
        GreatestEntropy as GreatestEntropy,
        LeastCost as LeastCost,
        prefer_within as prefer_within,
    )
    from maxentrl.inverse.batches import (
        EveryWalk as EveryWalk,
        GoalBatches as GoalBatches,
        SceneBatches as SceneBatches,
        WalkBatches as WalkBatches,
    )
    from maxentrl.inverse.decay import weight_decay as weight_decay
    from maxentrl.inverse.drift import (
        DriftFit as DriftFit,
        fit_drift as fit_drift,
    )
    from maxentrl.inverse.drift_agents import (
        LookaheadAgent as LookaheadAgent,
        PersistentAgent as PersistentAgent,
    )
    from maxentrl.inverse.drift_choice import choose_smoothness as choose_smoothness
    from maxentrl.inverse.drift_newton import DriftSettings as DriftSettings
    from maxentrl.inverse.drift_prior import RandomWalkPrior as RandomWalkPrior
    from maxentrl.inverse.ensemble import (
        Ensemble as Ensemble,
        fit_ensemble as fit_ensemble,
    )
    from maxentrl.inverse.feature_matching import FeatureMatching as FeatureMatching
    from maxentrl.inverse.fit import (
        Fit as Fit,
        fit as fit,
    )
    from maxentrl.inverse.given_network import refit_coefficients as refit_coefficients
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
    from maxentrl.inverse.mixture import (
        MixtureSettings as MixtureSettings,
        fit_mixture as fit_mixture,
    )
    from maxentrl.inverse.mixture_choice import (
        HeldOutLikelihood as HeldOutLikelihood,
        InformationCriterion as InformationCriterion,
        choose_components as choose_components,
    )
    from maxentrl.inverse.mixture_fit import MixtureFit as MixtureFit
    from maxentrl.inverse.newton import Newton as Newton
    from maxentrl.inverse.parameters import ParameterSpace as ParameterSpace
    from maxentrl.inverse.prior import GaussianPrior as GaussianPrior
    from maxentrl.inverse.problem import InverseProblem as InverseProblem
    from maxentrl.inverse.regret import (
        Regret as Regret,
        regret as regret,
    )
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
        Crowd as Crowd,
        read_crowd_text as read_crowd_text,
        read_trajnet as read_trajnet,
    )
    from maxentrl.readers.homography import (
        Ground as Ground,
        Homography as Homography,
        on_ground as on_ground,
        read_homography as read_homography,
    )
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
    from maxentrl.rewards.outputs import (
        AnySign as AnySign,
        Cost as Cost,
        Ends as Ends,
    )
    from maxentrl.rewards.perceptron import perceptron as perceptron
    from maxentrl.rewards.reward import (
        AbstractReward as AbstractReward,
        FunctionReward as FunctionReward,
    )
    from maxentrl.rewards.sums import (
        EachStep as EachStep,
        SumReward as SumReward,
    )
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
        load_training as load_training,
        save_reward as save_reward,
        save_training as save_training,
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
    "AnySign",
    "BackwardSweep",
    "Blocked",
    "Causal",
    "ChoiceFeatures",
    "ConditionalLikelihood",
    "ConstantVelocity",
    "Cost",
    "Crowd",
    "DeterministicTransitions",
    "DirectSolver",
    "Discounted",
    "DriftFit",
    "DriftSettings",
    "EachStep",
    "Ends",
    "Ensemble",
    "ErrorKind",
    "EvaluationSettings",
    "EveryWalk",
    "Failure",
    "FeatureCounts",
    "FeatureMatching",
    "Finite",
    "Fit",
    "FixedPolicy",
    "FunctionReward",
    "GaussianDetections",
    "GaussianPrior",
    "GoalBatches",
    "GoalForecaster",
    "GradientSteps",
    "GreatestEntropy",
    "GridGeometry",
    "Ground",
    "HeldOut",
    "HeldOutLikelihood",
    "Homography",
    "InformationCriterion",
    "InvalidInput",
    "InverseProblem",
    "IterativeSolver",
    "LeastCost",
    "LinearReward",
    "LinearSystem",
    "LogisticClone",
    "LookaheadAgent",
    "Matching",
    "MatchingProblem",
    "MissingExtra",
    "MixtureFit",
    "MixtureSettings",
    "Moves",
    "NetworkReward",
    "NeuralClone",
    "Newton",
    "NoisyConstantVelocity",
    "Occupancy",
    "ParameterSpace",
    "PerGoal",
    "PerStep",
    "PersistentAgent",
    "PlannedPolicy",
    "Pooled",
    "RandomWalkPrior",
    "Regret",
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
    "TabularClone",
    "TextbookGradient",
    "ToGoal",
    "Trajectories",
    "TrajectoryLevel",
    "WalkBatches",
    "Windows",
    "World",
    "__version__",
    "action_constants",
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
    "expected_visits",
    "feature_ball",
    "feature_box",
    "feature_counts",
    "feature_report",
    "features_ahead",
    "filter_walk",
    "finite_class",
    "fit",
    "fit_drift",
    "fit_ensemble",
    "fit_mixture",
    "fit_run",
    "forecast_walks",
    "forward_messages",
    "from_dense",
    "from_outcomes",
    "gaussian_kernel",
    "goal_features",
    "grid_world",
    "gymnasium_world",
    "held_out",
    "interacted_features",
    "kernel_ball",
    "load_reward",
    "load_run",
    "load_training",
    "make_forecaster",
    "match",
    "most_likely_path",
    "on_ground",
    "pair_features",
    "parse_spec",
    "path_log_likelihood",
    "perceptron",
    "plaza",
    "policy_kl",
    "policy_occupancy",
    "posterior",
    "posterior_path_log_likelihood",
    "prefer_within",
    "project_features",
    "read_crowd_text",
    "read_homography",
    "read_job",
    "read_layers",
    "read_spec",
    "read_table_world",
    "read_trajectories_csv",
    "read_trajnet",
    "refit_coefficients",
    "regret",
    "sample",
    "sample_paths",
    "sample_posterior",
    "save_reward",
    "save_training",
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

_MODULES = {
    "EIGHT_MOVES": "maxentrl.mdp.grid",
    "FOUR_MOVES": "maxentrl.mdp.grid",
    "LBFGSB": "maxentrl.inverse.lbfgsb",
    "MDP": "maxentrl.mdp.mdp",
    "AbstractReward": "maxentrl.rewards.reward",
    "AnySign": "maxentrl.rewards.outputs",
    "BackwardSweep": "maxentrl.planning.backward_sweep",
    "Blocked": "maxentrl.mdp.grid",
    "Causal": "maxentrl.planning.problem",
    "ChoiceFeatures": "maxentrl.imitation.choice_features",
    "ConditionalLikelihood": "maxentrl.inverse.likelihood",
    "ConstantVelocity": "maxentrl.forecast.baselines",
    "Cost": "maxentrl.rewards.outputs",
    "Crowd": "maxentrl.readers.crowds",
    "DeterministicTransitions": "maxentrl.mdp.transitions",
    "DirectSolver": "maxentrl.numerics.linear",
    "Discounted": "maxentrl.mdp.time",
    "DriftFit": "maxentrl.inverse.drift",
    "DriftSettings": "maxentrl.inverse.drift_newton",
    "EachStep": "maxentrl.rewards.sums",
    "Ends": "maxentrl.rewards.outputs",
    "Ensemble": "maxentrl.inverse.ensemble",
    "ErrorKind": "maxentrl.inverse.uncertainty",
    "EvaluationSettings": "maxentrl.forecast.evaluation",
    "EveryWalk": "maxentrl.inverse.batches",
    "Failure": "maxentrl.status",
    "FeatureCounts": "maxentrl.demos.counts",
    "FeatureMatching": "maxentrl.inverse.feature_matching",
    "Finite": "maxentrl.mdp.time",
    "Fit": "maxentrl.inverse.fit",
    "FixedPolicy": "maxentrl.imitation.policy",
    "FunctionReward": "maxentrl.rewards.reward",
    "GaussianDetections": "maxentrl.forecast.filtering",
    "GaussianPrior": "maxentrl.inverse.prior",
    "GoalBatches": "maxentrl.inverse.batches",
    "GoalForecaster": "maxentrl.forecast.goals",
    "GradientSteps": "maxentrl.inverse.gradient_steps",
    "GreatestEntropy": "maxentrl.imitation.within_ball",
    "GridGeometry": "maxentrl.mdp.world",
    "Ground": "maxentrl.readers.homography",
    "HeldOut": "maxentrl.inverse.held_out",
    "HeldOutLikelihood": "maxentrl.inverse.mixture_choice",
    "Homography": "maxentrl.readers.homography",
    "InformationCriterion": "maxentrl.inverse.mixture_choice",
    "InvalidInput": "maxentrl.status",
    "InverseProblem": "maxentrl.inverse.problem",
    "IterativeSolver": "maxentrl.numerics.linear",
    "LeastCost": "maxentrl.imitation.within_ball",
    "LinearReward": "maxentrl.rewards.linear",
    "LinearSystem": "maxentrl.planning.linear_system",
    "LogisticClone": "maxentrl.imitation.logistic",
    "LookaheadAgent": "maxentrl.inverse.drift_agents",
    "Matching": "maxentrl.imitation.matching",
    "MatchingProblem": "maxentrl.imitation.matching",
    "MissingExtra": "maxentrl.status",
    "MixtureFit": "maxentrl.inverse.mixture_fit",
    "MixtureSettings": "maxentrl.inverse.mixture",
    "Moves": "maxentrl.mdp.grid",
    "NetworkReward": "maxentrl.rewards.network",
    "NeuralClone": "maxentrl.imitation.neural",
    "Newton": "maxentrl.inverse.newton",
    "NoisyConstantVelocity": "maxentrl.forecast.baselines",
    "Occupancy": "maxentrl.planning.solution",
    "ParameterSpace": "maxentrl.inverse.parameters",
    "PerGoal": "maxentrl.imitation.tabular",
    "PerStep": "maxentrl.imitation.tabular",
    "PersistentAgent": "maxentrl.inverse.drift_agents",
    "PlannedPolicy": "maxentrl.imitation.policy",
    "Pooled": "maxentrl.imitation.tabular",
    "RandomWalkPrior": "maxentrl.inverse.drift_prior",
    "Regret": "maxentrl.inverse.regret",
    "RewardTable": "maxentrl.numerics.reward_table",
    "Run": "maxentrl.runs.run",
    "SceneBatches": "maxentrl.inverse.batches",
    "SoftPolicyIteration": "maxentrl.planning.policy_iteration",
    "SoftProblem": "maxentrl.planning.problem",
    "SoftSolution": "maxentrl.planning.solution",
    "SoftValueIteration": "maxentrl.planning.value_iteration",
    "SparseTransitions": "maxentrl.mdp.transitions",
    "Status": "maxentrl.status",
    "SumReward": "maxentrl.rewards.sums",
    "TabularClone": "maxentrl.imitation.tabular",
    "TextbookGradient": "maxentrl.inverse.textbook",
    "ToGoal": "maxentrl.mdp.time",
    "Trajectories": "maxentrl.demos.trajectories",
    "TrajectoryLevel": "maxentrl.planning.problem",
    "WalkBatches": "maxentrl.inverse.batches",
    "Windows": "maxentrl.forecast.windows",
    "World": "maxentrl.mdp.world",
    "action_constants": "maxentrl.imitation.choice_features",
    "adam": "maxentrl.inverse.gradient_steps",
    "backward_messages": "maxentrl.planning.messages",
    "check_mdp": "maxentrl.mdp.checks",
    "check_trajectories": "maxentrl.demos.checks",
    "choice_log_likelihood": "maxentrl.planning.likelihood",
    "choose_components": "maxentrl.inverse.mixture_choice",
    "choose_smoothness": "maxentrl.inverse.drift_choice",
    "choose_solver": "maxentrl.planning.choose_solver",
    "clone_by_counting": "maxentrl.imitation.tabular",
    "clone_by_logit": "maxentrl.imitation.logistic",
    "clone_by_network": "maxentrl.imitation.neural",
    "convolutional": "maxentrl.rewards.convolution",
    "draw_trips": "maxentrl.mdp.plaza",
    "estimate_transitions": "maxentrl.demos.estimate",
    "evaluate": "maxentrl.runs.evaluate",
    "evaluate_policy": "maxentrl.planning.policy_evaluation",
    "expected_entropy": "maxentrl.planning.policy_evaluation",
    "expected_return": "maxentrl.planning.policy_evaluation",
    "expected_steps": "maxentrl.forecast.visits",
    "expected_visits": "maxentrl.imitation.scores",
    "feature_ball": "maxentrl.imitation.function_classes",
    "feature_box": "maxentrl.imitation.function_classes",
    "feature_counts": "maxentrl.demos.counts",
    "feature_report": "maxentrl.mdp.checks",
    "features_ahead": "maxentrl.imitation.choice_features",
    "filter_walk": "maxentrl.forecast.filtering",
    "finite_class": "maxentrl.imitation.function_classes",
    "fit": "maxentrl.inverse.fit",
    "fit_drift": "maxentrl.inverse.drift",
    "fit_ensemble": "maxentrl.inverse.ensemble",
    "fit_mixture": "maxentrl.inverse.mixture",
    "fit_run": "maxentrl.runs.run",
    "forecast_walks": "maxentrl.forecast.evaluation",
    "forward_messages": "maxentrl.planning.messages",
    "from_dense": "maxentrl.mdp.transitions",
    "from_outcomes": "maxentrl.mdp.transitions",
    "gaussian_kernel": "maxentrl.imitation.function_classes",
    "goal_features": "maxentrl.imitation.choice_features",
    "grid_world": "maxentrl.mdp.grid",
    "gymnasium_world": "maxentrl.mdp.gymnasium",
    "held_out": "maxentrl.forecast.evaluation",
    "interacted_features": "maxentrl.imitation.choice_features",
    "kernel_ball": "maxentrl.imitation.function_classes",
    "load_reward": "maxentrl.runs.training_files",
    "load_run": "maxentrl.runs.run",
    "load_training": "maxentrl.runs.training_files",
    "make_forecaster": "maxentrl.runs.outlook",
    "match": "maxentrl.imitation.matching",
    "most_likely_path": "maxentrl.forecast.paths",
    "on_ground": "maxentrl.readers.homography",
    "pair_features": "maxentrl.imitation.choice_features",
    "parse_spec": "maxentrl.readers.spec",
    "path_log_likelihood": "maxentrl.planning.likelihood",
    "perceptron": "maxentrl.rewards.perceptron",
    "plaza": "maxentrl.mdp.plaza",
    "policy_kl": "maxentrl.planning.policy_evaluation",
    "policy_occupancy": "maxentrl.planning.policy_evaluation",
    "posterior": "maxentrl.planning.messages",
    "posterior_path_log_likelihood": "maxentrl.planning.likelihood",
    "prefer_within": "maxentrl.imitation.within_ball",
    "project_features": "maxentrl.imitation.projection",
    "read_crowd_text": "maxentrl.readers.crowds",
    "read_homography": "maxentrl.readers.homography",
    "read_job": "maxentrl.runs.job",
    "read_layers": "maxentrl.readers.layers",
    "read_spec": "maxentrl.readers.spec",
    "read_table_world": "maxentrl.readers.tables",
    "read_trajectories_csv": "maxentrl.readers.trajectories",
    "read_trajnet": "maxentrl.readers.crowds",
    "refit_coefficients": "maxentrl.inverse.given_network",
    "regret": "maxentrl.inverse.regret",
    "sample": "maxentrl.planning.sampling",
    "sample_paths": "maxentrl.forecast.paths",
    "sample_posterior": "maxentrl.planning.sampling",
    "save_reward": "maxentrl.runs.training_files",
    "save_training": "maxentrl.runs.training_files",
    "score_choices": "maxentrl.imitation.scores",
    "score_return": "maxentrl.imitation.scores",
    "smooth_walk": "maxentrl.forecast.filtering",
    "solve": "maxentrl.planning.choose_solver",
    "solve_goals_within_horizon": "maxentrl.planning.many",
    "solve_rewards": "maxentrl.planning.many",
    "split_walks": "maxentrl.inverse.held_out",
    "state_path_log_likelihood": "maxentrl.planning.likelihood",
    "summarise": "maxentrl.forecast.scores",
    "table_world": "maxentrl.mdp.table",
    "tune_temperature": "maxentrl.planning.temperature",
    "visits_ahead": "maxentrl.forecast.visits",
    "visits_until_arrival": "maxentrl.forecast.visits",
    "weight_decay": "maxentrl.inverse.decay",
    "windows": "maxentrl.forecast.windows",
    "with_weights": "maxentrl.rewards.network",
    "write_report": "maxentrl.report.build",
    "write_trajectories_csv": "maxentrl.readers.trajectories",
}
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
