"""A run as a report: what a person wants to know of it, in the order in which they ask."""

from __future__ import annotations

import math
from pathlib import Path

from maxentrl.forecast.scores import DISTANCES, MODEL, Summary
from maxentrl.report.counterfactual import counterfactual_sections
from maxentrl.report.leave_one_out import score_grids, walk_pictures
from maxentrl.report.page import Cell, Coefficient, Fact, Grid, Page, shown
from maxentrl.report.render import render
from maxentrl.report.scenes import reward_section, scene_pictures
from maxentrl.runs.evaluate import Evaluation
from maxentrl.runs.files import as_float, read_json, write_atomically
from maxentrl.runs.fit_record import FitRecord
from maxentrl.runs.leave_one_out_files import load_leave_one_out
from maxentrl.runs.run import Run
from maxentrl.runs.scenes import SCENES_LEFT_OUT

PAGE = "report.html"
"""Name of the page in a run folder."""

SCORES = {
    "nll_next": "next step, nats",
    "nll_ahead": "any step ahead, nats",
    "ade_mean": "ADE",
    "fde_mean": "FDE",
    "ade_best": "best-of-K ADE",
    "hausdorff": "Hausdorff",
    "goal_probability": "p(true goal)",
}
"""Columns of the table of scores."""


def write_report(run: Run, evaluation: Evaluation) -> Path:
    """Write ``report.html`` and its pictures into the run folder; the path of the page.

    Raises:
        MissingExtra: jinja2 or matplotlib is not installed.
        CannotWrite: full disk, read-only folder.
    """
    page = make_page(run, evaluation)
    for picture in (*page.rewards, *page.pictures, *(picture for walk in page.walks for picture in walk.pictures)):
        write_atomically(run.folder / picture.file, picture.png)
    write_atomically(run.folder / PAGE, render(page))
    return run.folder / PAGE


def make_page(run: Run, evaluation: Evaluation) -> Page:
    """The report of a run and the scores of its weights."""
    fit, left_out = run.fit, load_leave_one_out(run.folder)
    return Page(
        title=f"maxentrl: {run.folder.name}",
        headline=headline(fit, evaluation),
        facts=_facts(fit, evaluation),
        coefficients=tuple(
            Coefficient(r.name, r.estimate, r.standard_error, r.z, r.low, r.high, r.truth, r.note) for r in fit.table
        ),
        coefficients_note=_coefficients_note(fit),
        verdict=_verdict(fit),
        trusted=fit.status.successful,
        certificate=_certificate(fit),
        scores=_scores(evaluation),
        left_out=() if left_out is None else score_grids(left_out),
        left_out_notes=() if left_out is None else [f"{note[:1].upper()}{note[1:]}." for note in left_out.remarks],
        scenes_left_out=_scenes_left_out(run.folder / SCENES_LEFT_OUT),
        walks=() if left_out is None else walk_pictures(run.job, left_out),
        rewards=reward_section(run),
        counterfactuals=counterfactual_sections(run),
        pictures=scene_pictures(run, unfolding=left_out is None),
        data=_data(fit),
        scenes=_scenes(fit),
        members=_members(fit),
        dropped=Grid(("walk", "why"), fit.dropped) if fit.dropped else None,
        record=_record(run),
    )


