import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maxentrl.mdp.world import GridGeometry
from maxentrl.plots.scene import (
    DemonstrationPicture,
    RewardPicture,
    Scale,
    Scene,
    VisitPicture,
    demonstration_map,
    nice_length,
    reward_map,
    visit_map,
)
from maxentrl.status import InvalidInput, MissingExtra

CELLS = np.array([[0, 1, 2, 3], [4, -1, -1, 5], [6, 7, 8, 9]])
GEOMETRY = GridGeometry(CELLS, cell_size=2.0, origin=(10.0, 20.0))
PLACE = GEOMETRY.position
IMAGE = np.random.default_rng(0).integers(0, 255, (30, 40, 3)).astype(np.uint8)


def labels(ax):
    return {artist.get_label() for artist in [*ax.lines, *ax.collections, *ax.images]}


def image(ax, label):
    return next(drawn for drawn in ax.images if drawn.get_label() == label)


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.fixture
def visits():
    return VisitPicture(
        Scene(GEOMETRY, IMAGE),
        visits=np.array([1.0, 0.5, 0.25, 0.1, 0.0, 0.1, 0.0, 0.0, 0.0, 0.01]),
        observed=PLACE[[6, 4, 0]],
        future=PLACE[[1, 2, 3]],
        goals=np.array([3, 9]),
        goal_probability=np.array([0.995, 0.005]),
        goal_labels=("gate", "steps"),
        true_goal=3,
    )


@pytest.mark.parametrize("scale", list(Scale))
@pytest.mark.parametrize("ground", [None, IMAGE, IMAGE[..., 0], IMAGE / 255.0])
def test_visit_map_shows_visits_paths_and_goals(visits, scale, ground):
    picture = VisitPicture(**{**vars(visits), "scale": scale, "scene": Scene(GEOMETRY, ground)})
    ax = visit_map(picture)
    assert {"visits", "scene", "observed", "what then happened", "goals", "true goal", "now"} <= labels(ax)
    assert texts(ax) == ["gate  100 %", "1 m"]  # an improbable goal keeps its ring but not its name
    assert ax.get_title(loc="left") == visits.title
    FigureCanvasAgg(ax.figure).draw()


def test_visits_lie_where_they_belong_and_nothing_is_drawn_where_there_are_none(visits):
    drawn = image(visit_map(visits), "visits")
    assert drawn.get_extent() == [10.0, 18.0, 26.0, 20.0]
    array = drawn.get_array()
    assert array[0, 0] == 1.0
    assert array[1, 3] == 0.1
    assert array.mask.tolist() == [[False] * 4, [True, True, True, False], [True, True, True, False]]


def test_paths_are_drawn_in_metres_and_joined_at_the_present(visits):
    ax = visit_map(visits)
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_allclose(lines["observed"], [[11, 25], [11, 23], [11, 21]])
    np.testing.assert_allclose(lines["what then happened"][0], [11, 21])


def test_one_crowded_cell_does_not_pale_the_rest():
    geometry = GridGeometry(np.arange(400).reshape(20, 20))
    visits = np.full(400, 0.1)
    visits[0] = 50.0
    assert image(visit_map(VisitPicture(Scene(geometry), visits)), "visits").norm.vmax < 1.0


@pytest.mark.parametrize("wrong", [np.zeros(10), np.full(10, -1.0), np.full(10, np.inf)])
def test_impossible_visits_are_refused(wrong):
    with pytest.raises(InvalidInput, match="visits must be finite"):
        visit_map(VisitPicture(Scene(GEOMETRY), wrong))


def test_reward_map_leaves_walls_and_forbidden_states_blank():
    reward = np.arange(10.0)
    reward[4] = -np.inf
    ax = reward_map(RewardPicture(Scene(GEOMETRY), reward))
    array = image(ax, "reward").get_array()
    assert array.mask.sum() == 3
    assert array[2, 3] == 9.0
    assert array.min() == 0.0


def test_demonstration_map_counts_walks_and_marks_their_ends():
    ax = demonstration_map(DemonstrationPicture(Scene(GEOMETRY), (PLACE[[0, 1, 2]], PLACE[[6, 7]]), (PLACE[[9, 5]],)))
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["learnt from (2)", "held out (1)", "start", "end"]
    starts = [c.get_offsets() for c in ax.collections if len(c.get_offsets()) == 2]
    np.testing.assert_allclose(starts[0], PLACE[[0, 6]])


def test_given_axes_are_drawn_on_and_pyplot_is_left_alone(visits):
    before = {name for name in sys.modules if name.startswith("matplotlib.pyplot")}
    ax = Figure().add_subplot()
    assert visit_map(visits, ax=ax) is ax
    assert {name for name in sys.modules if name.startswith("matplotlib.pyplot")} == before


@pytest.mark.parametrize(
    ("most", "length"), [(6.4, 5.0), (5.0, 5.0), (4.9, 2.0), (1.0, 1.0), (0.7, 0.5), (130.0, 100.0)]
)
def test_scale_bars_have_round_lengths(most, length):
    assert nice_length(most) == pytest.approx(length)


def test_a_missing_matplotlib_is_named_with_its_cure(visits, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"maxentrl\[report\]"):
        visit_map(visits)
