"""Which parameters are free: bounds, fixed values and ties as one affine map from the free vector to θ."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from maxentrl.status import InvalidInput

Bound = tuple[float | int | None, float | int | None]


@dataclasses.dataclass(frozen=True, eq=False)
class ParameterSpace:
    """θ = offset + matrix · free, with lower ≤ free ≤ upper.

    Attributes:
        names: all parameters, in the order of θ.
        free_names: one name a free parameter; tied ones joined by " = ".
        selection: one where a parameter follows a free one, (K, F); None where each parameter is free by itself, so that
            a network's ten thousand weights need no matrix of their squares.
        offset: the fixed values, (K,).
        lower: lower bounds, (F,), -inf where there is none.
        upper: upper bounds, (F,), inf where there is none.
        start: where a fit begins, (F,).
    """

    names: tuple[str, ...]
    free_names: tuple[str, ...]
    selection: Float[np.ndarray, "K F"] | None
    offset: Float[np.ndarray, " K"]
    lower: Float[np.ndarray, " F"]
    upper: Float[np.ndarray, " F"]
    start: Float[np.ndarray, " F"]

    @staticmethod
    def of(
        names: Sequence[str],
        *,
        bounds: Mapping[str, Bound] | None = None,
        fixed: Mapping[str, float | int] | None = None,
        tied: Iterable[Sequence[str]] = (),
        start: Mapping[str, float | int] | None = None,
    ) -> ParameterSpace:
        """A space from names.

        Args:
            names: all parameters.
            bounds: (lower, upper) by name, None for no bound on that side.
            fixed: values that are not estimated, by name.
            tied: groups of names that share one value.
            start: where the fit begins, by name; elsewhere zero, moved into the bounds.

        Raises:
            InvalidInput: unknown names (with the nearest valid one), bounds that cross, fixed values outside their
                bounds or unequal within a tie, or nothing left to estimate.
        """
        bounds, fixed, start = dict(bounds or {}), dict(fixed or {}), dict(start or {})
        ties = [tuple(group) for group in tied]
        problems = _unknown(names, [("bounds", bounds), ("fixed", fixed), ("start", start)])
        problems += _unknown(names, [("tied", group) for group in ties])
        problems += _crossing(bounds) + _not_finite(fixed, "fixed") + _not_finite(start, "start")
        if problems:
            raise InvalidInput(problems)
        groups = _merge(names, ties)
        free = [group for group in groups if not any(name in fixed for name in group)]
        held = [group for group in groups if any(name in fixed for name in group)]
        lower, upper = _group_bounds(free, bounds)
        problems = [p for group in held for p in _fixed_problems(group, fixed, bounds)]
        problems += [
            f"tied parameters {' = '.join(group)} have bounds that exclude each other: {low} > {high}"
            for group, low, high in zip(free, lower, upper, strict=True)
            if low > high
        ]
        if not free and not problems:
            problems = ["every parameter is fixed: leave at least one free, or use evaluate in place of fit"]
        if problems:
            raise InvalidInput(problems)
        index = {name: k for k, name in enumerate(names)}
        matrix, offset = None if len(free) == len(names) else np.zeros((len(names), len(free))), np.zeros(len(names))
        for f, group in enumerate(free):
            if matrix is not None:
                matrix[[index[name] for name in group], f] = 1.0
        for group in held:
            offset[[index[name] for name in group]] = next(fixed[name] for name in group if name in fixed)
        begin = [next((start[name] for name in group if name in start), 0.0) for group in free]
        return ParameterSpace(
            tuple(names),
            tuple(" = ".join(group) for group in free),
            None if len(free) == len(names) else matrix,
            offset,
            lower,
            upper,
            np.clip(np.asarray(begin, float), lower, upper),
        )

    @cached_property
    def matrix(self) -> Float[np.ndarray, "K F"]:
        """One where a parameter follows a free one."""
        return np.eye(len(self.names)) if self.selection is None else self.selection

    def directions(self, marked: Bool[np.ndarray, " F"]) -> Float[np.ndarray, "K k"]:
        """∂θ/∂(the free parameters marked)."""
        if self.selection is not None:
            return self.selection[:, marked]
        return unit_columns(marked)

    def leading(self, marked: Bool[np.ndarray, " K"]) -> Bool[np.ndarray, " F"]:
        """Free parameters that only parameters that are marked follow."""
        return marked.copy() if self.selection is None else ~(self.selection[~marked] != 0).any(0)

    @property
    def fixed(self) -> Bool[np.ndarray, " K"]:
        """Parameters that are not estimated, (K,)."""
        return np.zeros(len(self.names), bool) if self.selection is None else np.all(self.selection == 0, axis=1)

    @property
    def alone(self) -> Bool[np.ndarray, " F"]:
        """Free parameters that one parameter alone follows."""
        if self.selection is None:
            return np.ones(len(self.free_names), bool)
        return np.count_nonzero(self.selection, axis=0) == 1

    def parameters(self, free: Float[np.ndarray, " F"]) -> Float[np.ndarray, " K"]:
        """θ of a free vector."""
        return self.offset + (np.asarray(free) if self.selection is None else self.selection @ free)

    def follow(self, marked: Bool[np.ndarray, " F"]) -> Bool[np.ndarray, " K"]:
        """Parameters that follow a free one that is marked."""
        return marked.copy() if self.selection is None else (self.selection[:, marked] != 0).any(1)

    def free_of(self, parameters: Float[np.ndarray, " K"]) -> Float[np.ndarray, " F"]:
        """The free vector nearest to θ, moved into the bounds."""
        parameters = np.asarray(parameters, float)
        if self.selection is not None:
            parameters = self.selection.T @ parameters / self.selection.sum(0)
        return np.clip(parameters, self.lower, self.upper)

    def pull_back(self, gradient: Float[np.ndarray, " K"]) -> Float[np.ndarray, " F"]:
        """The gradient in the free vector of a gradient in θ."""
        return np.asarray(gradient) if self.selection is None else self.selection.T @ gradient

    def projected(self, free: Float[np.ndarray, " F"], gradient: Float[np.ndarray, " F"]) -> Float[np.ndarray, " F"]:
        """The gradient of a maximisation without the components that push out of the bounds."""
        return np.where(self.blocked(free, gradient), 0.0, gradient)

    def blocked(self, free: Float[np.ndarray, " F"], gradient: Float[np.ndarray, " F"]) -> Bool[np.ndarray, " F"]:
        """Free parameters held by a bound against the gradient of a maximisation."""
        return ((free <= self.lower) & (gradient < 0)) | ((free >= self.upper) & (gradient > 0))

    def at_bound(self, free: Float[np.ndarray, " F"]) -> Bool[np.ndarray, " F"]:
        """Free parameters that lie on one of their bounds."""
        return (free <= self.lower) | (free >= self.upper)


def unit_columns(marked: Bool[np.ndarray, " K"]) -> Float[np.ndarray, "K k"]:
    """The columns of the identity that are marked, without forming it."""
    found = np.zeros((len(marked), int(marked.sum())))
    found[np.flatnonzero(marked), np.arange(found.shape[1])] = 1.0
    return found


def nearest_name(name: str, names: Sequence[str]) -> str:
    """The valid name that looks most like ``name``, or all of them where none does."""
    close = difflib.get_close_matches(name, list(names), 1, 0.5)
    return f"did you mean '{close[0]}'?" if close else f"the parameters are {', '.join(names)}"


def _unknown(names: Sequence[str], uses: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
    known = set(names)
    return [
        f"{place} names '{name}', which is not a parameter: {nearest_name(name, names)}"
        for place, used in uses
        for name in used
        if name not in known
    ]


def _crossing(bounds: Mapping[str, Bound]) -> list[str]:
    problems = []
    for name, bound in bounds.items():
        low, high = _limits(bound)
        if not low <= high:
            problems.append(f"bounds of '{name}' cross: lower {low} > upper {high}; give (lower, upper)")
        elif low == high:
            problems.append(f"bounds of '{name}' leave the one value {low}: list it under fixed instead")
    return problems


def _not_finite(values: Mapping[str, float | int], place: str) -> list[str]:
    return [
        f"{place} value of '{name}' is {value}: expected a finite number"
        for name, value in values.items()
        if not math.isfinite(value)
    ]


def _limits(bound: Bound) -> tuple[float, float]:
    low, high = bound
    return (-math.inf if low is None else float(low), math.inf if high is None else float(high))


def _merge(names: Sequence[str], ties: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Names in groups that share one value, in the order of ``names``."""
    group = {name: {name} for name in names}
    for tie in ties:
        union = set().union(*(group[name] for name in tie))
        for name in union:
            group[name] = union
    place = {name: k for k, name in enumerate(names)}
    ordered = [tuple(sorted(group[name], key=place.__getitem__)) for name in names]
    return list(dict.fromkeys(ordered))


def _group_bounds(groups: Sequence[tuple[str, ...]], bounds: Mapping[str, Bound]) -> tuple[np.ndarray, np.ndarray]:
    limits = [[_limits(bounds.get(name, (None, None))) for name in group] for group in groups]
    lower = np.array([max(low for low, _ in each) for each in limits], float)
    return lower, np.array([min(high for _, high in each) for each in limits], float)


def _fixed_problems(group: tuple[str, ...], fixed: Mapping[str, float | int], bounds: Mapping[str, Bound]) -> list[str]:
    values = {name: float(fixed[name]) for name in group if name in fixed}
    if len(set(values.values())) > 1:
        return [f"tied parameters are fixed at different values: {values}"]
    value = next(iter(values.values()))
    lower, upper = _group_bounds([group], bounds)
    if not lower[0] <= value <= upper[0]:
        return [f"'{' = '.join(group)}' is fixed at {value}, outside its bounds [{lower[0]}, {upper[0]}]"]
    return []
