import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maxentrl.inverse.pullback import pull_back, reward_table
from maxentrl.mdp.grid import FOUR_MOVES, grid_world
from maxentrl.numerics.reward_table import RewardTable
from maxentrl.rewards.convolution import MapInputs, convolutional, convolve
from maxentrl.rewards.linear import LinearReward
from maxentrl.rewards.network import CallInputs, NetworkReward, with_weights
from maxentrl.rewards.outputs import AnySign, Cost, Ends
from maxentrl.rewards.perceptron import perceptron
from maxentrl.rewards.sums import EachStep, SumReward
from maxentrl.status import Failure, InvalidInput, Status
from rewards.small_scenes import layers_of, small_world


def numbers(reward, seed=0):
    return np.random.default_rng(seed).normal(size=len(reward.names))


def by_name(reward, theta):
    """The weights of a perceptron's layers, found by their names alone."""
    value, layers = dict(zip(reward.names, theta, strict=True)), []
    for path, shape in reward.blocks:
        block = np.zeros(shape)
        for index in np.ndindex(*shape):
            block[index] = value[f"{path}[{','.join(map(str, index))}]"]
        layers.append(block)
    return layers


def test_a_perceptron_is_its_formula_on_scaled_features():
    world = small_world()
    reward = perceptron(world, pair_features=["distance"], width=3, depth=1)
    theta = numbers(reward)
    weight, bias, last, end = by_name(reward, theta)
    columns = [np.asarray(world.state_features[name]) for name in ("shade", "noise")]
    scaled = [(c - c.mean()) / c.std() for c in columns]
    distance = world.pair_features["distance"]
    spread = distance.std() or 1.0
    table = reward_table(reward, theta)
    for action in range(4):
        for state in range(world.mdp.n_states):
            shown = np.array([scaled[0][state], scaled[1][state], (distance[action, state] - distance.mean()) / spread])
            expected = last @ np.tanh(weight @ shown + bias) + end
            assert table.pair[action, state] == pytest.approx(expected[0], rel=1e-12)
    assert not table.terminal.any()


def test_arrivals_are_those_of_the_state_that_follows():
    still, slippery = small_world(), small_world(slip=0.3)
    reward = perceptron(still, features=[], arrival_features=["shade"], width=3, depth=1)
    theta = numbers(reward)
    successor = np.asarray(still.mdp.transitions.successor)
    of_states = reward_table(perceptron(still, features=["shade"], width=3, depth=1), theta).pair[0]
    found = reward_table(reward, theta)
    assert found.outcome is None
    np.testing.assert_allclose(found.pair, of_states[successor], rtol=1e-12)
    outcome = reward_table(reward.on(slippery), theta).outcome
    np.testing.assert_allclose(outcome[2], of_states[np.asarray(slippery.mdp.transitions.successors)], rtol=1e-12)


def test_steps_are_shown_as_time():
    world = small_world()
    reward = perceptron(world, features=["shade"], steps=3, width=3, depth=1)
    theta = numbers(reward)
    weight, bias, last, end = by_name(reward, theta)
    shade = np.asarray(world.state_features["shade"])
    for t, time in enumerate((-1.0, 0.0, 1.0)):
        shown = np.stack([(shade - shade.mean()) / shade.std(), np.full(len(shade), time)])
        expected = (last @ np.tanh(weight @ shown + bias[:, None]) + end[:, None])[0]
        np.testing.assert_allclose(reward_table(reward, theta).pair[t, 1], expected, rtol=1e-12)


def test_each_step_has_parameters_of_its_own():
    world = small_world()
    part = LinearReward.of(4, state=world.state_features)
    reward = EachStep.of(part, 3)
    theta = numbers(reward).reshape(3, -1)
    table = reward_table(reward, theta.ravel())
    for t in range(3):
        np.testing.assert_allclose(table.pair[t], reward_table(part, theta[t]).pair, rtol=1e-12)
    np.testing.assert_allclose(table.terminal, reward_table(part, theta[2]).terminal, rtol=1e-12)
    assert reward.names[:2] == ("step 0: shade", "step 0: noise")


@pytest.mark.parametrize("side", [1, 3, 5])
def test_convolution_is_its_sum(side):
    generator = np.random.default_rng(side)
    weight, layers = generator.normal(size=(2, 3, side, side)), generator.normal(size=(3, 4, 6))
    expected, margin = np.zeros((2, 4, 6)), side // 2
    for out, row, column in np.ndindex(2, 4, 6):
        for i, j in np.ndindex(side, side):
            r, c = row + i - margin, column + j - margin
            if 0 <= r < 4 and 0 <= c < 6:
                expected[out, row, column] += weight[out, :, i, j] @ layers[:, r, c]
    with jax.enable_x64(True):
        found = np.asarray(convolve(jnp.asarray(weight), jnp.asarray(layers)))
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def padded(layers, left, top, right, bottom):
    return {name: np.pad(layer, ((top, bottom), (left, right))) for name, layer in layers.items()}


