import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from maxentrl.mdp.world import GridGeometry
from maxentrl.plots.ground import Scene
from maxentrl.plots.reward_map import (
    DisagreementPicture,
    RewardPicture,
    disagreement_map,
    reward_map,
    reward_of_states,
)
from maxentrl.status import InvalidInput

SCENE = Scene(GridGeometry(np.arange(6).reshape(2, 3)))


def drawn(ax, label):
    return next(one for one in ax.images if one.get_label() == label)


def test_the_reward_of_a_state_is_the_mean_over_its_available_moves_in_nats():
    pair = np.array([[1.0, 2.0, -np.inf, 5.0], [3.0, -np.inf, 1.0, 7.0]])
    available = np.array([[True, True, True, False], [True, False, True, False]])
    np.testing.assert_array_equal(reward_of_states(pair, available), [2.0, 2.0, np.nan, np.nan])
    np.testing.assert_array_equal(reward_of_states(pair, available, temperature=0.5)[:2], [4.0, 4.0])
    steps = np.stack([pair, pair + 2])
    np.testing.assert_array_equal(reward_of_states(steps, available)[:2], [3.0, 3.0])
    with pytest.raises(InvalidInput, match="has shape"):
        reward_of_states(pair[:, :3], available)
    with pytest.raises(InvalidInput, match="temperature = 0"):
        reward_of_states(pair, available, temperature=0.0)


def test_one_sign_has_a_scale_of_lightness_and_two_signs_have_two_colours():
    one = drawn(reward_map(RewardPicture(SCENE, -np.arange(1.0, 7.0))), "reward")
    assert one.get_cmap().name == "viridis"
    ax = reward_map(RewardPicture(SCENE, np.array([-1.0, 0.0, 1.0, 3.0, np.nan, np.nan])))
    two = drawn(ax, "reward")
    assert two.get_cmap().name == "PuOr"
    assert two.norm.vmin == -two.norm.vmax
    assert two.get_array().mask.sum() == 2
    FigureCanvasAgg(ax.figure).draw()
    flat = reward_map(RewardPicture(SCENE, np.full(6, -2.0)))
    FigureCanvasAgg(flat.figure).draw()
    with pytest.raises(InvalidInput, match="no cell has a finite reward"):
        reward_map(RewardPicture(SCENE, np.full(6, np.nan)))


def test_disagreement_is_drawn_in_percent_from_zero():
    ax = disagreement_map(DisagreementPicture(SCENE, np.array([0.0, 0.1, 0.2, 0.3, 0.4, np.nan]), 5))
    shown = drawn(ax, "disagreement")
    assert shown.norm.vmin == 0.0
    assert shown.norm.vmax == pytest.approx(40.0, rel=0.02)
    assert shown.get_array()[0, 1] == pytest.approx(10.0)
    assert ax.get_title(loc="left") == "Where the members disagree (5 members)"
    FigureCanvasAgg(ax.figure).draw()
    agreed = disagreement_map(DisagreementPicture(SCENE, np.zeros(6), 2))
    FigureCanvasAgg(agreed.figure).draw()
    for wrong in (np.full(6, 1.5), np.full(6, np.nan), np.full(6, -0.1)):
        with pytest.raises(InvalidInput, match="shares from 0 to 1"):
            disagreement_map(DisagreementPicture(SCENE, wrong, 2))
