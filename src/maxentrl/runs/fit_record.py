"""What ``fit.json`` holds: parameters, certificate, standard errors, and what was read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from maxentrl.inverse.fit import Fit
from maxentrl.runs.checkpoint import Checkpoint
from maxentrl.runs.files import as_float
from maxentrl.runs.job import Job
from maxentrl.status import InvalidInput, Status

FORMAT = 1
"""Raised whenever the meaning of the file changes."""


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
        names: parameters, in order.
        parameters: θ̂, (K,).
        objective: ``"feature matching"`` or ``"conditional likelihood"``.
        value: of the objective and prior, in nats.
        status: how it ended.
        detail: what belongs to the status.
        gradient_norm: projected gradient over total weight.
        residual: data − model features, (K,).
        held: parameters that a bound, a fixed value or a tie holds, whose residual need not vanish.
        duality_gap: or None for the likelihood.
        evaluations: of objective and gradient, over all resumptions.
        seconds: of the optimiser, over all resumptions.
        errors: name of the kind of standard errors, or None.
        remarks: what holds for the whole table.
        table: one row a parameter.
        data: what was read: counts by name.
        dropped: (walk, why).
        warnings: what was changed or looks odd.
    """

    names: tuple[str, ...]
    parameters: Float[np.ndarray, " K"]
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
    data: Mapping[str, int | float | str]
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
                data=dict(data["data"]),
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


def fit_record(fit: Fit, job: Job, before: Checkpoint | None) -> FitRecord:
    """The record of a fit just made, which went on from a checkpoint if there was one before."""
    certificate = fit.certificate
    truth = job.truth
    return FitRecord(
        names=tuple(fit.space.names),
        parameters=fit.parameters,
        objective="conditional likelihood" if certificate.duality_gap is None else "feature matching",
        value=float(fit.value),
        status=certificate.status,
        detail=certificate.detail,
        gradient_norm=float(certificate.gradient_norm),
        residual=certificate.residual,
        held=tuple(name for name, held in zip(fit.space.names, certificate.held, strict=True) if held),
        duality_gap=certificate.duality_gap,
        evaluations=certificate.evaluations + (before.evaluations if before else 0),
        seconds=certificate.seconds + (before.seconds if before else 0.0),
        errors=None if fit.uncertainty is None else fit.uncertainty.default.value,
        remarks=() if fit.uncertainty is None else fit.uncertainty.remarks,
        table=tuple(CoefficientRow(**dataclasses.asdict(row), truth=truth.get(row.name)) for row in fit.table()),
        data=job.counts,
        dropped=job.report.dropped,
        warnings=(*job.scene.report.warnings, *job.report.warnings),
    )
