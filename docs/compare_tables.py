"""Write the measured tables and pictures of docs/compare.md from what ``maxentrl compare`` leaves.

    python docs/compare_tables.py runs/compare-frozen_lake runs/compare-plaza runs/compare-kitani runs/compare-zara1

Each folder's tables go between ``<!-- NAME -->`` and ``<!-- end NAME -->``, NAME the problem; its pictures to docs/images.
"""

import json
import re
import shutil
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("compare.md")
IMAGES = PAGE.parent / "images"
TITLES = {
    "counting": "cloning, counts",
    "logit": "cloning, logit",
    "network": "cloning, network",
    "matching": "matching, features",
    "maxent": "MaxEnt, linear",
    "causal-linear": "causal MaxEnt, linear",
    "causal-deep": "causal MaxEnt, deep",
}
MEASURES = {
    "nats": "Held-out nats a decision",
    "regret": "Regret, share of the gap from expert to chance",
    "lost_return": "Reward lost to the expert, in units of the true reward",
    "feature_gap": "Feature gap",
    "seconds": "Seconds to learn and plan (median)",
}
DRAWN = ("nats", "regret")


def shown(measure):
    """A mean with half of its interval."""
    if measure is None:
        return "–"
    mean, high = float(measure["mean"]), measure["high"]
    return f"{mean:.3g}" if high is None else f"{mean:.3g} ± {float(high) - mean:.2g}"


def table(data, name, measure):
    """One measure of one problem as a Markdown table, or nothing where no method has it."""
    points = [p for p in data["points"] if p["problem"] == name]
    if all(p["measures"][measure] is None for p in points):
        return ""
    sizes = sorted({p["walks"] for p in points})
    lines = [f"| {MEASURES[measure]} | " + " | ".join(map(str, sizes)) + " |", "|---|" + "---|" * len(sizes)]
    for method, title in TITLES.items():
        known = {p["walks"]: p["measures"][measure] for p in points if p["method"] == method}
        if known:
            lines.append(f"| {title} | " + " | ".join(shown(known.get(size)) for size in sizes) + " |")
    if measure == "nats":
        told = {"expert": "true reward", "uniform": "all moves alike"}
        for key, scores in data["references"][name].items():
            lines.append(f"| {told[key]} | " + " | ".join(f"{scores['nats']:.3g}" for _ in sizes) + " |")
    return "\n".join(lines)


def section(data, name):
    """All tables of a problem and what belongs to them."""
    problem = next(p for p in data["problems"] if p["name"] == name)
    told = [
        f"{problem['states']} states, {problem['actions']} moves, {problem['features']} features; "
        f"{problem['walks to learn from']} walks to draw from, {problem['walks scored']} scored "
        f"({problem['decisions scored']} decisions); {data['settings']['seeds']} seeds."
    ]
    tables = [text for measure in MEASURES if (text := table(data, name, measure))]
    odd = {}
    for row in data["rows"]:
        if row["problem"] == name and (row["scores"] is None or row["status"] not in GOOD):
            key = (row["method"], row["reason"] if row["scores"] is None else row["status"])
            odd[key] = odd.get(key, 0) + 1
    notes = [f"- {count} rows of {TITLES[method]}: {why}" for (method, why), count in odd.items()]
    return "\n\n".join(
        [*told, *tables, *(["\n".join(["Rows that did not end as they should:", "", *notes])] if notes else [])]
    )


GOOD = ("EXACT", "CONVERGED", "EARLY_STOPPED")


def main(folders):
    """Fill the page from the folders of comparisons."""
    page = PAGE.read_text()
    for folder in map(Path, folders):
        data = json.loads((folder / "compare.json").read_text())
        for name in (p["name"] for p in data["problems"]):
            text = f"<!-- {name} -->\n{section(data, name)}\n<!-- end {name} -->"
            page, count = re.subn(f"<!-- {name} -->.*?<!-- end {name} -->", lambda _, text=text: text, page, flags=re.S)
            if not count:
                raise SystemExit(f"{PAGE} has no place for {name}")
            for measure in DRAWN:
                picture = folder / f"{name}_{measure}.png"
                if picture.exists():
                    shutil.copy(picture, IMAGES / f"compare_{name}_{measure}.png")
    PAGE.write_text(page)


if __name__ == "__main__":
    main(sys.argv[1:])
