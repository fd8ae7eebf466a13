import numpy as np
import pytest

from maxentrl.mdp.table import table_world
from maxentrl.mdp.transitions import DeterministicTransitions
from maxentrl.status import InvalidInput


def test_names_keep_their_order_of_appearance():
    world = table_world(["home", "home"], ["walk", "walk"], ["work", "home"], [0.75, 0.25], terminal=["work"])
    assert world.mdp.state_names == ("home", "work")
    assert world.mdp.action_names == ("walk",)
    np.testing.assert_array_equal(world.mdp.transitions.as_dense(), [[[0.25, 0.75], [0, 0]]])
    assert world.mdp.terminal.tolist() == [False, True]


def test_whole_numbers_are_sorted_and_need_no_names():
    world = table_world(["10", "2", "1", "0"], ["0"] * 4, ["0", "10", "2", "1"], [1.0] * 4)
    assert world.mdp.state_names == ("0", "1", "2", "10")
    plain = table_world(np.array([1, 0]), np.array([0, 0]), np.array([0, 1]), np.ones(2))
    assert plain.mdp.state_names is None
    assert isinstance(plain.mdp.transitions, DeterministicTransitions)


def test_given_names_fix_the_order_of_features():
    world = table_world(
        ["b", "a"], ["x", "x"], ["a", "b"], [1, 1], state_names=["a", "b"], state_features={"f": np.array([1.0, 2.0])}
    )
    assert world.mdp.transitions.as_dense()[0, 1, 0] == 1.0
    assert world.state_features["f"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_sum_that_is_not_one_is_named_with_state_action_and_sum(deterministic):
    states, following = (["s", "t"], ["t", "s"]) if deterministic else (["s", "s", "t"], ["t", "s", "s"])
    chances = [0.9, 1.0] if deterministic else [0.5, 0.4, 1.0]
    with pytest.raises(InvalidInput, match=r"state s, action go: probabilities sum to 0\.9"):
        table_world(states, ["go"] * len(states), following, chances)


def test_every_problem_is_listed_at_once():
    with pytest.raises(InvalidInput) as caught:
        table_world(["s", "s"], ["a", "b"], ["t", "t"], [0.5, 2.0], state_features={"f": np.array([0.0, np.nan])})
    text = str(caught.value)
    for part in (
        "action a: probabilities sum to 0.5",
        "action b: probabilities sum to 2",
        "state t offers no move",
        "'f'",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["s"], ["a"], ["s"], [-1.0]), "has probability -1.0"),
        ((["s"], ["a"], ["s"], [np.nan]), "has probability nan"),
        ((["s"], ["a"], ["s", "s"], [1.0]), "lengths"),
        (([], [], [], []), "at least 1"),
    ],
)
def test_bad_columns(arguments, message):
    with pytest.raises(InvalidInput, match=message):
        table_world(*arguments)


def test_unknown_and_repeated_names():
    with pytest.raises(InvalidInput, match="next state 't' is not among"):
        table_world(["s"], ["a"], ["t"], [1.0], state_names=["s"])
    with pytest.raises(InvalidInput, match="'s' is given twice"):
        table_world(["s"], ["a"], ["s"], [1.0], state_names=["s", "s"])
    with pytest.raises(InvalidInput, match=r"'f' has shape \(3,\)"):
        table_world(["s"], ["a"], ["s"], [1.0], state_features={"f": np.zeros(3)})
