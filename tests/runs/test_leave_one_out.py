"""Each walk is forecast by what the others teach, never by itself."""

import dataclasses

import numpy as np
import pytest

from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.fit import fit
from maxentrl.inverse.problem import InverseProblem
from maxentrl.readers.spec import read_spec
from maxentrl.runs.detections import SeenWalk, errors_without, lasting_share, read_detections
from maxentrl.runs.job import read_job
from maxentrl.runs.leave_one_out import DETECTED, TRUE, leave_one_out
from maxentrl.runs.leave_one_out_files import MAPS, SCORES, load_leave_one_out, save_leave_one_out
from maxentrl.runs.outlook import border_states, candidate_goals
from maxentrl.runs.reward import parameter_space
from maxentrl.status import InvalidInput

ROWS, COLUMNS = 6, 8
SPEC = """
[world]
kind = "grid"
layers = { grass = "grass.npy", step = "step.npy" }
moves = 8

[demonstrations]
files = "*_tracker_output.txt"
format = "tracks"
units = "cells"

[reward]
terminal = "none"
bounds = { "*" = [0, inf] }

[time]
kind = "to-goal"

[forecast]
goals = "ends-and-border"
border_every = 5
observed = [0.2, 0.5]
samples = 4
"""
ENDS = {"a": (2, 7), "b": (2, 7), "c": (3, 7), "d": (0, 6), "e": (4, 5)}
"""Where each walk ends: a and b at one place, c on a border candidate, d and e by themselves."""


def write_tracks(folder):
    rng = np.random.default_rng(3)
    np.save(folder / "grass.npy", -rng.random((ROWS, COLUMNS)).round(2))
    np.save(folder / "step.npy", -np.ones((ROWS, COLUMNS)))
    for number, (name, (row, column)) in enumerate(ENDS.items()):
        y, x, lines, t = number, 0, [], 0
        while True:
            off = 4.0 if name == "c" else rng.choice([-1.0, 0.0, 1.0])
            seen = (name != "e" or t >= 3) and t % 4 != 1
            lines.append(f"{t}\t{x}\t{y}\t{x + off if seen else 0}\t{y + 0.25 if seen else 0}")
            if (y, x) == (row, column):
                break
            move = np.sign([row - y, column - x])
            if rng.random() < 0.4:  # a detour now and then: without any, no weight of the step would be great enough
                ways = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
                ways = [(i, j) for i, j in ways if 0 <= y + i < ROWS and 0 <= x + j < COLUMNS]
                move = ways[rng.integers(len(ways))]
            y, x, t = y + int(move[0]), x + int(move[1]), t + 1
        (folder / f"{name}_tracker_output.txt").write_text("\n".join(lines) + "\n")
    (folder / "tracks.toml").write_text(SPEC)
    return folder / "tracks.toml"


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return read_job(read_spec(write_tracks(tmp_path_factory.mktemp("tracks"))))


@pytest.fixture(scope="module")
def found(job):
    return leave_one_out(job, np.array([0.5, 1.5]))


def state(row, column):
    return row * COLUMNS + column


def test_a_walk_s_own_end_is_a_candidate_only_where_another_ends(job, found):
    border = set(border_states(job.scene.world)[::5])
    assert state(3, 7) in border  # the end of c is on the border, and still no candidate of its own
    assert {state(*ENDS["c"]), state(*ENDS["d"])} <= set(candidate_goals(job))
    for fold in found.folds:
        goals = {tuple(one.goals) for one in found.maps if one.walk == fold.walk}
        assert len(goals) == 1
        expected = border | {state(*end) for name, end in ENDS.items() if name != fold.walk}
        if fold.walk not in ("a", "b"):
            expected -= {state(*ENDS[fold.walk])}
        assert set(goals.pop()) == expected
        assert fold.goal_known == (fold.walk in ("a", "b"))
        assert fold.candidates == len(expected)
    told = {s.walk for s in found.scores[TRUE] if s.goal_probability is not None}
    assert told == {"a", "b"}


def test_each_fold_is_the_fit_of_the_others(job, found):
    walks = job.demonstrations.train
    for index, fold in enumerate(found.folds):
        others = walks.select(np.arange(len(walks)) != index)
        problem = InverseProblem(job.scene.world.mdp, job.reward, others, job.time)
        cold = fit(problem, space=parameter_space(job.spec.reward, job.reward))
        np.testing.assert_allclose(fold.parameters, cold.parameters, atol=2e-3)
        assert fold.status.successful
    assert np.ptp([fold.parameters for fold in found.folds], axis=0).max() > 0.01


