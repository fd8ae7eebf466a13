"""Write the measured tables of docs/kitani.md from the files that the commands leave.

    python docs/kitani_tables.py runs/kitani runs/kitani-weights

The first is the run folder after ``maxentrl evaluate RUN --leave-one-out``, the second a folder with one JSON file for each
weight file, as printed by ``maxentrl evaluate SPEC --weights FILE --json``.
"""

import json
import re
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("kitani.md")
COLUMNS = {
    "nll_next": "next step",
    "nll_ahead": "any step ahead",
    "hausdorff": "MHD",
    "ade_mean": "ADE",
    "fde_mean": "FDE",
    "ade_best": "best of 20",
    "goal_probability": "p(goal)",
}


def shown(measure):
    """A mean with half of its interval."""
    if measure is None:
        return ""
    mean, high = float(measure["mean"]), measure["high"]
    return f"{mean:.3g}" if high is None else f"{mean:.3g} ± {float(high) - mean:.2g}"


def table(rows, columns):
    """Score rows as a Markdown table."""
    lines = ["| seen | forecast by | walks | " + " | ".join(columns.values()) + " |"]
    lines.append("|---|---|---|" + "---|" * len(columns))
    for row in rows:
        cells = [shown(row["measures"][name]) for name in columns]
        lines.append(f"| {row['observed']} | {row['method']} | {row['walks']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def left_out(folder):
    """The leave-one-out tables and notes of a run folder."""
    data = json.loads((folder / "leave_one_out.json").read_text())
    parts = [
        f"{len(data['folds'])} walks, each left out once: {data['nats_per_decision']:.4f} nats a decision with the goal told; "
        f"all moves alike {data['uniform_nats']:.4f}."
    ]
    for source, rows in data["forecasts"].items():
        columns = {k: v for k, v in COLUMNS.items() if any(row["measures"][k] for row in rows)}
        parts.append(f"Seen by {source}:\n\n{table(rows, columns)}")
    parts.append("\n".join(f"- {remark}" for remark in data["remarks"]))
    return "\n\n".join(parts)


def weights(folder):
    """One row for each file of scored weights."""
    lines = ["| weight file | nats a decision, goal told | next step, goal unknown, after 50 % | MHD after 50 % |"]
    lines.append("|---|---|---|---|")
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text())
        (ours,) = [row for row in data["forecasts"] if row["method"] == "maximum entropy" and row["observed"] == "50 %"]
        cells = (shown(ours["measures"]["nll_next"]), shown(ours["measures"]["hausdorff"]))
        lines.append(f"| `{path.stem}` | {data['nats_per_decision']:.4f} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def replaced(text, name, content):
    """The text with new content between the named comment and the next end."""
    pattern = rf"(<!-- {name} -->\n).*?(\n<!-- end -->)"
    return re.sub(pattern, lambda found: f"{found[1]}{content}{found[2]}", text, flags=re.DOTALL)


if __name__ == "__main__":
    page = replaced(PAGE.read_text(), "leave-one-out", left_out(Path(sys.argv[1])))
    if len(sys.argv) > 2:
        page = replaced(page, "weights", weights(Path(sys.argv[2])))
    PAGE.write_text(page)
