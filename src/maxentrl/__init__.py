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
    from maxentrl.inverse.feature_matching import FeatureMatching as FeatureMatching
    from maxentrl.inverse.fit import (
        Fit as Fit,
        fit as fit,
    )
    from maxentrl.inverse.lbfgsb import LBFGSB as LBFGSB
    from maxentrl.inverse.likelihood import ConditionalLikelihood as ConditionalLikelihood
    from maxentrl.inverse.newton import Newton as Newton
    from maxentrl.inverse.parameters import ParameterSpace as ParameterSpace
    from maxentrl.inverse.prior import GaussianPrior as GaussianPrior
    from maxentrl.inverse.problem import InverseProblem as InverseProblem
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
    from maxentrl.rewards.linear import LinearReward as LinearReward
    from maxentrl.rewards.reward import (
        AbstractReward as AbstractReward,
        FunctionReward as FunctionReward,
    )
    from maxentrl.runs.evaluate import evaluate as evaluate
    from maxentrl.runs.job import read_job as read_job
    from maxentrl.runs.outlook import make_forecaster as make_forecaster
    from maxentrl.runs.run import (
        Run as Run,
        fit_run as fit_run,
        load_run as load_run,
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
    "GoalForecaster",
    "GridGeometry",
    "InvalidInput",
    "InverseProblem",
    "IterativeSolver",
    "LinearReward",
    "LinearSystem",
    "MissingExtra",
    "Moves",
    "Newton",
    "Occupancy",
    "ParameterSpace",
    "RewardTable",
    "Run",
    "SoftPolicyIteration",
    "SoftProblem",
    "SoftSolution",
    "SoftValueIteration",
    "SparseTransitions",
    "Status",
    "TextbookGradient",
    "ToGoal",
    "Trajectories",
    "TrajectoryLevel",
    "World",
    "__version__",
    "backward_messages",
    "check_mdp",
    "check_trajectories",
    "choice_log_likelihood",
    "choose_solver",
    "draw_trips",
    "estimate_transitions",
    "evaluate",
    "evaluate_policy",
    "expected_entropy",
    "expected_return",
    "expected_steps",
    "feature_counts",
    "feature_report",
    "filter_walk",
    "fit",
    "fit_run",
    "forecast_walks",
    "forward_messages",
    "from_dense",
    "from_outcomes",
    "grid_world",
    "gymnasium_world",
    "held_out",
    "load_run",
    "make_forecaster",
    "most_likely_path",
    "parse_spec",
    "path_log_likelihood",
    "plaza",
    "policy_kl",
    "policy_occupancy",
    "posterior",
    "posterior_path_log_likelihood",
    "read_job",
    "read_layers",
    "read_spec",
    "read_table_world",
    "read_trajectories_csv",
    "sample",
    "sample_paths",
    "sample_posterior",
    "smooth_walk",
    "solve",
    "solve_goals_within_horizon",
    "solve_rewards",
    "state_path_log_likelihood",
    "summarise",
    "table_world",
    "tune_temperature",
    "visits_ahead",
    "visits_until_arrival",
    "write_report",
    "write_trajectories_csv",
]

