"""The ``[reward]`` table as a reward, its free parameters and their prior."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, TypeAlias

import numpy as np

from maxentrl.inverse.decay import weight_decay
from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.inverse.fit import default_objective
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.objectives import AbstractObjective
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.problem import InverseProblem
from maxentrl.mdp.momentum import MomentumWorld
from maxentrl.mdp.world import World
from maxentrl.readers.spec_learning import FitSettings, Reward
from maxentrl.readers.spec_model import Spec
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.momentum import MomentumReward
from maxentrl.rewards.reward import AbstractReward, coefficient_mask, coefficient_names, starting_parameters
from maxentrl.rewards.sums import SumReward
from maxentrl.runs.feature_names import by_name, matching_names
from maxentrl.runs.networks import make_network, network_in, told_difference
from maxentrl.status import InvalidInput

CONSTANT = "constant"
"""Name of the feature that ``constant = true`` adds."""
Place: TypeAlias = World | MomentumWorld

END = "end:"
"""Begins the names of end features with weights of their own."""


def make_reward(spec: Spec, place: Place) -> AbstractReward:
    """The reward that the table describes: linear, a network, or their sum.

    Raises:
        InvalidInput: features that the world does not have, with the nearest that it has; a network that cannot be made.
        MissingExtra: equinox is not installed.
    """
    network = spec.reward.network
    linear = linear_reward(spec.reward, place)
    if network is None:
        assert linear is not None
        return linear
    return _together(linear, make_network(spec, network, world_of(place)))


def reward_in(spec: Spec, place: Place, reward: AbstractReward) -> AbstractReward:
    """The same reward, with the same parameters, in another scene of the specification.

    Raises:
        InvalidInput: a scene that lacks a feature, or has others where all of them count, by name.
    """
    linear, world = linear_reward(spec.reward, place), world_of(place)
    if isinstance(reward, LinearReward | MomentumReward):
        assert linear is not None
        return _in_order(linear, reward.names)
    table = spec.reward.network
    assert table is not None
    if isinstance(reward, SumReward) and linear is not None:
        first, network = reward.parts
        return SumReward.of(_in_order(linear, first.names), network_in(table, world, network))
    return network_in(table, world, reward)


def linear_reward(settings: Reward, place: Place) -> LinearReward | MomentumReward | None:
    """The part that weighs features; None where there is a network and nothing else is asked for.

    Raises:
        InvalidInput: features that the world does not have, or none at all and no network.
    """
    patterns = () if settings.features is None and settings.network is not None else settings.features
    if isinstance(place, MomentumWorld):
        return _with_momentum(settings, patterns, place)
    world = place
    state = _chosen(patterns, world.state_features, "features", world.pair_features)
    pair = _chosen(settings.pair_features, world.pair_features, "pair_features", world.state_features)
    if settings.constant:
        if CONSTANT in {*state, *pair}:
            raise InvalidInput(
                f"[reward] constant = true: the world has a feature '{CONSTANT}' already; list it under features instead"
            )
        pair = {**pair, CONSTANT: np.ones((world.mdp.n_actions, world.mdp.n_states))}
    if not state and not pair:
        if settings.network is not None:
            return None
        _refuse_empty(world)
    return LinearReward.of(world.mdp.n_actions, state=state, pair=pair, terminal=_terminal(settings, world, state))


def _with_momentum(
    settings: Reward, patterns: tuple[str, ...] | None, momentum: MomentumWorld
) -> MomentumReward | None:
    """All features of changes count unless some are chosen: without them nothing is said of how people walk."""
    if settings.constant or settings.terminal != "shared":
        raise InvalidInput(
            '[reward] constant and terminal: a world with momentum pays its layers at the end too (terminal = "shared"), and '
            "has no other constant than the features of changes"
        )
    cells = _chosen(patterns, momentum.cells, "features", momentum.features)
    wanted = settings.pair_features or None
    changes = _chosen(wanted, momentum.features, "pair_features", momentum.cells)
    return MomentumReward.of(momentum, changes=tuple(changes), cells=tuple(cells))


def world_of(place: Place) -> World:
    """The world of a place, whether its walkers have momentum or not."""
    return place.world if isinstance(place, MomentumWorld) else place


def _together(linear: LinearReward | MomentumReward | None, network: AbstractReward) -> AbstractReward:
    return network if linear is None else SumReward.of(linear, network)


def _in_order(reward: LinearReward | MomentumReward, names: tuple[str, ...]) -> LinearReward | MomentumReward:
    """The features in the order that another scene has them in."""
    missing, new = [n for n in names if n not in reward.names], [n for n in reward.names if n not in names]
    if missing or new:
        raise InvalidInput(
            f"its features are not those of the first scene: {told_difference(missing, new)}; name those that all scenes "
            "have under reward.features, or add the layers"
        )
    order = [reward.names.index(name) for name in names]
    if isinstance(reward, MomentumReward):
        change, cell = np.asarray(reward.change)[order], np.asarray(reward.cell)[order]
        return dataclasses.replace(reward, names=names, change=change, cell=cell)
    pair = None if reward.pair is None else np.asarray(reward.pair)[order]
    return LinearReward(
        names, reward.n_actions, np.asarray(reward.state)[order], pair, np.asarray(reward.terminal)[order]
    )


def _refuse_empty(world: World) -> NoReturn:
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
    names = matching_names(patterns, available, f"[reward] {key}")
    return {name: np.asarray(available[name], float) for name in names}


def parameter_space(settings: Reward, reward: AbstractReward) -> ParameterSpace:
    """Bounds, fixed and tied weights, and the start, by default the reward's own; raises like ``ParameterSpace.of``."""
    names = coefficient_names(reward)
    own = dict(zip(reward.names, starting_parameters(reward).tolist(), strict=True))
    return ParameterSpace.of(
        reward.names,
        bounds=by_name(settings.bounds, names, "[reward] bounds"),
        fixed=by_name(settings.fixed, names, "[reward] fixed"),
        tied=settings.tied,
        start={**own, **by_name(settings.start, names, "[reward] start")},
    )


def make_prior(settings: Reward, reward: AbstractReward, decay: float = 0.0) -> GaussianPrior | None:
    """The Gaussian prior on coefficients and the decay of a network's weights, or None; raises like ``GaussianPrior.of``."""
    mean, scale = np.zeros(len(reward.names)), np.full(len(reward.names), np.inf)
    if decay > 0:
        scale = weight_decay(reward, decay).scale
    if settings.prior is not None:
        names, table = coefficient_names(reward), settings.prior
        each, centre = table.standard_deviation, table.mean
        known = GaussianPrior.of(
            names,
            scale=by_name(each, names, "[reward] prior.standard_deviation") if isinstance(each, Mapping) else each,
            mean=by_name(centre, names, "[reward] prior.mean") if isinstance(centre, Mapping) else centre,
        )
        mask = coefficient_mask(reward)
        mean[mask], scale[mask] = known.mean, known.scale
    return GaussianPrior(mean, scale) if np.isfinite(scale).any() else None


def make_objective(settings: FitSettings, problem: InverseProblem) -> AbstractObjective:
    """The objective asked for, or the default one."""
    if settings.objective == "feature-matching":
        return FeatureMatching.of(problem)
    if settings.objective == "likelihood":
        return ConditionalLikelihood.of(problem)
    return default_objective(problem)
