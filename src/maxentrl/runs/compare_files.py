"""A comparison on disk: every row as soon as it is made, so that an interruption loses the row in the making and no other."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from maxentrl.readers.spec import Study
from maxentrl.readers.spec_model import Spec
from maxentrl.runs.compare import (
    MEASURES,
    Point,
    Row,
    RowDone,
    Settings,
    compare,
    methods_of,
    references,
    summarise,
)
from maxentrl.runs.compare_problem import ComparisonProblem, comparison_problem
from maxentrl.runs.compare_scores import Scores
from maxentrl.runs.files import CannotWrite, make_folder, read_json, to_json, write_atomically
from maxentrl.runs.inputs import input_files
from maxentrl.runs.job import read_job
from maxentrl.runs.lock import LOCK, exclusive
from maxentrl.runs.record import digest, versions
from maxentrl.runs.run import OnExisting
from maxentrl.status import InvalidInput

BEGUN, ROWS, RESULT, TABLE = "comparison.json", "rows.jsonl", "compare.json", "compare.csv"
"""Names of the files: what was begun, the rows as they come, the summary, and all rows as a table."""
FORMAT = 1
"""Raised whenever the meaning of the files changes."""


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """A finished comparison.

    Attributes:
        problems: names, sizes and notes, in order.
        settings: what was asked.
        rows: all of them.
        points: means over seeds.
        references: scores of even choice and of the expert, by problem.
        versions: of what can change a result.
    """

    problems: tuple[Mapping[str, Any], ...]
    settings: Settings
    rows: tuple[Row, ...]
    points: tuple[Point, ...]
    references: Mapping[str, Mapping[str, Scores]]
    versions: Mapping[str, str]

    @property
    def failed(self) -> tuple[Row, ...]:
        """Rows without scores, or of an answer that is not what was asked for."""
        return tuple(row for row in self.rows if not row.finished)

    def as_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "format": FORMAT,
            "problems": self.problems,
            "settings": dataclasses.asdict(self.settings),
            "references": {
                name: {key: dataclasses.asdict(scores) for key, scores in found.items()}
                for name, found in self.references.items()
            },
            "points": [point.as_data() for point in self.points],
            "rows": [row.as_data() for row in self.rows],
            "versions": self.versions,
        }


def chosen_scene(study: Study, file: Path, scene: str | None) -> tuple[str, Spec]:
    """What a SPEC is compared on, with its name: the file's, or of several scenes the one that is chosen.

    Raises:
        InvalidInput: several scenes and none chosen, or one that is not among them.
    """
    if not study.several:
        return file.stem, study.first
    listed = ", ".join(study.scenes)
    if scene is None:
        raise InvalidInput(
            f"{file} is of {len(study.scenes)} scenes, and a comparison is of one: choose it by --scene: {listed}"
        )
    if scene not in study.scenes:
        raise InvalidInput(f"--scene {scene}: {file} has no such scene; it has {listed}")
    return scene, study.scenes[scene]


def read_problems(specs: Sequence[tuple[str, Spec]], seed: int | None = None) -> tuple[ComparisonProblem, ...]:
    """The problems of some named specifications.

    Raises:
        InvalidInput: two of one name, or a specification that cannot be used.
    """
    names = [name for name, _ in specs]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InvalidInput(f"two specifications are called '{twice[0]}': rename one of the files")
    return tuple(comparison_problem(read_job(spec, seed=seed), name) for name, spec in specs)


def run_comparison(
    specs: Sequence[tuple[str, Spec]],
    settings: Settings,
    folder: Path,
    *,
    existing: OnExisting = OnExisting.REFUSE,
    seed: int | None = None,
    progress: Callable[[RowDone], None],
) -> Comparison:
    """Compare, keep every row in the folder as it is made, and write summary and table at the end.

    A resumed comparison makes the rows that are not there yet; other sizes, seeds and methods may be asked for, because
    rows do not depend on one another.

    Args:
        specs: problems by name.
        settings: methods, sizes and seeds.
        folder: where it is kept, made if need be.
        existing: what to do with a comparison that is there already.
        seed: overrides the seeds of the specifications.
        progress: called after each row.

    Raises:
        InvalidInput: a folder with other files, another comparison, or specifications that have changed.
        RunInUse: another process works in the folder.
        CannotWrite: full disk, read-only folder.
    """
    _refuse_other_folder(folder, existing)
    make_folder(folder)
    with exclusive(folder):
        begun = {"format": FORMAT, "seed": seed, "problems": {name: _digests(spec) for name, spec in specs}}
        known = _begin(folder, begun, existing)
        problems = read_problems(specs, seed)
        rows: list[Row] = []
        for done in compare(problems, settings, known=known):
            if done.row.key not in known:
                _append(folder / ROWS, done.row)
            rows.append(done.row)
            progress(done)
        found = Comparison(
            tuple(_described(problem, settings) for problem in problems),
            settings,
            tuple(rows),
            summarise(rows, {problem.name: len(problem.train) for problem in problems}),
            {problem.name: references(problem) for problem in problems},
            versions(),
        )
        write_atomically(folder / RESULT, to_json(found.as_data()))
        write_atomically(folder / TABLE, as_csv(found.rows))
    return found


def _described(problem: ComparisonProblem, settings: Settings) -> dict[str, Any]:
    return {
        "name": problem.name,
        "states": problem.mdp.n_states,
        "actions": problem.mdp.n_actions,
        "features": len(problem.reward.names),
        "time": str(problem.time),
        "stochastic": not problem.deterministic,
        "walks to learn from": len(problem.train),
        "walks scored": len(problem.held_out),
        "decisions scored": int(problem.held_out.lengths.sum()),
        "methods": [method.name for method in methods_of(problem, settings.methods)],
        "notes": problem.notes,
    }


def _refuse_other_folder(folder: Path, existing: OnExisting) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is a file: choose a folder by --out")
    if (folder / BEGUN).exists():
        if existing is OnExisting.REFUSE:
            raise InvalidInput(
                f"{folder} holds a comparison already: go on with it by --resume, or choose another folder by --out"
            )
        return
    foreign = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    if foreign:
        raise InvalidInput(
            f"{folder} is no comparison and holds other files ('{foreign[0]}'): choose an empty or new folder by --out"
        )


def _digests(spec: Spec) -> dict[str, str]:
    """Of the text, of what it and the SPEC that it may share its reward with amount to, and of all files."""
    text, settings = (hashlib.sha256(of.encode()).hexdigest() for of in (spec.text, repr(spec.model_dump())))
    return {"specification": text, "settings": settings, **{str(path): digest(path) for path in input_files(spec)}}


def _begin(folder: Path, begun: Mapping[str, Any], existing: OnExisting) -> dict[tuple[str, str, int, int], Row]:
    """Rows of an earlier run that may be gone on with."""
    path = folder / BEGUN
    if not path.exists() or existing is not OnExisting.RESUME:
        write_atomically(folder / ROWS, "")
        write_atomically(path, to_json(begun))
        return {}
    before = read_json(path)
    if before.get("format") != FORMAT or not isinstance(before.get("problems"), dict):
        raise InvalidInput(f"{path}: made by another version, or damaged: choose another folder by --out")
    changed = [
        f"{name}: {file} has changed since {folder} was begun"
        for name, files in begun["problems"].items()
        for file in sorted({*files, *before["problems"].get(name, files)})
        if before["problems"].get(name, files).get(file) != files.get(file)
    ]
    if before.get("seed") != begun["seed"]:
        changed.append(f"it was begun with --seed {before.get('seed')}, not {begun['seed']}")
    if changed:
        raise InvalidInput(
            [*changed, "rows of other inputs cannot be put beside these: choose another folder by --out"]
        )
    write_atomically(path, to_json({**begun, "problems": {**before["problems"], **begun["problems"]}}))
    return read_rows(folder / ROWS)


def read_rows(path: Path) -> dict[tuple[str, str, int, int], Row]:
    """The rows of a file by key; a last line that was cut off in the writing is removed from it.

    Raises:
        InvalidInput: no such file, or a damaged line that is not the last, by number.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}; choose another folder by --out") from None
    found: dict[tuple[str, str, int, int], Row] = {}
    kept = []
    for number, line in enumerate(lines[:-1], 1):  # what follows the last line end was never finished
        try:
            row = Row.from_data(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InvalidInput(
                f"{path}, line {number}: damaged: delete this line, and --resume makes the row again"
            ) from None
        found[row.key] = row
        kept.append(line + "\n")
    if lines[-1]:
        write_atomically(path, "".join(kept))
    return found


def _append(path: Path, row: Row) -> None:
    """One line more, flushed to the disk; a line that did not fit is taken back."""
    line = to_json(row.as_data(), indent=None).encode()
    try:
        with path.open("ab") as file:
            size = file.tell()
            try:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(path, size)
                raise
    except OSError as error:
        raise CannotWrite(path, error) from error


def as_csv(rows: Sequence[Row]) -> str:
    """All rows as a table; empty cells where there is no number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["problem", "method", "walks", "seed", *MEASURES, "arrived", "status", "reason"])
    for row in rows:
        arrived = None if row.scores is None else row.scores.arrived
        writer.writerow([*row.key, *(row.measure(name) for name in MEASURES), arrived, row.status, row.reason])
    return text.getvalue()
