"""What ``fit.json`` holds: parameters, certificate, standard errors, and what was read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.feature_matching import FeatureMatching
from maxentrl.readers.spec import Study
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.momentum import MomentumReward
from maxentrl.rewards.reward import AbstractReward, coefficient_mask
from maxentrl.rewards.sums import SumReward
from maxentrl.runs.files import as_float
from maxentrl.runs.fitting import Fitted
from maxentrl.runs.job import Job
from maxentrl.status import InvalidInput, Status

FORMAT = 2
"""Raised whenever the meaning of the file changes."""
SHARED_COUNTS = ("features", "actions", "weights of the network")
"""Figures that are of the reward, not of a scene."""
Counts: TypeAlias = Mapping[str, int | float | str]


@dataclasses.dataclass(frozen=True)
class CoefficientRow:
    """A learnt weight; numbers that do not exist are None, and ``note`` says why."""

    name: str
    estimate: float
    standard_error: float | None
    z: float | None
    p: float | None
    low: float | None
    high: float | None
    note: str
    truth: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class FitRecord:
    """A fit as it is kept.

    Attributes:
        names: coefficients, in order; weights of a network are in a file of their own.
        parameters: their estimates, (K,).
        features: those of them that weigh features: a reward grows with them.
        weights: how many the network has.
        objective: ``"feature matching"`` or ``"conditional likelihood"``.
        value: of the objective and prior, in nats.
        status: how it ended.
        detail: what belongs to the status.
        gradient_norm: projected gradient over total weight.
        residual: data − model features, (K,).
        held: parameters that a bound, a fixed value or a tie holds, whose residual need not vanish.
        duality_gap: of feature matching with a linear reward; None elsewhere.
        evaluations: of objective and gradient, over all resumptions.
        seconds: of the optimiser, over all resumptions.
        errors: name of the kind of standard errors, or None.
        remarks: what holds for the whole table.
        table: one row a parameter.
        members: seed, status, value and validation of each member of an ensemble, the chosen one marked; empty without.
        data: what was read: counts by name, over all scenes.
        scenes: the same of each scene, where there are several.
        dropped: (walk, why).
        warnings: what was changed or looks odd.
    """

    names: tuple[str, ...]
    parameters: Float[np.ndarray, " K"]
    features: tuple[str, ...]
    weights: int
    objective: str
    value: float
    status: Status
    detail: str
    gradient_norm: float
    residual: Float[np.ndarray, " K"]
    held: tuple[str, ...]
    duality_gap: float | None
    evaluations: int
    seconds: float
    errors: str | None
    remarks: tuple[str, ...]
    table: tuple[CoefficientRow, ...]
    members: tuple[Mapping[str, Any], ...]
    data: Counts
    scenes: Mapping[str, Counts]
    dropped: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        shallow = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        rows = [dataclasses.asdict(row) for row in self.table]
        return {"format": FORMAT, **shallow, "status": self.status.name, "message": self.status.value, "table": rows}

    @staticmethod
    def from_data(data: Mapping[str, Any], name: str) -> FitRecord:
        """From plain data.

        Raises:
            InvalidInput: another format, or values of the wrong kind, by the file's name.
        """
        if data.get("format") != FORMAT:
            raise InvalidInput(f"{name}: format {data.get('format')!r}; this version reads format {FORMAT}: fit again")
        try:
            return FitRecord(
                names=tuple(map(str, data["names"])),
                parameters=_numbers(data["parameters"]),
                features=tuple(map(str, data["features"])),
                weights=int(data["weights"]),
                objective=str(data["objective"]),
                value=as_float(data["value"]),
                status=Status[data["status"]],
                detail=str(data["detail"]),
                gradient_norm=as_float(data["gradient_norm"]),
                residual=_numbers(data["residual"]),
                held=tuple(map(str, data["held"])),
                duality_gap=None if data["duality_gap"] is None else as_float(data["duality_gap"]),
                evaluations=int(data["evaluations"]),
                seconds=as_float(data["seconds"]),
                errors=data["errors"],
                remarks=tuple(map(str, data["remarks"])),
                table=tuple(_row(row) for row in data["table"]),
                members=tuple(dict(member) for member in data["members"]),
                data=dict(data["data"]),
                scenes={str(name): dict(counts) for name, counts in data["scenes"].items()},
                dropped=tuple((str(walk), str(why)) for walk, why in data["dropped"]),
                warnings=tuple(map(str, data["warnings"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"{name}: not the record of a fit: {error!r}; fit again") from None


def _numbers(values: list[Any]) -> Float[np.ndarray, " K"]:
    return np.array([as_float(value) for value in values], float)


def _row(data: Mapping[str, Any]) -> CoefficientRow:
    numbers = {
        key: None if data[key] is None else as_float(data[key])
        for key in ("standard_error", "z", "p", "low", "high", "truth")
    }
    return CoefficientRow(
        name=str(data["name"]), estimate=as_float(data["estimate"]), note=str(data["note"]), **numbers
    )


def fit_record(fitted: Fitted, jobs: Mapping[str, Job], study: Study) -> FitRecord:
    """The record of a fit just made."""
    fit, certificate = fitted.fit, fitted.fit.certificate
    own = coefficient_mask(fit.problems[0].reward)
    names = tuple(name for name, kept in zip(fit.space.names, own, strict=True) if kept)
    held = [name for name, is_held in zip(fit.space.names, certificate.held, strict=True) if is_held]
    truth = next(iter(jobs.values())).truth
    rows = [row for row in fit.table() if row.name in set(names)]
    learnt = {name: job for name, job in jobs.items() if name not in study.held_out}
    return FitRecord(
        names=names,
        parameters=fit.parameters[own],
        features=_features(fit.problems[0].reward),
        weights=int((~own).sum()),
        objective="feature matching" if isinstance(fit.objectives[0], FeatureMatching) else "conditional likelihood",
        value=float(fit.value),
        status=certificate.status,
        detail=certificate.detail,
        gradient_norm=float(certificate.gradient_norm),
        residual=certificate.residual[own],
        held=tuple(name for name in held if name in set(names)),
        duality_gap=certificate.duality_gap if isinstance(fit.problems[0].reward, LinearReward) else None,
        evaluations=fitted.evaluations,
        seconds=fitted.seconds,
        errors=None if fit.uncertainty is None else fit.uncertainty.default.value,
        remarks=() if fit.uncertainty is None else fit.uncertainty.remarks,
        table=tuple(CoefficientRow(**dataclasses.asdict(row), truth=truth.get(row.name)) for row in rows),
        members=_members(fitted) if len(fitted.members) > 1 else (),
        data=total(learnt),
        scenes={name: job.counts for name, job in jobs.items()} if study.several else {},
        dropped=tuple((_of(name, walk, study), why) for name, job in jobs.items() for walk, why in job.report.dropped),
        warnings=tuple(
            dict.fromkeys(
                _of(name, warning, study)
                for name, job in jobs.items()
                for warning in (*job.scene.report.warnings, *job.report.warnings)
            )
        ),
    )


def _features(reward: AbstractReward) -> tuple[str, ...]:
    """Names of weights of features."""
    if isinstance(reward, SumReward):
        return tuple(name for part in reward.parts for name in _features(part))
    return tuple(reward.names) if isinstance(reward, LinearReward | MomentumReward) else ()


def _of(scene: str, text: str, study: Study) -> str:
    return f"{scene}: {text}" if study.several else text


def total(jobs: Mapping[str, Job]) -> Counts:
    """The size of the whole problem: sums over scenes, and the features that they share."""
    each = [job.counts for job in jobs.values()]
    if len(each) == 1:
        return each[0]
    found: dict[str, int | float | str] = {"scenes": len(each)}
    for key, value in each[0].items():
        values = [counts[key] for counts in each if key in counts]
        same = key in SHARED_COUNTS or not all(isinstance(v, int) for v in values)
        found[key] = value if same else sum(int(v) for v in values)
    return found


def _members(fitted: Fitted) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {
            "member": number,
            "status": member.status.name,
            "value": float(member.value),
            "validation": None if np.isnan(nats) else float(nats),
            "chosen": number == fitted.chosen,
        }
        for number, (member, nats) in enumerate(zip(fitted.members, fitted.validation, strict=True))
    )
