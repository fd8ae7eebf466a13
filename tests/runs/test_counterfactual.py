"""What if, from a specification: the same walkers in a changed world, and what is refused."""

import re

import numpy as np
import pytest

from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.mdp.time import Finite, ToGoal
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.planning.choose_solver import solve
from maxentrl.planning.problem import SoftProblem
from maxentrl.readers.spec import parse_spec
from maxentrl.runs.changes import Block, MoveLayer, Open, Rectangle, ReplaceLayer
from maxentrl.runs.counterfactual import changed_world, fingerprint, imagine, read_replacement
from maxentrl.runs.counterfactual_files import folder_of, load_counterfactuals, save_counterfactual
from maxentrl.runs.job import read_job
from maxentrl.status import InvalidInput

SPEC = """
[world]
kind = "grid"
layers = { mud = "mud.npy" }
walls = "walls.npy"
cell = 2
cell_size = 0.5
[demonstrations]
files = "walks.csv"
units = "cells"
[reward]
pair_features = ["distance"]
terminal = "none"
[time]
kind = "to-goal"
"""
THETA = np.array([-1.0, -4.0])
WALLED = (3, 4)


def write(folder, text=SPEC):
    """6 × 9 cells of two pixels, one of them a wall; four walks from the west to the east."""
    rng = np.random.default_rng(0)
    np.save(folder / "mud.npy", np.kron(rng.random((6, 9)), np.ones((2, 2))))
    walls = np.zeros((6, 9))
    walls[WALLED] = 1
    np.save(folder / "walls.npy", np.kron(walls, np.ones((2, 2))))
    rows = [f"{k},{t},{t},{row}" for k, row in enumerate((0, 2, 4, 4)) for t in range(9)]
    (folder / "walks.csv").write_text("trajectory,t,x,y\n" + "\n".join(rows) + "\n")
    return read_job(parse_spec(text, directory=folder, name="s.toml"))


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return write(tmp_path_factory.mktemp("world"))


def block(text):
    return Block(Rectangle.parse(text, "--block"))


def test_the_same_layer_again_changes_nothing_at_all(job):
    mud = job.scene.world.geometry.to_map(job.scene.world.state_features["mud"])
    found = imagine(job, THETA, [ReplaceLayer("mud", mud, "again")], samples=100)
    assert not found.result.difference.any()
    assert found.result.rerouted.mean == 0.0
    assert (found.gaining, found.losing, found.notes) == ((), (), ())
    assert found.walks == 4.0


def test_visits_are_those_of_planning_to_each_goal_in_the_changed_world(job):
    found = imagine(job, THETA, [block("2,4"), Open(Rectangle(3, 4, 3, 4))], samples=100)
    world = changed_world(job, [block("2,4"), Open(Rectangle(3, 4, 3, 4))])
    cells = world.geometry.state_of_cell
    assert cells[2, 4] == -1
    assert cells[3, 4] >= 0
    mud, distance = world.state_features["mud"], world.pair_features["distance"]
    assert mud[cells[3, 4]] in {mud[cells[near]] for near in ((2, 3), (4, 4), (3, 3), (3, 5))}
    table = reward_table(job.reward, THETA)
    pair = THETA[0] * mud + THETA[1] * distance
    total = np.zeros((6, 9))
    for row in (0, 2, 4, 4):
        problem = SoftProblem(world.mdp, type(table)(pair, np.zeros_like(mud)), type(job.time)((int(cells[row, 8]),)))
        visits = solve(problem).occupancy(int(cells[row, 0]))
        total += world.geometry.to_map(visits.state + visits.terminal, 0.0)
    np.testing.assert_allclose(found.result.after.visits, total / 4, rtol=1e-9, atol=1e-12)
    assert found.result.after.visits[2, 4] == 0.0
    assert found.losing[0].name == "cell [2, 4]"
    assert found.losing[0].after == 0.0
    assert 0 < found.result.displaced < found.result.rerouted.mean < 1
    assert "layers that were made from the walls" in found.notes[0]
    assert found.result.before.decisions == pytest.approx(found.result.before.visits.sum() - 1)


WEIGHTS = (1.0, 5.0, 0.5, 2.0)
MOVES = """moves = 4
stay = true
slip = 0.2
terminal = [[1, 4]]
[demonstrations]"""


