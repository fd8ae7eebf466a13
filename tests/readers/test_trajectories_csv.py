"""Demonstrations as states and actions: there and back, in any order, and every mistake by name."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from maxentrl.demos.report import DropTrajectory, MendNearest
from maxentrl.demos.trajectories import UNKNOWN, Trajectories
from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.mdp.table import table_world
from maxentrl.readers.trajectories import read_trajectories_csv, write_trajectories_csv
from maxentrl.status import InvalidInput, MaxentrlError


def write(folder, text, name="walks.csv"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def world():
    return table_world(
        ["door", "door", "hall", "hall", "garden"],
        ["in", "out", "in", "out", "out"],
        ["hall", "garden", "door", "garden", "door"],
        [1.0] * 5,
    )


@pytest.fixture(scope="module")
def lottery():
    return table_world(["a", "a", "b"], ["play"] * 3, ["a", "b", "b"], [0.5, 0.5, 1.0])


HEADER = "trajectory,step,state,action\n"


def test_one_row_a_state(tmp_path, world):
    path = write(tmp_path, HEADER + "w,0,door,in\nw,1,hall,out\nw,2,garden,\nv,0,hall,in\nv,1,door,\n", "my walks.csv")
    walks, report = read_trajectories_csv(path, world)
    assert walks.names == ("w", "v")
    assert walks.states_of(0).tolist() == [0, 1, 2]
    assert [world.mdp.action_names[a] for a in walks.actions] == ["in", "out", "in"]
    assert walks.weights.tolist() == [1.0, 1.0]
    assert walks.split == ("train", "train")
    assert (report.used, report.dropped, report.warnings) == (2, (), ())


def test_columns_about_the_whole_walk(tmp_path, world):
    text = (
        "trajectory,step,state,action,weight,goal,split,censored\n"
        "w,0,door,in,2.5,garden,test,yes\nw,1,hall,,,,,\nv,0,hall,in,,,,no\nv,1,door,,,,,\n"
    )
    walks, _ = read_trajectories_csv(write(tmp_path, text), world)
    assert walks.weights.tolist() == [2.5, 1.0]
    assert walks.goals.tolist() == [2, UNKNOWN]
    assert walks.split == ("test", "train")
    assert walks.censored.tolist() == [True, False]


def test_rows_in_any_order_give_the_same_walks(tmp_path, world):
    lines = ["w,3,door,in", "w,4,hall,out", "w,5,garden,", "v,0,hall,in", "v,1,door,"]
    straight, _ = read_trajectories_csv(write(tmp_path, HEADER + "\n".join(lines)), world)
    shuffled, report = read_trajectories_csv(
        write(tmp_path, HEADER + "\n".join(lines[k] for k in (2, 4, 0, 3, 1))), world
    )
    assert shuffled.states.tolist() == straight.states.tolist()
    assert shuffled.actions.tolist() == straight.actions.tolist()
    backwards, report = read_trajectories_csv(write(tmp_path, HEADER + "\n".join(lines[::-1])), world)
    assert backwards.names == ("v", "w")
    assert "out of order" in report.warnings[0]


def test_missing_actions_are_inferred_where_one_explains_the_move(tmp_path, world):
    walks, _ = read_trajectories_csv(write(tmp_path, "trajectory,step,state\nw,0,door\nw,1,hall\nw,2,garden\n"), world)
    assert [world.mdp.action_names[a] for a in walks.actions] == ["in", "out"]


def test_a_last_action_leads_on_only_where_it_is_certain(tmp_path, world, lottery):
    walks, report = read_trajectories_csv(write(tmp_path, HEADER + "w,0,door,in\nw,1,hall,out\n"), world)
    assert walks.states_of(0).tolist() == [0, 1, 2]
    assert "the state that it leads to was added" in report.warnings[0]
    walks, report = read_trajectories_csv(write(tmp_path, HEADER + "w,0,a,play\nw,1,a,play\n"), lottery)
    assert walks.states_of(0).tolist() == [0, 0]
    assert "whose next state is not known" in report.warnings[0]


def test_numbers_may_stand_for_actions_and_states(tmp_path):
    grid = grid_world({"a": np.zeros((1, 3))}, moves=FOUR_MOVES)
    walks, _ = read_trajectories_csv(write(tmp_path, HEADER + "w,0,0,1\nw,1,1.0,right\nw,2,2,\n"), grid)
    assert walks.states.tolist() == [0, 1, 2]
    assert walks.actions.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("w,0,dor,in\n", "row 2, column state: 'dor': there is no state of this name; did you mean 'door'"),
        ("w,0,door,inn\n", "row 2, column action: 'inn'.*did you mean 'in'"),
        ("w,0,door,in\nw,zero,hall,\n", "row 3, column step: 'zero'"),
        ("w,0,door,in\nw,1.5,hall,\n", "row 3, column step: '1.5': expected a whole number"),
        ("w,0,door,in\nw,2,hall,\n", "trajectory w: step 0 is followed by step 2"),
        ("w,0,door,in\nw,0,door,in\nw,1,hall,\n", "trajectory w: step 0 is there twice"),
        ("w,0,door,in\nw,0,hall,in\nw,1,hall,\n", "trajectory w: step 0 is there twice"),
        ("w,0,door,out\nw,1,hall,\n", "trajectory w: step 0: action out cannot be chosen or never leads"),
        ("w,0,,in\n", "row 2, column state: ''"),
    ],
)
def test_mistakes_are_refused_by_name(tmp_path, world, rows, message):
    with pytest.raises(InvalidInput, match=message):
        read_trajectories_csv(write(tmp_path, HEADER + rows), world)


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ("weight", ("-1", ""), "expected a weight ≥ 0"),
        ("weight", ("inf", ""), "expected a finite number"),
        ("weight", ("1", "2"), "column weight has two values, the second in row 3"),
        ("goal", ("gardn", ""), "did you mean 'garden'"),
        ("goal", ("garden", "door"), "column goal has two values"),
        ("split", ("train", "test"), "column split has two values"),
        ("censored", ("perhaps", ""), "expected true or false"),
        ("wieght", ("1", "1"), "unknown column 'wieght'; did you mean 'weight'"),
    ],
)
def test_mistakes_about_the_whole_walk(tmp_path, world, column, cells, message):
    text = f"trajectory,step,state,action,{column}\nw,0,door,in,{cells[0]}\nw,1,hall,,{cells[1]}\n"
    with pytest.raises(InvalidInput, match=message):
        read_trajectories_csv(write(tmp_path, text), world)


BAD = (
    HEADER + "good,0,door,in\ngood,1,hall,\ngap,0,door,in\ngap,2,door,\ntwice,0,hall,in\n"
    "twice,0,hall,in\ntwice,1,door,\njump,0,garden,\njump,1,hall,\n"
)


def test_wrong_walks_are_dropped_and_named(tmp_path, world):
    walks, report = read_trajectories_csv(write(tmp_path, BAD), world, impossible=DropTrajectory())
    assert walks.names == ("good",)
    assert [name for name, _ in report.dropped] == ["gap", "twice", "jump"]
    assert report.used == 1


def test_wrong_walks_are_mended_and_named(tmp_path, world):
    walks, report = read_trajectories_csv(write(tmp_path, BAD), world, impossible=MendNearest())
    assert walks.names == ("good", "gap", "twice", "jump")
    assert walks.states_of(2).tolist() == [1, 0]
    assert walks.states_of(3).tolist() == [2, 0, 1]
    assert "1 rows that repeat another were left out" in report.warnings[0]
    assert report.used == 4


def test_none_left(tmp_path, world):
    with pytest.raises(InvalidInput, match="no trajectory is left"):
        read_trajectories_csv(write(tmp_path, HEADER + "w,0,door,in\nw,5,hall,\n"), world, impossible=DropTrajectory())


def test_neither_form(tmp_path, world):
    with pytest.raises(InvalidInput, match="no column 'state'"):
        read_trajectories_csv(write(tmp_path, "trajectory,step,place\nw,0,door\n"), world)
    with pytest.raises(InvalidInput, match="need a world with a map"):
        read_trajectories_csv(write(tmp_path, "trajectory,t,x,y\nw,0,1,1\n"), world)


names = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=6)


@settings(max_examples=60)
@given(st.data())
def test_what_is_written_is_read_back(tmp_path, data):
    grid = grid_world({"a": np.zeros((3, 3))}, slip=data.draw(st.sampled_from([0.0, 0.3])))
    walks = data.draw(st.lists(st.lists(st.integers(0, 7), max_size=5), min_size=1, max_size=4))
    states, actions = [], []
    for moves in walks:
        at, seen, made = data.draw(st.integers(0, 8)), [], []
        for move in moves:
            if grid.mdp.available[move, at]:
                seen.append(at)
                made.append(move)
                following = np.flatnonzero(grid.mdp.transitions.as_dense()[move, at])
                at = int(data.draw(st.sampled_from(following.tolist())))
        states.append([*seen, at])
        actions.append(made)
    count = len(walks)
    written = Trajectories.of(
        states,
        actions,
        weights=data.draw(st.lists(st.floats(0, 1e6), min_size=count, max_size=count)),
        goals=data.draw(st.lists(st.integers(-1, 8), min_size=count, max_size=count)),
        censored=data.draw(st.lists(st.booleans(), min_size=count, max_size=count)),
        names=data.draw(st.lists(names, min_size=count, max_size=count, unique=True)),
        split=data.draw(st.lists(names, min_size=count, max_size=count)),
    )
    path = tmp_path / "walks.csv"
    write_trajectories_csv(path, written, grid.mdp)
    found, report = read_trajectories_csv(path, grid)
    for field in ("states", "actions", "lengths", "weights", "goals", "censored"):
        np.testing.assert_array_equal(getattr(found, field), getattr(written, field))
    assert (found.names, found.split) == (written.names, written.split)
    assert not report.warnings


@settings(max_examples=100)
@given(
    st.lists(
        st.sampled_from(
            [
                "w,0,door,in",
                "w,1,hall,",
                "v,0,hall,out",
                "v,1,garden,",
                "w,1,door,x",
                ",,,",
                "w",
                "u,0,hall,",
                "w,2,garden,out",
            ]
        ),
        max_size=6,
    )
)
def test_any_rows_give_walks_or_a_named_error(tmp_path, world, rows):
    path = write(tmp_path, HEADER + "\n".join(rows))
    try:
        walks, _ = read_trajectories_csv(path, world, impossible=DropTrajectory())
    except MaxentrlError:
        return
    assert np.isfinite(walks.weights).all()
    assert ((walks.states >= 0) & (walks.states < 3)).all()


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, world):
    walks = Trajectories.of([[0, 1]], [[0]])
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_trajectories_csv(tmp_path / "nowhere" / "w.csv", walks, world.mdp)
    folder = tmp_path / "taken.csv"
    folder.mkdir()
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_trajectories_csv(folder, walks, world.mdp)
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken.csv"]


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_many_rows(tmp_path, count):
    """Up to a million rows, of which one in the middle is a mistake that is found."""
    grid = grid_world({"a": np.zeros((1, 100))}, moves=FOUR_MOVES)
    lines = [f"w{k},{i},{i},{'right' if i < 99 else ''}\n" for k in range(count) for i in range(100)]
    walks, _ = read_trajectories_csv(write(tmp_path, HEADER + "".join(lines)), grid)
    assert (len(walks), walks.lengths.sum()) == (count, 99 * count)
    middle = 50 * count + 7
    lines[middle] = lines[middle].replace(",7,7,", ",7,777,")
    with pytest.raises(InvalidInput, match=f"row {middle + 2}.*777"):
        read_trajectories_csv(write(tmp_path, HEADER + "".join(lines)), grid)
