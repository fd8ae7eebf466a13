"""maxentrl: maximum-entropy decision making, forward and inverse.

Names are loaded when they are first asked for (PEP 562), so that ``import maxentrl`` is immediate and loads no JAX. Type
checkers read them in ``__init__.pyi``, which ``python tests/test_exports.py`` writes from the table below.
"""

from __future__ import annotations

import difflib
import importlib
from typing import Any

__version__ = "0.1.0"

_NAMES = {
    "maxentrl.demos.checks": ("check_trajectories",),
    "maxentrl.demos.counts": ("FeatureCounts", "feature_counts"),
    "maxentrl.demos.estimate": ("estimate_transitions",),
    "maxentrl.demos.trajectories": ("Trajectories",),
    "maxentrl.forecast.baselines": ("NoisyConstantVelocity",),
    "maxentrl.forecast.disagreement": ("policy_disagreement",),
    "maxentrl.forecast.evaluation": ("EvaluationSettings", "forecast_walks", "held_out"),
    "maxentrl.forecast.filtering": ("GaussianDetections", "filter_walk", "smooth_walk"),
    "maxentrl.forecast.goals": ("GoalForecaster",),
    "maxentrl.forecast.momentum": (
        "MomentumStarts",
        "momentum_ahead",
        "momentum_paths",
        "momentum_points",
        "momentum_starts",
        "momentum_walks",
    ),
    "maxentrl.forecast.paths": ("most_likely_path", "sample_paths"),
    "maxentrl.forecast.points": (
        "Points",
        "Smoothing",
        "Tiling",
        "choose_smoothing",
        "mixed_points",
        "occupied_probability",
        "sampled_points",
    ),
    "maxentrl.forecast.scores": ("summarise",),
    "maxentrl.forecast.visits": ("expected_steps", "visits_ahead", "visits_until_arrival"),
    "maxentrl.forecast.windows": ("windows",),
    "maxentrl.imitation.choice_features": ("features_ahead", "goal_features"),
    "maxentrl.imitation.clone_file": ("clone_from_bytes", "clone_to_bytes"),
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
    "maxentrl.inverse.drift_prior": ("RandomWalkPrior",),
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
    "maxentrl.inverse.pullback": ("reward_table",),
    "maxentrl.inverse.regret": ("regret",),
    "maxentrl.inverse.textbook": ("TextbookGradient",),
    "maxentrl.inverse.uncertainty": ("ErrorKind",),
    "maxentrl.mdp.checks": ("check_mdp", "feature_report"),
    "maxentrl.mdp.grid": ("EIGHT_MOVES", "FOUR_MOVES", "Blocked", "Moves", "grid_world"),
    "maxentrl.mdp.gymnasium": ("gymnasium_world",),
    "maxentrl.mdp.mdp": ("MDP",),
    "maxentrl.mdp.momentum": ("MomentumWorld", "momentum_world"),
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
    "maxentrl.readers.crowd_scene": ("CrowdGround", "crowd_ground"),
    "maxentrl.readers.crowds": ("read_crowd_text", "read_trajnet"),
    "maxentrl.readers.homography": ("Homography", "read_homography"),
    "maxentrl.readers.layers": ("read_layers",),
    "maxentrl.readers.spec": ("Study", "parse_spec", "parse_study", "read_spec", "read_study"),
    "maxentrl.readers.tables": ("read_table_world",),
    "maxentrl.readers.trajectories": ("read_trajectories_csv", "write_trajectories_csv"),
    "maxentrl.report.build": ("write_report",),
    "maxentrl.rewards.convolution": ("MapInputs", "convolutional"),
    "maxentrl.rewards.linear": ("LinearReward",),
    "maxentrl.rewards.momentum": ("MomentumReward",),
    "maxentrl.rewards.network": ("CallInputs", "NetworkReward", "with_weights"),
    "maxentrl.rewards.outputs": ("AnySign", "Cost", "Ends"),
    "maxentrl.rewards.perceptron": ("RowInputs", "perceptron"),
    "maxentrl.rewards.reward": ("AbstractReward", "FunctionReward"),
    "maxentrl.rewards.sums": ("EachStep", "SumReward"),
    "maxentrl.runs.changes": ("Block", "MoveLayer", "MoveWalls", "Open", "Rectangle", "ReplaceLayer"),
    "maxentrl.runs.counterfactual": ("Imagined", "imagine"),
    "maxentrl.runs.evaluate": ("evaluate",),
    "maxentrl.runs.job": ("read_job", "read_jobs"),
    "maxentrl.runs.outlook": ("make_forecaster",),
    "maxentrl.runs.run": ("Run", "fit_run", "load_run"),
    "maxentrl.runs.scenes": ("evaluate_scenes", "leave_one_scene_out"),
    "maxentrl.runs.training_files": ("load_reward", "save_reward"),
    "maxentrl.status": ("Failure", "InvalidInput", "MissingExtra", "Status"),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}
"""Where each name is defined."""


def _rank(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


# All capitals, then classes, then functions.
__all__ = sorted([*_MODULES, "__version__"], key=_rank)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


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
