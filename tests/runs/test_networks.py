"""Networks in specifications: what they are, how they are trained, and what is kept of them."""

import re
from pathlib import Path

import numpy as np
import pytest

from maxentrl.inverse.pullback import reward_table
from maxentrl.readers.spec import parse_study, read_spec, read_study
from maxentrl.rewards.convolution import convolutional
from maxentrl.rewards.perceptron import perceptron
from maxentrl.rewards.reward import starting_parameters
from maxentrl.runs.job import read_job, read_jobs
from maxentrl.runs.learning import make_learning
from maxentrl.runs.run import OnExisting, fit_run, load_run
from maxentrl.runs.training_files import load_reward
from maxentrl.status import InvalidInput, Status
from runs.scenes_on_disk import write_scenes

ONE = """
[world]
kind = "grid"
layers = "garden.npz"
cell_size = 0.5
[demonstrations]
files = "garden.csv"
[time]
kind = "to-goal"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    return fit_run(read_study(folder / "network.toml"), folder / "network.toml", tmp_path_factory.mktemp("run") / "a")


def with_network(folder, lines: str, **more: str):
    path = folder / "scenes" / "one.spec"
    path.write_text(ONE + f"[reward.network]\n{lines}\n" + "".join(more.values()))
    return path


def assert_same_reward(job, reward):
    assert job.reward.names == reward.names
    parameters = starting_parameters(reward) + 0.1
    ours, theirs = reward_table(job.reward, parameters), reward_table(reward, parameters)
    np.testing.assert_array_equal(ours.pair, theirs.pair)


def test_a_network_of_a_specification_is_that_of_python(folder):
    job = read_job(read_spec(with_network(folder, 'kind = "perceptron"\nfeatures = ["m*"]\nwidth = 5\nseed = 3')))
    assert_same_reward(
        job, perceptron(job.scene.world, features=["mud"], width=5, seed=3, output=job.reward.inputs.output)
    )
    assert (reward_table(job.reward, starting_parameters(job.reward)).pair < 0).all()  # walks to a goal: costs
    job = read_job(read_spec(with_network(folder, 'kind = "convolutional"\nchannels = [2]\nkernels = [3]')))
    assert_same_reward(job, convolutional(job.scene.world, channels=(2,), kernels=(3,)))


OWN = """
import jax.numpy as jnp
import maxentrl as mx

def squares(weights, lawn):
    return -1.5 - (weights[0] * lawn - weights[1]) ** 2

def reward(world, seed):
    inputs = mx.CallInputs.of(world.mdp, world.state_features["lawn"])
    return mx.NetworkReward.of(mx.with_weights(squares, jnp.array([1.0, seed])), inputs)
