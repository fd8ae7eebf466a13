"""Several scenes that share a reward: read, fitted, scored, and each left out in turn."""

from pathlib import Path

import numpy as np
import pytest

from maxentrl.inverse.fit import fit
from maxentrl.readers.spec import parse_spec, read_spec, read_study
from maxentrl.runs.check import check_study
from maxentrl.runs.job import read_jobs
from maxentrl.runs.run import fit_run, load_run
from maxentrl.runs.scenes import evaluate_scenes, leave_one_scene_out, pooled, whole
from maxentrl.status import InvalidInput
from runs.scenes_on_disk import SIZES, write_scenes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("several"))


@pytest.fixture(scope="module")
def jobs(folder):
    return read_jobs(read_study(folder / "linear.toml"))


def fitted_alone(jobs):
    """The weights of some scenes by the function that is tested against the scenes side by side in one world."""
    return fit([job.problem() for job in jobs]).parameters


def test_scenes_are_named_by_their_files_and_may_have_other_moves(jobs):
    assert list(jobs) == sorted(SIZES)
    assert [job.scene.world.mdp.n_actions for job in jobs.values()] == [SIZES[name][2] for name in jobs]
    assert all(job.reward.names == ("lawn", "mud", "distance") for job in jobs.values())


def test_a_run_of_scenes_is_their_common_fit(folder, jobs, tmp_path):
    run = fit_run(read_study(folder / "linear.toml"), folder / "linear.toml", tmp_path)
    np.testing.assert_allclose(run.parameters, fitted_alone(jobs.values()), atol=1e-4)
    again = load_run(tmp_path)
    assert again.parameters.tobytes() == run.parameters.tobytes()
    assert again.fit.scenes["park"]["states"] == 35
    assert again.fit.data["walks fitted"] == sum(len(job.demonstrations.train) for job in jobs.values())
    with pytest.raises(InvalidInput, match=r"3 scenes.*--scene: garden, park, yard"):
        _ = again.job


def test_scenes_held_out_take_no_part(folder, tmp_path):
    spec = folder / "held_out.toml"
    spec.write_text('held_out = ["scenes/park.toml"]' + (folder / "linear.toml").read_text())
    study = read_study(spec)
    assert study.held_out == ("park",)
    jobs = read_jobs(study)
    run = fit_run(study, spec, tmp_path)
    np.testing.assert_allclose(run.parameters, fitted_alone([jobs["garden"], jobs["yard"]]), atol=1e-4)
    scored = evaluate_scenes(jobs, run.parameters, held_out=study.held_out)
    assert scored["park"].held_out
    assert scored["park"].walks == 24  # all of them, those marked "train" included
    assert scored["yard"].walks == 4


def test_scores_of_all_scenes_count_each_decision_once(jobs):
    found = evaluate_scenes(jobs, np.array([-1.0, -2.0, -3.0]))
    total = sum(one.nats_per_decision * one.decisions for one in found.values())
    everything = pooled(found)
    assert everything.nats_per_decision == pytest.approx(total / everything.decisions, rel=1e-12)
    assert everything.decisions == sum(one.decisions for one in found.values())
    assert everything.summaries[0].walks == sum(one.walks for one in found.values())


def test_each_scene_left_out_is_scored_by_what_the_others_teach(jobs):
    for fold in leave_one_scene_out(jobs):
        others = [whole(job) for name, job in jobs.items() if name != fold.scene]
        np.testing.assert_allclose(fold.parameters, fitted_alone(others), atol=1e-4)
        expected = evaluate_scenes({fold.scene: whole(jobs[fold.scene])}, fold.parameters)[fold.scene]
        assert fold.evaluation.nats_per_decision == pytest.approx(expected.nats_per_decision, rel=1e-9)
        assert fold.evaluation.walks == 24
    with pytest.raises(InvalidInput, match="two scenes or more"):
        leave_one_scene_out({"park": jobs["park"]})


def test_layers_in_another_order_are_the_same_features(folder, jobs, tmp_path):
    other = write_scenes(tmp_path / "other")
    layers = dict(np.load(other / "scenes" / "yard.npz"))
    np.savez(other / "scenes" / "yard.npz", **dict(reversed(layers.items())))
    found = read_jobs(read_study(other / "linear.toml"))
    assert found["yard"].reward.names == ("lawn", "mud", "distance")
    np.testing.assert_allclose(fitted_alone(found.values()), fitted_alone(jobs.values()), atol=1e-4)


def test_layers_that_disagree_are_named(tmp_path):
    other = write_scenes(tmp_path / "other")
    layers = dict(np.load(other / "scenes" / "yard.npz"))
    np.savez(other / "scenes" / "yard.npz", lawn=layers["lawn"], snow=layers["mud"])
    study = read_study(other / "linear.toml")
    for read in (read_jobs, check_study):
        with pytest.raises(InvalidInput) as caught:
            read(study)
        (problem,) = caught.value.problems
        assert "scene 'yard'" in problem
        assert "it lacks mud and it has snow besides" in problem


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("scenes/park.toml", "moves = 4", "moves = 5", "park.toml, line 4: world.moves = 5: expected 4 or 8"),
        ("linear.toml", 'scenes = "scenes/*.toml"', 'scenes = "sences/*.toml"', "no file in"),
        ("linear.toml", 'scenes = "scenes/*.toml"', 'scenes = "scenes/zoo.toml"', "zoo.toml: there is no such file"),
        ("scenes/park.toml", "[demonstrations]", "[reward]\n[demonstrations]", "[reward]: what scenes share stands in"),
        ("linear.toml", "[reward]", "[world]\n[reward]", "line 3: 'world' is not a key of the file"),
        ("linear.toml", '[time]\nkind = "to-goal"', "", "garden.toml lacks the table [time], and so does"),
        ("linear.toml", 'scenes = "scenes/*.toml"', 'scenes = []\nheld_out = "scenes/*.toml"', "leaves nothing to fit"),
    ],
)
def test_bad_lists_of_scenes(tmp_path, file, old, new, says):
    other = write_scenes(tmp_path / "other")
    text = (other / file).read_text()
    assert old in text
    (other / file).write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput) as caught:
        read_study(other / "linear.toml")
    assert any(says in problem for problem in caught.value.problems), caught.value.problems


