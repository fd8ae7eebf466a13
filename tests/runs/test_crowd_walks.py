"""Recordings of crowds in specifications: worlds with momentum and the windows that are learnt from."""

import json

import numpy as np
import pytest

from maxentrl.inverse.fit import fit
from maxentrl.inverse.pullback import reward_table
from maxentrl.readers.spec import read_spec, read_study
from maxentrl.rewards.momentum import MomentumReward
from maxentrl.runs.job import read_job, read_jobs
from maxentrl.runs.run import fit_run, load_run
from maxentrl.status import InvalidInput

SCENE = """
[world]
kind = "momentum"
walkable = "walkable.npy"
homography = "H.txt"
cell_size = 0.5
reach = 2.0
change = 0.7

[demonstrations]
kind = "crowd"
files = "crowd*.txt"
observed = 3
future = 4
frames_per_decision = 2
held_out = 0.25
"""


def write_crowd(path, seed, unit=1.0):
    """Eight people who walk across, 0.4 m a frame with a little noise, for 12 frames together."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(8):
        start, angle = rng.uniform(3, 6, 2), rng.uniform(0, 2 * np.pi)
        step = 0.2 * np.array([np.cos(angle), np.sin(angle)])
        noise = rng.normal(0, 0.05, (12, 2))
        for frame in range(12):
            x, y = (start + frame * step + noise[frame]) / unit
            rows.append(f"{10 * frame} {person} {x:.4f} {y:.4f}")
    path.write_text("\n".join(rows) + "\n")


@pytest.fixture
def folder(tmp_path):
    """A square of 10 × 10 m seen straight from above at 10 pixels a metre, with a pillar in the middle."""
    walkable = np.ones((100, 100))
    walkable[45:55, 45:55] = 0
    np.save(tmp_path / "walkable.npy", walkable)
    np.savetxt(tmp_path / "H.txt", np.diag([0.1, 0.1, 1.0]))
    write_crowd(tmp_path / "crowd1.txt", 1)
    write_crowd(tmp_path / "crowd2.txt", 2)
    (tmp_path / "one.toml").write_text(SCENE + '[time]\nkind = "finite"\n')
    return tmp_path


def test_windows_become_walks_of_whole_decisions(folder):
    job = read_job(read_spec(folder / "one.toml"))
    train, held_out = job.demonstrations.train, job.demonstrations.held_out
    assert len(train) + len(held_out) == 2 * 8 * (12 - 7 + 1)
    assert set(train.lengths) == {2}
    whose = [{name.partition(" from")[0] for name in walks.names} for walks in (train, held_out)]
    assert not whose[0] & whose[1]
    assert len(whose[1]) == 4
    position = job.scene.world.geometry.position
    first = np.loadtxt(folder / "crowd1.txt")
    walk = train.names.index(next(name for name in train.names if name.startswith("crowd1: ")))
    person, frame = train.names[walk].removeprefix("crowd1: ").split(" from frame ")
    rows = first[(first[:, 1] == float(person)) & (first[:, 0] >= float(frame))]
    recorded = rows[[2, 4, 6], 2:]  # the last one observed, then each second one
    assert np.abs(position[train.states_of(walk)] - recorded).max() < 0.75


def test_pixels_are_taken_to_metres(folder):
    plain = read_job(read_spec(folder / "one.toml")).demonstrations.train
    for seed in (1, 2):
        write_crowd(folder / f"crowd{seed}.txt", seed, unit=0.1)
    text = (folder / "one.toml").read_text().replace("observed = 3", 'observed = 3\nhomography = "H.txt"')
    (folder / "pixels.toml").write_text(text)
    again = read_job(read_spec(folder / "pixels.toml")).demonstrations.train
    assert (plain.states == again.states).mean() > 0.99  # rounding of the file


def test_trajnet_files_give_the_same_walks(folder):
    plain = read_job(read_spec(folder / "one.toml")).demonstrations
    for seed in (1, 2):
        rows = [line.split() for line in (folder / f"crowd{seed}.txt").read_text().splitlines()]
        tracks = [{"f": int(f), "p": int(p), "x": float(x), "y": float(y)} for f, p, x, y in rows]
        guesses = [{**track, "f": track["f"] + 10, "x": 9.0, "prediction_number": 0} for track in tracks]
        entries = [{"scene": {"id": 0, "p": 0, "s": 0, "e": 110, "fps": 2.5}}]
        entries += [{"track": track} for track in reversed(tracks + guesses)]
        (folder / f"crowd{seed}.ndjson").write_text("\n".join(map(json.dumps, entries)) + "\n")
    text = (folder / "one.toml").read_text()
    lines = folder / "lines.toml"
    lines.write_text(text.replace('files = "crowd*.txt"', 'files = "crowd*.ndjson"\nformat = "trajnet"'))
    again = read_job(read_spec(lines)).demonstrations
    for mine, theirs in ((plain.train, again.train), (plain.held_out, again.held_out)):
        assert mine.names == theirs.names
        assert np.array_equal(mine.states, theirs.states)
        assert np.array_equal(mine.actions, theirs.actions)
    (folder / "wrong.toml").write_text(text.replace("held_out = 0.25", 'held_out = 0.25\nformat = "trajnet"'))
    with pytest.raises(InvalidInput, match=r"crowd1.txt, line 1: expected '\{\"track\"") as caught:
        read_job(read_spec(folder / "wrong.toml"))
    assert len(caught.value.problems) <= 20


def test_fewer_windows_weigh_as_many_as_are_wanted(folder):
    text = (folder / "one.toml").read_text().replace("held_out = 0.25", "at_most = 20")
    (folder / "few.toml").write_text(text)
    walks = read_job(read_spec(folder / "few.toml")).demonstrations.train
    assert len(walks) == 20
    (folder / "more.toml").write_text(text.replace("at_most = 20", "at_most = 500"))
    walks = read_job(read_spec(folder / "more.toml")).demonstrations.train
    assert walks.weights.sum() == pytest.approx(500)
    assert len(walks) == 96


def test_rewards_are_of_changes_and_cells(folder):
    text = (folder / "one.toml").read_text() + '[reward]\nfeatures = ["blocked"]\npair_features = ["ch*", "speed"]\n'
    (folder / "chosen.toml").write_text(text)
    job = read_job(read_spec(folder / "chosen.toml"))
    assert isinstance(job.reward, MomentumReward)
    assert job.reward.names[-2:] == ("speed", "blocked")
    assert "change_log" in job.reward.names
    (folder / "chosen.toml").write_text(text.replace('"speed"', '"sped"'))
    with pytest.raises(InvalidInput, match="'sped' is no feature of this world; did you mean 'speed'"):
        read_job(read_spec(folder / "chosen.toml"))
    (folder / "chosen.toml").write_text(text + "constant = true\n")
    with pytest.raises(InvalidInput, match="constant and terminal"):
        read_job(read_spec(folder / "chosen.toml"))


def test_a_run_of_two_places_with_a_network(folder):
    (folder / "a.toml").write_text(SCENE.replace("crowd*", "crowd1"))
    (folder / "b.toml").write_text(SCENE.replace("crowd*", "crowd2").replace("reach = 2.0", "reach = 1.5"))
    spec = folder / "both.toml"
    spec.write_text(
        'scenes = ["a.toml", "b.toml"]\n[time]\nkind = "finite"\n[reward]\npair_features = ["change", "speed"]\n'
        'features = []\n[reward.network]\nkind = "convolutional"\nchannels = [2]\nkernels = [1]\n'
        "[fit.training]\nsteps = 3\nvalidation = 0.0\n"
    )
    run = fit_run(read_study(spec), spec, folder / "run")
    again = load_run(folder / "run")
    assert again.fit.names == ("change", "speed")
    assert again.parameters.tobytes() == run.parameters.tobytes()
    linear = folder / "linear.toml"
    linear.write_text(
        'scenes = ["a.toml", "b.toml"]\n[time]\nkind = "finite"\n[reward]\npair_features = ["change", "speed"]\nfeatures = []\n'
    )
    jobs = read_jobs(read_study(linear))
    found = fit([job.problem() for job in jobs.values()])
    assert found.coefficients["change"] < 0
    table = reward_table(jobs["a"].reward, found.parameters)
    assert table.pair.shape == (jobs["a"].scene.world.mdp.n_actions, jobs["a"].scene.world.mdp.n_states)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("future = 4", "future = 5", "no multiple of frames_per_decision"),
        ("reach = 2.0", "reach = 0.2", "shorter than a cell"),
        ('"H.txt"', '"none.txt"', "none.txt"),
        ("held_out = 0.25", "held_out = 1.0", "all 16 people are held out"),
        (
            'kind = "momentum"\nwalkable = "walkable.npy"\nhomography = "H.txt"\ncell_size = 0.5\nreach = 2.0\nchange = 0.7',
            'kind = "grid"\nlayers = "walkable.npy"',
            'is for [world] kind = "momentum"',
        ),
    ],
)
def test_crowds_that_cannot_be_read(folder, old, new, says):
    text = (folder / "one.toml").read_text()
    assert old in text
    (folder / "bad.toml").write_text(text.replace(old, new))
    with pytest.raises(InvalidInput) as caught:
        read_job(read_spec(folder / "bad.toml"))
    assert says in str(caught.value)
