"""How results are shown in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maxentrl.cli.terminal import Terminal
    from maxentrl.runs.evaluate import Evaluation
    from maxentrl.runs.fit_record import FitRecord


def show_fit(terminal: Terminal, fit: FitRecord) -> None:
    """The coefficient table, the certificate and what belongs to them."""
    known = any(row.truth is not None for row in fit.table)
    columns = ["feature", "estimate", "s.e.", "z", "95 % from", "to", *(["truth"] if known else []), ""]
    rows = [
        (r.name, r.estimate, r.standard_error, r.z, r.low, r.high, *([r.truth] if known else []), r.note)
        for r in fit.table
    ]
    terminal.table(f"What was learnt (standard errors: {fit.errors or 'none'})", columns, rows)
    terminal.say(f"{fit.status.value}{': ' + fit.detail if fit.detail else ''}")
    gap = "" if fit.duality_gap is None else f", duality gap {fit.duality_gap:.1e}"
    terminal.say(
        f"{fit.objective} {fit.value:.6g} nats, gradient norm {fit.gradient_norm:.1e}{gap}, "
        f"{fit.evaluations} evaluations, {fit.seconds:.1f} s"
    )
    for remark in fit.remarks:
        terminal.say(f"note: {remark}")
    if fit.dropped:
        terminal.say(f"note: {len(fit.dropped)} walks were dropped; 'maxentrl check' says why")


def show_evaluation(terminal: Terminal, evaluation: Evaluation) -> None:
    """The likelihood of each step, and the forecasts' scores beside the baselines'."""
    which = "held-out" if evaluation.held_out else "fitted (none was held out)"
    terminal.say(
        f"{evaluation.walks} {which} walks, {evaluation.decisions} decisions: {evaluation.nats_per_decision:.4f} nats a "
        f"decision; all moves alike {evaluation.uniform_nats:.4f}"
    )
    if not evaluation.summaries:
        return
    columns = (
        "seen",
        "forecast by",
        "nats a step ahead",
        "ADE m",
        "FDE m",
        "best-of-K ADE m",
        "Hausdorff m",
        "p(goal)",
    )
    names = ("nll_ahead", "ade_mean", "fde_mean", "ade_best", "hausdorff", "goal_probability")
    rows = [
        (row.observed, row.method, *(None if (m := row.measures[name]) is None else m.mean for name in names))
        for row in evaluation.summaries
    ]
    terminal.table("Forecasts, means over walks", columns, rows)