@pytest.mark.parametrize("goals", [(), ((0, 8), (2, 8), (4, 8))])
def test_slips_stays_ends_goals_and_weights_are_those_of_the_specification(tmp_path, goals):
    """Against a plain plan in a world built by hand, for walks of different weight; time is finite where no goals are."""
    moves = MOVES.replace("[[1, 4]]", "[]") if goals else MOVES  # a dead end within reach of a slip has no value
    time = f'kind = "to-goal"\ngoals = {[list(goal) for goal in goals]}' if goals else 'kind = "finite"'
    write(tmp_path)
    np.save(tmp_path / "mud.npy", 1.0 + np.load(tmp_path / "mud.npy"))  # who stays for ever must pay for it
    rows = [f"{k},{t},{t},{row},{WEIGHTS[k]}" for k, row in enumerate((0, 2, 4, 4)) for t in range(9)]
    (tmp_path / "walks.csv").write_text("trajectory,t,x,y,weight\n" + "\n".join(rows) + "\n")
    text = SPEC.replace("[demonstrations]", moves).replace('kind = "to-goal"', time)
    theta = np.array([-2.0, -3.0])
    found = imagine(read_job(parse_spec(text, directory=tmp_path, name="s.toml")), theta, [block("0,3")], samples=100)

    walls = np.zeros((6, 9))
    walls[WALLED] = walls[0, 3] = 1
    mud = np.load(tmp_path / "mud.npy")[::2, ::2]
    ends = () if goals else ((1, 4),)
    world = grid_world({"mud": mud}, walls=walls, moves=FOUR_MOVES, stay=True, slip=0.2, cell_size=0.5, terminal=ends)
    cells, mud = world.geometry.state_of_cell, world.state_features["mud"]
    pair = theta[0] * mud + theta[1] * world.pair_features["distance"]
    kind = ToGoal(tuple(int(cells[goal]) for goal in goals)) if goals else Finite(8)
    solution = solve(SoftProblem(world.mdp, RewardTable(pair, np.zeros_like(mud)), kind))
    total = np.zeros((6, 9))
    for row, weight in zip((0, 2, 4, 4), WEIGHTS, strict=True):
        visits = solution.occupancy(int(cells[row, 0]))
        total += weight * world.geometry.to_map(visits.state + visits.terminal, 0.0)
    np.testing.assert_allclose(found.result.after.visits, total / sum(WEIGHTS), rtol=1e-8, atol=1e-11)
    assert found.walks == sum(WEIGHTS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["4,0"], "the change puts a wall on cell [4, 0], the start of 2 walks (2, 3)"),
        (["0,8"], "the change puts a wall on cell [0, 8], the end of 1 walk (0)"),
        (["0,5:5,5"], "no way leads from cell [0, 0] to cell [0, 8] after the change: 1 walk (0)"),
        (["0,7:3,7", "3,8"], "no way leads from cell [2, 0] to cell [2, 8] after the change: 1 walk (1)"),
        ([], "nothing is changed"),
    ],
)
def test_walls_that_leave_walks_no_way_are_named(job, changes, message):
    with pytest.raises(InvalidInput, match=re.escape(message)):
        imagine(job, THETA, [block(text) for text in changes])


def test_finite_walks_keep_their_lengths(tmp_path):
    job = write(tmp_path, SPEC.replace('kind = "to-goal"', 'kind = "finite"'))
    found = imagine(job, THETA, [MoveLayer("mud", 0, 2)], samples=200)
    assert found.result.before.decisions == pytest.approx(8.0)
    assert found.result.after.decisions == pytest.approx(8.0)
    assert found.result.after.visits.sum() == pytest.approx(9.0)
    assert found.result.rerouted.mean > 0.02
    shut_in = np.zeros((6, 9))
    shut_in[[0, 1, 1], [1, 1, 0]] = 1
    with pytest.raises(InvalidInput, match=re.escape("leaves no move in cell [0, 0], the start of 1 walk (0)")):
        imagine(job, THETA, [ReplaceLayer("walls", shut_in, "w.npy")])


def test_layers_from_files_may_have_a_value_a_cell_or_a_pixel(job, tmp_path):
    cells = np.arange(54.0).reshape(6, 9)
    np.save(tmp_path / "cells.npy", cells)
    np.save(tmp_path / "pixels.npy", np.kron(cells, np.ones((2, 2))))
    np.save(tmp_path / "wrong.npy", np.zeros((5, 9)))
    for name in ("cells", "pixels"):
        np.testing.assert_allclose(read_replacement(job, "mud", tmp_path / f"{name}.npy").values, cells)
    walls = read_replacement(job, "walls", tmp_path / "pixels.npy")
    assert (walls.name, walls.values.sum()) == ("walls", 53)
    with pytest.raises(InvalidInput, match=r"wrong\.npy: 'mud' has 5 x 9 pixels"):
        read_replacement(job, "mud", tmp_path / "wrong.npy")


