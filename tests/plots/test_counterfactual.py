import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from maxentrl.mdp.world import GridGeometry
from maxentrl.plots.counterfactual import CounterfactualPicture, counterfactual_maps, difference_map
from maxentrl.plots.ground import Scene
from maxentrl.status import InvalidInput

CELLS = np.array([[0, 1, 2, 3], [4, -1, -1, 5], [6, 7, 8, 9]])
GEOMETRY = GridGeometry(CELLS, cell_size=2.0, origin=(10.0, 20.0))
WALLS = np.array([[0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]], bool)


@pytest.fixture
def picture():
    before = np.where(CELLS >= 0, 0.5, 0.0)
    after = np.where(WALLS, 0.0, 0.5)
    after[2, 3] = 0.75
    return CounterfactualPicture(Scene(GEOMETRY), before, after, WALLS, changed="a wall on the way")


def image(ax, label):
    return next(drawn for drawn in ax.images if drawn.get_label() == label)


def test_before_and_after_share_a_scale_and_the_difference_is_signed(picture):
    before, after, difference = counterfactual_maps(picture)
    titles = [ax.get_title(loc="left") for ax in (before, after, difference)]
    assert titles == ["As it is", "After the change", "Difference"]
    norms = [image(ax, "visits").norm for ax in (before, after)]
    assert norms[0].vmax == norms[1].vmax
    change = image(difference, "difference").get_array()
    assert change[0, 1] == -0.5
    assert change[1, 2] == 0.5
    assert change[0, 0] == 0.0
    norm = image(difference, "difference").norm
    assert norm(0.0) == pytest.approx(0.5)
    assert norm(0.1) + norm(-0.1) == pytest.approx(1.0)
    assert before.figure.get_suptitle() == "a wall on the way"
    FigureCanvasAgg(before.figure).draw()


def test_new_walls_are_dark_and_lost_ones_pale_and_outlined(picture):
    _, after, _ = counterfactual_maps(picture)
    paint = image(after, "changed cells").get_array()
    assert paint[0, 1, :3].max() < 0.3
    assert paint[1, 2, :3].min() > 0.9
    assert paint[..., 3].sum() == 2
    edges = [line for line in after.lines if line.get_color() == "#2b2f36"]
    assert len(edges) == 8  # four sides each
    xs = np.concatenate([line.get_xdata() for line in edges])
    assert (xs.min(), xs.max()) == (12.0, 16.0)


def test_given_axes_are_drawn_on_and_no_difference_can_be_drawn(picture):
    ax = Figure().add_subplot()
    same = CounterfactualPicture(Scene(GEOMETRY), picture.before, picture.before, GEOMETRY.state_of_cell < 0)
    assert difference_map(same, ax=ax) is ax
    assert not image(ax, "difference").get_array().any()
    FigureCanvasAgg(ax.figure).draw()


def test_maps_that_do_not_fit_are_refused(picture):
    with pytest.raises(InvalidInput, match="expected one shape"):
        CounterfactualPicture(picture.scene, picture.before[:2], picture.after, WALLS)
    with pytest.raises(InvalidInput, match="must not be negative"):
        CounterfactualPicture(picture.scene, picture.before - 1, picture.after, WALLS)
