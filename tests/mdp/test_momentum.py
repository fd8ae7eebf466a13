"""Worlds of walkers with momentum against a plain reading of their rules, one cell, displacement and change at a time."""

import numpy as np
import pytest

from maxentrl.mdp.checks import check_mdp
from maxentrl.mdp.momentum import change_features, disc, momentum_world
from maxentrl.mdp.world import GridGeometry
from maxentrl.status import InvalidInput

WALLS = np.zeros((4, 5), bool)
WALLS[1, 2] = WALLS[3, 0] = True
HEIGHT = np.arange(20.0).reshape(4, 5)


def small():
    return momentum_world({"height": HEIGHT}, cell_size=0.5, reach=1.0, change=0.75, walls=WALLS, origin=(10.0, 20.0))


def test_a_disc_holds_the_offsets_that_are_no_longer_shortest_first():
    assert disc(1.0).tolist() == [[0, 0], [-1, 0], [0, -1], [0, 1], [1, 0]]
    for radius in (1.0, 1.5, 2.0, 3.7):
        found = {tuple(one) for one in disc(radius).tolist()}
        assert found == {(r, c) for r in range(-9, 10) for c in range(-9, 10) if np.hypot(r, c) <= radius}


def test_transitions_follow_the_rules():
    """cell′ = cell + d′ with d′ = d + a, available where d′ is within reach and cell′ is open; who cannot go on stops."""
    momentum = small()
    cells = [(r, c) for r in range(4) for c in range(5) if not WALLS[r, c]]
    displacements = [tuple(d) for d in momentum.displacements.tolist()]
    assert momentum.n_cells == len(cells) == 18
    assert len(displacements) == 13
    assert len(momentum.changes) == 9
    available, successor, stops = momentum.transitions.available, momentum.transitions.successor, 0
    for d, before in enumerate(displacements):
        for c, cell in enumerate(cells):
            state, leads = d * len(cells) + c, {}
            for a, change in enumerate(momentum.changes.tolist()):
                after = (before[0] + change[0], before[1] + change[1])
                end = (cell[0] + after[0], cell[1] + after[1])
                if after in displacements and end in cells:
                    leads[a] = displacements.index(after) * len(cells) + cells.index(end)
            stops += not leads
            leads = leads or {momentum.changes.tolist().index([0, 0]): displacements.index((0, 0)) * len(cells) + c}
            assert {a: successor[a, state] for a in np.flatnonzero(available[:, state])} == leads
    assert stops > 0
    check_mdp(momentum.world.mdp)


def test_several_states_share_a_cell():
    momentum = small()
    geometry = momentum.geometry
    states = momentum.world.mdp.n_states
    assert geometry.states_per_cell == 13
    np.testing.assert_array_equal(geometry.cell_of_state[18 * 4 + 3], [0, 3])
    np.testing.assert_allclose(geometry.position[18 * 4 + 3], [10 + 3.5 * 0.5, 20 + 0.5 * 0.5])
    np.testing.assert_array_equal(momentum.world.state_features["height"][-18:], HEIGHT[~WALLS])
    visits = np.random.default_rng(0).random(states)
    laid = geometry.to_map(visits, -1.0)
    assert laid[0, 3] == pytest.approx(sum(visits[d * 18 + 3] for d in range(13)))
    assert laid[1, 2] == -1.0
    assert laid[~WALLS].sum() == pytest.approx(visits.sum())
    np.testing.assert_allclose(geometry.mean_map(momentum.world.state_features["height"], 0.0)[~WALLS], HEIGHT[~WALLS])
    by_step = geometry.by_cell(np.stack([visits, 2 * visits]))
    np.testing.assert_allclose(by_step[1], 2 * laid[~WALLS])


def test_one_state_a_cell_is_laid_out_as_it_is():
    geometry = GridGeometry(np.array([[0, -1], [1, 2]]))
    np.testing.assert_array_equal(geometry.to_map(np.array([5.0, 6.0, 7.0]), -1.0), [[5, -1], [6, 7]])
    np.testing.assert_array_equal(geometry.mean_map(np.array([5.0, 6.0, 7.0]), -1.0), [[5, -1], [6, 7]])
    assert geometry.cell_of_state.tolist() == [[0, 0], [1, 0], [1, 1]]


def test_features_of_changes_as_complex_numbers():
    """The same lengths and angles by complex arithmetic, one pair at a time."""
    displacements, changes = disc(2.0), disc(1.5)
    found = change_features(displacements, changes, 0.4)
    for d, (down, right) in enumerate(displacements.tolist()):
        for a, (more_down, more_right) in enumerate(changes.tolist()):
            before, change = 0.4 * complex(right, down), 0.4 * complex(more_right, more_down)
            after, speed = before + change, abs(before)
            across = abs((change * before.conjugate()).imag)
            expected = {
                "steady": float(change == 0),
                "change": abs(change),
                "change_log": np.log(1 + (abs(change) / 0.4) ** 2),
                "across": across / speed if speed else 0.0,
                "faster": abs(after) - speed,
                "speed": abs(after),
                "resting": float((down + more_down, right + more_right) == (0, 0)),
                "rests_on": float(before == 0 and change == 0),
                "steady_by_speed": speed * (change == 0),
                "change_by_speed": speed * abs(change),
                "across_by_speed": across,
                "change_from_rest": abs(change) * (before == 0),
            }
            assert {name: column[a, d] for name, column in found.items()} == pytest.approx(expected, abs=1e-12)


def test_numbers_of_displacements_and_changes():
    momentum = small()
    wanted = np.array([[0, 1], [2, 0], [5, 0], [0, 1]])
    number = momentum.displacement_number(wanted)
    np.testing.assert_array_equal(momentum.displacements[number], [[0, 1], [2, 0], [2, 0], [0, 1]])
    assert momentum.change_number(np.array([[1, 1], [2, 0]])).tolist()[1] == -1
    np.testing.assert_array_equal(momentum.changes[momentum.change_number(np.array([[1, 1]]))], [[1, 1]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cell_size": 0.0}, "cell_size = 0.0: expected metres, above 0"),
        ({"reach": 0.2}, "reach = 0.2 is shorter than a cell of 0.5"),
        ({"change": np.nan}, "change = nan: expected metres"),
        ({"walls": np.ones((4, 5))}, "no open cell"),
        ({"walls": np.ones((4, 4))}, "layers differ in size"),
        ({"layers": {"height": np.full((4, 5), np.nan)}}, "layer 'height' is nan at row 0, column 0"),
        ({"cell_size": 0.001}, "use larger cells"),
    ],
)
def test_mistakes_are_named(change, words):
    given = {"layers": {"height": HEIGHT}, "cell_size": 0.5, "reach": 1.0, "change": 0.5, **change}
    with pytest.raises(InvalidInput, match=words):
        momentum_world(given.pop("layers"), **given)
