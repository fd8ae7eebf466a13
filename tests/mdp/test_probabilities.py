"""What is no probability is refused where arrays come in."""

import numpy as np
import pytest

from maxentrl.mdp.transitions import from_dense, from_outcomes
from maxentrl.status import InvalidInput

RIGHT = np.random.default_rng(0).dirichlet(np.ones(4), size=(2, 4))


@pytest.mark.parametrize("wrong", [RIGHT * 1.1, RIGHT * 0.5, np.eye(4)[None] * 0.5, np.full((2, 4, 4), 0.3)])
def test_rows_that_do_not_sum_to_one(wrong):
    with pytest.raises(InvalidInput, match=r"state 0, action 0: probabilities sum to .*, expected 1"):
        from_dense(wrong)


def test_negative_and_missing_numbers():
    for bad in (-0.1, np.nan, np.inf):
        wrong = RIGHT.copy()
        wrong[1, 2, 3] = bad
        with pytest.raises(InvalidInput, match="state 2, action 1: probability"):
            from_dense(wrong)


def test_axes_in_another_order():
    with pytest.raises(InvalidInput, match="action first"):
        from_dense(np.moveaxis(RIGHT, 0, 1))


def test_unavailable_pairs_are_rows_of_zeros():
    dense = RIGHT.copy()
    dense[1, 2] = 0.0
    transitions = from_dense(dense)
    assert not transitions.available[1, 2]
    np.testing.assert_allclose(transitions.as_dense(), dense)


def test_listed_outcomes_add_up():
    half = np.array([0.5, 0.5])
    zeros = np.zeros(2, int)
    made = from_outcomes(zeros, zeros, zeros, half, n_states=1, n_actions=1)
    assert made.as_dense()[0, 0, 0] == 1.0
