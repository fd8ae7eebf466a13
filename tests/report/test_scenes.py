"""Reports of several scenes and of ensembles: every scene is drawn under its name, and members are compared by moves."""

import numpy as np
import pytest

from maxentrl.forecast.disagreement import policy_disagreement
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import ToGoal
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.readers.spec import parse_study
from maxentrl.report import scenes
from maxentrl.runs.ensembles import ensemble_disagreement, member_tables
from maxentrl.runs.fit_record import FitRecord
from maxentrl.runs.fitting import member_file
from maxentrl.runs.record import new_record
from maxentrl.runs.run import Run
from maxentrl.runs.training_files import save_reward
from maxentrl.status import InvalidInput, Status
from runs.test_counterfactual import SPEC, write

NETWORK = '[reward.network]\nkind = "convolutional"\nchannels = [2]\nkernels = [3]'
TEXT = SPEC.replace('terminal = "none"', f'terminal = "none"\n{NETWORK}')


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two scenes (the same, twice) and three members whose files lie in the run folder."""
    folder = tmp_path_factory.mktemp("run")
    job = write(folder, TEXT)
    fit = FitRecord(
        names=("distance",), parameters=np.array([-3.0]), features=("distance",), weights=len(job.reward.names) - 1,
        objective="feature matching",
        value=-1.0, status=Status.EARLY_STOPPED, detail="", gradient_norm=0.1, residual=np.zeros(1), held=(),
        duality_gap=None, evaluations=1, seconds=1.0, errors=None, remarks=(), table=(), members=({}, {}, {}), data={},
        scenes={}, dropped=(), warnings=(),
    )  # fmt: skip
    study = parse_study(TEXT, directory=folder, name="s.toml")
    made = Run(folder, study, new_record(folder / "s.toml", TEXT, [], None).ending("CONVERGED", 1.0), fit)
    vars(made)["jobs"] = {"east": job, "west": job}
    vars(made)["parameters"] = theta(job, 0)
    for member in range(3):
        save_reward(folder / member_file(member), job.reward, theta(job, member))
    return made


def theta(job, member):
    generator = np.random.default_rng(member)
    return np.concatenate([[-3.0 - 0.5 * member], 0.3 * generator.normal(size=len(job.reward.names) - 1)])


def test_members_are_read_and_compared_by_their_moves(run):
    tables = member_tables(run)
    assert list(tables) == ["east", "west"]
    job = run.jobs["east"]
    for member, table in enumerate(tables["west"]):
        np.testing.assert_allclose(table.pair, reward_table(job.reward, theta(job, member)).pair, rtol=1e-12)
    found = ensemble_disagreement(job, tables["east"])
    cells = job.scene.world.geometry.state_of_cell
    goals, weights = [int(cells[row, 8]) for row in (0, 2, 4)], np.array([1.0, 1.0, 2.0])
    members = [
        [solve(SoftProblem(job.scene.world.mdp, table, ToGoal((goal,)))) for goal in goals] for table in tables["east"]
    ]
    np.testing.assert_allclose(found, policy_disagreement(members, weights), rtol=1e-6, atol=1e-9)
    assert 0.01 < np.nanmax(found) <= 1.0


def test_a_member_that_is_missing_is_named(run, tmp_path):
    lost = Run(tmp_path, run.study, run.record, run.fit)
    vars(lost)["jobs"] = run.jobs
    with pytest.raises(InvalidInput, match=r"member-0\.safetensors"):
        member_tables(lost)


def test_every_scene_is_drawn_under_its_name(run, monkeypatch):
    monkeypatch.setattr(scenes, "MOST_SCENES", 1)
    (reward, disagreement) = scenes.reward_section(run)
    assert (reward.title, reward.file) == ("east: Learnt reward", "scene-1-reward.png")
    assert disagreement.title == "east: Where the members disagree"
    assert "two of 3 members" in disagreement.caption
    assert reward.caption.endswith("1 more scene is not drawn.")
    monkeypatch.setattr(scenes, "MOST_SCENES", 8)
    walks = scenes.scene_pictures(run, unfolding=False)
    assert [picture.title for picture in walks] == ["east: Walks", "west: Walks"]
    assert len({picture.file for picture in walks}) == 2
    single = Run(run.folder, run.study, run.record, run.fit)
    vars(single)["jobs"] = {"only": run.jobs["east"]}
    assert [picture.title for picture in scenes.scene_pictures(single, unfolding=False)] == ["Walks"]