"""


def test_a_file_of_ones_own(folder):
    (folder / "scenes" / "own.py").write_text(OWN)
    job = read_job(read_spec(with_network(folder, 'kind = "module"\nfile = "own.py"\nseed = 2')))
    lawn = job.scene.world.state_features["lawn"]
    table = reward_table(job.reward, np.array([2.0, 0.5]))
    np.testing.assert_allclose(table.pair[3], -1.5 - (2 * lawn - 0.5) ** 2, rtol=1e-12)
    np.testing.assert_array_equal(starting_parameters(job.reward), [1.0, 2.0])


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def reward(world, seed:\n", r"own2\.py is not Python"),
        ("def rewrad(world, seed):\n    return None\n", r"has no function 'reward'; it has rewrad"),
        ("def reward(world, seed):\n    return 1 / 0\n", r"own2\.py, line 2: ZeroDivisionError"),
        ("def reward(world, seed):\n    return [1, 2]\n", r"returned a list: expected a reward"),
        (
            "import maxentrl as mx\n\ndef reward(world, seed):\n"
            "    return mx.NetworkReward.of(mx.with_weights(lambda w, x: x, ()), mx.MapInputs.of(world))\n",
            r"no parameters|without parameters",
        ),
        (
            "import jax.numpy as jnp\nimport maxentrl as mx\n\ndef reward(world, seed):\n"
            "    return mx.NetworkReward.of(mx.with_weights(lambda w, x, o: w * x[:, :2], jnp.ones(1)), "
            "mx.MapInputs.of(world))\n",
            r"its answer has shape",
        ),
    ],
)
def test_files_that_give_no_reward(folder, source, says):
    (folder / "scenes" / "own2.py").write_text(source)
    spec = read_spec(with_network(folder, 'kind = "module"\nfile = "own2.py"'))
    with pytest.raises(InvalidInput) as caught:
        read_job(spec)
    assert re.search(says, str(caught.value)), caught.value


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('kind = "perceptrn"', 'reward.network.kind = "perceptrn": expected one of .*; did you mean "perceptron"'),
        ('kind = "perceptron"\nwidht = 3', r"'widht' is not a key of \[reward.network\]; did you mean 'width'"),
        ('kind = "perceptron"\nwidth = 0', "reward.network.width = 0: expected greater than or equal to 1"),
        ('kind = "convolutional"\nchannels = []', "reward.network.channels = \\[\\]: expected"),
        ("width = 3", r"\[reward.network\] lacks the key 'kind'"),
    ],
)
def test_mistakes_in_the_table(lines, says):
    with pytest.raises(InvalidInput) as caught:
        parse_study(ONE + f"[reward.network]\n{lines}\n", directory=Path(), name="f.toml")
    assert re.search(says, str(caught.value)), caught.value


@pytest.mark.parametrize(
    ("network", "more", "says"),
    [
        (
            'kind = "perceptron"\nfeatures = ["mad"]',
            "",
            "reward.network.features: 'mad' is no feature.*did you mean 'mud'",
        ),
        ('kind = "convolutional"\nkernels = [2]\nchannels = [2]', "", "kernel 2: expected an odd number"),
        ('kind = "perceptron"', '[fit]\noptimiser = "l-bfgs-b"\ntraining = {steps = 3}\n', r"\[fit.training\] is for"),
        ('kind = "module"\nfile = "none.py"', "", r"none.py: cannot be read"),
    ],
)
def test_settings_that_cannot_be_used(folder, tmp_path, network, more, says):
    spec = read_spec(with_network(folder, network, more=more))
    with pytest.raises(InvalidInput) as caught:
        fit_run(parse_study(spec.text, directory=spec.directory), folder / "one.spec", tmp_path)
    assert re.search(says, str(caught.value)), caught.value


def test_a_run_keeps_its_network(trained):
    again = load_run(trained.folder)
    assert again.fit.weights == len(again.parameters) > 50
    assert again.fit.names == ()
    assert again.parameters.tobytes() == trained.parameters.tobytes()
    start = starting_parameters(trained.jobs["park"].reward)
    assert np.abs(again.parameters - start).max() > 0.05
    assert not list(trained.folder.glob("*.pkl"))


def test_another_architecture_is_refused_by_what_differs(trained, tmp_path):
    study = trained.study
    text = study.text.replace("channels = [4]", "channels = [5]")
    other = parse_study(text, directory=_origin(trained))
    reward = next(iter(read_jobs(other).values())).reward
    with pytest.raises(InvalidInput, match=r"made for another reward: .*\(?4.*5"):
        load_reward(trained.folder / "reward.safetensors", reward)


def _origin(run):
    return run.study.files[0].parent.parent


class Stop:
    """Interrupts training at an evaluation."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self, progress):
        if progress.evaluation == self.at:
            raise KeyboardInterrupt


def test_training_resumes_to_the_same_bits(folder, trained, tmp_path):
    study, spec = read_study(folder / "network.toml"), folder / "network.toml"
    stopped = fit_run(study, spec, tmp_path / "b", progress=Stop(5))
    assert stopped.fit.status is Status.INTERRUPTED
    run = fit_run(study, spec, tmp_path / "b", existing=OnExisting.RESUME)
    assert run.parameters.tobytes() == trained.parameters.tobytes()
    finished = fit_run(study, spec, tmp_path / "b", existing=OnExisting.RESUME)  # nothing left to do
    assert finished.parameters.tobytes() == trained.parameters.tobytes()
    assert finished.fit.evaluations >= 12


def test_the_walks_to_validate_on_are_not_learnt_from(folder):
    jobs = read_jobs(read_study(folder / "network.toml"))
    learning = make_learning(list(jobs.values()))
    for job, problem, validation in zip(jobs.values(), learning.problems, learning.validation, strict=True):
        names = set(problem.demonstrations.names), set(validation.names)
        assert not names[0] & names[1]
        assert names[0] | names[1] == set(job.demonstrations.train.names)
        assert len(validation) == 4


def test_members_of_an_ensemble_differ_and_the_likeliest_is_kept(folder, tmp_path):
    spec = folder / "members.toml"
    spec.write_text((folder / "network.toml").read_text().replace("steps = 12", "steps = 4\nmembers = 3"))
    run = fit_run(read_study(spec), spec, tmp_path)
    reward = run.jobs["park"].reward
    members = [load_reward(tmp_path / f"member-{i}.safetensors", reward) for i in range(3)]
    assert all(np.abs(a - b).max() > 0.01 for a, b in [(members[0], members[1]), (members[1], members[2])])
    best = max(run.fit.members, key=lambda member: member["validation"])
    assert best["chosen"]
    assert run.parameters.tobytes() == members[best["member"]].tobytes()


