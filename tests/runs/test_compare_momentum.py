"""Comparisons where walkers have momentum: features written out, shares by displacement, every method on one crowd."""

import dataclasses

import numpy as np
import pytest

from maxentrl.inverse.fit import fit
from maxentrl.inverse.lbfgsb import LBFGSB
from maxentrl.inverse.prior import GaussianPrior
from maxentrl.inverse.pullback import reward_table
from maxentrl.mdp.time import Finite
from maxentrl.readers.spec import read_spec, read_study
from maxentrl.rewards.sums import SumReward
from maxentrl.runs import compare_momentum
from maxentrl.runs.compare import Settings, Task, make_row, methods_of, references
from maxentrl.runs.compare_files import chosen_scene, run_comparison
from maxentrl.runs.compare_methods import METHODS, CausalDeep, choice_features, deep_reward
from maxentrl.runs.compare_momentum import shares_by_displacement, velocity_of_states, written_out
from maxentrl.runs.compare_problem import comparison_problem
from maxentrl.runs.compare_scores import Judge
from maxentrl.runs.job import read_job
from maxentrl.runs.run import OnExisting
from maxentrl.status import InvalidInput
from runs.test_crowd_walks import SCENE, write_crowd

COARSE = SCENE.replace("cell_size = 0.5", "cell_size = 1.0").replace("change = 0.7", "change = 1.5")
EXACT = LBFGSB(1e-7)
FINITE = '[time]\nkind = "finite"\n'
REWARD = '[reward]\npair_features = ["steady", "change", "speed"]\nfeatures = ["blocked"]\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A square of 10 × 10 m seen straight from above at 10 pixels a metre, with a pillar in the middle."""
    found = tmp_path_factory.mktemp("crowds")
    walkable = np.ones((100, 100))
    walkable[45:55, 45:55] = 0
    np.save(found / "walkable.npy", walkable)
    np.savetxt(found / "H.txt", np.diag([0.1, 0.1, 1.0]))
    write_crowd(found / "crowd1.txt", 1)
    write_crowd(found / "crowd2.txt", 2)
    return found


def job_of(folder, text):
    (folder / "place.toml").write_text(text)
    return read_job(read_spec(folder / "place.toml"))


@pytest.fixture(scope="module")
def job(folder):
    return job_of(folder, COARSE + FINITE + REWARD)


@pytest.fixture(scope="module")
def problem(job):
    return comparison_problem(job, "place")


def test_features_written_out_make_the_same_reward(job):
    weights = np.random.default_rng(0).normal(size=len(job.reward.names))
    dense = written_out(job.reward, "place")
    assert dense.names == job.reward.names
    found, known = reward_table(dense, weights), reward_table(job.reward, weights)
    np.testing.assert_allclose(found.pair, known.pair, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.terminal, known.terminal, rtol=1e-12, atol=1e-12)
    momentum, k = job.scene.momentum, job.reward.names.index("speed")
    state, action = 7 * momentum.n_cells + 30, 3  # the 7th displacement, changed by the 3rd change
    after = momentum.displacements[7] + momentum.changes[action]
    assert dense.features().pair[k, action, state] == pytest.approx(np.hypot(*after))


@pytest.mark.slow
def test_a_linear_fit_is_that_of_the_small_tables(job, problem):
    names, walks = job.reward.names, problem.train.select(np.arange(0, len(problem.train), 12))
    prior = GaussianPrior.of(names, scale=dict(zip(names, problem.prior.scale.tolist(), strict=True)))
    dense = fit(problem.inverse(walks), prior=prior, optimiser=EXACT)
    small = fit(dataclasses.replace(problem.inverse(walks), reward=job.reward), prior=prior, optimiser=EXACT)
    np.testing.assert_allclose(dense.parameters, small.parameters, atol=1e-5)


def test_features_that_are_too_large_are_refused_by_size(job, monkeypatch):
    monkeypatch.setattr(compare_momentum, "LARGEST", 1000)
    with pytest.raises(
        InvalidInput, match=r"place: .* 4 features of 9 changes, 13 displacements and \d+ cells"
    ) as error:
        comparison_problem(job, "place")
    assert "raise world.cell_size" in str(error.value)


def test_the_displacement_of_a_state_led_there(problem):
    mdp, position = problem.mdp, problem.world.geometry.position
    velocity = velocity_of_states(problem.momentum)
    action, state = np.nonzero(mdp.available)
    follow = mdp.transitions.successors_of(action, state)[0][0]
    moved = position[follow] - position[state]
    stopped = ~np.isclose(moved, velocity[follow]).all(1)  # who is too fast for every open cell stops
    np.testing.assert_allclose(moved[stopped], 0.0)
    assert stopped.mean() < 0.1
    assert np.abs(velocity).max() == pytest.approx(2.0)


