"""Run the speed benchmarks one after the other, keep what they print, and write the tables of the two READMEs from it.

    MAXENTRL_DATA=../shared/data python benchmarks/run.py [backup fit10 fit50 kitani plaza scenes] [--tables]

Each result is a JSON file in ``benchmarks/results``; ``--tables`` only writes the tables anew.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
RUNS = {
    "backup": ["speed/backup.py", "--rounds", "9"],
    "fit10": ["speed/fit.py", "--size", "10", "--rounds", "3", "--full"],
    "fit50": ["speed/fit.py", "--size", "50", "--rounds", "3"],
    "kitani": ["speed/kitani.py"],
    "plaza": ["speed/plaza.py"],
    "scenes": ["speed/scenes.py", "convolution-goal", "linear-goal", "linear-finite", "--rounds", "3"],
}
MARK = "<!-- figures: written by benchmarks/run.py -->"
END = "<!-- end of figures -->"
Figures = Mapping[str, Any]


def run(name: str) -> None:
    """Run one benchmark and keep what it printed, with the machine it ran on."""
    script, *arguments = RUNS[name]
    print(f"{name} …", flush=True)
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    decoder, text, parts = json.JSONDecoder(), done.stdout.strip(), []
    while text:
        part, end = decoder.raw_decode(text)
        parts.append(part)
        text = text[end:].strip()
    machine = {"processor": platform.processor() or platform.machine(), "python": platform.python_version()}
    RESULTS.mkdir(exist_ok=True)
    kept = {"command": [script, *arguments], "machine": machine, "figures": parts if len(parts) > 1 else parts[0]}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")


def spread(values: Figures, digits: str = ".3g", factor: float = 1.0) -> str:
    """Median with least and greatest."""
    low, middle, high = (f"{factor * values[k]:{digits}}" for k in ("min", "median", "max"))
    return f"{middle} ({low} to {high})"


def rows_of_fit(figures: Figures) -> list[tuple[str, str, str]]:
    size = figures["size"]
    work = f"maximum causal entropy fit, {size} × {size} grid with slip, T = 50, 8 features, to a gradient below 1e-3"
    projected = " (its time projected from its own steps)" if any(figures["peer_projected"]) else ""
    return [
        (work, "times faster than imitation 1.0.1 at its best step size" + projected, spread(figures["fit_ratio"])),
        ("", "one gradient, times faster", spread(figures["gradient_ratio"])),
        (
            "",
            "seconds, ours after compilation (peer)",
            f"{spread(figures['our_fit_seconds'])} ({spread(figures['peer_fit_seconds'])})",
        ),
        ("", "seconds, ours with standard errors too", spread(figures["our_fit_with_errors_seconds"])),
        ("", "seconds, our first call with compilation", spread(figures["our_first_fit_seconds"])),
        ("", "seconds, the same with standard errors too", spread(figures["our_first_fit_with_errors_seconds"])),
    ]


def rows_of_backup(figures: list[Figures]) -> list[tuple[str, str, str]]:
    rows = []
    for each in figures:
        work = f"soft Bellman backup, 1M states × 8 moves, {each['precision']}"
        rows += [
            (work, "GB/s, r, index and V counted once", spread(each["backup_gb_s"])),
            ("", "share of the copy bandwidth of all cores", spread(each["backup_share_of_copy"])),
            ("", "share of the copy bandwidth of one core", spread(each["backup_share_of_one_core"])),
            ("", "one gradient, in backups per time step", spread(each["gradient_in_backups_per_step"])),
        ]
    return rows


def rows_of_kitani(figures: Figures) -> list[tuple[str, str, str]]:
    return [
        ("Kitani fit, 82 944 cells, 14 goals, 37 weights ≥ 0", "seconds", f"{figures['fit_seconds']:.3g}"),
        ("", "seconds, with standard errors and certificate", f"{figures['fit_with_errors_seconds']:.3g}"),
        ("", "seconds of one value and gradient", f"{figures['value_and_gradient_seconds']:.3g}"),
        ("", "GiB at most", f"{figures['peak_gib']:.3g}"),
    ]


def rows_of_plaza(figures: Figures) -> list[tuple[str, str, str]]:
    work = f"plaza, {figures['goals']} goals: goal posterior and visits of 5 s, an observation"
    return [(work, "milliseconds, median (worst)", f"{figures['median_ms']:.2g} ({figures['worst_ms']:.2g})")]


def rows_of_scenes(figures: list[Figures]) -> list[tuple[str, str, str]]:
    rows = []
    for each in figures:
        work = f"{each['scenes']} scenes of 20 to 200 cells a side, {each['kind'].replace('-', ', ')}"
        rows += [
            (work, "functions compiled (for each scene at its own size)", f"{each['compilations']} ({each['own']})"),
            ("", "a pass over all, in sums of the passes of each scene alone at its own size", spread(each["ratio"])),
            ("", "the same in processor time", spread(each["ratio_of_processor_time"])),
        ]
    return rows


TABLES: dict[str, Callable[[Any], list[tuple[str, str, str]]]] = {
    "fit50": rows_of_fit,
    "fit10": rows_of_fit,
    "backup": rows_of_backup,
    "kitani": rows_of_kitani,
    "plaza": rows_of_plaza,
    "scenes": rows_of_scenes,
}


def write_tables() -> None:
    """Put the table between the marks of both READMEs."""
    lines = ["| work | figure | measured: median (least to greatest) |", "| --- | --- | --- |"]
    for name, rows in TABLES.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            lines += [f"| {' | '.join(row)} |" for row in rows(json.loads(path.read_text())["figures"])]
    for readme in (HERE / "README.md", HERE.parent / "README.md"):
        before, rest = readme.read_text(encoding="utf-8").split(MARK)
        table = "\n".join([MARK, "", *lines, "", END])
        readme.write_text(before + table + rest.split(END)[1], encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which; all unless named")
    parser.add_argument("--tables", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    if not arguments.tables:
        for name in arguments.names or RUNS:
            run(name)
    write_tables()


if __name__ == "__main__":
    main()