def headline(fit: FitRecord, evaluation: Evaluation) -> str:
    """What was found, in a sentence."""
    if not fit.status.successful:
        return f"The fit did not finish: {fit.status.value}."
    strong = sorted(
        (row for row in fit.table if row.name in fit.features and row.z is not None and abs(row.z) > 2),
        key=lambda row: -abs(row.z or 0),
    )
    liked = [row.name for row in strong if row.estimate > 0][:3]
    shunned = [row.name for row in strong if row.estimate < 0][:3]
    parts = [f"seek {_listed(liked)}"] if liked else []
    parts += [f"avoid {_listed(shunned)}"] if shunned else []
    learnt = f"Walkers {' and '.join(parts)}" if parts else "No feature is clearly sought or avoided"
    which = "held-out" if evaluation.held_out else "fitted"
    gain = evaluation.uniform_nats - evaluation.nats_per_decision
    if not fit.features:
        learnt = f"A network of {fit.weights} weights was learnt" if fit.weights else "A reward was learnt"
    return (
        f"{learnt}; on {evaluation.walks} {which} walks each step is {math.exp(gain):.1f} times as probable as "
        "if all moves were alike."
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _facts(fit: FitRecord, evaluation: Evaluation) -> list[Fact]:
    facts = [
        Fact("walks learnt from", fit.data.get("walks fitted"), f"{fit.data.get('decisions fitted', '–')} decisions"),
        Fact("features", len(fit.names), f"{fit.data.get('states')} states, {fit.data.get('actions')} moves"),
        Fact("nats a decision", evaluation.nats_per_decision, f"all moves alike: {evaluation.uniform_nats:.3f}"),
        Fact("fit", f"{fit.seconds:.1f} s", f"{fit.evaluations} evaluations"),
    ]
    goal = [row.measures["goal_probability"] for row in evaluation.summaries if row.method == MODEL]
    known = [(row.observed, m) for row, m in zip(_of_model(evaluation), goal, strict=True) if m is not None]
    if known:
        observed, measure = known[-1]
        facts.append(Fact("p(true goal)", measure.mean, f"after {observed} of the walk"))
    return facts


def _of_model(evaluation: Evaluation) -> list[Summary]:
    return [row for row in evaluation.summaries if row.method == MODEL]


def _coefficients_note(fit: FitRecord) -> str:
    note = f"Weights are rewards in units of the temperature; standard errors: {fit.errors or 'none'}."
    return " ".join([note, *(f"{remark[:1].upper()}{remark[1:]}." for remark in fit.remarks)])


def _verdict(fit: FitRecord) -> str:
    told = f"{fit.status.value}{': ' + fit.detail if fit.detail else ''}"
    return f"{told[:1].upper()}{told[1:]}."


def _certificate(fit: FitRecord) -> list[Fact]:
    free = [k for k, name in enumerate(fit.names) if name not in fit.held]
    facts = [
        Fact("objective", f"{fit.objective}, {fit.value:.6g} nats".replace("-", "−")),
        Fact("gradient norm", float(fit.gradient_norm), "a walk; at the optimum it is zero"),
    ]
    if fit.names:
        worst = max(free or range(len(fit.names)), key=lambda k: abs(fit.residual[k]))
        told = f"{fit.names[worst]}: {shown(float(fit.residual[worst]))}"
        facts.append(Fact("worst feature", told, "total in the data less total expected by the model, over all walks"))
    if fit.duality_gap is not None:
        facts.append(
            Fact("duality gap", fit.duality_gap, "reward of the walkers less that of the model; zero at the optimum")
        )
    return facts


def _scores(evaluation: Evaluation) -> Grid | None:
    if not evaluation.summaries:
        return None
    names = [n for n in SCORES if any(row.measures[n] is not None for row in evaluation.summaries)]
    rows: list[tuple[Cell, ...]] = []
    for row in evaluation.summaries:
        measures = [row.measures[name] for name in names]
        rows.append((row.observed, row.method, *(None if m is None else m.mean for m in measures)))
    ours = tuple(i for i, row in enumerate(evaluation.summaries) if row.method == MODEL)
    which = "held-out" if evaluation.held_out else "fitted (none was held out)"
    note = (
        f"Means over {evaluation.walks} {which} walks; the goal is not told. Lower is better, except for the probability of "
        "the true goal. The shortest path and constant velocity say one path and no probabilities. ADE and FDE: distance of "
        "the expected positions, on average and at the end; best-of-K: the nearest of the paths drawn."
    )
    return Grid(("seen", "forecast by", *(_heading(name, evaluation.unit) for name in names)), tuple(rows), ours, note)


def _heading(name: str, unit: str) -> str:
    return f"{SCORES[name]}, {unit}" if name in DISTANCES else SCORES[name]


def _data(fit: FitRecord) -> list[Fact]:
    facts = [Fact(name, value) for name, value in fit.data.items()]
    return [*facts, *(Fact("note", warning) for warning in fit.warnings)]


def _scenes(fit: FitRecord) -> Grid | None:
    if not fit.scenes:
        return None
    names = list(dict.fromkeys(name for counts in fit.scenes.values() for name in counts))
    rows = tuple((scene, *(counts.get(name) for name in names)) for scene, counts in fit.scenes.items())
    return Grid(("scene", *names), rows)


def _scenes_left_out(file: Path) -> Grid | None:
    if not file.exists():
        return None
    rows = tuple(
        (
            fold["scene"],
            fold["walks"],
            fold["decisions"],
            as_float(fold["nats_per_decision"]),
            as_float(fold["uniform_nats"]),
        )
        for fold in read_json(file)["folds"]
    )
    note = "All walks of each scene, scored by the reward that the other scenes teach."
    return Grid(("scene left out", "walks", "decisions", "nats a decision", "all moves alike"), rows, (), note)


def _members(fit: FitRecord) -> Grid | None:
    if not fit.members:
        return None
    rows = tuple(
        (
            m["member"],
            m["status"].lower().replace("_", " "),
            m["value"],
            m["validation"],
            "chosen" if m["chosen"] else "",
        )
        for m in fit.members
    )
    chosen = tuple(i for i, m in enumerate(fit.members) if m["chosen"])
    note = (
        "Fits of the same walks from different first weights; the chosen one has the best validation, else objective."
    )
    return Grid(("member", "ended", "objective, nats", "validation, nats", ""), rows, chosen, note)


def _times(resumed: int) -> str:
    return "not interrupted" if not resumed else "resumed once" if resumed == 1 else f"resumed {resumed} times"


def _record(run: Run) -> list[Fact]:
    record = run.record
    packages = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return [
        Fact("specification", record.spec_file, f"SHA-256 {record.spec_sha256[:12]}…"),
        *(Fact("input", name, f"SHA-256 {digest[:12]}…") for name, digest in record.inputs.items()),
        Fact("seed", "as in the specification" if record.seed is None else record.seed),
        Fact("started", record.started),
        Fact("ended", record.ended, f"{record.seconds:.1f} s, {_times(record.resumed)}"),
        Fact("versions", packages),
        Fact("machine", ", ".join(str(value) for value in record.machine.values()), "system, processor, cores"),
    ]
