"""Several scenes that share parameters: the same as one world that holds them all side by side."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg

from inverse.small_fits import N_ACTIONS, N_STATES, curved_reward, feasible_parameters, small_mdp, small_problem
from maxentrl.demos.trajectories import Trajectories
from maxentrl.inverse.fit import fit
from maxentrl.inverse.likelihood import ConditionalLikelihood
from maxentrl.inverse.parameters import ParameterSpace
from maxentrl.inverse.problem import InverseProblem
from maxentrl.inverse.target import FitTarget
from maxentrl.inverse.uncertainty import ErrorKind
from maxentrl.mdp.mdp import MDP
from maxentrl.mdp.transitions import from_dense
from maxentrl.rewards.linear import LinearReward
from maxentrl.status import InvalidInput, Status


def other_scene(kind, *, deterministic):
    """The same names over another world: actions in another order, features turned, other walks."""
    problem = small_problem(kind, deterministic=deterministic)
    reward, turned = problem.reward, np.array([1, 0, 2])
    pair = np.asarray(reward.pair)[:, turned]
    changed = dataclasses.replace(reward, pair=pair, state=np.asarray(reward.state) * [[0.7], [1.3], [1.0]])
    dense, walks = problem.mdp.transitions.as_dense()[turned], problem.demonstrations
    actions = turned[walks.actions]
    kept = np.arange(len(walks)) % 3 > 0
    mdp = MDP(from_dense(dense), problem.mdp.terminal)
    walks = dataclasses.replace(walks, actions=actions).select(kept)
    return dataclasses.replace(problem, mdp=mdp, reward=changed, demonstrations=walks)


def side_by_side(first, second):
    """One problem in which the second scene's states follow those of the first, and nobody goes from one to the other."""
    pairs = zip(first.mdp.transitions.as_dense(), second.mdp.transitions.as_dense(), strict=True)
    dense = np.stack([scipy.linalg.block_diag(a, b) for a, b in pairs])
    mdp = MDP(from_dense(dense), np.concatenate([first.mdp.terminal, second.mdp.terminal]))
    one, two = first.reward, second.reward
    reward = LinearReward(
        one.names,
        N_ACTIONS,
        np.concatenate([one.state, two.state], axis=1),
        np.concatenate([one.pair, two.pair], axis=2),
        np.concatenate([one.terminal, two.terminal], axis=1),
    )
    a, b = first.demonstrations, second.demonstrations
    walks = Trajectories(
        np.concatenate([a.states, b.states + N_STATES]),
        np.concatenate([a.actions, b.actions]),
        np.concatenate([a.lengths, b.lengths]),
        np.concatenate([a.weights, b.weights]),
        np.concatenate([a.goals, np.where(b.goals >= 0, b.goals + N_STATES, b.goals)]),
        np.concatenate([a.censored, b.censored]),
        (*a.names, *(f"second {name}" for name in b.names)),
        (*a.split, *b.split),
    )
    return InverseProblem(mdp, reward, walks, first.time, first.temperature)


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize("kind", ["finite", "discounted", "to-goal"])
def test_scenes_are_learnt_from_as_one_world_side_by_side(kind, deterministic):
    scenes = [small_problem(kind, deterministic=deterministic), other_scene(kind, deterministic=deterministic)]
    together, apart = fit(side_by_side(*scenes)), fit(scenes)
    assert together.status is apart.status is Status.CONVERGED
    assert apart.value == pytest.approx(together.value, rel=1e-9)
    np.testing.assert_allclose(apart.parameters, together.parameters, atol=1e-5)
    for kind_of_error in ErrorKind:
        np.testing.assert_allclose(
            apart.uncertainty.covariance(kind_of_error),
            together.uncertainty.covariance(kind_of_error),
            rtol=1e-4,
            atol=1e-9,
        )
    np.testing.assert_allclose(apart.reward_table(1).pair, together.reward_table().pair[:, N_STATES:], atol=1e-4)
    assert "2 scenes" in apart.summary()
    alone = fit(scenes[0])
    assert np.abs(alone.parameters - apart.parameters).max() > 1e-3


def test_gradient_over_scenes_with_a_curved_reward_is_that_of_a_stencil():
    scenes = []
    for deterministic in (True, False):
        reward = curved_reward(small_mdp(deterministic=deterministic))
        scenes.append(small_problem("finite", deterministic=deterministic, reward=reward))
    target = FitTarget(tuple(map(ConditionalLikelihood.of, scenes)), ParameterSpace.of(("a", "b", "c")))
    theta, step = feasible_parameters("finite"), 1e-4
    for k in range(3):
        unit = np.eye(3)[k] * step
        values = [target.evaluate(theta + n * unit).value for n in (-2, -1, 1, 2)]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        assert target.evaluate(theta).gradient[k] == pytest.approx(slope, rel=1e-7)


def test_a_direction_without_a_maximum_is_one_of_all_scenes_together():
    """Walkers who always make the greatest jump take its weight to infinity; those of another scene hold it."""
    scene = small_problem("finite", deterministic=True)
    jump = np.where(scene.mdp.available, np.asarray(scene.reward.pair)[2], -np.inf)
    action = np.argmax(jump, axis=0)
    following = scene.mdp.transitions.successors_of(action, np.arange(N_STATES))[0][0]
    walks = Trajectories.of([[s, int(following[s])] for s in range(N_STATES)], [[int(a)] for a in action])
    greedy = dataclasses.replace(scene, demonstrations=walks)
    only = ParameterSpace.of(scene.reward.names, fixed={"shade": 0.0, "grass": 0.0})
    assert fit(greedy, space=only).status is Status.SEPARATION
    assert fit([greedy, greedy], space=only).status is Status.SEPARATION
    assert fit([greedy, scene], space=only).status is Status.CONVERGED


def test_scenes_that_do_not_go_together_are_named():
    scene = small_problem("finite", deterministic=True)
    renamed = dataclasses.replace(scene, reward=dataclasses.replace(scene.reward, names=("shade", "gravel", "jump")))
    with pytest.raises(InvalidInput, match=r"scene 1: .*lacks \['grass'\], adds \['gravel'\]"):
        fit([scene, renamed])
    warm = dataclasses.replace(scene, temperature=2.0)
    with pytest.raises(InvalidInput, match=r"scene 2: temperature 2, in scene 0 0\.8"):
        fit([scene, scene, warm])
    with pytest.raises(InvalidInput, match="no problem to fit"):
        fit([])
    with pytest.raises(InvalidInput, match="one objective of each problem"):
        fit([scene, scene], objective=ConditionalLikelihood.of(scene))