def test_walls_that_are_no_numbers_are_refused_before_they_are_pooled(job, tmp_path):
    walls = np.zeros((12, 18))
    walls[5, 7] = np.nan
    np.save(tmp_path / "holes.npy", walls)
    with pytest.raises(InvalidInput, match=r"holes\.npy: nan at row 5, column 7 and 0 other pixels"):
        read_replacement(job, "walls", tmp_path / "holes.npy")
    cells = walls[::2, ::2] + np.where(np.arange(54).reshape(6, 9) == 3, np.inf, 0.0)
    with pytest.raises(InvalidInput, match=r"w\.npy: inf at row 0, column 3 and 0 other cells"):
        imagine(job, THETA, [ReplaceLayer("walls", cells, "w.npy")])


def test_walls_of_a_threshold_are_replaced_under_their_layers_name(tmp_path):
    job = write(tmp_path, SPEC.replace('walls = "walls.npy"', 'walls = { layer = "house", above = 0.5 }').replace(
        '{ mud = "mud.npy" }', '{ mud = "mud.npy", house = "walls.npy" }'))  # fmt: skip
    np.save(tmp_path / "house.npy", np.eye(6, 9) * 0.7)
    change = read_replacement(job, "house", tmp_path / "house.npy")
    assert change.name == "walls"
    assert (changed_world(job, [change]).geometry.state_of_cell < 0).sum() == 6
    np.save(tmp_path / "house.npy", np.where(np.eye(6, 9) > 0, np.nan, 0.0))
    with pytest.raises(InvalidInput, match=r"house\.npy: nan at row 0, column 0 and 5 other pixels"):
        read_replacement(job, "house", tmp_path / "house.npy")


def test_networks_are_taken_along(tmp_path):
    network = '[reward.network]\nkind = "convolutional"\nchannels = [2]\nkernels = [3]'
    text = SPEC.replace('terminal = "none"', f'terminal = "none"\n{network}')
    job = write(tmp_path, text)
    theta = np.concatenate([[-3.0], 0.2 * np.random.default_rng(1).normal(size=len(job.reward.names) - 1)])
    assert job.reward.names[0] == "distance"
    found = imagine(job, theta, [block("2,4")], samples=100)
    assert found.result.displaced > 0.01
    assert found.weights == fingerprint(theta)


def test_what_is_kept_is_read_again_and_damage_is_named(job, tmp_path):
    found = imagine(job, THETA, [block("2,4")], scene="park", samples=100, seed=3)
    save_counterfactual(folder_of(tmp_path, "closed"), found, b"png")
    (again,) = load_counterfactuals(tmp_path).values()
    assert again.as_data() == found.as_data()
    np.testing.assert_array_equal(again.result.difference, found.result.difference)
    np.testing.assert_array_equal(again.walls_after, found.walls_after)
    assert folder_of(tmp_path, "closed").name == "closed"  # may be replaced
    for name in ("..", ".", "a/b", "/tmp"):
        with pytest.raises(InvalidInput, match="--out"):
            folder_of(tmp_path, name)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("x")
    with pytest.raises(InvalidInput, match="holds other files"):
        folder_of(tmp_path, "other")
    maps = tmp_path / "closed" / "counterfactual.npz"
    maps.write_bytes(maps.read_bytes()[:200])
    with pytest.raises(InvalidInput, match=r"counterfactual\.json: damaged"):
        load_counterfactuals(tmp_path)


def test_worlds_without_a_map_are_refused(tmp_path):
    (tmp_path / "moves.csv").write_text("state,action,next_state,probability\na,go,b,1\nb,go,a,1\n")
    text = '[world]\nkind = "table"\ntransitions = "moves.csv"\n[reward]\nconstant = true\n[time]\nkind = "finite"\n'
    job = read_job(parse_spec(text, directory=tmp_path, name="t.toml"))
    with pytest.raises(InvalidInput, match='kind = "table": only maps'):
        imagine(job, np.zeros(1), [block("0,0")])
