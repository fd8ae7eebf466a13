"""A comparison as pictures and one page: which method forecasts best with how many demonstrations, and what it costs."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np

from maxentrl.forecast.metrics import Interval
from maxentrl.plots.compare import Curve, Curves, curves_plot
from maxentrl.report.page import Cell, Fact, Grid, Page, Picture, shown
from maxentrl.report.render import render
from maxentrl.runs.compare import EXPERT, MEASURES, UNIFORM, Point
from maxentrl.runs.compare_files import Comparison
from maxentrl.runs.compare_methods import METHODS
from maxentrl.runs.files import write_atomically

PAGE = "compare.html"
"""Name of the page in the folder."""
TITLES = {method.name: method.title for method in METHODS}
"""What methods are called where people read."""
DRAWN = {
    "nats": ("Held-out likelihood", "−log π of a held-out decision, nats", False),
    "regret": ("Regret under the true reward", "share of the gap from expert to chance", True),
    "lost_return": ("Reward lost to the expert", "expected true reward, expert − learner", False),
    "feature_gap": ("Feature gap", "‖E φ − held-out φ‖ / ‖held-out φ‖", True),
    "seconds": ("Seconds to learn and plan", "seconds", True),
}
"""Title, axis and whether the scale is logarithmic, by measure."""
CAPTIONS = {
    "nats": "Lower is better. Mean over held-out decisions, a thousandth of every policy spread evenly over the moves.",
    "regret": "Expected true reward plus entropy: 0 the expert's own policy, 1 all moves alike. Lower is better.",
    "lost_return": "Expected true reward without entropy; below 0 a less random policy collects more than the expert.",
    "feature_gap": "How far the policy's expected features are from the held-out walks'. Lower is better.",
    "seconds": "Learning and planning for the held-out goals, one processor run; first uses include compilation.",
}
"""How each picture is read."""


def write_comparison(folder: Path, found: Comparison) -> Path:
    """Write a picture for each problem and score, and ``compare.html``, into the folder; the path of the page.

    Raises:
        MissingExtra: jinja2 or matplotlib is not installed.
        CannotWrite: full disk, read-only folder.
    """
    page = make_page(folder.name, found)
    for picture in page.pictures:
        write_atomically(folder / picture.file, picture.png)
    write_atomically(folder / PAGE, render(page))
    return folder / PAGE


def make_page(name: str, found: Comparison) -> Page:
    """The page of a comparison."""
    failed = found.failed
    rows = len(found.rows)
    return Page(
        title=f"maxentrl compare: {name}",
        headline=headline(found),
        facts=[
            Fact("problems", len(found.problems)),
            Fact("methods", len({row.method for row in found.rows})),
            Fact("seeds", found.settings.seeds, "subsets of each size; larger ones hold the smaller"),
            Fact("rows", rows, f"{rows - len(failed)} ended as they should"),
        ],
        scores=likelihoods(found),
        pictures=pictures(found),
        data=[*_problems(found), *_failures(found)],
        record=[Fact("versions", ", ".join(f"{key} {value}" for key, value in found.versions.items()))],
    )


def headline(found: Comparison) -> str:
    """Who forecasts best with the fewest and with the most demonstrations, on each problem."""
    sentences = []
    for problem in found.problems:
        points = [p for p in found.points if p.problem == problem["name"] and p.measures["nats"] is not None]
        if not points:
            sentences.append(f"On {problem['name']} no method has a likelihood.")
            continue
        fewest, most = min(p.walks for p in points), max(p.walks for p in points)
        told = [_best([p for p in points if p.walks == walks]) for walks in dict.fromkeys((fewest, most))]
        sentences.append(f"On {problem['name']} held-out walks are likeliest under {' and under '.join(told)}.")
    return " ".join(sentences)


def _best(points: list[Point]) -> str:
    best = min(points, key=lambda point: _mean(point.measures["nats"]))
    walks = "walk" if best.walks == 1 else "walks"
    return f"{TITLES[best.method]} with {best.walks} {walks} ({shown(_mean(best.measures['nats']))} nats a decision)"


def _mean(measure: Interval | None) -> float:
    return np.inf if measure is None else measure.mean


def pictures(found: Comparison) -> tuple[Picture, ...]:
    """One for each problem and score that some method has."""
    return tuple(
        _picture(found, problem["name"], measure)
        for problem in found.problems
        for measure in MEASURES
        if any(p.problem == problem["name"] and p.measures[measure] is not None for p in found.points)
    )


def _picture(found: Comparison, problem: str, measure: str) -> Picture:
    title, vertical, logarithmic = DRAWN[measure]
    levels = {
        label: value
        for key, label in ((UNIFORM, "all alike"), (EXPERT, "truth"))
        if key in found.references[problem]
        and measure in ("nats", "feature_gap")
        and (value := getattr(found.references[problem][key], measure)) is not None
    }
    result = Curves(
        title=f"{problem}: {title[:1].lower()}{title[1:]}",
        horizontal="demonstrations",
        vertical=vertical,
        curves=_curves(found, problem, measure),
        levels=levels,
        logarithmic=logarithmic,
    )
    content = io.BytesIO()
    figure = curves_plot(result).get_figure(root=True)
    assert figure is not None
    figure.savefig(content, format="png")
    file = f"{re.sub(r'[^A-Za-z0-9_-]', '_', problem)}_{measure}.png"
    seeds = found.settings.seeds
    caption = f"{CAPTIONS[measure]} Bars: 95 % intervals over {seeds} seeds." if seeds > 1 else CAPTIONS[measure]
    return Picture(result.title, caption, content.getvalue(), file)


def _curves(found: Comparison, problem: str, measure: str) -> tuple[Curve, ...]:
    curves = []
    for number, method in enumerate(METHODS):
        points = [p for p in found.points if p.problem == problem and p.method == method.name]
        drawn = [(p.walks, m) for p in points if (m := p.measures[measure]) is not None]
        if drawn:
            columns = [(n, m.mean, _or_nan(m.low), _or_nan(m.high)) for n, m in drawn]
            x, mean, low, high = np.array(columns, float).T
            curves.append(Curve(method.title, number, x, mean, low, high))
    return tuple(curves)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value


def likelihoods(found: Comparison) -> Grid:
    """Held-out nats of every method and size; the best of each problem and size is marked."""
    sizes = sorted({point.walks for point in found.points})
    rows: list[tuple[Cell, ...]] = []
    for problem in found.problems:
        name = problem["name"]
        for method in problem["methods"]:
            means = {p.walks: p.measures["nats"] for p in found.points if p.problem == name and p.method == method}
            rows.append((name, TITLES[method], *(with_half(means.get(size)) for size in sizes)))
        rows += [
            (name, label, *(shown(scores.nats) for _ in sizes))
            for key, label in ((EXPERT, "true reward"), (UNIFORM, "all moves alike"))
            if (scores := found.references[name].get(key)) is not None
        ]
    note = (
        "−log π of a held-out decision in nats, by the number of demonstrations; ± half of the 95 % interval over seeds, "
        "which draw other demonstrations. The held-out walks are the same throughout; where a subset is nearly all of the "
        "walks, seeds share most of it and the interval is too narrow; where it is all of them, there is none."
    )
    return Grid(("problem", "method", *map(str, sizes)), tuple(rows), note=note)


def with_half(measure: Interval | None) -> str:
    """A mean with half of its interval."""
    if measure is None:
        return "–"
    return shown(measure.mean) if measure.high is None else f"{shown(measure.mean)} ± {measure.high - measure.mean:.2g}"


def _problems(found: Comparison) -> list[Fact]:
    facts = []
    for problem in found.problems:
        chance = "chance has a part" if problem["stochastic"] else "moves are certain"
        told = f"{problem['states']} states, {problem['actions']} moves, {problem['features']} features; {chance}"
        walks = (
            f"{problem['walks to learn from']} walks to learn from, {problem['walks scored']} scored "
            f"({problem['decisions scored']} decisions)"
        )
        facts.append(Fact(problem["name"], told, "; ".join([walks, *problem["notes"]])))
    return facts


def _failures(found: Comparison) -> list[Fact]:
    """What has no scores, or did not end as it should, each kind once."""
    kinds: dict[tuple[str, str, str], list[int]] = {}
    for row in found.failed:
        what = row.reason if row.scores is None else f"scored although: {row.status}"
        kinds.setdefault((row.problem, row.method, what), []).append(row.walks)
    return [
        Fact(f"{problem}: {TITLES[method]}", what, f"{len(walks)} rows, {min(walks)} to {max(walks)} demonstrations")
        for (problem, method, what), walks in kinds.items()
    ]
