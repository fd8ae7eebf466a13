import numpy as np
import pytest

from maxentrl.mdp.table import table_world
from maxentrl.readers.counts import read_feature_counts_csv
from maxentrl.readers.tables import read_features_csv, read_table_world, read_transitions_csv
from maxentrl.status import InvalidInput

TRANSITIONS = "state,action,next_state,probability\nhome,walk,work,0.8\nhome,walk,home,0.2\nhome,stay,home,1\n"


def write(folder, text, name="data.csv"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture
def mdp():
    return table_world(
        ["home", "home", "work"], ["walk", "stay", "stay"], ["work", "home", "work"], [1.0, 1.0, 1.0]
    ).mdp


def test_a_world_from_two_files(tmp_path):
    features = write(tmp_path, "state,rain,sun\nwork,1,2\nhome,3,4\n", "my features.csv")
    world, report = read_table_world(write(tmp_path, TRANSITIONS), features, ["work"])
    assert world.mdp.state_names == ("home", "work")
    np.testing.assert_array_equal(world.mdp.transitions.as_dense()[0], [[0.2, 0.8], [0, 0]])
    assert world.state_features["rain"].tolist() == [3.0, 1.0]
    assert report.used == 3


def test_terminal_states_may_be_numbers(tmp_path):
    text = "state,action,next_state,probability\n0,0,1,1\n"
    world, _ = read_table_world(write(tmp_path, text), terminal=[1])
    assert world.mdp.terminal.tolist() == [False, True]
    assert world.mdp.state_names is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("home,walk,work,0.8", "row 5 repeats state, action, next_state of row 2"),
        ("work,walk,home,1.2", "row 5, column probability: '1.2'"),
        ("work,walk,home,-0.2", "row 5, column probability: '-0.2'"),
        ("work,walk,home,0.25", "state work, action walk: probabilities sum to 0.25"),
        (",walk,home,1", "row 5, column state: ''"),
        ("work,walk,home,half", "row 5, column probability: 'half'"),
    ],
)
def test_bad_transitions_are_named(tmp_path, row, message):
    path = write(tmp_path, TRANSITIONS + row + "\n", "t.csv")
    with pytest.raises(InvalidInput, match=message) as caught:
        read_table_world(path)
    assert "t.csv" in str(caught.value)


def test_transitions_as_listed(tmp_path):
    table, report = read_transitions_csv(write(tmp_path, TRANSITIONS))
    assert list(table.next_states) == ["work", "home", "home"]
    assert table.probabilities.tolist() == [0.8, 0.2, 1.0]
    assert report.used == 3


def test_features_by_state_and_action(tmp_path, mdp):
    text = "state,action,cost\nwork,stay,3\nhome,stay,2\nhome,walk,1\nwork,walk,9\n"
    features, report = read_features_csv(write(tmp_path, text), mdp)
    np.testing.assert_array_equal(features.pair["cost"], [[1.0, 9.0], [2.0, 3.0]])
    assert "1 rows are about pairs that cannot be chosen" in report.warnings[0]
    assert not features.state


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("state,f\nhome,1\n", "no row for 1 of 2 states: work"),
        ("state,f\nhome,1\nwork,2\nhome,3\n", "row 4 repeats state of row 2"),
        ("state,f\nhome,1\nwrok,2\n", "row 3, column state: 'wrok'.*did you mean 'work'"),
        ("state,f\nhome,1\nwork,\n", "row 3, column f: ''"),
        ("state,f\nhome,1\nwork,NaN\n", "row 3, column f: 'NaN'"),
        ("state\nhome\nwork\n", "no column for a feature"),
        ("state,action,f\nhome,walk,1\nwork,stay,1\n", r"no row for 1 pairs \(state, action\): \(home, stay\)"),
        ("state,action,f\nhome,wlak,1\n", "row 2, column action: 'wlak'.*did you mean 'walk'"),
        ("state,action,f\nhome,,1\n", "row 2, column action: ''"),
    ],
)
def test_bad_features_are_named(tmp_path, mdp, text, message):
    with pytest.raises(InvalidInput, match=message):
        read_features_csv(write(tmp_path, text), mdp)


def test_feature_counts(tmp_path, mdp):
    path = write(tmp_path, "start,goal,horizon,weight,rain,sun\nhome,work,5,2,1.5,2\nwork,,,,3,4\n")
    counts, report = read_feature_counts_csv(path, mdp)
    assert counts.names == ("rain", "sun")
    np.testing.assert_array_equal(counts.counts, [[1.5, 2], [3, 4]])
    assert (counts.starts.tolist(), counts.goals.tolist()) == ([0, 1], [1, -1])
    assert (counts.horizons.tolist(), counts.weights.tolist()) == ([5, -1], [2.0, 1.0])
    assert report.used == 2
    reordered, _ = read_feature_counts_csv(path, mdp, ["sun", "rain"])
    np.testing.assert_array_equal(reordered.counts, counts.counts[:, ::-1])


@pytest.mark.parametrize(
    ("text", "features", "message"),
    [
        ("start,rian\nhome,1\n", ["rain"], "no column for feature 'rain'; did you mean 'rian'"),
        ("start,rain,sun\nhome,1,2\n", ["rain"], "unknown column 'sun'"),
        ("start\nhome\n", None, "no column for a feature"),
        ("start,f\nhoem,1\n", None, "did you mean 'home'"),
        ("start,horizon,f\nhome,0,1\n", None, "horizon of at least 1"),
        ("start,weight,f\nhome,-1,1\n", None, "weight ≥ 0"),
        ("goal,f\nhome,1\n", None, "no column 'start'"),
    ],
)
def test_bad_feature_counts_are_named(tmp_path, mdp, text, features, message):
    with pytest.raises(InvalidInput, match=message):
        read_feature_counts_csv(write(tmp_path, text), mdp, features)