_MODULES = {
    "EIGHT_MOVES": "maxentrl.mdp.grid",
    "FOUR_MOVES": "maxentrl.mdp.grid",
    "LBFGSB": "maxentrl.inverse.lbfgsb",
    "MDP": "maxentrl.mdp.mdp",
    "AbstractReward": "maxentrl.rewards.reward",
    "BackwardSweep": "maxentrl.planning.backward_sweep",
    "Blocked": "maxentrl.mdp.grid",
    "Causal": "maxentrl.planning.problem",
    "ConditionalLikelihood": "maxentrl.inverse.likelihood",
    "DeterministicTransitions": "maxentrl.mdp.transitions",
    "DirectSolver": "maxentrl.numerics.linear",
    "Discounted": "maxentrl.mdp.time",
    "ErrorKind": "maxentrl.inverse.uncertainty",
    "EvaluationSettings": "maxentrl.forecast.evaluation",
    "Failure": "maxentrl.status",
    "FeatureCounts": "maxentrl.demos.counts",
    "FeatureMatching": "maxentrl.inverse.feature_matching",
    "Finite": "maxentrl.mdp.time",
    "Fit": "maxentrl.inverse.fit",
    "FunctionReward": "maxentrl.rewards.reward",
    "GaussianDetections": "maxentrl.forecast.filtering",
    "GaussianPrior": "maxentrl.inverse.prior",
    "GoalForecaster": "maxentrl.forecast.goals",
    "GridGeometry": "maxentrl.mdp.world",
    "InvalidInput": "maxentrl.status",
    "InverseProblem": "maxentrl.inverse.problem",
    "IterativeSolver": "maxentrl.numerics.linear",
    "LinearReward": "maxentrl.rewards.linear",
    "LinearSystem": "maxentrl.planning.linear_system",
    "MissingExtra": "maxentrl.status",
    "Moves": "maxentrl.mdp.grid",
    "Newton": "maxentrl.inverse.newton",
    "Occupancy": "maxentrl.planning.solution",
    "ParameterSpace": "maxentrl.inverse.parameters",
    "RewardTable": "maxentrl.numerics.reward_table",
    "Run": "maxentrl.runs.run",
    "SoftPolicyIteration": "maxentrl.planning.policy_iteration",
    "SoftProblem": "maxentrl.planning.problem",
    "SoftSolution": "maxentrl.planning.solution",
    "SoftValueIteration": "maxentrl.planning.value_iteration",
    "SparseTransitions": "maxentrl.mdp.transitions",
    "Status": "maxentrl.status",
    "TextbookGradient": "maxentrl.inverse.textbook",
    "ToGoal": "maxentrl.mdp.time",
    "Trajectories": "maxentrl.demos.trajectories",
    "TrajectoryLevel": "maxentrl.planning.problem",
    "World": "maxentrl.mdp.world",
    "backward_messages": "maxentrl.planning.messages",
    "check_mdp": "maxentrl.mdp.checks",
    "check_trajectories": "maxentrl.demos.checks",
    "choice_log_likelihood": "maxentrl.planning.likelihood",
    "choose_solver": "maxentrl.planning.choose_solver",
    "draw_trips": "maxentrl.mdp.plaza",
    "estimate_transitions": "maxentrl.demos.estimate",
    "evaluate": "maxentrl.runs.evaluate",
    "evaluate_policy": "maxentrl.planning.policy_evaluation",
    "expected_entropy": "maxentrl.planning.policy_evaluation",
    "expected_return": "maxentrl.planning.policy_evaluation",
    "expected_steps": "maxentrl.forecast.visits",
    "feature_counts": "maxentrl.demos.counts",
    "feature_report": "maxentrl.mdp.checks",
    "filter_walk": "maxentrl.forecast.filtering",
    "fit": "maxentrl.inverse.fit",
    "fit_run": "maxentrl.runs.run",
    "forecast_walks": "maxentrl.forecast.evaluation",
    "forward_messages": "maxentrl.planning.messages",
    "from_dense": "maxentrl.mdp.transitions",
    "from_outcomes": "maxentrl.mdp.transitions",
    "grid_world": "maxentrl.mdp.grid",
    "gymnasium_world": "maxentrl.mdp.gymnasium",
    "held_out": "maxentrl.forecast.evaluation",
    "load_run": "maxentrl.runs.run",
    "make_forecaster": "maxentrl.runs.outlook",
    "most_likely_path": "maxentrl.forecast.paths",
    "parse_spec": "maxentrl.readers.spec",
    "path_log_likelihood": "maxentrl.planning.likelihood",
    "plaza": "maxentrl.mdp.plaza",
    "policy_kl": "maxentrl.planning.policy_evaluation",
    "policy_occupancy": "maxentrl.planning.policy_evaluation",
    "posterior": "maxentrl.planning.messages",
    "posterior_path_log_likelihood": "maxentrl.planning.likelihood",
    "read_job": "maxentrl.runs.job",
    "read_layers": "maxentrl.readers.layers",
    "read_spec": "maxentrl.readers.spec",
    "read_table_world": "maxentrl.readers.tables",
    "read_trajectories_csv": "maxentrl.readers.trajectories",
    "sample": "maxentrl.planning.sampling",
    "sample_paths": "maxentrl.forecast.paths",
    "sample_posterior": "maxentrl.planning.sampling",
    "smooth_walk": "maxentrl.forecast.filtering",
    "solve": "maxentrl.planning.choose_solver",
    "solve_goals_within_horizon": "maxentrl.planning.many",
    "solve_rewards": "maxentrl.planning.many",
    "state_path_log_likelihood": "maxentrl.planning.likelihood",
    "summarise": "maxentrl.forecast.scores",
    "table_world": "maxentrl.mdp.table",
    "tune_temperature": "maxentrl.planning.temperature",
    "visits_ahead": "maxentrl.forecast.visits",
    "visits_until_arrival": "maxentrl.forecast.visits",
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