def test_a_scene_within_a_wider_wall_has_the_same_rewards():
    layers = layers_of(5, 6)
    walls = np.zeros((5, 6))
    walls[2, 3] = 1
    small = grid_world(layers, walls=walls, moves=FOUR_MOVES, cell_size=1.0)
    around = np.pad(walls, ((3, 2), (1, 4)), constant_values=1)
    wide = grid_world(padded(layers, 1, 3, 4, 2), walls=around, moves=FOUR_MOVES, cell_size=1.0)
    reward = convolutional(small, channels=(3, 3), kernels=(3, 3))
    theta = numbers(reward)
    moved = reward.on(wide)
    assert moved.names == reward.names
    np.testing.assert_allclose(reward_table(moved, theta).pair, reward_table(reward, theta).pair, rtol=1e-12)


def test_a_crop_has_the_same_rewards_beyond_the_reach_of_its_border():
    layers = layers_of(8, 9)
    whole = grid_world(layers, moves=FOUR_MOVES, cell_size=1.0)
    part = grid_world({n: v[1:7, 2:9] for n, v in layers.items()}, moves=FOUR_MOVES, cell_size=1.0)
    reward = convolutional(whole, channels=(3, 2), kernels=(1, 3))
    theta = numbers(reward)
    on_whole = whole.geometry.to_map(reward_table(reward, theta).pair[0])[1:7, 2:9]
    on_part = part.geometry.to_map(reward_table(reward.on(part), theta).pair[0])
    np.testing.assert_allclose(on_part[1:-1, 1:-1], on_whole[1:-1, 1:-1], rtol=1e-12)
    assert np.abs(on_part[0] - on_whole[0]).max() > 1e-3


def test_costs_are_costs_and_begin_at_what_is_typical():
    world = small_world()
    reward = convolutional(world, output=Cost(least=0.5, typical=2.5), ends=Ends.LIKE_STATES)
    begun = reward_table(reward, np.array(reward.start))
    assert np.abs(begun.pair + 2.5).max() < 0.3
    table = reward_table(reward, 30 * numbers(reward))
    assert (table.pair <= -0.5).all()
    np.testing.assert_array_equal(table.terminal, table.pair[0])
    with pytest.raises(InvalidInput, match="least = 3"):
        Cost(least=3.0, typical=2.0)


def test_a_sum_is_the_sum_and_keeps_the_names_of_its_linear_part():
    world = small_world(slip=0.2)
    linear = LinearReward.of(4, pair={"distance": world.pair_features["distance"]}, terminal={})
    deep = perceptron(world, arrival_features=["noise"], width=2, depth=1)
    stepped = perceptron(world, features=["shade"], steps=2, width=2, depth=1, name="clock")
    reward = SumReward.of(linear, deep, stepped)
    assert reward.names[0] == "distance"
    assert reward.coefficients.tolist() == [True] + [False] * (len(reward.names) - 1)
    theta = numbers(reward)
    tables = [reward_table(p, np.asarray(t)) for p, t in zip(reward.parts, reward.split(theta), strict=True)]
    table = reward_table(reward, theta)
    np.testing.assert_allclose(table.pair, sum(t.pair for t in tables), rtol=1e-12)
    np.testing.assert_array_equal(table.outcome, tables[1].outcome)
    with pytest.raises(InvalidInput, match=r"share a name: perceptron\.layers"):
        SumReward.of(deep, deep)
    with pytest.raises(InvalidInput, match="disagree about"):
        SumReward.of(linear, perceptron(small_world(2, 3), width=2))


class Quadratic(eqx.Module):
    """A user's own module: a weight and a count that is not learnt."""

    weight: jax.Array
    centre: jax.Array
    order: int = eqx.field(static=True)

    def __call__(self, shade):
        return self.weight * (shade - self.centre) ** self.order


def test_a_module_of_the_user_s_own_and_a_plain_function_of_weights():
    world = small_world()
    shade = np.asarray(world.state_features["shade"])
    module = Quadratic(jnp.array(-1.5), jnp.array([0.25]), 2)
    reward = NetworkReward.of(module, CallInputs.of(world.mdp, shade), name="mine")
    assert reward.names == ("mine.weight", "mine.centre[0]")
    table = reward_table(reward, np.array([2.0, 0.5]))
    np.testing.assert_allclose(table.pair, np.tile(2.0 * (shade - 0.5) ** 2, (4, 1)), rtol=1e-12)
    assert reward.module(np.array([3.0, 1.0])).centre.tolist() == [1.0]

    def function(weights, column):
        return RewardTable(jnp.tile(weights["slope"] @ jnp.stack([column, column**2]), (4, 1)), weights["end"] * column)

    weights = {"slope": np.array([1.0, 2.0]), "end": np.array(0.5)}
    plain = NetworkReward.of(with_weights(function, weights), CallInputs.of(world.mdp, shade), name="plain")
    assert plain.names == ("plain.weights.end", "plain.weights.slope[0]", "plain.weights.slope[1]")
    table = reward_table(plain, np.array([0.5, 1.0, 2.0]))
    np.testing.assert_allclose(table.pair[3], shade + 2 * shade**2, rtol=1e-12)
    np.testing.assert_allclose(table.terminal, 0.5 * shade, rtol=1e-12)
    with pytest.raises(InvalidInput, match="plain arrays"):
        plain.on(world)


