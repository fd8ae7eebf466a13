"""The ``[reward]`` and ``[fit]`` tables as a reward, its free parameters and an optimiser."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.fit import default_objective
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.newton import Newton
from maxentrl.inverse.objectives import AbstractObjective
from maxentrl.inverse.optimise import AbstractOptimiser
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.textbook import TextbookGradient
from maxentrl.mdp.world import World
from maxentrl.readers.spec_model import FitSettings, Reward
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import InvalidInput

CONSTANT = "constant"
"""Name of the feature that ``constant = true`` adds."""
END = "end:"
"""Begins the names of end features with weights of their own."""

Value = TypeVar("Value")


def make_reward(settings: Reward, world: World) -> LinearReward:
    """The linear reward that the table describes.

    Raises:
        InvalidInput: features that the world does not have, with the nearest that it has.
    """
    state = _chosen(settings.features, world.state_features, "features", world.pair_features)
    pair = _chosen(settings.pair_features, world.pair_features, "pair_features", world.state_features)
    if settings.constant:
        if CONSTANT in {*state, *pair}:
            raise InvalidInput(
                f"[reward] constant = true: the world has a feature '{CONSTANT}' already; list it under features instead"
            )
        pair = {**pair, CONSTANT: np.ones((world.mdp.n_actions, world.mdp.n_states))}
    if not state and not pair:
        _refuse_empty(world)
    return LinearReward.of(world.mdp.n_actions, state=state, pair=pair, terminal=_terminal(settings, world, state))


def _refuse_empty(world: World) -> None:
    """Say which features there are to choose."""
    if world.pair_features:
        cure = f"choose some of {', '.join(map(repr, world.pair_features))} under reward.pair_features"
    elif world.state_features:
        cure = f"choose some of {', '.join(map(repr, world.state_features))} under reward.features"
    else:
        cure = (
            "the world has none: name a CSV of them under world.features (a table world), or set reward.constant = true"
        )
    raise InvalidInput(f"[reward] chooses no feature, and a linear reward needs at least one: {cure}")


def _terminal(settings: Reward, world: World, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if settings.terminal == "shared":
        return dict(state)
    if settings.terminal == "none":
        return {}
    chosen = _chosen(settings.terminal, world.state_features, "terminal")
    return {END + name: column for name, column in chosen.items()}


def _chosen(
    patterns: Sequence[str] | None, available: Mapping[str, np.ndarray], key: str, others: Iterable[str] = ()
) -> dict[str, np.ndarray]:
    if patterns is None:
        return dict(available)
    for pattern in patterns:
        if pattern in others and pattern not in available:
            kind, place = ("state-action", "pair_features") if key == "features" else ("state", "features")
            raise InvalidInput(f"[reward] {key}: '{pattern}' is a {kind} feature: list it under reward.{place}")
    names = [name for pattern in patterns for name in _matching(pattern, available, key, "feature of this world")]
    return {name: np.asarray(available[name], float) for name in dict.fromkeys(names)}


def _matching(pattern: str, names: Iterable[str], key: str, kind: str) -> list[str]:
    names = list(names)
    found = [pattern] if pattern in names else fnmatch.filter(names, pattern)
    if found:
        return found
    near = difflib.get_close_matches(pattern, names, 1, 0.5)
    listed = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(names) or 'none'}"
    raise InvalidInput(f"[reward] {key}: '{pattern}' is no {kind}; {listed}")


def _by_name(table: Mapping[str, Value], names: Sequence[str], key: str) -> dict[str, Value]:
    """A table by pattern as one by name: exact names override patterns, later patterns earlier ones."""
    expanded: dict[str, Value] = {}
    for pattern, value in sorted(table.items(), key=lambda item: item[0] in names):
        expanded |= dict.fromkeys(_matching(pattern, names, key, "feature of this reward"), value)
    return expanded


def parameter_space(settings: Reward, names: Sequence[str]) -> ParameterSpace:
    """Bounds, fixed and tied weights, and the start; raises like :meth:`ParameterSpace.of`."""
    return ParameterSpace.of(
        names,
        bounds=_by_name(settings.bounds, names, "bounds"),
        fixed=_by_name(settings.fixed, names, "fixed"),
        tied=settings.tied,
        start=_by_name(settings.start, names, "start"),
    )


def make_prior(settings: Reward, names: Sequence[str]) -> GaussianPrior | None:
    """The Gaussian prior, or None; raises like :meth:`GaussianPrior.of`."""
    if settings.prior is None:
        return None
    scale, mean = settings.prior.standard_deviation, settings.prior.mean
    return GaussianPrior.of(
        names,
        scale=_by_name(scale, names, "prior.standard_deviation") if isinstance(scale, Mapping) else scale,
        mean=_by_name(mean, names, "prior.mean") if isinstance(mean, Mapping) else mean,
    )


def make_objective(settings: FitSettings, problem: InverseProblem) -> AbstractObjective:
    """The objective asked for, or the default one."""
    if settings.objective == "feature-matching":
        return FeatureMatching.of(problem)
    if settings.objective == "likelihood":
        return ConditionalLikelihood.of(problem)
    return default_objective(problem)


def make_optimiser(settings: FitSettings) -> AbstractOptimiser:
    """The optimiser asked for."""
    if settings.optimiser == "newton":
        return Newton(settings.tolerance, settings.max_evaluations)
    if settings.optimiser == "textbook":
        return TextbookGradient(settings.step_size, settings.max_evaluations, settings.tolerance)
    return LBFGSB(settings.tolerance, settings.max_evaluations)