def test_an_interrupted_ensemble_goes_on_where_it_was(folder, tmp_path):
    spec = folder / "again.toml"
    spec.write_text((folder / "network.toml").read_text().replace("steps = 12", "steps = 3\nmembers = 2"))
    study = read_study(spec)
    whole = fit_run(study, spec, tmp_path / "whole")
    seen = []

    def stop(progress):
        seen.append(progress.evaluation)
        if len(seen) > 1 and seen[-1] < seen[-2]:  # the second member has begun
            raise KeyboardInterrupt

    stopped = fit_run(study, spec, tmp_path / "stopped", progress=stop)
    assert stopped.fit.status is Status.INTERRUPTED
    assert not (tmp_path / "stopped" / "member-2.safetensors").exists()
    run = fit_run(study, spec, tmp_path / "stopped", existing=OnExisting.RESUME)
    assert run.parameters.tobytes() == whole.parameters.tobytes()
    assert [member["value"] for member in run.fit.members] == [member["value"] for member in whole.fit.members]


def test_a_seed_is_that_of_the_network_too(folder):
    study = read_study(folder / "network.toml")
    first, again, other = (read_jobs(study, seed=seed)["park"].reward for seed in (3, 3, 4))
    assert starting_parameters(first).tobytes() == starting_parameters(again).tobytes()
    assert np.abs(starting_parameters(first) - starting_parameters(other)).max() > 0.01


def test_layers_of_a_network_are_those_of_every_scene(tmp_path):
    other = write_scenes(tmp_path / "other")
    layers = dict(np.load(other / "scenes" / "garden.npz"))
    np.savez(other / "scenes" / "garden.npz", lawn=layers["lawn"])
    with pytest.raises(
        InvalidInput, match=r"scene 'park': its features .* it has mud besides; .*reward.network.features"
    ):
        read_jobs(read_study(other / "network.toml"))


def test_members_that_begin_alike_are_refused(folder, tmp_path):
    (folder / "scenes" / "alike.py").write_text(OWN.replace("seed]", "1.0]").replace("-1.5 -", "-2.5 -"))
    more = "[fit.training]\nsteps = 2\nmembers = 2\n"
    path = with_network(folder, 'kind = "module"\nfile = "alike.py"', more=more)
    with pytest.raises(InvalidInput, match="the members begin alike"):
        fit_run(read_study(path), path, tmp_path)


def test_a_seed_is_that_of_training_too(folder):
    study = read_study(folder / "network.toml")
    names = [make_learning(list(read_jobs(study, seed=seed).values())).validation[0].names for seed in (1, 1, 2, 3)]
    assert names[0] == names[1]
    assert len(set(names)) > 1
    learning = make_learning(list(read_jobs(study, seed=7).values()))
    assert [learning.optimiser(member=member).seed for member in (0, 2)] == [7, 9]


def test_a_network_that_gives_nan_is_named_and_what_was_reached_is_kept(folder, tmp_path):
    source = OWN.replace(
        "-1.5 - (weights[0] * lawn - weights[1]) ** 2",
        "-2.5 - lawn * weights[0] + jnp.where(weights[0] == 1.0, 0.0, jnp.nan)",
    )
    (folder / "scenes" / "nan.py").write_text(source)
    more = "[fit.training]\nlearning_rate = 0.1\nvalidation = 0.0\nsteps = 40\n"
    path = with_network(folder, 'kind = "module"\nfile = "nan.py"', more=more)
    run = fit_run(read_study(path), path, tmp_path)
    assert run.fit.status is Status.NON_FINITE
    assert "network" in run.fit.detail
    assert run.parameters[0] == 1.0  # the last ones that could be evaluated


def test_priors_and_bounds_leave_networks_alone(folder):
    more = '[reward]\nfeatures = ["lawn"]\nterminal = "none"\nbounds = { "*" = [-inf, 0] }\n'
    more += "prior = { standard_deviation = 3 }\n"
    path = folder / "scenes" / "sum.spec"
    path.write_text(
        ONE + more + '[reward.network]\nkind = "perceptron"\nwidth = 2\n[fit.training]\nweight_decay = 0.25\n'
    )
    learning = make_learning([read_job(read_spec(path))])
    assert learning.reward.names[0] == "lawn"
    assert learning.space.upper[0] == 0
    assert np.isinf(learning.space.upper[1:]).all()
    np.testing.assert_allclose(learning.prior.scale, [3.0] + [2.0] * (len(learning.reward.names) - 1))