def test_an_equinox_convolution_over_the_map():
    world = small_world(4, 5)

    class Own(eqx.Module):
        layer: eqx.nn.Conv2d

        def __call__(self, layers, inside):
            return self.layer(layers)[0]

    own = Own(eqx.nn.Conv2d(2, 1, 3, padding=1, key=jax.random.key(0)))
    reward = NetworkReward.of(own, MapInputs.of(world, output=AnySign()), name="own")
    twin = convolutional(world, channels=(), kernels=(), output=AnySign())
    assert reward.names[0] == "own.layer.weight[0,0,0,0]"
    assert len(twin.names) == 3  # the last layer alone: a weight a layer and a bias
    table = reward_table(reward, numbers(reward))
    assert table.pair.shape == (4, 20)


def test_nothing_is_compiled_again_for_other_parameters_or_arrays():
    traced = []

    class Counting(eqx.Module):
        weight: jax.Array

        def __call__(self, shade):
            traced.append(1)
            return self.weight * shade

    world = small_world()
    shade = np.asarray(world.state_features["shade"])
    reward = NetworkReward.of(Counting(jnp.array(1.0)), CallInputs.of(world.mdp, shade), name="counting")
    other = reward.with_inputs(CallInputs.of(world.mdp, 2 * shade))
    visits = reward_table(reward, np.array([1.0]))
    pull_back(reward, np.array([1.0]), visits)
    before = len(traced)
    for value in (2.0, 3.0):
        table = reward_table(other, np.array([value]))
        np.testing.assert_allclose(table.pair[0], 2 * value * shade, rtol=1e-12)
        assert pull_back(other, np.array([value]), visits)[0] == pytest.approx((visits.pair * 2 * shade).sum())
    assert len(traced) == before


def test_modules_that_cannot_be_rewards_are_refused_by_name():
    world = small_world()
    shade, inputs = np.asarray(world.state_features["shade"]), CallInputs.of(world.mdp, np.zeros(12))

    def refuse(match, module, given=inputs):
        with pytest.raises(InvalidInput, match=match):
            NetworkReward.of(module, given, name="mine")

    refuse("'mine'.*no parameters", with_weights(lambda w, x: x, {}))
    refuse("'mine'.*no parameters", with_weights(lambda w, x: x, {"count": np.array([1, 2])}))
    refuse("cannot be called", {"w": np.ones(2)})
    refuse(r"'mine'.*shape \(3,\): expected \(12,\)", with_weights(lambda w, x: w, np.ones(3)))
    refuse("'mine'.*cannot be applied", with_weights(lambda w, x: w @ x, np.ones(3)))
    refuse("mine.weights.*not finite", with_weights(lambda w, x: w * x, np.array([np.nan])))
    refuse("mine.weights.*complex", with_weights(lambda w, x: w * x, np.array([1j])))
    refuse(
        r"'mine' gives ends of shape \(3,\)", with_weights(lambda w, x: RewardTable(jnp.ones((4, 3)), w), np.ones(3))
    )
    refuse(r"answer to one vector has shape \(2,\)", eqx.nn.Linear(2, 2, key=jax.random.key(0)), _rows(world))
    with pytest.raises(InvalidInput, match="no state feature 'sun'"):
        perceptron(world, features=["sun"])
    with pytest.raises(InvalidInput, match="no state feature 'shade'"):
        perceptron(world).on(dataclasses.replace(world, state_features={"noise": shade}))
    with pytest.raises(InvalidInput, match="needs a scene with a map"):
        convolutional(dataclasses.replace(world, geometry=None))


def _rows(world):
    return perceptron(world, width=1).inputs


def test_numbers_that_are_not_finite_are_refused_with_reward_and_layer():
    world = small_world()
    shade = np.asarray(world.state_features["shade"])
    bad = NetworkReward.of(
        with_weights(lambda w, x: jnp.log(w) * x, np.array(1.0)), CallInputs.of(world.mdp, shade), name="logarithm"
    )
    linear = LinearReward.of(4, state={"noise": np.asarray(world.state_features["noise"])})
    with pytest.raises(Failure, match=r"network of reward 'logarithm' is nan at state 0") as failure:
        reward_table(SumReward.of(linear, bad), np.array([1.0, -1.0]))
    assert failure.value.status is Status.NON_FINITE
    deep = perceptron(world, width=2)
    theta = np.array(deep.start)
    theta[3] = np.nan
    with pytest.raises(Failure, match=r"parameter 'perceptron\.layers\[0\]\.weight\[1,1\]' is nan"):
        reward_table(deep, theta)
