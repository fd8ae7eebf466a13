import numpy as np
import pytest

from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.status import InvalidInput

NAMES = ("grass", "road", "step", "shade")


def test_ties_and_fixed_values_make_the_affine_map():
    space = ParameterSpace.of(NAMES, fixed={"step": -1.5}, tied=[("grass", "shade")], bounds={"shade": (0.0, None)})
    assert space.free_names == ("grass = shade", "road")
    np.testing.assert_array_equal(space.parameters(np.array([2.0, 3.0])), [2.0, 3.0, -1.5, 2.0])
    np.testing.assert_array_equal(space.lower, [0.0, -np.inf])
    np.testing.assert_array_equal(space.fixed, [False, False, True, False])
    np.testing.assert_array_equal(space.pull_back(np.array([1.0, 10.0, 100.0, 1000.0])), [1001.0, 10.0])
    np.testing.assert_array_equal(space.free_of(np.array([2.0, 3.0, 9.0, 2.0])), [2.0, 3.0])


def test_ties_join_and_a_fixed_member_fixes_all():
    space = ParameterSpace.of(NAMES, tied=[("grass", "road"), ("road", "step")], fixed={"step": 4.0})
    assert space.free_names == ("shade",)
    np.testing.assert_array_equal(space.parameters(np.array([1.0])), [4.0, 4.0, 4.0, 1.0])


def test_start_is_zero_inside_the_bounds():
    space = ParameterSpace.of(NAMES, bounds={"road": (1.0, 2.0), "step": (None, -3.0)}, start={"grass": 7.0})
    np.testing.assert_array_equal(space.start, [7.0, 1.0, -3.0, 0.0])


def test_projection_drops_what_pushes_out():
    space = ParameterSpace.of(NAMES, bounds=dict.fromkeys(NAMES, (0.0, 1.0)))
    free, gradient = np.array([0.0, 0.0, 1.0, 0.5]), np.array([-1.0, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(space.projected(free, gradient), [0.0, 1.0, 0.0, 1.0])
    np.testing.assert_array_equal(space.at_bound(free), [True, True, True, False])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"bounds": {"gras": (0.0, 1.0)}}, "did you mean 'grass'"),
        ({"fixed": {"shadow": 1.0}}, "did you mean 'shade'"),
        ({"tied": [("xyzzy", "road")]}, "the parameters are grass, road"),
        ({"bounds": {"road": (2.0, 1.0)}}, "cross"),
        ({"bounds": {"road": (1.0, 1.0)}}, "fixed"),
        ({"fixed": {"road": float("nan")}}, "finite"),
        ({"fixed": {"road": 1.0, "grass": 2.0}, "tied": [("road", "grass")]}, "different values"),
        ({"fixed": {"road": 5.0}, "bounds": {"road": (0.0, 1.0)}}, "outside its bounds"),
        ({"bounds": {"road": (0.0, 1.0), "grass": (2.0, 3.0)}, "tied": [("road", "grass")]}, "exclude each other"),
        ({"fixed": dict.fromkeys(NAMES, 0.0)}, "every parameter is fixed"),
    ],
)
def test_mistakes_are_named(arguments, words):
    with pytest.raises(InvalidInput, match=words):
        ParameterSpace.of(NAMES, **arguments)


def test_every_mistake_at_once():
    with pytest.raises(InvalidInput) as caught:
        ParameterSpace.of(NAMES, bounds={"gras": (0.0, 1.0), "road": (2.0, 1.0)}, fixed={"shad": 1.0})
    assert len(caught.value.problems) == 3


def test_prior_is_a_gaussian():
    prior = GaussianPrior.of(NAMES, scale={"grass": 2.0, "step": 0.5}, mean={"grass": 1.0})
    theta = np.array([3.0, 100.0, 1.0, -50.0])
    assert prior.log_density(theta) == pytest.approx(-0.5 * (1.0 + 4.0))
    np.testing.assert_allclose(prior.gradient(theta), [-0.5, 0.0, -4.0, 0.0])
    with pytest.raises(InvalidInput, match="expected a number > 0"):
        GaussianPrior.of(NAMES, scale=0.0)
    with pytest.raises(InvalidInput, match="did you mean 'grass'"):
        GaussianPrior.of(NAMES, scale={"gras": 1.0})
