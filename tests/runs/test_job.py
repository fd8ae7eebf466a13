"""Specifications of every kind of world become jobs."""

import re

import numpy as np
import pytest

from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.readers.spec import read_spec
from maxentrl.rewards.linear import LinearReward
from maxentrl.runs.check import check_spec
from maxentrl.runs.demo import demo_study, refuse_other_runs
from maxentrl.runs.inputs import input_files
from maxentrl.runs.job import read_job
from maxentrl.runs.outlook import border_states, candidate_goals
from maxentrl.runs.reward import make_prior, parameter_space
from maxentrl.runs.states import state_number
from maxentrl.status import InvalidInput

TRANSITIONS = """state,action,next_state,probability
home,walk,street,1
street,walk,work,0.9
street,walk,street,0.1
street,wait,street,1
work,wait,work,1
"""
FEATURES = "state,rain,noise\nhome,0,0.5\nstreet,1,1\nwork,0,0.25\n"
TABLE = """
[world]
kind = "table"
transitions = "moves.csv"
features = "features.csv"
[demonstrations]
files = ["a/walks.csv", "b/walks.csv"]
[reward]
constant = true
bounds = { "*" = [-5, 5], constant = [-5, 0] }
prior = { standard_deviation = { "r*" = 2.0 } }
[time]
kind = "to-goal"
goals = ["work"]
"""


@pytest.fixture
def table(tmp_path):
    (tmp_path / "moves.csv").write_text(TRANSITIONS)
    (tmp_path / "features.csv").write_text(FEATURES)
    for name in "ab":
        (tmp_path / name).mkdir()
        rows = f"1,0,home,walk\n1,1,street,walk\n1,2,work,\n{name},0,street,walk\n{name},1,work,\n"
        (tmp_path / name / "walks.csv").write_text("trajectory,step,state,action\n" + rows)
    (tmp_path / "s.toml").write_text(TABLE)
    return tmp_path / "s.toml"


def test_a_table_world_with_names(table):
    job = read_job(read_spec(table))
    assert job.scene.world.mdp.state_names == ("home", "street", "work")
    assert job.time == ToGoal((2,))
    assert job.reward.names == ("rain", "noise", "constant")
    train = job.demonstrations.train
    assert isinstance(train, Trajectories)
    assert train.names == ("a/walks:1", "a/walks:a", "b/walks:1", "b/walks:b")
    assert [path.name for path in input_files(job.spec)] == ["moves.csv", "features.csv", "walks.csv", "walks.csv"]


def test_patterns_of_bounds_and_priors(table):
    settings = read_spec(table).reward
    reward = LinearReward.of(1, state={name: np.zeros(2) for name in ("rain", "noise", "constant")})
    space = parameter_space(settings, reward)
    assert space.lower.tolist() == [-5.0, -5.0, -5.0]
    assert space.upper.tolist() == [5.0, 5.0, 0.0]  # the exact name wins
    prior = make_prior(settings, reward)
    assert prior is not None
    assert prior.scale.tolist() == [2.0, np.inf, np.inf]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('goals = ["work"]', 'goals = ["wrok"]', "'wrok' is not a state; did you mean 'work'"),
        ('goals = ["work"]', "goals = [[0, 1]]", "this world has no map"),
        ("constant = true", 'features = ["rian"]', "'rian' is no feature of this world; did you mean 'rain'"),
        ('"*" = [-5, 5]', '"x*" = [-5, 5]', "'x*' is no feature of this reward"),
        ('"b/walks.csv"', '"c/*.csv"', "no file in"),
    ],
)
def test_names_that_mean_nothing(table, old, new, says):
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new))
    with pytest.raises(InvalidInput, match=re.escape(says)):
        check_spec(read_spec(table))


def test_simulated_walks_on_frozen_lake(tmp_path):
    pytest.importorskip("gymnasium")
    (tmp_path / "lake.toml").write_text(
        """
        [world]
        kind = "gymnasium"
        id = "FrozenLake-v1"
        [demonstrations]
        kind = "simulated"
        parameters = { "tile=G" = 3.0 }
        starts = [0]
        number = 20
        held_out = 0.25
        [reward]
        features = ["tile=[GH]"]
        [time]
        kind = "finite"
        horizon = 15
        """
    )
    job = read_job(read_spec(tmp_path / "lake.toml"))
    found = job.demonstrations
    assert (len(found.train), len(found.held_out)) == (15, 5)
    assert set(found.train.starts.tolist()) == {0}
    assert job.time == Finite(15)
    assert found.train.lengths.max() <= 15
    assert dict(job.truth) == {"tile=G": 3.0, "tile=H": 0.0}
    again = read_job(read_spec(tmp_path / "lake.toml")).demonstrations.train
    assert np.array_equal(again.states, found.train.states)
    other = read_job(read_spec(tmp_path / "lake.toml"), seed=5).demonstrations.train
    assert not np.array_equal(other.states, found.train.states)


@pytest.fixture(scope="module")
def demo():
    return read_job(demo_study().first)


def test_the_demo_is_walked_between_entrances(demo):
    entrances = set(demo.scene.entrances.values())
    train = demo.demonstrations.train
    assert set(train.starts.tolist()) <= entrances
    assert set(train.goals.tolist()) <= entrances
    assert (train.starts != train.goals).all()
    assert (train.ends == train.goals).all()
    assert (train.actions != UNKNOWN).all()
    assert set(candidate_goals(demo)) == entrances
    assert set(demo.truth) == set(demo.reward.names)
    assert input_files(demo.spec) == []


def test_states_have_names_that_people_know(demo):
    library = demo.scene.entrances["library"]
    assert demo.scene.state_name(library) == "library"
    row, column = demo.scene.world.geometry.cell_of_state[0]
    assert demo.scene.state_name(0) == f"cell [{row}, {column}]"
    assert state_number(demo.scene.world, (int(row), int(column)), "x") == 0


def test_the_border_goes_round_once(demo):
    states = border_states(demo.scene.world)
    cells = demo.scene.world.geometry.cell_of_state[list(states)]
    rows, columns = demo.scene.world.geometry.shape
    assert len(set(states)) == len(states)
    on_border = (cells == 0).any(1) | (cells[:, 0] == rows - 1) | (cells[:, 1] == columns - 1)
    assert on_border.all()
    inside = demo.scene.world.geometry.state_of_cell.copy()
    inside[1:-1, 1:-1] = -1
    assert len(states) == (inside >= 0).sum()


def test_the_demo_leaves_other_runs_alone(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "spec.toml").write_text("# mine\n")
    with pytest.raises(InvalidInput, match="holds a run of something else"):
        refuse_other_runs(tmp_path, demo_study())
    (tmp_path / "spec.toml").write_text(demo_study().first.text)
    refuse_other_runs(tmp_path, demo_study())
