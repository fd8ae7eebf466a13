"""How results are shown in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maxentrl.cli.terminal import Terminal
    from maxentrl.forecast.metrics import Interval
    from maxentrl.forecast.scores import Summary
    from maxentrl.runs.evaluate import Evaluation
    from maxentrl.runs.fit_record import FitRecord
    from maxentrl.runs.leave_one_out import LeaveOneOut


SHOWN = 3
"""Notes on what was read that a fit lists before the rest are only counted."""


def show_fit(terminal: Terminal, fit: FitRecord) -> None:
    """The coefficient table, the certificate and what belongs to them."""
    known = any(row.truth is not None for row in fit.table)
    columns = ["feature", "estimate", "s.e.", "z", "95 % from", "to", *(["truth"] if known else []), ""]
    rows = [
        (r.name, r.estimate, r.standard_error, r.z, r.low, r.high, *([r.truth] if known else []), r.note)
        for r in fit.table
    ]
    if rows:
        terminal.table(f"What was learnt (standard errors: {fit.errors or 'none'})", columns, rows)
    if fit.weights:
        terminal.say(f"a network of {fit.weights} weights was learnt{' beside' if rows else ''}")
    if fit.members:
        scores = [
            (m["member"], m["status"].lower(), m["value"], m["validation"], "chosen" if m["chosen"] else "")
            for m in fit.members
        ]
        terminal.table("Members of the ensemble", ("member", "ended", "objective", "validation, nats", ""), scores)
    terminal.say(f"{fit.status.value}{': ' + fit.detail if fit.detail else ''}")
    gap = "" if fit.duality_gap is None else f", duality gap {fit.duality_gap:.1e}"
    terminal.say(
        f"{fit.objective} {fit.value:.6g} nats, gradient norm {fit.gradient_norm:.1e}{gap}, "
        f"{fit.evaluations} evaluations, {fit.seconds:.1f} s"
    )
    for remark in fit.remarks:
        terminal.say(f"note: {remark}")
    for warning in fit.warnings[:SHOWN]:
        terminal.say(f"note: {warning}")
    if len(fit.warnings) > SHOWN:
        terminal.say(f"… and {len(fit.warnings) - SHOWN} more notes ('maxentrl check' lists them)")
    if fit.dropped:
        terminal.say(f"note: {len(fit.dropped)} walks were dropped; 'maxentrl check' says why")


def show_evaluation(terminal: Terminal, evaluation: Evaluation) -> None:
    """The likelihood of each step, and the forecasts' scores beside the baselines'."""
    which = "held-out" if evaluation.held_out else "fitted (none was held out)"
    terminal.say(
        f"{evaluation.walks} {which} walks, {evaluation.decisions} decisions: {evaluation.nats_per_decision:.4f} nats a "
        f"decision; all moves alike {evaluation.uniform_nats:.4f}"
    )
    if evaluation.unforecast:
        terminal.say(f"note: {evaluation.unforecast} walks were not forecast: no goal but their own is known")
    if not evaluation.summaries:
        return
    _forecast_tables(terminal, evaluation.summaries, evaluation.unit)


def show_evaluations(terminal: Terminal, found: Mapping[str, Evaluation]) -> None:
    """One scene, or a row for each and the forecasts of all walks together."""
    from maxentrl.runs.scenes import pooled

    everything = pooled(found)
    if len(found) > 1:
        rows = [
            (
                name,
                "held out" if one.held_out else "fitted",
                one.walks,
                one.decisions,
                one.nats_per_decision,
                one.uniform_nats,
            )
            for name, one in found.items()
        ]
        terminal.table(
            "Scenes", ("scene", "walks are", "walks", "decisions", "nats a decision", "all moves alike"), rows
        )
    show_evaluation(terminal, everything)


def show_leave_one_out(terminal: Terminal, found: LeaveOneOut) -> None:
    """The likelihood of held-out decisions and a table for each way of seeing and observed part, with intervals."""
    ours, uniform = found.nats_per_decision
    terminal.say(
        f"{len(found.folds)} walks, each left out once: {ours:.4f} nats a decision with the goal told; all moves alike "
        f"{uniform:.4f}"
    )
    for source, rows in found.summaries.items():
        terminal.say(f"Seen by {source}; mean ± half of the 95 % interval")
        _forecast_tables(terminal, rows, "cells", ranges=True)
    for remark in found.remarks:
        terminal.say(f"note: {remark}")


COLUMNS = {
    "nll_next": "next",
    "nll_ahead": "ahead",
    "hausdorff": "MHD",
    "ade_mean": "ADE",
    "fde_mean": "FDE",
    "ade_best": "minADE",
    "goal_probability": "p(goal)",
}
"""Measures shown in a terminal, and their headings."""
LEGEND = (
    "next: nats of the next cell, seen cell by cell; ahead: of each later cell, unseen",
    "MHD: modified Hausdorff distance; ADE, FDE: error of the expected path, mean and",
    "at the end; minADE: of the nearest path drawn; p(goal): of the goal reached",
)
"""What the headings mean."""


def _forecast_tables(terminal: Terminal, rows: Sequence[Summary], unit: str, *, ranges: bool = False) -> None:
    """One table an observed part, narrow enough for 80 columns."""
    for line in LEGEND:
        terminal.say(line)
    names = [name for name in COLUMNS if any(row.measures[name] is not None for row in rows)]
    for part in dict.fromkeys(row.observed for row in rows):
        chosen = [row for row in rows if row.observed == part]
        labels: list[str] = []
        numbers: list[list[float | None]] = []
        for row in chosen:
            measures = [row.measures[name] for name in names]
            labels.append(row.method)
            numbers.append([None if m is None else m.mean for m in measures])
            if ranges:
                labels.append("    ±")
                numbers.append([_half(m) for m in measures])
        columns = [_aligned([row[k] for row in numbers]) for k in range(len(names))]
        title = f"After {part} of each walk: means over {chosen[0].walks} walks, distances in {unit}"
        terminal.table(
            title, ("forecast by", *(COLUMNS[name] for name in names)), list(zip(labels, *columns, strict=True))
        )


def _half(measure: Interval | None) -> float | None:
    return None if measure is None or measure.high is None else measure.high - measure.mean


def _aligned(column: Sequence[float | None]) -> list[str]:
    """Numbers of three digits, aligned to the right: more would not fit side by side in 80 columns."""
    texts = ["" if x is None else f"{x:#.3g}".rstrip(".") if x == 0 or abs(x) >= 1e-3 else f"{x:.0e}" for x in column]
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]