def test_a_fit_that_failed_before_it_began_keeps_no_folder(tmp_path):
    other = write_scenes(tmp_path / "other")
    spec, text = other / "linear.toml", (other / "linear.toml").read_text()
    spec.write_text(text.replace('"distance"', '"distanc"'))
    with pytest.raises(InvalidInput, match="did you mean 'distance'"):
        fit_run(read_study(spec), spec, tmp_path / "run")
    spec.write_text(text)
    run = fit_run(read_study(spec), spec, tmp_path / "run")
    assert run.fit.status.successful
    with pytest.raises(InvalidInput, match="holds a run already"):
        fit_run(read_study(spec), spec, tmp_path / "run")


def test_a_step_lasts_as_long_as_the_interval():
    text = '[world]\nkind = "plaza"\n[demonstrations]\nfiles = "w.csv"\ninterval = 0.4\n[time]\nkind = "to-goal"\n'
    assert parse_spec(text, directory=Path()).seconds_per_step == 0.4
    assert parse_spec(text + "[forecast]\nseconds_per_step = 2.0\n", directory=Path()).seconds_per_step == 2.0
    assert parse_spec(text.replace("interval = 0.4\n", ""), directory=Path()).seconds_per_step == 1.0


def test_a_folder_and_a_name_of_a_scene_will_do(folder):
    spec = folder / "by_name.toml"
    spec.write_text('held_out = "yard"\n' + (folder / "linear.toml").read_text().replace("scenes/*.toml", "scenes"))
    study = read_study(spec)
    assert list(study.scenes) == ["garden", "park", "yard"]
    assert study.held_out == ("yard",)
    spec.write_text(spec.read_text().replace('"yard"', '"scenes/../scenes/yard.toml"'))
    assert read_study(spec).held_out == ("yard",)


def test_lists_among_the_scenes_are_told(tmp_path):
    other = write_scenes(tmp_path / "other")
    (other / "all.toml").write_text((other / "linear.toml").read_text().replace("scenes/*.toml", "[ln]*.toml"))
    with pytest.raises(InvalidInput) as caught:
        read_study(other / "all.toml")
    assert len(caught.value.problems) == 2
    assert all("is itself a list of scenes" in problem for problem in caught.value.problems)


def test_metres_and_cells_share_no_weight(tmp_path):
    other = write_scenes(tmp_path / "other")
    file = other / "scenes" / "yard.toml"
    file.write_text(file.read_text().replace("cell_size = 0.5\n", ""))
    for read in (read_jobs, check_study):
        with pytest.raises(InvalidInput, match=r"lengths are in m in garden, park; lengths are in cells in yard"):
            read(read_study(other / "linear.toml"))


def test_files_that_changed_since_the_fit_are_named(tmp_path):
    other = write_scenes(tmp_path / "other")
    spec = other / "linear.toml"
    fit_run(read_study(spec), spec, tmp_path / "run")
    layers = dict(np.load(other / "scenes" / "garden.npz"))
    np.savez(other / "scenes" / "garden.npz", **dict(reversed(layers.items())))
    (other / "scenes" / "aaa.toml").write_text((other / "scenes" / "park.toml").read_text())
    with pytest.raises(InvalidInput) as caught:
        _ = load_run(tmp_path / "run").jobs
    told = "\n".join(caught.value.problems)
    assert "garden.npz has changed since" in told
    assert "aaa.toml is new since" in told
    assert load_run(tmp_path / "run").coefficients["lawn"] < 0  # what was learnt is there without the files


def test_a_scene_of_one_walk_is_scored_without_a_forecast(tmp_path):
    other = write_scenes(tmp_path / "other")
    file = other / "scenes" / "yard.csv"
    rows = file.read_text().splitlines()
    first = rows[1].split(",")[0]
    file.write_text("\n".join([rows[0], *(row for row in rows[1:] if row.split(",")[0] == first)]) + "\n")
    jobs = read_jobs(read_study(other / "linear.toml"))
    found = evaluate_scenes(jobs, np.array([-1.0, -2.0, -3.0]))
    assert found["yard"].unforecast == 1
    assert found["yard"].summaries == ()
    assert pooled(found).unforecast == 1


def test_a_list_of_scenes_is_no_scene(folder):
    with pytest.raises(InvalidInput, match="is of several scenes"):
        read_spec(folder / "linear.toml")


def test_a_layer_that_says_where_walls_are_has_a_number_everywhere(tmp_path):
    other = write_scenes(tmp_path / "other")
    layers = dict(np.load(other / "scenes" / "park.npz"))
    layers["mud"][2, 3] = np.nan
    np.savez(other / "scenes" / "park.npz", **layers)
    file = other / "scenes" / "park.toml"
    file.write_text(file.read_text().replace("moves = 4", 'moves = 4\nwalls = { layer = "mud" }'))
    with pytest.raises(
        InvalidInput, match=r"scene 'park': world.walls: layer 'mud' holds no number at row 2, column 3"
    ):
        read_jobs(read_study(other / "linear.toml"))