def test_shares_are_counted_by_displacement_wherever_it_was(problem):
    momentum, walks = problem.momentum, problem.train
    actions, cells, kappa = problem.mdp.n_actions, momentum.n_cells, 0.5
    counts = np.zeros((actions, len(momentum.displacements)))
    for walk in range(len(walks)):
        for state, action in zip(walks.states_of(walk), walks.actions_of(walk), strict=False):
            counts[action, state // cells] += 1
    anywhere = (counts.sum(1) + kappa) / (counts.sum() + kappa * actions)
    expected = counts + kappa * actions * anywhere[:, None]
    found = shares_by_displacement(momentum, walks, kappa)
    for cell in (0, 17, cells - 1):
        np.testing.assert_allclose(found[:, cell::cells], expected, rtol=1e-12)


def test_counting_knows_in_new_cells_how_people_walk(problem):
    rows = {name: row_of(problem, name, 20) for name in ("counting", "logit", "causal-linear")}
    even = references(problem)["uniform"].nats
    for row in rows.values():
        assert row.scores is not None, row.reason
        assert row.scores.nats < 0.7 * even
        assert row.scores.regret is None
    seen = np.unique(problem.train.decisions.state)
    assert (~np.isin(problem.held_out.decisions.state, seen)).mean() > 0.05


def row_of(problem, name, size):
    method = next(method for method in (*METHODS, CausalDeep(width=4, evaluations=60)) if method.name == name)
    return make_row(Task(problem, method, size, 0), Judge(problem))


def test_matching_holds_the_features_of_all_walks(problem):
    walks = problem.train
    together = dataclasses.replace(problem, held_out=walks)  # scored on what it learnt from
    row = row_of(together, "matching", len(walks))
    assert row.status == "CONVERGED", row.reason
    assert row.scores.feature_gap < 1e-5
    assert methods_of(problem, ()) == tuple(method for method in METHODS if method.name != "maxent")


@pytest.mark.slow
def test_networks_serve_a_crowd(problem):
    even = references(problem)["uniform"].nats
    for name in ("network", "causal-deep"):
        row = row_of(problem, name, 30)
        assert row.scores is not None, row.reason
        assert row.scores.nats < 0.7 * even


def test_a_network_beside_the_features_keeps_them(folder):
    text = COARSE + FINITE + REWARD + '[reward.network]\nkind = "perceptron"\nwidth = 3\ndepth = 1\n'
    posed = comparison_problem(job_of(folder, text), "place")
    assert posed.reward.names == ("steady", "change", "speed", "blocked")
    assert isinstance(posed.network, SumReward)
    assert deep_reward(posed, 16, 0) is posed.network
    alone = text.replace(REWARD, "")
    posed = comparison_problem(job_of(folder, alone), "place")
    known = tuple(posed.momentum.features)
    assert posed.reward.names == known  # the network has the layers
    assert posed.truth is None
    row = row_of(dataclasses.replace(posed, network=None), "logit", 10)
    assert row.scores is not None, row.reason
    assert "steady" in choice_features(posed).names


def test_the_horizon_is_the_length_of_the_walks(folder, job, problem):
    assert job.time == Finite()
    assert problem.time == Finite(2)
    assert any("overlap" in note for note in problem.notes)
    found = job.demonstrations
    ends = found.train.select(np.arange(len(found.train)))
    longer = dataclasses.replace(job, demonstrations=dataclasses.replace(found, train=cut_first(ends)))
    with pytest.raises(InvalidInput, match=r"place: cloning and matching need one horizon .* 1 to 2 decisions"):
        comparison_problem(longer, "place")
    assert comparison_problem(job_of(folder, COARSE + FINITE + "horizon = 2\n" + REWARD), "place").time == Finite(2)


def cut_first(walks):
    """The same walks, the first of them one decision shorter."""
    states = [walks.states_of(k) for k in range(len(walks))]
    actions = [walks.actions_of(k) for k in range(len(walks))]
    states[0], actions[0] = states[0][:-1], actions[0][:-1]
    return type(walks).of(states, actions)


def test_of_several_scenes_one_is_chosen(folder):
    for name in ("a", "b"):
        (folder / f"{name}.toml").write_text(COARSE)
    both = folder / "both.toml"
    both.write_text('scenes = ["a.toml", "b.toml"]\n' + FINITE + REWARD)
    study = read_study(both)
    name, spec = chosen_scene(study, both, "b")
    assert name == "b"
    assert comparison_problem(read_job(spec), name).reward.names == ("steady", "change", "speed", "blocked")
    with pytest.raises(InvalidInput, match=r"is of 2 scenes, and a comparison is of one: choose it by --scene: a, b"):
        chosen_scene(study, both, None)
    with pytest.raises(InvalidInput, match=r"--scene c: .*both.toml has no such scene; it has a, b"):
        chosen_scene(study, both, "c")


def test_a_reward_that_scenes_share_belongs_to_the_comparison(folder, tmp_path):
    (tmp_path / "a.toml").write_text(COARSE)
    for name in ("walkable.npy", "H.txt", "crowd1.txt", "crowd2.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    both, settings = tmp_path / "both.toml", Settings(("counting",), (2,), 1)

    def run(existing):
        specs = [chosen_scene(read_study(both), both, "a")]
        return run_comparison(specs, settings, tmp_path / "kept", existing=existing, progress=lambda done: None)

    both.write_text('scenes = ["a.toml"]\n' + FINITE + REWARD)
    first = run(OnExisting.REFUSE)
    assert run(OnExisting.RESUME).rows == first.rows
    both.write_text('scenes = ["a.toml"]\n' + FINITE + REWARD.replace('"speed"', '"across"'))
    with pytest.raises(InvalidInput, match=r"a: settings has changed since .* was begun"):
        run(OnExisting.RESUME)