def test_errors_of_detections_come_from_the_other_walks(found):
    spread = {fold.walk: fold.deviation[0] for fold in found.folds}
    assert spread["c"] < 1.2  # the others are off by at most one cell
    assert min(value for name, value in spread.items() if name != "c") > 1.5  # c, off by four, is among them


def test_walks_not_detected_yet_have_no_row_and_that_is_said(found):
    early = [s.walk for s in found.scores[DETECTED] if s.observed == "20 %"]
    assert "e" not in early
    assert "a" in early
    assert any(remark.startswith("20 %: 4 of 5 walks") for remark in found.remarks)
    assert {s.walk for s in found.scores[TRUE] if s.observed == "20 %"} == set(ENDS)


def test_errors_that_last_are_told_from_those_that_change(job, found):
    seen = read_detections(job, job.demonstrations.train)
    errors = errors_without(job, seen, "")

    def with_errors(walk, values):
        changed = object.__new__(SeenWalk)
        changed.errors = np.resize(values, walk.errors.shape)
        return changed

    same = {name: with_errors(walk, [1.0, 0.5]) for name, walk in seen.items()}
    assert lasting_share(same, errors) == pytest.approx(1.0)
    turning = {name: with_errors(walk, [[1.0, 0.5], [-1.0, -0.5]]) for name, walk in seen.items()}
    assert lasting_share(turning, errors) < 0.1
    assert 0.3 < found.lasting < 1  # one of five walks is off by four cells throughout
    assert any("of the squared errors of detections last" in remark for remark in found.remarks)


def test_one_impossible_cell_does_not_make_the_mean_of_tracked_walks_infinite(job, found):
    worst = max(s.nll_ahead for s in found.scores[DETECTED] if s.nll_ahead is not None)
    assert worst <= np.log(ROWS * COLUMNS / 1e-3)


def test_every_method_is_scored_in_cells(found):
    methods = {s.method for s in found.scores[TRUE]}
    assert methods == {"maximum entropy", "random walk", "shortest path", "constant velocity"}
    assert all(s.cell_size is None for rows in found.scores.values() for s in rows)
    (row,) = [r for r in found.summaries[TRUE] if (r.observed, r.method) == ("50 %", "random walk")]
    values = [s.nll_next for s in found.scores[TRUE] if (s.observed, s.method) == ("50 %", "random walk")]
    assert row.measures["nll_next"].mean == pytest.approx(np.mean(values))


def test_maps_and_histories_hold_what_was_believed(job, found):
    for one in found.maps:
        np.testing.assert_allclose(found.histories[one.walk][one.moves], one.probability, atol=1e-12)
        steps = len(one.states) - one.moves
        assert one.visits.sum() <= steps + 1e-9
    assert len(found.maps) == 2 * len(ENDS)


def test_what_is_saved_is_what_is_loaded(found, tmp_path):
    assert load_leave_one_out(tmp_path) is None
    save_leave_one_out(tmp_path, found)
    again = load_leave_one_out(tmp_path)
    assert again.scores == found.scores
    assert again.remarks == found.remarks
    for old, new in zip(found.folds, again.folds, strict=True):
        assert {**vars(old), "parameters": 0} == {**vars(new), "parameters": 0}
        assert np.array_equal(old.parameters, new.parameters)
    for old, new in zip(found.maps, again.maps, strict=True):
        assert (old.walk, old.observed, old.moves) == (new.walk, new.observed, new.moves)
        np.testing.assert_allclose(old.visits, new.visits, rtol=1e-6)
    (tmp_path / MAPS).write_bytes(b"torn")
    with pytest.raises(InvalidInput, match="damaged"):
        load_leave_one_out(tmp_path)
    (tmp_path / SCORES).write_text('{"format": 0}')
    with pytest.raises(InvalidInput, match="another version"):
        load_leave_one_out(tmp_path)


def test_progress_is_told_after_each_walk(job):
    told = []
    train = job.demonstrations.train
    two = dataclasses.replace(job.demonstrations, train=train.select(np.array([0, 1])))
    leave_one_out(dataclasses.replace(job, demonstrations=two), np.array([0.5, 1.5]), progress=told.append)
    assert [(step.done, step.total, step.fold.walk) for step in told] == [(1, 2, "a"), (2, 2, "b")]


def test_one_walk_cannot_be_left_out(job):
    assert isinstance(job.demonstrations.train, Trajectories)
    one = dataclasses.replace(job.demonstrations, train=job.demonstrations.train.select(np.array([0])))
    with pytest.raises(InvalidInput, match="two walks"):
        leave_one_out(dataclasses.replace(job, demonstrations=one), np.array([0.5, 1.5]))
